using System.Globalization;
using Ledger.Journal.Proof;

namespace Ledger.Journal.Verification;

/// <summary>What somebody says of the journal: that its first events have this root.</summary>
/// <param name="Place">Where it is said.</param>
public sealed record RootClaim(string Place, long Length, byte[] Root);

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
                var signers = note.SignedBy(known);
                var checkpoint = Checkpoint.Parse(note.Text);
                if (signers.All(signer => signer.Name != checkpoint.Origin))
                    findings.Add(place, $"a checkpoint of {checkpoint.Origin}",
                        $"one of {signers[0].Name}, who signed it");
                claims.Add(new(place, checkpoint.Size, checkpoint.Root));
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
        var size = SizeOf(folder);
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
            var place = $"{TransparencyLog.DirectoryName}/{tile}";
            if (!File.Exists(folder.PathOf(tile))) findings.Add(place, "no such file", "the tile");
            else if (!folder.Read(tile).AsSpan().SequenceEqual(expected))
                findings.Add(place, "other hashes", "those of the journal's leaves");
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
