using System.Runtime.InteropServices;
using Ledger.Journal;
using Microsoft.Data.Sqlite;

namespace Ledger.Projections;

/// <summary>
/// Writes what a batch of a fold changes: of each row that it changes the last version becomes the current one, and
/// all that were closed by it, the one that was stored before among them, share a row of history. Most versions live no
/// longer than a batch. Texts are written as UTF-8 and as nothing else. For one thread at a time, in a transaction of
/// its caller's.
/// </summary>
internal sealed class SqliteViewWriter(SqliteConnection connection) : IDisposable
{
    private readonly SqliteStatement
        numbers = new(connection, "SELECT name, number, next_position, row_version FROM projected"),
        add = new(connection, "INSERT INTO projected (name, next_position, row_version) VALUES (?1, 0, 0)"),
        reach = new(connection, "UPDATE projected SET next_position = ?2, row_version = ?3 WHERE number = ?1"),
        open = new(connection, "INSERT INTO current_row VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"),
        find = new(connection, """
            SELECT rowid, from_position, json FROM current_row WHERE projection = ?1 AND key = ?2
            """),
        change = new(connection, "UPDATE current_row SET from_position = ?2, json = ?3 WHERE rowid = ?1"),
        end = new(connection, "DELETE FROM current_row WHERE rowid = ?1"),
        close = new(connection, "INSERT INTO view_history VALUES (?1, ?2, ?3, ?4, ?5)");

    private readonly Dictionary<string, ChangedOfProjection> changed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long Number, ViewCheckpoint Reached)> stored = new(StringComparer.Ordinal);
    private readonly TextBuffer keys = new(), current = new();
    private readonly PackedVersions closed = new();
    private int[] nextOfRow = []; // of each change that of the same row, or -1

    /// <summary>A row that the batch changes, by its first and last change.</summary>
    /// <param name="Key">Where its text stands in <see cref="keys"/>.</param>
    private readonly record struct Row(int First, int Last, (int At, int Length) Key);

    /// <summary>What the batch changes of one projection.</summary>
    private sealed class ChangedOfProjection
    {
        public Dictionary<RowKey, int> Places { get; } = []; // in rows
        public List<Row> Rows { get; } = [];
    }

    public void Write(
        IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes)
    {
        ReadStored();
        foreach (var (projection, next) in checkpoints)
            RowVersions.Refuse(projection, stored.GetValueOrDefault(projection).Reached, next);
        Divide(changes);
        foreach (var (projection, ofProjection) in changed)
        {
            if (ofProjection.Rows.Count == 0) continue;
            var number = NumberOf(projection);
            foreach (var statement in (SqliteStatement[])[open, find, close]) statement.Bind(1, number);
            // What lies together is written one after the other.
            ofProjection.Rows.Sort((one, other) => Key(one).SequenceCompareTo(Key(other)));
            foreach (var row in ofProjection.Rows) Write(row, changes);
        }
        foreach (var (projection, next) in checkpoints)
        {
            reach.Bind(1, NumberOf(projection));
            reach.Bind(2, next.Next);
            reach.Bind(3, next.RowVersion);
            reach.Run();
        }
    }

    /// <summary>Counts the rows of the last batch, once it is committed.</summary>
    public void Count(ChangeCounts counts, IReadOnlyList<PositionedChange> changes)
    {
        foreach (var (projection, ofProjection) in changed)
            foreach (var row in ofProjection.Rows) counts.Changed(projection, changes[row.First].Key);
    }

    /// <summary>Each time: views may have been switched by another process.</summary>
    private void ReadStored()
    {
        stored.Clear();
        using var asked = numbers.Asked();
        while (numbers.IsRow())
            stored[numbers.Text(0)] =
                (numbers.Int64(1), new(numbers.Int64(2), SqliteViewTables.RowVersion(numbers.Int64(3))));
    }

    private long NumberOf(string projection)
    {
        if (stored.TryGetValue(projection, out var known)) return known.Number;
        add.Bind(1, projection);
        add.Run();
        ReadStored();
        return stored[projection].Number;
    }

    private void Divide(IReadOnlyList<PositionedChange> changes)
    {
        foreach (var ofProjection in changed.Values)
        {
            ofProjection.Places.Clear();
            ofProjection.Rows.Clear();
        }
        keys.Clear();
        closed.Clear(); // of a batch that failed
        if (nextOfRow.Length < changes.Count) nextOfRow = new int[changes.Count];
        var (name, here) = ("", default(ChangedOfProjection));
        for (var i = 0; i < changes.Count; i++)
        {
            var one = changes[i];
            if (here is null || one.Projection != name)
            {
                name = one.Projection;
                if (!changed.TryGetValue(name, out here)) changed[name] = here = new();
            }
            ref var place = ref CollectionsMarshal.GetValueRefOrAddDefault(here.Places, one.RowKey, out var isKnown);
            nextOfRow[i] = -1;
            if (isKnown)
            {
                var row = here.Rows[place];
                nextOfRow[row.Last] = i;
                here.Rows[place] = row with { Last = i };
                continue;
            }
            place = here.Rows.Count;
            var at = keys.Written.Length;
            one.RowKey.Write(keys);
            here.Rows.Add(new(i, i, (at, keys.Written.Length - at)));
        }
    }

    private ReadOnlySpan<byte> Key(Row row) => keys.Written.Slice(row.Key.At, row.Key.Length);

    private void Write(Row row, IReadOnlyList<PositionedChange> changes)
    {
        var key = Key(row);
        var last = changes[row.Last];
        current.Clear();
        last.Row.Write(current);
        if (!last.Row.IsNone && IsNew(key, last.Position))
        {
            if (row.First == row.Last) return; // it had no row before, and has one version
            CloseAll(key, row, changes);
            return;
        }
        var before = CloseStored(key, changes[row.First].Position);
        CloseAll(key, row, changes);
        if (before is not { } stored) return;
        if (last.Row.IsNone)
        {
            end.Bind(1, stored);
            end.Run();
            return;
        }
        change.Bind(1, stored);
        change.Bind(2, last.Position);
        change.BindText(3, current.Written);
        change.Run();
    }

    /// <summary>Stores a current row where there is none yet of the key.</summary>
    private bool IsNew(ReadOnlySpan<byte> key, long from)
    {
        open.BindText(2, key);
        open.Bind(3, from);
        open.BindText(4, current.Written);
        open.Run();
        return open.Changed == 1;
    }

    /// <summary>Closes the stored row at a position, as the first of those that are closed together; returns where it
    /// stands, null where there is none.</summary>
    private long? CloseStored(ReadOnlySpan<byte> key, long to)
    {
        find.BindText(2, key);
        using var asked = find.Asked();
        if (!find.IsRow()) return null;
        closed.Next().Write(find.Blob(2));
        closed.Add(find.Int64(1), to);
        return find.Int64(0);
    }

    /// <summary>Closes each version of a row but the last.</summary>
    private void CloseAll(ReadOnlySpan<byte> key, Row row, IReadOnlyList<PositionedChange> changes)
    {
        for (var i = row.First; i != row.Last; i = nextOfRow[i])
        {
            if (changes[i].Row.IsNone) continue;
            if (closed.IsFull) StoreClosed(key);
            changes[i].Row.Write(closed.Next());
            closed.Add(changes[i].Position, changes[nextOfRow[i]].Position);
        }
        StoreClosed(key);
    }

    private void StoreClosed(ReadOnlySpan<byte> key)
    {
        if (closed.Count == 0) return;
        close.BindText(2, key);
        close.Bind(3, closed.From);
        close.Bind(4, closed.To);
        if (closed.Count == 1) close.BindText(5, closed.Last);
        else close.Bind(5, closed.Written);
        close.Run();
        closed.Clear();
    }

    public void Dispose()
    {
        foreach (var statement in (SqliteStatement[])[numbers, add, reach, open, find, change, end, close])
            statement.Dispose();
    }
}
