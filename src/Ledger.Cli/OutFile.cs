using Ledger.Journal;

namespace Ledger.Cli;

/// <summary>
/// The file that a command line names for what it writes. It gets its name when it is whole, so that one which is there
/// is replaced by the new one or stays, also where the verb is stopped or the disk is full. What is empty or a link is
/// written as it stands: a device and a pipe have no content to lose, and no name to give away. So is a file whose name
/// nobody can give away: one that is mounted by itself, or in a folder that takes no other file.
/// </summary>
public static class OutFile
{
    public static async Task WriteAsync(string path, Func<Stream, Task> write)
    {
        var there = new FileInfo(path);
        if (there.Directory is { Exists: false } && there.LinkTarget is null)
            throw new CouldNotException($"there is no folder {Path.GetDirectoryName(path)}");
        var unfinished = $"{path}.{Environment.ProcessId}.unfinished";
        if (there.LinkTarget is not null || there is { Exists: true, Length: 0 }
            || Begun(unfinished, there) is not { } file)
        {
            await using var same = new FileStream(path, FileMode.Create, FileAccess.Write);
            await write(same).ConfigureAwait(false);
            return;
        }
        try
        {
            await using (file) await write(file).ConfigureAwait(false);
            DurableFiles.SyncFile(unfinished); // after a crash the name is of what it was, or of all of this
            Name(unfinished, there);
        }
        finally
        {
            File.Delete(unfinished);
        }
    }

    /// <summary>The file until it is whole; null where none can be made beside one that is there.</summary>
    private static FileStream? Begun(string unfinished, FileInfo there)
    {
        try
        {
            var file = new FileStream(unfinished, FileMode.Create, FileAccess.Write);
            // As many may read the new one as the old one, though its group is that of whoever writes.
            if (there.Exists && !OperatingSystem.IsWindows())
                File.SetUnixFileMode(file.SafeFileHandle, File.GetUnixFileMode(there.FullName));
            return file;
        }
        catch (UnauthorizedAccessException) when (there.Exists)
        {
            return null;
        }
    }

    private static void Name(string unfinished, FileInfo there)
    {
        try
        {
            File.Move(unfinished, there.FullName, overwrite: true);
        }
        catch (Exception held) when (there.Exists && held is IOException or UnauthorizedAccessException)
        {
            File.Copy(unfinished, there.FullName, overwrite: true);
        }
    }

    public static Task WriteAsync(string path, ReadOnlyMemory<byte> content, CancellationToken ct) =>
        WriteAsync(path, file => file.WriteAsync(content, ct).AsTask());
}
