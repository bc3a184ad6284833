using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Ledger.Journal;

/// <summary>
/// A connection to an SQLite file that reads only and is used by one thread at a time: SQLite locks nothing for it, as
/// it does for any other at each column of each row. It changes no byte, not even the end of a damaged log.
/// </summary>
public sealed class SqliteReading : IDisposable
{
    private const int BusyMilliseconds = 5000; // that another process may hold a lock of the file's

    /// <exception cref="SqliteException">There is no such file, or it cannot be opened.</exception>
    public SqliteReading(string path)
    {
        Batteries_V2.Init(); // as Microsoft.Data.Sqlite does, which may not have opened anything yet
        var result = raw.sqlite3_open_v2(
            path, out var database, raw.SQLITE_OPEN_READONLY | raw.SQLITE_OPEN_NOMUTEX, null);
        Database = database;
        if (result == raw.SQLITE_OK) result = raw.sqlite3_busy_timeout(database, BusyMilliseconds);
        if (result == raw.SQLITE_OK) return;
        using (database) SqliteException.ThrowExceptionForRC(result, database);
    }

    /// <summary>For <see cref="SqliteStatement"/>.</summary>
    public sqlite3 Database { get; }

    public void Dispose() => Database.Dispose();
}
