using System.Runtime.InteropServices;

namespace Ledger.Journal.Indexing;

/// <summary>
/// The index as the journal's owner makes it. The newest events are in no run: their keys are collected here, and when
/// there are enough of them they become a run, on a thread of its own. Sixteen neighbours of one length become one on
/// the same thread, when it has nothing else to do, and again sixteen of those: so runs stay few, and which events one
/// has depends on nothing but their number. Only what is durable is added, so that no run is ahead of the journal after
/// a crash. Used by one thread, but for <see cref="Runs"/>.
/// </summary>
internal sealed class JournalIndex : IDisposable
{
    /// <summary>Events of a new run.</summary>
    public const int TogetherUsual = 32768;
    private const int MergedTogether = 16; // runs
    private const int PartsMax = 4; // being filled or written: a disk that is slower than the journal holds it up
    private readonly string folder;
    private readonly int together;
    private readonly WorkThread thread;
    private readonly object gate = new(); // of what both threads use
    private readonly Stack<Part> free = new();
    private int parts = 1;
    private Part filling = new();
    private Exception? failure;
    private volatile bool isEnding;
    private volatile IndexRuns runs;
    private long[] positions = []; // the thread's
    private RunMerge? merge; // the thread's

    /// <summary>Opens the index in a data folder, and brings it up to the journal. Throws
    /// <see cref="JournalRefusedException"/> where an event has no place in it.</summary>
    /// <param name="tables">The journal's, with nothing that is not durable.</param>
    /// <param name="directory">The data folder, whose owner is the caller.</param>
    /// <param name="together">Events of a new run.</param>
    public JournalIndex(JournalTables tables, string directory, int together)
    {
        (folder, this.together) = (Path.Combine(directory, IndexRuns.FolderName), together);
        runs = IndexRuns.Open(folder, tables.LeafAt);
        thread = new WorkThread("index");
        try
        {
            DeleteOthers();
            filling.From = runs.Length;
            tables.ReadKeys(filling.From, Add);
            WaitForWritten();
            thread.Give(() => OrStop(Merge)); // what the owner before did not come to
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What is in the index; every thread may ask.</summary>
    public IndexRuns Runs => runs;

    /// <summary>From which position on events were added that are in no run and not on their way into one.</summary>
    public long RecentFrom => filling.From;

    /// <summary>The ids of those events, in order of their positions.</summary>
    public IEnumerable<EventId> RecentIds => filling.Ids.Select(id => new EventId(id));

    /// <summary>The last revision of each stream by its number, of all that was added.</summary>
    /// <param name="streams">All numbers, in ascending order.</param>
    public Dictionary<long, long> LastRevisions(IReadOnlyList<long> streams)
    {
        var last = new Dictionary<long, long>();
        foreach (var key in filling.Streams) last[IndexRun.StreamOf(key)] = IndexRun.RevisionOf(key);
        runs.AddLastRevisions(streams, last);
        return last;
    }

    /// <summary>Takes what was written to the journal and is durable, in order. Waits where the thread is far behind;
    /// throws <see cref="IOException"/> where it could not write.</summary>
    public void Add(List<PlacedEvent> events)
    {
        lock (gate) ThrowIfFailed();
        foreach (ref readonly var placed in CollectionsMarshal.AsSpan(events))
            Add(placed.Envelope.Id, placed.StreamKey, placed.Envelope.Revision, placed.Leaf);
    }

    private void Add(EventId id, long stream, long revision, ReadOnlySpan<byte> leaf)
    {
        filling.Ids.Add(id.Value);
        filling.Streams.Add(IndexRun.StreamKey(stream, revision));
        if (filling.Ids.Count < together) return;
        var (full, next) = (filling, filling.From + together);
        full.LastLeaf = leaf.ToArray();
        thread.Give(() => OrStop(() => Write(full))); // whose it is from here on
        filling = TakeFree();
        filling.From = next;
    }

    private Part TakeFree()
    {
        lock (gate)
        {
            while (free.Count == 0 && parts == PartsMax && failure is null) Monitor.Wait(gate);
            ThrowIfFailed();
            if (free.TryPop(out var empty)) return empty;
            parts++;
            return new Part();
        }
    }

    private void WaitForWritten()
    {
        var written = new TaskCompletionSource();
        thread.Give(written.SetResult);
        written.Task.Wait();
        lock (gate) ThrowIfFailed();
    }

    private void ThrowIfFailed()
    {
        if (failure is { } failed) throw new IOException($"the index cannot go on: {failed.Message}", failed);
    }

    private void OrStop(Action write)
    {
        if (failure is not null) return; // nothing is tried again
        try
        {
            write();
        }
        catch (Exception e)
        {
            lock (gate)
            {
                failure = e;
                Monitor.Pulse(gate);
            }
        }
    }

    /// <summary>Sorts what was collected, both ways, into the file of a run.</summary>
    private void Write(Part full)
    {
        var name = new RunName(full.From, full.From + full.Ids.Count);
        DurableFiles.CreateDirectory(folder);
        if (positions.Length != full.Ids.Count) positions = new long[full.Ids.Count];
        using (var writer = new IndexRunWriter(folder, name))
        {
            foreach (var keys in (List<UInt128>[])[full.Ids, full.Streams])
            {
                for (var i = 0; i < positions.Length; i++) positions[i] = full.From + i;
                CollectionsMarshal.AsSpan(keys).Sort(positions.AsSpan());
                for (var i = 0; i < positions.Length; i++) writer.Add(keys[i], positions[i]);
            }
            writer.Finish(full.LastLeaf);
        }
        runs = runs.With(IndexRun.Open(folder, name));
        full.Ids.Clear();
        full.Streams.Clear();
        lock (gate)
        {
            free.Push(full);
            Monitor.Pulse(gate);
        }
        Merge();
    }

    /// <summary>Merges what can be merged, until there is something else to do.</summary>
    private void Merge()
    {
        while (thread.IsIdle && !isEnding)
        {
            if (merge is null && runs.Neighbours(MergedTogether) is { } neighbours) merge = new(folder, neighbours);
            if (merge is null) return;
            if (merge.GoOn()) continue;
            runs = runs.With(IndexRun.Open(folder, merge.Name), merge.Runs);
            // Who reads them still has them open, and the last one closes them.
            foreach (var merged in merge.Runs) File.Delete(Path.Combine(folder, $"{merged.Name}"));
            merge.Dispose();
            merge = null;
        }
    }

    /// <summary>What a crash left half done, what was merged, and what is not of this journal.</summary>
    private void DeleteOthers()
    {
        if (!Directory.Exists(folder)) return;
        var own = runs.All.Select(run => $"{run.Name}").ToHashSet(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(folder).ToList())
            if (!own.Contains(Path.GetFileName(path))) File.Delete(path);
    }

    /// <summary>Returns when what was begun is written; what is half merged is merged by whoever opens it next.
    /// </summary>
    public void Dispose()
    {
        isEnding = true;
        thread.Dispose();
        merge?.Dispose();
        runs.Dispose();
    }

    /// <summary>Keys of events that follow each other, in the order of their positions until they are written.
    /// </summary>
    private sealed class Part
    {
        public long From { get; set; }
        public List<UInt128> Ids { get; } = [];
        public List<UInt128> Streams { get; } = [];
        public byte[] LastLeaf { get; set; } = [];
    }
}
