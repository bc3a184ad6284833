namespace Ledger.Journal.Proof;

/// <summary>
/// A log as plain files, c2sp.org/tlog-tiles: <c>checkpoint</c> and <c>tile/…</c>. Any web server can publish the
/// folder. It holds nothing of its own: where a tile is lost or cut short it is computed again from the journal's
/// leaves, and without the folder all of it is. What is published of it is on the disk before the checkpoint says so.
/// </summary>
public sealed class TileFolder(string directory)
{
    public const string CheckpointName = "checkpoint";
    /// <summary>Of so many new files it is faster to bring all of a file system to its disk than each of
    /// them.</summary>
    private const int SyncedOneByOneMax = 256;
    private readonly List<string> written = []; // since the last time that all of it was on the disk
    private long whole; // leaves of which every full tile was seen to be there

    /// <summary>The checkpoint up to which the folder is complete; null before the first.</summary>
    public SignedNote? Checkpoint() => File.Exists(CheckpointPath)
        ? SignedNote.Parse(File.ReadAllBytes(CheckpointPath)) : null;

    public byte[] Read(Tile tile) => File.ReadAllBytes(PathOf(tile));

    /// <summary>The tile's bytes; null where it is not there, or no longer since the full one took its place.</summary>
    public byte[]? Find(Tile tile)
    {
        try
        {
            return Read(tile);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>The hashes of a tile. The tiles may be ahead of the checkpoint that is published, and where a full one
    /// has taken the place of a partial one since, its beginning is what the partial one was.</summary>
    public byte[] ReadHashes(Tile tile) => Find(tile)
        ?? (tile.IsPartial
            ? [.. Read(tile with { Width = Tile.FullWidth }).Take(tile.Width * MerkleTree.HashBytes)] : Read(tile));

    /// <summary>Where a tile lies, whether it is there or not.</summary>
    public string PathOf(Tile tile) => Path.Combine([directory, .. $"{tile}".Split('/')]);

    /// <summary>
    /// Brings the tiles to <paramref name="size"/>, from where the folder is or, where its tiles do not have the root,
    /// from the beginning. Throws <see cref="InvalidDataException"/> where the leaves themselves do not have it.
    /// </summary>
    /// <param name="entries">The leaf entries from a position on.</param>
    public TileHashes Grow(long size, byte[] root, Func<long, IEnumerable<byte[]>> entries)
    {
        if (Complete() is var from && from > 0 && from <= size && HasFullTiles(from)
            && TryGrow(from, size, root, entries) is { } grown) return grown;
        return TryGrow(0, size, root, entries)
            ?? throw new InvalidDataException(
                $"the leaves of {size} events do not have the root {Convert.ToHexStringLower(root)}");
    }

    /// <summary>Publishes the checkpoint, after the tiles that it needs.</summary>
    public void Publish(SignedNote note)
    {
        DurableFiles.CreateDirectory(directory);
        DurableFiles.Replace(CheckpointPath, note.ToBytes(), DurableFiles.Public);
    }

    /// <summary>Whether every full tile of a tree is there with all its bytes; growing goes on from the edge and reads
    /// none of them. Each is looked at once.</summary>
    private bool HasFullTiles(long size)
    {
        foreach (var tile in Tile.Of(size))
        {
            if (tile.IsPartial || EndOf(tile) <= whole) continue;
            var file = new FileInfo(PathOf(tile));
            if (!file.Exists || file.Length != BytesOf(tile)) return false;
        }
        whole = size;
        return true;
    }

    /// <summary>How many leaves there are up to the end of a full tile.</summary>
    private static long EndOf(Tile tile) => (tile.Number + 1) << (Math.Max(tile.Level, 0) + 1) * Tile.Height;

    private static int BytesOf(Tile tile) =>
        tile.Width * (MerkleTree.HashBytes + (tile.Level == Tile.Entries ? EntryBundle.LengthBytes : 0));

    private TileHashes? TryGrow(long from, long size, byte[] root, Func<long, IEnumerable<byte[]>> entries)
    {
        try
        {
            var growth = TileGrowth.From(from, Read, Write);
            foreach (var entry in entries(from).Take(checked((int)(size - from)))) growth.Append(entry);
            growth.WriteEdge();
            Sync();
            var tree = new TileHashes(size, Read);
            return growth.Size == size && tree.Root().AsSpan().SequenceEqual(root) ? tree : null;
        }
        catch (Exception e) when (from > 0
            && e is InvalidDataException or FileNotFoundException or DirectoryNotFoundException)
        {
            return null; // the folder is not what it was left as
        }
    }

    /// <summary>How many leaves the folder says to hold; 0 where it says nothing that can be read.</summary>
    private long Complete()
    {
        try
        {
            return Checkpoint() is { } note ? Proof.Checkpoint.Parse(note.Text).Size : 0;
        }
        catch (NoteRefusedException)
        {
            return 0;
        }
    }

    private void Write(Tile tile, byte[] content)
    {
        Write(PathOf(tile), content);
        // Whoever asks for a part of a full tile takes it from the full one.
        if (!tile.IsPartial && Directory.Exists(PathOf(tile) + ".p"))
            Directory.Delete(PathOf(tile) + ".p", recursive: true);
    }

    private void Write(string path, byte[] content)
    {
        DurableFiles.CreateDirectory(Path.GetDirectoryName(path)!);
        var unfinished = DurableFiles.Unfinished(path);
        File.WriteAllBytes(unfinished, content);
        File.Move(unfinished, path, overwrite: true);
        written.Add(path);
    }

    /// <summary>Returns when the tiles that were written are on the disk.</summary>
    private void Sync()
    {
        var there = written.Where(File.Exists).ToList(); // partial ones have given way
        if (there.Count <= SyncedOneByOneMax || !DurableFiles.TrySyncFileSystem(directory))
        {
            foreach (var path in there) DurableFiles.SyncFile(path);
            foreach (var folder in there.Select(path => Path.GetDirectoryName(path)!).Distinct())
                DurableFiles.SyncDirectory(folder);
        }
        written.Clear();
    }

    /// <summary>Where the checkpoint lies, whether it is there or not.</summary>
    public string CheckpointPath => Path.Combine(directory, CheckpointName);
}
