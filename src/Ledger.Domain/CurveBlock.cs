using System.Numerics;
using System.Runtime.InteropServices;

namespace Ledger.Domain;

/// <summary>What is known of a block of neighbouring segments: the distances of its samples, the powers of those that
/// end a segment, and twice the energy, which is a number only where <see cref="Fits"/> proves it.</summary>
internal readonly record struct BlockSum(long Doubled, long Minimum, long Maximum, long ShortestStep, long LongestStep)
{
    /// <summary>
    /// Whether no sum on the way could leave 64 bits: each segment is at most twice the largest power times its length,
    /// and the lengths of a block add up to its duration.
    /// </summary>
    public static bool Fits(long largestPower, long duration) =>
        duration >= 0 && Math.BigMul(2 * largestPower, duration) <= long.MaxValue;
}

/// <summary>
/// Sums over samples that are in order, several at a time. Arithmetic wraps here; the caller takes a result only after
/// its bounds have proven that nothing did, and otherwise adds segment by segment. Without vector instructions the same
/// is computed one by one.
/// </summary>
internal static class CurveBlock
{
    private static readonly bool IsVectorised = Vector.IsHardwareAccelerated;

    /// <summary>The segments that end at the samples from <paramref name="from"/> to before <paramref name="to"/>;
    /// there is a sample before the first.</summary>
    public static BlockSum Sum(
        ReadOnlySpan<long> at, ReadOnlySpan<long> power, int from, int to, SampleSemantics semantics)
    {
        // As offsets from the first segment's start: element i of each column is the start of segment i.
        var times = at[(from - 1)..to];
        var powers = power[(from - 1)..to];
        return semantics switch
        {
            SampleSemantics.Instant => Sum<Trapezoid>(times, powers),
            SampleSemantics.MeanBack => Sum<LevelAtEnd>(times, powers),
            _ => Sum<LevelAtStart>(times, powers),
        };
    }

    private interface IHeights
    {
        static abstract long Of(long power, long nextPower);
        static abstract Vector<long> Of(Vector<long> powers, Vector<long> nextPowers);

        /// <summary>The heights of all segments, of the sum of the powers at their ends.</summary>
        static abstract long Of(long sumOfNext, long first, long last);
    }

    private readonly struct Trapezoid : IHeights
    {
        public static long Of(long power, long nextPower) => power + nextPower;
        public static Vector<long> Of(Vector<long> powers, Vector<long> nextPowers) => powers + nextPowers;
        public static long Of(long sumOfNext, long first, long last) => unchecked(2 * sumOfNext + first - last);
    }

    private readonly struct LevelAtStart : IHeights
    {
        public static long Of(long power, long nextPower) => 2 * power;
        public static Vector<long> Of(Vector<long> powers, Vector<long> nextPowers) => powers + powers;
        public static long Of(long sumOfNext, long first, long last) => unchecked(2 * (sumOfNext + first - last));
    }

    private readonly struct LevelAtEnd : IHeights
    {
        public static long Of(long power, long nextPower) => 2 * nextPower;
        public static Vector<long> Of(Vector<long> powers, Vector<long> nextPowers) => nextPowers + nextPowers;
        public static long Of(long sumOfNext, long first, long last) => unchecked(2 * sumOfNext);
    }

    private static BlockSum Sum<THeights>(ReadOnlySpan<long> at, ReadOnlySpan<long> power) where THeights : IHeights
    {
        var step = unchecked(at[1] - at[0]);
        var (sum, minimum, maximum) = SumAndExtremes(power[1..]);
        // Segments of one length are one product.
        if (AreApart(at, step))
            return new(unchecked(step * THeights.Of(sum, power[0], power[^1])), minimum, maximum, step, step);
        var (doubled, shortest, longest) = Products<THeights>(at, power);
        return new(doubled, minimum, maximum, shortest, longest);
    }

    /// <summary>Whether all instants are one step apart.</summary>
    private static bool AreApart(ReadOnlySpan<long> at, long step)
    {
        var (uneven, i, segments) = (0L, 0, at.Length - 1);
        if (IsVectorised && segments >= Vector<long>.Count)
        {
            ref var t = ref MemoryMarshal.GetReference(at);
            var (expected, others) = (new Vector<long>(step), Vector<long>.Zero);
            for (; i <= segments - Vector<long>.Count; i += Vector<long>.Count)
                others |= (Vector.LoadUnsafe(ref t, (nuint)i + 1) - Vector.LoadUnsafe(ref t, (nuint)i)) ^ expected;
            if (others != Vector<long>.Zero) return false;
        }
        for (; i < segments; i++) uneven |= unchecked(at[i + 1] - at[i]) ^ step;
        return uneven == 0;
    }

    private static (long Doubled, long Shortest, long Longest) Products<THeights>(
        ReadOnlySpan<long> at, ReadOnlySpan<long> power) where THeights : IHeights
    {
        var (doubled, shortest, longest, i, segments) = (0L, long.MaxValue, long.MinValue, 0, at.Length - 1);
        if (IsVectorised && segments >= Vector<long>.Count)
        {
            ref var t = ref MemoryMarshal.GetReference(at);
            ref var p = ref MemoryMarshal.GetReference(power);
            var sums = Vector<long>.Zero;
            var (near, far) = (new Vector<long>(shortest), new Vector<long>(longest));
            for (; i <= segments - Vector<long>.Count; i += Vector<long>.Count)
            {
                var steps = Vector.LoadUnsafe(ref t, (nuint)i + 1) - Vector.LoadUnsafe(ref t, (nuint)i);
                sums += steps * THeights.Of(
                    Vector.LoadUnsafe(ref p, (nuint)i), Vector.LoadUnsafe(ref p, (nuint)i + 1));
                (near, far) = (Vector.Min(near, steps), Vector.Max(far, steps));
            }
            doubled = Vector.Sum(sums);
            for (var lane = 0; lane < Vector<long>.Count; lane++)
                (shortest, longest) = (Math.Min(shortest, near[lane]), Math.Max(longest, far[lane]));
        }
        for (; i < segments; i++)
        {
            var step = at[i + 1] - at[i];
            doubled = unchecked(doubled + step * THeights.Of(power[i], power[i + 1]));
            (shortest, longest) = (Math.Min(shortest, step), Math.Max(longest, step));
        }
        return (doubled, shortest, longest);
    }

    /// <summary>The smallest and the largest of some powers, at least one.</summary>
    public static (long Least, long Most) Extremes(ReadOnlySpan<long> power)
    {
        var (_, least, most) = SumAndExtremes(power);
        return (least, most);
    }

    /// <summary>The same, and their sum, which is one only where they add up in 64 bits.</summary>
    public static (long Sum, long Least, long Most) SumAndExtremes(ReadOnlySpan<long> power)
    {
        var (sum, least, most, i) = (0L, power[0], power[0], 0);
        if (IsVectorised && power.Length >= Vector<long>.Count)
        {
            ref var p = ref MemoryMarshal.GetReference(power);
            var (sums, low, high) = (Vector<long>.Zero, new Vector<long>(least), new Vector<long>(most));
            for (; i <= power.Length - Vector<long>.Count; i += Vector<long>.Count)
            {
                var some = Vector.LoadUnsafe(ref p, (nuint)i);
                sums += some;
                (low, high) = (Vector.Min(low, some), Vector.Max(high, some));
            }
            sum = Vector.Sum(sums);
            for (var lane = 0; lane < Vector<long>.Count; lane++)
                (least, most) = (Math.Min(least, low[lane]), Math.Max(most, high[lane]));
        }
        for (; i < power.Length; i++)
        {
            sum = unchecked(sum + power[i]);
            (least, most) = (Math.Min(least, power[i]), Math.Max(most, power[i]));
        }
        return (sum, least, most);
    }

    /// <summary>The largest change between samples that stand a number of places apart.</summary>
    public static long LargestChange(ReadOnlySpan<long> power, int from, int to, int apart)
    {
        var earlier = power[(from - apart)..(to - apart)];
        var later = power[from..to];
        var (largest, i) = (0L, 0);
        if (IsVectorised && later.Length >= Vector<long>.Count)
        {
            ref var a = ref MemoryMarshal.GetReference(earlier);
            ref var b = ref MemoryMarshal.GetReference(later);
            var most = Vector<long>.Zero;
            for (; i <= later.Length - Vector<long>.Count; i += Vector<long>.Count)
            {
                var changes = Vector.LoadUnsafe(ref b, (nuint)i) - Vector.LoadUnsafe(ref a, (nuint)i);
                most = Vector.Max(most, Vector.Abs(changes));
            }
            for (var lane = 0; lane < Vector<long>.Count; lane++) largest = Math.Max(largest, most[lane]);
        }
        for (; i < later.Length; i++) largest = Math.Max(largest, Math.Abs(later[i] - earlier[i]));
        return largest;
    }
}
