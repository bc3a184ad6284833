using Ledger.Domain;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// Settlement points whose master data have become others since the streams were opened, the last of them by name:
/// whoever has announced points hears from it which of them to look at again, and asks nothing for his frames.
/// </summary>
public sealed class PointChanges
{
    /// <summary>Changes that are known by name.</summary>
    public const int NamedMax = 4096;

    private readonly SettlementPointId[] named = new SettlementPointId[NamedMax];
    private readonly Lock gate = new();
    private long count;

    /// <summary>How many changes there were.</summary>
    public long Count => Volatile.Read(ref count);

    /// <summary>A point has other master data.</summary>
    public void Add(SettlementPointId point)
    {
        lock (gate)
        {
            named[count % NamedMax] = point;
            Volatile.Write(ref count, count + 1);
        }
    }

    /// <summary>The points that changed after so many changes, some perhaps more than once; null where they are too
    /// many to be known.</summary>
    public IReadOnlyList<SettlementPointId>? Since(long seen)
    {
        lock (gate)
        {
            if (count - seen > NamedMax) return null;
            var changed = new List<SettlementPointId>();
            for (var i = seen; i < count; i++) changed.Add(named[i % NamedMax]);
            return changed;
        }
    }
}
