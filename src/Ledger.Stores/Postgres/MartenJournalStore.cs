using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Npgsql;
using NpgsqlTypes;

namespace Ledger.Stores.Postgres;

/// <summary>
/// What the journal's one writer does on PostgreSQL. A batch is one transaction on one of two connections in turn, so
/// that the next one is copied in while one is committed by a thread of its own. The first connection holds the
/// sequencer's advisory lock, and each batch checks in its transaction the fencing token that every opening raises, and
/// that it follows the batch before.
/// </summary>
internal sealed class MartenJournalStore : IJournalStore, IDisposable
{
    private const string Opening = "SELECT pg_advisory_lock(hashtextextended($1, 0))";
    private readonly PostgresLedger ledger;
    private readonly NpgsqlConnection connection;
    private readonly WorkThread commits;
    private readonly string begin, advance, find, settings;
    private readonly Dictionary<EventId, StoredEvent> known = []; // of the last question
    private RecentIds recent = new(null);
    private readonly NpgsqlConnection asking; // of ids: one of the readers' may have been ended while it was idle
    private JournalBatch filling, before;
    private long fence;

    /// <summary>Takes the lock, waiting so long for a holder that is about to go.</summary>
    /// <exception cref="LedgerOwnedException">Another process sequences this ledger.</exception>
    public MartenJournalStore(PostgresLedger ledger, Duration patience)
    {
        this.ledger = ledger;
        var schema = ledger.Schema;
        begin = $"""
            WITH begun AS (
              INSERT INTO {schema}.streams (key, name) SELECT key, name FROM unnest($1, $2) AS s(key, name) RETURNING 1)
            SELECT count(*) FROM begun
            """;
        find = $"SELECT id, position, header, payload FROM {schema}.events WHERE id = ANY ($1)";
        connection = Connected(ledger);
        try
        {
            settings = DurableCommit.SettingsOn(connection);
            // The first position of the batch is what the one-row update gives back, so a rollback leaves no gap.
            advance = $"""
                UPDATE {schema}.ledger SET length = length + $1, frontier = $2, recorded_at = $3
                WHERE fence = $4 RETURNING length - $1, {settings}
                """;
            TakeLock(patience);
            filling = new(schema, connection);
            before = new(schema, Connected(ledger));
            asking = Connected(ledger);
            commits = new($"commits {ledger.Ledger}");
        }
        catch
        {
            asking?.Dispose();
            before?.Connection.Dispose();
            connection.Dispose();
            throw;
        }
    }

    /// <summary>A session in which a statement takes as long as it takes, whatever its role or its database says: a
    /// commit waits for its standby, and the next batch for that commit. Which bounds there are differs between
    /// versions of the server.</summary>
    private static NpgsqlConnection Connected(PostgresLedger ledger)
    {
        var connected = ledger.Writing.OpenConnection();
        try
        {
            using var unbounded = new NpgsqlCommand("""
                SELECT count(set_config(name, '0', false)) FROM pg_settings
                WHERE name IN ('statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_session_timeout')
                """, connected);
            unbounded.ExecuteNonQuery();
            return connected;
        }
        catch
        {
            connected.Dispose();
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
        using (var opening = connection.BeginTransaction())
        {
            Execute($"INSERT INTO {ledger.Schema}.ledger VALUES (1, $1, 0, '', 0, 0) ON CONFLICT DO NOTHING",
                ledger.Ledger.Value);
            Execute($"UPDATE {ledger.Schema}.ledger SET fence = fence + 1 RETURNING {settings}");
            (tree, recordedAt, fence) = LedgerRow.Read(connection, ledger)!;
            new DurableCommit(connection).Commit(opening);
        }
        var highest = Highest();
        recent = new(highest);
        var streams = new Dictionary<string, StreamHead>(StringComparer.Ordinal);
        using var command = new NpgsqlCommand($"""
            SELECT s.name, s.key,
              (SELECT revision FROM {ledger.Schema}.events e WHERE e.stream = s.key ORDER BY revision DESC LIMIT 1)
            FROM {ledger.Schema}.streams s
            """, connection);
        using var rows = command.ExecuteReader();
        while (rows.Read()) streams.Add(rows.GetString(0), new(rows.GetInt64(1), rows.GetInt64(2)));
        return new JournalState(tree, streams, recordedAt) { HighestId = highest.GetValueOrDefault() };
    }

    private EventId? Highest()
    {
        using var command = new NpgsqlCommand(
            $"SELECT id FROM {ledger.Schema}.events ORDER BY id DESC LIMIT 1", connection);
        return command.ExecuteScalar() is Guid latest ? Id(latest) : null;
    }

    public void Begin()
    {
        (filling, before) = (before, filling);
        filling.Clear();
    }

    /// <summary>Finds the ids of a batch that may be there in one question: one for each fact would cost more than the
    /// batch.</summary>
    public void Prepare(IEnumerable<EventId> ids)
    {
        known.Clear();
        var asked = ids.Where(recent.MayBeStored).Select(JournalBatch.Uuid).ToArray();
        if (asked.Length == 0) return;
        using var command = new NpgsqlCommand(find, asking);
        command.Parameters.Add(new() { Value = asked });
        using var found = command.ExecuteReader();
        while (found.Read())
            known[Id(found.GetGuid(0))] = new StoredEvent(
                found.GetInt64(1), found.GetFieldValue<byte[]>(2), found.GetFieldValue<byte[]>(3));
    }

    /// <summary>The batch before is not seen by a question until it is committed.</summary>
    public StoredEvent? Find(EventId id) => recent.MayBeStored(id)
        ? filling.Find(id) ?? before.Find(id) ?? known.GetValueOrDefault(id) : null;

    public void Insert(in PlacedEvent next)
    {
        recent.Add(next.Envelope.Id);
        filling.Add(next);
    }

    public Task CommitAsync(MerkleTree tree, Instant recordedAt)
    {
        var batch = filling;
        if (batch.Count == 0) return Task.CompletedTask;
        var (frontier, ticks) = (tree.SaveFrontier(), recordedAt.ToUnixTimeTicks()); // now, before the tree grows
        var durable = new TaskCompletionSource(); // who waits goes on here: a busy process would let them wait longer
        commits.Give(() =>
        {
            try
            {
                batch.Commit(transaction => Advance(transaction, batch, frontier, ticks));
            }
            catch (Exception e)
            {
                durable.SetException(e);
                return;
            }
            durable.SetResult();
        });
        return durable.Task;
    }

    /// <summary>Length, frontier and new streams, in one journey; throws where another process has gone on.</summary>
    private void Advance(NpgsqlTransaction transaction, JournalBatch batch, byte[] frontier, long recordedAt)
    {
        using var statements = new NpgsqlBatch(transaction.Connection, transaction);
        Add(statements, advance, (batch.Count, NpgsqlDbType.Bigint), (frontier, NpgsqlDbType.Bytea),
            (recordedAt, NpgsqlDbType.Bigint), (fence, NpgsqlDbType.Bigint));
        var begun = batch.Begun;
        if (begun.Count > 0)
            Add(statements, begin,
                (begun.Select(stream => stream.Key).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Bigint),
                (begun.Select(stream => stream.Name).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text));
        using var answers = statements.ExecuteReader();
        long? given = answers.Read() ? answers.GetInt64(0) : null;
        if (given != batch.First) throw Fenced(given, batch.First);
        if (!answers.NextResult()) return;
        answers.Read();
        if (answers.GetInt64(0) is var stored && stored != begun.Count)
            throw new IOException($"{stored} of {begun.Count} streams were stored");
    }

    private static void Add(
        NpgsqlBatch batch, string sql, params ReadOnlySpan<(object Value, NpgsqlDbType Type)> values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var (value, type) in values) command.Parameters.Add(new() { Value = value, NpgsqlDbType = type });
        batch.BatchCommands.Add(command);
    }

    private Exception Fenced(long? first, long expected) => first is null
        ? new JournalFencedException(
            $"another process records facts of ledger {ledger.Ledger} now: this one is fenced off")
        : new JournalRefusedException($"the journal goes on at position {first}, and its writer at {expected}");

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
        commits.Dispose();
        before.RollBack();
        filling.RollBack();
        try
        {
            if (connection.State == System.Data.ConnectionState.Open) Execute("SELECT pg_advisory_unlock_all()");
        }
        catch (NpgsqlException)
        {
            // The connection is gone, and the lock with it.
        }
        asking.Dispose();
        before.Connection.Dispose();
        filling.Connection.Dispose();
    }
}
