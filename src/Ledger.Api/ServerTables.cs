using Ledger.Domain;
using Microsoft.Data.Sqlite;
using NodaTime;

namespace Ledger.Api;

/// <summary>
/// Tables of the server's own, beside the journal, in an SQLite file of the data folder: what is written is durable,
/// and of what is removed no byte stays in the file.
/// One caller at a time; the others wait. A parameter may be null, an instant (kept as ticks), a role or a truth value.
/// </summary>
internal sealed class ServerTables : IDisposable
{
    private readonly SqliteConnection connection;
    private readonly Lock gate = new();

    /// <param name="path">The file, made where there is none.</param>
    /// <param name="tables">What makes the tables where they are not there.</param>
    public ServerTables(string path, string tables)
    {
        connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        connection.Open();
        Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000; "
            + "PRAGMA secure_delete=ON");
        Execute(tables);
    }

    /// <summary>The rows of a question.</summary>
    public List<T> Read<T>(string sql, Func<SqliteDataReader, T> read, params (string Name, object? Value)[] parameters)
    {
        lock (gate)
        {
            using var command = Command(sql, parameters);
            using var row = command.ExecuteReader();
            var rows = new List<T>();
            while (row.Read()) rows.Add(read(row));
            return rows;
        }
    }

    /// <summary>Writes; how many rows were.</summary>
    public int Execute(string sql, params (string Name, object? Value)[] parameters)
    {
        lock (gate)
        {
            using var command = Command(sql, parameters);
            return command.ExecuteNonQuery();
        }
    }

    /// <summary>Does several things as one: all of them are there afterwards, or none.</summary>
    public void AsOne(Action act)
    {
        lock (gate)
        {
            using var transaction = connection.BeginTransaction();
            act();
            transaction.Commit();
        }
    }

    /// <summary>Takes out of the file and its log what was removed before. Where somebody reads meanwhile the log keeps
    /// it until it is emptied next, at the latest when the file is closed.</summary>
    public void Purge()
    {
        lock (gate)
        {
            // Programs before this one left it in the file's free pages.
            if (Read("PRAGMA user_version", row => row.GetInt64(0)) is [0])
                try
                {
                    Execute("VACUUM; PRAGMA user_version=1");
                }
                catch (SqliteException full) when (full.SqliteErrorCode == SQLitePCL.raw.SQLITE_FULL)
                {
                    // It needs as much room as the file has; it is tried again when the file is opened next.
                }
            Execute("PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }

    private SqliteCommand Command(string sql, (string Name, object? Value)[] parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
            command.Parameters.AddWithValue(name, value switch
            {
                null => DBNull.Value,
                Instant at => at.ToUnixTimeTicks(),
                Role role => (int)role,
                bool isTrue => isTrue ? 1 : 0,
                _ => value,
            });
        return command;
    }

    public void Dispose() => connection.Dispose();
}

/// <summary>The cells of such a row.</summary>
internal static class ServerCells
{
    public static Instant At(this SqliteDataReader row, int cell) => Instant.FromUnixTimeTicks(row.GetInt64(cell));

    public static Instant? AtOrNull(this SqliteDataReader row, int cell) => row.IsDBNull(cell) ? null : row.At(cell);

    public static string? TextOrNull(this SqliteDataReader row, int cell) =>
        row.IsDBNull(cell) ? null : row.GetString(cell);

    public static int? NumberOrNull(this SqliteDataReader row, int cell) =>
        row.IsDBNull(cell) ? null : row.GetInt32(cell);

    public static Role? RoleOrNull(this SqliteDataReader row, int cell) => (Role?)row.NumberOrNull(cell);

    public static bool Truth(this SqliteDataReader row, int cell) => row.GetInt64(cell) == 1;

    public static byte[] Bytes(this SqliteDataReader row, int cell) => row.GetFieldValue<byte[]>(cell);
}
