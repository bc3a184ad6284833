using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Ledger.Journal.Verification;
using Microsoft.Data.Sqlite;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The embedded read model, views.db: WAL, one connection under a lock that writes, and others that read and wait for
/// nobody; no read holds a snapshot after it returns. It only caches what the journal says, so
/// <c>synchronous=NORMAL</c> suffices: rows and checkpoint stand in one file, so that a lost tail takes both with it
/// and is caught up.
/// </summary>
public sealed class SqliteViews : IViewStore, IDisposable
{
    // A page is written to the file once for many batches that changed it.
    private const int CacheKibibytes = 32 * 1024, CheckpointPages = 8192;

    private const string Number = SqliteViewTables.Number;
    private const string Exchanged = "~exchanged"; // the name of rows while two names are exchanged

    /// <summary>With fewer rows another thread is not worth its beginning.</summary>
    private const int FewChanges = 64;

    private readonly SqliteConnection connection;
    private readonly Lock gate = new();
    private readonly IClock clock;
    private readonly Dictionary<string, LeaseToken> leases = [];
    private readonly SqliteViewWriter? writer; // null of views that are only read
    private readonly ConcurrentBag<SqliteViewReader> readers = []; // those that nobody reads with now
    private readonly string path;
    private volatile bool isClosed;

    /// <summary>Opens or makes the file. Rows of an earlier version of it are taken over, which reads and writes each
    /// once.</summary>
    /// <param name="clock">By which a lease runs out; every process beside this one has the same.</param>
    public SqliteViews(string path, IClock? clock = null) : this(path, SqliteOpenMode.ReadWriteCreate, clock)
    {
        Execute($"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-{CacheKibibytes}; "
            + $"PRAGMA wal_autocheckpoint={CheckpointPages}");
        SqliteViewTables.Make(connection);
        writer = new(connection);
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
    }

    public ChangeCounts? Changes { get; }

    /// <summary>Opens the views for whoever only looks: no byte is changed. A file that cannot be read is told of here.
    /// </summary>
    public static SqliteViews OpenForReading(string path)
    {
        var views = new SqliteViews(path, SqliteOpenMode.ReadOnly, null);
        try
        {
            views.Reading(_ => true);
            return views;
        }
        catch
        {
            views.Dispose();
            throw;
        }
    }

    /// <summary>Adds a fault for each table, index or page that is not as it was made.</summary>
    public void Verify(string file, bool isThorough, Findings findings)
    {
        lock (gate) SqliteViewTables.Verify(connection, file, isThorough, findings);
    }

    public ViewCheckpoint Reached(string projection) => Reading(reader => reader.Reached(projection));

    public void Commit(
        IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes)
    {
        lock (gate)
        {
            using var transaction = connection.BeginTransaction();
            foreach (var lease in checkpoints.Keys.Select(ViewLease.Of).Distinct()) CheckToken(lease);
            writer!.Write(checkpoints, changes);
            transaction.Commit();
            writer.Count(Changes!, changes);
        }
    }

    /// <summary>On a thread of its own, while the next batch is folded.</summary>
    public Task CommitAsync(
        IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes)
    {
        if (changes.Count >= FewChanges)
            return Task.Factory.StartNew(() => Commit(checkpoints, changes), CancellationToken.None,
                TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Commit(checkpoints, changes);
        return Task.CompletedTask;
    }

    public string? Get(string projection, string key, long? asOf = null) => Reading(reader =>
        asOf is { } position ? reader.Get(projection, key, position) : reader.Get(projection, key));

    public IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null) =>
        Reading(reader => reader.Range(projection, first, last, asOf));

    public void Scan(string projection, string first, string last, long? asOf, RowTaker take) => Reading(reader =>
    {
        reader.Scan(projection, first, last, asOf, take);
        return true;
    });

    public void ScanVersions(string projection, VersionTaker take) => Reading(reader =>
    {
        reader.ScanVersions(projection, take);
        return true;
    });

    public IReadOnlyList<ViewRow> Versions(string projection)
    {
        var rows = new List<ViewRow>();
        ScanVersions(projection, (key, from, to, json) =>
            rows.Add(new(projection, Encoding.UTF8.GetString(key), from, to, Encoding.UTF8.GetString(json))));
        return rows;
    }

    /// <summary>Reads with a connection that nobody else reads with; there are as many as ever read at once.</summary>
    private T Reading<T>(Func<SqliteViewReader, T> read)
    {
        ObjectDisposedException.ThrowIf(isClosed, this);
        if (!readers.TryTake(out var reader)) reader = new(path);
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

    public void Reset(string projection)
    {
        lock (gate)
        {
            using var transaction = connection.BeginTransaction();
            CheckToken(ViewLease.Of(projection));
            foreach (var table in (string[])["current_row", "view_history"])
                Execute($"DELETE FROM {table} WHERE projection = {Number}", ("?1", projection));
            Execute("UPDATE projected SET next_position = 0 WHERE name = ?1", ("?1", projection));
            transaction.Commit();
            Changes?.ChangedAll();
        }
    }

    public bool TryHold(string lease, string holder, Duration length)
    {
        var held = leases[lease];
        if (held.IsFresh(holder, length)) return true; // without waiting for a batch that is being written
        lock (gate)
        {
            var (asked, now) = (Stopwatch.GetTimestamp(), clock.GetCurrentInstant().ToUnixTimeMilliseconds());
            var token = Scalar("""
                UPDATE lease SET token = CASE WHEN token = $t AND holder = $h THEN token ELSE token + 1 END,
                  holder = $h, expires_at = $until
                WHERE name = $n AND (holder = $h OR expires_at <= $now OR expires_at > $longest) RETURNING token
                """, ("$t", held.TakenBy(holder)), ("$h", holder), ("$n", lease), ("$now", now),
                ("$until", now + ViewLease.Milliseconds(length)),
                ("$longest", now + ViewLease.Milliseconds(ViewLease.LengthMax)));
            if (token is not long mine) return false;
            held.Held(holder, mine, asked, length);
            return true;
        }
    }

    public bool TryKeep(string lease, string holder, Duration length)
    {
        var held = leases[lease];
        if (held.IsFresh(holder, length)) return true; // without waiting for a batch that is being written
        lock (gate)
        {
            var (asked, now) = (Stopwatch.GetTimestamp(), clock.GetCurrentInstant().ToUnixTimeMilliseconds());
            var token = Scalar("UPDATE lease SET expires_at = $until WHERE name = $n AND token = $t RETURNING token",
                ("$n", lease), ("$t", held.TakenBy(holder)),
                ("$until", now + ViewLease.Milliseconds(length)));
            if (token is not long mine) return false;
            held.Held(holder, mine, asked, length);
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
                var (live, built) = (AppliedOf(projection), AppliedOf(next));
                if (built < live) throw NextViews.FallsBack(projection);
                Rename(projection, Exchanged);
                Rename(next, projection);
                Rename(Exchanged, next);
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

    /// <summary>Returns when a batch that is on its way is stored: its statements are SQLite's own memory, and would be
    /// gone beneath the thread that runs them.</summary>
    public void Dispose()
    {
        isClosed = true;
        CloseReaders();
        lock (gate)
        {
            writer?.Dispose();
            connection.Dispose();
        }
    }

    /// <summary>In the open transaction, which nobody else writes beside.</summary>
    private void CheckToken(string lease)
    {
        var token = (long)Scalar("SELECT token FROM lease WHERE name = $n", ("$n", lease))!;
        if (token != leases[lease].Value) throw new LeaseLostException(lease);
    }

    /// <summary>In the open transaction, in which it is made where it is not there.</summary>
    private long AppliedOf(string projection)
    {
        Execute("INSERT OR IGNORE INTO projected (name, next_position, row_version) VALUES (?1, 0, 0)",
            ("?1", projection));
        return (long)Scalar("SELECT next_position FROM projected WHERE name = ?1", ("?1", projection))!;
    }

    /// <summary>Gives the rows, their version and checkpoint of one name another.</summary>
    private void Rename(string projection, string name) =>
        Execute("UPDATE projected SET name = ?2 WHERE name = ?1", ("?1", projection), ("?2", name));

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
