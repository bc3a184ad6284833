using System.Numerics;

namespace Ledger.Journal.Proof;

/// <summary>
/// Whether a proof proves: RFC 9162 §2.1.3.2 and §2.1.4.2, step by step. The size is not in a leaf's path: it is
/// believed because a checkpoint signs it together with the root.
/// </summary>
public static class MerkleVerification
{
    /// <summary>Whether the leaf with this hash is leaf <paramref name="index"/> of the tree of this size and
    /// root.</summary>
    public static bool Includes(long index, long size, byte[] leafHash, IReadOnlyList<byte[]> proof, byte[] root)
    {
        if (index < 0 || index >= size || !AreHashes([leafHash, root, .. proof])) return false;
        var (fn, sn, hash) = (index, size - 1, leafHash);
        foreach (var p in proof)
        {
            if (sn == 0) return false;
            if ((fn & 1) == 1 || fn == sn)
            {
                hash = MerkleTree.NodeHash(p, hash);
                while ((fn & 1) == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1);
            }
            else
            {
                hash = MerkleTree.NodeHash(hash, p);
            }
            (fn, sn) = (fn >> 1, sn >> 1);
        }
        return sn == 0 && hash.AsSpan().SequenceEqual(root);
    }

    /// <summary>Whether the tree of <paramref name="oldSize"/> and its root is the beginning of the tree of this size
    /// and root.</summary>
    public static bool IsConsistent(long oldSize, long size, IReadOnlyList<byte[]> proof, byte[] oldRoot, byte[] root)
    {
        if (oldSize < 0 || oldSize > size || !AreHashes([oldRoot, root, .. proof])) return false;
        if (oldSize == size) return proof.Count == 0 && oldRoot.AsSpan().SequenceEqual(root);
        if (oldSize == 0) return proof.Count == 0 && oldRoot.AsSpan().SequenceEqual(new MerkleTree().Root());
        if (proof.Count == 0) return false;
        // Where the old tree is perfect its root is the first hash, and the proof leaves it out.
        IEnumerable<byte[]> path = BitOperations.IsPow2(oldSize) ? [oldRoot, .. proof] : proof;
        var (fn, sn) = (oldSize - 1, size - 1);
        while ((fn & 1) == 1) (fn, sn) = (fn >> 1, sn >> 1);
        var first = path.First();
        var (oldHash, hash) = (first, first);
        foreach (var c in path.Skip(1))
        {
            if (sn == 0) return false;
            if ((fn & 1) == 1 || fn == sn)
            {
                (oldHash, hash) = (MerkleTree.NodeHash(c, oldHash), MerkleTree.NodeHash(c, hash));
                while ((fn & 1) == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1);
            }
            else
            {
                hash = MerkleTree.NodeHash(hash, c);
            }
            (fn, sn) = (fn >> 1, sn >> 1);
        }
        return sn == 0 && oldHash.AsSpan().SequenceEqual(oldRoot) && hash.AsSpan().SequenceEqual(root);
    }

    private static bool AreHashes(ReadOnlySpan<byte[]> hashes)
    {
        foreach (var hash in hashes)
            if (hash.Length != MerkleTree.HashBytes) return false;
        return true;
    }
}
