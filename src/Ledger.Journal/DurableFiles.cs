using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ledger.Journal;

/// <summary>
/// Files and names that outlive a crash: a file appears whole or not at all, and it is lost with its directory's entry
/// unless that is synced too.
/// </summary>
public static class DurableFiles
{
    /// <summary>0600.</summary>
    public const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite; // 0600
    /// <summary>0644.</summary>
    public const UnixFileMode Public = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead; // 0644
    private const int ReadOnly = 0; // O_RDONLY
    private const int PageBytes = 4096; // of the system's memory: what it writes together

    /// <summary>Makes a directory and those that it lies in, and their names durable; one that is there stays.
    /// </summary>
    public static void CreateDirectory(string directory)
    {
        if (Directory.Exists(directory)) return;
        if (Path.GetDirectoryName(Path.GetFullPath(directory)) is not { } parent) return;
        CreateDirectory(parent);
        Directory.CreateDirectory(directory);
        SyncDirectory(parent);
    }

    /// <summary>The name that a file has until it is whole; of one file at a time on each thread.</summary>
    internal static string Unfinished(string path) =>
        $"{path}.{Environment.ProcessId}.{Environment.CurrentManagedThreadId}";

    /// <summary>Gives a file that is whole and durable its name, in the place of one that is there, durably.</summary>
    internal static void Settle(string unfinished, string path)
    {
        File.Move(unfinished, path, overwrite: true);
        SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>Writes a file that is not there yet; of two that try at once the first one's stays.</summary>
    public static void Create(string path, ReadOnlySpan<byte> content, UnixFileMode mode)
    {
        var unfinished = Unfinished(path);
        File.Delete(unfinished);
        Write(unfinished, content, mode);
        try
        {
            File.Move(unfinished, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(unfinished);
        }
        SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>Puts a file in the place of the one that is there; after a crash it is the one or the other,
    /// whole.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content, UnixFileMode mode)
    {
        var unfinished = Unfinished(path);
        File.Delete(unfinished);
        Write(unfinished, content, mode);
        Settle(unfinished, path);
    }

    /// <summary>Reads a secret; throws <see cref="JournalRefusedException"/> where others than its owner may read
    /// it.</summary>
    public static byte[] ReadOwnerOnly(string path) =>
        OperatingSystem.IsWindows() || (File.GetUnixFileMode(path) & ~OwnerOnly) == 0
            ? File.ReadAllBytes(path)
            : throw new JournalRefusedException($"{path} is open to others than its owner: chmod 600 {path}");

    /// <summary>Writes a file that is not there yet, whose bytes are on the disk when this returns.</summary>
    internal static void Write(string path, ReadOnlySpan<byte> content, UnixFileMode mode)
    {
        var options = new FileStreamOptions
        {
            // WriteThrough (O_SYNC) because .NET's Flush(true) swallows the errors of fsync on Linux.
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            BufferSize = 0,
            Options = FileOptions.WriteThrough,
        };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = mode;
        using var file = new FileStream(path, options);
        file.Write(content);
    }

    /// <summary>Makes the names of a directory durable; throws <see cref="IOException"/> with the system's
    /// error.</summary>
    public static void SyncDirectory(string directory)
    {
        if (!OperatingSystem.IsWindows()) Sync(directory); // NTFS journals its names
    }

    /// <summary>Makes a file's bytes and length durable, whoever has written them; throws <see cref="IOException"/>
    /// with the system's error.</summary>
    public static void SyncFile(string path)
    {
        if (!OperatingSystem.IsWindows())
        {
            Sync(path);
            return;
        }
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Makes all of the file system durable in which a directory lies; false where the system cannot do that
    /// and say whether it was done.</summary>
    internal static bool TrySyncFileSystem(string directory)
    {
        if (!OperatingSystem.IsLinux()) return false;
        using var folder = OpenToSync(directory);
        return SyncFileSystem(folder) == 0 ? true
            : throw new IOException($"syncfs {directory}", new Win32Exception(Marshal.GetLastPInvokeError()));
    }

    /// <summary>
    /// Writes the bytes of a file again as they are read, and returns when they are on the disk: for whoever is about
    /// to promise what an earlier process wrote. An error of fsync is told once. After it Linux takes the pages for
    /// written, so that a process started anew reads from memory what the disk does not have, and its own fsync finds
    /// nothing to do. Written again they reach the disk, or this throws. Bytes that are there do not change, however it
    /// ends.
    /// </summary>
    /// <param name="path">Nothing is done where there is no such file.</param>
    /// <param name="from">The first byte; the page that it is on is written whole, because it was written with it.
    /// </param>
    public static void WriteAgain(string path, long from = 0)
    {
        if (!File.Exists(path)) return;
        using var file = File.OpenHandle(
            path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        WriteAgain(file, path, from);
    }

    /// <summary>The same of a file that is open for writing, and stays so.</summary>
    internal static void WriteAgain(SafeFileHandle file, string path, long from)
    {
        var bytes = new byte[1 << 20];
        var at = from - from % PageBytes;
        for (int read; (read = RandomAccess.Read(file, bytes, at)) > 0; at += read)
            RandomAccess.Write(file, bytes.AsSpan(0, read), at);
        Sync(file, path);
    }

    private static void Sync(string path)
    {
        var descriptor = Open(path);
        var failed = Fsync(descriptor) != 0;
        var error = Marshal.GetLastPInvokeError();
        if (Close(descriptor) != 0 && !failed) (failed, error) = (true, Marshal.GetLastPInvokeError());
        if (failed) throw new IOException($"fsync {path}", new Win32Exception(error));
    }

    private static int Open(string path) => OpenFile(path, ReadOnly) is >= 0 and var descriptor ? descriptor
        : throw new IOException($"open {path}", new Win32Exception(Marshal.GetLastPInvokeError()));

    /// <summary>The same of a file that is open, and stays so.</summary>
    /// <param name="file">On Windows it must be open for writing.</param>
    /// <param name="path">Of it, for the error.</param>
    internal static void Sync(SafeFileHandle file, string path)
    {
        if (OperatingSystem.IsWindows()) RandomAccess.FlushToDisk(file);
        else if (Fsync(file) != 0)
            throw new IOException($"fsync {path}", new Win32Exception(Marshal.GetLastPInvokeError()));
    }

    /// <summary>Opens a file that others write, only to make it durable.</summary>
    internal static SafeFileHandle OpenToSync(string path) => OperatingSystem.IsWindows()
        ? File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete)
        : new(Open(path), ownsHandle: true);

    [DllImport("libc", EntryPoint = "open", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false,
        ThrowOnUnmappableChar = true)]
    private static extern int OpenFile(string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int Fsync(int descriptor);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int Fsync(SafeFileHandle file);

    [DllImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    private static extern int SyncFileSystem(SafeFileHandle file);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    private static extern int Close(int descriptor);
}
