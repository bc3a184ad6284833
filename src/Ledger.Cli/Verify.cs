using Ledger.Cli.Bundles;
using Ledger.Cli.Months;
using Ledger.Journal.Proof;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger verify</c>: hashes every byte of a data folder, an evidence bundle or a month's archive again,
/// derives everything anew from what it was derived from, and compares. It takes no lock and changes no byte.
/// What was not looked at is said, and never called verified; the last line is for programs.
/// </summary>
public static class Verify
{
    public static Verb Verb { get; } = new("verify", "[BUNDLE|ARCHIVE]",
        "hashes every byte of a ledger, of an evidence bundle or of a month's archive again, derives records, views and "
        + "statements anew, and says whether all is as it was recorded",
        "ledger verify --data /mnt/copy-of-the-ledger",
        [
            new("--since", "FILE", "a checkpoint that you kept: the ledger has to continue it"),
            new("--keys", "FILE",
                "the public keys that you trust, one a line; the ledger's or the bundle's own where it is not given"),
            new("--fast", null,
                "leaves out what takes longest: deriving interval records from raw evidence, and SQLite's own check"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 1) throw new UsageException($"verify takes no '{line.Words[1]}'");
        var isArchive = line.Words is [var folder] && File.Exists(Path.Combine(folder, MonthArchive.FileName));
        if (line.Words.Count == 1 && !isArchive && line.Option("--since") is not null)
            throw new UsageException("--since is for a whole ledger or a month's archive");
        var report = isArchive ? Archive(line.Words[0], line, shell, ct) : line.Words is [var bundle]
            ? await BundleAsync(bundle, line, shell, ct).ConfigureAwait(false)
            : await FolderAsync(line, shell, ct).ConfigureAwait(false);
        shell.EndProgress();
        return report.Write(line, shell);
    }

    private static async Task<VerificationReport> FolderAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (!Directory.Exists(line.Data)) throw new CouldNotException($"there is no folder {line.Data}");
        var verification = new LedgerVerification(line.Data, !line.Flag("--fast"), Keys(line), Kept(line), shell, ct);
        await verification.RunAsync().ConfigureAwait(false);
        return verification.Report;
    }

    /// <summary>The checkpoint that <c>--since</c> names, by the file's name; null where none is given.</summary>
    internal static (string Name, byte[] Note)? Kept(CommandLine line) =>
        line.Option("--since") is { } since ? (since, File.ReadAllBytes(since)) : null;

    /// <summary>The keys in the file that <c>--keys</c> names; null where none is given.</summary>
    internal static List<VerifierKey>? Keys(CommandLine line)
    {
        if (line.Option("--keys") is not { } file) return null;
        try
        {
            return [.. File.ReadLines(file).Where(text => text.Length > 0 && text[0] != '#').Select(VerifierKey.Parse)];
        }
        catch (NoteRefusedException refused)
        {
            throw new UsageException($"--keys {file}: {refused.Message}");
        }
    }

    /// <summary>With the secret of the ledger that <c>--data</c> names, where it is given.</summary>
    private static VerificationReport Archive(string path, CommandLine line, Shell shell, CancellationToken ct)
    {
        var ledger = line.Option("--data") is null ? null : DataFolder.OptionsOf(line, shell);
        var verification = new MonthVerification(path, ledger, Keys(line), Kept(line), !line.Flag("--fast"), shell, ct);
        verification.Run();
        return verification.Report(path);
    }

    private static async Task<VerificationReport> BundleAsync(string path, CommandLine line, Shell shell,
        CancellationToken ct)
    {
        if (Directory.Exists(path)) throw new UsageException($"{path} is a folder, which is named with --data");
        var zip = await File.ReadAllBytesAsync(path, ct).ConfigureAwait(false);
        var verification = new BundleVerification(zip, Keys(line), !line.Flag("--fast"), shell, ct);
        await verification.RunAsync().ConfigureAwait(false);
        return verification.Report(path);
    }
}
