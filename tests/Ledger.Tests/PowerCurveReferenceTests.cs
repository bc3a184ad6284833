using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The integrator against the definitions of what it measures, computed slowly and one by one.</summary>
public sealed class PowerCurveReferenceTests
{
    // Samples on a coarse grid as well as between, so that instants, edges and windows often meet.
    private static readonly Gen<PowerSample[]> Scattered = Gen.Select(
        Gen.OneOf(Gen.Long[0, 20_000_000], Gen.Long[0, 80].Select(quarter => quarter * 250_000)),
        Gen.Frequency((6, Gen.Long[-1_000_000_000, 1_000_000_000]), (1, Gen.Const(0L)), (2, Gen.Long[-3, 3])),
        (t, p) => new PowerSample(t, p)).Array[0, 60];

    private static readonly long[] Steps = [20_000, 50_000, 250_000, 300_000, 500_000, 1_000_000, 3_000_000];

    // Samples of a clock: always the same time apart, with long runs on one side of zero. Some steps divide the ramp's
    // window and some do not, some are a gap, and some are the whole curve.
    private static readonly Gen<PowerSample[]> Even = Gen.Select(
        Gen.Int[0, Steps.Length - 1].Select(i => Steps[i]), Gen.Long[-3, 70],
        Gen.Frequency((3, Gen.Long[0, 1_000_000_000]), (3, Gen.Long[-1_000_000_000, 0]), (2, Gen.Long[-5, 5]))
            .SelectMany(level => Gen.Long[-2, 2].Select(noise => level + noise).Array[1, 300]).Array[1, 3],
        (step, start, powers) => powers.SelectMany(run => run)
            .Select((power, i) => new PowerSample((start * 250_000) + (i * step), power)).ToArray());

    private static readonly Gen<PowerSample[]> Curves = Gen.Frequency((2, Scattered), (1, Even));

    private static readonly (long From, long To)[] Edges =
        [(0, 5_000_000), (5_000_000, 10_000_000), (12_000_000, 15_000_000), (15_000_000, 20_000_000)];

    private static readonly Gen<long> MaxGaps =
        Gen.OneOf(Gen.Const(250_000L), Gen.Const(600_000L), Gen.Const(2_000_000L));

    [Fact]
    public void Samples_repeats_and_extremes_are_those_of_the_period() => Each((curve, one, _, edge, integral) =>
    {
        var inside = one.Where(sample => sample.AtMicroseconds >= edge.From && sample.AtMicroseconds < edge.To)
            .ToList();
        integral.Samples.ShouldBe(inside.Count);
        if (inside.Count > 0)
        {
            integral.Minimum.Milliwatts.ShouldBe(inside.Min(sample => sample.Milliwatts));
            integral.Maximum.Milliwatts.ShouldBe(inside.Max(sample => sample.Milliwatts));
        }
        var powers = curve.Where(sample => sample.AtMicroseconds >= edge.From && sample.AtMicroseconds < edge.To)
            .GroupBy(sample => sample.AtMicroseconds).Select(at => (all: at.Count(), distinct: at.Distinct().Count()))
            .ToList();
        integral.Conflicts.ShouldBe(powers.Sum(at => at.distinct - 1));
        integral.Duplicates.ShouldBe(powers.Sum(at => at.all - at.distinct));
    });

    [Fact]
    public void Energy_is_the_area_on_each_side_of_zero() => Each((_, one, maxGap, edge, integral) =>
    {
        var (import, export, covered, parts) = (0m, 0m, 0L, 0);
        foreach (var (a, b) in one.Zip(one.Skip(1))
            .Where(pair => pair.Second.AtMicroseconds - pair.First.AtMicroseconds <= maxGap))
        {
            var from = Math.Max(a.AtMicroseconds, edge.From);
            var to = Math.Min(b.AtMicroseconds, edge.To);
            if (from >= to) continue;
            var (p, q) = (PowerAt(a, b, from), PowerAt(a, b, to));
            import += Area(p, q, to - from);
            export += Area(-p, -q, to - from);
            covered += to - from;
            parts++;
        }
        // 1 for each rounding
        Math.Abs((decimal)integral.Import.HalfNanojoules - import).ShouldBeLessThanOrEqualTo(parts);
        Math.Abs((decimal)integral.Export.HalfNanojoules - export).ShouldBeLessThanOrEqualTo(parts);
        integral.CoveredMicroseconds.ShouldBe(covered);
    });

    [Fact]
    public void The_ramp_is_the_largest_change_over_a_second_that_ends_in_the_period() =>
        Each((_, one, maxGap, edge, integral) =>
    {
        var ends = one.Select(sample => sample.AtMicroseconds)
            .Concat(one.Select(sample => sample.AtMicroseconds + PowerCurve.RampWindowMicroseconds));
        var largest = ends.Where(end => end >= edge.From && end < edge.To).Select(end => Change(one, maxGap, end))
            .Append(0).Max();
        integral.Ramp1sMilliwattsMax.ShouldBe(largest);
    });

    /// <summary>A repeat of a sample counts as such and changes nothing else: a curve with one is not even any more, so
    /// two ways to the same integral meet.</summary>
    [Fact]
    public void An_even_curve_is_integrated_as_one_that_is_not() => Gen.Select(Even, MaxGaps).Sample((curve, maxGap) =>
    {
        var periods = Edges.Select(edge => new Interval(At(edge.From), At(edge.To))).ToList();
        var gap = Duration.FromTicks(maxGap * 10);
        var even = PowerCurve.Integrate(curve, periods, gap);
        var again = PowerCurve.Integrate([.. curve, curve[0]], periods, gap);
        for (var i = 0; i < even.Count; i++)
        {
            again[i].Gaps.ShouldBe(even[i].Gaps);
            (again[i] with { Duplicates = 0, Gaps = [] }).ShouldBe(even[i] with { Gaps = [] });
        }
        PowerCurve.DefaultMaxGap([.. curve, curve[0]]).ShouldBe(PowerCurve.DefaultMaxGap(curve));
    }, iter: LongRun.Samples);

    [Fact]
    public void Times_of_any_size_are_in_order_or_not()
    {
        // The difference of these does not fit into 64 bits, which no step may hide.
        PowerSample[] wide = [new(long.MinValue, 1), new(long.MaxValue, 1)];
        Should.Throw<OverflowException>(() => PowerCurve.DefaultMaxGap(wide));
        PowerCurve.DefaultMaxGap([new(long.MinValue, 1)]).ShouldBe(Duration.FromSeconds(2));
    }

    [Fact]
    public void What_can_not_be_integrated_is_a_bug()
    {
        Interval[] periods = [Period(0, 5), Period(5, 10)];
        Should.Throw<ArgumentOutOfRangeException>(() => PowerCurve.Integrate([], periods, Duration.FromTicks(-1)));
        Should.Throw<ArgumentOutOfRangeException>(() =>
            PowerCurve.Integrate([], periods, PowerCurve.MaxGapLimit + Duration.Epsilon));
        Should.Throw<ArgumentException>(() => PowerCurve.Integrate([], [Period(5, 10), Period(0, 5)], Duration.Zero))
            .Message.ShouldContain("in order");
        Should.Throw<ArgumentException>(() => PowerCurve.Integrate([], [Period(0, 5), Period(4, 6)], Duration.Zero));
        var beside = new Interval(Instant.FromUnixTimeTicks(1), Instant.FromUnixTimeTicks(20));
        Should.Throw<ArgumentException>(() =>
            PowerCurve.Integrate([], [beside], Duration.Zero)).Message.ShouldContain("microsecond");
        var nanosecond = new Interval(Instant.FromUnixTimeTicks(0) + Duration.Epsilon, Instant.FromUnixTimeTicks(20));
        Should.Throw<ArgumentException>(() => PowerCurve.Integrate([], [nanosecond], Duration.Zero));
        foreach (var power in new[] { Limits.PowerMilliwattsMax + 1, -Limits.PowerMilliwattsMax - 1 })
            Should.Throw<ArgumentOutOfRangeException>(() =>
                PowerCurve.Integrate([new(0, power)], periods, Duration.Zero))
                .Message.ShouldContain("PowerMilliwattsMax");
        PowerCurve.Integrate([new(0, Limits.PowerMilliwattsMax)], periods, Duration.Zero)[0].Samples.ShouldBe(1);
    }

    private delegate void Check(
        PowerSample[] curve, List<PowerSample> one, long maxGap, (long From, long To) edge, PeriodIntegral integral);

    /// <summary>Checks every period of random curves; <c>one</c> has one sample for each instant,
    /// in order of time.</summary>
    private static void Each(Check check) => Gen.Select(Curves, MaxGaps).Sample((curve, maxGap) =>
    {
        var one = curve.GroupBy(sample => sample.AtMicroseconds).OrderBy(at => at.Key)
            .Select(at => at.OrderBy(s => Math.Abs(s.Milliwatts)).ThenByDescending(s => s.Milliwatts).First()).ToList();
        var periods = Edges.Select(edge => new Interval(At(edge.From), At(edge.To))).ToList();
        var integrals = PowerCurve.Integrate(curve, periods, Duration.FromTicks(maxGap * 10));
        for (var i = 0; i < Edges.Length; i++) check(curve, one, maxGap, Edges[i], integrals[i]);
    });

    /// <summary>The change of power over the second before an instant;
    /// 0 where a gap is in it or an end of the curve.</summary>
    private static long Change(List<PowerSample> one, long maxGap, long end)
    {
        var begin = end - PowerCurve.RampWindowMicroseconds;
        var first = one.FindLastIndex(sample => sample.AtMicroseconds <= begin);
        var last = one.FindIndex(sample => sample.AtMicroseconds >= end);
        if (first < 0 || last < 0) return 0;
        for (var i = first; i < last; i++)
            if (one[i + 1].AtMicroseconds - one[i].AtMicroseconds > maxGap) return 0;
        return Math.Abs(Whole(one[first], one[first + 1], begin) - Whole(one[last - 1], one[last], end));
    }

    private static decimal PowerAt(PowerSample a, PowerSample b, long at) => a.Milliwatts
        + (decimal)(b.Milliwatts - a.Milliwatts) * (at - a.AtMicroseconds) / (b.AtMicroseconds - a.AtMicroseconds);

    private static long Whole(PowerSample a, PowerSample b, long at) => a.Milliwatts
        + (long)Math.Round(PowerAt(a, b, at) - a.Milliwatts, MidpointRounding.ToEven);

    /// <summary>Twice the area above zero under the line from p to q.</summary>
    private static decimal Area(decimal p, decimal q, long length) =>
        p >= 0 && q >= 0 ? (p + q) * length : p <= 0 && q <= 0
            ? 0m : Math.Max(p, q) * Math.Max(p, q) / Math.Abs(p - q) * length;

    private static Instant At(long microseconds) => Instant.FromUnixTimeTicks(microseconds * 10);
    private static Interval Period(int from, int to) =>
        new(Instant.FromUnixTimeSeconds(from), Instant.FromUnixTimeSeconds(to));
}
