using Ledger.Journal;

namespace Ledger.Stores.Postgres;

/// <summary>
/// Which ids cannot be in the journal, without a question to the server. An id begins with its fact's valid time, and
/// facts are recorded more or less in the order of time: what is later than every event but the newest ones is stored
/// only where it is one of these, and their ids are kept. For one thread at a time.
/// </summary>
/// <param name="latest">The highest id that is stored; null where none is.</param>
/// <param name="keptMax">How many of the newest events' ids are kept.</param>
public sealed class RecentIds(EventId? latest, int keptMax = 1 << 16)
{
    private readonly HashSet<EventId> kept = [];
    private readonly Queue<EventId> inOrder = new();
    private UInt128 highestBefore = latest?.Value ?? 0; // of the events whose ids are not kept

    /// <summary>False where no event has this id.</summary>
    public bool MayBeStored(EventId id) => id.Value <= highestBefore || kept.Contains(id);

    /// <summary>Takes the id of the next event.</summary>
    public void Add(EventId id)
    {
        kept.Add(id);
        inOrder.Enqueue(id);
        if (inOrder.Count <= keptMax) return;
        var oldest = inOrder.Dequeue();
        kept.Remove(oldest);
        highestBefore = UInt128.Max(highestBefore, oldest.Value);
    }
}
