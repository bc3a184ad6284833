using System.Globalization;
using System.Text.RegularExpressions;
using Ledger.Domain;
using NodaTime;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

/// <summary>Verdicts with their bounds and every reason, by a table that says what was recorded in words.</summary>
public sealed partial class ComplianceReasonTests
{
    private static readonly Instant Start = Instant.FromUtc(2026, 7, 1, 10, 0);
    private static readonly SettlementPointId Point = new("C1");
    private static readonly InstructionId Id = new("I1");

    public static IEnumerable<TheoryDataRow<string, int, string>> AllLines() => Lines("compliance-reasons.txt");

    [Theory, MemberData(nameof(AllLines))]
    public void Each_line_is_answered_as_it_says(string table, int number, string line)
    {
        var cells = Cells(line);
        Answer(cells, reversed: false).ShouldBe($"{cells[3]} | {cells[4]}", $"{table}:{number}");
        Answer(cells, reversed: true).ShouldBe($"{cells[3]} | {cells[4]}", $"{table}:{number}, in the other order");
    }

    private static string Answer(string[] cells, bool reversed)
    {
        var order = cells[0].Split(' ');
        var said = Things(cells[2]);
        List<T> Of<T>(IEnumerable<T> facts) => reversed ? [.. facts.Reverse()] : [.. facts];
        var evidence = new CallEvidence(
            Of(Between(said.Where(words => Names<InstructionClock>(words[0])).Select(Clock))),
            Of(Between(Things(cells[1]).Select(words => Record(order[0] == "Export", words)))),
            Of(said.Where(words => words[0].LastIndexOf('-') > 0 && words.Length == 3).Select(Fact)),
            Of(said.Where(words => words.Length == 3 && words[1] == "by")
                .Select(words =>
                    new ReasonClaimed(Id, Point, Enum.Parse<ShortfallReason>(words[0], true), new(words[2])))))
        {
            States = Of(said.Where(words => words.Length > 1 && words[1] is "free" or "connected").Select(State)),
            Rated = said.Where(words => words[0] == "rated").ToDictionary(_ => Point, words => Kilowatts(words[1])),
        };
        var target = Compliance.Judge(Order(order), Word(order, "withdrawn") is { } at
            ? Second(at) : null, evidence).Targets[0];
        var bounds = $"{Kwh(target.Bounds.Lower)}-{Kwh(target.Bounds.Upper)}";
        var reasons = string.Join("; ", target.Reasons.Select(Seconds));
        return $"{target.Verdict} {Kwh(target.Excess + target.Deficiency)} {bounds} {target.EligiblePower.Kilowatts} | {reasons}";
    }

    /// <summary>What another point does is not this one's: each kind of fact is given for a second point too.</summary>
    private static IEnumerable<T> Between<T>(IEnumerable<T> facts)
        where T : LedgerEvent => facts.SelectMany(fact => fact switch
    {
        InstructionClockRecorded clock => new[] { fact, (T)(LedgerEvent)(clock with { Point = new("C2") }) },
        IntervalRecorded record =>
            [fact, (T)(LedgerEvent)(record with { Point = new("C2"), Import = record.Import * 9 })],
        _ => [fact],
    });

    private static DispatchInstructed Order(string[] words) => new(
        Id, Enum.Parse<InstructionKind>(words[0]), new("grid"), Second("-300"), new(Second("0"), Second("1800")),
        [new(Point, Power.FromKilowatts(100))], Power.FromKilowatts(4),
        Word(words, "ramp") is { } seconds ? 1000 * Number(seconds) : 0, 1m, 2m, null, null);

    private static IntervalRecorded Record(bool export, string[] words)
    {
        var period = Span(words[0]);
        var energy = new Energy((Int128)(decimal.Parse(words[1], CultureInfo.InvariantCulture) * 1_000_000_000m)
            * 7_200_000);
        var back = Energy.FromWattHours(Word(words, "back") is { } kwh ? 1000 * Number(kwh) : 0);
        Power Extreme(string name) => Word(words, name) is { } kw ? Kilowatts(kw) : Power.Zero;
        var quality = words.Select(word => word.Split(':')).FirstOrDefault(word => Names<ReadingQuality>(word[0]));
        return new(
            Point, period, Word(words, "v") is { } version ? (int)Number(version) : 1,
            words.Contains("superseded") ? IntervalRecordState.Superseded : IntervalRecordState.Final,
            export ? back : energy, export ? energy : back, Extreme("min"), Extreme("max"), 0, 0,
            Word(words, "gap") is { } gap ? [new(Span(gap))] : [], 900, 0, 0, 0,
            Word(words, "clock") is { } offset
                ? (long)(1_000_000m * decimal.Parse(offset, CultureInfo.InvariantCulture)) : 0,
            quality is null ? ReadingQuality.Measured : Enum.Parse<ReadingQuality>(quality[0], true),
            quality is [_, var reason] ? reason : null, new(new string('a', 64)));
    }

    private static ChargingFactRecorded Fact(string[] words) => new(
        Point, Span(words[0]), Enum.Parse<ShortfallReason>(words[1], true), words[2], null);

    private static InstructionClockRecorded Clock(string[] words) => new(
        Id, Point, Enum.Parse<InstructionClock>(words[0], true), Second(words[1]), words[2]);

    private static ChargingStateRecorded State(string[] words) => new(
        Point, Second(words[0]), words[1] == "connected", Word(words, "charge") is { } charge
            ? (int)Number(charge) : null,
        null, Word(words, "limit") is { } limit ? Kilowatts(limit) : null, null, "car");

    /// <summary>A name, and not a number, which would also be read as an enum's.</summary>
    private static bool Names<TEnum>(string word) where TEnum : struct, Enum =>
        char.IsLetter(word[0]) && Enum.TryParse<TEnum>(word, true, out _);

    private static List<string[]> Things(string cell) =>
        cell == "-" ? [] : [.. cell.Split("; ").Select(thing => thing.Split(' ')).Where(words => words[0] != "-")];

    private static string? Word(string[] words, string name) => words.Skip(1)
        .FirstOrDefault(word => word.StartsWith(name, StringComparison.Ordinal)
            && (char.IsDigit(word[^1]) && !word.Contains(':')))?[name.Length..];

    private static Instant Second(string text) => Start + Duration.FromSeconds(Number(text));

    private static Interval Span(string text)
    {
        var dash = text.IndexOf('-', 1);
        return new(Second(text[..dash]), Second(text[(dash + 1)..]));
    }

    private static string Kwh(Energy energy) => energy.ToKwh(6).TrimEnd('0').TrimEnd('.');

    /// <summary>Instants as seconds of the call, as the table has them.</summary>
    private static string Seconds(string reason) => Instants().Replace(reason, found =>
        $"{(NodaTime.Text.InstantPattern.ExtendedIso.Parse(found.Value).Value - Start).TotalSeconds}");

    [GeneratedRegex(@"\d{4}-\d\d-\d\dT[\d:.]+Z")]
    private static partial Regex Instants();
}
