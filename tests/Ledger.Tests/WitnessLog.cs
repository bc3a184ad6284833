using Ledger.Journal.Proof;

namespace Ledger.Tests;

/// <summary>A log for witnesses: trees of numbers that share their first leaves, signed by one key, as whoever stole it
/// could sign them.</summary>
internal sealed class WitnessLog
{
    public const string Origin = "ledger.example/test";
    /// <summary>Leaves that both histories have.</summary>
    public const int Shared = 5;
    public static readonly SignerKey Key = new(Origin, [.. Enumerable.Range(0, 32).Select(i => (byte)i)]);

    private readonly Dictionary<string, byte[]> files = new(StringComparer.Ordinal);
    private readonly long size;

    /// <param name="history">Which of the histories that differ after the shared leaves.</param>
    public WitnessLog(int history = 0, long size = 300)
    {
        this.size = size;
        var growth = new TileGrowth((tile, content) => files[$"{tile}"] = content);
        for (var index = 0L; index < size; index++)
            growth.Append(GrownTree.Entry(index < Shared ? index : index + 1_000_000L * history));
        growth.WriteEdge();
    }

    private TileHashes At(long at) => new(at, tile => files[$"{Tile.Holding(tile.Level * Tile.Height,
        tile.Number << Tile.Height, size)}"][..(tile.Width * 32)]);

    public byte[] Root(long at) => At(at).Root();

    public SignedNote Note(long at, SignerKey? key = null) =>
        SignedNote.Sign(new Checkpoint(Origin, at, Root(at)).ToText(), key ?? Key);

    public AddCheckpointRequest Request(long old, long at) =>
        new(old, MerkleProof.Consistency(old, at, At(at).At), Note(at));
}
