using Microsoft.Data.Sqlite;

namespace Ledger.Journal;

/// <summary>
/// An index of journal.db in a table of its own: the writer's side. An index that is kept with each event changes a
/// page of 4 KiB for a few bytes, and is searched from its root for each. The newest events are therefore in no index:
/// when there are enough of them they are put into it together, in its own order, in a transaction after that of the
/// last. Up to which position that is done stands beside. A journal that was made before has its index within the table
/// of events, and keeps it.
/// </summary>
internal sealed class LateIndex : IDisposable
{
    private readonly SqliteStatement insert, save;
    private readonly int together;

    /// <param name="connection">The writer's.</param>
    /// <param name="table">Which index.</param>
    /// <param name="together">How many events are indexed together.</param>
    public LateIndex(SqliteConnection connection, LateIndexTable table, int together)
    {
        this.together = together;
        insert = new(connection, $"INSERT INTO {table.Name} SELECT {table.Columns} FROM events "
            + $"WHERE position >= (SELECT length FROM {table.Length}) AND position < ?1 ORDER BY {table.Columns}");
        save = new(connection, $"UPDATE {table.Length} SET length=?1");
        Length = table.LengthOf(connection);
    }

    /// <summary>Before which position all events are in the index.</summary>
    public long Length { get; private set; }

    /// <summary>Whether so many are recent that they should be indexed.</summary>
    /// <param name="length">How many events the journal holds.</param>
    public bool IsDue(long length) => length - Length >= together;

    /// <summary>Indexes what is recent, within the writer's open transaction.</summary>
    public void IndexTogether(long length)
    {
        foreach (var statement in (SqliteStatement[])[insert, save])
        {
            statement.Bind(1, length);
            statement.Run();
        }
        Length = length;
    }

    public void Dispose()
    {
        insert.Dispose();
        save.Dispose();
    }
}

/// <summary>Which late index it is, and how its table stands in journal.db.</summary>
/// <param name="Name">The table.</param>
/// <param name="Length">The table of one row that says up to which position it is complete.</param>
/// <param name="Columns">Its columns, as the table of events has them, in the order of the index.</param>
/// <param name="Schema">The statements that make both tables.</param>
internal sealed record LateIndexTable(string Name, string Length, string Columns, string Schema)
{
    /// <summary>Where the events of each stream stand, by stream and revision.</summary>
    public static readonly LateIndexTable Streams = new("stream_events", "stream_index", "stream, revision, position",
        """
        CREATE TABLE IF NOT EXISTS stream_events(stream INTEGER NOT NULL, revision INTEGER NOT NULL,
            position INTEGER NOT NULL, PRIMARY KEY(stream, revision)) STRICT, WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS stream_index(id INTEGER PRIMARY KEY CHECK (id = 1), length INTEGER NOT NULL) STRICT;
        INSERT OR IGNORE INTO stream_index VALUES(1, 0);
        """);

    /// <summary>Where each id stands.</summary>
    public static readonly LateIndexTable Ids = new("event_ids", "id_index", "id, position",
        """
        CREATE TABLE IF NOT EXISTS event_ids(id BLOB PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS id_index(id INTEGER PRIMARY KEY CHECK (id = 1), length INTEGER NOT NULL) STRICT;
        INSERT OR IGNORE INTO id_index VALUES(1, 0);
        """);

    /// <summary>The table that has this index: its own, or that of events in a journal that was made before.</summary>
    public string TableOf(SqliteConnection connection) => IsIn(connection) ? Name : "events";

    /// <summary>Whether the index is a table of its own.</summary>
    public bool IsIn(SqliteConnection connection) =>
        Number(connection, $"SELECT count(*) FROM sqlite_schema WHERE name = '{Name}'") > 0;

    /// <summary>Before which position all events are in the index.</summary>
    public long LengthOf(SqliteConnection connection) => Number(connection, $"SELECT length FROM {Length}");

    private static long Number(SqliteConnection connection, string sql)
    {
        using var select = connection.CreateCommand();
        select.CommandText = sql;
        return (long)select.ExecuteScalar()!;
    }
}
