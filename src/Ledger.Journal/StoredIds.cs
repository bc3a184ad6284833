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
    private readonly SqliteStatement begin, end, next, find;
    private readonly Dictionary<EventId, long> recent = []; // with their positions
    private readonly Queue<EventId> recentInOrder = new(); // the first is at the position below
    private readonly Dictionary<EventId, long> asked = []; // of those that were asked for, the ones in the index
    private long recentFrom;
    private UInt128? highest; // of all ids that are not recent

    /// <param name="path">Of journal.db, which is there.</param>
    /// <param name="indexed">Before which position all ids are in their index.</param>
    public StoredIds(string path, long indexed)
    {
        connection = JournalTables.ConnectForReading(path);
        try
        {
            var table = LateIndexTable.Ids.TableOf(connection);
            begin = new(connection, "BEGIN");
            end = new(connection, "COMMIT");
            next = new(connection, $"SELECT id, position FROM {table} WHERE id >= ?1 ORDER BY id LIMIT 1");
            find = new(connection, "SELECT header, payload FROM events WHERE position=?1");
            recentFrom = indexed;
            highest = Highest(table);
            LoadRecent();
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private UInt128? Highest(string table)
    {
        using var select = connection.CreateCommand();
        select.CommandText = $"SELECT id FROM {table} ORDER BY id DESC LIMIT 1";
        return select.ExecuteScalar() switch
        {
            byte[] { Length: EventId.Bytes } id => EventId.Of(id).Value,
            null => null,
            _ => UInt128.MaxValue, // damaged: then the index is always asked
        };
    }

    private void LoadRecent()
    {
        using var rows = new SqliteStatement(
            connection, "SELECT id, position FROM events WHERE position >= ?1 ORDER BY position");
        rows.Bind(1, recentFrom);
        while (rows.IsRow())
            Add(rows.Blob(0) is { Length: EventId.Bytes } id ? EventId.Of(id)
                : throw new JournalRefusedException($"position {rows.Int64(1)} has no id"), rows.Int64(1));
    }

    /// <summary>An event that is on its way; positions come in order.</summary>
    public void Add(EventId id, long position)
    {
        recent[id] = position;
        recentInOrder.Enqueue(id);
    }

    /// <summary>Looks for many ids together. Ids begin with their valid time, so those of a batch mostly lie together,
    /// and together behind all others: of all that are smaller than the next one of the index none is in it.</summary>
    /// <param name="ids">Which <see cref="PositionOf"/> is asked for next.</param>
    /// <param name="indexed">Before which position all ids are in their index, as it is committed.</param>
    public void Prepare(IEnumerable<EventId> ids, long indexed)
    {
        Forget(indexed);
        asked.Clear();
        if (highest is not { } last) return;
        var values = ids.Select(id => id.Value).ToArray();
        Array.Sort(values);
        if (values.Length == 0 || values[0] > last) return;
        begin.Run(); // one snapshot, and its pages are read once
        try
        {
            for (var i = 0; i < values.Length && values[i] <= last;) i = Ask(values, i);
        }
        finally
        {
            end.Run();
        }
    }

    /// <summary>Asks for the first id from this one on; returns the next of which nothing is known by that.</summary>
    private int Ask(UInt128[] values, int i)
    {
        Span<byte> bytes = stackalloc byte[EventId.Bytes];
        new EventId(values[i]).CopyTo(bytes);
        next.Bind(1, bytes);
        using var question = next.Asked();
        if (!next.IsRow()) return values.Length;
        var following = EventId.Of(next.Blob(0));
        if (following.Value == values[i]) asked[following] = next.Int64(1);
        var from = values[i];
        while (i < values.Length && (values[i] == from || values[i] < following.Value)) i++;
        return i;
    }

    private void Forget(long indexed)
    {
        for (; recentFrom < indexed; recentFrom++)
        {
            var id = recentInOrder.Dequeue();
            recent.Remove(id);
            if (highest is not { } last || id.Value > last) highest = id.Value;
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
        begin.Dispose();
        end.Dispose();
        next.Dispose();
        find.Dispose();
        connection.Dispose();
    }
}
