using Ledger.Cli.Bundles;
using Ledger.Cli.Listings;
using Ledger.Cli.Months;
using Ledger.Domain;
using Ledger.Journal.Proof;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger bundle</c>: one zip with all that an auditor needs to check a settlement run, and nothing of anybody else.
/// It works beside the process that owns the folder.
/// </summary>
public static class Bundle
{
    public static Verb Verb { get; } = new("bundle", "",
        "writes a settlement run with its events, their proofs and their evidence as one zip, to be checked anywhere",
        "ledger bundle --statement R1 --out r1.zip",
        [
            new("--statement", "RUN", "which settlement run; 'ledger show settlement' lists them"),
            new("--out", "FILE", "where the zip goes"),
            .. RecordedRun.Options,
            PrunedEvidence.ArchiveOption,
            .. Disclosing.Options,
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 0) throw new UsageException($"bundle takes no '{line.Words[0]}'");
        var (name, path) = (line.Required("--statement"), line.Required("--out"));
        var (run, files, personal) = await GatherAsync(line, shell, name, ct).ConfigureAwait(false);
        var zip = await BundleZip.HandOutAsync(path, files, line, shell, $"bundle {name}", personal, ct)
            .ConfigureAwait(false);
        var checkpoint = Checkpoint.Parse(SignedNote.Parse(files[BundleFiles.Checkpoint]).Text);
        var signers = BundleKeys.Read(files[BundleFiles.Keys]);
        new Page().Field("out", "written to", path).Field("run", "settlement run", run.Run)
            .Field("account", "account", run.Account).Field("day", "day", run.Day)
            .Field("events", "events",
                files.Keys.Count(file => file.StartsWith(BundleFiles.EventsFolder, StringComparison.Ordinal)))
            .Field("evidence", "pieces of evidence",
                files.Keys.Count(file => file.StartsWith(BundleFiles.EvidenceFolder, StringComparison.Ordinal)))
            .Field("bytes", "bytes", zip.Length).Field("sha256", "SHA-256", BundleFiles.Digest(zip))
            .Field("size", "checkpoint of so many events", checkpoint.Size)
            .Field("root", "with the root", Convert.ToHexStringLower(checkpoint.Root))
            .Field("key", "signed by", $"{signers.First(key => key.Algorithm == NoteAlgorithm.Ed25519)}")
            .Field("witnesses", "witnesses that vouch",
                signers.Count(key => key.Algorithm == NoteAlgorithm.Cosignature))
            .Write(shell.Output, line.Json);
        return ExitCode.Done;
    }

    /// <summary>The ledger is closed again before the reading is recorded in it.</summary>
    private static async Task<(TimeOfUseSettlement.RunRow Run, SortedDictionary<string, byte[]> Files,
        IReadOnlyList<EvidenceDigest> Personal)> GatherAsync(
        CommandLine line, Shell shell, string name, CancellationToken ct)
    {
        var options = DataFolder.OptionsOf(line, shell);
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var run = RecordedRun.Find(line, ledger.Answers(null).Runs(), name);
        var bundle = new StatementBundle(ledger, options.Log, ct);
        var files = await PrunedEvidence.ReadAsync(ledger.Journal, () => bundle.OfAsync(run), ct).ConfigureAwait(false);
        return (run, files, bundle.Personal);
    }
}
