using Ledger.Journal;
using Ledger.Journal.Verification;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Ledger.Projections;

/// <summary>
/// The tables of views.db. What is current stands in one, with a row for each key that is overwritten where it changes;
/// what was closed stands in the other and stays. Both find their rows by an index of short entries, so that the rows
/// themselves lie in the order in which they were written, and a page is filled before the next is begun.
/// </summary>
internal static class SqliteViewTables
{
    /// <summary>The end of a row that is current, <see cref="ViewRow.Open"/>.</summary>
    public const string Open = "9223372036854775807";

    /// <summary>The number of the projection ?1, as SQL.</summary>
    public const string Number = "(SELECT number FROM projected WHERE name = ?1)";

    // In a file of an earlier version view_row is a table. That the name is taken here makes an earlier program stop at
    // this file, in which it would find no rows. So does a program that writes projection, where no version was kept of
    // rows: it would write its rows among those of another version.
    private const string Projected = """
        CREATE TABLE IF NOT EXISTS projected (
          number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, next_position INTEGER NOT NULL,
          row_version INTEGER NOT NULL);
        CREATE VIEW IF NOT EXISTS projection AS SELECT number, name, next_position FROM projected;
        """;

    private const string Unversioned = """
        CREATE TABLE IF NOT EXISTS projection (
          number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, next_position INTEGER NOT NULL);
        """;

    private const string Tables = """
        CREATE TABLE IF NOT EXISTS current_row (
          projection INTEGER NOT NULL, key TEXT NOT NULL, from_position INTEGER NOT NULL, json TEXT NOT NULL);
        CREATE UNIQUE INDEX IF NOT EXISTS current_key ON current_row (projection, key);
        CREATE TABLE IF NOT EXISTS view_history (
          projection INTEGER NOT NULL, key TEXT NOT NULL, from_position INTEGER NOT NULL,
          to_position INTEGER NOT NULL, versions NOT NULL);
        CREATE UNIQUE INDEX IF NOT EXISTS history_key
          ON view_history (projection, key, from_position, to_position);
        CREATE VIEW IF NOT EXISTS view_row AS
          SELECT projection, key, from_position, 9223372036854775807 AS to_position, json FROM current_row
          UNION ALL SELECT projection, key, from_position, to_position, versions FROM view_history;
        """;

    private const string Alarm = """
        CREATE TABLE IF NOT EXISTS alarm (
          position INTEGER NOT NULL, projection TEXT NOT NULL, wire_name TEXT NOT NULL, reason TEXT NOT NULL);
        """;

    private const string Lease = """
        CREATE TABLE IF NOT EXISTS lease (
          name TEXT PRIMARY KEY, token INTEGER NOT NULL, holder TEXT NOT NULL, expires_at INTEGER NOT NULL);
        """;

    private const string EarlierTables = """
        CREATE TABLE IF NOT EXISTS view_row (
          projection TEXT NOT NULL, key TEXT NOT NULL, from_position INTEGER NOT NULL,
          to_position INTEGER NOT NULL, json TEXT NOT NULL,
          PRIMARY KEY (projection, key, from_position)) WITHOUT ROWID;
        CREATE UNIQUE INDEX IF NOT EXISTS open_row ON view_row (projection, key)
          WHERE to_position = 9223372036854775807;
        CREATE TABLE IF NOT EXISTS checkpoint (projection TEXT PRIMARY KEY, next_position INTEGER NOT NULL);
        """;

    /// <summary>What the first version of the file did not have.</summary>
    private const string EarlierVersions = """
        CREATE TABLE IF NOT EXISTS view_version (projection TEXT PRIMARY KEY, stored_as TEXT NOT NULL);
        """;

    /// <summary>What an earlier file says, as this one would; a projection has the name of its rows for a number.
    /// </summary>
    private const string AsNow = """
        CREATE TEMP VIEW projected AS
          SELECT c.projection AS number, coalesce(v.projection, c.projection) AS name, c.next_position, 0 AS row_version
          FROM checkpoint AS c LEFT JOIN view_version AS v ON v.stored_as = c.projection;
        CREATE TEMP VIEW current_row AS
          SELECT projection, key, from_position, json FROM view_row WHERE to_position = 9223372036854775807;
        CREATE TEMP VIEW view_history AS
          SELECT projection, key, from_position, to_position, json AS versions FROM view_row
          WHERE to_position <> 9223372036854775807;
        """;

    /// <summary>What a file says that keeps no version of rows.</summary>
    private const string UnversionedAsNow = """
        CREATE TEMP VIEW projected AS SELECT number, name, next_position, 0 AS row_version FROM projection;
        """;

    /// <summary>Has the versions of rows kept: of what is there nobody knows it.</summary>
    private const string KeepVersions = """
        ALTER TABLE projection RENAME TO unversioned;
        """ + Projected + """
        INSERT INTO projected SELECT number, name, next_position, 0 FROM unversioned;
        DROP TABLE unversioned;
        """;

    /// <summary>What a file says in which nothing was made yet, as a crash may leave it.</summary>
    private const string Nothing = """
        CREATE TEMP TABLE projected (number, name, next_position, row_version);
        CREATE TEMP TABLE current_row (projection, key, from_position, json);
        CREATE TEMP TABLE view_history (projection, key, from_position, to_position, versions);
        """;

    /// <summary>Brings an earlier file's rows into these tables.</summary>
    private const string TakeOver = """
        INSERT INTO projected (name, next_position, row_version)
          SELECT coalesce(v.projection, c.projection), c.next_position, 0
          FROM checkpoint AS c LEFT JOIN view_version AS v ON v.stored_as = c.projection;
        CREATE TEMP TABLE named AS
          SELECT p.number AS number, coalesce(v.stored_as, p.name) AS stored_as
          FROM projected AS p LEFT JOIN view_version AS v ON v.projection = p.name;
        INSERT INTO current_row
          SELECT n.number, r.key, r.from_position, r.json FROM named AS n
          CROSS JOIN earlier_row AS r ON r.projection = n.stored_as
          WHERE r.to_position = 9223372036854775807;
        INSERT INTO view_history
          SELECT n.number, r.key, r.from_position, r.to_position, r.json FROM named AS n
          CROSS JOIN earlier_row AS r ON r.projection = n.stored_as
          WHERE r.to_position <> 9223372036854775807;
        DROP TABLE named;
        DROP TABLE earlier_row;
        DROP TABLE checkpoint;
        DROP TABLE view_version;
        """;

    /// <summary>The version of rows as it is stored. One that no program has is another one all the same.</summary>
    public static int RowVersion(long stored) => (int)Math.Clamp(stored, int.MinValue, int.MaxValue);

    /// <summary>Makes the tables where they are not there, in one transaction. Rows of an earlier version of the file
    /// are taken over as they are.</summary>
    public static void Make(SqliteConnection connection)
    {
        var database = connection.Handle!;
        if (Has(database, "projected")) return;
        using var transaction = connection.BeginTransaction();
        if (IsUnversioned(database)) Execute(database, KeepVersions);
        if (IsEarlier(database))
        {
            Execute(database,
                EarlierVersions + "ALTER TABLE view_row RENAME TO earlier_row; DROP INDEX IF EXISTS open_row;");
            Execute(database, Projected + Tables);
            Execute(database, TakeOver);
        }
        Execute(database, Projected + Tables + Alarm + Lease);
        transaction.Commit();
    }

    /// <summary>Makes a connection that only reads give out an earlier version of the file, or one that is not made
    /// yet, as if it were this one. No byte of the file changes.</summary>
    public static void ShowAsNow(sqlite3 database)
    {
        if (Has(database, "projected")) return;
        if (IsUnversioned(database))
        {
            Execute(database, UnversionedAsNow);
            return;
        }
        if (!Has(database, "view_row"))
        {
            Execute(database, Nothing);
            return;
        }
        if (!Has(database, "view_version"))
            Execute(database, "CREATE TEMP TABLE view_version (projection TEXT, stored_as TEXT)");
        Execute(database, AsNow);
    }

    /// <summary>Adds a fault for each table, index or page that is not as it was made.</summary>
    public static void Verify(SqliteConnection connection, string file, bool isThorough, Findings findings)
    {
        var database = connection.Handle!;
        var tables = !IsEarlier(database)
            ? (IsUnversioned(database) ? Unversioned : Projected) + Tables + Lease
            : EarlierTables + (Has(database, "view_version") ? EarlierVersions : "")
                + (Has(database, "lease") ? Lease : "");
        SqliteFile.VerifySchema(connection, file, tables + Alarm, findings);
        if (isThorough) SqliteFile.VerifyPages(connection, file, findings);
    }

    private static bool IsEarlier(sqlite3 database) => Has(database, "view_row") && !Has(database, "current_row");

    private static bool IsUnversioned(sqlite3 database) =>
        Has(database, "current_row") && !Has(database, "projected");

    private static bool Has(sqlite3 database, string table)
    {
        using var select = new SqliteStatement(database, "SELECT 1 FROM main.sqlite_schema WHERE name = ?1");
        select.Bind(1, table);
        return select.IsRow();
    }

    private static void Execute(sqlite3 database, string sql) =>
        SqliteException.ThrowExceptionForRC(raw.sqlite3_exec(database, sql), database);
}
