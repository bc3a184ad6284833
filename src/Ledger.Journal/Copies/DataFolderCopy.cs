using System.Globalization;
using System.Text.RegularExpressions;
using Ledger.Domain;
using Ledger.Journal.Indexing;
using Ledger.Journal.Proof;

namespace Ledger.Journal.Copies;

/// <summary>
/// A copy of a data folder as of one length of its journal, made beside the process that owns and writes the folder.
/// The order makes it one moment: first what says something of the journal (views, index, checkpoints, tiles), which
/// can then not be ahead of it; then the journal, which is the cut; then what the journal names (evidence, and the keys
/// that open it, and the frame log), because a fact is recorded only after its evidence is durable. Every file of the
/// folder is copied, also one that this program does not know, but for those that <see cref="IsLeftOut"/> names.
/// </summary>
public sealed partial class DataFolderCopy
{
    private const string OwnSegments = EvidenceArchive.FolderName + "/", Index = IndexRuns.FolderName + "/", TurnFile = CheckpointStore.DirectoryName
        + "/turn";
    /// <summary>The frame log and its file that says how far it is acknowledged; the log itself is another project's.
    /// </summary>
    private const string Frames = "frames/", FramesHead = Frames + "frames.head", RawSegments = ".frames";
    /// <summary>The file of a data folder that says in which store its journal is, where that is not the folder.
    /// </summary>
    public const string StoreMarkFileName = "store.json";
    private readonly string from, to;
    private readonly byte[] secret;
    private readonly HashSet<string> copied = new(StringComparer.Ordinal);
    private long files, bytes;

    private DataFolderCopy(string from, byte[] secret, string to) =>
        (this.from, this.secret, this.to) = (from, secret, to);

    /// <summary>
    /// Writes the copy to a folder that is not there yet, readable by its owner alone, and marks it as one. Throws
    /// <see cref="JournalRefusedException"/> where the journal is not what was acknowledged.
    /// </summary>
    public static async Task<LedgerCopy> WriteAsync(SqliteJournalOptions from, string to, CancellationToken ct)
    {
        Acknowledged acknowledged;
        await using (var sound = SqliteJournalReader.Open(from)) acknowledged = sound.Look();
        var folder = new DataFolderCopy(from.Directory, from.Secret, to);
        CreateOwnDirectory(to);
        folder.CopyDatabases();
        folder.CopyFolder(Index, _ => true, ct); // runs that are merged meanwhile are there under another name
        var cut = await folder.CopySignedAsync(() => folder.CopyJournal(from.Ledger, acknowledged), ct)
            .ConfigureAwait(false);
        folder.CopyEvidence();
        folder.CopyFrames(ct);
        folder.CopyRest(ct);
        var copy = new LedgerCopy(cut.Length, cut.Root, from.Clock.GetCurrentInstant());
        copy.Write(to);
        return copy;
    }

    /// <summary>
    /// Writes all of a data folder but the journal and the views, which go from store to store. The order is the same,
    /// and so is the reason; a file that an interrupted copy has written already is only compared. Each file is read
    /// back, and throws <see cref="IOException"/> where it is not what was written; a file of SQLite, which others
    /// write meanwhile, is copied by SQLite.
    /// </summary>
    /// <param name="left">Files of views, and of a journal that has another name, by their paths within the folder with
    /// '/'; one that is not there does not matter.</param>
    /// <param name="cut">Looks how far the journal is acknowledged, within the turn to sign.</param>
    /// <param name="journal">Copies the journal up to the cut, before the evidence that it names.</param>
    /// <returns>How many files there are, and their bytes.</returns>
    public static async Task<(long Files, long Bytes)> WriteBesideStoreAsync(string from, byte[] secret, string to,
        IReadOnlyList<string> left, Func<Acknowledged> cut, Func<Acknowledged, Task> journal, CancellationToken ct)
    {
        var folder = new DataFolderCopy(from, secret, to);
        CreateOwnDirectory(to);
        foreach (var path in (string[])[SqliteJournal.FileName, .. left]) folder.Taken(path);
        folder.CopyDatabases();
        await journal(await folder.CopySignedAsync(cut, ct).ConfigureAwait(false)).ConfigureAwait(false);
        folder.CopyEvidence();
        folder.CopyFrames(ct);
        folder.CopyRest(ct);
        BackupManifest.Sync(to);
        return (folder.files, folder.bytes);
    }

    /// <summary>Makes a directory that its owner alone may enter.</summary>
    public static void CreateOwnDirectory(string path)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, DurableFiles.OwnerOnly | UnixFileMode.UserExecute);
    }

    /// <summary>
    /// What is no part of the ledger, by its path with '/': who holds a lock, what a running write has not finished,
    /// and what the copy writes for itself.
    /// </summary>
    private static bool IsLeftOut(string path) => path is "journal.lock" or "journal.owner" or "journal.owner.new"
        or "access.token" or TurnFile or JournalHead.FileName or ServerHead.PlacesFileName or LedgerCopy.FileName
        or StoreMarkFileName || SecretFile.IsUnfinished(path)
        // From where the log is read after a start: of a later journal than the copy's it would leave something out.
        || path is Frames + "streams.resume"
        // Random bytes that part the tokens of a ledger's sessions from those of its copies.
        or Frames + "streams.tokens"
        || (IsFrames(path) && path.EndsWith(".sealing", StringComparison.Ordinal))
        || path.StartsWith("lost+found/", StringComparison.Ordinal) || Unfinished().IsMatch(path);

    /// <summary>
    /// Within one turn to sign: tiles give way to fuller ones while somebody signs, and a key that hands over is gone
    /// from the folder when the fact of it is in the journal.
    /// </summary>
    private async Task<Acknowledged> CopySignedAsync(Func<Acknowledged> cut, CancellationToken ct)
    {
        using var turn = await new TransparencyLog(from, secret).TurnAsync(ct).ConfigureAwait(false);
        foreach (var path in Paths(from))
            if (IsSigned(path)) Copy(path);
        // Tiles are of the journal, and a key that hands over has done so; a key and checkpoints nobody makes again.
        RemoveOthers(path => path is SigningKeyFile.NextFileName
            || path.StartsWith(TransparencyLog.DirectoryName + "/", StringComparison.Ordinal));
        return cut();
    }

    private static bool IsSigned(string path) => path is SigningKeyFile.FileName or SigningKeyFile.NextFileName
        || path.StartsWith(CheckpointStore.DirectoryName + "/", StringComparison.Ordinal)
        || path.StartsWith(TransparencyLog.DirectoryName + "/", StringComparison.Ordinal);

    private static bool IsIndex(string path) => path.StartsWith(Index, StringComparison.Ordinal);

    /// <summary>Views, and whatever else lies in a file of SQLite; the journal comes after them. It is not even looked
    /// at as a file: this process may read it with SQLite meanwhile, and to close any other descriptor of a file gives
    /// up all locks that a process has on it (POSIX, fcntl).</summary>
    private void CopyDatabases()
    {
        foreach (var path in Paths(from))
        {
            if (path == SqliteJournal.FileName || copied.Contains(path) || IsLeftOut(path) || IsSigned(path)
                || IsIndex(path) || !SqliteCopy.IsOne(PathOf(path))) continue;
            CreateOwnDirectory(Path.GetDirectoryName(Target(path))!);
            SqliteCopy.Write(PathOf(path), Target(path));
            Taken(path);
        }
    }

    /// <summary>The cut: the journal and its head at one length, which includes all that was acknowledged
    /// before.</summary>
    private Acknowledged CopyJournal(LedgerId ledger, Acknowledged before)
    {
        SqliteCopy.Write(PathOf(SqliteJournal.FileName), Target(SqliteJournal.FileName));
        SyncLog(); // what its owner has committed and not acknowledged is in the copy, and must not be lost to him
        Taken(SqliteJournal.FileName);
        using var connection = JournalTables.ConnectForReading(Target(SqliteJournal.FileName));
        var tree = JournalTables.ReadLedger(connection, ledger)?.Tree ?? new MerkleTree();
        before.Verify(tree, length => JournalTables.RootAt(connection, length));
        var cut = new Acknowledged(tree.Size, tree.Root());
        using var head = JournalHead.Open(to);
        for (var slot = 0; slot < 2; slot++) head.Write(cut);
        return cut;
    }

    private void SyncLog()
    {
        var log = PathOf(SqliteJournal.FileName + "-wal");
        try
        {
            if (File.Exists(log)) DurableFiles.SyncFile(log);
        }
        catch (IOException) when (!File.Exists(log))
        {
            // Its owner has just closed the journal, and SQLite has written the log to the database.
        }
    }

    /// <summary>Each segment up to its last whole record: one that is being written is of no fact yet.</summary>
    private void CopyEvidence()
    {
        using var archive = EvidenceArchive.OpenForReading(from, secret);
        foreach (var (segment, whole) in archive.Whole)
            Copy(OwnSegments + Path.GetFileName(segment), whole);
    }

    /// <summary>
    /// First how far the log is acknowledged, which is at least as far as any record of the copied journal rests on it;
    /// then the segments that there are now, which have all of that and perhaps more. None that is begun later: the one
    /// before it is copied while it is written, and would end amid the log. One may be sealed meanwhile, and then only
    /// that form stays.
    /// </summary>
    private void CopyFrames(CancellationToken ct)
    {
        var there = Paths(from).ToHashSet(StringComparer.Ordinal);
        if (there.Contains(FramesHead))
        {
            Copy(FramesHead);
            var last = Paths(from).Max(SegmentOf);
            CopyFolder(Frames, path => SegmentOf(path) is not { } number || number <= last, ct);
        }
        else CopyFolder(Frames, there.Contains, ct); // a log that is begun now is of no fact of the copied journal
        copied.ExceptWith([.. copied.Select(path => Segment().Match(path)).Where(match => match.Groups["sealed"].Success)
            .Select(match => match.Groups["name"].Value + RawSegments)]);
        // What was dropped, and the other form of what is here. A log that is not there at all takes nothing with it.
        var now = copied.Select(SegmentOf).OfType<int>().ToHashSet();
        if (now.Count > 0)
            RemoveOthers(path => SegmentOf(path) is { } number && (number < now.Min() || now.Contains(number)));
    }

    private static bool IsFrames(string path) => path.StartsWith(Frames, StringComparison.Ordinal);

    /// <summary>The number of the segment that a file of the frame log is, in either form; null where it is none.
    /// </summary>
    private static int? SegmentOf(string path) =>
        Segment().Match(path) is { Success: true } match
            ? int.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture) : null;

    /// <summary>What an earlier copy has written of this, and the folder does not have any more, because something else
    /// stands for it.</summary>
    private void RemoveOthers(Func<string, bool> isOfThis)
    {
        foreach (var path in Paths(to))
            if (isOfThis(path) && !copied.Contains(path) && !IsLeftOut(path)) File.Delete(Target(path));
    }

    /// <summary>A folder whose files may be given other names meanwhile: it is listed again until none is new.
    /// </summary>
    private void CopyFolder(string folder, Func<string, bool> isWanted, CancellationToken ct)
    {
        for (var isNew = true; isNew;)
        {
            isNew = false;
            foreach (var path in Paths(from))
            {
                ct.ThrowIfCancellationRequested();
                if (copied.Contains(path) || !path.StartsWith(folder, StringComparison.Ordinal) || IsLeftOut(path)
                    || !isWanted(path)) continue;
                isNew = true;
                Copy(path);
            }
        }
    }

    private void CopyRest(CancellationToken ct)
    {
        foreach (var path in Paths(from))
        {
            ct.ThrowIfCancellationRequested();
            // What was signed, indexed or streamed since is of a later journal.
            if (!copied.Contains(path) && !IsLeftOut(path) && !IsSigned(path) && !IsIndex(path) && !IsFrames(path))
                Copy(path);
        }
    }

    private static IEnumerable<string> Paths(string folder) => Directory.EnumerateFiles(folder, "*",
        new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 })
        .Select(path => Path.GetRelativePath(folder, path).Replace('\\', '/'))
        .ToList().Order(StringComparer.Ordinal);

    private void Taken(string path)
    {
        copied.Add(path);
        foreach (var suffix in SqliteCopy.Beside) copied.Add(path + suffix);
    }

    private void Copy(string path, long? upTo = null)
    {
        if (IsLeftOut(path)) return;
        CreateOwnDirectory(Path.GetDirectoryName(Target(path))!);
        try
        {
            Write(path, upTo);
        }
        catch (Exception gone) when (upTo is null && gone is FileNotFoundException or DirectoryNotFoundException)
        {
            return; // between the listing and now; what is missed by it, verifying the copy finds
        }
        copied.Add(path);
    }

    private void Write(string path, long? upTo)
    {
        var target = Target(path);
        if (File.Exists(target) && CopiedFile.Hash(target) is var there && there == CopiedFile.Hash(PathOf(path), upTo))
        {
            Count(there.Bytes);
            return;
        }
        File.Delete(target); // of an earlier copy, which the ledger has gone on from
        var written = CopiedFile.Write(PathOf(path), target, upTo);
        if (CopiedFile.Hash(target) is var found && found != written)
            throw new IOException($"{target} has {found.Bytes} bytes of SHA-256 {found.Sha256}, and "
                + $"{written.Bytes} of {written.Sha256} were written");
        Count(written.Bytes);
    }

    private void Count(long whole) => (files, bytes) = (files + 1, bytes + whole);

    private string PathOf(string path) => Path.Combine(from, path);
    private string Target(string path) => Path.Combine(to, path);

    /// <summary>NNNNNN.frames, or NNNNNN-DIGEST.sealed.</summary>
    [GeneratedRegex(@"^(?<name>frames/(?<number>\d{6,9}))(\.frames|(?<sealed>-[0-9a-f]+\.sealed))$")]
    private static partial Regex Segment();

    /// <summary>A name that a durable write has until its file is whole: NAME.PROCESS.THREAD.</summary>
    [GeneratedRegex(@"\.\d+\.\d+$")]
    private static partial Regex Unfinished();
}
