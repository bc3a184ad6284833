using Ledger.Domain;
using Microsoft.Data.Sqlite;
using NodaTime;

namespace Ledger.Journal;

/// <summary>
/// The tables of journal.db, and the statements of its one writer. Streams have integer keys; the frontier of the tree
/// is saved in the transaction of its leaves, so that both are there or neither is.
/// </summary>
internal sealed class JournalTables : IJournalStore, IDisposable
{
    public const string Schema = """
        CREATE TABLE IF NOT EXISTS ledger(id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL,
            length INTEGER NOT NULL, frontier BLOB NOT NULL, recorded_at INTEGER NOT NULL) STRICT;
        CREATE TABLE IF NOT EXISTS streams(key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE IF NOT EXISTS events(position INTEGER PRIMARY KEY, stream INTEGER NOT NULL,
            revision INTEGER NOT NULL, id BLOB NOT NULL UNIQUE, header BLOB NOT NULL, payload BLOB NOT NULL,
            leaf BLOB NOT NULL, UNIQUE(stream, revision)) STRICT;
        """;

    private readonly SqliteConnection connection;
    private readonly SqliteCommand insertEvent, insertStream, findId, saveLedger;
    private SqliteTransaction? transaction;

    public JournalTables(string path)
    {
        connection = Connect(path, SqliteOpenMode.ReadWriteCreate);
        Execute("PRAGMA journal_mode=WAL");
        Execute("PRAGMA synchronous=FULL");
        Execute(Schema);
        insertEvent = Prepare("INSERT INTO events VALUES($position,$stream,$revision,$id,$header,$payload,$leaf)",
            "$position", "$stream", "$revision", "$id", "$header", "$payload", "$leaf");
        insertStream = Prepare("INSERT INTO streams VALUES($key,$name)", "$key", "$name");
        findId = Prepare("SELECT position, header, payload FROM events WHERE id=$id", "$id");
        saveLedger = Prepare("UPDATE ledger SET length=$length, frontier=$frontier, recorded_at=$at", "$length",
            "$frontier", "$at");
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
        using var select =
            Prepare("SELECT s.name, s.key, (SELECT max(revision) FROM events e WHERE e.stream = s.key) FROM streams s");
        using var rows = select.ExecuteReader();
        while (rows.Read()) streams.Add(rows.GetString(0), new(rows.GetInt64(1), rows.GetInt64(2)));
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

    public void Begin()
    {
        transaction = connection.BeginTransaction();
        foreach (var command in (SqliteCommand[])[insertEvent, insertStream, findId, saveLedger])
            command.Transaction = transaction;
    }

    public void Commit(MerkleTree tree, Instant recordedAt)
    {
        Run(saveLedger, tree.Size, tree.SaveFrontier(), recordedAt.ToUnixTimeTicks());
        transaction!.Commit();
        transaction.Dispose();
        transaction = null;
    }

    public void Insert(in PlacedEvent placed)
    {
        var (position, stream, envelope, header, payload, leaf) = placed;
        if (envelope.Revision == 0) Run(insertStream, stream, envelope.Stream);
        Run(insertEvent, position, stream, envelope.Revision, envelope.Id.ToBytes(), header, payload, leaf);
    }

    public StoredEvent? Find(EventId id)
    {
        findId.Parameters[0].Value = id.ToBytes();
        using var row = findId.ExecuteReader();
        return row.Read()
            ? new(row.GetInt64(0), row.GetFieldValue<byte[]>(1), row.GetFieldValue<byte[]>(2))
            : null;
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
        transaction?.Dispose();
        insertEvent.Dispose();
        insertStream.Dispose();
        findId.Dispose();
        saveLedger.Dispose();
        connection.Dispose();
    }
}
