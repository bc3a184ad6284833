using System.Buffers.Binary;
using Ledger.Journal.Proof;

namespace Ledger.Tests;

/// <summary>A tree whose entry i is the number i, grown in memory: every tile that was ever written,
/// by its path.</summary>
internal sealed class GrownTree
{
    private readonly TileGrowth growth;

    public GrownTree(long size)
    {
        growth = new TileGrowth((tile, content) => Files[$"{tile}"] = content);
        GrowTo(size);
    }

    public Dictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal);
    public long Size => growth.Size;

    public static byte[] Entry(long index)
    {
        var entry = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(entry, index);
        return entry;
    }

    public void GrowTo(long size)
    {
        for (var index = growth.Size; index < size; index++) growth.Append(Entry(index));
        growth.WriteEdge();
    }

    /// <summary>
    /// The tree at an earlier size, of which only the full tiles are left:
    /// a partial tile is the beginning of a wider one.
    /// </summary>
    public TileHashes At(long size) => new(size, tile => Files.TryGetValue($"{tile}", out var content)
        ? content
        : Files[$"{Tile.Holding(tile.Level * Tile.Height, tile.Number << Tile.Height, Size)}"][..(tile.Width * 32)]);
}
