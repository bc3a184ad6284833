using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Ledger.Journal;

/// <summary>
/// Writes the log of journal.db to the database, where each page is written once for many commits that changed it.
/// Nearly all of it over a connection and on a thread of its own, which wait for the disk while rows go on being
/// written. What came meanwhile is written between two batches, so that nothing is left of the log: only then does the
/// next commit begin anew at its front. Used by the thread that writes.
/// </summary>
internal sealed class Checkpoints : IDisposable
{
    private const int RestMax = 512; // pages, a few milliseconds' work, that may be left for the thread that writes
    private const int RoundsMax = 4; // more would run after a log that grows as fast
    private const int LongTimes = 3; // the bytes after which it begins: then whoever writes waits for it
    private readonly SqliteConnection connection;
    private readonly WorkThread thread;
    private long bytes; // in the log since it was last begun to be written
    private bool isUnderWay;
    private readonly ManualResetEventSlim nearlyDone = new();
    private volatile Exception? failure;

    /// <param name="connection">To the file, for this alone.</param>
    /// <param name="name">Of the thread.</param>
    public Checkpoints(SqliteConnection connection, string name) =>
        (this.connection, thread) = (connection, new WorkThread(name));

    /// <summary>So many bytes were given to the log.</summary>
    public void Add(long written) => bytes += written;

    /// <summary>Begins where the log is long, and ends what was begun; called between two batches. Throws what went
    /// wrong on the other thread.</summary>
    /// <param name="writer">The connection that writes.</param>
    /// <param name="bytesMax">Of the log, before it is written to the database.</param>
    public void Go(sqlite3 writer, long bytesMax)
    {
        // Who writes faster than the database takes it would let the log grow without end. SQLite's own checkpoint amid
        // a commit would not: but that keeps its errors to itself, so it is off.
        if (isUnderWay && bytes >= LongTimes * bytesMax) nearlyDone.Wait();
        if (failure is { } failed) throw new IOException(failed.Message, failed);
        if (nearlyDone.IsSet)
        {
            isUnderWay = false;
            nearlyDone.Reset();
            Write(writer);
        }
        if (isUnderWay || bytes < bytesMax) return;
        (isUnderWay, bytes) = (true, 0);
        thread.Give(WriteNearlyAll);
    }

    private void WriteNearlyAll()
    {
        try
        {
            for (var round = 0; round < RoundsMax && Write(connection.Handle!) > RestMax; round++) { }
        }
        catch (SqliteException e)
        {
            failure = e;
        }
        nearlyDone.Set();
    }

    /// <summary>Writes what is in the log now; returns how many of its pages are left.</summary>
    private static int Write(sqlite3 database)
    {
        var result = raw.sqlite3_wal_checkpoint_v2(
            database, "main", raw.SQLITE_CHECKPOINT_PASSIVE, out var pages, out var written);
        if (result == raw.SQLITE_BUSY) return 0; // somebody else is at it
        if (result != raw.SQLITE_OK) SqliteException.ThrowExceptionForRC(result, database);
        return pages - written;
    }

    public void Dispose()
    {
        thread.Dispose();
        nearlyDone.Dispose();
        connection.Dispose();
    }
}
