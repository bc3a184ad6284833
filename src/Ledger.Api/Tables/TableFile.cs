namespace Ledger.Api.Tables;

/// <summary>A file that is there until it is closed, and that its owner alone can open.</summary>
internal static class TableFile
{
    public static FileStream Temporary()
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            Options = FileOptions.DeleteOnClose | FileOptions.Asynchronous,
            BufferSize = 128 * 1024, // bytes
        };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new(Path.Combine(Path.GetTempPath(), $"ledger-table-{Path.GetRandomFileName()}"), options);
    }
}
