using CsCheck;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// What streams prove does not depend on how they came: on sessions, frames, blocks, threads, order, or a restart amid
/// it. The last record of each period is the reference integral over all samples of its point.
/// </summary>
public sealed class StreamLawTests
{
    private const int Points = 4, HalfSeconds = 4000; // some 33 minutes: three periods

    /// <summary>A point's samples, two a second with holes; some are repeated, some contradicted.</summary>
    private static readonly Gen<PowerSample[]> Curve =
        from powers in Gen.Long[-300_000_000, 300_000_000].Array[HalfSeconds / 8, HalfSeconds]
        from hole in Gen.Int[0, HalfSeconds]
        from width in Gen.Int[0, 600]
        from repeats in Gen.Int[0, powers.Length - 1].Array[0, 20]
        select powers.Select((power, i) => new PowerSample(StreamTown.DayMicroseconds + i * 500_000L, power))
            .Where((_, i) => i < hole || i >= hole + width)
            .Concat(repeats.Select(i => new PowerSample(
                StreamTown.DayMicroseconds + i * 500_000L, powers[i] + (i % 3 == 0 ? 0 : 7))))
            .ToArray();

    /// <summary>How the samples are sent: who of two senders has a point, how many a frame has, how far they are out of
    /// order (in samples; beyond ten they are too late), how many threads there are, and when all is
    /// restarted.</summary>
    private sealed record Way(bool[] Second, int FrameSamples, int Disorder, int Workers, int RestartAfter, int Seed);

    private static readonly Gen<Way> Ways = Gen.Select(
        Gen.Bool.Array[Points], Gen.Int[1, 700], Gen.OneOf(Gen.Const(0), Gen.Int[1, 9], Gen.Int[40, 400]),
        Gen.Int[1, 3], Gen.Int[0, 12], Gen.Int, (second, size, disorder, workers, restart, seed) =>
            new Way(second, size, disorder, workers, restart, seed));

    [Fact]
    public void The_last_record_of_a_period_is_the_integral_of_all_that_came_however_it_came() =>
        Gen.Select(Curve.Array[Points], Ways, Ways).Sample(
            (curves, one, other) => HoldsAsync(curves, one, other).GetAwaiter().GetResult(),
            iter: LongRun.Samples > 10_000 ? 2000 : 12, threads: 1);

    private static async Task HoldsAsync(PowerSample[][] curves, Way one, Way other)
    {
        var first = await SentAsync(curves, one);
        foreach (var record in first)
        {
            var samples = curves[int.Parse(record.Point.Value.AsSpan(2), System.Globalization.CultureInfo.InvariantCulture)];
            var whole = PowerCurve.Integrate(
                samples, [record.Period], new SampleDeclaration(SampleSemantics.Instant, 500_000))[0];
            (record.Import, record.Export, record.Minimum, record.Maximum, record.CoveredMicroseconds, record.Samples,
                record.DuplicateSamples, record.ConflictingSamples, record.Ramp1sMilliwattsMax,
                record.Stream!.Ramp10sMilliwattsMax).ShouldBe(
                (whole.Import, whole.Export, whole.Minimum, whole.Maximum, whole.CoveredMicroseconds, whole.Samples,
                    whole.Duplicates, whole.Conflicts, whole.Ramp1sMilliwattsMax, whole.Ramp10sMilliwattsMax!.Value),
                $"{record.Point} {record.Period} {one}");
            record.Gaps.Select(gap => gap.Missing).ShouldBe(whole.Gaps.Select(gap => gap.Missing));
        }
        foreach (var (point, samples) in curves.Select((samples, i) => (StreamTown.Name(i), samples)))
            first.Where(record => record.Point == point).Sum(record => record.Samples)
                .ShouldBe(samples.Select(sample => sample.AtMicroseconds).Distinct().Count());
        var second = await SentAsync(curves, other);
        second.Select(Content).ShouldBe(first.Select(Content));
    }

    /// <summary>What does not depend on the way: versions, the clock, what was late, and the evidence do.</summary>
    private static string Content(IntervalRecorded record) => string.Join('|', record.Point, record.Period.Start,
        record.Import.HalfNanojoules, record.Export.HalfNanojoules, record.Samples, record.Quality,
        string.Join(',', record.Gaps.Select(gap => gap.Missing)));

    private static async Task<List<IntervalRecorded>> SentAsync(PowerSample[][] curves, Way way)
    {
        await using var town = await StreamTown.OpenAsync(Points, new(new FrameLogOptions("")) { Workers = way.Workers });
        var chance = new Random(way.Seed);
        var parts = Enumerable.Range(0, Points).SelectMany(point => Disordered(curves[point], way.Disorder, chance)
            .Chunk(way.FrameSamples).Select(samples => (Point: point, Samples: samples)))
            .OrderBy(part => part.Samples.Max(sample => sample.AtMicroseconds)).ToList();
        var doors = await DoorsAsync(town);
        for (var i = 0; i < parts.Count; i++)
        {
            if (way.RestartAfter > 0 && i == way.RestartAfter)
            {
                foreach (var door in doors) door.Dispose();
                await town.RestartAsync();
                doors = await DoorsAsync(town);
            }
            var latest = parts[i].Samples.Max(sample => sample.AtMicroseconds);
            town.Clock.Now = Instant.Max(town.Clock.Now, Instant.FromUnixTimeTicks(latest * 10));
            var at = town.Clock.Now.ToUnixTimeTicks() / 10;
            var sender = doors[way.Second[parts[i].Point] ? 1 : 0];
            await StreamTown.SendAsync(sender, StreamTown.Samples(sender.LastSequence + 1, at,
                (parts[i].Point, parts[i].Samples)));
        }
        foreach (var door in doors) door.Dispose();
        town.Clock.Now += Duration.FromMinutes(30);
        await town.SettleAsync();
        await town.SettleAsync();
        return await town.LatestAsync();
    }

    private static async Task<StreamDoor[]> DoorsAsync(StreamTown town)
    {
        StreamDoor[] doors = [town.Streams.Connect(), town.Streams.Connect()];
        foreach (var door in doors) await StreamTown.SendAsync(door, town.Announce(Points, nominal: 500_000));
        return doors;
    }

    /// <summary>Each sample comes at most so many places from where it belongs.</summary>
    private static IEnumerable<PowerSample> Disordered(PowerSample[] samples, int disorder, Random chance) => samples
        .OrderBy(sample => sample.AtMicroseconds)
        .Select((sample, i) => (sample, Key: i + (disorder == 0 ? 0.0 : chance.NextDouble() * disorder)))
        .OrderBy(entry => entry.Key).Select(entry => entry.sample);
}
