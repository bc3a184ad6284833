using System.Runtime.InteropServices;
using Ledger.Journal.Indexing;
using Microsoft.Data.Sqlite;

namespace Ledger.Journal;

/// <summary>
/// Where each id stands, for the thread that sequences, which asks while another one writes: over a connection of its
/// own, so that neither waits for the other. The newest ids are known here, because the index does not have them or
/// their commit may still be on its way; how many they are is bounded by how many are indexed together.
/// </summary>
internal sealed class StoredIds : IDisposable
{
    private readonly SqliteConnection connection;
    private readonly SqliteStatement find;
    private readonly JournalIndex index;
    private readonly Dictionary<IndexRun, KeyCursor> cursors = []; // each keeps the block that it read last
    private IndexRuns runs = IndexRuns.None;
    private readonly Dictionary<EventId, long> recent = []; // with their positions
    private readonly Queue<EventId> recentInOrder = new(); // the first is at the position below
    private readonly Dictionary<EventId, long> asked = []; // of those that were asked for, the ones in the index
    private readonly List<UInt128> values = []; // of those that are asked for, sorted
    private long recentFrom;

    /// <param name="path">Of journal.db, which is there.</param>
    /// <param name="index">Of all events in it.</param>
    public StoredIds(string path, JournalIndex index)
    {
        this.index = index;
        connection = JournalTables.ConnectForReading(path);
        try
        {
            find = new(connection, "SELECT header, payload FROM events WHERE position=?1");
        }
        catch
        {
            connection.Dispose();
            throw;
        }
        recentFrom = index.RecentFrom;
        foreach (var id in index.RecentIds) Add(id, recentFrom + recentInOrder.Count);
    }

    /// <summary>An event that is on its way; positions come in order.</summary>
    public void Add(EventId id, long position)
    {
        recent[id] = position;
        recentInOrder.Enqueue(id);
    }

    /// <summary>Looks for many ids together.</summary>
    /// <param name="ids">Which <see cref="PositionOf"/> is asked for next.</param>
    public void Prepare(IEnumerable<EventId> ids)
    {
        if (index.Runs is var now && now != runs) Take(now);
        asked.Clear();
        if (runs.Length == 0) return;
        values.Clear();
        foreach (var id in ids) values.Add(id.Value);
        if (values.Count == 0) return;
        values.Sort();
        var sorted = CollectionsMarshal.AsSpan(values);
        foreach (var run in runs.All)
            if (sorted[^1] >= run.Ids.First && sorted[0] <= run.Ids.Last) Ask(run, sorted);
    }

    /// <summary>There are other runs: what they have is not kept here any more.</summary>
    private void Take(IndexRuns now)
    {
        runs = now;
        for (; recentFrom < runs.Length; recentFrom++) recent.Remove(recentInOrder.Dequeue());
        foreach (var merged in cursors.Keys.Except(runs.All).ToList()) cursors.Remove(merged);
    }

    /// <summary>Looks for those that are among these. Ids begin with their valid time, so those of a batch mostly lie
    /// together, and together behind all others: of all that are before the next key none is there.</summary>
    private void Ask(IndexRun run, ReadOnlySpan<UInt128> values)
    {
        var (keys, i) = (run.Ids, 0);
        if (!cursors.TryGetValue(run, out var cursor)) cursors.Add(run, cursor = new KeyCursor());
        while (i < values.Length && values[i] < keys.First) i++;
        while (i < values.Length && values[i] <= keys.Last)
        {
            cursor.Seek(keys, values[i]);
            var (from, next) = (values[i], cursor.Key);
            if (next == from) asked[new(from)] = cursor.Position;
            while (i < values.Length && (values[i] == from || values[i] < next)) i++;
        }
    }

    /// <summary>The position of an event with this id; null where there is none.</summary>
    public long? PositionOf(EventId id) =>
        recent.TryGetValue(id, out var position) || asked.TryGetValue(id, out position) ? position : null;

    /// <summary>An event that is committed.</summary>
    public StoredEvent Read(long position)
    {
        find.Bind(1, position);
        using var asked = find.Asked();
        return find.IsRow() ? new StoredEvent(position, find.Blob(0).ToArray(), find.Blob(1).ToArray())
            : throw new JournalRefusedException($"position {position} is missing");
    }

    public void Dispose()
    {
        find.Dispose();
        connection.Dispose();
    }
}
