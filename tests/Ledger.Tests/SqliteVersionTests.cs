using Microsoft.Data.Sqlite;
using Shouldly;

namespace Ledger.Tests;

public sealed class SqliteVersionTests
{
    /// <summary>The journal is written on one connection while its log is written to the database on another. Up to
    /// 3.51.2 a checkpoint could take a log that a writer had just begun anew for one that was done with, and leave out
    /// pages of it (sqlite.org/wal.html, "the WAL-reset bug").</summary>
    [Fact]
    public void The_library_is_one_in_which_a_writer_and_a_checkpoint_may_run_at_once()
    {
        using var connection = new SqliteConnection("Data Source=:memory:");
        connection.Open();
        using var ask = connection.CreateCommand();
        ask.CommandText = "SELECT sqlite_version()";
        Version.Parse((string)ask.ExecuteScalar()!).ShouldBeGreaterThanOrEqualTo(new Version(3, 51, 3));
    }
}
