using System.Buffers.Binary;
using System.Numerics;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Ledger.Ingest.Frames;

/// <summary>
/// Blocks compressed: their columns, each with u32 bytes before and u32 after compression (Zstandard, or as they are
/// where that gains nothing: both lengths are equal), then their bytes. One thread's, in memory that it uses again:
/// what it gives is there until its next call.
/// </summary>
internal sealed class ChunkCodec : IDisposable
{
    private const int HeadBytes = SegmentColumns.Count * 8;
    /// <summary>The fastest level: what remains is noise, of which a higher one makes no less.</summary>
    private const int Level = 1;
    /// <summary>In noise of few bits short matches are chance, and cost more than the letters.</summary>
    private const int PlaneMatchBytesMin = 7;
    /// <summary>In noise matches are so rare that looking at every place for one costs more than it gains: so many
    /// places are passed over. The letters are compressed all the same.</summary>
    private const int PlanePlacesPassedOver = 16;
    /// <summary>Bytes of a plane from which it is told whether compressing may gain anything.</summary>
    private const int ProbeBytes = 32 * 1024;
    /// <summary>A plane whose bytes are as even as this is left as it is: Zstandard would gain less than two parts in a
    /// hundred. In hundredths of a bit for each byte.</summary>
    private const int EvenFrom = 792;

    private readonly SegmentColumns columns = new();
    private readonly byte[] probe = new byte[ProbeBytes];
    private readonly byte[][] rooms = [.. Enumerable.Repeat(Array.Empty<byte>(), SegmentColumns.Count)];
    private Compressor? text, plane;
    private Decompressor? decompressor;
    private byte[] packed = [];

    /// <summary>Packs blocks.</summary>
    public ReadOnlySpan<byte> Pack(ReadOnlySpan<byte> blocks)
    {
        text ??= new Compressor(Level);
        plane ??= ForPlanes();
        var split = columns.Split(blocks);
        var most = HeadBytes + split.Sum(column => Compressor.GetCompressBound(column.Length));
        if (packed.Length < most) packed = new byte[most];
        var at = HeadBytes;
        for (var i = 0; i < split.Length; i++)
        {
            var column = split[i].Span;
            var kept = column.IsEmpty ? 0 : Packed(column, i == 0 ? text : plane, isPlane: i > 0, packed.AsSpan(at));
            BinaryPrimitives.WriteInt32LittleEndian(packed.AsSpan(i * 8), column.Length);
            BinaryPrimitives.WriteInt32LittleEndian(packed.AsSpan((i * 8) + 4), kept);
            at += kept;
        }
        return packed.AsSpan(0, at);
    }

    /// <summary>The blocks that were packed.</summary>
    public ReadOnlyMemory<byte> Unpack(ReadOnlyMemory<byte> chunk)
    {
        decompressor ??= new Decompressor();
        var split = new ReadOnlyMemory<byte>[SegmentColumns.Count];
        var at = HeadBytes;
        for (var i = 0; i < split.Length; i++)
        {
            var raw = BinaryPrimitives.ReadInt32LittleEndian(chunk.Span[(i * 8)..]);
            var kept = BinaryPrimitives.ReadInt32LittleEndian(chunk.Span[((i * 8) + 4)..]);
            split[i] = chunk.Slice(at, kept);
            if (kept < raw)
            {
                if (rooms[i].Length < raw) rooms[i] = new byte[raw];
                decompressor.Unwrap(split[i].Span, rooms[i].AsSpan(0, raw));
                split[i] = rooms[i].AsMemory(0, raw);
            }
            at += kept;
        }
        return columns.Join(split);
    }

    private int Packed(ReadOnlySpan<byte> column, Compressor compressor, bool isPlane, Span<byte> into)
    {
        if (!isPlane || !IsEven(column))
        {
            var length = compressor.Wrap(column, into);
            if (length < column.Length) return length;
        }
        column.CopyTo(into);
        return column.Length;
    }

    /// <summary>Whether the bytes of a plane, by some of them, are as frequent as each other.</summary>
    private bool IsEven(ReadOnlySpan<byte> column)
    {
        if (column.Length < 4 * ProbeBytes) return false;
        for (var part = 0; part < 4; part++)
            column.Slice((int)((long)(column.Length - (ProbeBytes / 4)) * part / 3), ProbeBytes / 4)
                .CopyTo(probe.AsSpan(part * (ProbeBytes / 4)));
        Span<int> counts = stackalloc int[256];
        counts.Clear();
        foreach (var letter in probe) counts[letter]++;
        // Bits for all: the logarithm of each count by its highest bit and the next eight, which is enough here.
        var hundredths = 0L;
        foreach (var count in counts)
            if (count > 0) hundredths += count * (HundredthsOfLog2(ProbeBytes) - HundredthsOfLog2(count));
        return hundredths >= (long)EvenFrom * ProbeBytes;
    }

    /// <summary>The logarithm to the base of 2 in hundredths, linear between powers of two: at most 9 too
    /// small.</summary>
    private static long HundredthsOfLog2(int number)
    {
        var whole = BitOperations.Log2((uint)number);
        return (whole * 100L) + (((long)number << 8 >> whole) - 256) * 100 / 256;
    }

    private static Compressor ForPlanes()
    {
        var compressor = new Compressor(Level);
        compressor.SetParameter(ZSTD_cParameter.ZSTD_c_minMatch, PlaneMatchBytesMin);
        compressor.SetParameter(ZSTD_cParameter.ZSTD_c_targetLength, PlanePlacesPassedOver);
        // Of which the library thinks that who passes places over is in too great a hurry for it.
        compressor.SetParameter(ZSTD_cParameter.ZSTD_c_experimentalParam5, (int)ZSTD_paramSwitch_e.ZSTD_ps_enable);
        return compressor;
    }

    public void Dispose()
    {
        text?.Dispose();
        plane?.Dispose();
        decompressor?.Dispose();
    }
}
