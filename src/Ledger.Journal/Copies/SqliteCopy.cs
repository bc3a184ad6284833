using Microsoft.Data.Sqlite;

namespace Ledger.Journal.Copies;

/// <summary>
/// Copies a file of SQLite as it is at one moment, beside whoever writes it: SQLite's own online backup, in one step,
/// so that no page is newer than another. The copy rests in one file, without a log beside it, and reading it makes
/// none.
/// </summary>
public static class SqliteCopy
{
    private static ReadOnlySpan<byte> Magic => "SQLite format 3\0"u8;

    /// <summary>The files that SQLite keeps beside one of its own; what they hold is in the copy.</summary>
    internal static IReadOnlyList<string> Beside { get; } = ["-wal", "-shm", "-journal"];

    internal static bool IsOne(string path)
    {
        Span<byte> start = stackalloc byte[16];
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length
            && start.SequenceEqual(Magic);
    }

    /// <summary>Writes the copy; what an interrupted one has left there is of no use.</summary>
    internal static void Write(string from, string to)
    {
        foreach (var file in (string[])[to, .. Beside.Select(suffix => to + suffix)]) File.Delete(file);
        using (var source = JournalTables.ConnectForReading(from))
        using (var copy = Connect(to, SqliteOpenMode.ReadWriteCreate))
            source.BackupDatabase(copy);
        Settle(to);
    }

    /// <summary>Brings what stands in the log into the file, and ends the log.</summary>
    public static void Settle(string path)
    {
        using var connection = Connect(path, SqliteOpenMode.ReadWrite);
        using var settle = connection.CreateCommand();
        settle.CommandText = "PRAGMA journal_mode=DELETE";
        if (settle.ExecuteScalar() as string is var mode && mode != "delete")
            throw new IOException($"{path} keeps its log ({mode}): another process has it open");
    }

    private static SqliteConnection Connect(string path, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ToString());
        connection.Open();
        return connection;
    }
}
