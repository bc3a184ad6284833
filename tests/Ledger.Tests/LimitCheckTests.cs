using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The laws of standing limits; the numbers stand in Scenarios/calc-limits.txt.</summary>
public sealed class LimitCheckTests
{
    const long endMicroseconds = 20_000_000;
    static readonly Duration twoSeconds = Duration.FromSeconds(2);

    // Irregular times with repeats, conflicts and gaps, both signs; a few mW and tens of kW, so that limits are met.
    static readonly Gen<PowerSample[]> curves = Gen.Select(
        Gen.Long[0, endMicroseconds],
        Gen.Frequency((8, Gen.Long[-90_000_000, 90_000_000]), (1, Gen.Const(0L)), (1, Gen.Long[-3, 3])),
        (at, power) => new PowerSample(at, power)).Array[0, 40];

    static readonly Gen<long> limits = Gen.Frequency((4, Gen.Long[0, 90_000_000]), (1, Gen.Long[0, 3]));

    static readonly Gen<Direction> directions = Gen.Bool.Select(isImport =>
        isImport ? Direction.Import : Direction.Export);

    [Fact]
    public void Time_and_energy_above_are_additive_over_any_cut() =>
        Gen.Select(curves, limits, directions, Gen.Long[1, endMicroseconds - 1].Array[1, 5]).Sample(
            (curve, most, direction, cuts) =>
            {
                long[] edges = [0, .. cuts.Distinct().Order(), endMicroseconds];
                var parts = Check(curve, direction, most, edges);
                var whole = Check(curve, direction, most, 0, endMicroseconds)[0];
                parts.Aggregate((Int128)0, (sum, part) => sum + part.PicosecondsAbove).ShouldBe(whole.PicosecondsAbove);
                parts.Aggregate(Energy.Zero, (sum, part) => sum + part.Above).ShouldBe(whole.Above);
                parts.Sum(part => part.CoveredMicroseconds).ShouldBe(whole.CoveredMicroseconds);
                parts.Max(part => part.Highest).ShouldBe(whole.Highest);
                parts.Where(part => part.PicosecondsAbove < 0 || part.Above < Energy.Zero).ShouldBeEmpty();
                LimitCheck.Total(parts.Select(part => part.Verdict)).ShouldBe(whole.Verdict);
            }, iter: LongRun.Samples);

    [Fact]
    public void A_higher_limit_never_has_more_above_it() =>
        Gen.Select(curves, limits, limits, directions).Sample((curve, one, other, direction) =>
        {
            var lower = Check(curve, direction, Math.Min(one, other), 0, endMicroseconds + 1)[0];
            var higher = Check(curve, direction, Math.Max(one, other), 0, endMicroseconds + 1)[0];
            higher.Above.ShouldBeLessThanOrEqualTo(lower.Above);
            higher.PicosecondsAbove.ShouldBeLessThanOrEqualTo(lower.PicosecondsAbove);
            higher.Highest.ShouldBe(lower.Highest);
            if (lower.Verdict == LimitVerdict.Within) higher.Verdict.ShouldBe(LimitVerdict.Within);
        }, iter: LongRun.Samples);

    [Fact]
    public void The_order_of_samples_changes_nothing() =>
        Gen.Select(curves, limits, directions, Gen.Int).Sample((curve, most, direction, seed) =>
        {
            var shuffled = (PowerSample[])curve.Clone();
            new Random(seed).Shuffle(shuffled);
            Check(shuffled, direction, most, 0, 7_654_321, endMicroseconds)
                .ShouldBe(Check(curve, direction, most, 0, 7_654_321, endMicroseconds));
        }, iter: LongRun.Samples);

    [Fact]
    public void Above_a_limit_of_zero_is_the_energy_of_the_direction() =>
        curves.Sample(curve =>
        {
            var whole = PowerCurve.Integrate(curve, [Micros(0, endMicroseconds)], twoSeconds)[0];
            Check(curve, Direction.Import, 0, 0, endMicroseconds)[0].Above.ShouldBe(whole.Import);
            Check(curve, Direction.Export, 0, 0, endMicroseconds)[0].Above.ShouldBe(whole.Export);
            Check(curve, Direction.Import, 0, 0,
                endMicroseconds)[0].CoveredMicroseconds.ShouldBe(whole.CoveredMicroseconds);
        }, iter: LongRun.Samples);

    [Fact]
    public void Up_and_down_above_is_what_a_mirrored_curve_has_on_export() =>
        Gen.Select(curves, limits).Sample((curve, most) =>
        {
            // Of +p and -p at one instant the import counts, so a mirror holds for curves without repeats.
            var one = curve.DistinctBy(sample => sample.AtMicroseconds).ToArray();
            var mirrored = one.Select(sample => sample with { Milliwatts = -sample.Milliwatts }).ToArray();
            Check(one, Direction.Import, most, 0, endMicroseconds)
                .ShouldBe(Check(mirrored, Direction.Export, most, 0, endMicroseconds));
        }, iter: LongRun.Samples);

    [Fact]
    public void The_largest_power_limit_and_gap_do_not_overflow()
    {
        var year = 366L * 86_400_000_000;
        PowerSample[] curve = [new(0, -Limits.PowerMilliwattsMax), new(year, Limits.PowerMilliwattsMax)];
        var parts = new[] { new LimitStretch(Micros(0, year / 3), new(Limits.PowerMilliwattsMax - 1)),
            new LimitStretch(Micros(year / 3, year), new(Limits.PowerMilliwattsMax - 1)) };
        var found = LimitCheck.OnCurve(
            curve, Direction.Import, StandingLimitKind.ConnectionLimit, parts, PowerCurve.MaxGapLimit);
        found[0].Verdict.ShouldBe(LimitVerdict.Within);
        // 1 mW of 2·10¹² on the way, of a year: 15.8112 µs.
        found[1].SecondsAbove.ShouldBe(0.0000158112m);
    }

    [Fact]
    public void A_limit_that_changes_inside_a_period_cuts_it_and_no_limit_is_no_part()
    {
        Interval[] periods = [Micros(0, 10), Micros(10, 20), Micros(30, 40)];
        LimitStretch[] limit = [new(Micros(-5, 3), new(1)), new(Micros(3, 12), new(2)), new(Micros(15, 35), new(3))];
        LimitCheck.Cut(periods, limit).ShouldBe([
            new(Micros(0, 3), new(1)), new(Micros(3, 10), new(2)), new(Micros(10, 12), new(2)),
            new(Micros(15, 20), new(3)), new(Micros(30, 35), new(3))]);
        LimitCheck.Cut(periods, []).ShouldBeEmpty();
        LimitCheck.Cut(periods, [new(new Interval(null, null), new(1))]).Count.ShouldBe(3);
    }

    static IReadOnlyList<LimitFinding> Check(PowerSample[] curve, Direction direction, long most,
        params long[] edges) =>
        LimitCheck.OnCurve(curve, direction, StandingLimitKind.ConnectionLimit,
            [.. edges.Skip(1).Select((end, i) => new LimitStretch(Micros(edges[i], end), new(most)))], twoSeconds);

    static Interval Micros(long from, long to) =>
        new(Instant.FromUnixTimeTicks(from * 10), Instant.FromUnixTimeTicks(to * 10));
}
