using Microsoft.Data.Sqlite;

namespace Ledger.Journal;

/// <summary>
/// Where the newest events of each stream stand, for a reader: what its <see cref="LateIndex"/> has not
/// indexed, looked through once and kept. Shared by the readers of one journal.
/// </summary>
internal sealed class RecentPositions
{
    // Events, after which those are dropped that are indexed.
    private const int KeptMax = 4 * JournalTables.IndexedTogetherUsual;
    private readonly Lock gate = new();
    private readonly Dictionary<long, List<(long Revision, long Position)>> streams = [];
    private long from = -1, to;

    /// <summary>The positions of a stream's events from a revision on, as far as they are recent: so many at most. The
    /// index that is asked after this has all of the stream that is not here.</summary>
    /// <param name="length">How many events are acknowledged.</param>
    public IReadOnlyList<(long Revision, long Position)> Of(
        SqliteConnection connection, long stream, long fromRevision, long length, int max)
    {
        lock (gate)
        {
            if (from < 0 || to - from > KeptMax) Drop(LateIndexTable.Streams.LengthOf(connection));
            if (to < length) Look(connection, length);
            if (!streams.TryGetValue(stream, out var all)) return [];
            var at = all.BinarySearch((fromRevision, long.MinValue));
            at = at < 0 ? ~at : at;
            return all.GetRange(at, Math.Min(max, all.Count - at));
        }
    }

    private void Drop(long indexed)
    {
        from = indexed;
        to = Math.Max(to, from);
        foreach (var (stream, positions) in streams)
            if (positions.RemoveAll(one => one.Position < indexed) > 0 && positions.Count == 0) streams.Remove(stream);
    }

    private void Look(SqliteConnection connection, long length)
    {
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT position, stream, revision FROM events WHERE position >= $from "
            + "AND position < $length ORDER BY position";
        select.Parameters.AddWithValue("$from", to);
        select.Parameters.AddWithValue("$length", length);
        using var row = select.ExecuteReader();
        for (; row.Read(); to++)
        {
            if (!streams.TryGetValue(row.GetInt64(1), out var positions)) streams[row.GetInt64(1)] = positions = [];
            positions.Add((row.GetInt64(2), row.GetInt64(0)));
        }
    }
}
