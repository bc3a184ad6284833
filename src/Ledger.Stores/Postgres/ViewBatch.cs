using System.Runtime.InteropServices;
using Ledger.Projections;
using Npgsql;
using NpgsqlTypes;

namespace Ledger.Stores.Postgres;

/// <summary>
/// What a batch of a fold changes, in one transaction: the tokens of its leases, then the rows that it closes, the
/// checkpoints, and by binary COPY the rows that it opens and the history of what it opened and closed again. Written
/// from beginning to end by the thread that commits it.
/// </summary>
/// <param name="tokens">The leases under which it is written, with the writer's token of each.</param>
internal sealed class ViewBatch(
    PostgresLedger ledger, (string Lease, long Token)[] tokens,
    IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes)
{
    private const string OpenRow = "9223372036854775807"; // ViewRow.Open
    private const NpgsqlDbType Texts = NpgsqlDbType.Array | NpgsqlDbType.Text,
        Bigints = NpgsqlDbType.Array | NpgsqlDbType.Bigint, Integers = NpgsqlDbType.Array | NpgsqlDbType.Integer;
    private readonly string schema = ledger.Schema;

    private readonly List<Row> closed = [];
    private readonly List<Row> opened = [];
    private readonly List<ClosedVersions> history = [];

    /// <summary>Returns when all of it is stored; throws <see cref="LeaseLostException"/> and stores nothing where
    /// another holder has taken over.</summary>
    public void Commit()
    {
        var texts = new WrittenRows();
        Divide(texts);
        using var connection = ledger.Connections.OpenConnection();
        using var transaction = connection.BeginTransaction();
        var storedAs = Change(connection, transaction);
        if (opened.Count > 0) CopyOpened(connection, storedAs);
        if (history.Count > 0) CopyHistory(connection, storedAs);
        transaction.Commit();
    }

    /// <summary>A row while the batch is gone through.</summary>
    /// <param name="changedAt">The position of its first change, which closes the version that is stored.</param>
    private sealed class Row(string projection, string key, long changedAt)
    {
        public string Projection => projection;
        public string Key => key;
        public long ChangedAt => changedAt;
        public (long From, ReadOnlyMemory<byte> Json)? Open { get; set; }
        public ClosedVersions? Closed { get; set; }
    }

    /// <summary>
    /// What is done to stored rows: the open one of each key is closed at its first change, the version that is open
    /// after the last is added, and those between, which are as short-lived as the batch, share rows of history.
    /// </summary>
    private void Divide(WrittenRows texts)
    {
        var rows = new Dictionary<(string Projection, RowKey Key), Row>();
        foreach (var change in changes)
        {
            ref var row = ref CollectionsMarshal.GetValueRefOrAddDefault(
                rows, (change.Projection, change.RowKey), out _);
            if (row is null) closed.Add(row = new(change.Projection, change.Key, change.Position));
            else if (row.Open is var (from, before)) Close(row, from, change.Position, before);
            row.Open = change.Row.IsNone ? null : (change.Position, texts.Write(change.Row));
        }
        opened.AddRange(closed.Where(row => row.Open is not null));
    }

    private void Close(Row row, long from, long to, ReadOnlyMemory<byte> json)
    {
        if (row.Closed?.TryAdd(from, to, json) == true) return;
        history.Add(row.Closed = new(row.Projection, row.Key, from, to, json));
    }

    /// <summary>All but the new rows, in one journey; returns under which name the rows of a projection are stored,
    /// where that is not its own.</summary>
    private Dictionary<string, string> Change(NpgsqlConnection connection, NpgsqlTransaction transaction)
    {
        using var batch = new NpgsqlBatch(connection, transaction);
        // The lock on the lease's row is held to the end of the transaction: nobody takes over amid it, nor exchanges
        // the names of the versions.
        foreach (var (lease, _) in tokens)
            Add(batch, $"SELECT token FROM {schema}.lease WHERE name = $1 FOR UPDATE", (lease, NpgsqlDbType.Text));
        Add(batch, $"SELECT projection, stored_as FROM {schema}.view_version");
        Add(batch, $"""
            SELECT coalesce(v.projection, c.projection), c.next_position, c.row_version
            FROM {schema}.checkpoint c LEFT JOIN {schema}.view_version v ON v.stored_as = c.projection
            """);
        if (checkpoints.Count > 0) Add(batch, $"""
            INSERT INTO {schema}.checkpoint (projection, next_position, row_version)
            SELECT coalesce(v.stored_as, c.projection), c.next, c.row_version
            FROM unnest($1, $2, $3) AS c(projection, next, row_version)
            LEFT JOIN {schema}.view_version v ON v.projection = c.projection
            ON CONFLICT (projection) DO UPDATE
              SET next_position = excluded.next_position, row_version = excluded.row_version
            """, (checkpoints.Keys.ToArray(), Texts), (checkpoints.Values.Select(each => each.Next).ToArray(), Bigints),
            (checkpoints.Values.Select(each => each.RowVersion).ToArray(), Integers));
        if (closed.Count > 0) Add(batch, $"""
            UPDATE {schema}.view_row AS r SET to_position = c.position
            FROM unnest($1, $2, $3) AS c(projection, key, position)
            LEFT JOIN {schema}.view_version v ON v.projection = c.projection
            WHERE r.projection = coalesce(v.stored_as, c.projection) AND r.key = c.key AND r.to_position = {OpenRow}
            """, (closed.Select(row => row.Projection).ToArray(), Texts),
            (closed.Select(row => row.Key).ToArray(), Texts),
            (closed.Select(row => row.ChangedAt).ToArray(), Bigints));
        // History compresses well: most of a version is what the one before says too.
        if (history.Count > 0 && ledger.HasLz4) Add(batch, "SET LOCAL default_toast_compression = lz4");
        using var answers = batch.ExecuteReader();
        foreach (var (lease, mine) in tokens)
        {
            if (!answers.Read() || answers.GetInt64(0) != mine) throw new LeaseLostException(lease);
            answers.NextResult();
        }
        var storedAs = new Dictionary<string, string>(StringComparer.Ordinal);
        while (answers.Read()) storedAs.Add(answers.GetString(0), answers.GetString(1));
        answers.NextResult();
        while (answers.Read())
            if (checkpoints.TryGetValue(answers.GetString(0), out var written))
                RowVersions.Refuse(answers.GetString(0), new(answers.GetInt64(1), answers.GetInt32(2)), written);
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

    private void CopyOpened(NpgsqlConnection connection, Dictionary<string, string> storedAs)
    {
        using var copying = new BinaryCopy(
            connection, $"{schema}.view_row (projection, key, from_position, to_position, json)");
        foreach (var row in opened)
        {
            var (from, json) = row.Open!.Value;
            copying.StartRow(fields: 5);
            copying.Write(storedAs.GetValueOrDefault(row.Projection, row.Projection));
            copying.Write(row.Key);
            copying.Write(from);
            copying.Write(ViewRow.Open);
            copying.Write(json.Span);
        }
        copying.Complete();
    }

    private void CopyHistory(NpgsqlConnection connection, Dictionary<string, string> storedAs)
    {
        using var copying = new BinaryCopy(connection, $"""
            {schema}.view_history (projection, key, from_position, to_position, from_positions, to_positions, jsons)
            """);
        foreach (var versions in history)
        {
            copying.StartRow(fields: 7);
            copying.Write(storedAs.GetValueOrDefault(versions.Projection, versions.Projection));
            copying.Write(versions.Key);
            copying.Write(versions.From[0]);
            copying.Write(versions.To[^1]);
            copying.Write(versions.From);
            copying.Write(versions.To);
            copying.Write(versions.Json);
        }
        copying.Complete();
    }
}
