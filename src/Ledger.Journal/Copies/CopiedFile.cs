using System.Security.Cryptography;

namespace Ledger.Journal.Copies;

/// <summary>One file, copied with its mode and hashed on the way.</summary>
public static class CopiedFile
{
    private const int BufferBytes = 1 << 20;

    /// <summary>
    /// Copies a file that others may be writing to, and returns the bytes copied and their SHA-256.
    /// </summary>
    /// <param name="bytes">No more than these; all of it where null.</param>
    /// <param name="mode">The copy's mode; the source's where null.</param>
    public static (long Bytes, string Sha256) Write(string from, string to, long? bytes, UnixFileMode? mode = null)
    {
        using var source = new FileStream(from, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = mode ?? File.GetUnixFileMode(from);
        using var copy = new FileStream(to, options);
        return Hash(source, bytes, copy.Write);
    }

    /// <summary>The length of a file and its SHA-256, or of its first bytes, so many.</summary>
    public static (long Bytes, string Sha256) Hash(string path, long? bytes = null)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return Hash(file, bytes, _ => { });
    }

    private static (long Bytes, string Sha256) Hash(FileStream source, long? bytes, ReadOnlySpanAction write)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[BufferBytes];
        var copied = 0L;
        for (int read; (read = source.Read(buffer, 0,
            (int)Math.Min(buffer.Length, (bytes ?? long.MaxValue) - copied))) > 0; copied += read)
        {
            hash.AppendData(buffer, 0, read);
            write(buffer.AsSpan(0, read));
        }
        return (copied, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private delegate void ReadOnlySpanAction(ReadOnlySpan<byte> bytes);
}
