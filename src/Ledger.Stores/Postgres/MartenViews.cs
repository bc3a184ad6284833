using System.Diagnostics;
using Ledger.Projections;
using NodaTime;
using Npgsql;
using NpgsqlTypes;

namespace Ledger.Stores.Postgres;

/// <summary>
/// The read model on PostgreSQL: rows and checkpoints change in one Marten session, which is one transaction. Rows are
/// text in a table of ours and no Marten documents: <c>jsonb</c> would change their bytes, and a row is compared by
/// them. The port is synchronous, so who calls it waits for the server.
/// </summary>
public sealed class MartenViews : IViewStore, IDisposable
{
    private const string OpenRow = "9223372036854775807"; // ViewRow.Open
    private const NpgsqlDbType Texts = NpgsqlDbType.Array | NpgsqlDbType.Text,
        Bigints = NpgsqlDbType.Array | NpgsqlDbType.Bigint;
    private readonly PostgresLedger ledger;
    private readonly Dictionary<string, LeaseToken> leases = [];
    private readonly Lock gate = new();
    private readonly string row, storedAs;

    private MartenViews(PostgresLedger ledger)
    {
        this.ledger = ledger;
        var schema = ledger.Schema;
        row = $"key, from_position, to_position, json FROM {schema}.view_row";
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
        if (ledger.Exists()) return new MartenViews(ledger);
        ledger.Dispose();
        return null;
    }

    private LeaseToken Lease(string lease) => leases.TryGetValue(lease, out var token) ? token
        : throw new InvalidOperationException("these views are open for reading only");

    public long Checkpoint(string projection) => Scalar(
        $"SELECT next_position FROM {ledger.Schema}.checkpoint WHERE projection = {storedAs}", projection) as long?
        ?? 0;

    public void Commit(IReadOnlyDictionary<string, long> checkpoints, IReadOnlyList<PositionedChange> changes)
    {
        using var session = ledger.Store.LightweightSession();
        foreach (var lease in checkpoints.Keys.Select(ViewLease.Of).Distinct()) session.QueueOperation(TokenOf(lease));
        if (changes.Count > 0)
        {
            var (closed, opened) = Versions(changes);
            session.QueueOperation(Closing(closed));
            if (opened.Count > 0) session.QueueOperation(Opening(opened));
        }
        if (checkpoints.Count > 0) session.QueueOperation(Saving(checkpoints));
        session.SaveChangesAsync().GetAwaiter().GetResult();
    }

    /// <summary>
    /// What a batch does to stored rows: closes the open one of each key at its first change, and adds every version
    /// that it makes, of which all but the last are closed already.
    /// </summary>
    private static (List<PositionedChange> Closed, List<ViewRow> Opened) Versions(
        IReadOnlyList<PositionedChange> changes)
    {
        var closed = new List<PositionedChange>();
        var opened = new List<ViewRow>();
        var last = new Dictionary<(string Projection, string Key), int>(); // index of the version that is open
        foreach (var change in changes)
        {
            var key = (change.Projection, change.Key);
            if (!last.TryGetValue(key, out var open)) closed.Add(change);
            else if (open >= 0) opened[open] = opened[open] with { ToPosition = change.Position };
            last[key] = change.Json is null ? -1 : opened.Count;
            if (change.Json is { } json)
                opened.Add(new(change.Projection, change.Key, change.Position, ViewRow.Open, json));
        }
        return (closed, opened);
    }

    /// <summary>The lock on the lease's row is held to the end of the transaction: nobody takes over amid it.</summary>
    private CountedStatement TokenOf(string lease)
    {
        var mine = Lease(lease).Value;
        return new($"SELECT token FROM {ledger.Schema}.lease WHERE name = ? FOR UPDATE",
            token => token == mine ? null : new LeaseLostException(lease), (lease, NpgsqlDbType.Text));
    }

    private CountedStatement Closing(List<PositionedChange> closed) => new($"""
        WITH closed AS (
          UPDATE {ledger.Schema}.view_row AS r SET to_position = c.position
          FROM unnest(?, ?, ?) AS c(projection, key, position)
          LEFT JOIN {ledger.Schema}.view_version v ON v.projection = c.projection
          WHERE r.projection = coalesce(v.stored_as, c.projection) AND r.key = c.key AND r.to_position = {OpenRow}
          RETURNING 1)
        SELECT count(*) FROM closed
        """, _ => null, // a key's first row closes none
        (closed.Select(change => change.Projection).ToArray(), Texts),
        (closed.Select(change => change.Key).ToArray(), Texts),
        (closed.Select(change => change.Position).ToArray(), Bigints));

    private CountedStatement Opening(List<ViewRow> opened) => new($"""
        WITH opened AS (
          INSERT INTO {ledger.Schema}.view_row (projection, key, from_position, to_position, json)
          SELECT coalesce(v.stored_as, o.projection), o.key, o.first, o.next, o.json
          FROM unnest(?, ?, ?, ?, ?) AS o(projection, key, first, next, json)
          LEFT JOIN {ledger.Schema}.view_version v ON v.projection = o.projection
          RETURNING 1)
        SELECT count(*) FROM opened
        """, added => added == opened.Count ? null : new IOException($"{added} of {opened.Count} rows were stored"),
        (opened.Select(version => version.Projection).ToArray(), Texts),
        (opened.Select(version => version.Key).ToArray(), Texts),
        (opened.Select(version => version.FromPosition).ToArray(), Bigints),
        (opened.Select(version => version.ToPosition).ToArray(), Bigints),
        (opened.Select(version => version.Json).ToArray(), Texts));

    private CountedStatement Saving(IReadOnlyDictionary<string, long> checkpoints) => new($"""
        WITH saved AS (
          INSERT INTO {ledger.Schema}.checkpoint (projection, next_position)
          SELECT coalesce(v.stored_as, c.projection), c.next FROM unnest(?, ?) AS c(projection, next)
          LEFT JOIN {ledger.Schema}.view_version v ON v.projection = c.projection
          ON CONFLICT (projection) DO UPDATE SET next_position = excluded.next_position
          RETURNING 1)
        SELECT count(*) FROM saved
        """, saved => saved == checkpoints.Count ? null : new IOException($"{saved} of {checkpoints.Count} checkpoints"),
        (checkpoints.Keys.ToArray(), Texts), (checkpoints.Values.ToArray(), Bigints));

    public string? Get(string projection, string key, long? asOf = null) => asOf is { } at
        ? Scalar($"""
            SELECT json FROM {ledger.Schema}.view_row
            WHERE projection = {storedAs} AND key = $2 AND from_position <= $3 AND $3 < to_position
            """, projection, key, at) as string
        : Scalar($"""
            SELECT json FROM {ledger.Schema}.view_row
            WHERE projection = {storedAs} AND key = $2 AND to_position = {OpenRow}
            """, projection, key) as string;

    public IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null) =>
        asOf is { } at
            ? Read(projection, $"""
                SELECT {row} WHERE projection = {storedAs} AND key >= $2 AND key <= $3
                  AND from_position <= $4 AND $4 < to_position ORDER BY key
                """, projection, first, last, at)
            : Read(projection, $"""
                SELECT {row} WHERE projection = {storedAs} AND key >= $2 AND key <= $3 AND to_position = {OpenRow}
                ORDER BY key
                """, projection, first, last);

    public IReadOnlyList<ViewRow> Versions(string projection) =>
        Read(projection, $"SELECT {row} WHERE projection = {storedAs} ORDER BY key, from_position", projection);

    public void Reset(string projection) => InTransaction([ViewLease.Of(projection)], transaction =>
    {
        Execute(transaction, $"DELETE FROM {ledger.Schema}.view_row WHERE projection = {storedAs}", projection);
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
                WHERE name = $1 AND (holder = $3 OR expires_at <= clock_timestamp()) RETURNING token
                """, lease, held.TakenBy(holder), holder, length.BclCompatibleTicks / NodaConstants.TicksPerMillisecond);
            if (token is not long mine) return false;
            held.Held(holder, mine, asked);
            return true;
        }
    }

    public void Switch(IReadOnlyCollection<string> projections) =>
        InTransaction([ViewLease.Live, ViewLease.Next], transaction =>
        {
            foreach (var projection in projections)
            {
                var next = NextViews.NameOf(projection);
                if (Checkpoint(next) < Checkpoint(projection)) throw NextViews.FallsBack(projection);
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
        using var command = Command(sql, values);
        using var rows = command.ExecuteReader();
        var read = new List<ViewRow>();
        while (rows.Read())
            read.Add(new(projection, rows.GetString(0), rows.GetInt64(1), rows.GetInt64(2), rows.GetString(3)));
        return read;
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
        using var command = new NpgsqlCommand(sql, transaction.Connection, transaction);
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
