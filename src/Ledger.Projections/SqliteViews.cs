using Ledger.Journal.Verification;
using Microsoft.Data.Sqlite;

namespace Ledger.Projections;

/// <summary>
/// The embedded read model, views.db: WAL, one connection under a lock, no read that holds a snapshot after it
/// returns. It only caches what the journal says, so <c>synchronous=NORMAL</c> suffices: a lost tail is caught up.
/// </summary>
public sealed class SqliteViews : IViewStore, IDisposable
{
    private const string Columns = "projection, key, from_position, to_position, json";
    private const string Tables = """
        CREATE TABLE IF NOT EXISTS view_row (
          projection TEXT NOT NULL, key TEXT NOT NULL, from_position INTEGER NOT NULL,
          to_position INTEGER NOT NULL, json TEXT NOT NULL,
          PRIMARY KEY (projection, key, from_position)) WITHOUT ROWID;
        CREATE UNIQUE INDEX IF NOT EXISTS open_row ON view_row (projection, key)
          WHERE to_position = 9223372036854775807;
        CREATE TABLE IF NOT EXISTS checkpoint (projection TEXT PRIMARY KEY, next_position INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS alarm (
          position INTEGER NOT NULL, projection TEXT NOT NULL, wire_name TEXT NOT NULL, reason TEXT NOT NULL);
        """;

    private readonly SqliteConnection connection;
    private readonly Lock gate = new();
    private readonly SqliteCommand currentRow; // a fold reads these several times an event: they stay prepared
    private readonly SqliteCommand currentRows;

    public SqliteViews(string path) : this(path, SqliteOpenMode.ReadWriteCreate)
    {
        Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;");
        Execute(Tables);
    }

    private SqliteViews(string path, SqliteOpenMode mode)
    {
        connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ToString());
        connection.Open();
        Execute("PRAGMA busy_timeout=5000");
        currentRow = Command("""
            SELECT json FROM view_row WHERE projection = $p AND key = $k AND to_position = 9223372036854775807
            """, ("$p", ""), ("$k", ""));
        currentRows = Command($"""
            SELECT {Columns} FROM view_row
            WHERE projection = $p AND key >= $first AND key <= $last AND to_position = 9223372036854775807 ORDER BY key
            """, ("$p", ""), ("$first", ""), ("$last", ""));
    }

    /// <summary>Opens the views for whoever only looks: no byte is changed.</summary>
    public static SqliteViews OpenForReading(string path) => new(path, SqliteOpenMode.ReadOnly);

    /// <summary>Adds a fault for each table, index or page that is not as it was made.</summary>
    public void Verify(string file, bool isThorough, Findings findings)
    {
        lock (gate)
        {
            SqliteFile.VerifySchema(connection, file, Tables, findings);
            if (isThorough) SqliteFile.VerifyPages(connection, file, findings);
        }
    }

    public long Checkpoint(string projection)
    {
        lock (gate)
        {
            using var command = Command(
                "SELECT next_position FROM checkpoint WHERE projection = $p", ("$p", projection));
            return command.ExecuteScalar() is long position ? position : 0;
        }
    }

    public void Commit(IReadOnlyDictionary<string, long> checkpoints, IReadOnlyList<PositionedChange> changes)
    {
        lock (gate)
        {
            using var transaction = connection.BeginTransaction();
            using var close = Command("""
                UPDATE view_row SET to_position = $at
                WHERE projection = $p AND key = $k AND to_position = 9223372036854775807
                """, ("$at", 0L), ("$p", ""), ("$k", ""));
            using var open = Command(
                $"INSERT INTO view_row ({Columns}) VALUES ($p, $k, $at, 9223372036854775807, $j)",
                ("$at", 0L), ("$p", ""), ("$k", ""), ("$j", ""));
            foreach (var (projection, position, key, json) in changes)
            {
                Run(close, position, projection, key);
                if (json is null) continue;
                open.Parameters["$j"].Value = json;
                Run(open, position, projection, key);
            }
            foreach (var (projection, next) in checkpoints)
                Execute("INSERT OR REPLACE INTO checkpoint VALUES ($p, $n)", ("$p", projection), ("$n", next));
            transaction.Commit();
        }
    }

    public string? Get(string projection, string key, long? asOf = null)
    {
        lock (gate)
        {
            if (asOf is null) return Set(currentRow, ("$p", projection), ("$k", key)).ExecuteScalar() as string;
            using var command = Command("""
                SELECT json FROM view_row
                WHERE projection = $p AND key = $k AND from_position <= $at AND $at < to_position
                """, ("$p", projection), ("$k", key), ("$at", asOf));
            return command.ExecuteScalar() as string;
        }
    }

    public IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null)
    {
        lock (gate)
        {
            if (asOf is null) return Read(Set(currentRows, ("$p", projection), ("$first", first), ("$last", last)));
            using var command = Command($"""
                SELECT {Columns} FROM view_row
                WHERE projection = $p AND key >= $first AND key <= $last
                  AND from_position <= $at AND $at < to_position ORDER BY key
                """, ("$p", projection), ("$first", first), ("$last", last), ("$at", asOf));
            return Read(command);
        }
    }

    public IReadOnlyList<ViewRow> Versions(string projection)
    {
        lock (gate)
        {
            using var command = Command(
                $"SELECT {Columns} FROM view_row WHERE projection = $p ORDER BY key, from_position",
                ("$p", projection));
            return Read(command);
        }
    }

    public void Reset(string projection)
    {
        lock (gate)
        {
            using var transaction = connection.BeginTransaction();
            Execute("DELETE FROM view_row WHERE projection = $p", ("$p", projection));
            Execute("DELETE FROM checkpoint WHERE projection = $p", ("$p", projection));
            transaction.Commit();
        }
    }

    public ProjectionAlarm? Alarm
    {
        get
        {
            lock (gate)
            {
                using var command = Command("SELECT position, projection, wire_name, reason FROM alarm");
                using var row = command.ExecuteReader();
                return row.Read() ? new(row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetString(3)) : null;
            }
        }
        set
        {
            lock (gate)
            {
                using var transaction = connection.BeginTransaction();
                Execute("DELETE FROM alarm");
                if (value is { } alarm)
                    Execute("INSERT INTO alarm VALUES ($at, $p, $w, $r)", ("$at", alarm.Position),
                        ("$p", alarm.Projection), ("$w", alarm.WireName), ("$r", alarm.Reason));
                transaction.Commit();
            }
        }
    }

    public void Dispose()
    {
        currentRow.Dispose();
        currentRows.Dispose();
        connection.Dispose();
    }

    private static List<ViewRow> Read(SqliteCommand command)
    {
        using var reader = command.ExecuteReader();
        var rows = new List<ViewRow>();
        while (reader.Read())
            rows.Add(new(reader.GetString(0), reader.GetString(1), reader.GetInt64(2), reader.GetInt64(3),
                reader.GetString(4)));
        return rows;
    }

    private static SqliteCommand Set(
        SqliteCommand prepared, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        foreach (var (name, value) in parameters) prepared.Parameters[name].Value = value;
        return prepared;
    }

    private static void Run(SqliteCommand command, long position, string projection, string key)
    {
        command.Parameters["$at"].Value = position;
        command.Parameters["$p"].Value = projection;
        command.Parameters["$k"].Value = key;
        command.ExecuteNonQuery();
    }

    private void Execute(string sql, params (string, object)[] parameters)
    {
        using var command = Command(sql, parameters);
        command.ExecuteNonQuery();
    }

    private SqliteCommand Command(string sql, params (string Name, object Value)[] parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters) command.Parameters.AddWithValue(name, value);
        return command;
    }
}
