using Ledger.Cli.Bundles;
using Ledger.Cli.Months;
using Ledger.Cli.Witnessing;
using Ledger.Journal.Proof;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger verify</c>: hashes every byte of a data folder, an evidence bundle, an event with its proof, a month's
/// archive or a published log again, derives everything anew from what it was derived from, and compares. It takes no
/// lock and changes no byte.
/// What was not looked at is said, and never called verified; the last line is for programs.
/// </summary>
public static class Verify
{
    public static Verb Verb { get; } = new("verify", "[BUNDLE|PROOF|ARCHIVE|URL]",
        "hashes every byte of a ledger, an evidence bundle, an event with its proof, a month's archive or what a URL "
        + "publishes again, derives records, views and statements anew, and says whether all is as it was recorded",
        "ledger verify --data /mnt/copy-of-the-ledger",
        [
            new("--since", "FILE", "a checkpoint that you kept: the ledger has to continue it"),
            new("--keys", "FILE", "the public keys that you trust, one a line, of the log and of witnesses; the "
                + "ledger's or the bundle's own where it is not given"),
            TrustedKeys.PolicyOption,
            PrunedEvidence.ArchiveOption,
            new("--fast", null,
                "leaves out what takes longest: deriving interval records from raw evidence, and SQLite's own check"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 1) throw new UsageException($"verify takes no '{line.Words[1]}'");
        var isArchive = line.Words is [var folder] && File.Exists(Path.Combine(folder, MonthArchive.FileName));
        var url = line.Words is [var word] ? PublishedLog.Address(word) : null;
        if (line.Words.Count == 1 && url is null && !isArchive && line.Option("--since") is not null)
            throw new UsageException("--since is for a whole ledger, a month's archive or a URL");
        if (line.Words.Count == 1 && line.Each("--archive").Count > 0)
            throw new UsageException("--archive is for a whole ledger, whose pruned evidence it has");
        var trusted = TrustedKeys.Of(line);
        var report = url is not null ? await PublishedAsync(url, line, trusted.Keys, shell, ct).ConfigureAwait(false)
            : isArchive ? Archive(line.Words[0], line, trusted.Keys, shell, ct)
            : line.Words is [var bundle]
                ? await FileAsync(bundle, line, trusted.Keys, shell, ct).ConfigureAwait(false)
                : await FolderAsync(line, trusted.Keys, shell, ct).ConfigureAwait(false);
        trusted.Require(report.Signers, report.Findings);
        shell.EndProgress();
        return report.Write(line, shell);
    }

    /// <summary>The checkpoint that <c>--since</c> names, by the file's name; null where none is given.</summary>
    internal static (string Name, byte[] Note)? Kept(CommandLine line) =>
        line.Option("--since") is { } since ? (since, File.ReadAllBytes(since)) : null;

    private static async Task<VerificationReport> FolderAsync(CommandLine line, IReadOnlyList<VerifierKey>? trusted,
        Shell shell, CancellationToken ct)
    {
        if (!Directory.Exists(line.Data)) throw new CouldNotException($"there is no folder {line.Data}");
        var verification =
            new LedgerVerification(line.Data, !line.Flag("--fast"), trusted, Kept(line), shell, ct)
            {
                Archives = line.Each("--archive"),
                Store = StoreSettings.StoreOf(line),
            };
        await verification.RunAsync().ConfigureAwait(false);
        return verification.Report;
    }

    private static async Task<VerificationReport> PublishedAsync(Uri url, CommandLine line,
        IReadOnlyList<VerifierKey>? trusted, Shell shell, CancellationToken ct)
    {
        using var log = new PublishedLog(url, ct);
        var verification = new PublishedVerification(log, trusted, Kept(line), shell, ct);
        await verification.RunAsync().ConfigureAwait(false);
        return verification.Report;
    }

    /// <summary>With the secret of the ledger that <c>--data</c> names, where it is given.</summary>
    private static VerificationReport Archive(string path, CommandLine line, IReadOnlyList<VerifierKey>? trusted,
        Shell shell, CancellationToken ct)
    {
        var ledger = line.Option("--data") is null ? null : DataFolder.OptionsOf(line, shell);
        var verification = new MonthVerification(path, ledger, trusted, Kept(line), !line.Flag("--fast"), shell, ct);
        verification.Run();
        return verification.Report(path);
    }

    /// <summary>A bundle, or an event with its proof.</summary>
    private static async Task<VerificationReport> FileAsync(string path, CommandLine line,
        IReadOnlyList<VerifierKey>? trusted, Shell shell, CancellationToken ct)
    {
        if (Directory.Exists(path)) throw new UsageException($"{path} is a folder, which is named with --data");
        if (!File.Exists(path)) throw new CouldNotException($"there is no file {path}");
        var file = await File.ReadAllBytesAsync(path, ct).ConfigureAwait(false);
        if (ProofVerification.IsProof(file))
        {
            var proof = new ProofVerification(file, trusted ?? throw new CouldNotException(
                $"{path} is one event with its proof, and brings no key: name those that you trust with --keys FILE"));
            proof.Run();
            return proof.Report(path);
        }
        var verification = new BundleVerification(file, trusted, !line.Flag("--fast"), shell, ct);
        await verification.RunAsync().ConfigureAwait(false);
        return verification.Report(path);
    }
}
