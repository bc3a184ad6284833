using System.Diagnostics;

namespace Ledger.Journal.Proof;

/// <summary>
/// How a checkpoint that somebody sees now stands to the one that they kept of the same log. Only the tiles of the
/// larger tree are needed, and of them one path.
/// </summary>
public abstract record LogContinuation
{
    private LogContinuation() { }

    /// <summary>Nothing was kept before.</summary>
    public sealed record First : LogContinuation;
    /// <summary>The same size and root.</summary>
    public sealed record Unchanged : LogContinuation;
    /// <summary>It is proven to begin with the one that was kept.</summary>
    public sealed record Continued(IReadOnlyList<byte[]> Proof) : LogContinuation;
    /// <summary>It has fewer leaves than were signed before.</summary>
    public sealed record Shrunk : LogContinuation;
    /// <summary>Two histories under one signature.</summary>
    /// <param name="Root">The root that the tree of now has at the size that was kept.</param>
    public sealed record Forked(byte[] Root) : LogContinuation;
    /// <summary>It is another log's.</summary>
    public sealed record AnotherLog : LogContinuation;
    /// <summary>The tiles are not those of the checkpoint, so nothing can be proven by them.</summary>
    public sealed record NotItsTiles(byte[] Root) : LogContinuation;

    /// <summary>Whether the log did what a log may do.</summary>
    public bool IsSound => this is First or Unchanged or Continued;

    /// <summary>One word for lines and programs.</summary>
    public string Word => this switch
    {
        First => "FIRST",
        Unchanged => "UNCHANGED",
        Continued => "CONTINUED",
        Shrunk => "SHRUNK",
        Forked => "FORK",
        AnotherLog => "ANOTHER LOG",
        NotItsTiles => "DAMAGED",
        _ => throw new UnreachableException(),
    };

    /// <param name="kept">The largest checkpoint that was kept; null before the first.</param>
    /// <param name="tree">The tiles of <paramref name="seen"/>.</param>
    public static LogContinuation Of(Checkpoint? kept, Checkpoint seen, TileHashes tree)
    {
        if (kept is not null)
        {
            if (kept.Origin != seen.Origin) return new AnotherLog();
            if (kept.Size > seen.Size) return new Shrunk();
            if (kept.Size == seen.Size && !kept.Root.AsSpan().SequenceEqual(seen.Root)) return new Forked(seen.Root);
        }
        if (tree.Root() is var root && !root.AsSpan().SequenceEqual(seen.Root)) return new NotItsTiles(root);
        if (kept is null) return new First();
        if (kept.Size == seen.Size) return new Unchanged();
        var proof = MerkleProof.Consistency(kept.Size, seen.Size, tree.At);
        return MerkleVerification.IsConsistent(kept.Size, seen.Size, proof, kept.Root, seen.Root)
            ? new Continued(proof)
            : new Forked(MerkleProof.Root(kept.Size, tree.At));
    }
}
