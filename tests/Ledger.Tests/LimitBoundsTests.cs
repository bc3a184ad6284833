using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What records without a curve prove of a limit must hold for every curve that has these records.</summary>
public sealed class LimitBoundsTests
{
    const long length = 10_000_000; // 10 s in µs
    static readonly Duration maxGap = Duration.FromSeconds(100);
    static readonly Interval period = Micros(0, length);

    // One to three points, sampled at the same instants, so that their sum is a curve of the same instants.
    static readonly Gen<long[][]> powers = Gen.Int[1, 3].SelectMany(points => Gen.Int[1, 6].SelectMany(
        segments => Gen.Long[-50, 90].Array[segments + 1].Array[points]));

    [Fact]
    public void Every_curve_lies_within_the_bounds_of_its_records() =>
        Gen.Select(powers, Gen.Long[0, 120],
            Gen.Bool.Select(isImport => isImport ? Direction.Import : Direction.Export), Gen.Long[1, length])
            .Sample((points, most, direction, end) =>
            {
                var records = points.Select(Recorded).ToList();
                var net = Curve([.. Enumerable.Range(0, points[0].Length).Select(i => points.Sum(point => point[i]))]);
                foreach (var part in new[] { new LimitStretch(period, new(most)), new(Micros(0, end), new(most)) })
                {
                    var truth = LimitCheck.OnCurve(net, direction, StandingLimitKind.ConnectionLimit, [part],
                        maxGap)[0];
                    var bounds = LimitBounds.Check(period, part, direction, StandingLimitKind.ConnectionLimit, records);
                    Holds(bounds.Highest, truth.Highest!.Value);
                    Holds(bounds.Above, truth.Above);
                    ((Int128)bounds.MicrosecondsAbove.AtLeast * 1_000_000)
                        .ShouldBeLessThanOrEqualTo(truth.PicosecondsAbove);
                    ((Int128)bounds.MicrosecondsAbove.AtMost!.Value * 1_000_000)
                        .ShouldBeGreaterThanOrEqualTo(truth.PicosecondsAbove);
                    // Demand is rounded to the nearest milliwatt there, its bounds outward.
                    Holds(bounds.Demand, truth.Demand!.Value);
                    if (bounds.Verdict != LimitVerdict.Unproven) bounds.Verdict.ShouldBe(truth.Verdict);
                }
            }, iter: LongRun.Samples);

    [Fact]
    public void Of_one_point_demand_and_highest_power_are_exact()
    {
        // From 0 to 8 kW and back to 0 within 10 s: a mean of 4 kW.
        var found = Check([Recorded([0, 8_000_000, 0])], 5_000_000);
        found.Highest.ShouldBe(new(Power.FromKilowatts(8), Power.FromKilowatts(8)));
        found.Demand.ShouldBe(new(Power.FromKilowatts(4), Power.FromKilowatts(4)));
        (found.Verdict, found.Method).ShouldBe((LimitVerdict.Above, LimitBounds.OnePoint));
        // At most 4/5 of the time at 5 kW, the rest at 0; or half of the time at 8 kW, 3 kW above: 15 kJ.
        found.MicrosecondsAbove.ShouldBe(new(0, 8_000_000));
        found.Above.AtMost.ShouldBe(new Energy((Int128)3_000_000 * 5_000_000 * 2));
    }

    [Fact]
    public void Of_a_sum_the_bounds_are_one_at_its_highest_and_all_at_once()
    {
        var found = Check([Recorded([0, 8_000_000, 0]), Recorded([2_000_000, 2_000_000, 6_000_000])], 9_000_000);
        found.Highest.ShouldBe(new(Power.FromKilowatts(10), Power.FromKilowatts(14)));
        (found.Verdict, found.Method).ShouldBe((LimitVerdict.Above, LimitBounds.SumOfPoints));
        Check([Recorded([0, 8_000_000, 0]), Recorded([2_000_000, 2_000_000, 6_000_000])], 12_000_000).Verdict
            .ShouldBe(LimitVerdict.Unproven);
        Check([Recorded([0, 8_000_000, 0]), Recorded([2_000_000, 2_000_000, 6_000_000])], 14_000_000).Verdict
            .ShouldBe(LimitVerdict.Within);
    }

    [Fact]
    public void What_is_missing_is_bounded_by_nothing()
    {
        var half = Recorded([1_000_000, 1_000_000]) with { CoveredMicroseconds = length / 2 };
        var found = Check([half], 2_000_000);
        (found.Highest.AtMost, found.Demand.AtMost, found.Above.AtMost).ShouldBe((null, null, null));
        found.Verdict.ShouldBe(LimitVerdict.Unproven);
        Check([half], 999_999).Verdict.ShouldBe(LimitVerdict.Above);
    }

    static LimitBoundsFinding Check(IReadOnlyList<RecordedPeriod> records, long most) => LimitBounds.Check(
        period, new(period, new(most)), Direction.Import, StandingLimitKind.TransformerLimit, records);

    static void Holds<T>(Bounds<T> bounds, T truth) where T : struct, IComparable<T>
    {
        bounds.AtLeast.CompareTo(truth).ShouldBeLessThanOrEqualTo(0);
        bounds.AtMost!.Value.CompareTo(truth).ShouldBeGreaterThanOrEqualTo(0);
    }

    static PowerSample[] Curve(long[] powers) =>
        [.. powers.Select((power, i) => new PowerSample(length * i / (powers.Length - 1), power))];

    static RecordedPeriod Recorded(long[] powers)
    {
        var integral = PowerCurve.Integrate(Curve(powers), [period], maxGap)[0];
        return new(new(powers.Min()), new(powers.Max()), integral.Import, integral.Export,
            integral.CoveredMicroseconds);
    }

    static Interval Micros(long from, long to) =>
        new(Instant.FromUnixTimeTicks(from * 10), Instant.FromUnixTimeTicks(to * 10));
}
