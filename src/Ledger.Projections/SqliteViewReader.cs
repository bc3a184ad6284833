using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Ledger.Projections;

/// <summary>
/// A connection of its own to views.db, for reads as of a position: what they find is the same whatever is written
/// meanwhile, so they wait for no writer and for none of each other. Its statements stay prepared, and none holds a
/// snapshot after it returns. One caller at a time.
/// </summary>
internal sealed class SqliteViewReader : IDisposable
{
    private readonly SqliteConnection connection;
    private readonly string storedAs;
    // Not commands, so that the text of a row is handed on where it lies.
    private sqlite3_stmt? scan, versions, range, row;

    /// <param name="storedAs">The name that the rows of the projection $p are stored under, as SQL.</param>
    public SqliteViewReader(string path, string storedAs)
    {
        this.storedAs = storedAs;
        connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadOnly,
            Pooling = false,
        }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA busy_timeout=5000";
        command.ExecuteNonQuery();
    }

    public string? Get(string projection, string key, long asOf)
    {
        row ??= Prepared($"""
            SELECT json FROM view_row WHERE projection = {storedAs} AND key = $k
              AND from_position <= $at AND $at < to_position ORDER BY from_position DESC LIMIT 1
            """); // there is one at most, and it is the last that begins by then: no other version is looked at
        raw.sqlite3_bind_text(row, 1, projection); // in the order in which the statement first names them
        raw.sqlite3_bind_text(row, 2, key);
        raw.sqlite3_bind_int64(row, 3, asOf);
        string? found = null;
        Step(row, one => found = raw.sqlite3_column_text(one, 0).utf8_to_string());
        return found;
    }

    public List<ViewRow> Range(string projection, string first, string last, long asOf)
    {
        range ??= Prepared($"""
            SELECT key, from_position, to_position, json FROM view_row WHERE projection = {storedAs}
              AND key >= $first AND key <= $last AND from_position <= $at AND $at < to_position ORDER BY key
            """);
        Bind(range, projection, first, last, asOf);
        var rows = new List<ViewRow>();
        Step(range, one => rows.Add(new(projection, raw.sqlite3_column_text(one, 0).utf8_to_string(),
            raw.sqlite3_column_int64(one, 1), raw.sqlite3_column_int64(one, 2),
            raw.sqlite3_column_text(one, 3).utf8_to_string())));
        return rows;
    }

    public void Scan(string projection, string first, string last, long asOf, RowTaker take)
    {
        scan ??= Prepared($"""
            SELECT json FROM view_row WHERE projection = {storedAs}
              AND key >= $first AND key <= $last AND from_position <= $at AND $at < to_position ORDER BY key
            """);
        Bind(scan, projection, first, last, asOf);
        Step(scan, one => take(raw.sqlite3_column_blob(one, 0)));
    }

    public void ScanVersions(string projection, VersionTaker take)
    {
        versions ??= Prepared($"""
            SELECT key, from_position, to_position, json FROM view_row WHERE projection = {storedAs}
              ORDER BY key, from_position
            """);
        raw.sqlite3_bind_text(versions, 1, projection);
        Step(versions, one => take(raw.sqlite3_column_blob(one, 0), raw.sqlite3_column_int64(one, 1),
            raw.sqlite3_column_int64(one, 2), raw.sqlite3_column_blob(one, 3)));
    }

    private static void Bind(sqlite3_stmt statement, string projection, string first, string last, long asOf)
    {
        raw.sqlite3_bind_text(statement, 1, projection);
        raw.sqlite3_bind_text(statement, 2, first);
        raw.sqlite3_bind_text(statement, 3, last);
        raw.sqlite3_bind_int64(statement, 4, asOf);
    }

    private void Step(sqlite3_stmt statement, Action<sqlite3_stmt> take)
    {
        try
        {
            int result;
            while ((result = raw.sqlite3_step(statement)) == raw.SQLITE_ROW) take(statement);
            if (result != raw.SQLITE_DONE) SqliteException.ThrowExceptionForRC(result, connection.Handle);
        }
        finally
        {
            raw.sqlite3_reset(statement); // no read holds a snapshot after it returns
        }
    }

    private sqlite3_stmt Prepared(string sql)
    {
        SqliteException.ThrowExceptionForRC(
            raw.sqlite3_prepare_v2(connection.Handle, sql, out var prepared), connection.Handle);
        return prepared;
    }

    public void Dispose()
    {
        scan?.Dispose();
        versions?.Dispose();
        range?.Dispose();
        row?.Dispose();
        connection.Dispose();
    }
}
