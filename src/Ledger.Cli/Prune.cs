using System.Text;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Cli.Months;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Journal.Pipeline;
using Ledger.Journal.Proof;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger prune YYYY-MM</c>: removes the raw evidence of a month that is over, finally settled, and in a verified
/// archive. Facts stay, and with them amounts, views and every proof. Nobody else may own the folder meanwhile.
/// </summary>
public static class Prune
{
    public static Verb Verb { get; } = new("prune", "YYYY-MM",
        "removes the raw evidence of a month that is in a verified archive; facts, amounts and proofs stay",
        "ledger prune 2026-05 --archive ./archive-2026-05 --retention RP-7",
        [
            new("--archive", "DIR", "the month's archive, as 'ledger export month' wrote it; it is verified first"),
            new("--retention", "ID", "the number of the policy by which it is; it stays in the journal"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words is not [var text]) throw new UsageException("prune needs one YYYY-MM");
        var month = CommandLine.Read<YearMonth>(text, ExportMonth.TryMonth, "the month is like 2026-06");
        var directory = line.Required("--archive");
        var retention = line.Required<RetentionId>("--retention", RetentionId.TryParse, "an identifier");
        var options = DataFolder.OptionsOf(line, shell);
        await using var ledger = DataFolder.Open(options, shell);
        var before = SegmentBytes(options.Directory);
        var (archive, fault) = await VerifyAsync(directory, options, ledger, shell, ct).ConfigureAwait(false);
        shell.Progress("looking for what no other month needs");
        var asked = new PruneMonth(month, retention, archive, fault);
        var outcome = await ledger.Commands.Send(new Command<MonthToPrune>(
            new(asked, archive is null ? new HashSet<EvidenceDigest>() : Archived(directory, options)),
            new Submission(Encoding.UTF8.GetBytes(Text(asked).ToJsonString()), "ledger prune"), ledger.Operator("cli"),
            new IdempotencyKey($" prune {text}")), ct).ConfigureAwait(false);
        await ledger.CatchUpAsync(ct).ConfigureAwait(false);
        shell.EndProgress();
        if (outcome is RecordOutcome.Refused refused)
        {
            shell.Errors.WriteLine($"ledger prune: {refused.Code} ({(int)refused.Code}): {refused.Detail}");
            return ExitCode.NotAsItShouldBe;
        }
        if (!outcome.IsDurable)
            throw new CouldNotException("the ledger is busy; nothing was recorded, try again");
        await WriteAsync(line, shell, ledger, month, outcome, before - SegmentBytes(options.Directory), ct)
            .ConfigureAwait(false);
        return ExitCode.Done;
    }

    /// <summary>By the ledger's own keys, and with all that its secret opens. What was read is then brought to the
    /// disk: it may be in memory alone, and nothing else will have it.</summary>
    private static async Task<(ArchivedMonth? Archive, string? Fault)> VerifyAsync(
        string directory, LedgerOptions options, OpenLedger ledger, Shell shell, CancellationToken ct)
    {
        if (!File.Exists(Path.Combine(directory, MonthArchive.FileName)))
            return (null, $"{directory} is no month's archive");
        var keys = await LogKeys.ReadAsync(ledger.Journal, ct).ConfigureAwait(false);
        var verification = new MonthVerification(directory, options, keys, null, isThorough: true, shell, ct);
        verification.Run();
        if (verification.Verified is not null) BackupManifest.Sync(directory);
        return verification.Verified is { } archive ? (archive, null)
            : (null, verification.Findings.Faults is [var first, ..] ? $"{first}" : "its evidence was not looked at");
    }

    private static IReadOnlySet<EvidenceDigest> Archived(string directory, LedgerOptions options)
    {
        using var evidence = EvidenceArchive.OpenForReading(directory, options.Secret);
        return evidence.Kept;
    }

    private static long SegmentBytes(string data) =>
        Directory.EnumerateFiles(Path.Combine(data, EvidenceArchive.FolderName)).Sum(path => new FileInfo(path).Length);

    private static JsonObject Text(PruneMonth asked) => new()
    {
        ["month"] = YearMonthPattern.Iso.Format(asked.Month),
        ["retention"] = asked.Retention.Value,
        ["sums"] = asked.Archive?.Sums.Hex,
    };

    private static async Task WriteAsync(CommandLine line, Shell shell, OpenLedger ledger, YearMonth month,
        RecordOutcome outcome, long bytes, CancellationToken ct)
    {
        await foreach (var recorded in ledger.Journal.ReadStreamAsync(Streams.Pruning, 0, ct).ConfigureAwait(false))
        {
            if (EventCodec.Decode(recorded) is not MonthPruned fact || fact.Month != month) continue;
            new Page().Field("prune", "the month is", outcome is RecordOutcome.Recorded ? "pruned" : "already pruned")
                .Field("month", "month (UTC)", YearMonthPattern.Iso.Format(month))
                .Field("retention", "by retention policy", fact.Retention.Value)
                .Field("position", "the fact is at position", recorded.Position)
                .Field("pieces", "pieces of evidence", fact.Evidence is { } manifest
                    ? EvidenceManifestCount(ledger, manifest) : 0)
                .Field("bytes", "bytes given back", bytes).Field("sums", "the archive's SHA-256", fact.Sums.Hex)
                .Note("Keep the archive: nothing else has this evidence. Backups made before still have it too.")
                .Write(shell.Output, line.Json);
        }
    }

    private static int EvidenceManifestCount(OpenLedger ledger, EvidenceDigest manifest) =>
        Ingest.EvidenceManifest.Listed(manifest, ledger.Evidence.Get(manifest)!).Count();
}
