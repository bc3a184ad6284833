using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;
using static Ledger.Tests.StreamedCurves;

namespace Ledger.Tests;

/// <summary>The integral of a stream is that of the batch, to the last integer, however it arrives.</summary>
public sealed class CurveAccumulatorTests
{
    private readonly CurveScratch scratch = new();

    [Fact]
    public void Whatever_the_order_and_the_calls_the_integral_is_that_of_the_batch() =>
        Gen.Select(Declarations, Curves, Gen.Int).Sample((declaration, curve, seed) =>
        {
            var arrived = declaration.LatenessMicroseconds == 0
                ? [.. curve.DistinctBy(s => s.AtMicroseconds).OrderBy(s => s.AtMicroseconds)]
                : Arrival(curve, declaration.LatenessMicroseconds, seed);
            var scratch = new CurveScratch();
            var accumulator = Fed(arrived, declaration, seed, scratch);
            accumulator.LateSamples.ShouldBe(0);
            Same(accumulator.Finish(Periods, scratch), Reference(arrived, declaration));
            // Asking changes nothing, and no period depends on another.
            foreach (var (period, i) in Periods.Select((period, i) => (period, i)))
                Same([accumulator.Finish(period, scratch)], [Reference(arrived, declaration)[i]]);
        }, iter: LongRun.Samples / 5);

    /// <summary>Sums may stay behind the watermark until somebody asks, and nobody can tell.</summary>
    [Fact]
    public void Asking_in_between_changes_nothing() =>
        Gen.Select(Declarations, Curves, Gen.Int).Sample((declaration, curve, seed) =>
        {
            var arrived = Arrival(curve, declaration.LatenessMicroseconds, seed);
            var (random, scratch) = (new Random(seed), new CurveScratch());
            var (asked, left) = (new CurveAccumulator(declaration, Grid), new CurveAccumulator(declaration, Grid));
            for (int from = 0, to; from < arrived.Length; from = to)
            {
                to = Math.Min(arrived.Length, from + random.Next(1, 8));
                asked.Accumulate(arrived.AsSpan(from, to - from), scratch);
                left.Accumulate(arrived.AsSpan(from, to - from), scratch);
                if (random.Next(2) == 0) asked.Save();
                else asked.IsClosed(Edges[random.Next(Edges.Length)], scratch);
            }
            left.Save().ShouldBe(asked.Save());
            Same(left.Finish(Periods, scratch), asked.Finish(Periods, scratch));
            left.TakeLate().ShouldBe(asked.TakeLate());
        }, iter: LongRun.Samples / 10);

    /// <summary>So many came in no order in one call that they are sorted later, at once: of two powers of one instant
    /// the first to come is held first in both.</summary>
    [Theory]
    [InlineData(30)]
    [InlineData(400)]
    public void A_state_is_the_same_whether_samples_were_put_into_their_places_or_sorted_together(int samples)
    {
        var declaration = new SampleDeclaration(SampleSemantics.Instant, 250_000, 20 * Second);
        var arrived = Enumerable.Range(0, samples).Select(i => new PowerSample(
            (20 * Second) - (((i / 2) + 1) * 20_000), i % 7 * 1_000)).ToArray();
        var (together, oneByOne) = (new CurveAccumulator(declaration, Grid), new CurveAccumulator(declaration, Grid));
        together.Accumulate([.. arrived, .. arrived], scratch);
        foreach (var sample in arrived.Concat(arrived)) oneByOne.Accumulate([sample], scratch);
        var whole = together.Finish(Periods, scratch);
        together.Save().ShouldBe(oneByOne.Save());
        Same(together.Finish(Periods, scratch), whole);
        Same(oneByOne.Finish(Periods, scratch), whole);
    }

    [Fact]
    public void A_restored_state_goes_on_as_the_one_that_was_saved() =>
        Gen.Select(Declarations, Curves, Gen.Int[0, 1000]).Sample((declaration, curve, seed) =>
        {
            var arrived = Arrival(curve, declaration.LatenessMicroseconds, seed);
            var scratch = new CurveScratch();
            var cut = arrived.Length == 0 ? 0 : seed % arrived.Length;
            var first = Fed(arrived[..cut], declaration, seed, scratch);
            var bytes = first.Save();
            var second = CurveAccumulator.Restore(declaration, Grid, bytes);
            second.Save().ShouldBe(bytes);
            Feed(first, arrived[cut..], seed, scratch);
            Feed(second, arrived[cut..], seed + 1, scratch);
            Same(second.Finish(Periods, scratch), first.Finish(Periods, scratch));
            second.TakeLate().ShouldBe(first.TakeLate());
            (second.Watermark, second.LateSamples, second.Newest)
                .ShouldBe((first.Watermark, first.LateSamples, first.Newest));
        }, iter: LongRun.Samples / 5);

    [Fact]
    public void Shards_of_a_stream_make_the_whole() =>
        Gen.Select(Declarations, Curves, Gen.Int).Sample((any, curve, seed) =>
        {
            var declaration = new SampleDeclaration(
                any.Semantics, any.NominalMicroseconds, SampleDeclaration.NeverLate);
            var scratch = new CurveScratch();
            var random = new Random(seed);
            var shards = curve.GroupBy(_ => random.Next(4))
                .Select(shard => Fed([.. shard], declaration, seed, scratch)).ToList();
            var whole = new CurveAccumulator(declaration, Grid);
            foreach (var shard in shards) whole.Merge(shard, scratch).ShouldBe(CurveMerge.Merged);
            Same(whole.Finish(Periods, scratch), Reference(curve, declaration));
        }, iter: LongRun.Samples / 10);

    [Fact]
    public void A_stream_that_has_gone_on_takes_the_samples_that_another_still_holds() =>
        Gen.Select(Declarations, Curves, Gen.Int).Sample((declaration, curve, seed) =>
        {
            if (declaration.LatenessMicroseconds == 0) return;
            var arrived = Arrival(curve, declaration.LatenessMicroseconds, seed);
            var scratch = new CurveScratch();
            var cut = arrived.Length / 2;
            var first = Fed(arrived[..cut], declaration, seed, scratch);
            var second = new CurveAccumulator(declaration, Grid);
            second.Accumulate(arrived.AsSpan(cut, Math.Min(3, arrived.Length - cut)), scratch);
            var (one, other) = seed % 2 == 0 ? (first, second) : (second, first);
            var before = (One: one.Save(), Other: other.Save());
            var answer = one.Merge(other, scratch);
            other.Save().ShouldBe(before.Other);
            if (answer == CurveMerge.Merged)
                Same(one.Finish(Periods, scratch),
                    Reference(arrived[..Math.Min(cut + 3, arrived.Length)], declaration));
            else one.Save().ShouldBe(before.One);
        }, iter: LongRun.Samples / 10);

    [Fact]
    public void Parts_at_the_edges_of_prices_sum_to_the_period() =>
        Gen.Select(Declarations, Curves, Gen.Int).Sample((declaration, curve, seed) =>
        {
            var scratch = new CurveScratch();
            var arrived = Arrival(curve, declaration.LatenessMicroseconds, seed);
            var integrals = Fed(arrived, declaration, seed, scratch).Finish(Periods, scratch);
            var parts = integrals.Take(Edges.Length - 1).ToList();
            var whole = integrals[^1];
            parts.Aggregate(Energy.Zero, (sum, part) => sum + part.Import).ShouldBe(whole.Import);
            parts.Aggregate(Energy.Zero, (sum, part) => sum + part.Export).ShouldBe(whole.Export);
            parts.Sum(part => part.CoveredMicroseconds).ShouldBe(whole.CoveredMicroseconds);
            parts.Sum(part => part.Samples).ShouldBe(whole.Samples);
            whole.Period.Duration.ShouldBe(Duration.FromTicks(whole.CoveredMicroseconds * 10)
                + whole.Gaps.Aggregate(Duration.Zero, (sum, gap) => sum + gap.Missing.Duration));
        }, iter: LongRun.Samples / 10);

    [Fact]
    public void What_comes_too_late_is_not_added_and_its_periods_are_told_once()
    {
        var accumulator = Of(SampleSemantics.Instant);
        accumulator.Accumulate([new(20 * Second, 5), new(21 * Second, 5)], scratch);
        accumulator.Accumulate([new(16 * Second, 5)], scratch); // as late as the watermark
        accumulator.Accumulate([new(15_999_999, 5), new(16_000_001, 5)], scratch);
        accumulator.LateSamples.ShouldBe(2);
        // Its own period is the second; the first is near enough to be changed.
        accumulator.TakeLate().ShouldBe([new(0, 15 * Second, 0, false), new(15 * Second, 30 * Second, 2, true)]);
        accumulator.TakeLate().ShouldBeEmpty();
        accumulator.Finish(Between(15 * Second, 30 * Second), scratch).Samples.ShouldBe(3);
    }

    /// <summary>Of late samples of one period the first and the last say what all of them change.</summary>
    [Fact]
    public void Late_samples_tell_together_what_each_of_them_would_tell() =>
        Gen.Select(Declarations, Gen.Long[1, 200 * Second].Array[1, 40]).Sample((declaration, times) =>
        {
            CurveAccumulator Ended()
            {
                var ended = new CurveAccumulator(declaration, Grid);
                ended.AdvanceTo(200 * Second, new());
                return ended;
            }

            var (together, told) = (Ended(), new SortedDictionary<long, LatePeriod>());
            foreach (var at in times)
            {
                together.Accumulate([new(at, 1)], new());
                var alone = Ended();
                alone.Accumulate([new(at, 1)], new());
                foreach (var one in alone.TakeLate())
                    told[one.Start] = told.TryGetValue(one.Start, out var known) ? known.And(one) : one;
            }
            together.LateSamples.ShouldBe(times.Length);
            together.TakeLate().ShouldBe(told.Values);
        }, iter: LongRun.Samples / 10);

    /// <summary>A log of before may have a nominal period of a day, which reaches three days to both sides: 1 729
    /// periods of five minutes are changed by each sample, and a few kilobytes have a million of them. They are taken
    /// as fast as those of a stream of a second, but for what else the machine does meanwhile.</summary>
    [Fact]
    public void Very_many_late_samples_of_a_slow_stream_cost_little()
    {
        const long now = 1_767_225_600 * Second;
        PowerSample[] late = [.. Enumerable.Range(0, 500_000)
            .Select(i => new PowerSample(now - (100 + i % 900) * Second, 1))];
        (CurveAccumulator Taken, TimeSpan Time) Take(long nominal)
        {
            var stream = new CurveAccumulator(new(SampleSemantics.Hold, nominal), new(0, 300 * Second));
            stream.Accumulate([new(now, 1000)], scratch);
            var began = System.Diagnostics.Stopwatch.GetTimestamp();
            stream.Accumulate(late, scratch);
            return (stream, System.Diagnostics.Stopwatch.GetElapsedTime(began));
        }

        TimeSpan Least(long nominal) => Enumerable.Range(0, 3).Min(_ => Take(nominal).Time);
        (Least(SampleDeclaration.NominalMicrosecondsMax) / Least(Second)).ShouldBeLessThan(30);
        var (slow, _) = Take(SampleDeclaration.NominalMicrosecondsMax);
        slow.LateSamples.ShouldBe(500_000);
        var told = slow.TakeLate();
        (told.Count, told.Sum(period => period.Samples)).ShouldBe((1732, 500_000));
    }

    /// <summary>How many samples repeat others is up to the sender.</summary>
    [Fact]
    public void More_samples_than_a_number_can_say_are_said_to_be_the_most()
    {
        var most = new LatePeriod(0, 15 * Second, int.MaxValue - 1, false);
        most.And(most with { Samples = 2, IsCovered = true })
            .ShouldBe(new LatePeriod(0, 15 * Second, int.MaxValue, true));
        var declaration = new SampleDeclaration(SampleSemantics.Instant, Second);
        var accumulator = new CurveAccumulator(declaration, Grid);
        PowerSample[] repeated = [.. Enumerable.Repeat(new PowerSample(Second, 5), 1_234_567)];
        accumulator.Accumulate(repeated, scratch);
        accumulator.AdvanceTo(10 * Second, scratch);
        var state = accumulator.Save();
        var at = state.AsSpan().IndexOf(BitConverter.GetBytes(1_234_566L));
        BitConverter.GetBytes(int.MaxValue + 5L).CopyTo(state, at);
        CurveAccumulator.Restore(declaration, Grid, state).Finish(Between(0, 15 * Second), scratch).Duplicates
            .ShouldBe(int.MaxValue);
    }

    [Fact]
    public void A_period_is_closed_when_nothing_that_is_not_late_can_change_it()
    {
        var accumulator = Of(SampleSemantics.Instant);
        accumulator.IsClosed(15 * Second, scratch).ShouldBeFalse();
        accumulator.Accumulate([new(14 * Second, 5), new(15 * Second, 5)], scratch);
        accumulator.IsClosed(15 * Second, scratch).ShouldBeFalse();
        accumulator.AdvanceTo(15 * Second - 1, scratch);
        accumulator.IsClosed(15 * Second, scratch).ShouldBeFalse();
        accumulator.AdvanceTo(15 * Second, scratch);
        accumulator.IsClosed(15 * Second, scratch).ShouldBeTrue();
        accumulator.AdvanceTo(0, scratch);
        accumulator.Watermark.ShouldBe(15 * Second);
        // Nothing comes: the gap leaves the next period open until it is longer than what may be bridged.
        accumulator.AdvanceTo(30 * Second - 1, scratch);
        accumulator.IsClosed(30 * Second, scratch).ShouldBeFalse();
        accumulator.AdvanceTo(30 * Second, scratch);
        accumulator.IsClosed(30 * Second, scratch).ShouldBeTrue();
    }

    [Fact]
    public void A_backward_mean_closes_a_period_one_nominal_period_later()
    {
        var accumulator = Of(SampleSemantics.MeanBack);
        accumulator.Accumulate([new(10 * Second, 5)], scratch);
        accumulator.AdvanceTo(16 * Second - 1, scratch);
        accumulator.IsClosed(15 * Second, scratch).ShouldBeFalse();
        accumulator.AdvanceTo(16 * Second, scratch);
        accumulator.IsClosed(15 * Second, scratch).ShouldBeTrue();
        accumulator.Accumulate([new(16 * Second + 1, 7_200)], scratch);
        accumulator.Finish(Between(15 * Second, 30 * Second), scratch).CoveredMicroseconds.ShouldBe(Second);
        accumulator.Finish(Between(0, 15 * Second), scratch).CoveredMicroseconds.ShouldBe(Second);
    }

    [Fact]
    public void A_sample_beyond_its_bounds_is_refused_with_all_of_its_call()
    {
        var accumulator = Of(SampleSemantics.Hold);
        foreach (var power in new[] { Limits.PowerMilliwattsMax + 1, -Limits.PowerMilliwattsMax - 1, long.MinValue })
            Should.Throw<ArgumentOutOfRangeException>(() =>
                accumulator.Accumulate([new(0, 1), new(1, power)], scratch));
        foreach (var at in new[] { PowerSample.AtMicrosecondsMax + 1, long.MaxValue, long.MinValue })
            Should.Throw<ArgumentOutOfRangeException>(() => accumulator.Accumulate([new(0, 1), new(at, 1)], scratch));
        accumulator.Held.ShouldBe(0);
        accumulator.Newest.ShouldBeNull();
        accumulator.Accumulate([new(-PowerSample.AtMicrosecondsMax, Limits.PowerMilliwattsMax)], scratch);
        accumulator.Accumulate([new(PowerSample.AtMicrosecondsMax, 1)], scratch);
        accumulator.Newest.ShouldBe(PowerSample.AtMicrosecondsMax);
        Should.Throw<ArgumentException>(() => accumulator.Finish(Between(1, 15 * Second), scratch))
            .Message.ShouldContain("edge of the grid");
    }

    /// <summary>Samples are taken several at a time, so the one that is beyond its bounds stands everywhere.</summary>
    [Fact]
    public void A_refused_call_leaves_the_stream_as_it_was()
    {
        var accumulator = Of(SampleSemantics.Instant);
        accumulator.Accumulate([new(0, 1), new(20 * Second, 5), new(16 * Second, 5)], scratch);
        var before = accumulator.Save();
        PowerSample[] beyond =
        [
            new(30 * Second, Limits.PowerMilliwattsMax + 1), new(30 * Second, -Limits.PowerMilliwattsMax - 1),
            new(PowerSample.AtMicrosecondsMax + 1, 1), new(-PowerSample.AtMicrosecondsMax - 1, 1),
            new(long.MaxValue, long.MaxValue), new(long.MinValue, long.MinValue),
        ];
        for (var length = 1; length <= 13; length++)
            for (var place = 0; place < length; place++)
                foreach (var bad in beyond)
                {
                    PowerSample[] call = [.. Enumerable.Range(21, length).Select(i => new PowerSample(i * Second, i))];
                    if (length % 3 == 0) call[^1] = new(17 * Second, 5); // with one that came late
                    call[place] = bad;
                    Should.Throw<ArgumentOutOfRangeException>(() => accumulator.Accumulate(call, scratch));
                    accumulator.Save().ShouldBe(before);
                }
    }

    [Fact]
    public void After_a_while_nothing_is_allocated_for_a_sample()
    {
        foreach (var (step, length) in new[] { (Second, 1), (Second, 3), (Second, 40), (100_000L, 25), (20_000L, 100) })
        {
            var accumulator = new CurveAccumulator(new(SampleSemantics.Instant, step), new(0, 60 * Second));
            var block = new PowerSample[length];
            var at = 0L;
            long Run(int samples)
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                for (var i = 0; i < samples; i += length)
                {
                    for (var b = 0; b < length; b++) block[b] = new(at += step, 1000 + (i * 7 + b) % 500);
                    // Some come late or twice.
                    if (length > 2) (block[0], block[2]) = (block[2], block[0]);
                    if (length > 20) block[5] = block[4];
                    accumulator.Accumulate(block, scratch);
                    accumulator.Forget(accumulator.Watermark);
                }
                return GC.GetAllocatedBytesForCurrentThread() - before;
            }
            Run(30_000);
            // A collection of another test's may leave the rest of this thread's room behind, which counts as
            // allocated; what a sample allocates is there each time.
            Enumerable.Range(0, 3).Min(_ => Run(30_000)).ShouldBe(0, $"a sample each {step} µs, {length} a call");
        }
    }

    [Fact]
    public void What_is_no_state_is_refused()
    {
        var accumulator = Of(SampleSemantics.Instant);
        accumulator.Accumulate([new(0, 1), new(20 * Second, 5), new(16 * Second, 5)], scratch);
        var bytes = accumulator.Save();
        Restore(bytes).Save().ShouldBe(bytes);
        for (var cut = 0; cut < bytes.Length; cut++)
            Should.Throw<InvalidDataException>(() => Restore(bytes[..cut]), $"cut at {cut}");
        Should.Throw<InvalidDataException>(() => Restore([.. bytes, 0])).Message.ShouldContain("1 bytes follow");
        Should.Throw<InvalidDataException>(() => Restore([1, .. bytes[1..]])).Message.ShouldContain("layout 1");

        static CurveAccumulator Restore(byte[] bytes) =>
            CurveAccumulator.Restore(new(SampleSemantics.Instant, Second), Grid, bytes);
    }

    /// <summary>What is computed several at a time is the same one by one: a processor without vectors says so, of a
    /// tenth of the samples every day, because where it is not the same hardly a sample is.</summary>
    [Fact]
    public void Without_vector_instructions_the_integral_is_the_same()
    {
        const string inChild = "LEDGER_WITHOUT_VECTORS";
        if (Environment.GetEnvironmentVariable(inChild) is not null)
        {
            System.Numerics.Vector.IsHardwareAccelerated.ShouldBeFalse();
            return;
        }
        var start = new System.Diagnostics.ProcessStartInfo("dotnet", [
            typeof(CurveAccumulatorTests).Assembly.Location, "-class", typeof(CurveAccumulatorTests).FullName!])
        {
            RedirectStandardOutput = true,
            Environment = { [inChild] = "1", ["DOTNET_EnableHWIntrinsic"] = "0", ["LEDGER_MUTATING"] = "1" },
        };
        using var child = System.Diagnostics.Process.Start(start)!;
        var output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        child.ExitCode.ShouldBe(0, output);
    }

    private static CurveAccumulator Of(SampleSemantics semantics) => new(new(semantics, Second), Grid);
}
