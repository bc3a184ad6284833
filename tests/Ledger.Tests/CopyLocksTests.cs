using System.Diagnostics;
using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What a copy must not do to the journal that its own process reads.</summary>
public sealed class CopyLocksTests : IDisposable
{
    private readonly SmallTown town = SmallTown.WithItsDay();
    private readonly string to = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    public void Dispose()
    {
        town.Dispose();
        if (Directory.Exists(to)) Directory.Delete(to, recursive: true);
    }

    /// <summary>A POSIX lock is the process's, and is given up when any descriptor of the file is closed.</summary>
    [Fact]
    public async Task The_locks_that_sqlite_holds_on_the_journal_outlive_a_copy_of_the_folder()
    {
        await using var reader = SqliteJournalReader.Open(
            new(town.Data, new LedgerId("town"), new StandingClock(SmallTown.Now), TestFolder.Secret));
        reader.LeafEntries(0, 1).Count().ShouldBe(1);
        var inode = Inode();
        Assert.SkipUnless(IsLocked(inode), "this system does not show locks");
        await DataFolderCopy.WriteBesideStoreAsync(town.Data, TestFolder.Secret, to, ["views.db"],
            reader.Look, _ => Task.CompletedTask, TestContext.Current.CancellationToken);
        IsLocked(inode).ShouldBeTrue();
        File.Exists(Path.Combine(to, SqliteJournal.FileName)).ShouldBeFalse();
        File.Exists(Path.Combine(to, SqliteJournal.FileName + "-shm")).ShouldBeFalse();
    }

    private string Inode()
    {
        if (!File.Exists("/usr/bin/stat") || !File.Exists("/proc/locks")) return "";
        using var stat = Process.Start(new ProcessStartInfo(
            "/usr/bin/stat", ["-c", "%i", Path.Combine(town.Data, SqliteJournal.FileName)])
        { RedirectStandardOutput = true })!;
        return stat.StandardOutput.ReadToEnd().Trim();
    }

    /// <summary>A line is NUMBER: POSIX ADVISORY READ PID MAJOR:MINOR:INODE FIRST LAST (man 5 proc_locks).</summary>
    private static bool IsLocked(string inode) => inode.Length > 0 && File.ReadLines("/proc/locks").Any(line =>
        line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, "POSIX", _, _, var process, var file, ..]
        && process == Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
        && file.EndsWith(":" + inode, StringComparison.Ordinal));
}
