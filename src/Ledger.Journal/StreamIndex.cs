using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Ledger.Journal;

/// <summary>
/// Where in journal.db the events of each stream stand: the writer's side. The events of a fleet come from another
/// stream each time, so an index that is kept with each event changes a page of 4 KiB for its twelve bytes. The newest
/// events are therefore in no index: when there are enough of them they are indexed together, in order of stream, in
/// the transaction of a commit. Up to which position that is done stands beside, and a reader finds what comes after by
/// looking through it (<see cref="RecentPositions"/>). A journal that was made before has its index within the table of
/// events, and keeps it.
/// </summary>
internal sealed class StreamIndex : IDisposable
{
    public const string Schema = """
        CREATE TABLE IF NOT EXISTS stream_events(stream INTEGER NOT NULL, revision INTEGER NOT NULL,
            position INTEGER NOT NULL, PRIMARY KEY(stream, revision)) STRICT, WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS stream_index(id INTEGER PRIMARY KEY CHECK (id = 1), length INTEGER NOT NULL) STRICT;
        INSERT OR IGNORE INTO stream_index VALUES(1, 0);
        """;

    private readonly sqlite3 database;
    private readonly sqlite3_stmt insert, save;
    private readonly int together;
    private readonly List<(long Stream, long Revision, long Position)> recent = [];

    /// <param name="together">How many events are indexed together.</param>
    public StreamIndex(SqliteConnection connection, int together)
    {
        (database, this.together) = (connection.Handle!, together);
        insert = Statement("INSERT INTO stream_events VALUES(?1,?2,?3)");
        save = Statement("UPDATE stream_index SET length=?1");
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT stream, revision, position FROM events WHERE position >= "
            + "(SELECT length FROM stream_index) ORDER BY position";
        using var row = select.ExecuteReader();
        while (row.Read()) recent.Add((row.GetInt64(0), row.GetInt64(1), row.GetInt64(2)));
    }

    /// <summary>The table that is asked where the events of a stream stand, by stream and revision.</summary>
    public static string TableOf(SqliteConnection connection) => IsApart(connection) ? "stream_events" : "events";

    /// <summary>Whether the index is a table of its own.</summary>
    public static bool IsApart(SqliteConnection connection)
    {
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT count(*) FROM sqlite_schema WHERE name = 'stream_events'";
        return select.ExecuteScalar() is > 0L;
    }

    /// <summary>What is in no index yet, in order of position.</summary>
    public IReadOnlyList<(long Stream, long Revision, long Position)> Recent => recent;

    public void Add(long stream, long revision, long position) => recent.Add((stream, revision, position));

    /// <summary>Indexes what is recent, where it is enough; within the writer's open transaction.</summary>
    public void IndexTogether(long length)
    {
        if (recent.Count < together) return;
        recent.Sort();
        foreach (var (stream, revision, position) in recent)
        {
            raw.sqlite3_bind_int64(insert, 1, stream);
            raw.sqlite3_bind_int64(insert, 2, revision);
            raw.sqlite3_bind_int64(insert, 3, position);
            Run(insert);
        }
        raw.sqlite3_bind_int64(save, 1, length);
        Run(save);
        recent.Clear();
    }

    private void Run(sqlite3_stmt statement)
    {
        var result = raw.sqlite3_step(statement);
        if (result != raw.SQLITE_DONE) SqliteException.ThrowExceptionForRC(result, database);
        result = raw.sqlite3_reset(statement);
        if (result != raw.SQLITE_OK) SqliteException.ThrowExceptionForRC(result, database);
    }

    private sqlite3_stmt Statement(string sql)
    {
        SqliteException.ThrowExceptionForRC(raw.sqlite3_prepare_v2(database, sql, out var statement), database);
        return statement;
    }

    public void Dispose()
    {
        insert.Dispose();
        save.Dispose();
    }
}

/// <summary>
/// Where the newest events of each stream stand, for a reader: what <see cref="StreamIndex"/> has not indexed, looked
/// through once and kept. Shared by the readers of one journal.
/// </summary>
internal sealed class RecentPositions
{
    // Events, after which those are dropped that are indexed.
    private const int KeptMax = 8 * JournalTables.IndexedTogetherUsual;
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
            if (from < 0 || to - from > KeptMax) Drop(Indexed(connection));
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

    private static long Indexed(SqliteConnection connection)
    {
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT length FROM stream_index";
        return (long)select.ExecuteScalar()!;
    }
}
