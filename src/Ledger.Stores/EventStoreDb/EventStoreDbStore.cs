using System.Collections.Concurrent;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Stores.EventStoreDb;

/// <summary>
/// The ledger's stream as its writer sees it: a batch is one append, which the server keeps whole or not at all. The
/// next batch is filled while the server writes one, and is sent to it as it is filled: when its turn comes the server
/// has read it.
/// </summary>
/// <remarks>
/// Of two batches that are to be committed the second one's last part leaves when the first one's answer has come, and
/// before anybody else hears of that. To send it at once would make another writer's events the ground of ours: the
/// revision that it expects only counts, and where somebody else has written as many events as the first one has, the
/// server would refuse the first one and take the second.
/// </remarks>
internal sealed class EventStoreDbStore(LedgerStream stream, LedgerFold fold) : IJournalStore
{
    /// <summary>Events that are read for a repeat: what is sent again comes in the order of the first time.</summary>
    private const int RepeatedPage = 64;
    private readonly Dictionary<long, StoredEvent> page = [];
    private readonly ConcurrentQueue<Batch> underWay = new(); // committed and not tidied up after, in order
    private Batch filling = new(stream), last = Batch.Ended(stream);

    private sealed class Batch(LedgerStream stream)
    {
        public PlacedBatch Placed { get; } = new();
        public LedgerStream.Started? Started { get; private set; }

        /// <summary>Told when the server has it; who waits goes on at once.</summary>
        public TaskCompletionSource Written { get; } = new();

        /// <summary>Told when it was tidied up after.</summary>
        public TaskCompletionSource Tidied { get; } = new();

        /// <summary>What the folder is to keep once it is answered.</summary>
        public (byte[] Frontier, Instant RecordedAt) Reached { get; set; }

        public static Batch Ended(LedgerStream stream)
        {
            var ended = new Batch(stream);
            ended.Written.SetResult();
            ended.Tidied.SetResult();
            return ended;
        }

        public void Add(in PlacedEvent placed)
        {
            if (Placed.Count == 0) Started = stream.TryBegin(placed.Position);
            Placed.Add(placed);
            Started?.Add(placed);
        }
    }

    public bool TakesSecondCommit => true;

    public void Begin() => filling = new(stream);

    /// <summary>What the batches before have may not be in the index yet.</summary>
    public StoredEvent? Find(EventId id)
    {
        var found = filling.Placed.Find(id);
        foreach (var batch in underWay) found ??= batch.Placed.Find(id);
        return found ?? (fold.Find(id) is { } position ? At(position) : null);
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

    public void Insert(in PlacedEvent placed) => filling.Add(placed);

    public Task CommitAsync(MerkleTree tree, Instant recordedAt)
    {
        filling.Reached = (tree.SaveFrontier(), recordedAt);
        underWay.Enqueue(filling);
        var before = last;
        last = filling;
        return WriteAsync(filling, before);
    }

    private async Task WriteAsync(Batch batch, Batch before)
    {
        try
        {
            await before.Written.Task.ConfigureAwait(false);
            var written = batch.Placed.Count == 0 ? Task.CompletedTask
                : stream.AppendAsync(batch.Placed.All, batch.Started, CancellationToken.None);
            // While the server writes: readers ask for nothing that is not acknowledged, and where it fails for nothing
            // at all. What the batch before has is in the folder by then, where it is kept.
            await before.Tidied.Task.ConfigureAwait(false);
            fold.Place(batch.Placed.All);
            await written.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            batch.Written.SetException(e); // those behind it fail too
            throw;
        }
        batch.Written.SetResult();
    }

    public Task TidyAsync()
    {
        if (!underWay.TryDequeue(out var batch)) throw new InvalidOperationException("no batch was committed");
        if (fold.IsKeepingDue) fold.Keep(batch.Reached.Frontier, batch.Reached.RecordedAt);
        batch.Tidied.SetResult();
        return Task.CompletedTask;
    }
}
