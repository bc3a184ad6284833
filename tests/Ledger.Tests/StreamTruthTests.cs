using CsCheck;
using Ledger.Domain;
using Ledger.Ingest.Fleet;
using Ledger.Ingest.Simulation;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What the simulator says that flowed, held against the ledger's integral of what it measures.</summary>
public sealed class StreamTruthTests
{
    private static readonly Instant Start = Instant.FromUtc(2026, 6, 2, 8, 0);
    private static readonly Duration MaxGap = Duration.FromSeconds(4);

    private static readonly Gen<StreamPlan> Plans = Gen.Select(
        Gen.Int[0, int.MaxValue], Gen.Int[0, 5].Select(i => new[] { 1, 2, 5, 10, 25, 50 }[i]), Gen.Bool, Gen.Bool,
        Gen.Int[0, 1])
        .Select((seed, rate, isMilliwatts, isMicroseconds, jitters) => new StreamPlan(seed, 1000, rate, 60, Start)
        {
            PowerUnitMilliwatts = isMilliwatts ? 1 : 1000,
            TimeUnitMicroseconds = isMicroseconds ? 1 : 1000,
            JitterMs = jitters * Math.Min(7, 1000 / rate - 1),
        });

    [Fact]
    public void Truth_is_the_integral_of_the_samples_to_the_last_integer() =>
        Gen.Select(Plans, Gen.Int[0, 999], Gen.Long[-9_000_000_000, 9_000_000_000], Gen.Long[1, 900_000_000],
            Gen.Long[1, 900_000_000])
        .Sample((plan, connector, from, first, second) =>
        {
            var stream = new StreamFleet(plan).Stream(connector);
            var truth = new StreamTruth(stream);
            var start = stream.OriginMicroseconds + from;
            Interval[] periods = [Micros(start, start + first), Micros(start + first, start + first + second)];
            var integrals = PowerCurve.Integrate(
                Samples(stream, start, start + first + second), periods, MaxGap);
            for (var i = 0; i < periods.Length; i++)
                truth.Of(periods[i]).ShouldBe(new EnergyPair(integrals[i].Import, integrals[i].Export));
        }, iter: Math.Min(LongRun.Samples / 20, 5_000));

    [Fact]
    public void Truth_is_the_integral_where_power_passes_zero()
    {
        var crossings = 0;
        foreach (var plan in (StreamPlan[])
            [new(7, 200, 10, 60, Start), new(7, 200, 10, 60, Start) { PowerUnitMilliwatts = 1, JitterMs = 9 }])
        {
            var fleet = new StreamFleet(plan);
            for (var connector = 0; connector < 60; connector++)
            {
                var stream = fleet.Stream(connector);
                var session = stream.SessionAt(0);
                if (!session.Discharges) continue;
                var (from, to) = (stream.InstantOf(session.PlugInIndex), stream.InstantOf(session.PlugOutIndex));
                var samples = Samples(stream, from, to);
                for (var i = 1; i < samples.Length; i++)
                    if (Math.Sign(samples[i].Milliwatts) * Math.Sign(samples[i - 1].Milliwatts) < 0)
                    {
                        crossings++;
                        var (a, b) = (samples[i - 1].AtMicroseconds, samples[i].AtMicroseconds);
                        (long, long)[] parts = [(a, b), (a + 1, b), (a, a + (b - a) / 2), (a + 2, b - 1)];
                        foreach (var (x, y) in parts)
                            Same(stream, samples, x, y);
                    }
                Same(stream, samples, from, to);
            }
        }
        crossings.ShouldBeGreaterThan(20);
    }

    private static void Same(SimulatedStream stream, PowerSample[] samples, long from, long to)
    {
        var integral = PowerCurve.Integrate(samples, [Micros(from, to)], MaxGap)[0];
        new StreamTruth(stream).Between(from, to).ShouldBe(new EnergyPair(integral.Import, integral.Export));
    }

    private static PowerSample[] Samples(SimulatedStream stream, long from, long to)
    {
        var (first, last) = (stream.IndexAt(from), stream.IndexAt(to) + 1);
        var samples = new PowerSample[last - first + 1];
        var cursor = default(StreamCursor);
        stream.Read(first, samples, ref cursor);
        return samples;
    }

    private static Interval Micros(long from, long to) =>
        new(Instant.FromUnixTimeTicks(from * 10), Instant.FromUnixTimeTicks(to * 10));
}
