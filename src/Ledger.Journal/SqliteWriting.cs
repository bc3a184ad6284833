using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Ledger.Journal;

/// <summary>
/// A connection to an SQLite file that writes and is used by one thread at a time: SQLite locks nothing for it, as it
/// does for any other at each value of each row. The log is made durable by whoever commits; SQLite does it itself only
/// before it writes the database from it. Its own checkpoints keep their errors to themselves, so there are none.
/// </summary>
internal sealed class SqliteWriting : IDisposable
{
    /// <exception cref="SqliteException">It cannot be opened.</exception>
    /// <param name="path">Of a file that is there, in WAL mode.</param>
    /// <param name="busyMs">That another process may hold a lock of the file's.</param>
    public SqliteWriting(string path, int busyMs, int cacheKibibytes)
    {
        Batteries_V2.Init(); // as Microsoft.Data.Sqlite does, which may not have opened anything yet
        var result = raw.sqlite3_open_v2(
            path, out var database, raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_NOMUTEX, null);
        Database = database;
        if (result == raw.SQLITE_OK) result = raw.sqlite3_busy_timeout(database, busyMs);
        foreach (var setting in (string[])["synchronous=NORMAL", "wal_autocheckpoint=0", $"cache_size=-{cacheKibibytes}"])
            if (result == raw.SQLITE_OK) result = raw.sqlite3_exec(database, $"PRAGMA {setting}");
        if (result == raw.SQLITE_OK) return;
        using (database) SqliteException.ThrowExceptionForRC(result, database);
    }

    public sqlite3 Database { get; }

    public void Dispose() => Database.Dispose();
}
