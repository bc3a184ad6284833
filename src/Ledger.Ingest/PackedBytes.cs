using System.Diagnostics;
using System.IO.Compression;
using Ledger.Domain;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Ledger.Ingest;

/// <summary>
/// Files and request bodies that are packed whole: gzip (RFC 1952) and Zstandard (RFC 8878). Which of them it is says
/// the beginning of the bytes, never a name or a header. The evidence is the bytes as received; whoever reads evidence
/// again unpacks it again. A bomb is stopped while it grows: by its size, by its ratio, by the memory that it asks for
/// and, at a door, by the time that it takes.
/// </summary>
public static class PackedBytes
{
    /// <summary>What is unpacked is as bounded as what came unpacked, in bytes.</summary>
    private const int UnpackedBytesMax = Limits.ImportBytesMax;
    /// <summary>Unpacked bytes for each packed one (ours): a constant curve in text, the most regular input that
    /// anybody sends, packs to about 1:200 in gzip.</summary>
    private const int RatioMax = 400;
    /// <summary>Below so many unpacked bytes no ratio is a danger (ours).</summary>
    private const int RatioFreeBytes = 4 * 1024 * 1024;
    /// <summary>Longest unpacking at a door, in ms; 64 MiB need some tenths of a second.</summary>
    private const int UnpackingMsMax = 10_000;
    /// <summary>Largest window that a Zstandard frame may ask memory for, as a power of two: 32 MiB.</summary>
    private const int WindowLog = 25;
    private const int BlockBytes = 64 * 1024;

    /// <summary>How the bytes are packed, in the words of HTTP's content codings; null where they are not.</summary>
    public static string? CodingOf(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]) ? "gzip" // RFC 1952, 2.3.1: ID1, ID2
        : bytes.StartsWith((ReadOnlySpan<byte>)[0x28, 0xB5, 0x2F, 0xFD]) ? "zstd" // RFC 8878, 3.1.1: magic number
        : null;

    /// <summary>
    /// The content of packed bytes, or why not: TooLarge where it is a bomb, Truncated or Malformed where it is
    /// damaged, UnknownFormat where another container is inside.
    /// </summary>
    /// <param name="within">Longest time, in ms; null for evidence, which a door has measured.</param>
    public static Refusal? Unpack(ReadOnlyMemory<byte> packed, out byte[] content, int? within = UnpackingMsMax)
    {
        content = [];
        var coding = CodingOf(packed.Span) ?? throw new ArgumentException("these bytes are not packed", nameof(packed));
        if (packed.Length > Limits.ImportBytesMax)
            return Refusal.Of(Rejection.TooLarge,
                $"{packed.Length} bytes; at most {Limits.ImportBytesMax} are read at once");
        try
        {
            using var stream = Open(coding, packed);
            if (Grown(stream, packed.Length, coding, within, out var grown) is { } refused) return refused;
            if (coding == "gzip" && !EndsAsItSays(packed.Span, grown.Length)) return Cut(coding);
            if (CodingOf(grown) is not null || ZipIntake.IsZip(grown))
                return Refusal.Of(Rejection.UnknownFormat, $"{coding}: a container inside a container is not read");
            content = grown;
            return null;
        }
        catch (EndOfStreamException)
        {
            return Cut(coding);
        }
        catch (ZstdException damaged)
        {
            return damaged.Code == ZSTD_ErrorCode.ZSTD_error_frameParameter_windowTooLarge
                ? Refusal.Of(Rejection.TooLarge, $"zstd: asks for a window of more than {1 << WindowLog} bytes")
                : Refusal.Of(Rejection.Malformed, "zstd: damaged");
        }
        catch (InvalidDataException)
        {
            return Refusal.Of(Rejection.Malformed, $"{coding}: damaged");
        }
    }

    /// <summary>The content of a piece of evidence, packed or not. Throws <see cref="InvalidDataException"/> where it
    /// can not be unpacked.</summary>
    internal static byte[] ContentOf(EvidenceDigest digest, byte[] bytes)
    {
        if (CodingOf(bytes) is null) return bytes;
        return Unpack(bytes, out var content, within: null) is { } refused
            ? throw new InvalidDataException($"evidence {digest}: {refused.Detail}")
            : content;
    }

    private static Stream Open(string coding, ReadOnlyMemory<byte> packed)
    {
        var source = new MemoryStream(packed.ToArray(), writable: false);
        if (coding == "gzip") return new GZipStream(source, CompressionMode.Decompress);
        var zstd = new DecompressionStream(source, leaveOpen: false);
        zstd.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, WindowLog);
        return zstd;
    }

    private static Refusal? Grown(Stream stream, int packedBytes, string coding, int? within, out byte[] grown)
    {
        grown = [];
        var ratioBytesMax = Math.Max(RatioFreeBytes, (long)packedBytes * RatioMax);
        var started = Stopwatch.GetTimestamp();
        using var into = new MemoryStream();
        var block = new byte[BlockBytes];
        for (int read; (read = stream.Read(block)) > 0; into.Write(block, 0, read))
        {
            var bytes = into.Length + read;
            if (bytes > UnpackedBytesMax)
                return Refusal.Of(Rejection.TooLarge, $"{coding}: unpacks to more than {UnpackedBytesMax} bytes");
            if (bytes > ratioBytesMax)
                return Refusal.Of(Rejection.TooLarge, $"{coding}: unpacks to more than {RatioMax} times its size");
            if (Stopwatch.GetElapsedTime(started).TotalMilliseconds > within)
                return Refusal.Of(Rejection.TooLarge, $"{coding}: takes more than {within} ms to unpack");
        }
        grown = into.ToArray();
        return null;
    }

    /// <summary>RFC 1952, 2.3.1: the last four bytes are the size modulo 2^32 of what the last member holds, which of
    /// several members is at most the whole. A reader that stops at a cut says nothing of it.</summary>
    private static bool EndsAsItSays(ReadOnlySpan<byte> packed, int unpackedBytes) =>
        packed.Length >= 18
        && System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(packed[^4..]) <= (uint)unpackedBytes;

    private static Refusal Cut(string coding) => Refusal.Of(Rejection.Truncated, $"{coding}: cut off before its end");
}
