using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Months;

/// <summary>
/// The evidence on which facts rest, each piece once: what a fact names, and for an interval record each piece that its
/// manifest lists. Thousands of records name one file, which is opened for the first of them only. What a fact only
/// shows does not stand for what another was made of.
/// </summary>
/// <param name="evidence">The bytes of a digest; null where they are not there.</param>
internal sealed class RestingEvidence(Func<EvidenceDigest, byte[]?> evidence)
{
    private readonly HashSet<EvidenceDigest> seen = [], listed = [];

    /// <summary>The pieces of a fact that no fact before rested on.</summary>
    public IReadOnlyList<EvidenceDigest> NotYetSeen(LedgerEvent fact)
    {
        var named = NamedEvidence.AllOf(fact);
        var pieces = fact is IntervalRecorded && listed.Add(named[0]) && evidence(named[0]) is { } bytes
            ? EvidenceManifest.Listed(named[0], bytes) : [];
        return NamedEvidence.IsShownBy(fact) ? [.. named.Where(digest => !seen.Contains(digest))]
            : [.. named.Concat(pieces).Where(seen.Add)];
    }
}
