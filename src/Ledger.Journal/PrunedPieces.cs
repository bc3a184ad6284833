using System.Diagnostics.CodeAnalysis;
using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>What of an archive was ever pruned, each piece with the positions of the facts that say so, in their order:
/// one that came back goes once more, by a later fact.</summary>
internal sealed class PrunedPieces
{
    private readonly Dictionary<EvidenceDigest, List<long>> facts = [];

    public bool IsEmpty => facts.Count == 0;

    /// <summary>Each piece with the fact that pruned it last.</summary>
    public IEnumerable<(EvidenceDigest Piece, long LastBy)> All => facts.Select(piece => (piece.Key, piece.Value[^1]));

    public void Add(EvidenceDigest piece, long by)
    {
        if (!facts.TryGetValue(piece, out var known)) facts[piece] = known = [];
        if (!known.Contains(by)) known.Add(by);
    }

    public bool WasPrunedBy(EvidenceDigest piece, long by) => Of(piece, out var known) && known.Contains(by);

    public bool WasPrunedBefore(EvidenceDigest piece, long position) => Of(piece, out var known) && known[0] < position;

    private bool Of(EvidenceDigest piece, [NotNullWhen(true)] out List<long>? known) =>
        facts.TryGetValue(piece, out known);
}
