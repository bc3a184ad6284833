using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The laws of a power line, of what is known of a curve, and of the response to a call by it.</summary>
public sealed class CallResponseLawTests
{
    private const int Second = 1_000_000, Kilowatt = 1_000_000, Curves = 400;
    private static readonly SettlementPointId Point = new("CP1");
    private static readonly Interval Call = Seconds(20, 50);

    /// <summary>Sixty samples or so, at most two seconds apart, so that there is no gap; from second 0 to 60.</summary>
    private static PowerSample[] Curve(Random random)
    {
        var samples = new List<PowerSample>();
        for (var (at, power) = (0L, (long)random.Next(-20, 90)); at < 60 * Second; at += random.Next(1, 2 * Second))
        {
            samples.Add(new(at, power * Kilowatt + random.Next(-999, 999)));
            power = random.Next(3) == 0 ? random.Next(-60, 90) : power;
        }
        return [.. samples, new(60 * Second, random.Next(-60, 90) * (long)Kilowatt)];
    }

    private static SampleSemantics Meaning(Random random) =>
        Enum.GetValues<SampleSemantics>()[random.Next(4)];

    private static void Each(Action<Random, PowerSample[], SampleSemantics> law)
    {
        for (var seed = 0; seed < Curves; seed++)
        {
            var random = new Random(seed);
            law(random, Curve(random), Meaning(random));
        }
    }

    /// <summary>The line is the curve by which energy is counted: the trapezoid under it is the record's integral, but
    /// for the rounding of each segment.</summary>
    [Fact]
    public void The_area_under_the_line_is_the_energy_of_the_record() => Each((_, curve, meaning) =>
    {
        var line = PowerLine.Of(curve, meaning, Second)!.Part(0, 60 * Second);
        var twice = line.Corners.Zip(line.Corners.Skip(1)).Aggregate(Fraction.Zero, (sum, pair) =>
            sum + (pair.First.Milliwatts + pair.Second.Milliwatts) * (pair.Second.At - pair.First.At));
        var integral = PowerCurve.Integrate(curve, [Seconds(0, 60)], new SampleDeclaration(meaning, Second))[0];
        integral.Gaps.ShouldBeEmpty();
        var difference = twice - new Fraction((integral.Import - integral.Export).HalfNanojoules, 1);
        (difference <= (Fraction)(4L * curve.Length) && difference >= (Fraction)(-4L * curve.Length))
            .ShouldBeTrue($"{meaning}: {difference.ToText(3)} half nanojoules");
    });

    [Fact]
    public void A_sum_is_at_each_instant_the_sum_of_the_powers() => Each((random, curve, meaning) =>
    {
        PowerLine[] lines =
        [
            PowerLine.Of(curve, meaning, Second)!.Part(0, 60 * Second),
            .. Enumerable.Range(0, random.Next(4)).Select(_ =>
                PowerLine.Of(Curve(random), Meaning(random), Second)!.Part(0, 60 * Second)),
        ];
        var sum = PowerLine.Sum(lines);
        random.Shuffle(lines);
        sum.Corners.ShouldBe(PowerLine.Sum(lines).Corners);
        long[] asked = [0, 60 * Second, .. curve.Select(sample => sample.AtMicroseconds), random.Next(60 * Second)];
        foreach (var at in asked)
            sum.Before(at).ShouldBe(lines.Aggregate(Fraction.Zero, (all, line) => all + line.Before(at)));
    });

    /// <summary>n connectors that do the same at once are one that does n times as much: as fast, n times as steep.
    /// </summary>
    [Fact]
    public void Several_that_do_the_same_are_as_fast_as_one() => Each((_, curve, meaning) =>
    {
        var (one, all) = (Told([Part(curve, meaning, 0, 60)]), Together([Part(curve, meaning, 0, 60)], 3));
        all.Standing.ShouldBe(one.Standing);
        (all.TenPercent, all.NinetyPercent, all.Settled, all.WidestStep)
            .ShouldBe((one.TenPercent, one.NinetyPercent, one.Settled, one.WidestStep));
        (all.Change, all.Ramp, all.Overshoot).ShouldBe((one.Change * 3L, one.Ramp * 3L, one.Overshoot * 3L));
    });

    /// <summary>Into how many records a curve is cut is nobody's doing.</summary>
    [Fact]
    public void Records_may_end_anywhere() => Each((random, curve, meaning) =>
    {
        int[] edges = [0, .. Enumerable.Range(0, 4).Select(_ => random.Next(1, 60)).Distinct().Order(), 60];
        var parts = edges.Zip(edges.Skip(1), (from, to) => Part(curve, meaning, from, to)).ToArray();
        random.Shuffle(parts);
        Told(parts).ShouldBe(Told([Part(curve, meaning, 0, 60)]));
    });

    /// <summary>Who knows less says less, and nothing else.</summary>
    [Fact]
    public void What_is_told_of_a_part_is_told_of_the_whole() => Each((random, curve, meaning) =>
    {
        var whole = Told([Part(curve, meaning, 0, 60)]);
        var gap = random.Next(1, 49);
        var known = Told(
            [Part(curve, meaning, 0, gap), Part(curve, meaning, gap, gap + 1) with { Withheld = "gone" },
            Part(curve, meaning, gap + 1, 60)]);
        if (gap < 20 || whole.Standing == ResponseStanding.NothingOrdered)
        {
            // Just before the start, the power that changes at the start at once is not seen.
            if (gap != 19) known.ShouldBe(whole);
            return;
        }
        known.Standing.ShouldBe(gap == 20 ? ResponseStanding.Unknown : ResponseStanding.Partial);
        (known.TenPercent ?? whole.TenPercent).ShouldBe(whole.TenPercent);
        (known.NinetyPercent ?? whole.NinetyPercent).ShouldBe(whole.NinetyPercent);
        (known.Ramp ?? whole.Ramp, known.Shortfall ?? whole.Shortfall).ShouldBe((whole.Ramp, whole.Shortfall));
        (known.Overshoot, known.Settled, known.Sustained).ShouldBe((null, null, null));
    });

    /// <summary>Beyond an order that says at most, nothing is unsettled, so it settles no later than a change that is
    /// to be met exactly.</summary>
    [Fact]
    public void An_order_that_says_at_most_settles_no_later() => Each((_, curve, meaning) =>
    {
        var line = PowerLine.Of(curve, meaning, Second)!;
        if (Response.Measure(line, -30L * Kilowatt, 2L * Kilowatt, 20 * Second, 50 * Second) is not { } exact) return;
        var bound = Response.Measure(line, -30L * Kilowatt, 2L * Kilowatt, 20 * Second, 50 * Second, isBound: true)!;
        if (exact.Settled is { } settled) (bound.Settled!.Value <= settled).ShouldBeTrue();
        bound.ShouldBe(exact with { Settled = bound.Settled });
    });

    /// <summary>A clock that says what the curve says is never contradicted, nor one that lies in the curve's own
    /// step.</summary>
    [Fact]
    public void Who_reports_what_the_curve_says_is_not_contradicted() => Each((random, curve, meaning) =>
    {
        var known = KnownCurve.Of([Part(curve, meaning, 0, random.Next(30, 61))]);
        var response = OrderResponse.Of(known, Call, Level, Power.Zero);
        var clocks = new[]
        {
            (InstructionClock.TenPercent, response.TenPercent),
            (InstructionClock.NinetyPercent, response.NinetyPercent), (InstructionClock.Settled, response.Settled),
        }.Where(each => each.Item2 is not null).Select(each => new InstructionClockRecorded(new("I1"), Point, each.Item1,
            Call.Start + Duration.FromTicks((long)each.Item2!.Value.Round() * 10), "csms"));
        ReportedClock.Of(clocks, response, known.At(Call.Start), Call.Start, 0)
            .ShouldAllBe(clock => clock.Agreement == ClockAgreement.Agrees);
    });

    private static readonly Power Level = Power.FromKilowatts(10);

    private static OrderResponse Told(CurvePart[] parts) =>
        OrderResponse.Of(KnownCurve.Of(parts), Call, Level, Power.FromKilowatts(1));

    private static OrderResponse Together(CurvePart[] parts, int times) => OrderResponse.OfAll(
        [.. Enumerable.Range(0, times).Select(i => ($"CP{i}", KnownCurve.Of(parts), Told(parts)))], Call,
        Power.FromKilowatts(1));

    /// <summary>A record of some seconds, with the samples that its evidence shows: one beside at either end.</summary>
    private static CurvePart Part(PowerSample[] curve, SampleSemantics meaning, int from, int to)
    {
        var first = Array.FindLastIndex(curve, sample => sample.AtMicroseconds <= from * (long)Second);
        var last = Array.FindIndex(curve, sample => sample.AtMicroseconds >= to * (long)Second);
        return new(new IntervalRecorded(Point, Seconds(from, to), 1, IntervalRecordState.Final, Energy.Zero,
            Energy.Zero, Power.Zero, Power.Zero, 0, 0, [], 0, 0, 0, 0, 0, ReadingQuality.Measured, null,
            new(new string('0', 64)), new(meaning, Second, 0, 0, 0, 0)), curve[first..(last + 1)]);
    }

    private static Interval Seconds(int from, int to) =>
        new(Instant.FromUnixTimeSeconds(from), Instant.FromUnixTimeSeconds(to));
}
