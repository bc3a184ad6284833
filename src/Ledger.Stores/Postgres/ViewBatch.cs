using Ledger.Projections;
using Npgsql;
using NpgsqlTypes;

namespace Ledger.Stores.Postgres;

/// <summary>
/// What a batch of a fold changes, in one transaction: the tokens of its leases, then the rows that it closes, the
/// checkpoints, and by binary COPY the rows that it opens. Written from beginning to end by the thread that commits it.
/// </summary>
/// <param name="tokens">The leases under which it is written, with the writer's token of each.</param>
internal sealed class ViewBatch(
    PostgresLedger ledger, (string Lease, long Token)[] tokens, IReadOnlyDictionary<string, long> checkpoints,
    IReadOnlyList<PositionedChange> changes)
{
    private const string OpenRow = "9223372036854775807"; // ViewRow.Open
    private const NpgsqlDbType Texts = NpgsqlDbType.Array | NpgsqlDbType.Text,
        Bigints = NpgsqlDbType.Array | NpgsqlDbType.Bigint;
    private readonly string schema = ledger.Schema;

    /// <summary>Returns when all of it is stored; throws <see cref="LeaseLostException"/> and stores nothing where
    /// another holder has taken over.</summary>
    public void Commit()
    {
        var (closed, opened) = Versions();
        using var connection = ledger.Connections.OpenConnection();
        using var transaction = connection.BeginTransaction();
        var storedAs = Change(connection, transaction, closed);
        if (opened.Count > 0) Copy(connection, opened, storedAs);
        transaction.Commit();
    }

    /// <summary>
    /// What is done to stored rows: the open one of each key is closed at its first change, and every version that the
    /// batch makes is added, of which all but the last are closed already.
    /// </summary>
    private (List<PositionedChange> Closed, List<ViewRow> Opened) Versions()
    {
        var closed = new List<PositionedChange>();
        var opened = new List<ViewRow>(changes.Count);
        var last = new Dictionary<(string Projection, string Key), int>(); // index of the version that is open
        foreach (var change in changes)
        {
            var (projection, position, text) = (change.Projection, change.Position, change.Key);
            var key = (projection, text);
            if (!last.TryGetValue(key, out var open)) closed.Add(change);
            else if (open >= 0) opened[open] = opened[open] with { ToPosition = position };
            last[key] = change.Row.IsNone ? -1 : opened.Count;
            if (!change.Row.IsNone) opened.Add(new(projection, text, position, ViewRow.Open, change.Row));
        }
        return (closed, opened);
    }

    /// <summary>All but the new rows, in one journey; returns under which name the rows of a projection are stored,
    /// where that is not its own.</summary>
    private Dictionary<string, string> Change(
        NpgsqlConnection connection, NpgsqlTransaction transaction, List<PositionedChange> closed)
    {
        using var batch = new NpgsqlBatch(connection, transaction);
        // The lock on the lease's row is held to the end of the transaction: nobody takes over amid it, nor exchanges
        // the names of the versions.
        foreach (var (lease, _) in tokens)
            Add(batch, $"SELECT token FROM {schema}.lease WHERE name = $1 FOR UPDATE", (lease, NpgsqlDbType.Text));
        Add(batch, $"SELECT projection, stored_as FROM {schema}.view_version");
        if (checkpoints.Count > 0) Add(batch, $"""
            INSERT INTO {schema}.checkpoint (projection, next_position)
            SELECT coalesce(v.stored_as, c.projection), c.next FROM unnest($1, $2) AS c(projection, next)
            LEFT JOIN {schema}.view_version v ON v.projection = c.projection
            ON CONFLICT (projection) DO UPDATE SET next_position = excluded.next_position
            """, (checkpoints.Keys.ToArray(), Texts), (checkpoints.Values.ToArray(), Bigints));
        if (closed.Count > 0) Add(batch, $"""
            UPDATE {schema}.view_row AS r SET to_position = c.position
            FROM unnest($1, $2, $3) AS c(projection, key, position)
            LEFT JOIN {schema}.view_version v ON v.projection = c.projection
            WHERE r.projection = coalesce(v.stored_as, c.projection) AND r.key = c.key AND r.to_position = {OpenRow}
            """, (closed.Select(change => change.Projection).ToArray(), Texts),
            (closed.Select(change => change.Key).ToArray(), Texts),
            (closed.Select(change => change.Position).ToArray(), Bigints));
        using var answers = batch.ExecuteReader();
        foreach (var (lease, mine) in tokens)
        {
            if (!answers.Read() || answers.GetInt64(0) != mine) throw new LeaseLostException(lease);
            answers.NextResult();
        }
        var storedAs = new Dictionary<string, string>(StringComparer.Ordinal);
        while (answers.Read()) storedAs.Add(answers.GetString(0), answers.GetString(1));
        while (answers.NextResult()) { } // what a statement fails with is thrown when it is reached
        return storedAs;
    }

    private static void Add(
        NpgsqlBatch batch, string sql, params ReadOnlySpan<(object Value, NpgsqlDbType Type)> values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var (value, type) in values) command.Parameters.Add(new() { Value = value, NpgsqlDbType = type });
        batch.BatchCommands.Add(command);
    }

    private void Copy(NpgsqlConnection connection, List<ViewRow> opened, Dictionary<string, string> storedAs)
    {
        using var copying = connection.BeginBinaryImport(
            $"COPY {schema}.view_row (projection, key, from_position, to_position, json) FROM STDIN (FORMAT BINARY)");
        foreach (var (projection, key, from, to, row) in opened)
        {
            copying.StartRow();
            copying.Write(storedAs.GetValueOrDefault(projection, projection), NpgsqlDbType.Text);
            copying.Write(key, NpgsqlDbType.Text);
            copying.Write(from, NpgsqlDbType.Bigint);
            copying.Write(to, NpgsqlDbType.Bigint);
            copying.Write(row.Json!, NpgsqlDbType.Text);
        }
        if (copying.Complete() is var added && added != (ulong)opened.Count)
            throw new IOException($"{added} of {opened.Count} rows were stored");
    }
}
