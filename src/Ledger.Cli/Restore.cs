using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Journal.Proof;
using Ledger.Journal.Verification;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger restore BACKUP</c>: puts a backup into a new data folder, after every byte of it was compared with its
/// digest and the whole ledger was verified. What comes out is a copy, to be read; <c>--take-over</c> makes it the
/// ledger.
/// </summary>
public static class Restore
{
    private const int NameLengthMax = Limits.IdentifierLengthMax;

    public static Verb Verb { get; } = new("restore", "[BACKUP]",
        "puts a backup into a new folder, once all of it is verified; the folder is a copy that can be read, until a "
        + "person says with --take-over that it is the ledger from now on",
        "ledger restore /mnt/backups/2026-06-02 --data ./restored",
        [
            new("--since", "FILE", "the latest checkpoint that anyone has: what is restored has to continue it"),
            new("--keys", "FILE",
                "the public keys that you trust, one a line; the ledger's own where it is not given"),
            new("--fast", null,
                "leaves out what takes longest: deriving interval records from raw evidence, and SQLite's own check"),
            new("--take-over", null, "makes the copy in the data folder the ledger; the decision is recorded"),
            new("--by", "NAME", "who decides that"),
            new("--no-checkpoint", null, "nobody has a checkpoint that could be given with --since"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Flag("--take-over")) return await TakeOverAsync(line, shell, ct).ConfigureAwait(false);
        if (line.Words is not [var backup]) throw new UsageException("restore needs one BACKUP");
        foreach (var option in (string[])["--by", "--no-checkpoint"])
            if (line.Option(option) is not null) throw new UsageException($"{option} goes with --take-over");
        var directory = NewFolder.Checked(line.Data, null);
        var unfinished = NewFolder.Unfinished(directory);
        try
        {
            var findings = new Findings();
            if (ReadManifest(backup, findings) is { } manifest)
                CopyFiles(Path.Combine(backup, BackupManifest.FolderName), unfinished, manifest, findings, shell, ct);
            if (findings.FaultCount > 0)
                return Refused(line, shell, new VerificationReport("backup", backup, null, null, [], findings, "", ""));
            var verification = new LedgerVerification(unfinished, !line.Flag("--fast"), TrustedKeys.Of(line).Keys,
                Verify.Kept(line), shell, ct);
            await verification.RunAsync().ConfigureAwait(false);
            shell.EndProgress();
            var report = verification.Report with { Path = backup };
            if (!report.IsVerified) return Refused(line, shell, report);
            BackupManifest.Sync(unfinished);
            NewFolder.Place(unfinished, directory);
            PageOf(line, directory, LedgerCopy.Find(directory)!, report).Write(shell.Output, line.Json);
            return ExitCode.Done;
        }
        finally
        {
            NewFolder.Remove(unfinished);
        }
    }

    private static int Refused(CommandLine line, Shell shell, VerificationReport report)
    {
        shell.EndProgress();
        var exit = report.Write(line, shell);
        shell.Errors.WriteLine($"ledger restore: nothing was restored: {report.Path} is not as it was written");
        return exit;
    }

    /// <summary>Null where it cannot be read, of which the findings then tell.</summary>
    private static BackupManifest? ReadManifest(string backup, Findings findings)
    {
        foreach (var name in (string[])[BackupManifest.FileName, BackupManifest.SumsName])
            if (!File.Exists(Path.Combine(backup, name)))
                throw new CouldNotException($"{backup} is no whole backup: {name} is missing");
        try
        {
            return BackupManifest.Read(backup);
        }
        catch (InvalidDataException damaged)
        {
            findings.Add(BackupManifest.FileName, damaged.Message, "what ledger backup wrote");
            return null;
        }
    }

    /// <summary>Copies every file that the manifest names, and finds each that is not what it says.</summary>
    private static void CopyFiles(string from, string to, BackupManifest manifest, Findings findings, Shell shell,
        CancellationToken ct)
    {
        DataFolderCopy.CreateOwnDirectory(to);
        foreach (var (file, number) in manifest.Files.Select((file, index) => (file, index + 1)))
        {
            ct.ThrowIfCancellationRequested();
            shell.Progress($"restoring file {number} of {manifest.Files.Count}");
            var (source, target) = (Path.Combine(from, file.Path), Path.Combine(to, file.Path));
            var place = $"{BackupManifest.FolderName}/{file.Path}";
            if (!File.Exists(source))
            {
                findings.Add(place, "no such file", $"{file.Bytes} bytes");
                continue;
            }
            DataFolderCopy.CreateOwnDirectory(Path.GetDirectoryName(target)!);
            var (bytes, digest) = CopiedFile.Write(source, target, null, ModeOf(file));
            if (bytes != file.Bytes) findings.Add(place, $"{bytes} bytes", $"{file.Bytes} bytes");
            else if (digest != file.Sha256) findings.Add(place, $"SHA-256 {digest}", file.Sha256);
        }
        if (findings.FaultCount == 0) VerifyMark(to, manifest, findings);
    }

    /// <summary>As it was, and never more than reading and writing; its owner's alone where that is not
    /// known.</summary>
    private static UnixFileMode ModeOf(BackupFile file) =>
        (file.Mode ?? UnixFileMode.UserRead | UnixFileMode.UserWrite) & ReadWrite;

    private const UnixFileMode ReadWrite = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead
        | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    private static void VerifyMark(string directory, BackupManifest manifest, Findings findings)
    {
        if (LedgerCopy.Find(directory) is not { } copy)
            findings.Add(LedgerCopy.FileName, "no such file", "the mark of a copy");
        else if (copy.Events != manifest.Events || Convert.ToHexStringLower(copy.Root) != manifest.Root)
            findings.Add(LedgerCopy.FileName, $"{copy.Events} events", $"{manifest.Events} and root {manifest.Root}");
    }

    private static Page PageOf(CommandLine line, string directory, LedgerCopy copy, VerificationReport report)
    {
        var page = new Page().Field("restore", null, "restored").Field("ledger", "ledger", report.Ledger?.Value)
            .Field("data", "restored to", directory).Field("events", "events", copy.Events)
            .Field("digest", "digest", Convert.ToHexStringLower(copy.Root))
            .Field("madeAt", "as of", NodaTime.Text.InstantPattern.ExtendedIso.Format(copy.MadeAt))
            .Table("verified", "verified", Listing.Of(report.Steps,
                new("what", "what", step => step.What), new("count", "count", step => step.Count),
                new("of", "of", step => step.Of)))
            .Table("notChecked", "not checked", Listing.Of(report.Findings.NotChecked,
                new Column<string>("what", "what", what => what)))
            .Note(Backup.KeepItLike);
        return page.Note("It is a copy: it can be read, and records and signs nothing, because the ledger that it was "
            + "copied from may go on. Where that one has ended for good, and nothing can start it again, say so: ledger "
            + $"restore --take-over --by NAME --since CHECKPOINT --data {line.Data}");
    }

    private static async Task<int> TakeOverAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words is [var word, ..]) throw new UsageException($"restore --take-over takes no '{word}'");
        if (line.Flag("--fast") || line.Option("--keys") is not null)
            throw new UsageException("restore --take-over takes no --fast and no --keys");
        var name = line.Required("--by");
        if (name.Length is 0 or > NameLengthMax || name.Any(char.IsControl))
            throw new UsageException($"--by is a name of 1 to {NameLengthMax} characters");
        if (line.Option("--since") is null == !line.Flag("--no-checkpoint"))
            throw new UsageException("restore --take-over needs --since FILE, the latest checkpoint that anyone has, or "
                + "--no-checkpoint");
        var options = DataFolder.OptionsOf(line, shell);
        var copy = LedgerCopy.Find(options.Directory)
            ?? throw new CouldNotException($"{line.Data} is no copy: it is the ledger already");
        var kept = Verify.Kept(line) is { } file ? SignedNote.Parse(file.Note) : null;
        var by = new Principal(name, new PartyId(options.Ledger.Value), new HashSet<string>());
        var fact = await TakeOverAsync(options, copy, kept, by, ct).ConfigureAwait(false);
        await using (var ledger = OpenLedger.Open(options)) await ledger.CatchUpAsync(ct).ConfigureAwait(false);
        new Page().Field("restore", null, "taken over").Field("ledger", "ledger", options.Ledger.Value)
            .Field("events", "taken over at position", fact.Length).Field("root", "with the digest", fact.Root.Hex)
            .Field("signedLength", "continues the checkpoint of so many events", fact.SignedLength)
            .Field("by", "decided by", fact.By)
            .Note("What the other ledger recorded after that position is not here: import it again from its sources.")
            .Write(shell.Output, line.Json);
        return ExitCode.Done;
    }

    /// <summary>Whether it continues the checkpoint is asked before anything is written.</summary>
    private static async Task<LedgerRestored> TakeOverAsync(LedgerOptions options, LedgerCopy copy, SignedNote? kept,
        Principal by, CancellationToken ct)
    {
        Checkpoint? signed = null;
        if (kept is not null)
        {
            await using var reader = LedgerStores.OpenReader(options);
            signed = await CopyTakeOver.CheckedAsync(reader, options.Secret, kept, ct).ConfigureAwait(false);
        }
        using var owned = FolderLock.Take(options.Directory);
        await using var journal = LedgerStores.OpenJournal(options with { TakesOverCopy = true }, owned);
        return await CopyTakeOver.RunAsync(journal, options.Directory, copy, signed, by, ct).ConfigureAwait(false);
    }
}
