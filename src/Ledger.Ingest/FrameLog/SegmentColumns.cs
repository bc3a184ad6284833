using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ledger.Ingest.Frames;

/// <summary>Bytes that are written a few at a time, very many times.</summary>
internal sealed class GrowingBytes
{
    private const int FirstBytes = 4096;
    private byte[] bytes = [];
    private int length;

    public ReadOnlyMemory<byte> Written => bytes.AsMemory(0, length);

    /// <summary>Begins again, in the same memory.</summary>
    public void Clear() => length = 0;

    /// <summary>The next so many bytes, to be written.</summary>
    public Span<byte> Next(int count)
    {
        var end = length + count;
        if (end > bytes.Length) Array.Resize(ref bytes, Math.Max(end, Math.Max(FirstBytes, 2 * bytes.Length)));
        var next = bytes.AsSpan(length, count);
        length = end;
        return next;
    }
}

/// <summary>
/// The bytes of values of one sort, regrouped: the lowest byte of each value, then the next byte of each that has one,
/// and so on. Noise lies in the low bytes, and what can be told of it, in the high ones, compresses better alone.
/// </summary>
internal sealed class BytePlanes
{
    public const int Count = PackedBits.WidthMax / 8;
    private readonly GrowingBytes[] planes = [.. Enumerable.Range(0, Count).Select(_ => new GrowingBytes())];
    private readonly ReadOnlyMemory<byte>[] read = new ReadOnlyMemory<byte>[Count];

    public ReadOnlyMemory<byte> this[int plane]
    {
        get => planes[plane].Written;
        set => read[plane] = value;
    }

    /// <summary>Begins again, in the same memory.</summary>
    public void Clear()
    {
        foreach (var plane in planes) plane.Clear();
    }

    public void Add(ReadOnlySpan<long> values, int width)
    {
        for (var (plane, shift) = (0, 0); shift < width; plane++, shift += 8)
            Narrow(values, shift, planes[plane].Next(values.Length));
    }

    public void Take(Span<long> values, int width)
    {
        if (width == 0) values.Clear();
        for (var (plane, shift) = (0, 0); shift < width; plane++, shift += 8)
        {
            Widen(read[plane].Span[..values.Length], shift, values);
            read[plane] = read[plane][values.Length..];
        }
    }

    /// <summary>One byte of each value.</summary>
    private static void Narrow(ReadOnlySpan<long> values, int shift, Span<byte> into)
    {
        var i = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            ref var from = ref MemoryMarshal.GetReference(MemoryMarshal.Cast<long, ulong>(values));
            for (; i <= values.Length - Together; i += Together)
                Vector256.Narrow(Sixteen(ref from, i, shift), Sixteen(ref from, i + 16, shift))
                    .CopyTo(into[i..]);
        }
        for (; i < values.Length; i++) into[i] = unchecked((byte)(values[i] >> shift));

        static Vector256<ushort> Sixteen(ref ulong from, int at, int shift) =>
            Vector256.Narrow(Eight(ref from, at, shift), Eight(ref from, at + 8, shift));

        static Vector256<uint> Eight(ref ulong from, int at, int shift) =>
            Vector256.Narrow(Vector256.LoadUnsafe(ref from, (nuint)at) >> shift,
                Vector256.LoadUnsafe(ref from, (nuint)at + 4) >> shift);
    }

    /// <summary>Puts one byte of each value in its place; the first comes before all others.</summary>
    private static void Widen(ReadOnlySpan<byte> bytes, int shift, Span<long> values)
    {
        if (shift == 0)
        {
            for (var i = 0; i < bytes.Length; i++) values[i] = bytes[i];
            return;
        }
        for (var i = 0; i < bytes.Length; i++) values[i] |= (long)bytes[i] << shift;
    }

    /// <summary>Values that are narrowed at one time: as many bytes as a vector has.</summary>
    private const int Together = 32;
}

/// <summary>
/// Whole blocks of the log taken apart into columns, and put together again: the packed times and powers of every block
/// of samples go to their planes, all else stays in order. One walk does both: it reads the same numbers, from the
/// log's bytes or from what is left of them. It works in memory that it uses again.
/// </summary>
internal sealed class SegmentColumns
{
    public const int Count = 1 + (2 * BytePlanes.Count);
    private readonly GrowingBytes target = new();
    private readonly BytePlanes times = new(), powers = new();
    private bool isSplitting;

    /// <summary>The columns of blocks: what is not packed, the planes of the times, those of the powers; until the next
    /// call.</summary>
    public ReadOnlyMemory<byte>[] Split(ReadOnlySpan<byte> blocks)
    {
        Begin(isToSplit: true);
        Walk(blocks);
        return [target.Written,
            .. Enumerable.Range(0, BytePlanes.Count).Select(plane => times[plane]),
            .. Enumerable.Range(0, BytePlanes.Count).Select(plane => powers[plane])];
    }

    /// <summary>The blocks of columns, until the next call.</summary>
    public ReadOnlyMemory<byte> Join(ReadOnlyMemory<byte>[] split)
    {
        Begin(isToSplit: false);
        for (var plane = 0; plane < BytePlanes.Count; plane++)
        {
            times[plane] = split[1 + plane];
            powers[plane] = split[1 + BytePlanes.Count + plane];
        }
        Walk(split[0].Span);
        return target.Written;
    }

    private void Begin(bool isToSplit)
    {
        isSplitting = isToSplit;
        target.Clear();
        times.Clear();
        powers.Clear();
    }

    private void Walk(ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            var head = FrameBlockHead.Read(source)
                ?? throw new InvalidDataException("no head of a block where one begins");
            Copy(ref source, FrameBlockHead.Bytes);
            for (var frame = 0; frame < head.Frames; frame++)
            {
                Number(ref source); // the session
                Number(ref source); // when it was received
                var length = (int)Number(ref source);
                if ((FrameKind)(source[0] & 0x0F) == FrameKind.Samples) Samples(ref source);
                else Copy(ref source, length);
            }
        }
    }

    private void Samples(ref ReadOnlySpan<byte> source)
    {
        var blocks = source[1] | (source[2] << 8);
        Copy(ref source, 3);
        for (var i = 0; i < 4; i++) Number(ref source); // sequence, sent at, units
        var count = 0;
        for (var block = 0; block < blocks; block++)
        {
            var control = (BlockControl)source[0];
            Copy(ref source, 1);
            if ((control & BlockControl.Stream) != 0) Number(ref source);
            if ((control & BlockControl.Count) != 0) count = (int)Number(ref source);
            if ((control & BlockControl.SameTimes) == 0)
            {
                Number(ref source); // the first time
                if (count > 1) Number(ref source); // the least spacing
                Packed(ref source, control, BlockControl.TimeWidth, count - 1, times);
            }
            Number(ref source); // the least or first power
            var isOfDifferences = (control & BlockControl.Differences) != 0;
            if (isOfDifferences) Number(ref source); // the least difference
            Packed(ref source, control, BlockControl.PowerWidth, isOfDifferences ? count - 1 : count, powers);
        }
    }

    private void Packed(
        ref ReadOnlySpan<byte> source, BlockControl control, BlockControl hasWidth, int count, BytePlanes planes)
    {
        if ((control & hasWidth) == 0) return;
        int width = source[0];
        Copy(ref source, 1);
        var length = PackedBits.Bytes(count, width);
        Span<long> values = stackalloc long[count]; // at most 1024
        if (isSplitting)
        {
            PackedBits.Unpack(source, width, values);
            planes.Add(values, width);
            source = source[length..];
            return;
        }
        planes.Take(values, width);
        PackedBits.Pack(values, 0, width, target.Next(length));
    }

    private void Copy(ref ReadOnlySpan<byte> source, int count)
    {
        source[..count].CopyTo(target.Next(count));
        source = source[count..];
    }

    private ulong Number(ref ReadOnlySpan<byte> source)
    {
        var (value, length) = (0UL, 0);
        do value |= (ulong)(source[length] & 0x7F) << (7 * length);
        while (source[length++] >= 0x80);
        Copy(ref source, length);
        return value;
    }
}
