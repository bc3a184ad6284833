using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Api;

/// <summary>
/// The evidence that the last facts of a journal name. When a ledger is opened it has to be there, whole: evidence is
/// durable before its fact, so what is missing was lost since, and going on would hide that. What facts only show is
/// not asked for: it came in with others.
/// </summary>
internal static class LastEvidence
{
    /// <summary>As many as the writer puts into two full batches.</summary>
    private const int EventsMax = 2048;

    /// <summary>Each piece once, that of the latest fact first.</summary>
    public static IReadOnlyList<EvidenceDigest> NamedIn(IJournal journal)
    {
        var named = new List<EvidenceDigest>();
        foreach (var recorded in journal.ReadAllAsync(Math.Max(0, journal.Length - EventsMax), CancellationToken.None)
            .ToBlockingEnumerable())
            try
            {
                var fact = EventCodec.Decode(recorded);
                if (!NamedEvidence.IsShownBy(fact)) named.AddRange(NamedEvidence.AllOf(fact));
            }
            catch (Exception unreadable) when (unreadable is UnknownWireNameException or PoisonEventException)
            {
                // Whoever reads the fact tells of it; what it names cannot be known here.
            }
        named.Reverse();
        return [.. named.Distinct()];
    }
}
