using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Months;

/// <summary>
/// The evidence on which facts rest, each piece once: what a fact names, and for an interval record each piece that its
/// manifest lists. Thousands of records name one file, which is opened for the first of them only.
/// </summary>
/// <param name="evidence">The bytes of a digest; null where they are not there.</param>
internal sealed class RestingEvidence(Func<EvidenceDigest, byte[]?> evidence)
{
    private readonly HashSet<EvidenceDigest> seen = [], listed = [];

    /// <summary>The pieces of a fact that no fact before rested on.</summary>
    public IReadOnlyList<EvidenceDigest> NotYetSeen(LedgerEvent fact)
    {
        if (NamedEvidence.Of(fact) is not { } named) return [];
        var pieces = fact is IntervalRecorded && listed.Add(named) && evidence(named) is { } bytes
            ? EvidenceManifest.Listed(named, bytes) : [];
        return [.. pieces.Prepend(named).Where(seen.Add)];
    }
}
