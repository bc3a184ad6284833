using System.Globalization;

namespace Ledger.Tests;

/// <summary>
/// Where the tests have their folders: in memory, where the machine has a file system there with enough room. A ledger
/// waits for its disk with every fact, some milliseconds each time, and of what a killed process had written a file
/// system in memory keeps as much as any other. What a disk does is tested on one (<see cref="Disk"/>), and with
/// LEDGER_LONG=1 all is.
/// </summary>
internal sealed class TestPlace : IDisposable
{
    private const string Memory = "/dev/shm", Name = "ledger-tests-";
    private const long RoomMin = 2L << 30, MemoryMin = 6L << 30;
    private readonly string folder = Path.Combine(Memory,
        string.Create(CultureInfo.InvariantCulture, $"{Name}{Environment.ProcessId}"));

    private TestPlace()
    {
        foreach (var left in Directory.EnumerateDirectories(Memory, $"{Name}*"))
            if (!Directory.Exists($"/proc/{Path.GetFileName(left)[Name.Length..]}"))
                Remove(left); // of a run that was killed
        Directory.CreateDirectory(folder);
        Environment.SetEnvironmentVariable("TMPDIR", folder);
    }

    /// <summary>The folder for temporary files that is on a disk.</summary>
    public static string Disk { get; } = Path.GetTempPath();

    /// <summary>From now on all temporary files of this process, and of those that it starts, are in memory until this
    /// is given back; null where they stay on the disk.</summary>
    public static TestPlace? InMemory() =>
        Environment.GetEnvironmentVariable("LEDGER_LONG") != "1" && Directory.Exists(Memory)
        && !Disk.StartsWith(Memory, StringComparison.Ordinal)
        && new DriveInfo(Memory).AvailableFreeSpace >= RoomMin
        && GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >= MemoryMin ? new() : null;

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("TMPDIR", Disk);
        Remove(folder);
    }

    /// <summary>What another user left, or a process that has not ended yet still writes, stays and is said: it is no
    /// fault of what is tested.</summary>
    private static void Remove(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (Exception left) when (left is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(left.Message);
        }
    }
}
