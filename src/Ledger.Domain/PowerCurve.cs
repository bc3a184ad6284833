using NodaTime;

namespace Ledger.Domain;

/// <summary>One point of a power curve: Unix time in µs, active power in mW, positive when importing.</summary>
public readonly record struct PowerSample(long AtMicroseconds, long Milliwatts);

/// <summary>
/// What a curve proves about one period. <paramref name="Samples"/> counts the instants with a sample; repeats of one
/// instant are duplicates (same power) or conflicts (another power). Covered time and gaps make up the whole period.
/// Extremes are those of the samples; where none lies in the period,
/// those of the power at the edges of what is covered.
/// </summary>
public sealed record PeriodIntegral(
    Interval Period, Energy Import, Energy Export, Power Minimum, Power Maximum, long CoveredMicroseconds,
    int Samples, int Duplicates, int Conflicts, long Ramp1sMilliwattsMax, IReadOnlyList<CurveGap> Gaps);

/// <summary>
/// The exact integral of a power curve: straight between samples (trapezoid), nothing across a gap longer than the
/// allowed one. Energy is counted in half nanojoules. Inside a segment the energy up to an instant is the exact
/// integral rounded half to even, and a part is the difference of two such values: however a curve is divided
/// into periods or at its samples, import and export of the parts sum to those of the whole, to the last integer.
/// </summary>
public static class PowerCurve
{
    /// <summary>The window of the ramp, in µs: fixed,
    /// because the noise of adjacent samples grows with their rate.</summary>
    public const long RampWindowMicroseconds = 1_000_000;

    /// <summary>Longest gap that may be allowed: up to here every product fits into 128 bits.</summary>
    public static readonly Duration MaxGapLimit = Duration.FromDays(366);

    /// <summary>The gap allowed by default: three times the median spacing, at least 2 s.</summary>
    public static Duration DefaultMaxGap(ReadOnlySpan<PowerSample> samples)
    {
        var least = Duration.FromSeconds(2);
        var sorted = CurveOrder.Sorted(samples, [], [], out var step);
        // Halving the median comes last, so it is exact in ticks: 10 a µs, half of twice 5.
        return sorted.Length < 2 ? least
            : Duration.Max(least, Duration.FromTicks(3 * (step > 0 ? 2 * step : TwiceMedianSpacing(sorted)) * 5));
    }

    /// <summary>The median of an even count is the mean of the middle two.</summary>
    private static long TwiceMedianSpacing(ReadOnlySpan<PowerSample> sorted)
    {
        // What more than half of all spacings are, as in a curve sampled by a clock, is the median: found without
        // sorting, because it outlasts a vote of each against each (Boyer and Moore, 1981).
        var (most, votes) = (0L, 0);
        for (var i = 1; i < sorted.Length; i++)
        {
            var spacing = sorted[i].AtMicroseconds - sorted[i - 1].AtMicroseconds;
            if (votes == 0) most = spacing;
            votes += spacing == most ? 1 : -1;
        }
        var count = 0;
        for (var i = 1; i < sorted.Length; i++)
            if (sorted[i].AtMicroseconds - sorted[i - 1].AtMicroseconds == most) count++;
        if (2 * count > sorted.Length - 1) return 2 * most;

        var spacings = new long[sorted.Length - 1];
        for (var i = 0; i < spacings.Length; i++) spacings[i] = sorted[i + 1].AtMicroseconds - sorted[i].AtMicroseconds;
        Array.Sort(spacings);
        var middle = spacings.Length / 2;
        return spacings.Length % 2 == 1 ? 2 * spacings[middle] : spacings[middle - 1] + spacings[middle];
    }

    /// <summary>
    /// Integrates samples, in any order, over periods that are in order, do not overlap and begin and end on whole µs.
    /// Of conflicting samples of one instant the one of lowest absolute power counts (of +p and -p, the import), so
    /// doubt never creates energy.
    /// </summary>
    public static IReadOnlyList<PeriodIntegral> Integrate(
        ReadOnlySpan<PowerSample> samples, IReadOnlyList<Interval> periods, Duration maxGap)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxGap, Duration.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxGap, MaxGapLimit);
        var sums = new PeriodSum[periods.Count];
        var edges = new (long Start, long End)[periods.Count];
        for (var i = 0; i < edges.Length; i++)
        {
            edges[i] = (Microseconds(periods[i].Start), Microseconds(periods[i].End));
            if (i > 0 && edges[i].Start < edges[i - 1].End)
                throw new ArgumentException("periods are in order and do not overlap", nameof(periods));
        }
        var curve = CurveOrder.Sorted(samples, edges, sums, out var step);
        var gap = (long)(maxGap.ToInt64Nanoseconds() / 1000);
        Sum(curve, edges, sums, gap, step);
        CurveRamp.Measure(curve, edges, sums, gap, step);
        var integrals = new PeriodIntegral[sums.Length];
        for (var i = 0; i < sums.Length; i++) integrals[i] = sums[i].ToIntegral(periods[i]);
        return integrals;
    }

    private static void Sum(
        ReadOnlySpan<PowerSample> curve, (long Start, long End)[] edges, PeriodSum[] sums, long maxGap, long step)
    {
        if (curve.IsEmpty)
        {
            Miss(long.MinValue, long.MaxValue, edges, sums, 0);
            return;
        }
        Miss(long.MinValue, curve[0].AtMicroseconds, edges, sums, 0);
        var p = 0;
        for (var i = 0; i < curve.Length; i++)
        {
            var (t, power) = curve[i];
            while (p < edges.Length && edges[p].End <= t) p++;
            if (p == edges.Length) return;
            var (start, end) = edges[p];
            ref var sum = ref sums[p];
            if (step > 0 && step <= maxGap && start <= t
                && (int)Math.Min(curve.Length - 1 - i, (end - t) / step) is > 0 and var whole)
            {
                sum.AddEven(curve.Slice(i, whole + 1), step);
                i += whole - 1;
                continue;
            }
            if (start <= t) sum.See(power);
            if (i + 1 == curve.Length) break;
            var (nextT, nextPower) = curve[i + 1];
            var length = nextT - t;
            if (length > maxGap) Miss(t, nextT, edges, sums, p);
            else if (start <= t && nextT <= end) sum.AddWhole(power, nextPower, length);
            else AddSplit(curve[i], curve[i + 1], edges, sums, p);
        }
        Miss(curve[^1].AtMicroseconds, long.MaxValue, edges, sums, p);
    }

    private static void Miss(long from, long to, (long Start, long End)[] edges, PeriodSum[] sums, int first)
    {
        for (var q = first; q < edges.Length && edges[q].Start < to; q++)
        {
            var (a, b) = (Math.Max(from, edges[q].Start), Math.Min(to, edges[q].End));
            if (a < b) (sums[q].Gaps ??= []).Add(new CurveGap(new Interval(At(a), At(b))));
        }
    }

    private static void AddSplit(
        PowerSample a, PowerSample b, (long Start, long End)[] edges, PeriodSum[] sums, int first)
    {
        for (var q = first; q < edges.Length && edges[q].Start < b.AtMicroseconds; q++)
        {
            var from = Math.Max(a.AtMicroseconds, edges[q].Start);
            var to = Math.Min(b.AtMicroseconds, edges[q].End);
            if (from >= to) continue;
            var sooner = CurveSegment.UpTo(a, b, from);
            var later = CurveSegment.UpTo(a, b, to);
            sums[q].Import += later.Import - sooner.Import;
            sums[q].Export += later.Export - sooner.Export;
            sums[q].Covered += to - from;
            sums[q].SeeEdge(CurveSegment.PowerAt(a, b, from));
            sums[q].SeeEdge(CurveSegment.PowerAt(a, b, to));
        }
    }

    /// <summary>Unix time in whole microseconds; an edge of a period that is finer is refused.</summary>
    public static long Microseconds(Instant at)
    {
        var ticks = at.ToUnixTimeTicks();
        if (ticks % 10 != 0 || Instant.FromUnixTimeTicks(ticks) != at)
            throw new ArgumentException("a period begins and ends on a whole microsecond", nameof(at));
        return ticks / 10;
    }

    private static Instant At(long microseconds) => Instant.FromUnixTimeTicks(microseconds * 10);
}
