using Ledger.Journal;
using NodaTime;

namespace Ledger.Stores.EventStoreDb;

/// <summary>
/// The ledger's stream as its writer sees it: a batch is one append, which the server keeps whole or not at all. Runs
/// on the writer's own thread, which waits for the server.
/// </summary>
internal sealed class EventStoreDbStore(LedgerStream stream, LedgerFold fold) : IJournalStore
{
    /// <summary>Events that are read for a repeat: what is sent again comes in the order of the first time.</summary>
    private const int RepeatedPage = 64;
    private readonly List<EventData> proposed = [];
    private readonly List<PlacedEvent> batch = [];
    private readonly Dictionary<EventId, int> inBatch = [];
    private readonly Dictionary<long, StoredEvent> page = [];

    public void Begin()
    {
        proposed.Clear();
        batch.Clear();
        inBatch.Clear();
    }

    public StoredEvent? Find(EventId id)
    {
        if (inBatch.TryGetValue(id, out var index))
            return new(batch[index].Position, batch[index].Header, batch[index].Payload);
        return fold.Find(id) is { } position ? At(position) : null;
    }

    private StoredEvent At(long position)
    {
        if (page.TryGetValue(position, out var known)) return known;
        page.Clear();
        foreach (var stored in stream.ReadAsync(position, RepeatedPage, CancellationToken.None).ToBlockingEnumerable())
            page[stored.Position] = stored;
        return page.TryGetValue(position, out var read)
            ? read
            : throw new JournalRefusedException($"position {position} of stream {stream.Name} is missing");
    }

    public void Insert(in PlacedEvent placed)
    {
        inBatch[placed.Envelope.Id] = batch.Count;
        batch.Add(placed);
        proposed.Add(LedgerStream.Proposed(placed));
    }

    public void Commit(MerkleTree tree, Instant recordedAt)
    {
        if (batch.Count == 0) return;
        stream.AppendAsync(batch[0].Position, proposed, CancellationToken.None).GetAwaiter().GetResult();
        foreach (var placed in batch) fold.Place(placed.Envelope, placed.Position);
    }
}
