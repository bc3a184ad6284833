using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

public class PowerCurveTests
{
    private static readonly Duration TwoSeconds = Duration.FromSeconds(2);

    // Samples at irregular times with repeats, gaps and both signs; seldom values at the limits.
    private static readonly Gen<PowerSample[]> Curves = Gen.Select(
        Gen.Long[0, 20_000_000],
        Gen.Frequency((8, Gen.Long[-1_000_000_000, 1_000_000_000]), (1, Gen.Const(0L)), (1, Gen.Long[-3, 3])),
        (t, p) => new PowerSample(t, p)).Array[0, 40];

    [Fact]
    public void The_market_vector_of_a_ramp_is_exact_to_the_last_integer()
    {
        var expected = MarketVectors.Case("CURVE-1").GetProperty("expected").GetProperty("exactKwh").GetDecimal();
        var samples = new PowerSample[61];
        // 1000 kW in 30 s is no whole number of mW a second: rounding to mW cancels over the ramp's symmetric halves.
        for (var s = 0; s <= 60; s++)
            samples[s] = Kw(s, Math.Min(1000m, Math.Round(1000m * s / 30, 6, MidpointRounding.ToEven)));
        PowerCurve.Integrate(samples, [Seconds(0, 60)], TwoSeconds)[0].Import
            .ShouldBe(Energy.FromWattHours((long)(expected * 1000)));
    }

    [Fact]
    public void A_segment_through_zero_is_import_and_export()
    {
        var whole = Only([Kw(0, 3m), Kw(1, -1m)], Seconds(0, 1));
        whole.Import.ShouldBe(new Energy(3_000_000L * 750_000)); // triangle: 3 kW, 0.75 s
        whole.Export.ShouldBe(new Energy(1_000_000L * 250_000));
        whole.Ramp1sMilliwattsMax.ShouldBe(0); // the window ends at the period's end, so it counts in the next one
        PowerCurve.Integrate([Kw(0, 3m), Kw(1, -1m)], [Seconds(0, 2)], TwoSeconds)[0].Ramp1sMilliwattsMax
            .ShouldBe(4_000_000);
    }

    [Fact]
    public void Nothing_is_integrated_across_a_gap_and_the_gap_is_named()
    {
        var one = Only([Kw(0, 10m), Kw(2, 10m), Kw(5, 10m), Kw(6, 10m)], Seconds(0, 10));
        one.CoveredMicroseconds.ShouldBe(3_000_000);
        one.Import.ShouldBe(new Energy(2 * (Int128)10_000_000 * 3_000_000));
        one.Gaps.ShouldBe([new(Seconds(2, 5)), new(Seconds(6, 10))]);
        one.Samples.ShouldBe(4);
    }

    [Fact]
    public void Repeats_are_counted_and_of_conflicting_ones_the_lowest_absolute_power_counts()
    {
        var one = Only([Kw(0, 5m), Kw(0, 5m), Kw(0, -4m), Kw(0, 4m), Kw(0, -4m), Kw(1, 4m)], Seconds(0, 2));
        one.Duplicates.ShouldBe(2);
        one.Conflicts.ShouldBe(2);
        one.Samples.ShouldBe(2);
        one.Maximum.ShouldBe(Power.FromKilowatts(4));
        one.Minimum.ShouldBe(Power.FromKilowatts(4));
    }

    [Fact]
    public void A_period_without_samples_that_is_covered_shows_the_power_at_its_edges()
    {
        var middle = PowerCurve.Integrate(
            [Kw(0, 0m), Kw(4, 4m)], [Seconds(1, 3)], Duration.FromSeconds(4))[0];
        (middle.Samples, middle.Minimum.Milliwatts, middle.Maximum.Milliwatts).ShouldBe((0, 1_000_000, 3_000_000));
        middle.CoveredMicroseconds.ShouldBe(2_000_000);
    }

    [Fact]
    public void The_ramp_is_measured_over_one_second_and_not_between_adjacent_samples()
    {
        // 20 ms steps of 1 kW up and down are noise: over any whole second the power is the same.
        var noise = Enumerable.Range(0, 200).Select(i => new PowerSample(i * 20_000L, i % 2 * 1_000_000L)).ToArray();
        Only(noise, Seconds(0, 4)).Ramp1sMilliwattsMax.ShouldBe(0);
        var slope = Enumerable.Range(0, 9).Select(i => new PowerSample(i * 700_000L, i * 700_000L)).ToArray();
        Only(slope, Seconds(0, 6)).Ramp1sMilliwattsMax.ShouldBe(1_000_000);
    }

    [Theory]
    [InlineData(new long[] { 0, 1, 2, 3 }, 3_000)]
    [InlineData(new long[] { 3, 0, 2, 1, 2 }, 3_000)]
    [InlineData(new long[] { 0, 1, 4 }, 6_000)] // the median of 1 and 3 is 2
    [InlineData(new long[] { 0, 1, 2, 5 }, 3_000)] // of 1, 1 and 3 most are 1
    [InlineData(new long[] { 0, 9, 11, 13 }, 6_000)] // of 9, 2 and 2 most are 2
    [InlineData(new long[] { 0, 1, 2, 4, 6 }, 4_500)] // of 1, 1, 2 and 2 none is more than half
    [InlineData(new long[] { 0, 3, 4, 7, 8, 11 }, 9_000)] // of 3, 1, 3, 1 and 3 most are 3
    [InlineData(new long[] { 0, 5 }, 15_000)]
    [InlineData(new long[] { 7 }, 2_000)]
    [InlineData(new long[] { }, 2_000)]
    public void The_default_gap_is_three_median_spacings_and_at_least_two_seconds(long[] seconds, long milliseconds) =>
        PowerCurve.DefaultMaxGap(seconds.Select(s => Kw((int)s, 1m)).ToArray())
            .ShouldBe(Duration.FromMilliseconds(milliseconds));

    /// <summary>One bound says of each spacing what the others say of it.</summary>
    [Fact]
    public void By_the_others_each_spacing_is_measured_by_those_beside_it() =>
        Gen.Select(Gen.Int[1, 12], Gen.Int[1, 40].Array[1, 9]).Sample((scale, tenths) =>
        {
            int[] spacings = [.. tenths.Select(spacing => spacing * scale)];
            var samples = new List<PowerSample> { Kw(0, 1m) };
            foreach (var spacing in spacings) samples.Add(new(samples[^1].AtMicroseconds + spacing * 100_000, 1));
            var allowed = PowerCurve.MaxGapByOthers([.. samples]);
            for (var i = 0; i < spacings.Length; i++)
            {
                int[] others = [.. spacings.Where((_, at) => at != i).Order()];
                var measure = others.Length == 0 ? spacings[i] : others[(others.Length - 1) / 2];
                (spacings[i] * 100 <= allowed.TotalMilliseconds)
                    .ShouldBe(spacings[i] * 100 <= Math.Max(2000, 3 * measure * 100));
            }
        }, iter: LongRun.Samples);

    [Fact]
    public void Any_order_of_the_samples_gives_the_same_answer() =>
        Gen.Select(Curves, Gen.Int).Sample((curve, seed) =>
        {
            var shuffled = (PowerSample[])curve.Clone();
            new Random(seed).Shuffle(shuffled);
            Same(Quarters(curve), Quarters(shuffled));
        }, iter: LongRun.Samples);

    [Fact]
    public void Parts_sum_to_the_whole_to_the_last_integer() =>
        Gen.Select(Curves, Gen.Long[1, 19_999_999], Gen.Long[1, 19_999_999]).Sample((curve, x, y) =>
        {
            var (a, b) = (Math.Min(x, y), Math.Max(x, y));
            var whole = PowerCurve.Integrate(curve, [Micros(0, 20_000_000)], TwoSeconds)[0];
            var parts = PowerCurve.Integrate(
                curve, [Micros(0, a), Micros(a, b), Micros(b, 20_000_000)], TwoSeconds);
            Sum(parts.Select(p => p.Import)).ShouldBe(whole.Import);
            Sum(parts.Select(p => p.Export)).ShouldBe(whole.Export);
            parts.Where(p => p.Import < Energy.Zero || p.Export < Energy.Zero).ShouldBeEmpty();
            parts.Sum(p => p.CoveredMicroseconds).ShouldBe(whole.CoveredMicroseconds);
            parts.Max(p => p.Ramp1sMilliwattsMax).ShouldBe(whole.Ramp1sMilliwattsMax);
            whole.Period.Duration.ShouldBe(Duration.FromTicks(whole.CoveredMicroseconds * 10)
                + whole.Gaps.Aggregate(Duration.Zero, (d, g) => d + g.Missing.Duration));
        }, iter: LongRun.Samples);

    [Fact]
    public void A_curve_cut_at_a_sample_sums_to_the_whole() =>
        Gen.Select(Curves.Where(c => c.Length > 2), Gen.Int[0, 39]).Sample((curve, at) =>
        {
            var one = curve.DistinctBy(s => s.AtMicroseconds).OrderBy(s => s.AtMicroseconds).ToArray();
            var cut = at % one.Length;
            var all = Micros(0, 20_000_001);
            var first = PowerCurve.Integrate(one.AsSpan(0, cut + 1), [all], TwoSeconds)[0];
            var second = PowerCurve.Integrate(one.AsSpan(cut), [all], TwoSeconds)[0];
            var whole = PowerCurve.Integrate(one, [all], TwoSeconds)[0];
            (first.Import + second.Import).ShouldBe(whole.Import);
            (first.Export + second.Export).ShouldBe(whole.Export);
        }, iter: LongRun.Samples);

    [Fact]
    public void Import_less_export_is_the_signed_trapezoid() =>
        Curves.Sample(curve =>
        {
            var one = curve.DistinctBy(s => s.AtMicroseconds).OrderBy(s => s.AtMicroseconds).ToArray();
            Int128 signed = 0;
            for (var i = 1; i < one.Length; i++)
            {
                var length = one[i].AtMicroseconds - one[i - 1].AtMicroseconds;
                if (length <= 2_000_000) signed += (Int128)(one[i].Milliwatts + one[i - 1].Milliwatts) * length;
            }
            var whole = PowerCurve.Integrate(one, [Micros(0, 20_000_001)], TwoSeconds)[0];
            (whole.Import - whole.Export).ShouldBe(new Energy(signed));
        }, iter: LongRun.Samples);

    [Fact]
    public void The_largest_power_and_gap_do_not_overflow()
    {
        var year = 366L * 86_400_000_000;
        var one = PowerCurve.Integrate(
            [new(0, Limits.PowerMilliwattsMax), new(year, -Limits.PowerMilliwattsMax)],
            [Micros(0, year / 3), Micros(year / 3, year)], PowerCurve.MaxGapLimit);
        (one[0].Import + one[1].Import).ShouldBe(one[0].Export + one[1].Export);
    }

    private static void Same(IReadOnlyList<PeriodIntegral> a, IReadOnlyList<PeriodIntegral> b)
    {
        for (var i = 0; i < a.Count; i++)
        {
            a[i].Gaps.ShouldBe(b[i].Gaps);
            (a[i] with { Gaps = b[i].Gaps }).ShouldBe(b[i]);
        }
    }

    private static IReadOnlyList<PeriodIntegral> Quarters(PowerSample[] curve) => PowerCurve.Integrate(
        curve, [Seconds(0, 5), Seconds(5, 10), Seconds(12, 15), Seconds(15, 20)], TwoSeconds);

    private static PeriodIntegral Only(PowerSample[] curve, Interval period) =>
        PowerCurve.Integrate(curve, [period], TwoSeconds)[0];

    private static Energy Sum(IEnumerable<Energy> parts) => parts.Aggregate(Energy.Zero, (a, b) => a + b);

    private static PowerSample Kw(int second, decimal kilowatts) =>
        new(second * 1_000_000L, (long)(kilowatts * 1_000_000));

    private static Interval Seconds(int from, int to) => Micros(from * 1_000_000L, to * 1_000_000L);

    private static Interval Micros(long from, long to) =>
        new(Instant.FromUnixTimeTicks(from * 10), Instant.FromUnixTimeTicks(to * 10));
}
