using System.Diagnostics;
using System.Text;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Npgsql;

namespace Ledger.Stores.Postgres;

/// <summary>
/// The read model on PostgreSQL: rows and checkpoints change in one transaction. Rows are text in a table of ours and
/// no Marten documents: <c>jsonb</c> would change their bytes, and a row is compared by them. A version that the batch
/// which made it closed again is in the history, where many share a row (<see cref="ClosedVersions"/>); all others are
/// in rows of their own.
/// </summary>
public sealed class MartenViews : IViewStore, IDisposable
{
    private const string OpenRow = "9223372036854775807"; // ViewRow.Open
    private const string Owner = "owner"; // the name of a lease, whose holder is the ledger
    private readonly PostgresLedger ledger;
    private readonly Dictionary<string, LeaseToken> leases = [];
    private readonly Lock gate = new();
    private readonly string storedAs;
    private bool hasHistory, hasRowVersions;

    private MartenViews(PostgresLedger ledger)
    {
        this.ledger = ledger;
        var schema = ledger.Schema;
        storedAs = $"coalesce((SELECT stored_as FROM {schema}.view_version WHERE projection = $1), $1)";
    }

    /// <summary>Opens or creates the views; the database is theirs from here on, and is closed with them.</summary>
    public static MartenViews Open(PostgresLedger ledger)
    {
        var views = new MartenViews(ledger);
        try
        {
            ledger.ApplySchema();
            foreach (var lease in (string[])[ViewLease.Live, ViewLease.Next])
            {
                views.Execute(
                    $"INSERT INTO {ledger.Schema}.lease VALUES ($1, 0, '', now()) ON CONFLICT DO NOTHING", lease);
                views.leases[lease] = new((long)views.Scalar(
                    $"SELECT token FROM {ledger.Schema}.lease WHERE name = $1", lease)!);
            }
            views.Execute($"INSERT INTO {ledger.Schema}.lease VALUES ($1, 0, $2, now()) ON CONFLICT DO NOTHING",
                Owner, ledger.Ledger.Value);
            views.RefuseAnothers();
            return views;
        }
        catch
        {
            views.Dispose();
            throw;
        }
    }

    /// <summary>Opens the views for whoever only looks; null where there are none, and then the database is
    /// closed.</summary>
    public static MartenViews? OpenForReading(PostgresLedger ledger)
    {
        try
        {
            if (ledger.Exists())
            {
                var views = new MartenViews(ledger);
                views.RefuseAnothers();
                return views;
            }
        }
        catch
        {
            ledger.Dispose();
            throw;
        }
        ledger.Dispose();
        return null;
    }

    /// <summary>Two ids may have one schema (<see cref="LedgerSchema.NameOf"/>). Whose it is the journal's row says,
    /// and where the journal is elsewhere a lease that is nobody else's for ever: of an earlier program's views there
    /// is none, and they are of whoever opens them.</summary>
    private void RefuseAnothers()
    {
        var owner = Scalar($"SELECT name FROM {ledger.Schema}.ledger") as string
            ?? (ledger.IsThere("lease") ? Scalar(
                $"SELECT holder FROM {ledger.Schema}.lease WHERE name = $1", Owner) as string : null);
        if (owner is not null && owner != ledger.Ledger.Value)
            throw new JournalRefusedException($"these are the views of ledger {owner}, not of {ledger.Ledger}");
    }

    private LeaseToken Lease(string lease) => leases.TryGetValue(lease, out var token) ? token
        : throw new InvalidOperationException("these views are open for reading only");

    public ViewCheckpoint Reached(string projection)
    {
        using var command = Command($"SELECT next_position, {(HasRowVersions ? LedgerSchema.RowVersion : "0")} "
            + $"FROM {ledger.Schema}.checkpoint WHERE projection = {storedAs}", projection);
        using var found = command.ExecuteReader();
        return found.Read() ? new(found.GetInt64(0), found.GetInt32(1)) : default;
    }

    public void Commit(
        IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes) =>
        Batch(checkpoints, changes).Commit();

    /// <summary>On a thread of its own, which waits for the server and for nothing else: a transaction whose next step
    /// had to wait for a busy process would be ended by the server, as that of a holder that is paused.</summary>
    public Task CommitAsync(
        IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes)
    {
        var batch = Batch(checkpoints, changes);
        return Task.Factory.StartNew(
            batch.Commit, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    private ViewBatch Batch(
        IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes) =>
        new(ledger, [.. checkpoints.Keys.Select(ViewLease.Of).Distinct().Select(name => (name, Lease(name).Value))],
            checkpoints, changes);

    public string? Get(string projection, string key, long? asOf = null) => asOf is { } at
        ? Read(projection, AsOf("key = $2", "$3"), key, at) is [var found] ? found.Json : null
        : Scalar($"""
            SELECT json FROM {ledger.Schema}.view_row
            WHERE projection = {storedAs} AND key = $2 AND to_position = {OpenRow}
            """, projection, key) as string;

    public IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null) =>
        asOf is { } at
            ? Read(projection, $"{AsOf("key >= $2 AND key <= $3", "$4")} ORDER BY key", first, last, at)
            : Read(projection, $"""
                {Rows($"key >= $2 AND key <= $3 AND to_position = {OpenRow}")} ORDER BY key
                """, first, last);

    public IReadOnlyList<ViewRow> Versions(string projection) => Read(projection, AllVersions);

    public void ScanVersions(string projection, VersionTaker take) => Each(AllVersions, [projection], row => take(
        Encoding.UTF8.GetBytes(row.GetString(0)), row.GetInt64(1), row.GetInt64(2),
        Encoding.UTF8.GetBytes(row.GetString(3))));

    private string AllVersions => $"""
        {Rows("true")}
        {(HasHistory ? $"UNION ALL {History("true", "true")}" : "")}
        ORDER BY key, from_position
        """;

    /// <summary>Who asks as of the last event that was applied, or of a later one, is answered by what is current: the
    /// checkpoint is asked first, and no version that has ended is looked at, as many as there may be.</summary>
    private string AsOf(string keys, string at)
    {
        var hasEnded = $"(SELECT next_position FROM {ledger.Schema}.checkpoint WHERE projection = {storedAs}) > {at} + 1";
        var current = Rows($"{keys} AND from_position <= {at} AND to_position = {OpenRow}");
        var ended = Rows($"{hasEnded} AND {keys} AND from_position <= {at} AND {at} < to_position "
            + $"AND to_position <> {OpenRow}");
        if (!HasHistory) return $"{current} UNION ALL {ended}";
        var history = History($"{hasEnded} AND {keys} AND h.from_position <= {at} AND {at} < h.to_position",
            $"v.from_position <= {at} AND {at} < v.to_position");
        return $"{current} UNION ALL {ended} UNION ALL {history}";
    }

    private string Rows(string condition) => $"""
        SELECT key, from_position, to_position, json FROM {ledger.Schema}.view_row
        WHERE projection = {storedAs} AND {condition}
        """;

    private string History(string ofRows, string ofVersions) => $"""
        SELECT h.key, v.from_position, v.to_position, v.json FROM {ledger.Schema}.view_history AS h
        CROSS JOIN unnest(h.from_positions, h.to_positions, h.jsons) AS v(from_position, to_position, json)
        WHERE h.projection = {storedAs} AND {ofRows} AND {ofVersions}
        """;

    /// <summary>A database of an older program has none until somebody writes views there.</summary>
    private bool HasHistory => hasHistory || (hasHistory = ledger.IsThere("view_history"));

    /// <summary>The same of the versions of rows: of those nobody knows which they are.</summary>
    private bool HasRowVersions => hasRowVersions
        || (hasRowVersions = ledger.IsThere(LedgerSchema.Checkpoint, LedgerSchema.RowVersion));

    public void Reset(string projection) => InTransaction([ViewLease.Of(projection)], transaction =>
    {
        Execute(transaction, "SET LOCAL statement_timeout = 0");
        Execute(transaction, $"DELETE FROM {ledger.Schema}.view_row WHERE projection = {storedAs}", projection);
        Execute(transaction, $"DELETE FROM {ledger.Schema}.view_history WHERE projection = {storedAs}", projection);
        Execute(transaction, $"DELETE FROM {ledger.Schema}.checkpoint WHERE projection = {storedAs}", projection);
    });

    public bool TryHold(string lease, string holder, Duration length)
    {
        lock (gate)
        {
            var held = Lease(lease);
            if (held.IsFresh(holder, length)) return true;
            var asked = Stopwatch.GetTimestamp();
            // By the server's clock, which all holders share.
            var token = Scalar($"""
                UPDATE {ledger.Schema}.lease SET holder = $3,
                  token = CASE WHEN token = $2 AND holder = $3 THEN token ELSE token + 1 END,
                  expires_at = clock_timestamp() + $4 * interval '1 millisecond'
                WHERE name = $1 AND (holder = $3 OR expires_at <= clock_timestamp()
                  OR expires_at > clock_timestamp() + $5 * interval '1 millisecond') RETURNING token
                """, lease, held.TakenBy(holder), holder, ViewLease.Milliseconds(length),
                ViewLease.Milliseconds(ViewLease.LengthMax));
            if (token is not long mine) return false;
            held.Held(holder, mine, asked, length);
            return true;
        }
    }

    public bool TryKeep(string lease, string holder, Duration length)
    {
        lock (gate)
        {
            var held = Lease(lease);
            if (held.IsFresh(holder, length)) return true;
            var asked = Stopwatch.GetTimestamp();
            var token = Scalar($"""
                UPDATE {ledger.Schema}.lease SET expires_at = clock_timestamp() + $3 * interval '1 millisecond'
                WHERE name = $1 AND token = $2 RETURNING token
                """, lease, held.TakenBy(holder), ViewLease.Milliseconds(length));
            if (token is not long mine) return false;
            held.Held(holder, mine, asked, length);
            return true;
        }
    }

    public void Switch(IReadOnlyCollection<string> projections) =>
        InTransaction([ViewLease.Live, ViewLease.Next], transaction =>
        {
            foreach (var projection in projections)
            {
                var next = NextViews.NameOf(projection);
                if (Reached(next).Next < Reached(projection).Next) throw NextViews.FallsBack(projection);
                Execute(transaction, $"""
                    INSERT INTO {ledger.Schema}.view_version (projection, stored_as)
                    VALUES ($1, {storedAs.Replace("$1", "$2", StringComparison.Ordinal)}), ($2, {storedAs})
                    ON CONFLICT (projection) DO UPDATE SET stored_as = excluded.stored_as
                    """, projection, next);
            }
        });

    public ProjectionAlarm? Alarm
    {
        get
        {
            using var command = Command("SELECT position, projection, wire_name, reason FROM "
                + $"{ledger.Schema}.alarm");
            using var found = command.ExecuteReader();
            return found.Read()
                ? new(found.GetInt64(0), found.GetString(1), found.GetString(2), found.GetString(3)) : null;
        }
        set => InTransaction([ViewLease.Live], transaction =>
        {
            Execute(transaction, $"DELETE FROM {ledger.Schema}.alarm");
            if (value is { } alarm)
                Execute(transaction, $"INSERT INTO {ledger.Schema}.alarm VALUES ($1, $2, $3, $4)", alarm.Position,
                    alarm.Projection, alarm.WireName, alarm.Reason);
        });
    }

    public void Dispose() => ledger.Dispose();

    /// <summary>A change that is no batch of rows, under the same tokens.</summary>
    private void InTransaction(string[] needed, Action<NpgsqlTransaction> change)
    {
        using var connection = ledger.Connections.OpenConnection();
        using var transaction = connection.BeginTransaction();
        foreach (var lease in needed)
        {
            using var token = new NpgsqlCommand(
                $"SELECT token FROM {ledger.Schema}.lease WHERE name = $1 FOR UPDATE", connection, transaction);
            if ((long)With(token, lease).ExecuteScalar()! != Lease(lease).Value) throw new LeaseLostException(lease);
        }
        change(transaction);
        transaction.Commit();
    }

    private List<ViewRow> Read(string projection, string sql, params object[] values)
    {
        var read = new List<ViewRow>();
        Each(sql, [projection, .. values], row =>
            read.Add(new(projection, row.GetString(0), row.GetInt64(1), row.GetInt64(2), row.GetString(3))));
        return read;
    }

    private void Each(string sql, object[] values, Action<NpgsqlDataReader> take)
    {
        using var command = Command(sql, values);
        using var rows = command.ExecuteReader();
        while (rows.Read()) take(rows);
    }

    private object? Scalar(string sql, params object[] values)
    {
        using var command = Command(sql, values);
        return command.ExecuteScalar();
    }

    private void Execute(string sql, params object[] values)
    {
        using var command = Command(sql, values);
        command.ExecuteNonQuery();
    }

    private static void Execute(NpgsqlTransaction transaction, string sql, params object[] values)
    {
        // All rows of a view are many, and whoever forgets them has nothing else to do.
        using var command = new NpgsqlCommand(sql, transaction.Connection, transaction) { CommandTimeout = 0 };
        With(command, values).ExecuteNonQuery();
    }

    private NpgsqlCommand Command(string sql, params object[] values) =>
        With(ledger.Connections.CreateCommand(sql), values);

    private static NpgsqlCommand With(NpgsqlCommand command, params object[] values)
    {
        foreach (var value in values) command.Parameters.Add(new() { Value = value });
        return command;
    }
}
