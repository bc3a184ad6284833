using System.Buffers.Binary;
using System.Numerics;

namespace Ledger.Ingest.Frames;

/// <summary>
/// Values of so many bits each, one after the other without a gap, lowest bit first, in whole bytes; what is left of the
/// last byte is zero. A width is at most 56, so that any value lies in eight bytes that begin at a byte.
/// </summary>
internal static class PackedBits
{
    public const int WidthMax = 56;
    private const int WindowBytes = sizeof(ulong);

    /// <summary>Bytes that so many values take.</summary>
    public static int Bytes(int count, int width) => ((count * width) + 7) / 8;

    /// <summary>The bits that values up to this one need.</summary>
    public static int Width(ulong most) => 64 - BitOperations.LeadingZeroCount(most);

    /// <summary>Whether what the values leave of the last byte is zero.</summary>
    public static bool EndsInZeros(ReadOnlySpan<byte> packed, int count, int width) =>
        (count * width) % 8 is not (> 0 and var used) || packed[^1] >> used == 0;

    /// <summary>Packs values, of which none has more bits than the width.</summary>
    public static void Pack(ReadOnlySpan<ulong> values, int width, Span<byte> into)
    {
        if (width == 0) return;
        var (held, bits, at) = (0UL, 0, 0);
        foreach (var value in values)
        {
            held |= value << bits;
            unchecked { bits += width; }
            if (bits < 64) continue;
            BinaryPrimitives.WriteUInt64LittleEndian(into[at..], held);
            unchecked
            {
                at += WindowBytes;
                bits -= 64;
                // A shift by all 64 bits would shift by none: where nothing is left over, nothing is held.
                held = bits == 0 ? 0 : value >> (width - bits);
            }
        }
        for (; bits > 0; held >>= 8, bits -= 8) into[at++] = unchecked((byte)held);
    }

    /// <summary>
    /// Takes values apart and says the least of them and the bits of all together: a packing is the only one of its
    /// values if the least is zero and the width is that of the greatest.
    /// </summary>
    /// <param name="bits">The packed values, and whatever follows them.</param>
    public static (ulong Least, ulong Bits) Unpack(ReadOnlySpan<byte> bits, int width, Span<ulong> values)
    {
        var mask = (1UL << width) - 1;
        var (least, all, i, bit) = (ulong.MaxValue, 0UL, 0, 0);
        // Within these bounds no window reaches over the end: the last bit of a block is below 1024 × 56.
        var lastWindow = bits.Length - WindowBytes;
        unchecked
        {
            for (; i < values.Length && bit >> 3 <= lastWindow; i++, bit += width)
            {
                var value = (BinaryPrimitives.ReadUInt64LittleEndian(bits[(bit >> 3)..]) >> (bit & 7)) & mask;
                values[i] = value;
                least = Math.Min(least, value);
                all |= value;
            }
        }
        if (i == values.Length) return (least, all);

        // The last few values lie in the last eight bytes, which are read with zeros behind them.
        Span<byte> end = stackalloc byte[2 * WindowBytes];
        var from = Math.Max(0, lastWindow);
        bits[from..].CopyTo(end);
        for (; i < values.Length; i++, bit += width)
        {
            var value = (BinaryPrimitives.ReadUInt64LittleEndian(end[((bit >> 3) - from)..]) >> (bit & 7)) & mask;
            values[i] = value;
            least = Math.Min(least, value);
            all |= value;
        }
        return (least, all);
    }
}
