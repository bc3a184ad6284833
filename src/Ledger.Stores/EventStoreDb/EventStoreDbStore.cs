using Ledger.Journal;
using NodaTime;

namespace Ledger.Stores.EventStoreDb;

/// <summary>
/// The ledger's stream as its writer sees it: a batch is one append, which the server keeps whole or not at all. The
/// next batch is filled while the server writes one, and is sent to it as it is filled: when its turn comes the server
/// has read it.
/// </summary>
internal sealed class EventStoreDbStore(LedgerStream stream, LedgerFold fold) : IJournalStore
{
    /// <summary>Events that are read for a repeat: what is sent again comes in the order of the first time.</summary>
    private const int RepeatedPage = 64;
    private readonly Dictionary<long, StoredEvent> page = [];
    private Batch filling = new(stream), before = new(stream);

    private sealed class Batch(LedgerStream stream)
    {
        private readonly Dictionary<EventId, int> indices = [];
        public List<EventData> Proposed { get; } = [];
        public List<PlacedEvent> Placed { get; } = [];
        public EventStoreClient.StartedAppend? Started { get; private set; }

        public void Add(in PlacedEvent placed)
        {
            if (Placed.Count == 0) Started = stream.TryBegin(placed.Position);
            indices[placed.Envelope.Id] = Placed.Count;
            Placed.Add(placed);
            var proposed = LedgerStream.Proposed(placed);
            Proposed.Add(proposed);
            Started?.Add(proposed);
        }

        public StoredEvent? Find(EventId id) => indices.TryGetValue(id, out var index)
            ? new(Placed[index].Position, Placed[index].Header, Placed[index].Payload) : null;
    }

    public void Begin() => (filling, before) = (new(stream), filling);

    /// <summary>What the batch before has may not be in the index yet.</summary>
    public StoredEvent? Find(EventId id) => filling.Find(id) ?? before.Find(id)
        ?? (fold.Find(id) is { } position ? At(position) : null);

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

    public void Insert(in PlacedEvent placed) => filling.Add(placed);

    public async Task CommitAsync(MerkleTree tree, Instant recordedAt)
    {
        var batch = filling;
        if (batch.Placed.Count == 0) return;
        await stream.AppendAsync(batch.Placed[0].Position, batch.Proposed, batch.Started, CancellationToken.None)
            .ConfigureAwait(false);
        foreach (var placed in batch.Placed) fold.Place(placed.Envelope, placed.Position);
    }
}
