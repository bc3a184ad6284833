using System.Numerics;
using System.Security.Cryptography;

namespace Ledger.Journal;

/// <summary>
/// The append-only tree of RFC 6962 §2.1 (RFC 9162 §2.1.1) kept as its frontier: the roots of the perfect subtrees of
/// which the tree consists, largest first, one for each set bit of its size. Appending is amortised O(1).
/// </summary>
public sealed class MerkleTree
{
    public const int HashBytes = 32;
    private const int NodeBytes = 1 + (2 * HashBytes);
    private readonly List<byte[]> frontier;

    public MerkleTree() : this(0, []) { }

    private MerkleTree(long size, List<byte[]> frontier) => (Size, this.frontier) = (size, frontier);

    /// <summary>Number of leaves.</summary>
    public long Size { get; private set; }

    /// <summary>The frontier as bytes, largest subtree first, 32 bytes each.</summary>
    public byte[] SaveFrontier() => [.. frontier.SelectMany(hash => hash)];

    public static MerkleTree Restore(long size, ReadOnlySpan<byte> saved)
    {
        if (size < 0 || saved.Length != BitOperations.PopCount((ulong)size) * HashBytes)
            throw new InvalidDataException($"a tree of {size} leaves does not have a frontier of {saved.Length} bytes");
        var hashes = new List<byte[]>();
        for (var at = 0; at < saved.Length; at += HashBytes) hashes.Add(saved.Slice(at, HashBytes).ToArray());
        return new MerkleTree(size, hashes);
    }

    /// <summary>Appends one leaf entry.</summary>
    public void Append(ReadOnlySpan<byte> entry) => AppendPerfect(LeafHash(entry), 0);

    /// <summary>Appends leaves by their hashes (<see cref="LeafHash"/>), 32 bytes each, hashing those together that
    /// make a perfect subtree.</summary>
    public void AppendHashes(ReadOnlySpan<byte> hashes)
    {
        for (int taken; !hashes.IsEmpty; hashes = hashes[(taken * HashBytes)..])
        {
            var height = BitOperations.Log2((uint)(hashes.Length / HashBytes));
            if (Size > 0) height = Math.Min(height, BitOperations.TrailingZeroCount(Size));
            taken = 1 << height;
            AppendPerfect(PerfectRoot(hashes[..(taken * HashBytes)]), height);
        }
    }

    /// <summary>Appends a perfect subtree of a height that fits to the size; each set bit of the old size from there
    /// on, up to the first that is not set, is a subtree that becomes a left sibling.</summary>
    private void AppendPerfect(byte[] hash, int height)
    {
        for (var size = Size >> height; (size & 1) == 1; size >>= 1)
        {
            hash = NodeHash(frontier[^1], hash);
            frontier.RemoveAt(frontier.Count - 1);
        }
        frontier.Add(hash);
        Size += 1L << height;
    }

    /// <summary>The root over hashes of leaves, of which there is a power of two.</summary>
    private static byte[] PerfectRoot(ReadOnlySpan<byte> hashes)
    {
        var nodes = hashes.Length / HashBytes;
        if (nodes == 1) return hashes.ToArray();
        // Node i of a level goes where the level above hashes it: 0x01, then left and right.
        var buffer = new byte[NodeBytes * nodes];
        for (var i = 0; i < nodes; i++) hashes.Slice(i * HashBytes, HashBytes).CopyTo(buffer.AsSpan(Place(0, i)));
        var pieces = new HashPiece[nodes / 2];
        for (var level = 0; nodes > 1; level += nodes / 2 * NodeBytes, nodes /= 2)
        {
            var above = level + (nodes / 2 * NodeBytes);
            for (var i = 0; i < nodes / 2; i++)
            {
                buffer[level + (i * NodeBytes)] = 1;
                pieces[i] = new(level + (i * NodeBytes), NodeBytes, Place(above, i));
            }
            Sha256Lanes.Hash(buffer, pieces.AsSpan(0, nodes / 2));
            if (nodes == 2) return buffer.AsSpan(Place(above, 0), HashBytes).ToArray();
        }
        throw new System.Diagnostics.UnreachableException();

        static int Place(int level, int node) => level + (node / 2 * NodeBytes) + 1 + (node % 2 * HashBytes);
    }

    /// <summary>The tree head: SHA-256 of nothing for the empty tree.</summary>
    public byte[] Root()
    {
        if (frontier.Count == 0) return SHA256.HashData([]);
        var root = frontier[^1];
        for (var i = frontier.Count - 2; i >= 0; i--) root = NodeHash(frontier[i], root);
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
