using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Bad input by a table that can be read and checked by hand: each line gets its code and message, is kept as evidence
/// that the view of refusals lists, and changes no other row of any view.
/// </summary>
public sealed partial class BadInputTests
{
    private const string Table = "Scenarios/bad-input.txt";

    private const string Known = IntakeLedger.Connector + "\n" + """
        {"type":"register-reading","point":"CP1","direction":"import","readAt":"2026-02-01T00:00:00Z","kwh":"100"}
        {"type":"register-reading","point":"CP1","direction":"import","readAt":"2026-02-01T01:00:00Z","kwh":"150"}
        {"type":"register-reading","point":"CP1","direction":"export","readAt":"2026-02-01T00:00:00Z","kwh":"20"}
        {"type":"register-reading","point":"CP1","direction":"export","readAt":"2026-02-01T01:00:00Z","kwh":"25.5"}
        {"type":"instruction","instruction":"I1","kind":"export","issuedBy":"G","issuedAt":"2026-02-01T00:00:00Z","start":"2026-02-01T01:00:00Z","end":"2026-02-01T02:00:00Z","targets":[{"point":"CP1","kw":10}]}
        """;

    [Fact]
    public async Task Each_line_of_the_table_is_refused_kept_and_listed_and_changes_no_total()
    {
        await using var ledger = new IntakeLedger();
        foreach (var direction in Enum.GetValues<Direction>())
            ledger.Registers[("M1", direction)] = new RegisterId(new SettlementPointId("CP1"), direction);
        (await ledger.TakeAsync(Known)).Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
        var before = await RowsAsync(ledger);
        before.ShouldNotBeEmpty();
        var lines = File.ReadLines(Path.Combine(AppContext.BaseDirectory, Table))
            .Where(line => line.Length > 0 && line[0] != '#').ToList();
        lines.Count.ShouldBeGreaterThan(80);
        var wrong = new List<string>();
        foreach (var line in lines)
            try
            {
                await RefusedAsync(ledger, line);
            }
            catch (Exception e) when (e is ShouldAssertException or Xunit.Sdk.XunitException)
            {
                wrong.Add(e.Message);
            }
        wrong.ShouldBeEmpty();
        (await RowsAsync(ledger)).ShouldBe(before);
    }

    private static async Task RefusedAsync(IntakeLedger ledger, string line)
    {
        // A signed value has bars of its own.
        var first = line.IndexOf('|');
        var last = line.LastIndexOf('|');
        var middle = line.LastIndexOf('|', last - 1);
        var (input, code, message) = (line[(first + 1)..middle], Enum.Parse<Rejection>(line[(middle + 1)..last].Trim()),
            line[(last + 1)..].Trim());
        var position = (await ledger.FactsAsync()).Count;
        var report = await ledger.TakeAsync(Bytes(input), name: line[..first].Trim());
        report.Parts.ShouldNotBeEmpty(line);
        foreach (var outcome in report.Outcomes)
        {
            var (answered, detail) = outcome switch
            {
                RecordOutcome.Refused refused => (refused.Code, refused.Detail),
                RecordOutcome.Quarantined quarantined => (quarantined.Code, quarantined.Detail),
                _ => throw new Xunit.Sdk.XunitException($"{line}: {outcome}"),
            };
            answered.ShouldBe(code, $"{line}: {detail}");
            if (outcome == report.Outcomes.First()) detail.ShouldContain(message, Case.Sensitive, line);
        }
        await ledger.Ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        foreach (var listed in Listed(ledger, position)) ((int?)listed["code"]).ShouldBe((int)code, line);
        Listed(ledger, position).ShouldNotBeEmpty(line);
        var evidence = (string?)Listed(ledger, position)[0]["evidence"];
        if (evidence is not null) ledger.Ledger.Evidence.Get(new EvidenceDigest(evidence)).ShouldNotBeNull(line);
    }

    private static List<JsonNode> Listed(IntakeLedger ledger, int fromPosition) =>
        [.. ledger.Ledger.Views.Versions("Refusals").Where(row => row.FromPosition >= fromPosition
                && row.Key.StartsWith("evidence|", StringComparison.Ordinal))
            .Select(row => JsonNode.Parse(row.Json)!)];

    /// <summary>Every row of every view but that of refusals.</summary>
    private static async Task<List<string>> RowsAsync(IntakeLedger ledger)
    {
        await ledger.Ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        return [.. StandardProjections.All.Where(projection => projection.Name != "Refusals")
            .SelectMany(projection => ledger.Ledger.Views.Versions(projection.Name)).Select(row => $"{row}")];
    }

    private static byte[] Bytes(string input)
    {
        if (input.StartsWith("zip:", StringComparison.Ordinal)) return IntakeTests.Zip(("inside", Bytes(input[4..])));
        var bytes = new List<byte>();
        var text = Repetition().Replace(input, match => string.Concat(
            Enumerable.Repeat(match.Groups[1].Value, int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture))));
        for (var at = 0; at < text.Length; at++)
        {
            var escaped = text[at] == '\\' && at + 1 < text.Length ? text[at + 1] : ' ';
            if (escaped == 'n') { bytes.Add((byte)'\n'); at++; }
            else if (escaped == 'x') { bytes.Add(Convert.FromHexString(text.AsSpan(at + 2, 2))[0]); at += 3; }
            else bytes.AddRange(Encoding.UTF8.GetBytes(text, at, 1));
        }
        return [.. bytes];
    }

    [GeneratedRegex(@"<([^<>]+?)\*(\d+)>")]
    private static partial Regex Repetition();
}
