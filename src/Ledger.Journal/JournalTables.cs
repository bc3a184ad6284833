using Ledger.Domain;
using Microsoft.Data.Sqlite;
using NodaTime;
using SQLitePCL;

namespace Ledger.Journal;

/// <summary>
/// The tables of journal.db, and the statements of its one writer. Streams have integer keys; the frontier of the tree
/// is saved in the transaction of its leaves, so that both are there or neither is. What runs once an event speaks to
/// SQLite itself, without a command object and its boxed parameters.
/// </summary>
internal sealed class JournalTables : IJournalStore, IDisposable
{
    private const string Ledgers = """
        CREATE TABLE IF NOT EXISTS ledger(id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL,
            length INTEGER NOT NULL, frontier BLOB NOT NULL, recorded_at INTEGER NOT NULL) STRICT;
        CREATE TABLE IF NOT EXISTS streams(key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

        """;

    private const string Events = """
        CREATE TABLE IF NOT EXISTS events(position INTEGER PRIMARY KEY, stream INTEGER NOT NULL,
            revision INTEGER NOT NULL, id BLOB NOT NULL UNIQUE, header BLOB NOT NULL, payload BLOB NOT NULL,
            leaf BLOB NOT NULL
        """;

    /// <summary>How a journal was made while each event was indexed by its stream at once.</summary>
    private const string EarlierSchema = Ledgers + Events + ", UNIQUE(stream, revision)) STRICT;";
    private const string Schema = Ledgers + Events + ") STRICT;\n" + StreamIndex.Schema;

    /// <summary>Events that are indexed by their stream together.</summary>
    public const int IndexedTogetherUsual = 16384;

    // Pages of the indexes that a fleet of streams touches in turn stay in memory, and are written to the database once
    // for many commits that changed them.
    private const int CacheKibibytes = 64 * 1024, PagesUntilCheckpoint = 8192;
    private readonly SqliteConnection connection;
    private readonly sqlite3 database;
    private readonly sqlite3_stmt insertEvent, insertStream, findId, saveLedger, begin, commit;
    private readonly StreamIndex? index; // null where each event is indexed at once

    public JournalTables(string path, int indexedTogether = IndexedTogetherUsual)
    {
        connection = Connect(path, SqliteOpenMode.ReadWriteCreate);
        Execute("PRAGMA busy_timeout=5000");
        Execute("PRAGMA journal_mode=WAL");
        Execute("PRAGMA synchronous=FULL");
        Execute($"PRAGMA cache_size=-{CacheKibibytes}");
        Execute($"PRAGMA wal_autocheckpoint={PagesUntilCheckpoint}");
        Execute($"BEGIN IMMEDIATE; {SchemaOf(connection)} COMMIT"); // all of it, or nothing
        if (StreamIndex.IsApart(connection)) index = new StreamIndex(connection, indexedTogether);
        database = connection.Handle!;
        insertEvent = Statement("INSERT INTO events VALUES(?1,?2,?3,?4,?5,?6,?7)");
        insertStream = Statement("INSERT INTO streams VALUES(?1,?2)");
        findId = Statement("SELECT position, header, payload FROM events WHERE id=?1");
        saveLedger = Statement("UPDATE ledger SET length=?1, frontier=?2, recorded_at=?3");
        begin = Statement("BEGIN IMMEDIATE");
        commit = Statement("COMMIT");
    }

    private static SqliteConnection Connect(string path, SqliteOpenMode mode)
    {
        var text = new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false };
        var connection = new SqliteConnection(text.ToString());
        connection.Open();
        return connection;
    }

    /// <summary>A connection that changes no byte: not even the end of a damaged log is cut off when it is
    /// closed.</summary>
    public static SqliteConnection ConnectForReading(string path) => Connect(path, SqliteOpenMode.ReadOnly);

    /// <summary>The statements that make the tables as these were made; as a new journal's where there are none.
    /// </summary>
    public static string SchemaOf(SqliteConnection connection)
    {
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT count(*) FROM sqlite_schema WHERE name = 'events'";
        return select.ExecuteScalar() is > 0L && !StreamIndex.IsApart(connection) ? EarlierSchema : Schema;
    }

    /// <summary>What the ledger's row says; the row is made for a new journal.</summary>
    public (MerkleTree Tree, Instant RecordedAt) LoadLedger(LedgerId ledger)
    {
        using var create = Prepare("INSERT OR IGNORE INTO ledger VALUES(1,$name,0,x'',0)", "$name");
        Run(create, ledger.Value);
        return ReadLedger(connection, ledger)!.Value;
    }

    /// <summary>What the ledger's row says, null where a journal was never begun;
    /// another ledger's journal is refused.</summary>
    public static (MerkleTree Tree, Instant RecordedAt)? ReadLedger(SqliteConnection connection, LedgerId ledger)
    {
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT count(*) FROM sqlite_schema WHERE name = 'events'";
        if (select.ExecuteScalar() is 0L) return null;
        select.CommandText =
            "SELECT name, length, frontier, recorded_at, (SELECT coalesce(max(position) + 1, 0) FROM events) FROM "
            + "ledger";
        using var row = select.ExecuteReader();
        if (!row.Read()) return null;
        if (row.GetString(0) != ledger.Value)
            throw new JournalRefusedException($"this is the journal of ledger {row.GetString(0)}, not of {ledger}");
        if (row.GetInt64(1) != row.GetInt64(4))
            throw new JournalRefusedException($"the journal says {row.GetInt64(1)} events and holds {row.GetInt64(4)}");
        return (MerkleTree.Restore(row.GetInt64(1), row.GetFieldValue<byte[]>(2)),
            Instant.FromUnixTimeTicks(row.GetInt64(3)));
    }

    /// <summary>All that the sequencer goes on from.</summary>
    public JournalState LoadState(LedgerId ledger)
    {
        var (tree, recordedAt) = LoadLedger(ledger);
        return new JournalState(tree, LoadStreams(), recordedAt);
    }

    private Dictionary<string, StreamHead> LoadStreams()
    {
        var streams = new Dictionary<string, StreamHead>(StringComparer.Ordinal);
        var recent = (index?.Recent ?? []).GroupBy(one => one.Stream)
            .ToDictionary(stream => stream.Key, stream => stream.Max(one => one.Revision));
        using var select = Prepare("SELECT s.name, s.key, (SELECT max(revision) FROM "
            + $"{StreamIndex.TableOf(connection)} e WHERE e.stream = s.key) FROM streams s");
        using var rows = select.ExecuteReader();
        while (rows.Read())
            streams.Add(rows.GetString(0), new(rows.GetInt64(1),
                recent.TryGetValue(rows.GetInt64(1), out var last) ? last : rows.GetInt64(2)));
        return streams;
    }

    /// <summary>The root over the first <paramref name="length"/> stored leaves.</summary>
    public static byte[] RootAt(SqliteConnection connection, long length)
    {
        var tree = new MerkleTree();
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT leaf FROM events WHERE position < $length ORDER BY position";
        select.Parameters.AddWithValue("$length", length);
        using var rows = select.ExecuteReader();
        while (rows.Read()) tree.Append(rows.GetFieldValue<byte[]>(0));
        return tree.Root();
    }

    /// <summary>The stored leaf entries from one position until before another.</summary>
    public static IReadOnlyList<byte[]> Leaves(SqliteConnection connection, long from, long to)
    {
        var leaves = new List<byte[]>();
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT leaf FROM events WHERE position >= $from AND position < $to ORDER BY position";
        select.Parameters.AddWithValue("$from", from);
        select.Parameters.AddWithValue("$to", to);
        using var rows = select.ExecuteReader();
        while (rows.Read()) leaves.Add(rows.GetFieldValue<byte[]>(0));
        return leaves;
    }

    public void Begin() => Run(begin);

    public void Commit(MerkleTree tree, Instant recordedAt)
    {
        raw.sqlite3_bind_int64(saveLedger, 1, tree.Size);
        raw.sqlite3_bind_blob(saveLedger, 2, tree.SaveFrontier());
        raw.sqlite3_bind_int64(saveLedger, 3, recordedAt.ToUnixTimeTicks());
        Run(saveLedger);
        index?.IndexTogether(tree.Size);
        Run(commit);
    }

    public void Insert(in PlacedEvent placed)
    {
        var (position, stream, envelope, header, payload, leaf) = placed;
        if (envelope.Revision == 0)
        {
            raw.sqlite3_bind_int64(insertStream, 1, stream);
            raw.sqlite3_bind_text(insertStream, 2, envelope.Stream);
            Run(insertStream);
        }
        Span<byte> id = stackalloc byte[EventId.Bytes];
        envelope.Id.CopyTo(id);
        raw.sqlite3_bind_int64(insertEvent, 1, position);
        raw.sqlite3_bind_int64(insertEvent, 2, stream);
        raw.sqlite3_bind_int64(insertEvent, 3, envelope.Revision);
        raw.sqlite3_bind_blob(insertEvent, 4, id);
        raw.sqlite3_bind_blob(insertEvent, 5, header);
        raw.sqlite3_bind_blob(insertEvent, 6, payload);
        raw.sqlite3_bind_blob(insertEvent, 7, leaf);
        Run(insertEvent);
        index?.Add(stream, envelope.Revision, position);
    }

    public StoredEvent? Find(EventId id)
    {
        Span<byte> bytes = stackalloc byte[EventId.Bytes];
        id.CopyTo(bytes);
        raw.sqlite3_bind_blob(findId, 1, bytes);
        var result = raw.sqlite3_step(findId);
        var found = result == raw.SQLITE_ROW
            ? new StoredEvent(raw.sqlite3_column_int64(findId, 0), raw.sqlite3_column_blob(findId, 1).ToArray(),
                raw.sqlite3_column_blob(findId, 2).ToArray()) : null;
        if (result is not (raw.SQLITE_ROW or raw.SQLITE_DONE)) SqliteException.ThrowExceptionForRC(result, database);
        raw.sqlite3_reset(findId);
        return found;
    }

    /// <summary>Runs a statement that gives no row. A reset says the error that a step did not end with.</summary>
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

    private static void Run(SqliteCommand command, params ReadOnlySpan<object> values)
    {
        for (var i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i];
        command.ExecuteNonQuery();
    }

    private void Execute(string sql)
    {
        using var command = Prepare(sql);
        command.ExecuteNonQuery();
    }

    private SqliteCommand Prepare(string sql, params string[] parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var name in parameters) command.Parameters.Add(new SqliteParameter(name, null));
        return command;
    }

    public void Dispose()
    {
        index?.Dispose();
        begin.Dispose();
        commit.Dispose();
        insertEvent.Dispose();
        insertStream.Dispose();
        findId.Dispose();
        saveLedger.Dispose();
        connection.Dispose();
    }
}
