using Ledger.Domain;
using Microsoft.Data.Sqlite;
using NodaTime;

namespace Ledger.Api.Jobs;

/// <summary>
/// Jobs as they stand: jobs.db in the data folder. What a job records is recorded in the journal like all else; this
/// only says who waits for what, so that a job that was cut by a stop is told of and not forgotten.
/// </summary>
internal sealed class JobStore : IDisposable
{
    public const string FileName = "jobs.db";

    private const string Table = """
        CREATE TABLE IF NOT EXISTS job (
          number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, asked TEXT NOT NULL,
          holder TEXT NOT NULL, role INTEGER, party TEXT NOT NULL, created INTEGER NOT NULL, started INTEGER,
          ended INTEGER, standing TEXT NOT NULL, progress TEXT, detail TEXT, media TEXT, result BLOB) STRICT;
        """;

    private const string Columns = "name, kind, asked, holder, role, party, created, started, ended, standing, progress, "
        + "detail, result IS NOT NULL";

    private readonly SqliteConnection connection;
    private readonly Lock gate = new();

    public JobStore(string path)
    {
        connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        connection.Open();
        Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000");
        Execute(Table);
    }

    public void Add(Job job)
    {
        lock (gate)
            Execute("INSERT INTO job (name, kind, asked, holder, role, party, created, standing) "
                + "VALUES ($n, $k, $a, $h, $r, $p, $c, $s)", ("$n", job.Name), ("$k", job.Kind), ("$a", job.Asked),
                ("$h", job.Holder), ("$r", (object?)(int?)job.Role ?? DBNull.Value), ("$p", job.Party.Value),
                ("$c", job.Created.ToUnixTimeTicks()), ("$s", job.Standing));
    }

    public void Started(string name, Instant at)
    {
        lock (gate)
            Execute("UPDATE job SET standing = 'running', started = $t WHERE name = $n", ("$n", name),
                ("$t", at.ToUnixTimeTicks()));
    }

    public void Progressed(string name, string progress)
    {
        lock (gate)
            Execute("UPDATE job SET progress = $p WHERE name = $n", ("$n", name), ("$p", progress));
    }

    /// <summary>Ends a job, once.</summary>
    public void Ended(string name, string standing, string detail, JobResult? result, Instant at)
    {
        lock (gate)
            Execute("UPDATE job SET standing = $s, ended = $t, detail = $d, media = $m, result = $r "
                + "WHERE name = $n AND ended IS NULL", ("$n", name), ("$s", standing), ("$t", at.ToUnixTimeTicks()),
                ("$d", detail), ("$m", (object?)result?.Media ?? DBNull.Value),
                ("$r", (object?)result?.Content ?? DBNull.Value));
    }

    /// <summary>Ends what was under way when the process before this one ended; how many.</summary>
    public int CutWhatRan(Instant at)
    {
        lock (gate)
            return Execute("UPDATE job SET standing = 'cut', ended = $t, detail = 'the server ended before it was done; "
                + "ask for it again' WHERE ended IS NULL", ("$t", at.ToUnixTimeTicks()));
    }

    public Job? Find(string name)
    {
        lock (gate)
            return Read($"SELECT {Columns} FROM job WHERE name = $n", OfRow, ("$n", name)) is [var job] ? job : null;
    }

    /// <summary>Somebody's jobs, newest first.</summary>
    public IReadOnlyList<Job> Of(string holder, Role? role, PartyId party, int most)
    {
        lock (gate)
            return Read($"SELECT {Columns} FROM job WHERE holder = $h AND role IS $r AND party = $p "
                + "ORDER BY number DESC LIMIT $m", OfRow, ("$h", holder), ("$r", (object?)(int?)role ?? DBNull.Value),
                ("$p", party.Value), ("$m", most));
    }

    public (string Media, byte[] Content)? ResultOf(string name)
    {
        lock (gate)
            return Read("SELECT media, result FROM job WHERE name = $n AND result IS NOT NULL",
                row => (row.GetString(0), row.GetFieldValue<byte[]>(1)), ("$n", name)) is [var result] ? result : null;
    }

    /// <summary>Forgets what ended before an instant.</summary>
    public void Forget(Instant before)
    {
        lock (gate) Execute("DELETE FROM job WHERE ended < $b", ("$b", before.ToUnixTimeTicks()));
    }

    public void Dispose() => connection.Dispose();

    private static Job OfRow(SqliteDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3),
        row.IsDBNull(4) ? null : (Role)row.GetInt32(4), new(row.GetString(5)), At(row.GetInt64(6)), AtOrNull(row, 7),
        AtOrNull(row, 8), row.GetString(9), TextOrNull(row, 10), TextOrNull(row, 11), row.GetInt64(12) == 1);

    private static Instant At(long ticks) => Instant.FromUnixTimeTicks(ticks);
    private static Instant? AtOrNull(SqliteDataReader row, int i) => row.IsDBNull(i) ? null : At(row.GetInt64(i));
    private static string? TextOrNull(SqliteDataReader row, int i) => row.IsDBNull(i) ? null : row.GetString(i);

    private List<T> Read<T>(string sql, Func<SqliteDataReader, T> read, params (string, object)[] parameters)
    {
        using var command = Command(sql, parameters);
        using var row = command.ExecuteReader();
        var rows = new List<T>();
        while (row.Read()) rows.Add(read(row));
        return rows;
    }

    private int Execute(string sql, params (string, object)[] parameters)
    {
        using var command = Command(sql, parameters);
        return command.ExecuteNonQuery();
    }

    private SqliteCommand Command(string sql, (string Name, object Value)[] parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters) command.Parameters.AddWithValue(name, value);
        return command;
    }
}
