using Ledger.Domain;
using Ledger.Journal.Indexing;
using Microsoft.Data.Sqlite;
using Microsoft.Win32.SafeHandles;
using NodaTime;
using SQLitePCL;

namespace Ledger.Journal;

/// <summary>
/// The tables of journal.db, and the statements that write them, for one thread at a time. Streams have integer keys;
/// the frontier of the tree is saved in the transaction of its leaves, so that both are there or neither is. What runs
/// once an event speaks to SQLite itself, without a command object and its boxed parameters.
/// </summary>
internal sealed class JournalTables : IDisposable
{
    private const string Ledgers = """
        CREATE TABLE IF NOT EXISTS ledger(id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL,
            length INTEGER NOT NULL, frontier BLOB NOT NULL, recorded_at INTEGER NOT NULL) STRICT;
        CREATE TABLE IF NOT EXISTS streams(key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

        """;

    private static string Events(string idIs, string streamsAre) => $"""
        CREATE TABLE IF NOT EXISTS events(position INTEGER PRIMARY KEY, stream INTEGER NOT NULL,
            revision INTEGER NOT NULL, id BLOB NOT NULL{idIs}, header BLOB NOT NULL, payload BLOB NOT NULL,
            leaf BLOB NOT NULL{streamsAre}) STRICT;

        """;

    /// <summary>In the table of events, while each was put into an index at once: a journal that was made so has
    /// them for ever, and nobody asks them.</summary>
    private const string UniqueIds = " UNIQUE", UniqueStreams = ", UNIQUE(stream, revision)";

    /// <summary>Tables in which a journal that was made before has its indexes, until it is opened for writing.
    /// </summary>
    private static readonly (string Name, string Schema)[] EarlierIndexes =
    [
        ("stream_events", "CREATE TABLE IF NOT EXISTS stream_events(stream INTEGER NOT NULL, revision INTEGER NOT NULL, "
            + "position INTEGER NOT NULL, PRIMARY KEY(stream, revision)) STRICT, WITHOUT ROWID;"),
        ("event_ids", "CREATE TABLE IF NOT EXISTS event_ids(id BLOB PRIMARY KEY, position INTEGER NOT NULL) "
            + "STRICT, WITHOUT ROWID;"),
        .. ((string[])["stream_index", "id_index"]).Select(name => (name, $"CREATE TABLE IF NOT EXISTS {name}"
            + "(id INTEGER PRIMARY KEY CHECK (id = 1), length INTEGER NOT NULL) STRICT;")),
    ];

    // A page is written to the database once for many commits that changed it: between two batches, when so many bytes
    // were stored.
    private const int CacheKibibytes = 64 * 1024, BytesUntilCheckpoint = 24 << 20;
    private const int BusyMilliseconds = 5000; // that another process may hold a lock of the file's
    private const int CommitBytes = 3 * 4096; // that a commit takes for itself: the ledger's page and two begun ones
    private readonly SqliteConnection connection;
    private readonly SqliteWriting writing; // what runs again and again; all else the other one does
    private readonly EventInserts events;
    private readonly SqliteStatement insertStream, saveLedger, begin, commit;
    private readonly Checkpoints checkpoints;
    private readonly SafeFileHandle log;

    public JournalTables(string path)
    {
        Path = path;
        using var opened = new OpenedParts();
        connection = opened.Add(ConnectForWriting(path));
        Execute("PRAGMA journal_mode=WAL");
        Execute("PRAGMA wal_autocheckpoint=0"); // it keeps its errors to itself: Checkpoints does it
        Execute($"BEGIN IMMEDIATE; {SchemaOf(connection)} COMMIT"); // all of it, or nothing
        writing = opened.Add(new SqliteWriting(path, BusyMilliseconds, CacheKibibytes));
        var database = writing.Database;
        events = new(database);
        insertStream = new(database, "INSERT INTO streams VALUES(?1,?2)");
        saveLedger = new(database, "UPDATE ledger SET length=?1, frontier=?2, recorded_at=?3");
        begin = new(database, "BEGIN IMMEDIATE");
        commit = new(database, "COMMIT");
        checkpoints = opened.Add(new Checkpoints(ConnectForWriting(path), "checkpoint"));
        log = DurableFiles.OpenToSync(LogPath); // it is there while a connection is open
        opened.Keep();
    }

    /// <summary>Where the file is.</summary>
    public string Path { get; }

    private static SqliteConnection ConnectForWriting(string path)
    {
        var connection = Connect(path, SqliteOpenMode.ReadWriteCreate);
        raw.sqlite3_busy_timeout(connection.Handle, BusyMilliseconds);
        // The log is made durable by Sync; SQLite does it itself only before it writes the database from it.
        using var sync = connection.CreateCommand();
        sync.CommandText = "PRAGMA synchronous=NORMAL";
        sync.ExecuteNonQuery();
        return connection;
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
    public static SqliteConnection ConnectForReading(string path)
    {
        var connection = Connect(path, SqliteOpenMode.ReadOnly);
        raw.sqlite3_busy_timeout(connection.Handle, BusyMilliseconds);
        return connection;
    }

    /// <summary>The statements that make the tables as these were made; as a new journal's where there are none.
    /// </summary>
    public static string SchemaOf(SqliteConnection connection)
    {
        var tables = TablesOf(connection);
        var events = tables.GetValueOrDefault("events", "");
        return Ledgers + Events(Part(UniqueIds + ","), Part(UniqueStreams)) + string.Concat(
            EarlierIndexes.Where(index => tables.ContainsKey(index.Name)).Select(index => index.Schema + "\n"));

        string Part(string text) => events.Contains(text, StringComparison.Ordinal) ? text.TrimEnd(',') : "";
    }

    /// <summary>Drops the indexes that stood here before they were runs; the pages are used again.</summary>
    public void DropEarlierIndexes()
    {
        var tables = TablesOf(connection);
        var drops = EarlierIndexes.Where(index => tables.ContainsKey(index.Name))
            .Select(index => $"DROP TABLE {index.Name}; ").ToList();
        if (drops.Count > 0) Execute($"BEGIN IMMEDIATE; {string.Concat(drops)}COMMIT");
    }

    /// <summary>The statement that made each table, by its name.</summary>
    private static Dictionary<string, string> TablesOf(SqliteConnection connection)
    {
        var tables = new Dictionary<string, string>(StringComparer.Ordinal);
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT name, sql FROM sqlite_schema WHERE type = 'table'";
        using var row = select.ExecuteReader();
        while (row.Read()) tables[row.GetString(0)] = row.GetString(1);
        return tables;
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

    /// <summary>The head of every stream.</summary>
    /// <param name="index">Of all events.</param>
    public Dictionary<string, StreamHead> LoadStreams(JournalIndex index)
    {
        var named = new List<(string Name, long Key)>();
        using var select = Prepare("SELECT name, key FROM streams ORDER BY key");
        using (var rows = select.ExecuteReader())
            while (rows.Read()) named.Add((rows.GetString(0), rows.GetInt64(1)));
        var revisions = index.LastRevisions(named.ConvertAll(stream => stream.Key));
        return named.ToDictionary(stream => stream.Name, stream => new StreamHead(stream.Key,
            revisions.TryGetValue(stream.Key, out var last) ? last
                : throw new JournalRefusedException($"stream {stream.Name} of {SqliteJournal.FileName} has no event")),
            StringComparer.Ordinal);
    }

    /// <summary>Gives what an index has of each event, from a position on.</summary>
    public void ReadKeys(long from, KeysOfEvent take)
    {
        using var rows = new SqliteStatement(
            connection, "SELECT position, id, stream, revision, leaf FROM events WHERE position >= ?1 ORDER BY position");
        rows.Bind(1, from);
        for (; rows.IsRow(); from++)
        {
            if (rows.Int64(0) != from) throw new JournalRefusedException($"position {from} is missing");
            var id = rows.Blob(1);
            if (id.Length != EventId.Bytes) throw new JournalRefusedException($"position {from} has no id");
            take(EventId.Of(id), rows.Int64(2), rows.Int64(3), rows.Blob(4));
        }
    }

    /// <summary>The stored leaf entry at a position; null where there is no event.</summary>
    public byte[]? LeafAt(long position) => LeafAt(connection, position);

    /// <inheritdoc cref="LeafAt(long)"/>
    public static byte[]? LeafAt(SqliteConnection connection, long position) =>
        Leaves(connection, position, position + 1) is [var leaf] ? leaf : null;

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

    public void Begin() => begin.Run();

    /// <summary>Commits all that was inserted, and beside it the size and frontier of the tree and the highest
    /// recordedAt. It is durable after <see cref="Sync"/>.</summary>
    public void Commit(long size, byte[] frontier, Instant recordedAt)
    {
        saveLedger.Bind(1, size);
        saveLedger.Bind(2, frontier);
        saveLedger.Bind(3, recordedAt.ToUnixTimeTicks());
        saveLedger.Run();
        commit.Run();
        checkpoints.Add(CommitBytes);
    }

    /// <summary>Returns when the last commit is durable, and with it all before. It may be asked on another thread,
    /// while rows of the next one are inserted. Throws <see cref="IOException"/> with the system's error.</summary>
    public void Sync() => DurableFiles.Sync(log, LogPath);

    private string LogPath => Path + "-wal";

    /// <summary>Writes the log to the database, where it is long.</summary>
    public void Tidy() => checkpoints.Go(writing.Database, BytesUntilCheckpoint);

    /// <summary>Inserts events that follow each other.</summary>
    public void Insert(ReadOnlySpan<PlacedEvent> placed)
    {
        foreach (ref readonly var one in placed)
        {
            checkpoints.Add(one.Header.Length + one.Payload.Length);
            if (one.Envelope.Revision > 0) continue;
            insertStream.Bind(1, one.StreamKey);
            insertStream.Bind(2, one.Envelope.Stream);
            insertStream.Run();
        }
        events.Insert(placed);
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
        log.Dispose();
        checkpoints.Dispose();
        begin.Dispose();
        commit.Dispose();
        events.Dispose();
        insertStream.Dispose();
        saveLedger.Dispose();
        writing.Dispose();
        connection.Dispose();
    }
}

/// <summary>Takes what an index has of an event.</summary>
/// <param name="leaf">The leaf entry; it holds until this returns.</param>
internal delegate void KeysOfEvent(EventId id, long stream, long revision, ReadOnlySpan<byte> leaf);
