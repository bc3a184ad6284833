using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Laws of a response that hold for every curve; the worked cases stand in calc-response.txt.</summary>
public sealed class ResponseTests
{
    private const int Second = 1_000_000; // µs
    private const int Kilowatt = 1_000_000; // mW

    [Fact]
    public void An_order_down_is_measured_as_its_mirror_image_up()
    {
        for (var seed = 0; seed < 500; seed++)
        {
            var up = Curve(new Random(seed));
            var down = Array.ConvertAll(up, sample => sample with { Milliwatts = -sample.Milliwatts });
            var (a, b) = (Measure(up, 100 * Kilowatt), Measure(down, -100 * Kilowatt));
            (a with { Initial = Fraction.Zero }).ShouldBe(b with { Initial = Fraction.Zero });
            a.Initial.ShouldBe(Fraction.Zero - b.Initial);
        }
    }

    [Fact]
    public void The_clock_of_the_samples_and_their_order_change_nothing()
    {
        for (var seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            var curve = Curve(random);
            var later = Array.ConvertAll(curve, sample => sample with { AtMicroseconds = sample.AtMicroseconds + 77 });
            random.Shuffle(later);
            Response.Measure(later, 100 * Kilowatt, 5 * Kilowatt, 77, long.MaxValue)
                .ShouldBe(Measure(curve, 100 * Kilowatt), $"seed {seed}");
        }
    }

    /// <summary>A sample that lies on the line between its neighbours says nothing new about times and ramps.</summary>
    [Fact]
    public void A_sample_on_the_line_changes_only_the_step()
    {
        for (var seed = 0; seed < 500; seed++)
        {
            var curve = Curve(new Random(seed));
            PowerSample[] finer = [.. curve, .. curve.Zip(curve.Skip(1), (a, b) => new PowerSample(
                (a.AtMicroseconds + b.AtMicroseconds) / 2, (a.Milliwatts + b.Milliwatts) / 2))];
            var (coarse, fine) = (Measure(curve, 100 * Kilowatt), Measure(finer, 100 * Kilowatt));
            (fine.TenPercent, fine.NinetyPercent, fine.Ramp, fine.Overshoot, fine.Settled)
                .ShouldBe((coarse.TenPercent, coarse.NinetyPercent, coarse.Ramp, coarse.Overshoot, coarse.Settled));
            // Each step's energy is rounded once, so twice the steps may differ by a unit each.
            Int128.Abs((fine.Shortfall - coarse.Shortfall).HalfNanojoules).ShouldBeLessThanOrEqualTo(curve.Length * 2);
        }
    }

    [Fact]
    public void Times_come_in_their_order_and_shares_are_shares()
    {
        var (reached, never) = (0, 0);
        for (var seed = 0; seed < 2_000; seed++)
        {
            var measure = Measure(Curve(new Random(seed)), 100 * Kilowatt);
            if (measure.NinetyPercent is { } ninety)
            {
                reached++;
                measure.TenPercent!.Value.ShouldBeLessThan(ninety);
                measure.Ramp!.Value.ShouldBeGreaterThan(Fraction.Zero);
                if (measure.Sustained is { } share)
                    (share >= Fraction.Zero && share <= (Fraction)1).ShouldBeTrue($"seed {seed}");
                if (measure.Settled is { } settled && measure.Overshoot == Fraction.Zero)
                    settled.ShouldBeGreaterThan(ninety, "within 5 % lies above 90 %");
            }
            else
            {
                never++;
                (measure.Ramp, measure.Sustained).ShouldBe((null, null));
            }
            (measure.Shortfall >= Energy.Zero).ShouldBeTrue();
        }
        reached.ShouldBeGreaterThan(200);
        never.ShouldBeGreaterThan(200);
    }

    [Fact]
    public void A_power_that_was_not_seen_at_the_order_is_not_guessed()
    {
        Response.Measure([], Kilowatt, 0, 0, 10).ShouldBeNull();
        Response.Measure([new(1, 0), new(2, 0)], Kilowatt, 0, 0, 10).ShouldBeNull();
        Response.Measure([new(-2, 0), new(-1, 0)], Kilowatt, 0, 0, 10).ShouldBeNull();
        Response.Measure([new(-2, 0), new(3, 0)], Kilowatt, 0, 0, 0).ShouldBeNull("the order ended as it began");
    }

    /// <summary>Even times and powers, so that the middle of two samples is whole.</summary>
    private static PowerSample[] Curve(Random random)
    {
        var (at, power) = (0L, (long)random.Next(-50, 50) * Kilowatt);
        var samples = new PowerSample[random.Next(2, 12)];
        for (var i = 0; i < samples.Length; i++)
        {
            samples[i] = new(at, power);
            at += random.Next(1, 5) * (long)Second;
            power += random.Next(-20, 45) * (long)Kilowatt;
        }
        return samples;
    }

    private static ResponseMeasure Measure(PowerSample[] curve, long ordered) =>
        Response.Measure(curve, ordered, 5 * Kilowatt, 0, long.MaxValue).ShouldNotBeNull();
}
