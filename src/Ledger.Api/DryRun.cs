using System.Security.Cryptography;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using NodaTime;

namespace Ledger.Api;

/// <summary>
/// What an import would answer, without it: the files pass the same door, the same pipeline and the same decisions over
/// a <see cref="TrialJournal"/>, each row seeing what the rows before it would have recorded. The ledger is open for
/// reading only, and what the trial keeps lies in a folder that is removed. Power curves are not judged so, because
/// they are integrated with the evidence of earlier ones; they are kept there, for what comes behind and shows them.
/// </summary>
public static class DryRun
{
    /// <param name="recorded">The ledger's journal, views and evidence, open for reading;
    /// null for one that does not exist yet.</param>
    public static async Task<IReadOnlyList<IntakeReport>> JudgeAsync(
        LedgerId ledger, (IJournal Journal, Answers Answers, EvidenceArchive Evidence)? recorded,
        IReadOnlyList<Submission> files, IntakeHints hints, IClock clock, CancellationToken ct)
    {
        var folder = Directory.CreateTempSubdirectory("ledger-dry-run-");
        try
        {
            using var evidence = EvidenceArchive.Open(folder.FullName, RandomNumberGenerator.GetBytes(32));
            var recorder = new Recorder(new TrialJournal(ledger, recorded?.Journal, clock), evidence, clock,
                beside: recorded?.Evidence);
            await using var services = new ServiceCollection()
                .AddCommandPipeline(recorder, clock, Routes(evidence)).BuildServiceProvider();
            var meters = recorded is { Answers: var answers } ? RegisterDirectory.Read(answers) : InstalledMeters.None;
            var intake = new Intake(services.GetRequiredService<IMediator>(), recorder,
                _ => ValueTask.FromResult(meters));
            var reports = new List<IntakeReport>();
            var by = OpenLedger.Operator(ledger, "dry run");
            foreach (var file in files) reports.Add(await intake.TakeAsync(file, hints, by, ct).ConfigureAwait(false));
            return reports;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static CommandRoutes Routes(EvidenceArchive trial) => StandardRoutes.Create()
        .Add<CurveBatch>(Scopes.CurvesWrite, (_, command, _, _) =>
        {
            trial.Put(command.Raw);
            return NotJudged("a dry run does not judge power curves; import them");
        })
        .Add<FreezeBaseline>(Scopes.DispatchWrite, (_, _, _, _) =>
            NotJudged("a dry run freezes no baseline; import it"))
        .Add<SubjectToErase>(Scopes.SubjectsWrite, (_, _, _, _) => NotJudged(NoSubject))
        .Add<SubjectToHold>(Scopes.SubjectsWrite, (_, _, _, _) => NotJudged(NoSubject))
        .Add<EvidenceToDisclose>(Scopes.EvidenceDisclose, (_, _, _, _) => NotJudged(NoSubject))
        .Add<FramesToDrop>(Scopes.RetentionWrite, (_, _, _, _) =>
            NotJudged("a dry run of an import looks at no frames: ledger drop frames --dry-run"));

    private const string NoSubject = "a dry run has no keys of subjects, so it judges nothing about one; import it";

    private static Task<RecordOutcome> NotJudged(string why) =>
        Task.FromResult<RecordOutcome>(new RecordOutcome.Refused(Rejection.UnknownFormat, why));
}
