using System.Globalization;
using Ledger.Journal.Proof;

namespace Ledger.Journal.Verification;

/// <summary>What somebody says of the journal: that its first events have this root.</summary>
/// <param name="Place">Where it is said.</param>
/// <param name="Signers">Who signed it, where it is a checkpoint.</param>
public sealed record RootClaim(string Place, long Length, byte[] Root, CheckpointSigners? Signers = null);

/// <summary>
/// Verifies what the ledger has signed and published: every checkpoint's signature and text, and every tile against the
/// leaves. A checkpoint that somebody kept elsewhere stands beside the ledger's own: it is how a rewritten history is
/// found even where the ledger's key was used to sign it again.
/// </summary>
public static class LogVerification
{
    /// <summary>The claims of all checkpoints whose signatures hold.</summary>
    /// <param name="known">The keys that may have signed: the auditor's own where there are any,
    /// else the ledger's.</param>
    /// <param name="kept">The name and the bytes of a checkpoint that the auditor kept.</param>
    public static IReadOnlyList<RootClaim> Checkpoints(
        string directory, IReadOnlyCollection<VerifierKey> known, (string Name, byte[] Note)? kept, Findings findings)
    {
        var claims = new List<RootClaim>();
        var store = new CheckpointStore(directory);
        foreach (var size in store.Sizes)
            Add($"{CheckpointStore.DirectoryName}/{Text(size)}", () => store.Read(size));
        var published = new TileFolder(Path.Combine(directory, TransparencyLog.DirectoryName));
        if (File.Exists(published.CheckpointPath))
            Add($"{TransparencyLog.DirectoryName}/{TileFolder.CheckpointName}", () => published.Checkpoint()!);
        if (kept is { } own) Add(own.Name, () => SignedNote.Parse(own.Note));
        return claims;

        void Add(string place, Func<SignedNote> read)
        {
            try
            {
                var note = read();
                var signers = CheckpointSigners.Of(note, known);
                var checkpoint = Checkpoint.Parse(note.Text);
                claims.Add(new(place, checkpoint.Size, checkpoint.Root, signers));
            }
            catch (NoteRefusedException refused)
            {
                findings.Add(place, refused.Message, "a signed checkpoint of this ledger");
            }
        }
    }

    /// <summary>
    /// Compares every published tile with the leaves of the journal, and returns how many there are.
    /// The leaves come from a journal that was hashed before.
    /// </summary>
    public static long Tiles(string directory, IEnumerable<byte[]> leafEntries, Findings findings, CancellationToken ct)
    {
        var folder = new TileFolder(Path.Combine(directory, TransparencyLog.DirectoryName));
        return Tiles($"{TransparencyLog.DirectoryName}/", SizeOf(folder), folder.Find, leafEntries, findings, ct);
    }

    /// <summary>Compares every tile of a tree with the leaves that it should have, and returns how many there
    /// are.</summary>
    /// <param name="prefix">What stands before a tile's path where it is named.</param>
    /// <param name="find">A tile as it is published; null where it is not.</param>
    public static long Tiles(string prefix, long size, Func<Tile, byte[]?> find, IEnumerable<byte[]> leafEntries,
        Findings findings, CancellationToken ct)
    {
        if (size == 0) return 0;
        var tiles = 0L;
        var growth = new TileGrowth(Compare);
        foreach (var entry in leafEntries)
        {
            if (growth.Size == size) break;
            growth.Append(entry);
        }
        growth.WriteEdge();
        return tiles;

        void Compare(Tile tile, byte[] expected)
        {
            ct.ThrowIfCancellationRequested();
            tiles++;
            if (find(tile) is not { } found) findings.Add($"{prefix}{tile}", "no such file", "the tile");
            else if (!found.AsSpan().SequenceEqual(expected))
                findings.Add($"{prefix}{tile}", "other hashes", "those of the journal's leaves");
        }
    }

    private static long SizeOf(TileFolder folder)
    {
        try
        {
            return folder.Checkpoint() is { } note ? Checkpoint.Parse(note.Text).Size : 0;
        }
        catch (NoteRefusedException)
        {
            return 0; // of which the checkpoints' own step has told
        }
    }

    private static string Text(long size) => size.ToString(CultureInfo.InvariantCulture);
}
