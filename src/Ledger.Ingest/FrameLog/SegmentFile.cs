using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Ledger.Journal;

namespace Ledger.Ingest.Frames;

/// <summary>
/// The head of a segment, 80 bytes, all little-endian: "LFS1", u32 number, i64 the highest number of a session before
/// it, 32 bytes chain before it, 32 bytes SHA-256 of the 48 bytes before. Blocks follow; the first of them repeat the
/// announcements that are in force.
/// </summary>
internal readonly record struct SegmentHead(int Number, long SessionsBefore, byte[] ChainBefore)
{
    public const int Bytes = SignedBytes + SHA256.HashSizeInBytes;
    private const int SignedBytes = 16 + SHA256.HashSizeInBytes;
    private static ReadOnlySpan<byte> Magic => "LFS1"u8;

    public byte[] Write()
    {
        var head = new byte[Bytes];
        Magic.CopyTo(head);
        BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(4), Number);
        BinaryPrimitives.WriteInt64LittleEndian(head.AsSpan(8), SessionsBefore);
        ChainBefore.CopyTo(head.AsSpan(16));
        SHA256.HashData(head.AsSpan(0, SignedBytes), head.AsSpan(SignedBytes));
        return head;
    }

    /// <summary>The head in these bytes; null where they are none.</summary>
    public static SegmentHead? Read(ReadOnlySpan<byte> head) =>
        head.Length == Bytes && head.StartsWith(Magic)
        && SHA256.HashData(head[..SignedBytes]).AsSpan().SequenceEqual(head[SignedBytes..])
            ? new(BinaryPrimitives.ReadInt32LittleEndian(head[4..]), BinaryPrimitives.ReadInt64LittleEndian(head[8..]),
                head[16..SignedBytes].ToArray())
            : null;
}

/// <summary>
/// The bytes of a segment as they were written, whether the file has them so or sealed.
/// </summary>
internal abstract class SegmentBytes(string path) : IDisposable
{
    public string Path { get; } = path;

    /// <summary>Bytes of the segment now; a reader beside the writer sees them grow.</summary>
    public abstract long Length { get; }

    /// <summary>Reads up to so many bytes from a byte on; fewer only at the end.</summary>
    public abstract int Read(long offset, Span<byte> into);

    public abstract void Dispose();

    /// <summary>The head of the segment; refuses another number or a damaged head.</summary>
    public SegmentHead Head(int number)
    {
        var bytes = new byte[SegmentHead.Bytes];
        var read = Read(0, bytes);
        return SegmentHead.Read(bytes.AsSpan(0, read)) is { } head && head.Number == number ? head
            : throw new FrameLogDamagedException(Path, 0, "no head of this segment");
    }

    /// <summary>
    /// The block at a byte; null at the end of the segment. Where the bytes there are no whole block that continues the
    /// chain, the damage is thrown; a caller that knows a torn end can be there asks <see cref="TryBlock"/>.
    /// </summary>
    public FrameBlock? Block(FrameAddress at, byte[] chainBefore) => at.Offset >= Length ? null
        : TryBlock(at, chainBefore, out var damage) ?? throw new FrameLogDamagedException(Path, at.Offset, damage);

    public FrameBlock? TryBlock(FrameAddress at, byte[] chainBefore, out string damage)
    {
        damage = "no head of a block";
        if (BlockHead(at.Offset) is not { } head) return null;
        var bytes = new byte[FrameBlockHead.Bytes + head.BodyBytes];
        damage = "the block ends before its last byte";
        // Asked before the bytes are read: a damaged length names memory that no block ever had.
        if (at.Offset + bytes.Length > Length || Read(at.Offset, bytes) != bytes.Length) return null;
        return FrameBlock.Read(at, bytes, chainBefore, out damage);
    }

    /// <summary>The head of the block at a byte, unverified; null where none begins.</summary>
    public FrameBlockHead? BlockHead(long offset)
    {
        Span<byte> head = stackalloc byte[FrameBlockHead.Bytes];
        return Read(offset, head) == head.Length ? FrameBlockHead.Read(head) : null;
    }

    /// <summary>The chain after the block at a byte, as the block says.</summary>
    public byte[] ChainAfter(long offset)
    {
        var chain = new byte[SHA256.HashSizeInBytes];
        Read(offset + FrameBlockHead.ChainAt, chain);
        return chain;
    }
}

/// <summary>A segment that is being written, or was written and is not sealed yet.</summary>
internal sealed class RawSegment : SegmentBytes
{
    public const string Extension = ".frames";
    private readonly FileStream file;

    public RawSegment(string path) : base(path) => file = new(path, FileMode.Open, FileAccess.Read,
        FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);

    public override long Length => RandomAccess.GetLength(file.SafeFileHandle);

    public override int Read(long offset, Span<byte> into)
    {
        var total = 0;
        for (int read; total < into.Length; total += read)
            if ((read = RandomAccess.Read(file.SafeFileHandle, into[total..], offset + total)) == 0) break;
        return total;
    }

    public override void Dispose() => file.Dispose();
}

/// <summary>The files of a log's folder.</summary>
internal static class SegmentFiles
{
    public const string SealedExtension = ".sealed";

    public static string Raw(string folder, int number) =>
        Path.Combine(folder, Named(number) + RawSegment.Extension);

    public static string Sealed(string folder, int number, string digest) =>
        Path.Combine(folder, $"{Named(number)}-{digest}{SealedExtension}");

    /// <summary>The sealed file of a segment, if it has one.</summary>
    public static string? FindSealed(string folder, int number) =>
        Directory.EnumerateFiles(folder, $"{Named(number)}-*{SealedExtension}").SingleOrDefault();

    /// <summary>The numbers of the segments that are there, in order; refuses a missing one between.</summary>
    public static IReadOnlyList<int> Numbers(string folder)
    {
        for (var (numbers, attempt) = (Listed(folder), 1); ; attempt++)
        {
            var gap = Enumerable.Range(1, Math.Max(0, numbers.Length - 1)).FirstOrDefault(
                i => numbers[i] != numbers[i - 1] + 1);
            if (gap == 0) return numbers;
            // What is dropped while a folder is listed may be seen in part; then it is listed again.
            var again = Listed(folder);
            if (attempt == ListedMax || again.SequenceEqual(numbers))
                throw new FrameLogDamagedException(Raw(folder, numbers[gap - 1] + 1), 0, "the segment is missing");
            numbers = again;
        }
    }

    private const int ListedMax = 100;

    private static int[] Listed(string folder) => [.. Directory.EnumerateFiles(folder)
        .Where(path => Path.GetExtension(path) is RawSegment.Extension or SealedExtension)
        .Select(path => int.Parse(Path.GetFileName(path)[..NameDigits], CultureInfo.InvariantCulture))
        .Distinct().Order()];

    /// <summary>Opens a segment in whichever form it has. The sealed file is there before the raw one goes, so one of
    /// both is found; null where the segment is neither.</summary>
    public static SegmentBytes? Open(string folder, int number)
    {
        try
        {
            return new RawSegment(Raw(folder, number));
        }
        catch (FileNotFoundException)
        {
            try
            {
                return FindSealed(folder, number) is { } path ? new SealedSegment(path, path) : null;
            }
            catch (FileNotFoundException)
            {
                return null; // dropped since it was found
            }
        }
    }

    /// <summary>The file of a log that is written to the end, each write on the disk before it returns.</summary>
    public static Stream WriteThrough(string path)
    {
        // WriteThrough (O_SYNC) because .NET's Flush(true) swallows the errors of fsync on Linux.
        var options = new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
            Options = FileOptions.WriteThrough,
        };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = DurableFiles.OwnerOnly;
        return new FileStream(path, options);
    }

    private const int NameDigits = 6;

    private static string Named(int number) => number.ToString($"D{NameDigits}", CultureInfo.InvariantCulture);
}
