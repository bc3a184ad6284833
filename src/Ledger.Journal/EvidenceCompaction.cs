using System.Buffers.Binary;
using Ledger.Domain;
using Microsoft.Win32.SafeHandles;

namespace Ledger.Journal;

/// <summary>
/// A segment written anew without the pieces that were pruned, each of which leaves a mark; all other records are the
/// same bytes in the same order.
/// </summary>
internal static class EvidenceCompaction
{
    private const int BufferBytes = 1024 * 1024;

    /// <summary>How long a record is whose head this is.</summary>
    public static long BytesOf(ReadOnlySpan<byte> head) =>
        EvidenceSeal.HeadBytes + (long)BinaryPrimitives.ReadInt32BigEndian(head[4..])
        + (EvidenceSeal.IsHead(head) ? EvidenceSeal.TagBytes : 0);

    /// <summary>Removes what a crash left of a segment that was being written anew: NNNNNN.segment.PROCESS.THREAD.
    /// </summary>
    public static void RemoveUnfinished(string directory)
    {
        foreach (var path in Directory.EnumerateFiles(directory))
            if (Path.GetFileName(path).Contains(".segment.", StringComparison.Ordinal)) File.Delete(path);
    }

    /// <summary>Writes the segment durably to a file that is not there yet, and returns of each record where it begins
    /// in both. What it throws leaves no such file: on a full disk it would take the room of the next
    /// attempt.</summary>
    /// <param name="pruned">What is left out, and the position of the fact that says so. What names persons is never
    /// left out: it is erased with them.</param>
    public static IReadOnlyList<(EvidenceDigest Digest, long Was, long Now)> Write(
        SafeFileHandle segment, string to, IReadOnlyDictionary<EvidenceDigest, long> pruned)
    {
        try
        {
            return WriteAll(segment, to, pruned);
        }
        catch
        {
            File.Delete(to);
            throw;
        }
    }

    private static List<(EvidenceDigest Digest, long Was, long Now)> WriteAll(
        SafeFileHandle segment, string to, IReadOnlyDictionary<EvidenceDigest, long> pruned)
    {
        var records = new List<(EvidenceDigest, long, long)>();
        // WriteThrough (O_SYNC) because .NET's Flush(true) swallows the errors of fsync on Linux.
        using var file = new FileStream(to, FileMode.CreateNew, FileAccess.Write, FileShare.None, 0,
            FileOptions.WriteThrough);
        using var written = new BufferedStream(file, BufferBytes);
        var (head, end) = (new byte[EvidenceSeal.HeadBytes], RandomAccess.GetLength(segment));
        for (long offset = 0, now = 0; offset < end;)
        {
            RandomAccess.Read(segment, head, offset);
            var bytes = BytesOf(head);
            var digest = new EvidenceDigest(Convert.ToHexStringLower(head.AsSpan(8, 32)));
            records.Add((digest, offset, now));
            offset += bytes;
            if (EvidenceSeal.IsHead(head) && pruned.TryGetValue(digest, out var position))
            {
                written.Write(PrunedMark.Of(head.AsSpan(8, 32), position));
                now += PrunedMark.RecordBytes;
            }
            else
            {
                Copy(segment, offset - bytes, bytes, written);
                now += bytes;
            }
        }
        written.Flush();
        return records;
    }

    private static void Copy(SafeFileHandle segment, long from, long bytes, BufferedStream to)
    {
        var buffer = new byte[Math.Min(bytes, BufferBytes)];
        for (var end = from + bytes; from < end;)
        {
            var read = RandomAccess.Read(segment, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - from)), from);
            if (read == 0) throw new InvalidDataException($"an evidence segment ends at byte {from}, within a record");
            to.Write(buffer.AsSpan(0, read));
            from += read;
        }
    }
}
