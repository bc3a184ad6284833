using Ledger.Api;
using Ledger.Api.Resources;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger import --dry-run</c>: what an import would answer, every fault of every row by its line, field, value and
/// rule. Nothing is recorded and no evidence is kept; it works beside the process that owns the folder.
/// </summary>
internal static class ImportTrial
{
    /// <summary>A fault; of a row that breaks a rule of its concept,
    /// the field is not known and the rule says all.</summary>
    private sealed record Fault(string Part, string? Field, string? Value, Rejection Code, string Rule);

    private static readonly Column<Fault>[] Columns =
    [
        new("part", "line", fault => fault.Part), new("field", "field", fault => fault.Field),
        new("value", "value", fault => fault.Value), new("code", "code", fault => (int)fault.Code),
        new("name", "name", fault => fault.Code.ToString()), new("rule", "rule", fault => fault.Rule),
    ];

    public static async Task<int> RunAsync(
        CommandLine line, Shell shell, IReadOnlyList<Submission> files, IntakeHints hints, CancellationToken ct)
    {
        var (ledger, reports) = await JudgeAsync(line, shell, files, hints, ct).ConfigureAwait(false);
        var faults = reports.SelectMany(report => report.Parts).SelectMany(Faults).ToList();
        var noted = reports.SelectMany(FileAnswer.NotedOf).ToList();
        new Page().Field("ledger", "ledger", ledger.Value).Field("dryRun", "dry run", "nothing is recorded")
            .Table("files", "files", Listing.Of(files.Zip(reports),
                new("file", "file", row => row.First.Source), new("format", "format", row => row.Second.Format),
                new("accepted", "would be recorded", row => Count<RecordOutcome.Recorded>(row.Second)),
                new("alreadyThere", "already there", row => Count<RecordOutcome.AlreadyRecorded>(row.Second)),
                new("quarantined", "quarantined", row => Count<RecordOutcome.Quarantined>(row.Second)),
                new("refused", "refused", row =>
                    Count<RecordOutcome.Refused>(row.Second) + Count<RecordOutcome.Conflict>(row.Second))))
            .Table("faults", faults.Count == 0 ? null : "every fault, and the rule that it breaks",
                Listing.Of(faults, Columns))
            .Table("noted", noted.Count == 0 ? null : "would be recorded, and to be known", Listing.Of(noted,
                new("part", "line", part => part.Part), new("detail", "detail", part => part.Detail)))
            .Write(shell.Output, line.Json);
        return faults.Count == 0 ? ExitCode.Done : ExitCode.NotAsItShouldBe;

        static int Count<T>(IntakeReport report) where T : RecordOutcome => report.Outcomes.OfType<T>().Count();
    }

    private static async Task<(LedgerId Ledger, IReadOnlyList<IntakeReport> Reports)> JudgeAsync(
        CommandLine line, Shell shell, IReadOnlyList<Submission> files, IntakeHints hints, CancellationToken ct)
    {
        // A ledger that an import would make first is not made for a trial.
        if (line.Option<LedgerId>("--ledger", LedgerId.TryParse, "an identifier") is { } named
            && !File.Exists(Path.Combine(line.Data, LedgerIdentity.FileName)))
            return (named, await DryRun.JudgeAsync(named, null, files, hints, shell.Clock, ct).ConfigureAwait(false));
        await using var recorded = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var ledger = recorded.Journal.Ledger;
        return (ledger, await DryRun.JudgeAsync(
            ledger, (recorded.Journal, recorded.Answers(null), recorded.Evidence), files, hints, shell.Clock, ct)
            .ConfigureAwait(false));
    }

    private static IEnumerable<Fault> Faults(IntakePart part)
    {
        if (part.Faults is { } fields)
            return fields.Select(fault => new Fault(part.What, fault.Field, fault.Value, fault.Code, fault.Rule));
        var outcomes = part.Outcome is RecordOutcome.Several several ? several.Parts : [part.Outcome];
        return outcomes.Select(outcome => outcome switch
        {
            RecordOutcome.Refused refused => new Fault(part.What, null, null, refused.Code, refused.Detail),
            RecordOutcome.Quarantined held => new Fault(part.What, null, null, held.Code, held.Detail),
            RecordOutcome.Conflict second =>
                new Fault(part.What, null, null, Rejection.EvidenceConflict, second.Differs),
            _ => null,
        }).OfType<Fault>();
    }
}
