using System.Security.Cryptography;
using Ledger.Journal;

namespace Ledger.Ingest.Frames;

/// <summary>A sealed segment: its number, its file (named after its digest), the bytes of both forms, when its first
/// and last frame were received (Unix µs), and the chains before and after it in lower-case hex.</summary>
public sealed record SealedFile(
    int Segment, string FileName, long RawBytes, long SealedBytes, long FirstReceivedAtMicroseconds,
    long LastReceivedAtMicroseconds, string ChainBefore, string ChainAfter);

/// <summary>
/// Full segments in a smaller form. The new file is written through under a name of its own, read back and compared
/// with the old one byte by byte, renamed, its name made durable, and only then the old one removed: whenever a crash
/// comes, one whole form is there, and opening finishes what was begun.
/// </summary>
internal static class SegmentSealing
{
    private const string UnfinishedExtension = ".sealing";
    /// <summary>Bytes of blocks that are compressed together: enough to learn from, little to unpack for one
    /// block.</summary>
    private const int ChunkBytesMin = 4 * 1024 * 1024;

    public static IReadOnlyList<SealedFile> SealAll(string folder, int current, int most, CancellationToken cancel)
    {
        var files = new List<SealedFile>();
        using var codec = new ChunkCodec();
        foreach (var number in SegmentFiles.Numbers(folder))
        {
            cancel.ThrowIfCancellationRequested();
            if (number >= current || files.Count == most) break;
            if (File.Exists(SegmentFiles.Raw(folder, number))) files.Add(Seal(folder, number, codec));
        }
        return files;
    }

    /// <summary>Ends what a crash interrupted: an unfinished file goes, and the raw form of a finished one.</summary>
    public static void Finish(string folder)
    {
        foreach (var unfinished in Directory.EnumerateFiles(folder, $"*{UnfinishedExtension}").ToList())
            File.Delete(unfinished);
        foreach (var number in SegmentFiles.Numbers(folder))
            if (File.Exists(SegmentFiles.Raw(folder, number)) && SegmentFiles.FindSealed(folder, number) is { } path)
            {
                Compare(folder, number, path, path);
                RemoveRaw(folder, number);
            }
    }

    private static SealedFile Seal(string folder, int number, ChunkCodec codec)
    {
        var unfinished = Path.Combine(folder, $"{number}{UnfinishedExtension}");
        File.Delete(unfinished);
        byte[] digest;
        using (var raw = new RawSegment(SegmentFiles.Raw(folder, number)))
        using (var file = SegmentFiles.WriteThrough(unfinished))
        {
            var index = WriteChunks(raw, number, file, codec).Write();
            file.Write(index);
            digest = SHA256.HashData(index);
        }
        var path = SegmentFiles.Sealed(folder, number, Convert.ToHexStringLower(digest));
        // Compared before it has its name: a file of that name is trusted to be whole.
        var description = Compare(folder, number, unfinished, path);
        File.Move(unfinished, path);
        DurableFiles.SyncDirectory(folder);
        RemoveRaw(folder, number);
        return description;
    }

    private static SealedIndex WriteChunks(RawSegment raw, int number, Stream file, ChunkCodec codec)
    {
        var head = raw.Head(number);
        var (chunks, pending) = (new List<SealedChunk>(), new MemoryStream());
        var (at, chain) = (new FrameAddress(number, SegmentHead.Bytes), head.ChainBefore);
        var (first, last, offset, begun) = (long.MaxValue, long.MinValue, 0L, at.Offset);
        while (raw.Block(at, chain) is { } block)
        {
            pending.Write(block.Bytes.Span);
            if (!block.Head.IsCarried) first = Math.Min(first, block.Frames.Min(frame => frame.ReceivedAtMicroseconds));
            last = Math.Max(last, block.Frames.Max(frame => frame.ReceivedAtMicroseconds));
            (at, chain) = (block.Next, block.ChainAfter.ToArray());
            if (pending.Length >= ChunkBytesMin) Write();
        }
        if (pending.Length > 0) Write();
        return new(number, at.Offset, first, last, chain, head.Write(), chunks);

        void Write()
        {
            var packed = codec.Pack(pending.GetBuffer().AsSpan(0, (int)pending.Length));
            file.Write(packed);
            chunks.Add(new(begun, (int)pending.Length, offset, packed.Length, SHA256.HashData(packed)));
            (begun, offset) = (at.Offset, offset + packed.Length);
            pending.SetLength(0);
        }
    }

    private static void RemoveRaw(string folder, int number)
    {
        File.Delete(SegmentFiles.Raw(folder, number));
        DurableFiles.SyncDirectory(folder);
    }

    private static SealedFile Compare(string folder, int number, string path, string name)
    {
        using var raw = new RawSegment(SegmentFiles.Raw(folder, number));
        using var segment = new SealedSegment(path, name);
        var (expected, found) = (new byte[ChunkBytesMin], new byte[ChunkBytesMin]);
        for (var at = 0L; at < raw.Length || at < segment.Length; at += ChunkBytesMin)
        {
            var bytes = raw.Read(at, expected);
            if (segment.Read(at, found) != bytes || !expected.AsSpan(0, bytes).SequenceEqual(found.AsSpan(0, bytes)))
                throw new FrameLogDamagedException(path, at, "the sealed segment is not the one that was written");
        }
        return segment.Description;
    }
}
