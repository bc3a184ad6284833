using Ledger.Journal;

namespace Ledger.Stores.Postgres;

/// <summary>
/// Which ids cannot be in the journal, without a question to the server. An id begins with its fact's valid time, and
/// facts are recorded more or less in the order of time: what is later than every event but the newest ones is stored
/// only where it is one of these, and their ids are kept. For one thread at a time.
/// </summary>
/// <param name="latest">The highest id that is stored; null where none is.</param>
/// <param name="keptMin">How many of the newest events' ids are kept at least; twice as many are at most.</param>
public sealed class RecentIds(EventId? latest, int keptMin = 1 << 15)
{
    // Ids are let go of by the set: to take them out one by one costs more than all the rest.
    private HashSet<EventId> newest = [], before = [];
    private UInt128 highestOfNewest, highestOfBefore;
    private UInt128 highestBefore = latest?.Value ?? 0; // of the events whose ids are not kept
    private UInt128 highest = latest?.Value ?? 0; // of all

    /// <summary>False where no event has this id.</summary>
    public bool MayBeStored(EventId id) => id.Value <= highest
        && (id.Value <= highestBefore || newest.Contains(id) || before.Contains(id));

    /// <summary>Takes the id of the next event.</summary>
    public void Add(EventId id)
    {
        if (newest.Count >= keptMin)
        {
            highestBefore = UInt128.Max(highestBefore, highestOfBefore);
            (newest, before, highestOfBefore, highestOfNewest) = (before, newest, highestOfNewest, 0);
            newest.Clear();
        }
        newest.Add(id);
        highestOfNewest = UInt128.Max(highestOfNewest, id.Value);
        highest = UInt128.Max(highest, id.Value);
    }
}
