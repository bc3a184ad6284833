using System.Runtime.CompilerServices;

namespace Ledger.Projections;

/// <summary>
/// Numbers modulo the prime 2^127 - 1. Since 2^127 is 1 there, a remainder needs no division: what is above 127 bits is
/// added to what is below. A number is at most the prime, so that zero has two forms: a remainder makes them one.
/// </summary>
public static class Prime127
{
    private const ulong Upper = ulong.MaxValue >> 1; // 63 bits

    public static readonly UInt128 Value = new(Upper, ulong.MaxValue);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static UInt128 Add(UInt128 one, UInt128 other)
    {
        unchecked
        {
            var low = (ulong)one + (ulong)other;
            var high = (ulong)(one >> 64) + (ulong)(other >> 64) + (low < (ulong)one ? 1UL : 0);
            return Folded(high, low);
        }
    }

    /// <summary>By halves of 64 bits, whose products and carries are the processor's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static UInt128 Multiply(UInt128 one, UInt128 other)
    {
        unchecked
        {
            var (a1, a0, b1, b0) = ((ulong)(one >> 64), (ulong)one, (ulong)(other >> 64), (ulong)other);
            var second = Math.BigMul(a0, b0, out var first);
            var crossHigh = Math.BigMul(a0, b1, out var crossLow);
            var otherHigh = Math.BigMul(a1, b0, out var otherLow);
            var fourth = Math.BigMul(a1, b1, out var third);
            crossLow += otherLow;
            crossHigh += otherHigh + (crossLow < otherLow ? 1UL : 0); // both halves of a number are short: no carry
            second += crossLow;
            crossHigh += second < crossLow ? 1UL : 0; // nor here
            third += crossHigh;
            fourth += third < crossHigh ? 1UL : 0;
            // What is above 127 bits, and what is below.
            var (high, low) = ((fourth << 1) | (third >> 63), (third << 1) | (second >> 63));
            low += first;
            return Folded(high + (second & Upper) + (low < first ? 1UL : 0), low);
        }
    }

    /// <summary>Times a power of two: what is moved beyond the top comes in again below.</summary>
    /// <param name="bits">From 0 to 126.</param>
    public static UInt128 Shifted(UInt128 number, int bits) =>
        ((number << bits) & Value) | (number >> (127 - bits));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static UInt128 Folded(ulong high, ulong low)
    {
        unchecked
        {
            var above = high >> 63;
            low += above;
            return new((high & Upper) + (low < above ? 1UL : 0), low);
        }
    }
}
