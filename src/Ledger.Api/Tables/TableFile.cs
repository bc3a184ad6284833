namespace Ledger.Api.Tables;

/// <summary>A file that is there until it is closed, and that its owner alone can open.</summary>
internal static class TableFile
{
    public static FileStream Temporary() => new(
        Path.Combine(Path.GetTempPath(), $"ledger-table-{Path.GetRandomFileName()}"), new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            Options = FileOptions.DeleteOnClose | FileOptions.Asynchronous,
            BufferSize = 128 * 1024, // bytes
            UnixCreateMode = OperatingSystem.IsWindows() ? null : UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
}
