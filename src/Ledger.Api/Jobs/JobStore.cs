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
          holder TEXT NOT NULL, role INTEGER, party TEXT NOT NULL, stations TEXT, created INTEGER NOT NULL,
          started INTEGER, ended INTEGER, standing TEXT NOT NULL, progress TEXT, detail TEXT, media TEXT,
          result BLOB) STRICT;
        CREATE TABLE IF NOT EXISTS erased (up_to INTEGER PRIMARY KEY) STRICT;
        """;

    /// <summary>A job that shows evidence that names persons, and was asked for before one of them was
    /// erased.</summary>
    private const string IsOfErased =
        "(asked LIKE '%\"why\"%' AND number <= (SELECT coalesce(max(up_to), 0) FROM erased))";

    /// <summary>What is said of such a job.</summary>
    public const string ErasedSince = "a person was erased since it was asked for; ask for it again";

    private const string Columns = "name, kind, substr(asked, 1, 4096), holder, role, party, stations, created, started, ended, "
        + "standing, progress, detail, result IS NOT NULL";

    private readonly ServerTables tables;

    public JobStore(string path)
    {
        tables = new(path, Table);
        // A table of before says of no job to which stations its asker was limited; such a job is of who is to none.
        if (tables.Read("SELECT name FROM pragma_table_info('job') WHERE name = 'stations'", row => row.GetString(0)).Count == 0)
            tables.Execute("ALTER TABLE job ADD COLUMN stations TEXT");
    }

    public void Add(Job job) =>
        tables.Execute("INSERT INTO job (name, kind, asked, holder, role, party, stations, created, standing) "
            + "VALUES ($n, $k, $a, $h, $r, $p, $l, $c, $s)", ("$n", job.Name), ("$k", job.Kind), ("$a", job.Asked),
            ("$h", job.Holder), ("$r", job.Role), ("$p", job.Party.Value), ("$l", job.Stations),
            ("$c", job.Created), ("$s", job.Standing));

    public void Started(string name, Instant at) =>
        tables.Execute("UPDATE job SET standing = 'running', started = $t WHERE name = $n", ("$n", name), ("$t", at));

    public void Progressed(string name, string progress) =>
        tables.Execute("UPDATE job SET progress = $p WHERE name = $n", ("$n", name), ("$p", progress));

    /// <summary>Ends a job, once; false where it is not ended, because nobody may keep its result
    /// (<see cref="ErasedSince"/>).</summary>
    public bool Ended(string name, string standing, string detail, JobResult? result, Instant at) =>
        tables.Execute("UPDATE job SET standing = $s, ended = $t, detail = $d, media = $m, result = $r "
            + $"WHERE name = $n AND ended IS NULL AND ($r IS NULL OR NOT {IsOfErased})", ("$n", name), ("$s", standing),
            ("$t", at), ("$d", detail), ("$m", result?.Media), ("$r", result?.Content)) > 0;

    /// <summary>Ends what was under way when the process before this one ended; how many.</summary>
    public int CutWhatRan(Instant at) =>
        tables.Execute("UPDATE job SET standing = 'cut', ended = $t, detail = 'the server ended before it was done; "
            + "ask for it again' WHERE ended IS NULL", ("$t", at));

    public Job? Find(string name) =>
        tables.Read($"SELECT {Columns} FROM job WHERE name = $n", OfRow, ("$n", name)) is [var job] ? job : null;

    /// <summary>Somebody's jobs, newest first.</summary>
    public IReadOnlyList<Job> Of(Principal by) =>
        tables.Read($"SELECT {Columns} FROM job WHERE holder = $h AND role IS $r AND party = $p AND stations IS $l "
            + "ORDER BY number DESC", OfRow, ("$h", by.Actor), ("$r", by.Role), ("$p", by.Party.Value),
            ("$l", Job.StationsOf(by.Reach)));

    public (string Media, byte[] Content)? ResultOf(string name) =>
        tables.Read("SELECT media, result FROM job WHERE name = $n AND result IS NOT NULL",
            row => (row.GetString(0), row.Bytes(1)), ("$n", name)) is [var result] ? result : null;

    /// <summary>
    /// Forgets, of the jobs of a data folder, every result that shows evidence that names persons and was asked for
    /// before one of them was erased; of what is being made nothing will be kept.
    /// </summary>
    /// <param name="path">Of the jobs; nothing is done where there are none.</param>
    /// <param name="erasedAt">What was asked for until then.</param>
    public static void ForgetDisclosed(string path, Instant erasedAt)
    {
        if (!File.Exists(path)) return;
        using var store = new JobStore(path);
        store.tables.Execute("INSERT OR IGNORE INTO erased SELECT coalesce(max(number), 0) FROM job WHERE created <= $t",
            ("$t", erasedAt));
        store.tables.Execute("UPDATE job SET media = NULL, result = NULL, detail = $d "
            + $"WHERE result IS NOT NULL AND {IsOfErased}", ("$d", ErasedSince));
        store.tables.Purge();
    }

    /// <summary>Forgets what ended before an instant.</summary>
    public void Forget(Instant before) => tables.Execute("DELETE FROM job WHERE ended < $b", ("$b", before));

    /// <summary>Forgets of a party's jobs that are over those that ended first, until so many are left, with results of
    /// so many bytes.</summary>
    public void Forget(PartyId party, int most, long bytesMost) =>
        tables.Execute("DELETE FROM job WHERE number IN (SELECT number FROM (SELECT number, ended, "
            + "row_number() OVER newest AS place, sum(coalesce(length(result), 0)) OVER newest AS bytes FROM job "
            + "WHERE party = $p WINDOW newest AS (ORDER BY ended IS NOT NULL, ended DESC, number DESC)) "
            + "WHERE ended IS NOT NULL AND (place > $m OR bytes > $b))",
            ("$p", party.Value), ("$m", most), ("$b", bytesMost));

    public void Dispose() => tables.Dispose();

    private static Job OfRow(SqliteDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), row.RoleOrNull(4),
        new(row.GetString(5)), row.TextOrNull(6), row.At(7), row.AtOrNull(8), row.AtOrNull(9), row.GetString(10),
        row.TextOrNull(11), row.TextOrNull(12), row.Truth(13));
}
