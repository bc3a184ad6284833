using System.Globalization;
using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Copies;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger backup DIR</c>: the whole ledger as of one moment in a folder of its own, beside the process that owns it.
/// The copy is verified before the folder gets its name, so a folder of that name is a whole backup.
/// </summary>
public static class Backup
{
    /// <summary>A copy that is not one moment, because a key was handed over meanwhile say, is made once
    /// more.</summary>
    private const int AttemptsMax = 2;

    /// <summary>What has to be said wherever a backup comes to lie.</summary>
    internal const string KeepItLike = "It holds the ledger's secret and its signing key. Whoever reads it can read all "
        + "evidence and sign in the ledger's name: keep it like the ledger itself, and encrypt it where it leaves "
        + "this machine.";

    public static Verb Verb { get; } = new("backup", "DIR",
        "copies the whole ledger as of one moment, beside the process that owns it, and verifies the copy; its secret "
        + "and its signing key are part of it",
        "ledger backup /mnt/backups/2026-06-02 --data ./ledger-data", [], RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words is not [var named]) throw new UsageException("backup needs one DIR");
        var options = DataFolder.OptionsOf(line, shell);
        StoreMark.Check(options);
        if (!options.IsInOneFolder)
            throw new CouldNotException($"backup copies one folder, and the journal of this ledger is in "
                + $"{options.Store.Name}: the server's own backup copies that; or take all of it into a folder of its own "
                + "with: ledger copy --to sqlite:DIR");
        var directory = NewFolder.Checked(named, line.Data);
        var unfinished = NewFolder.Unfinished(directory);
        try
        {
            var (copy, report) = await CopyAsync(options.Embedded!, line, shell, unfinished, ct).ConfigureAwait(false);
            shell.EndProgress();
            if (!report.IsVerified)
            {
                var exit = report.Write(line, shell);
                shell.Errors.WriteLine($"ledger backup: no backup was written: the copy of {line.Data} is not verified");
                return exit;
            }
            var manifest = BackupManifest.Of(unfinished, options.Ledger.Value, copy);
            manifest.Write(unfinished);
            NewFolder.Place(unfinished, directory);
            PageOf(directory, options.Ledger, manifest, report).Write(shell.Output, line.Json);
            return ExitCode.Done;
        }
        finally
        {
            NewFolder.Remove(unfinished);
        }
    }

    private static async Task<(LedgerCopy Copy, VerificationReport Report)> CopyAsync(SqliteJournalOptions options,
        CommandLine line, Shell shell, string unfinished, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            shell.Progress("copying the ledger");
            NewFolder.Remove(unfinished);
            DataFolderCopy.CreateOwnDirectory(unfinished);
            var folder = Path.Combine(unfinished, BackupManifest.FolderName);
            var copy = await DataFolderCopy.WriteAsync(options, folder, ct).ConfigureAwait(false);
            await ViewsBeside.CatchUpAsync(LedgerOptions.Of(options with { Directory = folder }), ct)
                .ConfigureAwait(false);
            var verification = new LedgerVerification(folder, isThorough: false, null, null, shell, ct);
            await verification.RunAsync().ConfigureAwait(false);
            if (verification.Report.IsVerified || attempt == AttemptsMax)
                return (copy, verification.Report with { Path = line.Data });
        }
    }

    private static Page PageOf(string directory, LedgerId ledger, BackupManifest manifest, VerificationReport report) =>
        new Page().Field("backup", null, "written").Field("ledger", "ledger", ledger.Value)
            .Field("holdsSecret", null, true).Field("out", "written to", directory).Field("events", "events", manifest.Events)
            .Field("root", "digest", manifest.Root).Field("files", "files", manifest.Files.Count)
            .Field("bytes", "bytes", manifest.Files.Sum(file => file.Bytes))
            .Field("madeAt", "made at", NodaTime.Text.InstantPattern.ExtendedIso.Format(manifest.MadeAt))
            .Table("verified", "verified in the copy", Listing.Of(report.Steps,
                new("what", "what", step => step.What), new("count", "count", step => step.Count),
                new("of", "of", step => step.Of)))
            .Note(KeepItLike)
            .Note($"It is a backup once it was restored: ledger restore {directory} --data NEW");
}

/// <summary>A folder that gets its name when it is whole.</summary>
internal static class NewFolder
{
    /// <summary>The full path of a folder that is not there yet, or empty.</summary>
    /// <param name="data">The data folder, within which nothing may be made: it would become part of it.</param>
    public static string Checked(string named, string? data)
    {
        var directory = Path.TrimEndingDirectorySeparator(Path.GetFullPath(named));
        if (File.Exists(directory)) throw new CouldNotException($"{named} is a file");
        if (Directory.Exists(directory) && Directory.EnumerateFileSystemEntries(directory).Any())
            throw new CouldNotException($"{named} is not empty; name a folder that is not there yet");
        if (Directory.Exists(directory) && IsMounted(directory))
            throw new CouldNotException($"{named} is where a disk is mounted, which cannot be given another folder's place; "
                + "name a folder in it");
        if (data is not null && $"{directory}{Path.DirectorySeparatorChar}".StartsWith(
            $"{Path.TrimEndingDirectorySeparator(Path.GetFullPath(data))}{Path.DirectorySeparatorChar}",
            StringComparison.Ordinal))
            throw new CouldNotException($"{named} lies in {data}, of which it would become a part; name another folder");
        return directory;
    }

    /// <summary>Whether something is mounted there: such a folder can be neither removed nor replaced.</summary>
    private static bool IsMounted(string directory) => DriveInfo.GetDrives().Any(drive =>
        Path.TrimEndingDirectorySeparator(drive.Name) == directory);

    /// <summary>Where it is made: beside it, so that giving it its name moves no byte.</summary>
    public static string Unfinished(string directory) =>
        $"{directory}.{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}.unfinished";

    public static void Place(string unfinished, string directory)
    {
        if (Directory.Exists(directory)) Directory.Delete(directory); // empty, or this fails
        BackupManifest.Move(unfinished, directory);
    }

    public static void Remove(string unfinished)
    {
        if (Directory.Exists(unfinished)) Directory.Delete(unfinished, recursive: true);
    }
}
