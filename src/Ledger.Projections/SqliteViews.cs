using System.Collections.Concurrent;
using System.Diagnostics;
using Ledger.Journal.Verification;
using Microsoft.Data.Sqlite;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The embedded read model, views.db: WAL, one connection under a lock, and others for reads as of a position; no read
/// that holds a snapshot after it returns. It only caches what the journal says, so <c>synchronous=NORMAL</c> suffices:
/// a lost tail is caught up.
/// </summary>
public sealed class SqliteViews : IViewStore, IDisposable
{
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

    /// <summary>What views.db did not have at first: under which name rows are stored, and who may write.</summary>
    private const string LaterTables = """
        CREATE TABLE IF NOT EXISTS view_version (projection TEXT PRIMARY KEY, stored_as TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS lease (
          name TEXT PRIMARY KEY, token INTEGER NOT NULL, holder TEXT NOT NULL, expires_at INTEGER NOT NULL);
        """;

    private const string Row = "key, from_position, to_position, json";
    private readonly SqliteConnection connection;
    private readonly Lock gate = new();
    private readonly IClock clock;
    private readonly Dictionary<string, LeaseToken> leases = [];
    private readonly string storedAs = "coalesce((SELECT stored_as FROM view_version WHERE projection = $p), $p)";
    private readonly SqliteCommand currentRow; // a fold reads these several times an event: they stay prepared
    private readonly SqliteCommand currentRows;
    private readonly ConcurrentBag<SqliteViewReader> readers = []; // those that nobody reads with now
    private readonly string path;
    private volatile bool isClosed;

    /// <param name="clock">By which a lease runs out; every process beside this one has the same.</param>
    public SqliteViews(string path, IClock? clock = null) : this(path, SqliteOpenMode.ReadWriteCreate, clock)
    {
        Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;");
        Execute(Tables);
        Execute(LaterTables);
        Changes = new();
        foreach (var lease in (string[])[ViewLease.Live, ViewLease.Next])
        {
            Execute("INSERT OR IGNORE INTO lease VALUES ($n, 0, '', 0)", ("$n", lease));
            leases[lease] = new((long)Scalar("SELECT token FROM lease WHERE name = $n", ("$n", lease))!);
        }
    }

    private SqliteViews(string path, SqliteOpenMode mode, IClock? clock)
    {
        (this.path, this.clock) = (path, clock ?? SystemClock.Instance);
        connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ToString());
        connection.Open();
        Execute("PRAGMA busy_timeout=5000");
        if (mode == SqliteOpenMode.ReadOnly && !HasLaterTables()) storedAs = "$p";
        currentRow = Command($"""
            SELECT json FROM view_row
            WHERE projection = {storedAs} AND key = $k AND to_position = 9223372036854775807
            """, ("$p", ""), ("$k", ""));
        currentRows = Command($"""
            SELECT {Row} FROM view_row
            WHERE projection = {storedAs} AND key >= $first AND key <= $last AND to_position = 9223372036854775807
            ORDER BY key
            """, ("$p", ""), ("$first", ""), ("$last", ""));
    }

    public ChangeCounts? Changes { get; }

    /// <summary>Opens the views for whoever only looks: no byte is changed.</summary>
    public static SqliteViews OpenForReading(string path) => new(path, SqliteOpenMode.ReadOnly, null);

    /// <summary>Adds a fault for each table, index or page that is not as it was made.</summary>
    public void Verify(string file, bool isThorough, Findings findings)
    {
        lock (gate)
        {
            SqliteFile.VerifySchema(connection, file, HasLaterTables() ? Tables + LaterTables : Tables, findings);
            if (isThorough) SqliteFile.VerifyPages(connection, file, findings);
        }
    }

    private bool HasLaterTables() => Scalar("SELECT 1 FROM sqlite_schema WHERE name = 'view_version'") is not null;

    public long Checkpoint(string projection)
    {
        lock (gate) return CheckpointOf(projection);
    }

    private long CheckpointOf(string projection) => Scalar(
        $"SELECT next_position FROM checkpoint WHERE projection = {storedAs}", ("$p", projection)) as long? ?? 0;

    public void Commit(IReadOnlyDictionary<string, long> checkpoints, IReadOnlyList<PositionedChange> changes)
    {
        lock (gate)
        {
            using var transaction = connection.BeginTransaction();
            foreach (var lease in checkpoints.Keys.Select(ViewLease.Of).Distinct()) CheckToken(lease);
            using var close = Command($"""
                UPDATE view_row SET to_position = $at
                WHERE projection = {storedAs} AND key = $k AND to_position = 9223372036854775807
                """, ("$at", 0L), ("$p", ""), ("$k", ""));
            using var open = Command($"""
                INSERT INTO view_row (projection, {Row}) VALUES ({storedAs}, $k, $at, 9223372036854775807, $j)
                """, ("$at", 0L), ("$p", ""), ("$k", ""), ("$j", ""));
            var keys = changes.Select(change => change.Key).ToArray();
            for (var i = 0; i < keys.Length; i++)
            {
                Run(close, changes[i].Position, changes[i].Projection, keys[i]);
                if (changes[i].Json is not { } json) continue;
                open.Parameters["$j"].Value = json;
                Run(open, changes[i].Position, changes[i].Projection, keys[i]);
            }
            foreach (var (projection, next) in checkpoints)
                Execute($"INSERT OR REPLACE INTO checkpoint VALUES ({storedAs}, $n)", ("$p", projection), ("$n", next));
            transaction.Commit();
            for (var i = 0; i < keys.Length; i++) Changes?.Changed(changes[i].Projection, keys[i]);
        }
    }

    public string? Get(string projection, string key, long? asOf = null)
    {
        if (asOf is { } position) return Reading(reader => reader.Get(projection, key, position));
        lock (gate) return Set(currentRow, ("$p", projection), ("$k", key)).ExecuteScalar() as string;
    }

    public IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null)
    {
        if (asOf is { } position) return Reading(reader => reader.Range(projection, first, last, position));
        lock (gate)
            return Read(projection, Set(currentRows, ("$p", projection), ("$first", first), ("$last", last)));
    }

    public void Scan(string projection, string first, string last, long? asOf, RowTaker take) => Reading(reader =>
    {
        reader.Scan(projection, first, last, asOf ?? ViewRow.Open - 1, take);
        return true;
    });

    public void ScanVersions(string projection, VersionTaker take) => Reading(reader =>
    {
        reader.ScanVersions(projection, take);
        return true;
    });

    /// <summary>Reads with a connection that nobody else reads with; there are as many as ever read at once.</summary>
    private T Reading<T>(Func<SqliteViewReader, T> read)
    {
        ObjectDisposedException.ThrowIf(isClosed, this);
        if (!readers.TryTake(out var reader)) reader = new(path, storedAs);
        try
        {
            return read(reader);
        }
        finally
        {
            readers.Add(reader);
            if (isClosed) CloseReaders();
        }
    }

    private void CloseReaders()
    {
        while (readers.TryTake(out var reader)) reader.Dispose();
    }

    public IReadOnlyList<ViewRow> Versions(string projection)
    {
        lock (gate)
        {
            using var command = Command(
                $"SELECT {Row} FROM view_row WHERE projection = {storedAs} ORDER BY key, from_position",
                ("$p", projection));
            return Read(projection, command);
        }
    }

    public void Reset(string projection)
    {
        lock (gate)
        {
            using var transaction = connection.BeginTransaction();
            CheckToken(ViewLease.Of(projection));
            Execute($"DELETE FROM view_row WHERE projection = {storedAs}", ("$p", projection));
            Execute($"DELETE FROM checkpoint WHERE projection = {storedAs}", ("$p", projection));
            transaction.Commit();
            Changes?.ChangedAll();
        }
    }

    public bool TryHold(string lease, string holder, Duration length)
    {
        lock (gate)
        {
            var held = leases[lease];
            if (held.IsFresh(holder, length)) return true;
            var (asked, now) = (Stopwatch.GetTimestamp(), clock.GetCurrentInstant().ToUnixTimeMilliseconds());
            var token = Scalar("""
                UPDATE lease SET token = CASE WHEN token = $t AND holder = $h THEN token ELSE token + 1 END,
                  holder = $h, expires_at = $until
                WHERE name = $n AND (holder = $h OR expires_at <= $now) RETURNING token
                """, ("$t", held.TakenBy(holder)), ("$h", holder), ("$n", lease), ("$now", now),
                ("$until", now + (length.BclCompatibleTicks / NodaConstants.TicksPerMillisecond)));
            if (token is not long mine) return false;
            held.Held(holder, mine, asked);
            return true;
        }
    }

    public bool TryKeep(string lease, string holder, Duration length)
    {
        lock (gate)
        {
            var held = leases[lease];
            if (held.IsFresh(holder, length)) return true;
            var (asked, now) = (Stopwatch.GetTimestamp(), clock.GetCurrentInstant().ToUnixTimeMilliseconds());
            var token = Scalar("UPDATE lease SET expires_at = $until WHERE name = $n AND token = $t RETURNING token",
                ("$n", lease), ("$t", held.TakenBy(holder)),
                ("$until", now + (length.BclCompatibleTicks / NodaConstants.TicksPerMillisecond)));
            if (token is not long mine) return false;
            held.Held(holder, mine, asked);
            return true;
        }
    }

    public void Switch(IReadOnlyCollection<string> projections)
    {
        lock (gate)
        {
            using var transaction = connection.BeginTransaction();
            CheckToken(ViewLease.Live);
            CheckToken(ViewLease.Next);
            foreach (var projection in projections)
            {
                var next = NextViews.NameOf(projection);
                if (CheckpointOf(next) < CheckpointOf(projection)) throw NextViews.FallsBack(projection);
                var (live, built) = (StoredAs(projection), StoredAs(next));
                Execute("INSERT OR REPLACE INTO view_version VALUES ($p, $built), ($next, $live)",
                    ("$p", projection), ("$built", built), ("$next", next), ("$live", live));
            }
            transaction.Commit();
            Changes?.ChangedAll();
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
                CheckToken(ViewLease.Live);
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
        isClosed = true;
        CloseReaders();
        connection.Dispose();
    }

    /// <summary>In the open transaction, which nobody else writes beside.</summary>
    private void CheckToken(string lease)
    {
        var token = (long)Scalar("SELECT token FROM lease WHERE name = $n", ("$n", lease))!;
        if (token != leases[lease].Value) throw new LeaseLostException(lease);
    }

    private string StoredAs(string projection) => (string)Scalar($"SELECT {storedAs}", ("$p", projection))!;

    private static List<ViewRow> Read(string projection, SqliteCommand command)
    {
        using var reader = command.ExecuteReader();
        var rows = new List<ViewRow>();
        while (reader.Read())
            rows.Add(new(projection, reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetString(3)));
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

    private object? Scalar(string sql, params (string, object)[] parameters)
    {
        using var command = Command(sql, parameters);
        return command.ExecuteScalar();
    }

    private SqliteCommand Command(string sql, params (string Name, object Value)[] parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters) command.Parameters.AddWithValue(name, value);
        return command;
    }
}
