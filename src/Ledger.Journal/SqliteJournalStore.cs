using System.Runtime.InteropServices;
using Ledger.Journal.Indexing;
using NodaTime;

namespace Ledger.Journal;

/// <summary>
/// What the journal's one writer does on SQLite, on three threads, so that none waits for what another could do
/// meanwhile. The writer's own sequences, hashes and looks ids up. The second one writes rows and commits, in the order
/// in which it is given them. The third one makes a commit durable, and goes on for whoever waits for it: it writes the
/// head and answers, while rows of the next batch are written. The next batch is committed only after that, and what
/// was durable before it goes into the index.
/// </summary>
internal sealed class SqliteJournalStore : IJournalStore, IDisposable
{
    private const int WrittenTogether = 64; // events that are given to the second thread at once
    private const int SmallBatch = 8; // events, of which another thread is not worth its beginning
    private readonly JournalTables tables;
    private readonly JournalIndex index;
    private readonly StoredIds ids;
    private readonly WorkThread rows, answers;
    private readonly List<List<PlacedEvent>> filling = [], underWay = []; // what may not be committed yet, in order
    private List<PlacedEvent> together = new(WrittenTogether); // of the open batch, what is not given away yet
    private bool isBegun; // whether anything of the open batch is given away
    private Task tidied = Task.CompletedTask; // what was to be done after the last commit
    private Exception? failure; // the second thread's alone, which then writes nothing more

    /// <param name="index">Of all that is in the tables.</param>
    /// <param name="name">Of the threads.</param>
    public SqliteJournalStore(JournalTables tables, JournalIndex index, string name)
    {
        (this.tables, this.index) = (tables, index);
        ids = new StoredIds(tables.Path, index);
        (rows, answers) = (new WorkThread($"rows {name}"), new WorkThread($"answers {name}"));
    }

    public void Begin() { } // with its first event: a batch may have none

    public void Prepare(IEnumerable<EventId> asked) => ids.Prepare(asked);

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
        if (together.Count == WrittenTogether) GiveTogether();
    }

    private void GiveTogether()
    {
        if (together.Count == 0) return;
        var (events, begins) = (together, !isBegun);
        filling.Add(events);
        together = new(WrittenTogether);
        isBegun = true;
        rows.Give(() => Write(() =>
        {
            if (begins) tables.Begin();
            tables.Insert(CollectionsMarshal.AsSpan(events));
        }));
    }

    public Task CommitAsync(MerkleTree tree, Instant recordedAt)
    {
        GiveTogether();
        foreach (var events in underWay) index.Add(events); // of the batch before, which is durable
        underWay.Clear();
        underWay.AddRange(filling);
        filling.Clear();
        if (!isBegun) return Task.CompletedTask;
        isBegun = false;
        var (size, frontier) = (tree.Size, tree.SaveFrontier()); // now, before the tree grows
        var (committed, tidy) = (new TaskCompletionSource(), new TaskCompletionSource());
        tidied = tidy.Task;
        var isSmall = underWay is [{ Count: < SmallBatch }];
        rows.Give(() =>
        {
            Write(() => tables.Commit(size, frontier, recordedAt));
            var why = failure; // of this commit, not of what is done after it
            // A few events alone are made durable here: another thread would be woken in vain.
            if (isSmall && rows.IsIdle) Sync(committed, why);
            else answers.Give(() => Sync(committed, why));
            Write(tables.Tidy);
            Tell(tidy, failure);
        });
        return committed.Task;
    }

    /// <summary>Makes the last commit durable; who waits for it goes on here.</summary>
    private void Sync(TaskCompletionSource committed, Exception? why)
    {
        try
        {
            if (why is null) tables.Sync();
        }
        catch (IOException e)
        {
            why = e;
        }
        Tell(committed, why);
    }

    public Task TidyAsync() => tidied;

    private void Write(Action write)
    {
        if (failure is not null) return;
        try
        {
            write();
        }
        catch (Exception e)
        {
            failure = e;
        }
    }

    private static void Tell(TaskCompletionSource waiting, Exception? why)
    {
        if (why is null) waiting.SetResult();
        else waiting.SetException(why);
    }

    /// <summary>Returns when nothing is under way any more; tables and index are their owner's to dispose of.</summary>
    public void Dispose()
    {
        rows.Dispose();
        answers.Dispose();
        ids.Dispose();
    }
}
