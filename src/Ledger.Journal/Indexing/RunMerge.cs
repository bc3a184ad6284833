namespace Ledger.Journal.Indexing;

/// <summary>Makes one run of runs that follow each other, a part at a time: who merges may be needed meanwhile.
/// </summary>
public sealed class RunMerge : IDisposable
{
    private const int PartEntries = 4096; // a fraction of a millisecond's work
    private readonly IndexRunWriter writer;
    private readonly IEnumerator<bool> parts;

    /// <param name="folder">Where they lie, and the merged one too.</param>
    /// <param name="runs">In order of their positions.</param>
    public RunMerge(string folder, IReadOnlyList<IndexRun> runs)
    {
        (Runs, Name) = (runs, new(runs[0].Name.From, runs[^1].Name.To));
        writer = new(folder, Name);
        parts = Parts();
    }

    /// <summary>Which it takes the place of.</summary>
    public IReadOnlyList<IndexRun> Runs { get; }

    /// <summary>Of the run that it makes.</summary>
    public RunName Name { get; }

    /// <summary>Merges the next part; false once the run is durable under its name.</summary>
    public bool GoOn() => parts.MoveNext();

    private IEnumerator<bool> Parts()
    {
        var merged = 0L;
        foreach (var columnOf in (Func<IndexRun, SortedKeys>[])[run => run.Ids, run => run.Streams])
        {
            var open = new PriorityQueue<KeyCursor, UInt128>();
            foreach (var keys in Runs.Select(columnOf))
            {
                var cursor = new KeyCursor();
                if (cursor.Seek(keys, keys.First)) open.Enqueue(cursor, cursor.Key);
            }
            while (open.TryDequeue(out var least, out _))
            {
                // Ids come in order of time: mostly all of one run are before those of the next.
                var until = open.TryPeek(out _, out var next) ? next : UInt128.MaxValue;
                bool isMore;
                do
                {
                    writer.Add(least.Key, least.Position);
                    isMore = least.MoveNext();
                    if (++merged % PartEntries == 0) yield return true;
                } while (isMore && least.Key < until);
                if (isMore) open.Enqueue(least, least.Key);
            }
        }
        writer.Finish(Runs[^1].LastLeaf);
    }

    public void Dispose()
    {
        parts.Dispose();
        writer.Dispose();
    }
}
