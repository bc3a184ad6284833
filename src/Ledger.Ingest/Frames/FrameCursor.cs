using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using Ledger.Domain;

namespace Ledger.Ingest.Frames;

/// <summary>
/// Reads the numbers of a frame, each in its only form, or refuses with the field's name. A number is written seven
/// bits a byte, lowest first, the high bit on every byte but the last (LEB128), in as few bytes as it needs. A signed
/// number is written as twice its value, or as twice the absolute value less one where it is negative (zig-zag).
/// </summary>
internal ref struct FrameCursor(ReadOnlySpan<byte> bytes)
{
    /// <summary>Bytes of a number of 63 bits.</summary>
    private const int VarintBytesMax = 9;

    private readonly ReadOnlySpan<byte> bytes = bytes;

    /// <summary>The byte that is read next.</summary>
    public int At { get; private set; }

    /// <summary>The entry that is being read, for messages; -1 in the head.</summary>
    public int Entry { get; set; } = -1;

    public readonly bool IsAtEnd => At == bytes.Length;

    /// <summary>All that follows a byte: packed values, and what stands after them.</summary>
    public readonly ReadOnlySpan<byte> From(int at) => bytes[at..];

    public readonly ReadOnlySpan<byte> Between(int from, int to) => bytes[from..to];

    public byte Byte(string field)
    {
        if (At == bytes.Length) throw Ended(field);
        return bytes[At++];
    }

    public void Skip(int count, string field)
    {
        if (count > bytes.Length - At) throw Ended(field);
        At += count;
    }

    public ReadOnlySpan<byte> Take(int count, string field)
    {
        Skip(count, field);
        return bytes.Slice(At - count, count);
    }

    /// <summary>A number from 0 to the greatest allowed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Number(string field, long most)
    {
        if (At < bytes.Length && bytes[At] is var first && first < 0x80 && first <= most)
        {
            At++;
            return first;
        }
        return LongNumber(field, most);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private long LongNumber(string field, long most)
    {
        var value = 0UL;
        for (var i = 0; i < VarintBytesMax; i++)
        {
            var next = Byte(field);
            value |= (ulong)(next & 0x7F) << (7 * i);
            if (next >= 0x80) continue;
            if (next == 0 && i > 0) throw Refused(Rejection.Malformed, field, "", "a number has no empty last byte");
            if (value > (ulong)most) throw OutOfRange(field, (long)value, 0, most);
            return (long)value;
        }
        throw Refused(Rejection.Malformed, field, "", $"a number has at most {VarintBytesMax} bytes");
    }

    /// <summary>A number whose absolute value is at most the given one, below 2^62.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Signed(string field, long most)
    {
        var folded = Number(field, 2 * most);
        return (folded >> 1) ^ -(folded & 1);
    }

    public readonly InputRefusedException OutOfRange(string field, long value, long least, long most) =>
        Refused(Rejection.OutOfRange, field, value.ToString(CultureInfo.InvariantCulture),
            string.Create(CultureInfo.InvariantCulture, $"from {least} to {most}"));

    public readonly InputRefusedException Refused(Rejection code, string field, string value, string rule) =>
        new(code, Entry < 0 ? $"frame.{field}"
            : string.Create(CultureInfo.InvariantCulture, $"frame.entries[{Entry}].{field}"), value, rule);

    private readonly InputRefusedException Ended(string field) => Refused(Rejection.Truncated, field, "",
        string.Create(CultureInfo.InvariantCulture, $"the frame ends at byte {bytes.Length}, inside of it"));
}

/// <summary>The same numbers, written; the room was counted before.</summary>
internal static class FrameNumbers
{
    public static ulong Fold(long value) => unchecked((ulong)((value << 1) ^ (value >> 63)));

    public static int Bytes(ulong value) => (BitOperations.Log2(value | 1) / 7) + 1;

    public static int SignedBytes(long value) => Bytes(Fold(value));

    public static int Write(Span<byte> into, ulong value)
    {
        var at = 0;
        for (; value >= 0x80; value >>= 7) into[at++] = (byte)((value & 0x7F) | 0x80);
        into[at] = (byte)value;
        return at + 1;
    }

    public static int WriteSigned(Span<byte> into, long value) => Write(into, Fold(value));
}
