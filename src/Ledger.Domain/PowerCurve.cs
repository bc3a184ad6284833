using NodaTime;

namespace Ledger.Domain;

/// <summary>One point of a power curve: Unix time in µs, active power in mW, positive when importing.</summary>
public readonly record struct PowerSample(long AtMicroseconds, long Milliwatts)
{
    /// <summary>Largest time of a sample in a stream, before and after 1970, in µs: some 7900 years.</summary>
    public const long AtMicrosecondsMax = 250_000_000_000_000_000;
}

/// <summary>
/// What a curve proves about one period. <paramref name="Samples"/> counts the instants with a sample; repeats of one
/// instant are duplicates (same power) or conflicts (another power). Covered time and gaps make up the whole period.
/// Extremes are those of the samples; where none lies in the period,
/// those of the power at the edges of what is covered. The ramp over 10 s is measured for declared streams only.
/// </summary>
public sealed record PeriodIntegral(
    Interval Period, Energy Import, Energy Export, Power Minimum, Power Maximum, long CoveredMicroseconds,
    int Samples, int Duplicates, int Conflicts, long Ramp1sMilliwattsMax, IReadOnlyList<CurveGap> Gaps,
    long? Ramp10sMilliwattsMax = null);

/// <summary>
/// The exact integral of a power curve: straight between samples (trapezoid) or as its samples are declared, nothing
/// across a gap longer than the allowed one. Energy is counted in half nanojoules. Inside a segment the energy up to an
/// instant is the exact integral rounded half to even, and a part is the difference of two such values: however a curve
/// is divided into periods or at its samples, import and export of the parts sum to those of the whole, to the last
/// integer.
/// </summary>
public static class PowerCurve
{
    /// <summary>The window of the ramp, in µs: fixed,
    /// because the noise of adjacent samples grows with their rate.</summary>
    public const long RampWindowMicroseconds = 1_000_000;

    /// <summary>The longer window of a ramp, in µs.</summary>
    public const long LongRampWindowMicroseconds = 10_000_000;

    /// <summary>Longest gap that may be allowed: up to here every product fits into 128 bits.</summary>
    public static readonly Duration MaxGapLimit = Duration.FromDays(366);

    /// <summary>Which of two powers of one instant counts: the lower absolute one, of +p and -p the import.</summary>
    public static long Counting(long one, long other) => CurveOrder.LeastPowerFirst(one, other) <= 0 ? one : other;

    /// <summary>The gap allowed by default: three times the median spacing, at least 2 s.</summary>
    public static Duration DefaultMaxGap(ReadOnlySpan<PowerSample> samples) => MaxGap(samples, isByOthers: false);

    /// <summary>The gap allowed between samples that may be few: three times the middle one of the spacings beside it,
    /// of two the lesser, and at least 2 s. So no gap is its own measure, but where it is the only spacing.</summary>
    public static Duration MaxGapByOthers(ReadOnlySpan<PowerSample> samples) => MaxGap(samples, isByOthers: true);

    private static Duration MaxGap(ReadOnlySpan<PowerSample> samples, bool isByOthers)
    {
        var least = Duration.FromSeconds(2);
        var sorted = CurveOrder.Sorted(samples, [], [], 0, out var step);
        if (sorted.Length < 2) return least;
        var spacings = sorted.Length - 1;
        // The median of an even count is the mean of the middle two. Of spacings in order, the one of this rank is the
        // lesser middle one of all others but a greater one; a lesser one is bridged by either.
        var others = Math.Max(0, spacings / 2 - 1);
        var (low, high) = isByOthers ? (others, others) : ((spacings - 1) / 2, spacings / 2);
        var twice = step > 0 ? 2 * step : SumOfSpacings(sorted, low, high);
        // Halving comes last, so it is exact in ticks: 10 a µs, half of twice 5.
        return Duration.Max(least, Duration.FromTicks(3 * twice * 5));
    }

    /// <summary>The same of a curve whose spacings are all the same.</summary>
    public static Duration DefaultMaxGap(EvenCurve curve)
    {
        var least = Duration.FromSeconds(2);
        return curve.Count < 2 ? least : Duration.Max(least, Duration.FromTicks(3 * curve.StepMicroseconds * 10));
    }

    /// <summary>The spacings of two ranks, counted from the least one, together.</summary>
    private static long SumOfSpacings(ReadOnlySpan<PowerSample> sorted, int low, int high)
    {
        // What more than half of all spacings are, as in a curve sampled by a clock, is mostly that of both ranks:
        // found without sorting, because it outlasts a vote of each against each (Boyer and Moore, 1981).
        var (most, votes) = (0L, 0);
        for (var i = 1; i < sorted.Length; i++)
        {
            var spacing = sorted[i].AtMicroseconds - sorted[i - 1].AtMicroseconds;
            if (votes == 0) most = spacing;
            votes += spacing == most ? 1 : -1;
        }
        var (less, count) = (0, 0);
        for (var i = 1; i < sorted.Length; i++)
        {
            var spacing = sorted[i].AtMicroseconds - sorted[i - 1].AtMicroseconds;
            if (spacing < most) less++;
            else if (spacing == most) count++;
        }
        if (less <= low && high < less + count) return 2 * most;

        var spacings = new long[sorted.Length - 1];
        for (var i = 0; i < spacings.Length; i++) spacings[i] = sorted[i + 1].AtMicroseconds - sorted[i].AtMicroseconds;
        Array.Sort(spacings);
        return spacings[low] + spacings[high];
    }

    /// <summary>
    /// Integrates samples, in any order, over periods that are in order, do not overlap and begin and end on whole µs.
    /// Of conflicting samples of one instant the one of lowest absolute power counts (of +p and -p, the import), so
    /// doubt never creates energy.
    /// </summary>
    public static IReadOnlyList<PeriodIntegral> Integrate(
        ReadOnlySpan<PowerSample> samples, IReadOnlyList<Interval> periods, Duration maxGap) =>
        Integrate(samples, periods, Undeclared(maxGap), withLongRamp: false);

    /// <summary>The same of a curve whose samples are one step apart.</summary>
    public static IReadOnlyList<PeriodIntegral> Integrate(
        EvenCurve curve, IReadOnlyList<Interval> periods, Duration maxGap)
    {
        var shape = Undeclared(maxGap);
        return Integrate(
            curve.Columns, periods, Edges(periods), new PeriodSum[periods.Count], shape, withLongRamp: false);
    }

    /// <summary>
    /// The same for samples of any declared meaning, with the ramp over 10 s: what every other way to integrate a
    /// stream must equal to the last integer. A sample counts in the period that holds it; a backward mean in the one
    /// that holds the time before it.
    /// </summary>
    public static IReadOnlyList<PeriodIntegral> Integrate(
        ReadOnlySpan<PowerSample> samples, IReadOnlyList<Interval> periods, SampleDeclaration declaration) =>
        Integrate(samples, periods, declaration.Shape, withLongRamp: true);

    private static CurveShape Undeclared(Duration maxGap)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxGap, Duration.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxGap, MaxGapLimit);
        return new(SampleSemantics.Instant, 0, maxGap.ToInt64Nanoseconds() / 1000);
    }

    private static PeriodIntegral[] Integrate(
        ReadOnlySpan<PowerSample> samples, IReadOnlyList<Interval> periods, CurveShape shape, bool withLongRamp)
    {
        var sums = new PeriodSum[periods.Count];
        var edges = Edges(periods);
        var curve = CurveOrder.Sorted(samples, edges, sums, shape.Shift, out var step);
        return Integrate(new CurveSamples(curve, step), periods, edges, sums, shape, withLongRamp);
    }

    private static PeriodIntegral[] Integrate<TSamples>(
        TSamples curve, IReadOnlyList<Interval> periods, (long Start, long End)[] edges, PeriodSum[] sums,
        CurveShape shape, bool withLongRamp)
        where TSamples : ICurveSamples, allows ref struct
    {
        Sum(curve, edges, sums, shape);
        CurveRamp.Measure(curve, edges, sums, shape, RampWindowMicroseconds);
        if (withLongRamp) CurveRamp.Measure(curve, edges, sums, shape, LongRampWindowMicroseconds);
        var integrals = new PeriodIntegral[sums.Length];
        for (var i = 0; i < sums.Length; i++) integrals[i] = sums[i].ToIntegral(periods[i], withLongRamp);
        return integrals;
    }

    private static (long Start, long End)[] Edges(IReadOnlyList<Interval> periods)
    {
        var edges = new (long Start, long End)[periods.Count];
        for (var i = 0; i < edges.Length; i++)
        {
            edges[i] = (Microseconds(periods[i].Start), Microseconds(periods[i].End));
            if (i > 0 && edges[i].Start < edges[i - 1].End)
                throw new ArgumentException("periods are in order and do not overlap", nameof(periods));
        }
        return edges;
    }

    private static void Sum<TSamples>(
        TSamples curve, (long Start, long End)[] edges, PeriodSum[] sums, CurveShape shape)
        where TSamples : ICurveSamples, allows ref struct
    {
        var (count, step) = (curve.Count, curve.Step);
        var isEven = shape.Semantics == SampleSemantics.Instant && step > 0 && step <= shape.MaxGap;
        if (count == 0)
        {
            Miss(long.MinValue, long.MaxValue, edges, sums, 0);
            return;
        }
        Miss(long.MinValue, curve[0].AtMicroseconds - shape.Lead, edges, sums, 0);
        AddLevel(curve[0], -shape.Lead, edges, sums);
        var p = 0;
        for (var i = 0; i < count; i++)
        {
            var (t, power) = curve[i];
            while (p < edges.Length && edges[p].End <= t - shape.Shift) p++;
            if (p == edges.Length) return;
            var (start, end) = edges[p];
            ref var sum = ref sums[p];
            if (isEven && start <= t && (int)Math.Min(count - 1 - i, (end - t) / step) is > 0 and var whole)
            {
                sum.AddEven(curve, i, whole, step);
                i += whole - 1;
                continue;
            }
            if (start <= t - shape.Shift) sum.See(power);
            if (i + 1 == count) break;
            var (nextT, nextPower) = curve[i + 1];
            var length = nextT - t;
            if (length > shape.MaxGap)
            {
                AddLevel(curve[i], shape.Tail, edges, sums);
                Miss(t + shape.Tail, nextT - shape.Lead, edges, sums, p);
                AddLevel(curve[i + 1], -shape.Lead, edges, sums);
                continue;
            }
            var (left, right) = shape.Ends(power, nextPower);
            if (start <= t && nextT <= end) sum.AddWhole(left, right, length);
            else AddSplit(new(t, left), new(nextT, right), edges, sums, p);
        }
        AddLevel(curve[count - 1], shape.Tail, edges, sums);
        Miss(curve[count - 1].AtMicroseconds + shape.Tail, long.MaxValue, edges, sums, p);
    }

    private static void Miss(long from, long to, (long Start, long End)[] edges, PeriodSum[] sums, int first)
    {
        for (var q = first; q < edges.Length && edges[q].Start < to; q++)
        {
            var (a, b) = (Math.Max(from, edges[q].Start), Math.Min(to, edges[q].End));
            if (a < b) sums[q].Miss(a, b);
        }
    }

    /// <summary>What a mean covers beside its sample at a gap: after it, or before it where the length is
    /// negative.</summary>
    private static void AddLevel(PowerSample at, long length, (long Start, long End)[] edges, PeriodSum[] sums)
    {
        var other = new PowerSample(at.AtMicroseconds + length, at.Milliwatts);
        if (length > 0) AddSplit(at, other, edges, sums, 0);
        if (length < 0) AddSplit(other, at, edges, sums, 0);
    }

    private static void AddSplit(
        PowerSample a, PowerSample b, (long Start, long End)[] edges, PeriodSum[] sums, int first)
    {
        for (var q = first; q < edges.Length && edges[q].Start < b.AtMicroseconds; q++)
        {
            var from = Math.Max(a.AtMicroseconds, edges[q].Start);
            var to = Math.Min(b.AtMicroseconds, edges[q].End);
            if (from < to) sums[q].AddPart(a, b, from, to);
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

    internal static Instant At(long microseconds) => Instant.FromUnixTimeTicks(microseconds * 10);
}
