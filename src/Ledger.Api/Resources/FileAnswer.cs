using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Projections;

namespace Ledger.Api.Resources;

/// <summary>A part that does not count, or not yet, and the rule that it breaks.</summary>
public sealed record UncountedPart(
    string Part, [property: Choices(UncountedPart.RefusedStanding, "quarantined", UncountedPart.NotTakenStanding)] string Standing, int? Code, string? Name, string Detail)
{
    /// <summary>The standing of a part that was not taken, and may be sent again; and of one that broke a
    /// rule.</summary>
    public const string NotTakenStanding = "not taken", RefusedStanding = "refused";
}

/// <summary>A part that is recorded, and what whoever sent it ought to know all the same.</summary>
public sealed record NotedPart(string Part, string Detail);

/// <summary>
/// What became of a file, in the same words at every door: how many of its parts came to what, and those that do not
/// count one by one.
/// </summary>
/// <param name="Noted">Parts that are recorded and of which there is something to say.</param>
public sealed record FileAnswer(
    string Ledger, string Name, string? Format, int Recorded, int AlreadyThere, int Quarantined, int Refused, int Kept,
    IReadOnlyList<UncountedPart> Uncounted, IReadOnlyList<NotedPart> Noted)
{
    /// <summary>The header that says whom all of a file is about.</summary>
    public const string SubjectHeader = "Ledger-Subject";
    /// <summary>The header that says when the sender sent, by its own clock.</summary>
    public const string SentAtHeader = "Ledger-Sent-At";

    /// <summary>Hands a file to the ledger and says what became of it.</summary>
    public static async Task<FileAnswer> TakeAsync(
        OpenLedger ledger, Submission file, IntakeHints hints, Principal by, CancellationToken ct) =>
        (await ReportAsync(ledger, file, hints, by, ct).ConfigureAwait(false)).Answer;

    /// <summary>The same, and the report that it is made of.</summary>
    public static async Task<(FileAnswer Answer, IntakeReport Report)> ReportAsync(
        OpenLedger ledger, Submission file, IntakeHints hints, Principal by, CancellationToken ct)
    {
        var before = ledger.Journal.Length;
        var report = await ledger.Intake.TakeAsync(file, hints, by, ct).ConfigureAwait(false);
        await ledger.CatchUpAsync(ct).ConfigureAwait(false);
        var kept = new Answers(ledger.Views).Refusals(before).Where(row => row.Standing == "kept")
            .Select(row => row.Position);
        return (Of(ledger.Journal.Ledger, file.Source, report, kept.ToHashSet()), report);
    }

    private static FileAnswer Of(LedgerId ledger, string name, IntakeReport report, HashSet<long> keptAt)
    {
        var parts = report.Parts.SelectMany(part => part.Outcome is RecordOutcome.Several several
            ? several.Parts.Select((outcome, i) => (What: $"{part.What}, {i + 1}", Outcome: outcome))
            : [(part.What, part.Outcome)]).ToList();
        var recorded = parts.Select(part => part.Outcome).OfType<RecordOutcome.Recorded>().ToList();
        var kept = recorded.Count(outcome => keptAt.Contains(outcome.Position));
        var uncounted = parts.Select(part => PartOf(part.What, part.Outcome)).OfType<UncountedPart>().ToList();
        return new(ledger.Value, name, report.Format, recorded.Count - kept,
            parts.Count(part => part.Outcome is RecordOutcome.AlreadyRecorded),
            parts.Count(part => part.Outcome is RecordOutcome.Quarantined),
            uncounted.Count(part => part.Standing == UncountedPart.RefusedStanding), kept, uncounted, NotedOf(report));
    }

    /// <summary>The parts of which there is something to say, though they are recorded.</summary>
    public static IReadOnlyList<NotedPart> NotedOf(IntakeReport report) =>
        [.. report.Parts.Select(part => DetailOf(part.Outcome) is { } detail ? new NotedPart(part.What, detail) : null)
            .OfType<NotedPart>()];

    private static string? DetailOf(RecordOutcome outcome) => outcome switch
    {
        RecordOutcome.Recorded recorded => recorded.Detail,
        RecordOutcome.AlreadyRecorded before => before.Detail,
        _ => null,
    };

    private static UncountedPart? PartOf(string what, RecordOutcome outcome) => outcome switch
    {
        RecordOutcome.Refused refused =>
            new(what, UncountedPart.RefusedStanding, (int)refused.Code, $"{refused.Code}", refused.Detail),
        RecordOutcome.Conflict conflict => new(
            what, UncountedPart.RefusedStanding, (int)Rejection.EvidenceConflict, $"{Rejection.EvidenceConflict}", conflict.Differs),
        RecordOutcome.Quarantined held => new(what, "quarantined", (int)held.Code, $"{held.Code}", held.Detail),
        RecordOutcome.Unkept unkept =>
            new(what, UncountedPart.NotTakenStanding, (int?)unkept.Code, unkept.Code?.ToString(), unkept.Said),
        RecordOutcome.Busy => new(what, UncountedPart.NotTakenStanding, null, null, "the ledger is busy; send the file again"),
        _ => null,
    };
}
