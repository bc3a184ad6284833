using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using NodaTime;

namespace Ledger.Journal;

/// <summary>
/// What the journal's one writer does on SQLite, on two threads. The writer's own sequences, hashes and looks ids up;
/// the other one writes rows and commits, in the order in which it is given them. So rows are written while the next
/// ones of the batch are hashed, and the next batch is hashed while one is made durable.
/// </summary>
internal sealed class SqliteJournalStore : IJournalStore, IDisposable
{
    private const int WrittenTogether = 128; // events that are given to the other thread at once
    private readonly JournalTables tables;
    private readonly StoredIds ids;
    private readonly BlockingCollection<Written> work = []; // never more than a batch and the one before
    private readonly Thread thread;
    private readonly List<List<PlacedEvent>> filling = [], underWay = []; // what may not be committed yet, in order
    private List<PlacedEvent> together = []; // of the open batch, what is not given to the other thread yet
    private bool isBegun; // whether the other thread has anything of the open batch

    /// <summary>What the other thread does next, and whom it tells.</summary>
    private readonly record struct Written(Action Write, TaskCompletionSource? Told);

    /// <param name="name">Of the other thread.</param>
    public SqliteJournalStore(JournalTables tables, string name)
    {
        this.tables = tables;
        ids = new StoredIds(tables.Path, tables.IdsIndexed);
        thread = new Thread(Work) { IsBackground = true, Name = name };
        thread.Start();
    }

    /// <summary>After a failure nothing is written any more, and each commit fails with it.</summary>
    private void Work()
    {
        Exception? failure = null;
        foreach (var (write, told) in work.GetConsumingEnumerable())
        {
            try
            {
                if (failure is null) write();
            }
            catch (Exception e)
            {
                failure = e;
            }
            if (failure is null) told?.SetResult();
            else told?.SetException(failure);
        }
    }

    public void Begin() { } // with its first event: a batch may have none

    public void Prepare(IEnumerable<EventId> asked) => ids.Prepare(asked, tables.IdsIndexed);

    public StoredEvent? Find(EventId id)
    {
        if (ids.PositionOf(id) is not { } position) return null;
        foreach (var events in underWay.Concat(filling).Append(together))
        {
            if (events.Count == 0 || position < events[0].Position || position > events[^1].Position) continue;
            var placed = events[(int)(position - events[0].Position)];
            return new StoredEvent(position, placed.Header, placed.Payload);
        }
        return ids.Read(position);
    }

    public void Insert(in PlacedEvent placed)
    {
        ids.Add(placed.Envelope.Id, placed.Position);
        together.Add(placed);
        if (together.Count == WrittenTogether) WriteTogether();
    }

    private void WriteTogether()
    {
        if (together.Count == 0) return;
        var (events, begins) = (together, !isBegun);
        filling.Add(events);
        (together, isBegun) = (new(WrittenTogether), true);
        work.Add(new(() =>
        {
            if (begins) tables.Begin();
            foreach (ref readonly var placed in CollectionsMarshal.AsSpan(events)) tables.Insert(placed);
        }, null));
    }

    public void Commit(MerkleTree tree, Instant recordedAt) => CommitAsync(tree, recordedAt).GetAwaiter().GetResult();

    public Task CommitAsync(MerkleTree tree, Instant recordedAt)
    {
        WriteTogether();
        underWay.Clear(); // the batch before, which is committed
        underWay.AddRange(filling);
        filling.Clear();
        var (size, frontier, isAny) = (tree.Size, tree.SaveFrontier(), isBegun); // now, before the tree grows
        isBegun = false;
        var told = new TaskCompletionSource(); // who waits goes on at once, on the thread that committed
        work.Add(new(() =>
        {
            if (isAny) tables.Commit(size, frontier, recordedAt);
        }, told));
        return told.Task;
    }

    /// <summary>Between two commits, whoever calls it: then nothing is given to the other thread.</summary>
    public void Tidy() => tables.Tidy();

    public void Dispose()
    {
        work.CompleteAdding();
        thread.Join();
        work.Dispose();
        ids.Dispose();
    }
}
