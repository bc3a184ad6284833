using System.Numerics;
using System.Security.Cryptography;

namespace Ledger.Journal.Proof;

/// <summary>The hash of a perfect subtree: MTH(D[index·2^level : (index+1)·2^level]).
/// Level 0 is a leaf's hash.</summary>
public delegate byte[] SubtreeHash(int level, long index);

/// <summary>
/// Roots and proofs of the tree at any size that it ever had, from the hashes of its perfect subtrees: RFC 6962 §2.1.
/// D[n] are the leaves, MTH a subtree's root, k the largest power of two below the number of leaves.
/// </summary>
public static class MerkleProof
{
    /// <summary>MTH(D[0:size]): the root at that size; SHA-256 of nothing for the empty tree.</summary>
    public static byte[] Root(long size, SubtreeHash at) => size switch
    {
        < 0 => throw new ArgumentOutOfRangeException(nameof(size), "a tree has no leaf or more"),
        0 => SHA256.HashData([]),
        _ => Root(0, size, at),
    };

    /// <summary>PATH(index, D[size]), RFC 6962 §2.1.1: the sibling of the leaf first.</summary>
    public static IReadOnlyList<byte[]> Inclusion(long index, long size, SubtreeHash at)
    {
        if (index < 0 || index >= size)
            throw new ArgumentOutOfRangeException(nameof(index), $"a tree of {size} leaves has no leaf {index}");
        var path = new List<byte[]>();
        Path(index, 0, size, at, path);
        return path;
    }

    /// <summary>PROOF(oldSize, D[size]), RFC 6962 §2.1.2:
    /// that the smaller tree is the beginning of the larger.</summary>
    public static IReadOnlyList<byte[]> Consistency(long oldSize, long size, SubtreeHash at)
    {
        if (oldSize < 0 || oldSize > size)
            throw new ArgumentOutOfRangeException(nameof(oldSize), $"a tree of {size} leaves never had {oldSize}");
        var proof = new List<byte[]>();
        if (oldSize > 0) Subproof(oldSize, 0, size, true, at, proof); // every tree begins with the empty one
        return proof;
    }

    private static void Path(long index, long start, long end, SubtreeHash at, List<byte[]> path)
    {
        if (end - start == 1) return;
        var split = Split(start, end);
        if (index < split)
        {
            Path(index, start, split, at, path);
            path.Add(Root(split, end, at));
        }
        else
        {
            Path(index, split, end, at, path);
            path.Add(Root(start, split, at));
        }
    }

    /// <param name="known">Whether this subtree is the whole old tree, whose root the verifier has.</param>
    private static void Subproof(long oldSize, long start, long end, bool known, SubtreeHash at, List<byte[]> proof)
    {
        if (oldSize == end)
        {
            if (!known) proof.Add(Root(start, end, at));
            return;
        }
        var split = Split(start, end);
        if (oldSize <= split)
        {
            Subproof(oldSize, start, split, known, at, proof);
            proof.Add(Root(split, end, at));
        }
        else
        {
            Subproof(oldSize, split, end, false, at, proof);
            proof.Add(Root(start, split, at));
        }
    }

    /// <summary>MTH(D[start:end]). The splits leave every range aligned,
    /// so that its perfect subtrees are those of the tree.</summary>
    private static byte[] Root(long start, long end, SubtreeHash at)
    {
        var leaves = end - start;
        if (BitOperations.IsPow2(leaves))
        {
            var level = BitOperations.Log2((ulong)leaves);
            return at(level, start >> level);
        }
        var split = Split(start, end);
        return MerkleTree.NodeHash(Root(start, split, at), Root(split, end, at));
    }

    /// <summary>Start plus k, the largest power of two below the number of leaves.</summary>
    private static long Split(long start, long end) => start + (1L << BitOperations.Log2((ulong)(end - start - 1)));
}
