using System.Buffers.Binary;
using System.Security.Cryptography;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Ledger.Ingest.Frames;

/// <summary>A stretch of whole blocks in a sealed file: where it begins in the segment and in the file, how long it is
/// there, and the SHA-256 of its bytes in the file.</summary>
internal readonly record struct SealedChunk(long RawOffset, int RawBytes, long Offset, int Bytes, byte[] Digest);

/// <summary>
/// The index of a sealed file, which stands at its end and by whose SHA-256 the file is named; it has that of each
/// chunk, so the name vouches for every byte. Little-endian: "LFZ1", u32 segment, i64 bytes of the segment as it was
/// written, i64 receipt of its first and i64 of its last frame (Unix µs), 32 bytes chain after it, 80 bytes head of the
/// segment, for each chunk u32 raw bytes, u32 bytes and 32 bytes digest, and u32 bytes of all this, which end the file.
/// </summary>
internal sealed record SealedIndex(
    int Segment, long RawBytes, long FirstReceivedAt, long LastReceivedAt, byte[] ChainAtEnd, byte[] SegmentHead,
    IReadOnlyList<SealedChunk> Chunks)
{
    private const int ChunkBytes = 8 + SHA256.HashSizeInBytes, HeadAt = 32 + SHA256.HashSizeInBytes,
        ChunksAt = HeadAt + Frames.SegmentHead.Bytes;

    private static ReadOnlySpan<byte> Magic => "LFZ1"u8;

    public byte[] Write()
    {
        var bytes = new byte[ChunksAt + (Chunks.Count * ChunkBytes) + sizeof(int)];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), Segment);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), RawBytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), FirstReceivedAt);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), LastReceivedAt);
        ChainAtEnd.CopyTo(bytes.AsSpan(32));
        SegmentHead.CopyTo(bytes.AsSpan(HeadAt));
        var at = ChunksAt;
        foreach (var chunk in Chunks)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), chunk.RawBytes);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at + 4), chunk.Bytes);
            chunk.Digest.CopyTo(bytes.AsSpan(at + 8));
            at += ChunkBytes;
        }
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), bytes.Length);
        return bytes;
    }

    /// <summary>The index in these bytes, which are the end of a file; null where they are none.</summary>
    public static SealedIndex? Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < ChunksAt + sizeof(int) || !bytes.StartsWith(Magic)) return null;
        var chunks = new List<SealedChunk>();
        var (raw, offset) = ((long)Frames.SegmentHead.Bytes, 0L);
        for (var at = ChunksAt; at < bytes.Length - sizeof(int); at += ChunkBytes)
        {
            if (bytes.Length - at < ChunkBytes) return null;
            var chunk = new SealedChunk(raw, BinaryPrimitives.ReadInt32LittleEndian(bytes[at..]), offset,
                BinaryPrimitives.ReadInt32LittleEndian(bytes[(at + 4)..]), bytes.Slice(at + 8, 32).ToArray());
            if (chunk.RawBytes <= 0 || chunk.Bytes <= 0) return null;
            chunks.Add(chunk);
            (raw, offset) = (raw + chunk.RawBytes, offset + chunk.Bytes);
        }
        return new(BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
            bytes[32..HeadAt].ToArray(), bytes[HeadAt..ChunksAt].ToArray(), chunks);
    }
}

/// <summary>A segment in its sealed form. Reading gives the bytes that were written, so digests and chain are
/// those of the log whichever form it has.</summary>
internal sealed class SealedSegment : SegmentBytes
{
    private readonly string name;
    private readonly FileStream file;
    private readonly SealedIndex index;
    private readonly ChunkCodec codec = new();
    private byte[] packed = [];
    private (int Chunk, ReadOnlyMemory<byte> Blocks) unpacked = (-1, default);

    /// <summary>Opens a sealed file.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="name">What it is called, or will be: by that its index is verified.</param>
    public SealedSegment(string path, string name) : base(path)
    {
        this.name = name;
        file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        try
        {
            index = Index();
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public override long Length => index.RawBytes;
    public byte[] ChainAtEnd => index.ChainAtEnd;

    public SealedFile Description => new(index.Segment, System.IO.Path.GetFileName(name), index.RawBytes, file.Length,
        index.FirstReceivedAt, index.LastReceivedAt,
        Convert.ToHexStringLower(SegmentHead.Read(index.SegmentHead)!.Value.ChainBefore),
        Convert.ToHexStringLower(index.ChainAtEnd));

    public override int Read(long offset, Span<byte> into)
    {
        var total = 0;
        while (total < into.Length && offset + total < Length)
        {
            var at = offset + total;
            var from = at < SegmentHead.Bytes ? index.SegmentHead.AsSpan((int)at) : Blocks(at);
            var length = Math.Min(from.Length, into.Length - total);
            from[..length].CopyTo(into[total..]);
            total += length;
        }
        return total;
    }

    private ReadOnlySpan<byte> Blocks(long at)
    {
        var number = unpacked.Chunk;
        if (number < 0 || !Contains(index.Chunks[number], at))
        {
            number = 0;
            while (!Contains(index.Chunks[number], at)) number++;
            unpacked = (-1, default); // whose memory is used again
            unpacked = (number, Unpack(index.Chunks[number]));
        }
        return unpacked.Blocks.Span[(int)(at - index.Chunks[number].RawOffset)..];
    }

    private static bool Contains(in SealedChunk chunk, long at) =>
        at >= chunk.RawOffset && at < chunk.RawOffset + chunk.RawBytes;

    private ReadOnlyMemory<byte> Unpack(in SealedChunk chunk)
    {
        if (packed.Length < chunk.Bytes) packed = new byte[chunk.Bytes];
        var bytes = packed.AsMemory(0, chunk.Bytes);
        if (!Fill(chunk.Offset, bytes.Span) || !SHA256.HashData(bytes.Span).AsSpan().SequenceEqual(chunk.Digest))
            throw new FrameLogDamagedException(Path, chunk.Offset, "the digest is not that of the chunk");
        return codec.Unpack(bytes);
    }

    /// <summary>Reads the index, and refuses one that the file is not named after.</summary>
    private SealedIndex Index()
    {
        var (size, length) = (new byte[sizeof(int)], file.Length);
        if (length >= sizeof(int) && Fill(length - sizeof(int), size)
            && BinaryPrimitives.ReadInt32LittleEndian(size) is var bytes && bytes > 0 && bytes <= length)
        {
            var last = new byte[bytes];
            if (Fill(length - bytes, last)
                && name.EndsWith($"-{Convert.ToHexStringLower(SHA256.HashData(last))}{SegmentFiles.SealedExtension}",
                    StringComparison.Ordinal)
                && SealedIndex.Read(last) is { } read && read.Chunks.Sum(chunk => (long)chunk.Bytes) == length - bytes)
                return read;
        }
        throw new FrameLogDamagedException(Path, length, "the index at its end is not the one that it is named after");
    }

    private bool Fill(long offset, Span<byte> into)
    {
        var total = 0;
        for (int read; total < into.Length; total += read)
            if ((read = RandomAccess.Read(file.SafeFileHandle, into[total..], offset + total)) == 0) return false;
        return true;
    }

    public override void Dispose()
    {
        codec.Dispose();
        file.Dispose();
    }
}
