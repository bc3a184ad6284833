using Ledger.Domain;
using Ledger.Journal;
using Marten;
using Marten.Services;
using NodaTime;
using Npgsql;
using NpgsqlTypes;

namespace Ledger.Stores.Postgres;

/// <summary>
/// What the journal's one writer does on PostgreSQL. One connection holds the sequencer's advisory lock and commits
/// every batch, so who has lost the lock has lost the way to commit; and each batch checks the fencing token in its own
/// transaction, because a pooler between could give the lock to one server process and the batch to another.
/// </summary>
internal sealed class MartenJournalStore : IJournalStore, IDisposable
{
    private const string Opening = "SELECT pg_advisory_lock(hashtextextended($1, 0))";
    private readonly PostgresLedger ledger;
    private readonly NpgsqlConnection connection;
    private readonly string append, find;
    private readonly Dictionary<EventId, StoredEvent> known = [];
    private readonly List<PlacedEvent> placed = [];
    private long fence;

    /// <summary>Takes the lock, waiting so long for a holder that is about to go.</summary>
    /// <exception cref="LedgerOwnedException">Another process sequences this ledger.</exception>
    public MartenJournalStore(PostgresLedger ledger, Duration patience)
    {
        this.ledger = ledger;
        var schema = ledger.Schema;
        // The position of each event is what the one-row update gave back, so a rollback leaves no gap.
        append = $"""
            WITH taken AS (
              UPDATE {schema}.ledger SET length = length + ?, frontier = ?, recorded_at = ?
              WHERE fence = ? RETURNING length - ? AS first),
            named AS (
              INSERT INTO {schema}.streams (key, name)
              SELECT s.key, s.name FROM taken, unnest(?, ?) AS s(key, name)),
            added AS (
              INSERT INTO {schema}.events (position, stream, revision, id, header, payload, leaf)
              SELECT taken.first + e.ordinal - 1, e.stream, e.revision, e.id, e.header, e.payload, e.leaf
              FROM taken, unnest(?, ?, ?, ?, ?, ?)
                WITH ORDINALITY AS e(stream, revision, id, header, payload, leaf, ordinal)
              RETURNING 1)
            SELECT (SELECT first FROM taken) WHERE (SELECT count(*) FROM added) = ?
            """;
        find = $"SELECT id, position, header, payload FROM {schema}.events WHERE id = ANY ($1)";
        connection = ledger.Connections.OpenConnection();
        try
        {
            PostgresLedger.CheckDurability(connection);
            TakeLock(patience);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private void TakeLock(Duration patience)
    {
        try
        {
            Execute($"SET lock_timeout = {Math.Max(1, patience.ToInt64Nanoseconds() / 1_000_000)}"); // milliseconds
            Execute(Opening, $"ledger sequencer {ledger.Schema}");
        }
        catch (PostgresException held) when (held.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            throw new LedgerOwnedException(
                $"another process records facts of ledger {ledger.Ledger} in this database ({Holder()})");
        }
        Execute("SET lock_timeout = 0");
    }

    private string Holder()
    {
        using var command = new NpgsqlCommand("""
            SELECT a.pid, coalesce(host(a.client_addr), 'a local socket') FROM pg_locks l JOIN pg_stat_activity a
              ON a.pid = l.pid
            WHERE l.locktype = 'advisory' AND l.granted
              AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended($1, 0)
            """, connection);
        command.Parameters.Add(new() { Value = $"ledger sequencer {ledger.Schema}" });
        using var row = command.ExecuteReader();
        return row.Read() ? $"server process {row.GetInt32(0)}, from {row.GetString(1)}" : "it has just gone";
    }

    /// <summary>Fences every earlier sequencer off, and gives what this one goes on from.</summary>
    public JournalState Open()
    {
        MerkleTree tree;
        Instant recordedAt;
        using (var transaction = connection.BeginTransaction())
        {
            Execute($"INSERT INTO {ledger.Schema}.ledger VALUES (1, $1, 0, '', 0, 0) ON CONFLICT DO NOTHING",
                ledger.Ledger.Value);
            Execute($"UPDATE {ledger.Schema}.ledger SET fence = fence + 1");
            (tree, recordedAt, fence) = LedgerRow.Read(connection, ledger)!;
            transaction.Commit();
        }
        var streams = new Dictionary<string, StreamHead>(StringComparer.Ordinal);
        using var command = new NpgsqlCommand($"""
            SELECT s.name, s.key,
              (SELECT revision FROM {ledger.Schema}.events e WHERE e.stream = s.key ORDER BY revision DESC LIMIT 1)
            FROM {ledger.Schema}.streams s
            """, connection);
        using var rows = command.ExecuteReader();
        while (rows.Read()) streams.Add(rows.GetString(0), new(rows.GetInt64(1), rows.GetInt64(2)));
        return new JournalState(tree, streams, recordedAt);
    }

    public void Begin()
    {
        known.Clear();
        placed.Clear();
    }

    /// <summary>Finds all ids of a batch in one question: one for each fact would cost more than the batch.</summary>
    public void Prepare(IEnumerable<EventId> ids)
    {
        using var command = new NpgsqlCommand(find, connection);
        command.Parameters.Add(new() { Value = ids.Select(Uuid).ToArray() });
        using var rows = command.ExecuteReader();
        while (rows.Read())
            known[Id(rows.GetGuid(0))] = new StoredEvent(
                rows.GetInt64(1), rows.GetFieldValue<byte[]>(2), rows.GetFieldValue<byte[]>(3));
    }

    public StoredEvent? Find(EventId id) => known.GetValueOrDefault(id);

    public void Insert(in PlacedEvent next)
    {
        known[next.Envelope.Id] = new StoredEvent(next.Position, next.Header, next.Payload);
        placed.Add(next);
    }

    /// <summary>All of the batch in one statement of a Marten session, on the connection that holds the
    /// lock.</summary>
    public void Commit(MerkleTree tree, Instant recordedAt)
    {
        if (placed.Count == 0) return;
        using var transaction = connection.BeginTransaction();
        using (var session = ledger.Store.LightweightSession(SessionOptions.ForTransaction(transaction)))
        {
            session.QueueOperation(Appended(tree, recordedAt));
            session.SaveChangesAsync().GetAwaiter().GetResult(); // the writer's own thread: it waits anyway
        }
        transaction.Commit();
    }

    private CountedStatement Appended(MerkleTree tree, Instant recordedAt)
    {
        const NpgsqlDbType bigints = NpgsqlDbType.Array | NpgsqlDbType.Bigint,
            bytes = NpgsqlDbType.Array | NpgsqlDbType.Bytea;
        var begun = placed.FindAll(next => next.Envelope.Revision == 0);
        long count = placed.Count, expected = placed[0].Position;
        return new CountedStatement(append, first => first == expected ? null : Fenced(first, expected),
            (count, NpgsqlDbType.Bigint), (tree.SaveFrontier(), NpgsqlDbType.Bytea),
            (recordedAt.ToUnixTimeTicks(), NpgsqlDbType.Bigint), (fence, NpgsqlDbType.Bigint),
            (count, NpgsqlDbType.Bigint),
            (Of(begun, next => next.StreamKey), bigints),
            (Of(begun, next => next.Envelope.Stream), NpgsqlDbType.Array | NpgsqlDbType.Text),
            (Of(placed, next => next.StreamKey), bigints), (Of(placed, next => next.Envelope.Revision), bigints),
            (Of(placed, next => Uuid(next.Envelope.Id)), NpgsqlDbType.Array | NpgsqlDbType.Uuid),
            (Of(placed, next => next.Header), bytes), (Of(placed, next => next.Payload), bytes),
            (Of(placed, next => next.Leaf), bytes), (count, NpgsqlDbType.Bigint));
    }

    private static T[] Of<T>(List<PlacedEvent> events, Converter<PlacedEvent, T> part) =>
        events.ConvertAll(part).ToArray();

    private Exception Fenced(long? first, long expected) => first is null
        ? new JournalFencedException(
            $"another process records facts of ledger {ledger.Ledger} now: this one is fenced off")
        : new JournalRefusedException($"the journal goes on at position {first}, and its writer at {expected}");

    private static Guid Uuid(EventId id) => new(id.ToBytes(), bigEndian: true);

    private static EventId Id(Guid uuid)
    {
        Span<byte> bytes = stackalloc byte[16];
        uuid.TryWriteBytes(bytes, bigEndian: true, out _);
        return new(System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes));
    }

    private void Execute(string sql, string? text = null)
    {
        using var command = new NpgsqlCommand(sql, connection);
        if (text is not null) command.Parameters.Add(new() { Value = text });
        command.ExecuteNonQuery();
    }

    /// <summary>Gives the lock back first: the connection goes into the pool, and would keep it there.</summary>
    public void Dispose()
    {
        try
        {
            if (connection.State == System.Data.ConnectionState.Open) Execute("SELECT pg_advisory_unlock_all()");
        }
        catch (NpgsqlException)
        {
            // The connection is gone, and the lock with it.
        }
        connection.Dispose();
    }
}
