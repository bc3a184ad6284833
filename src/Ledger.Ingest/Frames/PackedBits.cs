using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Ledger.Ingest.Frames;

/// <summary>
/// Values of so many bits each, one after the other without a gap, lowest bit first, in whole bytes; what is left of
/// the last byte is zero. A width is at most 56, so that any value lies in eight bytes that begin at a byte.
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

    /// <summary>Packs what values have above the least of them, which takes no more bits than the width.</summary>
    public static void Pack(ReadOnlySpan<long> values, long least, int width, Span<byte> into)
    {
        if (width == 0) return;
        var (held, bits, at) = (0UL, 0, 0);
        unchecked
        {
            foreach (var one in values)
            {
                var value = (ulong)(one - least);
                held |= value << bits;
                bits += width;
                if (bits < 64) continue;
                BinaryPrimitives.WriteUInt64LittleEndian(into[at..], held);
                at += WindowBytes;
                bits -= 64;
                // A shift by all 64 bits would shift by none: where nothing is left over, nothing is held.
                held = bits == 0 ? 0 : value >> (width - bits);
            }
            for (; bits > 0; held >>= 8, bits -= 8) into[at++] = (byte)held;
        }
    }

    /// <summary>Takes values apart.</summary>
    /// <param name="bits">The packed values, and whatever follows them.</param>
    /// <param name="width">The bits of each.</param>
    /// <param name="values">Room for the values.</param>
    public static void Unpack(ReadOnlySpan<byte> bits, int width, Span<long> values)
    {
        if (width == 0)
        {
            values.Clear();
            return;
        }
        var mask = (1UL << width) - 1;
        var i = 0;
        // Within these bounds nothing wraps: the last bit of a block is below 1024 × 56.
        unchecked
        {
            var bit = 0;
            var last = bits.Length - WindowBytes; // the last window that is whole
            if (((values.Length - 1) * width) >> 3 <= last)
            {
                for (; i < values.Length; i++, bit += width)
                    values[i] = (long)(Window(bits, bit) & mask);
                return;
            }
            for (; bit >> 3 <= last; i++, bit += width)
                values[i] = (long)(Window(bits, bit) & mask);
            // The last few values lie in the last eight bytes, which are read with zeros behind them.
            Span<byte> end = stackalloc byte[2 * WindowBytes];
            var from = Math.Max(0, last);
            bits[from..].CopyTo(end);
            for (; i < values.Length; i++, bit += width)
                values[i] = (long)(Window(end, bit - (8 * from)) & mask);
        }
    }

    /// <summary>The bits from one on, at least 57 of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Window(ReadOnlySpan<byte> bits, int from) =>
        BinaryPrimitives.ReadUInt64LittleEndian(bits[(from >> 3)..]) >> (from & 7);
}
