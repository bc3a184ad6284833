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
    /// <summary>Whether vector instructions are used; tests turn them off to compare.</summary>
    internal static bool IsVectorised = Vector.IsHardwareAccelerated;

    /// <summary>The segments that end at the samples from <paramref name="from"/> to before <paramref name="to"/>; there
    /// is a sample before the first.</summary>
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
    }

    private readonly struct Trapezoid : IHeights
    {
        public static long Of(long power, long nextPower) => power + nextPower;
        public static Vector<long> Of(Vector<long> powers, Vector<long> nextPowers) => powers + nextPowers;
    }

    private readonly struct LevelAtStart : IHeights
    {
        public static long Of(long power, long nextPower) => 2 * power;
        public static Vector<long> Of(Vector<long> powers, Vector<long> nextPowers) => powers + powers;
    }

    private readonly struct LevelAtEnd : IHeights
    {
        public static long Of(long power, long nextPower) => 2 * nextPower;
        public static Vector<long> Of(Vector<long> powers, Vector<long> nextPowers) => nextPowers + nextPowers;
    }

    private static BlockSum Sum<THeights>(ReadOnlySpan<long> at, ReadOnlySpan<long> power) where THeights : IHeights
    {
        var segments = at.Length - 1;
        var (doubled, i) = (0L, 0);
        long minimum = long.MaxValue, maximum = long.MinValue, shortest = long.MaxValue, longest = long.MinValue;
        if (IsVectorised && segments >= Vector<long>.Count)
        {
            ref var t = ref MemoryMarshal.GetReference(at);
            ref var p = ref MemoryMarshal.GetReference(power);
            var sums = Vector<long>.Zero;
            var (least, most) = (new Vector<long>(minimum), new Vector<long>(maximum));
            var (near, far) = (least, most);
            for (; i <= segments - Vector<long>.Count; i += Vector<long>.Count)
            {
                var steps = Vector.LoadUnsafe(ref t, (nuint)i + 1) - Vector.LoadUnsafe(ref t, (nuint)i);
                var next = Vector.LoadUnsafe(ref p, (nuint)i + 1);
                sums += steps * THeights.Of(Vector.LoadUnsafe(ref p, (nuint)i), next);
                (near, far) = (Vector.Min(near, steps), Vector.Max(far, steps));
                (least, most) = (Vector.Min(least, next), Vector.Max(most, next));
            }
            doubled = Vector.Sum(sums);
            for (var lane = 0; lane < Vector<long>.Count; lane++)
            {
                (shortest, longest) = (Math.Min(shortest, near[lane]), Math.Max(longest, far[lane]));
                (minimum, maximum) = (Math.Min(minimum, least[lane]), Math.Max(maximum, most[lane]));
            }
        }
        for (; i < segments; i++)
        {
            var (step, next) = (at[i + 1] - at[i], power[i + 1]);
            doubled = unchecked(doubled + step * THeights.Of(power[i], next));
            (shortest, longest) = (Math.Min(shortest, step), Math.Max(longest, step));
            (minimum, maximum) = (Math.Min(minimum, next), Math.Max(maximum, next));
        }
        return new(doubled, minimum, maximum, shortest, longest);
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
                most = Vector.Max(most, Vector.Abs(Vector.LoadUnsafe(ref b, (nuint)i) - Vector.LoadUnsafe(ref a, (nuint)i)));
            for (var lane = 0; lane < Vector<long>.Count; lane++) largest = Math.Max(largest, most[lane]);
        }
        for (; i < later.Length; i++) largest = Math.Max(largest, Math.Abs(later[i] - earlier[i]));
        return largest;
    }
}
