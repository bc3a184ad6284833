namespace Ledger.Journal.Proof;

/// <summary>The content of a published tile, as it lies on a disk or a server.</summary>
public delegate byte[] TileContent(Tile tile);

/// <summary>
/// The hashes of a tree of one size, read from its tiles. A tile has only every eighth level of the tree; the levels
/// between are hashed from it. The latest tile of each level is kept, because a proof asks for its neighbours next.
/// </summary>
public sealed class TileHashes(long treeSize, TileContent read)
{
    private readonly Dictionary<int, (Tile Tile, byte[] Content)> latest = [];

    /// <summary>The root at the size of these tiles.</summary>
    public byte[] Root() => MerkleProof.Root(treeSize, At);

    /// <summary>A <see cref="SubtreeHash"/> of every perfect subtree that lies within the tree.</summary>
    public byte[] At(int level, long index)
    {
        var tile = Tile.Holding(level, index, treeSize);
        var within = level % Tile.Height;
        var first = (int)((index << within) - (tile.Number << Tile.Height));
        if (first + (1 << within) > tile.Width)
            throw new ArgumentOutOfRangeException(nameof(index),
                $"a tree of {treeSize} leaves has no whole subtree {index} at level {level}");
        return RootOf(Content(tile), first, 1 << within);
    }

    /// <summary>The root over a power of two of hashes that lie one after the other.</summary>
    internal static byte[] RootOf(ReadOnlySpan<byte> hashes, int first, int count) => count == 1
        ? hashes.Slice(first * MerkleTree.HashBytes, MerkleTree.HashBytes).ToArray()
        : MerkleTree.NodeHash(RootOf(hashes, first, count / 2), RootOf(hashes, first + count / 2, count / 2));

    private byte[] Content(Tile tile)
    {
        if (latest.TryGetValue(tile.Level, out var kept) && kept.Tile == tile) return kept.Content;
        var content = read(tile);
        if (content.Length != tile.Width * MerkleTree.HashBytes)
            throw new InvalidDataException(
                $"{tile} has {content.Length} bytes, not {tile.Width * MerkleTree.HashBytes}");
        latest[tile.Level] = (tile, content);
        return content;
    }
}
