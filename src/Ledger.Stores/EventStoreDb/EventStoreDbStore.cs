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
    private (byte[] Frontier, Instant RecordedAt)? due; // what the folder is to keep when the batch is answered

    private sealed class Batch(LedgerStream stream)
    {
        public PlacedBatch Placed { get; } = new();
        public LedgerStream.Started? Started { get; private set; }

        public void Add(in PlacedEvent placed)
        {
            if (Placed.Count == 0) Started = stream.TryBegin(placed.Position);
            Placed.Add(placed);
            Started?.Add(placed);
        }
    }

    public void Begin() => (filling, before) = (new(stream), filling);

    /// <summary>What the batch before has may not be in the index yet.</summary>
    public StoredEvent? Find(EventId id) => filling.Placed.Find(id) ?? before.Placed.Find(id)
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
        var written = stream.AppendAsync(batch.Placed.All, batch.Started, CancellationToken.None);
        // While the server writes: readers ask for nothing that is not acknowledged, and where it fails for nothing at
        // all.
        fold.Place(batch.Placed.All);
        due = fold.IsKeepingDue ? (tree.SaveFrontier(), recordedAt) : null;
        await written.ConfigureAwait(false);
    }

    public Task TidyAsync()
    {
        if (due is var (frontier, highest)) fold.Keep(frontier, highest);
        due = null;
        return Task.CompletedTask;
    }
}
