using Ledger.Journal.Indexing;
using Microsoft.Data.Sqlite;

namespace Ledger.Journal;

/// <summary>
/// Where the events of each stream stand, for the readers of one journal: by the runs of its index, and for the newest
/// events, which are in none, by their rows, looked through once and kept.
/// </summary>
/// <param name="look">The index as it is now.</param>
/// <param name="keptMax">Events that are looked through before the index is looked for again.</param>
internal sealed class StreamPositions(Func<SqliteConnection, IndexRuns> look, int keptMax) : IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<long, List<(long Revision, long Position)>> recent = [];
    private IndexRuns runs = IndexRuns.None;
    private long to; // up to which position it was looked through
    private long nextLook;

    /// <summary>The positions of a stream's events from a revision on, in order: so many at most.</summary>
    /// <param name="length">How many events are acknowledged.</param>
    public List<long> Of(SqliteConnection connection, long stream, long fromRevision, long length, int max)
    {
        var (index, last) = Recent(connection, stream, fromRevision, length, max);
        var positions = new List<long>();
        var cursor = new KeyCursor();
        var (from, end) = (IndexRun.StreamKey(stream, fromRevision), IndexRun.StreamKey(stream + 1, 0));
        foreach (var run in index.All) // a stream's revisions grow with its positions
            for (var isThere = from <= run.Streams.Last && cursor.Seek(run.Streams, from);
                isThere && cursor.Key < end && positions.Count < max && cursor.Position < length;
                isThere = cursor.MoveNext())
                positions.Add(cursor.Position);
        foreach (var (revision, position) in last)
            if (positions.Count < max && revision == fromRevision + positions.Count && position < length)
                positions.Add(position);
        return positions;
    }

    /// <summary>The index, and what it does not have of the stream.</summary>
    private (IndexRuns Index, List<(long Revision, long Position)> Last) Recent(
        SqliteConnection connection, long stream, long fromRevision, long length, int max)
    {
        lock (gate)
        {
            if (length >= nextLook)
            {
                // Others may still read by those before, which stand where somebody has deleted the index.
                if (look(connection) is var now && now.Length >= runs.Length) runs = now;
                Forget();
                nextLook = Math.Max(length, runs.Length) + keptMax;
            }
            if (to < length) LookThrough(connection, length);
            if (!recent.TryGetValue(stream, out var all)) return (runs, []);
            var at = all.BinarySearch((fromRevision, long.MinValue));
            at = at < 0 ? ~at : at;
            return (runs, all.GetRange(at, Math.Min(max, all.Count - at)));
        }
    }

    private void Forget()
    {
        to = Math.Max(to, runs.Length);
        foreach (var (stream, positions) in recent)
            if (positions.RemoveAll(one => one.Position < runs.Length) > 0 && positions.Count == 0)
                recent.Remove(stream);
    }

    private void LookThrough(SqliteConnection connection, long length)
    {
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT position, stream, revision FROM events WHERE position >= $from "
            + "AND position < $length ORDER BY position";
        select.Parameters.AddWithValue("$from", to);
        select.Parameters.AddWithValue("$length", length);
        using var row = select.ExecuteReader();
        for (; row.Read(); to++)
        {
            if (!recent.TryGetValue(row.GetInt64(1), out var positions)) recent[row.GetInt64(1)] = positions = [];
            positions.Add((row.GetInt64(2), row.GetInt64(0)));
        }
    }

    public void Dispose() => runs.Dispose();
}
