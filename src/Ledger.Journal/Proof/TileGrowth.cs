namespace Ledger.Journal.Proof;

/// <summary>
/// Grows the tiles of a tree leaf by leaf: a full tile is written once and never again, and its root is the next hash
/// of the level above. Memory is one unfinished tile a level.
/// </summary>
public sealed class TileGrowth(Action<Tile, byte[]> write)
{
    private readonly List<byte[]> entries = [];
    private readonly List<List<byte[]>> levels = [[]];

    /// <summary>Number of leaves so far.</summary>
    public long Size { get; private set; }

    /// <summary>Goes on where a tree of <paramref name="size"/> leaves was left,
    /// from the partial tiles at its edge.</summary>
    public static TileGrowth From(long size, TileContent read, Action<Tile, byte[]> write)
    {
        var growth = new TileGrowth(write) { Size = size };
        for (var (level, hashes) = (0, size); hashes > 0; (level, hashes) = (level + 1, hashes >> Tile.Height))
        {
            if (growth.levels.Count == level) growth.levels.Add([]);
            var width = (int)(hashes % Tile.FullWidth);
            if (width == 0) continue;
            var hashesThere = read(new Tile(level, hashes >> Tile.Height, width)).Chunk(MerkleTree.HashBytes).ToList();
            if (hashesThere.Count != width || hashesThere[^1].Length != MerkleTree.HashBytes)
                throw new InvalidDataException(
                    $"the partial tile at level {level} of a tree of {size} leaves is damaged");
            growth.levels[level].AddRange(hashesThere);
        }
        if (size % Tile.FullWidth is > 0 and var left)
            growth.entries.AddRange(EntryBundle.Read(read(new Tile(Tile.Entries, size >> Tile.Height, (int)left))));
        return growth;
    }

    public void Append(byte[] entry)
    {
        entries.Add(entry);
        Add(0, MerkleTree.LeafHash(entry));
        Size++;
        if (entries.Count < Tile.FullWidth) return;
        write(new Tile(Tile.Entries, (Size - 1) >> Tile.Height, Tile.FullWidth), EntryBundle.Write(entries));
        entries.Clear();
    }

    /// <summary>Writes the partial tiles at the edge, with which the tree can be read at its present size.</summary>
    public void WriteEdge()
    {
        if (entries.Count > 0)
            write(new Tile(Tile.Entries, Size >> Tile.Height, entries.Count), EntryBundle.Write(entries));
        for (var level = 0; level < levels.Count; level++)
            if (levels[level].Count > 0)
                write(new Tile(level, Size >> (level + 1) * Tile.Height, levels[level].Count), Bytes(levels[level]));
    }

    private void Add(int level, byte[] hash)
    {
        if (levels.Count == level) levels.Add([]);
        levels[level].Add(hash);
        if (levels[level].Count < Tile.FullWidth) return;
        var full = Bytes(levels[level]);
        levels[level].Clear();
        write(new Tile(level, Size >> (level + 1) * Tile.Height, Tile.FullWidth), full);
        Add(level + 1, TileHashes.RootOf(full, 0, Tile.FullWidth));
    }

    private static byte[] Bytes(List<byte[]> hashes) => [.. hashes.SelectMany(hash => hash)];
}
