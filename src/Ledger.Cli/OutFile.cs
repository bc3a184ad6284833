namespace Ledger.Cli;

/// <summary>
/// The file that a command line names for what it writes. It gets its name when it is whole, so that one which is there
/// is replaced by the new one or stays, also where the verb is stopped or the disk is full. What is empty or a link is
/// written as it stands: a device and a pipe have no content to lose, and no name to give away.
/// </summary>
public static class OutFile
{
    public static async Task WriteAsync(string path, Func<Stream, Task> write)
    {
        var there = new FileInfo(path);
        if (there.LinkTarget is not null || there is { Exists: true, Length: 0 })
        {
            await using var same = new FileStream(path, FileMode.Create, FileAccess.Write);
            await write(same).ConfigureAwait(false);
            return;
        }
        var unfinished = $"{path}.{Environment.ProcessId}.unfinished";
        try
        {
            await using (var file = new FileStream(unfinished, FileMode.Create, FileAccess.Write))
            {
                // Whoever may not read the old one may not read the new one.
                if (there.Exists && !OperatingSystem.IsWindows())
                    File.SetUnixFileMode(file.SafeFileHandle, File.GetUnixFileMode(path));
                await write(file).ConfigureAwait(false);
            }
            File.Move(unfinished, path, overwrite: true);
        }
        catch
        {
            File.Delete(unfinished);
            throw;
        }
    }

    public static Task WriteAsync(string path, ReadOnlyMemory<byte> content, CancellationToken ct) =>
        WriteAsync(path, file => file.WriteAsync(content, ct).AsTask());
}
