using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ledger.Journal;

/// <summary>
/// The block function of SHA-256 (FIPS 180-4 §6.2.2) in the sixteen lanes of AVX-512, for <see cref="Sha256Lanes"/>
/// where the processor has them: twice as many as there are else, any function of three words is one instruction, and
/// the words of sixteen blocks change places together instead of one by one.
/// </summary>
internal static class Sha256Sixteen
{
    public const int Lanes = 16;
    private const int Words = 16; // of a block

    // What a function of three bits gives for 1 1 1 down to 0 0 0, which is how the processor is told which one it is.
    private const byte Parity = 0b10010110, Choice = 0b11001010, Majority = 0b11101000;

    /// <summary>Whether the processor has them, and is not slowed down by them.</summary>
    public static bool IsSupported => Avx512BW.IsSupported && Vector512.IsHardwareAccelerated;

    // The bytes of each word the other way round.
    private static readonly Vector512<byte> BigEndian = Vector512.Create(Vector256.Create(Vector128.Create(
        (byte)3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)));

    /// <param name="states">Word by word, the sixteen lanes of each.</param>
    /// <param name="blocks">Block by block, as they are hashed; they are changed.</param>
    /// <param name="constants">Of the rounds.</param>
    public static void Compress(Span<uint> states, Span<uint> blocks, ReadOnlySpan<uint> constants)
    {
        var state = MemoryMarshal.Cast<uint, Vector512<uint>>(states);
        var schedule = MemoryMarshal.Cast<uint, Vector512<uint>>(blocks);
        Turn(schedule);
        var (a, b, c, d) = (state[0], state[1], state[2], state[3]);
        var (e, f, g, h) = (state[4], state[5], state[6], state[7]);
        for (var t = 0; t < constants.Length; t++)
        {
            if (t >= Words)
            {
                var (early, late) = (schedule[(t + 1) & 15], schedule[(t + 14) & 15]);
                schedule[t & 15] += Of(Parity, Right(early, 7), Right(early, 18), early >> 3) + schedule[(t + 9) & 15]
                    + Of(Parity, Right(late, 17), Right(late, 19), late >> 10);
            }
            var one = h + Of(Parity, Right(e, 6), Right(e, 11), Right(e, 25)) + Of(Choice, e, f, g)
                + Vector512.Create(constants[t]) + schedule[t & 15];
            var two = Of(Parity, Right(a, 2), Right(a, 13), Right(a, 22)) + Of(Majority, a, b, c);
            (h, g, f, e) = (g, f, e, d + one);
            (d, c, b, a) = (c, b, a, one + two);
        }
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
        state[4] += e;
        state[5] += f;
        state[6] += g;
        state[7] += h;
    }

    /// <summary>Makes of sixteen blocks the sixteen words of all: their first ones, their second ones, and so on. Four
    /// times the halves of two rows are exchanged, of which each has half as many words as before.</summary>
    private static void Turn(Span<Vector512<uint>> rows)
    {
        for (var half = Lanes / 2; half > 0; half /= 2)
        {
            var (lower, upper) = Halves(half);
            for (var i = 0; i < Lanes; i++)
            {
                if ((i & half) != 0) continue;
                var (first, second) = (rows[i], rows[i + half]);
                rows[i] = Avx512F.PermuteVar16x32x2(first, lower, second);
                rows[i + half] = Avx512F.PermuteVar16x32x2(first, upper, second);
            }
        }
        foreach (ref var row in rows) row = Avx512BW.Shuffle(row.AsByte(), BigEndian).AsUInt32();
    }

    /// <summary>Which words of two rows come together: those whose number lacks the bit, and those which have it; 16 is
    /// added for a word of the second row.</summary>
    private static (Vector512<uint> Lower, Vector512<uint> Upper) Halves(int half)
    {
        var number = Vector512<uint>.Indices;
        var isOfSecond = ~Vector512.Equals(number & Vector512.Create((uint)half), Vector512<uint>.Zero);
        var second = isOfSecond & Vector512.Create((uint)(Lanes - half)); // and from half as far back
        return (number + second, number + second + Vector512.Create((uint)half));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Right(Vector512<uint> words, [ConstantExpected] byte bits) =>
        Avx512F.RotateRight(words, bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Of(
        [ConstantExpected] byte function, Vector512<uint> x, Vector512<uint> y, Vector512<uint> z) =>
        Avx512F.TernaryLogic(x, y, z, function);
}
