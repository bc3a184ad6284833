using System.Globalization;
using System.Text;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using Ledger.Projections;

namespace Ledger.Cli.Bundles;

/// <summary>
/// The statement of a bundle, calculated again from the bundle's events by the rules of every settlement run, and
/// compared with the run that was recorded and with the statement's files.
/// </summary>
internal sealed class BundleStatement(
    IReadOnlyDictionary<string, byte[]> files, BundleEvents events, string run, Findings findings, CancellationToken ct)
{
    /// <summary>The statement that was compared; null where nothing could be calculated.</summary>
    public async Task<Statement?> VerifyAsync(LedgerId ledger, long length)
    {
        var runs = events.All.Where(known => known.Fact is SettlementRunCompleted).ToList();
        if (runs is not [({ } recorded, SettlementRunCompleted completed)] || completed.Run.Value != run)
        {
            findings.Add(BundleFiles.EventsFolder, $"{runs.Count} settlement runs"
                + string.Concat(runs.Select(known => $", {((SettlementRunCompleted)known.Fact).Run}")),
                $"the run {run} alone");
            return null;
        }
        var place = BundleFiles.Event(recorded.Position);
        foreach (var (found, expected) in Settlement.NeverRecorded(completed, recorded.Position))
            findings.Add(place, found, expected);
        if (completed.AtPosition > recorded.Position) return null;
        try
        {
            return await DeriveAsync(ledger, length, place, completed).ConfigureAwait(false);
        }
        catch (Exception wrong) when (RunVerification.IsOfFacts(wrong))
        {
            findings.Add(place, $"a run that cannot be calculated: {wrong.Message}",
                "facts of which a statement can be made");
            return null;
        }
    }

    private async Task<Statement?> DeriveAsync(
        LedgerId ledger, long length, string place, SettlementRunCompleted completed)
    {
        var journal = events.Journal(ledger, length);
        var views = await Projections.Replay.RecomputeAsync(journal, Views(events),
            (name, version, payload) => EventCodec.Decode(name, version, payload), null, ct).ConfigureAwait(false);
        var row = new Answers(views).Runs().Single();
        var traced = new TracedJournal(journal, completed.AtPosition);
        var again = await Settlements.RederiveAsync(traced, views, row, ct).ConfigureAwait(false);
        if (again.Differs is { } differs) findings.Add(place, differs, "the statement of the run that was recorded");
        if (again.Statement is not { } statement) return null;
        foreach (var fault in await RunVerification.ChargeFaultsAsync(journal, views, row, statement, ct)
            .ConfigureAwait(false)) findings.Add(place, fault, "what it follows from");
        foreach (var position in events.All.Where(known => known.Fact is not SubjectErased)
            .Select(known => known.Recorded.Position)
            .Except(traced.Given.Select(given => given.Position)).Where(position => position != row.RecordedPosition))
            findings.Add(BundleFiles.Event(position), "an event on which the statement does not rest",
                "only the events that it rests on");
        foreach (var (name, content) in StatementFiles.Of(row, statement)) CompareFile(name, content);
        foreach (var leftOut in RunVerification.OtherTimeZones([completed.TzdbVersion])) findings.LeaveOut(leftOut);
        if (completed.RuleVersion != Settlement.NewestRuleVersion)
            findings.LeaveOut($"whether {completed.RuleVersion} were the rules of {run}, and no later ones, by which other "
                + "facts may count that are not here");
        if (completed.Supersedes is { } superseded)
            findings.LeaveOut($"whether {superseded}, which {run} supersedes, is an earlier run of its day: it is not here");
        return statement;
    }

    /// <summary>What a calculation asks which facts to look at; which calls and enrolments, only where a programme is
    /// among them.</summary>
    private static IReadOnlyList<IProjection> Views(BundleEvents events) =>
        events.All.Any(known => known.Fact is ProgrammePublished)
            ? [new MasterData(), new TimeOfUseSettlement(), new CurtailmentCompliance(), new ProgrammesView()]
            : [new MasterData(), new TimeOfUseSettlement()];

    /// <summary>Names the first line of a statement's file that is not the one of the statement.</summary>
    private void CompareFile(string name, byte[] expected)
    {
        if (!files.TryGetValue(name, out var found) || found.AsSpan().SequenceEqual(expected)) return;
        var (actual, should) = (Encoding.UTF8.GetString(found).Split('\n'),
            Encoding.UTF8.GetString(expected).Split('\n'));
        var line = 0;
        while (line < actual.Length && line < should.Length && actual[line] == should[line]) line++;
        findings.Add(string.Create(CultureInfo.InvariantCulture, $"{name}, line {line + 1}"),
            actual.ElementAtOrDefault(line)?.Trim() ?? "no such line", should.ElementAtOrDefault(line)?.Trim()
                ?? "no such line");
    }
}
