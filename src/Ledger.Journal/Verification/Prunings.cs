using Ledger.Domain;

namespace Ledger.Journal.Verification;

/// <summary>What the journal says was pruned: which months, and which evidence with each.</summary>
public sealed class Prunings
{
    private readonly List<(long Position, MonthPruned Fact)> months = [];
    private readonly Dictionary<EvidenceDigest, long> prunedAt = [];
    private readonly HashSet<(EvidenceDigest Piece, long Position)> listed = [];

    /// <summary>Every month that was pruned, in order of the facts that say so.</summary>
    public IReadOnlyList<(long Position, MonthPruned Fact)> Months => months;

    /// <summary>Every piece that was pruned, and the position of the last fact that says so: what came back in between
    /// went once more.</summary>
    public IReadOnlyDictionary<EvidenceDigest, long> Pieces => prunedAt;

    /// <summary>Whether the fact at a position says that a piece was pruned.</summary>
    public bool Says(EvidenceDigest piece, long position) => listed.Contains((piece, position));

    /// <summary>Reads every pruning of a journal that was found to be sound.</summary>
    /// <param name="piecesOf">The pieces of evidence that a manifest lists.</param>
    public static async Task<Prunings> ReadAsync(
        IJournal journal, Func<EvidenceDigest, IEnumerable<EvidenceDigest>> piecesOf, CancellationToken ct)
    {
        var prunings = new Prunings();
        await foreach (var recorded in journal.ReadStreamAsync(Streams.Pruning, 0, ct).ConfigureAwait(false))
        {
            if (EventCodec.Decode(recorded) is not MonthPruned pruned) continue;
            prunings.months.Add((recorded.Position, pruned));
            foreach (var piece in pruned.Evidence is { } manifest ? piecesOf(manifest) : [])
            {
                prunings.prunedAt[piece] = recorded.Position;
                prunings.listed.Add((piece, recorded.Position));
            }
        }
        return prunings;
    }
}
