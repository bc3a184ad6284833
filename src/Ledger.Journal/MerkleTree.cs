using System.Numerics;
using System.Security.Cryptography;

namespace Ledger.Journal;

/// <summary>
/// The append-only tree of RFC 6962 §2.1 (RFC 9162 §2.1.1) kept as its frontier: the roots of the perfect subtrees of
/// which the tree consists, one for each set bit of its size. Appending is amortised O(1). For one thread at a time.
/// </summary>
public sealed class MerkleTree
{
    public const int HashBytes = 32;
    private const int NodeBytes = 1 + (2 * HashBytes);
    private const int HeightsMax = 63; // of a size of 63 bits

    // At each height the root of the perfect subtree of that height, where the size has that bit.
    private readonly byte[]?[] frontier = new byte[HeightsMax][];
    private byte[] nodes = [];
    private HashPiece[] pairs = [];

    /// <summary>Number of leaves.</summary>
    public long Size { get; private set; }

    private bool Has(int height) => (Size >> height & 1) == 1;

    /// <summary>The frontier as bytes, largest subtree first, 32 bytes each.</summary>
    public byte[] SaveFrontier()
    {
        var saved = new byte[BitOperations.PopCount((ulong)Size) * HashBytes];
        for (var (height, at) = (HeightsMax - 1, 0); height >= 0; height--)
        {
            if (!Has(height)) continue;
            frontier[height]!.CopyTo(saved, at);
            at += HashBytes;
        }
        return saved;
    }

    public static MerkleTree Restore(long size, ReadOnlySpan<byte> saved)
    {
        if (size < 0 || saved.Length != BitOperations.PopCount((ulong)size) * HashBytes)
            throw new InvalidDataException($"a tree of {size} leaves does not have a frontier of {saved.Length} bytes");
        var tree = new MerkleTree { Size = size };
        for (var height = HeightsMax - 1; height >= 0; height--)
        {
            if (!tree.Has(height)) continue;
            tree.frontier[height] = saved[..HashBytes].ToArray();
            saved = saved[HashBytes..];
        }
        return tree;
    }

    /// <summary>Appends one leaf entry. Each set bit of the size, up to the first that is not set, is a subtree that
    /// becomes a left sibling.</summary>
    public void Append(ReadOnlySpan<byte> entry)
    {
        var (hash, height) = (LeafHash(entry), 0);
        for (; Has(height); height++) hash = NodeHash(frontier[height], hash);
        frontier[height] = hash;
        Size++;
    }

    /// <summary>Appends leaves by their hashes (<see cref="LeafHash"/>), 32 bytes each: at each height all nodes are
    /// hashed together that the leaves complete there.</summary>
    public void AppendHashes(ReadOnlySpan<byte> hashes)
    {
        var added = hashes.Length / HashBytes;
        var pairsMax = added + (2 * HeightsMax); // half of the leaves, a quarter, and so on, and one of each height
        if (pairs.Length < pairsMax) (pairs, nodes) = (new HashPiece[pairsMax], new byte[pairsMax * NodeBytes]);
        var (at, count, height) = (0, Has(0) ? 1 : 0, 0);
        frontier[0]?.CopyTo(nodes, Place(at, 0));
        for (var i = 0; i < added; i++, count++)
            hashes.Slice(i * HashBytes, HashBytes).CopyTo(nodes.AsSpan(Place(at, count)));
        for (; count > 0; height++)
        {
            // Node i stands where the height above hashes it: 0x01, then left and right. A last one without its pair
            // waits in the frontier, and what waited above is the first there.
            var above = at + ((count + 1) / 2 * NodeBytes);
            var waits = Has(height + 1) ? 1 : 0;
            if (count % 2 == 1) frontier[height] = nodes.AsSpan(Place(at, count - 1), HashBytes).ToArray();
            if (count < 2) break;
            if (waits == 1) frontier[height + 1]!.CopyTo(nodes, Place(above, 0));
            for (var i = 0; i < count / 2; i++)
            {
                nodes[at + (i * NodeBytes)] = 1;
                pairs[i] = new(at + (i * NodeBytes), NodeBytes, Place(above, waits + i));
            }
            Sha256Lanes.Hash(nodes, pairs.AsSpan(0, count / 2));
            (at, count) = (above, waits + (count / 2));
        }
        Size += added;

        static int Place(int level, int node) => level + (node / 2 * NodeBytes) + 1 + (node % 2 * HashBytes);
    }

    /// <summary>The tree head: SHA-256 of nothing for the empty tree.</summary>
    public byte[] Root()
    {
        if (Size == 0) return SHA256.HashData([]);
        var lowest = BitOperations.TrailingZeroCount(Size);
        var root = frontier[lowest]!;
        for (var height = lowest + 1; height < HeightsMax; height++)
            if (Has(height)) root = NodeHash(frontier[height], root);
        return root;
    }

    /// <summary>SHA-256(0x00 ‖ entry).</summary>
    public static byte[] LeafHash(ReadOnlySpan<byte> entry)
    {
        var input = entry.Length < 256 ? stackalloc byte[entry.Length + 1] : new byte[entry.Length + 1];
        input[0] = 0;
        entry.CopyTo(input[1..]);
        return SHA256.HashData(input);
    }

    /// <summary>SHA-256(0x01 ‖ left ‖ right).</summary>
    public static byte[] NodeHash(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        Span<byte> input = stackalloc byte[1 + 2 * HashBytes + 64];
        if (left.Length + right.Length + 1 > input.Length) throw new ArgumentException("a node has two hashes");
        input[0] = 1;
        left.CopyTo(input[1..]);
        right.CopyTo(input[(1 + left.Length)..]);
        return SHA256.HashData(input[..(1 + left.Length + right.Length)]);
    }
}
