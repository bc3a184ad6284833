using System.Numerics;
using System.Text;
using Ledger.Journal;
using Ledger.Journal.Proof;

namespace Ledger.Cli.Lines;

/// <summary>
/// The tree of RFC 6962 §2.1 over the texts of a statement's lines, or over the first of them: its root is the run's
/// linesRoot, and a line's path in it proves the line, and every line before it, to be the run's.
/// </summary>
internal sealed class LinesTree
{
    /// <summary>The hashes of perfect subtrees, by level; the last of a level may have no neighbour.</summary>
    private readonly List<byte[][]> levels = [];

    public LinesTree(IReadOnlyList<string> texts)
    {
        levels.Add([.. texts.Select(text => MerkleTree.LeafHash(Encoding.UTF8.GetBytes(text)))]);
        while (levels[^1].Length > 1)
            levels.Add([.. levels[^1].Chunk(2).Where(pair => pair.Length == 2)
                .Select(pair => MerkleTree.NodeHash(pair[0], pair[1]))]);
    }

    public long Size => levels[0].Length;

    public byte[] Root => MerkleProof.Root(Size, At);

    /// <summary>The path of the line at an index, from 0 on, in the tree of all lines.</summary>
    public IReadOnlyList<byte[]> Inclusion(int index) => MerkleProof.Inclusion(index, Size, At);

    /// <summary>
    /// Whether these texts are the first of so many with this root, by the path of the last of them. What stands left
    /// of it in the path is over the texts before it, so those are proven with it.
    /// </summary>
    public bool IsBeginningOf(long size, byte[] root, IReadOnlyList<byte[]> path)
    {
        if (Size == 0 || !MerkleVerification.Includes(Size - 1, size, levels[0][^1], path, root)) return false;
        var lefts = new List<(int Level, long Index)?>();
        Lefts(Size - 1, 0, size, lefts);
        for (var i = 0; i < lefts.Count; i++)
            if (lefts[i] is var (level, index) && !At(level, index).AsSpan().SequenceEqual(path[i])) return false;
        return true;
    }

    /// <summary>Each neighbour in a path, the leaf's first: the subtree that lies left of it, else nothing.</summary>
    private static void Lefts(long index, long start, long end, List<(int Level, long Index)?> lefts)
    {
        if (end - start == 1) return;
        var level = BitOperations.Log2((ulong)(end - start - 1));
        var split = start + (1L << level);
        Lefts(index, index < split ? start : split, index < split ? split : end, lefts);
        lefts.Add(index < split ? null : (level, start >> level));
    }

    private byte[] At(int level, long index) => levels[level][index];
}
