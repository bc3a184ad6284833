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

    /// <summary>A copy's evidence, against that of the original.</summary>
    private sealed record Proven(JournalsEqual Journal, EvidenceFound Evidence, long Files, long Bytes);

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
        Prepare(toData, source, shell);
        using var owned = FolderLock.Take(toData);
        var (cut, proven) = await ProvenAsync(source, copy, owned, shell, ct).ConfigureAwait(false);
        shell.Progress("computing the views of the copy");
        await ViewsBeside.CatchUpAsync(copy, ct).ConfigureAwait(false);
        shell.EndProgress();
        new LedgerCopy(cut.Length, cut.Root, shell.Clock.GetCurrentInstant()).Write(toData);
        PageOf(source, copy, proven).Write(shell.Output, line.Json);
        return ExitCode.Done;
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
    /// Marks the folder before anything else is in it, so that whatever interrupts the copy, nobody takes it for whole;
    /// a folder that has something else is refused.
    /// </summary>
    private static void Prepare(string toData, LedgerOptions from, Shell shell)
    {
        if (Directory.Exists(toData) && Directory.EnumerateFileSystemEntries(toData).Any())
        {
            if (LedgerCopy.Find(toData) is null)
                throw new CouldNotException($"{toData} is not empty, and no copy; name a folder that is not there yet");
        }
        DataFolderCopy.CreateOwnDirectory(toData);
        new LedgerCopy(0, new MerkleTree().Root(), shell.Clock.GetCurrentInstant(), IsUnfinished: true).Write(toData);
        try
        {
            LedgerIdentity.OpenOrCreate(toData, from.Ledger, from.Secret);
        }
        catch (JournalRefusedException other)
        {
            throw new CouldNotException($"{toData} is a copy of something else: {other.Message}");
        }
    }

    /// <summary>What differs is said as it is: no journal of this ledger is in doubt for it.</summary>
    private static async Task<(Acknowledged Cut, Proven Proven)> ProvenAsync(
        LedgerOptions from, LedgerOptions to, FolderLock owned, Shell shell, CancellationToken ct)
    {
        try
        {
            return await CopyAsync(from, to, owned, shell, ct).ConfigureAwait(false);
        }
        catch (JournalRefusedException differs)
        {
            throw new CouldNotException(differs.Message);
        }
    }

    private static async Task<(Acknowledged Cut, Proven Proven)> CopyAsync(
        LedgerOptions from, LedgerOptions to, FolderLock owned, Shell shell, CancellationToken ct)
    {
        await using var original = LedgerStores.OpenReader(from);
        Acknowledged? upTo = null;
        var (files, bytes) = await DataFolderCopy.WriteBesideStoreAsync(from.Directory, from.Secret, to.Directory,
            [.. LeftOf(from), .. LeftOf(to)], () => original.Look(), async cut =>
            {
                upTo = cut;
                await using var journal = LedgerStores.OpenCopy(to, owned);
                await JournalCopy.WriteAsync(original, journal, from.Secret, cut,
                    Seen(shell, "copying events", cut.Length), ct).ConfigureAwait(false);
                shell.Progress("copying evidence and files");
            }, ct).ConfigureAwait(false);
        await using var copied = LedgerStores.OpenReader(to);
        var journals = await JournalCopy.ProveAsync(original, copied, from.Secret, upTo!, Signed(from, upTo!),
            Seen(shell, "comparing events", upTo!.Length), ct).ConfigureAwait(false);
        return (upTo, new(journals, Evidence(from, to, shell, ct), files, bytes));
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
            .Field("files", "files, compared", proven.Files).Field("bytes", "bytes of them", proven.Bytes)
            .Note(Backup.KeepItLike)
            .Note("It is a copy: it can be read, and records and signs nothing, because the ledger may go on where it is. "
                + "Where it shall go on here, and nothing records there any more, say so: ledger restore --take-over --by "
                + $"NAME --since CHECKPOINT --data {to.Directory} --store STORE");
}
