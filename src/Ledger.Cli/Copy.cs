using System.Globalization;
using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Journal.Proof;
using Ledger.Journal.Verification;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger copy</c>: the whole ledger into another store and another data folder, event by event with the same bytes,
/// beside the process that owns it. What was copied is read again and compared before it is called equal. It goes on
/// where it was interrupted. The result is a copy, as of a backup: it records nothing until a person takes it over.
/// </summary>
public static class Copy
{
    public static Verb Verb { get; } = new("copy", "",
        "copies the ledger into another store, evidence included, byte for byte, and proves that every digest is equal",
        "ledger copy --to 'postgres:Host=db;Database=ledger' --to-data ./copied --data ./ledger-data",
        [
            new("--from", "STORE", "where the journal is; what --store means where it is not given"),
            new("--from-data", "DIR", "its data folder; what --data means where it is not given"),
            new("--to", "STORE", $"where it goes: {StoreChoice.Rule}; --views are those of the copy"),
            new("--to-data", "DIR", "the data folder of the copy; the DIR of sqlite:DIR where it is not given"),
        ],
        RunAsync);

    /// <summary>How far the journal was copied, and the other files.</summary>
    private sealed record Copied(Acknowledged Cut, long Files, long Bytes);

    /// <summary>A copy, against the original.</summary>
    private sealed record Proven(Copied Copied, JournalsEqual Journal, EvidenceFound Evidence);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 0) throw new UsageException($"copy takes no '{line.Words[0]}'");
        var to = line.Required("--to");
        var toData = line.Option("--to-data")
            ?? (to.StartsWith("sqlite:", StringComparison.Ordinal) ? to["sqlite:".Length..] : line.Required("--to-data"));
        var target = StoreSettings.Parse(to, "--to", line.Option("--views"), toData);
        var source = FromOf(line, shell);
        var copy = source with { Directory = toData, Store = target, TakesOverCopy = true };
        if (LedgerStores.IsSamePlace(source, copy))
            throw new CouldNotException($"{target.Name} is where the ledger is already");
        RefuseWithin(toData, source.Directory);
        try
        {
            PageOf(source, copy, await CopyAsync(source, copy, shell, ct).ConfigureAwait(false))
                .Write(shell.Output, line.Json);
            return ExitCode.Done;
        }
        catch (JournalRefusedException differs)
        {
            // What differs is said as it is: no journal of this ledger is in doubt for it.
            throw new CouldNotException(differs.Message);
        }
    }

    private static LedgerOptions FromOf(CommandLine line, Shell shell)
    {
        var directory = line.Option("--from-data") ?? line.Data;
        var store = line.Option("--from") is { } named
            ? StoreSettings.Parse(named, "--from", null, directory) : StoreSettings.FromOf(line, directory);
        try
        {
            var identity = LedgerIdentity.Open(directory);
            DataFolder.RefuseUnfinished(directory);
            return new(directory, identity.Ledger, shell.Clock, identity.Secret) { Store = store };
        }
        catch (JournalRefusedException wrong)
        {
            throw new CouldNotException(wrong.Message);
        }
    }

    private static void RefuseWithin(string toData, string fromData)
    {
        var (to, from) = (Full(toData), Full(fromData));
        if (to.StartsWith(from, StringComparison.Ordinal) || from.StartsWith(to, StringComparison.Ordinal))
            throw new CouldNotException($"{toData} and {fromData} lie in each other; name another folder with --to-data");

        static string Full(string path) =>
            Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)) + Path.DirectorySeparatorChar;
    }

    /// <summary>
    /// An earlier copy stays as it is, and is one, until the ledger was found to be readable and to continue it.
    /// </summary>
    private static async Task<Proven> CopyAsync(
        LedgerOptions from, LedgerOptions to, Shell shell, CancellationToken ct)
    {
        var isNew = Earlier(to, from) is null;
        await using var original = LedgerStores.OpenReader(from);
        if (isNew) Begin(to, from, shell);
        else RefuseDamaged(from, shell, ct);
        using var owned = FolderLock.Take(to.Directory);
        var written = await WriteAsync(original, from, to, owned, shell, ct).ConfigureAwait(false);
        var proven = await ProvenAsync(original, from, to, written, shell, ct).ConfigureAwait(false);
        shell.Progress("computing the views of the copy");
        await ViewsBeside.CatchUpAsync(to, ct).ConfigureAwait(false);
        shell.EndProgress();
        new LedgerCopy(written.Cut.Length, written.Cut.Root, shell.Clock.GetCurrentInstant()).Write(to.Directory);
        return proven;
    }

    /// <summary>The mark of the copy that is there; null where nothing is. Anything else is refused, and stays as it
    /// is.</summary>
    private static LedgerCopy? Earlier(LedgerOptions to, LedgerOptions from)
    {
        var toData = to.Directory;
        if (!Directory.Exists(toData) || !Directory.EnumerateFileSystemEntries(toData).Any()) return null;
        var mark = LedgerCopy.Find(toData) ?? throw new CouldNotException(
            $"{toData} is not empty, and no copy; name a folder that is not there yet");
        Identify(toData, from);
        StoreMark.Check(to);
        return mark;
    }

    /// <summary>
    /// Marks the folder before anything else is in it, so that whatever interrupts the copy, nobody takes it for whole.
    /// </summary>
    private static void Begin(LedgerOptions to, LedgerOptions from, Shell shell)
    {
        DataFolderCopy.CreateOwnDirectory(to.Directory);
        new LedgerCopy(0, new MerkleTree().Root(), shell.Clock.GetCurrentInstant(), IsUnfinished: true)
            .Write(to.Directory);
        Identify(to.Directory, from);
    }

    /// <summary>Before an earlier copy is written over: damaged evidence would take the place of what is whole there.
    /// </summary>
    private static void RefuseDamaged(LedgerOptions from, Shell shell, CancellationToken ct)
    {
        var findings = new Findings();
        EvidenceVerification.Verify(from.Directory, from.Secret, findings,
            Seen(shell, "hashing the ledger's evidence, bytes", null), ct);
        if (findings.Faults is [var fault, ..])
            throw new CouldNotException($"the evidence of {from.Directory}: {fault}; the copy stays as it is");
    }

    /// <summary>Gives the folder the ledger's name and secret, where an interrupted copy has not.</summary>
    private static void Identify(string toData, LedgerOptions from)
    {
        try
        {
            LedgerIdentity.OpenOrCreate(toData, from.Ledger, from.Secret);
        }
        catch (JournalRefusedException other)
        {
            throw new CouldNotException($"{toData} is a copy of something else: {other.Message}");
        }
    }

    private static async Task<Copied> WriteAsync(IJournalReader original, LedgerOptions from, LedgerOptions to,
        FolderLock owned, Shell shell, CancellationToken ct)
    {
        IJournalImport? journal = LedgerStores.OpenCopy(to, owned);
        try
        {
            JournalCopy.Refuse(original, journal, from.Secret, original.Look());
            // Asked again, because nobody else has the folder now. From here on it is no whole copy.
            (Earlier(to, from)! with { IsUnfinished = true }).Write(to.Directory);
            Acknowledged? upTo = null;
            var (files, bytes) = await DataFolderCopy.WriteBesideStoreAsync(from.Directory, from.Secret, to.Directory,
                [.. LeftOf(from), .. LeftOf(to)], original.Look, async cut =>
                {
                    upTo = cut;
                    await JournalCopy.WriteAsync(original, journal, from.Secret, cut,
                        Seen(shell, "copying events", cut.Length), ct).ConfigureAwait(false);
                    // Before its files are synced: to close any descriptor of them gives up its locks.
                    await journal.DisposeAsync().ConfigureAwait(false);
                    journal = null;
                    shell.Progress("copying evidence and files");
                }, ct).ConfigureAwait(false);
            return new(upTo!, files, bytes);
        }
        finally
        {
            if (journal is not null) await journal.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static async Task<Proven> ProvenAsync(IJournalReader original, LedgerOptions from, LedgerOptions to,
        Copied written, Shell shell, CancellationToken ct)
    {
        await using var copied = LedgerStores.OpenReader(to);
        var journals = await JournalCopy.ProveAsync(original, copied, from.Secret, written.Cut,
            Signed(from, written.Cut), Seen(shell, "comparing events", written.Cut.Length), ct).ConfigureAwait(false);
        return new(written, journals, Evidence(from, to, shell, ct));
    }

    /// <summary>Files of views and journal within a data folder, also those of a store that it had before.</summary>
    private static IEnumerable<string> LeftOf(LedgerOptions options) =>
        ((string?[])[Path.Combine(options.Directory, OpenLedger.ViewsFileName), LedgerStores.ViewsFile(options),
            options.Embedded is { } embedded ? Path.Combine(embedded.Directory, SqliteJournal.FileName) : null])
        .OfType<string>().Select(path => Path.GetRelativePath(options.Directory, path).Replace('\\', '/'));

    /// <summary>Length and root of every checkpoint that was signed of what is copied.</summary>
    private static IReadOnlyList<(long Length, byte[] Root)> Signed(LedgerOptions from, Acknowledged cut) =>
    [
        .. from.Log.Checkpoints.Sizes.Where(size => size <= cut.Length)
            .Select(size => (size, Checkpoint.Parse(from.Log.Checkpoints.Read(size).Text).Root)),
    ];

    /// <summary>Opens and hashes every piece of the copy, and compares which there are.</summary>
    private static EvidenceFound Evidence(LedgerOptions from, LedgerOptions to, Shell shell, CancellationToken ct)
    {
        var findings = new Findings();
        var found = EvidenceVerification.Verify(to.Directory, to.Secret, findings,
            Seen(shell, "hashing evidence, bytes", null), ct);
        if (findings.Faults is [var fault, ..]) throw new CouldNotException($"the copy of the evidence: {fault}");
        using var original = EvidenceArchive.OpenForReading(from.Directory, from.Secret);
        // What the ledger has taken since is of a later journal, and only the original has it.
        foreach (var digest in found.Kept)
            if (!original.Has(digest)) throw new CouldNotException($"evidence {digest} is in the copy alone");
        return found;
    }

    private static Action<long> Seen(Shell shell, string doing, long? of) => count => shell.Progress(
        $"{doing}: {count.ToString(CultureInfo.InvariantCulture)}"
        + (of is null ? "" : $" of {of.Value.ToString(CultureInfo.InvariantCulture)}"));

    private static Page PageOf(LedgerOptions from, LedgerOptions to, Proven proven) =>
        new Page().Field("copy", null, "equal").Field("ledger", "ledger", from.Ledger.Value)
            .Field("from", "from", from.Store.Name).Field("to", "to", to.Store.Name)
            .Field("data", "data folder", to.Directory)
            .Field("events", "events, each byte equal", proven.Journal.Events)
            .Field("digest", "digest of both", Convert.ToHexStringLower(proven.Journal.Root))
            .Field("checkpoints", "checkpoints with an equal root", proven.Journal.Checkpoints)
            .Field("evidence", "pieces of evidence, hashed again", proven.Evidence.Kept.Count)
            .Field("files", "files, compared", proven.Copied.Files).Field("bytes", "bytes of them", proven.Copied.Bytes)
            .Note(Backup.KeepItLike)
            .Note("It is a copy: it can be read, and records and signs nothing, because the ledger may go on where it is. "
                + "Where it shall go on here, and nothing records there any more, say so: ledger restore --take-over --by "
                + $"NAME --since CHECKPOINT --data {to.Directory} --store STORE");
}
