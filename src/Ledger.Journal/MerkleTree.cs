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

    /// <summary>Appends one leaf entry; each trailing set bit of the old size is a subtree that becomes a left
    /// sibling.</summary>
    public void Append(ReadOnlySpan<byte> entry)
    {
        var hash = LeafHash(entry);
        for (var size = Size; (size & 1) == 1; size >>= 1)
        {
            hash = NodeHash(frontier[^1], hash);
            frontier.RemoveAt(frontier.Count - 1);
        }
        frontier.Add(hash);
        Size++;
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
