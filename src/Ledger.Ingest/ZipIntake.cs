using System.IO.Compression;
using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>Files inside a zip, with limits on their number and on what they grow to.</summary>
public static class ZipIntake
{
    /// <summary>Files in one zip.</summary>
    private const int EntriesMax = 1_000;

    public static bool IsZip(ReadOnlySpan<byte> bytes) => bytes.StartsWith("PK\u0003\u0004"u8);

    /// <summary>Unpacks all files; folders and the resource forks of macOS do not count.</summary>
    public static Refusal? Read(byte[] bytes, out IReadOnlyList<(string Name, byte[] Bytes)> files)
    {
        var found = new List<(string, byte[])>();
        files = found;
        var left = Limits.ImportBytesMax;
        try
        {
            using var zip = new ZipArchive(new MemoryStream(bytes, writable: false), ZipArchiveMode.Read);
            if (zip.Entries.Count > EntriesMax)
                return Refusal.Of(Rejection.TooLarge, $"zip: {zip.Entries.Count} files; at most {EntriesMax}");
            foreach (var entry in zip.Entries)
            {
                if (entry.Name.Length == 0 || entry.FullName.StartsWith("__MACOSX/", StringComparison.Ordinal))
                    continue;
                using var stream = entry.Open();
                // What the entry says of its size is not believed; reading stops at the limit.
                var content = new MemoryStream();
                var block = new byte[64 * 1024];
                for (int read; (read = stream.Read(block)) > 0; content.Write(block, 0, read))
                    if ((left -= read) < 0)
                        return Refusal.Of(Rejection.TooLarge,
                            $"zip: unpacks to more than {Limits.ImportBytesMax} bytes");
                found.Add((entry.FullName, content.ToArray()));
            }
        }
        catch (InvalidDataException)
        {
            return Refusal.Of(Rejection.Malformed, "zip: damaged or cut off");
        }
        return found.Count > 0 ? null : Refusal.Of(Rejection.EmptyInput, "zip: holds no file");
    }
}
