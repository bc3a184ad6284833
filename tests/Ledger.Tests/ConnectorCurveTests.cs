using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>From a connector's samples to the steps of its periods: provisional, final, derived again.</summary>
public sealed class ConnectorCurveTests
{
    private const long Second = 1_000_000, Start = 1_767_225_600 * Second; // 2026-01-01, a quarter hour's start
    private const long WattHourASecond = 3_600_000; // mW
    private static readonly CurveGrid Grid = new(0, 900 * Second);
    private static readonly SampleDeclaration Declared = new(SampleSemantics.Hold, Second);

    private readonly CurveScratch scratch = new();
    private readonly ConnectorCurve curve = new(Declared, Grid);

    [Fact]
    public void A_period_is_provisional_at_the_streams_own_watermark_and_final_between_registers()
    {
        Feed(0, 904);
        Steps(904).ShouldBeEmpty();
        Feed(905, 905);
        var step = Steps(905).ShouldHaveSingleItem();
        (step.Step, step.Period, step.LateSamples, step.MissingSequences)
            .ShouldBe((PeriodStep.Provisional, Period(0), 0, 0));
        step.Integral!.Import.ShouldBe(Energy.FromWattHours(900));
        (step.Integral.Samples, step.Integral.Gaps.Count).ShouldBe((900, 0));
        curve.RegisterRead(Start + 900 * Second);
        Steps(906).ShouldBeEmpty(); // the start's is missing
        curve.RegisterRead(Start);
        var final = Steps(906).ShouldHaveSingleItem();
        (final.Step, final.Period, final.Integral).ShouldBe((PeriodStep.Final, Period(0), null));
        Feed(906, 1805);
        curve.RegisterRead(Start + 1800 * Second);
        // What is complete when it closes is final at once.
        Steps(1805).ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            one => one.Step.ShouldBe(PeriodStep.Final), one => one.Integral.ShouldNotBeNull());
    }

    [Fact]
    public void A_missing_sequence_number_keeps_a_period_provisional_until_it_is_found_or_a_day_has_passed()
    {
        curve.RegisterRead(Start);
        curve.RegisterRead(Start + 2000 * Second);
        Feed(0, 100);
        curve.Missing(GapCause.Lost, Start + 100 * Second, Start + 110 * Second, sequences: 2);
        Feed(110, 950);
        curve.Missing(GapCause.Lost, Start + 950 * Second, Start + 951 * Second, sequences: 1);
        Feed(951, 1900);
        Steps(1900).Select(step => (step.Step, step.Period, step.MissingSequences)).ShouldBe(
            [(PeriodStep.Provisional, Period(0), 2), (PeriodStep.Provisional, Period(1), 1)]);
        curve.Found(Start + 100 * Second, Start + 110 * Second, 1);
        Steps(1901).ShouldBeEmpty();
        curve.Found(Start + 100 * Second, Start + 110 * Second, 1);
        Steps(1901).Select(step => (step.Step, step.Period, step.MissingSequences))
            .ShouldBe([(PeriodStep.Final, Period(0), 0)]);
        Steps(1800 + 86_399).ShouldBeEmpty();
        Steps(1800 + 86_400).Select(step => (step.Step, step.Period, step.MissingSequences))
            .ShouldBe([(PeriodStep.Final, Period(1), 1)]);
    }

    [Fact]
    public void Late_samples_have_their_period_derived_again_after_its_first_record()
    {
        Feed(0, 1000);
        Steps(1000).Count.ShouldBe(1);
        Add(100, 100);
        Add(950, 950);
        Steps(1001).Select(step => (step.Step, step.Period, step.LateSamples))
            .ShouldBe([(PeriodStep.DeriveAgain, Period(0), 1)]);
        Feed(1001, 1805);
        Steps(1805).Select(step => (step.Step, step.Period, step.LateSamples)).ShouldBe(
            [(PeriodStep.Provisional, Period(1), 0), (PeriodStep.DeriveAgain, Period(1), 1)]);
        curve.LateSamples.ShouldBe(2);
    }

    [Fact]
    public void A_stream_that_is_idle_is_complete_after_a_while_and_its_gap_silent()
    {
        Feed(0, 10);
        curve.Advance(At(10 + 89), scratch);
        curve.Watermark.ShouldBe(At(5));
        curve.Advance(At(10 + 90), scratch);
        curve.Watermark.ShouldBe(At(10));
        curve.Advance(At(989), scratch);
        Steps(989).ShouldBeEmpty();
        curve.Advance(At(990), scratch);
        Steps(990).ShouldHaveSingleItem().Integral!.Gaps.ShouldBe([Gap(10, 900, GapCause.Silent)]);
        // Of what nobody spoke in, nothing is told until somebody speaks again.
        curve.Advance(At(1890), scratch);
        Steps(1890).ShouldBeEmpty();
        Feed(1000, 1000);
        Steps(1891).Select(step => (step.Step, step.Period, step.Integral?.CoveredMicroseconds)).ShouldBe(
            [(PeriodStep.Provisional, Period(1), 0L), (PeriodStep.DeriveAgain, Period(1), null)]);
    }

    /// <summary>A sample that comes late just before an edge reaches the next period with its ramps only, and is not
    /// said to be of it.</summary>
    [Fact]
    public void A_late_sample_before_an_edge_tells_nothing_of_a_period_in_which_nobody_spoke()
    {
        Feed(0, 880);
        curve.Advance(At(2000), scratch);
        Steps(2000).ShouldHaveSingleItem().Period.ShouldBe(Period(0));
        Add(895, 895);
        Steps(2001).Select(step => (step.Step, step.Period, step.LateSamples))
            .ShouldBe([(PeriodStep.DeriveAgain, Period(0), 1)]);
        ConnectorCurve.Restore(Declared, Grid, curve.Save()).Save().ShouldBe(curve.Save());
        Add(900, 900);
        Steps(2002).Select(step => (step.Step, step.Period, step.LateSamples)).ShouldBe([
            (PeriodStep.Provisional, Period(1), 0), (PeriodStep.DeriveAgain, Period(0), 0),
            (PeriodStep.DeriveAgain, Period(1), 1)], ignoreOrder: true);
    }

    /// <summary>The last mean of a session covers the beginning of the next period; it is recorded although no sample
    /// stands in it. A mean that ends at an edge says nothing of what comes after.</summary>
    [Theory]
    [InlineData(SampleSemantics.MeanForward, 870, 2, 30)]
    [InlineData(SampleSemantics.MeanForward, 840, 1, 0)]
    [InlineData(SampleSemantics.MeanBack, 900, 1, 0)]
    [InlineData(SampleSemantics.Instant, 900, 2, 0)]
    public void What_the_last_mean_covers_is_recorded(
        SampleSemantics semantics, int lastSecond, int periods, int covered)
    {
        var minutes = new ConnectorCurve(new(semantics, 60 * Second), Grid);
        for (var second = lastSecond - 780; second <= lastSecond; second += 60)
            minutes.Accumulate(Samples(second, second), ClockEstimate.None, At(second), scratch);
        minutes.Advance(At(10_000), scratch);
        var steps = new List<CurvePeriod>();
        while (minutes.TryTake(At(10_000), scratch, out var step)) steps.Add(step);
        steps.Select(step => step.Period).ShouldBe(Enumerable.Range(0, periods).Select(Period));
        if (periods == 2) steps[1].Integral!.CoveredMicroseconds.ShouldBe(covered * Second);
    }

    [Fact]
    public void A_gap_names_the_cause_that_says_most()
    {
        Feed(0, 10);
        curve.Missing(GapCause.Reconnect, At(11), At(25));
        curve.Missing(GapCause.Lost, At(12), At(20), 2);
        Feed(30, 40);
        curve.Missing(GapCause.Clock, At(41), At(42));
        Feed(60, 70);
        curve.Missing(GapCause.PendingDrop, At(75), At(75));
        curve.Missing(GapCause.Lost, At(71), At(79), 1);
        Feed(80, 90);
        Feed(100, 905);
        Steps(905).ShouldHaveSingleItem().Integral!.Gaps.ShouldBe([
            Gap(10, 30, GapCause.Lost), Gap(40, 60, GapCause.Clock), Gap(70, 80, GapCause.PendingDrop),
            Gap(90, 100, GapCause.Silent)]);
    }

    /// <summary>What is missing over the edge of two periods is one gap: what explains its beginning explains it.
    /// </summary>
    [Fact]
    public void A_gap_over_the_edge_of_two_periods_has_one_cause()
    {
        Add(0, 890);
        curve.Missing(GapCause.PendingDrop, At(891), At(898));
        Add(905, 1840);
        var steps = Steps(1840);
        steps.Select(step => step.Integral!.Gaps.Single().Cause).ShouldBe([GapCause.PendingDrop, GapCause.PendingDrop]);
        var restored = ConnectorCurve.Restore(Declared, Grid, curve.Save());
        restored.Save().ShouldBe(curve.Save());
    }

    [Fact]
    public void Times_are_corrected_only_beyond_what_a_clock_may_be_off()
    {
        var off = new ClockEstimate(2 * Second, 5, 100);
        curve.Accumulate(Samples(2, 907), off, At(905), scratch);
        var kept = Steps(905).ShouldHaveSingleItem();
        kept.Integral!.Gaps.ShouldBe([Gap(0, 2, GapCause.Silent)]);
        Record(kept).Quality.ShouldBe(ReadingQuality.Measured);
        foreach (var ahead in new[] { 3, -3 })
        {
            var other = new ConnectorCurve(Declared, Grid);
            foreach (var part in SamplePlacing.Place(
                Samples(ahead, ahead + 905), new(ahead * Second, 5, 100), At(905), At(905), out _))
                other.Accumulate(part.Samples, part.Clock, At(905), scratch);
            other.TryTake(At(905), scratch, out var step).ShouldBeTrue();
            step.Integral!.Import.ShouldBe(Energy.FromWattHours(900));
            step.Integral.Gaps.ShouldBeEmpty();
            var record = Record(step);
            (record.Quality, record.ClockOffsetMicroseconds).ShouldBe((ReadingQuality.Suspect, ahead * Second));
            record.Stream.ShouldBe(new IntervalStream(SampleSemantics.Hold, Second, 0, 5, 100, 0));
        }
    }

    /// <summary>Of very many calls, each of other periods, a period has the largest offset and bound that were said of
    /// it, and the latest drift.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(60)]
    [InlineData(70)]
    [InlineData(700)]
    [InlineData(4000)]
    public void What_is_known_of_a_periods_clock_is_all_that_calls_said_of_it(int calls)
    {
        const int periods = 90;
        var random = new Random(calls);
        var said = new List<(int First, int Last, ClockEstimate Clock)>();
        for (var i = 0; i < calls; i++)
        {
            var (one, other) = (random.Next(periods), random.Next(periods));
            // The first says of all, so that each later sample comes behind it.
            var (first, last) = i == 0 ? (0, periods) : (Math.Min(one, other), Math.Max(one, other));
            var clock = new ClockEstimate((random.Next(2) * 2 - 1) * (1000 + random.Next(1000) * 5000L + i), i,
                random.Next(1_000_000));
            said.Add((first, last, clock));
            curve.Accumulate([.. Samples(first * 900 + 450, first * 900 + 450),
                .. Samples(last * 900 + 450, last * 900 + 450)], clock, At(periods * 900), scratch);
            if (i == calls / 2) ConnectorCurve.Restore(Declared, Grid, curve.Save()).Save().ShouldBe(curve.Save());
        }
        var told = Steps(periods * 900 + 10_000).Where(step => step.Integral is not null).ToList();
        told.Select(step => step.Period).ShouldBe(Enumerable.Range(0, periods).Select(Period));
        foreach (var (number, step) in told.Index())
        {
            var of = said.Where(one => one.First <= number && number <= one.Last).Select(one => one.Clock).ToList();
            step.Clock.ShouldBe(new(of.MaxBy(clock => Math.Abs(clock.AheadMicroseconds)).AheadMicroseconds,
                of[^1].DriftPpm, of.Max(clock => clock.BoundMicroseconds)), $"period {number}");
        }
    }

    /// <summary>Two samples make a call in seventeen bytes, so a block of the log has some hundred thousand of them.
    /// What is known of their clock costs what the samples cost, and not each call all calls before.</summary>
    [Fact]
    public void Very_many_calls_of_other_periods_each_cost_little()
    {
        const int calls = 100_000, periods = 366 * 96;
        TimeSpan Take(bool isKnown)
        {
            var (one, random) = (new ConnectorCurve(Declared, Grid), new Random(7));
            one.Accumulate(Samples(periods * 900, periods * 900), ClockEstimate.None, At(0), scratch);
            PowerSample[] two = [.. Samples(0, 0), .. Samples(0, 0)];
            var began = System.Diagnostics.Stopwatch.GetTimestamp();
            for (var i = 0; i < calls; i++)
            {
                var first = random.Next(periods);
                two[0] = two[0] with { AtMicroseconds = At(first * 900 + 1) };
                two[1] = two[1] with { AtMicroseconds = At(random.Next(first, periods) * 900 + 2) };
                one.Accumulate(two, isKnown ? new(1 + i, i, i) : ClockEstimate.None, At(0), scratch);
            }
            return System.Diagnostics.Stopwatch.GetElapsedTime(began);
        }

        TimeSpan Least(bool isKnown) => Enumerable.Range(0, 3).Min(_ => Take(isKnown));
        var (known, unknown) = (Least(true), Least(false));
        TestContext.Current.TestOutputHelper?.WriteLine($"{known} where something is known of the clock, {unknown} else");
        (known / unknown).ShouldBeLessThan(12);
    }

    /// <summary>However far apart two samples are, and whether anything was told before: of the periods between them
    /// nothing is known.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void After_a_silence_of_years_the_periods_between_are_not_told_one_by_one(int calls)
    {
        const int years = 11 * 365 * 96 * 900;
        PowerSample[] samples = [.. Samples(0, 0), .. Samples(years, years + 6)];
        foreach (var call in samples.Chunk(calls == 1 ? samples.Length : 1))
            curve.Accumulate(call, ClockEstimate.None, At(years + 6), scratch);
        Steps(years + 6).Select(step => (step.Period, step.Integral!.Samples)).ShouldBe([(Period(0), 1)]);
        curve.Advance(At(years + 2000), scratch);
        Steps(years + 2000).Select(step => (step.Period, step.Integral!.Samples))
            .ShouldBe([(Period(years / 900), 7)]);
    }

    /// <summary>While the first sample after a silence may still get one before it, in another period, none of the two
    /// periods is passed over.</summary>
    [Fact]
    public void What_speaks_again_at_an_edge_is_told_with_what_comes_before_it()
    {
        const int day = 2 * 86_400;
        Feed(0, 10);
        Add(day + 2, day + 2);
        Steps(day + 2).Select(step => step.Period).ShouldBe([Period(0)]);
        Add(day - 1, day - 1);
        Feed(day + 3, day + 905);
        Steps(day + 905).Select(step => (step.Period, step.Integral!.Samples))
            .ShouldBe([(Period(day / 900 - 1), 1), (Period(day / 900), 898)]);
    }

    /// <summary>A last mean reaches into a period of its own, which a silence does not take away.</summary>
    [Fact]
    public void What_a_mean_covers_before_a_silence_of_days_is_told()
    {
        var minutes = new ConnectorCurve(new(SampleSemantics.MeanForward, 60 * Second), Grid);
        foreach (var second in (int[])[870, 3 * 86_400, 3 * 86_400 + 60])
            minutes.Accumulate(Samples(second, second), ClockEstimate.None, At(second), scratch);
        var told = new List<(Interval, long)>();
        while (minutes.TryTake(At(3 * 86_400 + 60), scratch, out var step))
            told.Add((step.Period, step.Integral!.CoveredMicroseconds));
        told.ShouldBe([(Period(0), 30 * Second), (Period(1), 30 * Second)]);
    }

    [Fact]
    public void The_next_version_of_a_record_says_what_late_samples_changed()
    {
        Feed(0, 99);
        Feed(110, 905);
        var now = Instant.FromUnixTimeSeconds(Start / Second + 90_000);
        var state = Decided(IntervalRecordsState.Empty, Record(Steps(905)[0]), now);
        state.Latest[Period(0).Start].ShouldSatisfyAllConditions(
            record => record.Version.ShouldBe(1), record => record.Gaps.ShouldBe([Gap(99, 110, GapCause.Silent)]),
            record => record.Import.ShouldBe(Energy.FromWattHours(889)));
        Add(100, 109);
        var again = Steps(906).ShouldHaveSingleItem();
        again.Step.ShouldBe(PeriodStep.DeriveAgain);
        var integral = PowerCurve.Integrate(Samples(0, 905), [Period(0)], Declared)[0];
        state = Decided(state, Record(again with { Integral = integral }), now);
        state.Latest[Period(0).Start].ShouldSatisfyAllConditions(
            record => record.Version.ShouldBe(2), record => record.LateSamples.ShouldBe(10),
            record => record.Reason.ShouldBe("more of the period: import +0.011000000000 kWh, export +0.000000000000 kWh"));
    }

    [Fact]
    public void However_calls_are_cut_and_wherever_it_is_restored_the_steps_are_the_same() =>
        Gen.Select(StreamedCurves.Declarations, StreamedCurves.Curves, Gen.Int[0, 1_000_000])
            .Sample((declaration, curve, seed) =>
        {
            var grid = new CurveGrid(0, 15 * Second);
            var random = new Random(seed);
            PowerSample[] arrived = [.. StreamedCurves.Arrival(curve, 30 * Second, seed)
                .Select(sample => sample with { AtMicroseconds = sample.AtMicroseconds + Start })];
            var scratch = new CurveScratch();
            var (one, other) = (new ConnectorCurve(declaration, grid), new ConnectorCurve(declaration, grid));
            var (steps, others) = (new List<string>(), new List<string>());
            for (var i = 0; i < arrived.Length;)
            {
                var count = Math.Min(arrived.Length - i, random.Next(1, 30));
                one.Accumulate(arrived.AsSpan(i, count), ClockEstimate.None, Start, scratch);
                for (var each = i; each < i + count; each++)
                    other.Accumulate(arrived.AsSpan(each, 1), ClockEstimate.None, Start, scratch);
                i += count;
                if (random.Next(3) == 0) Mark(one, other, random);
                if (random.Next(3) == 0) other = ConnectorCurve.Restore(declaration, grid, other.Save());
                Take(one, steps, scratch);
                Take(other, others, scratch);
            }
            one.Advance(Start + 300 * Second, scratch);
            other.Advance(Start + 300 * Second, scratch);
            Take(one, steps, scratch);
            Take(other, others, scratch);
            others.ShouldBe(steps);
            one.Save().ShouldBe(other.Save());
        }, iter: LongRun.Samples / 10);

    private static void Mark(ConnectorCurve one, ConnectorCurve other, Random random)
    {
        var (cause, from, sequences) =
            ((GapCause)random.Next(1, 6), Start + random.NextInt64(60 * Second), random.Next(3));
        foreach (var each in new[] { one, other })
        {
            each.Missing(cause, from, from + Second, sequences);
            each.RegisterRead(from);
            if (sequences == 2) each.Found(from - 5 * Second, from, 1);
        }
    }

    private static void Take(ConnectorCurve curve, List<string> steps, CurveScratch scratch)
    {
        while (curve.TryTake(Start + 100 * Second, scratch, out var step))
            steps.Add($"{step with { Integral = null }} {(step.Integral is { } one ? one with { Gaps = [] } : null)} "
                + string.Join(' ', step.Integral?.Gaps ?? []));
    }

    private static IntervalRecordsState Decided(IntervalRecordsState state, IntervalRecorded record, Instant now) =>
        IntervalRecords.Decide(state, record, now).ShouldBeOfType<Decision.Accepted>()
            .Facts.Aggregate(state, (all, fact) => IntervalRecords.Evolve(all, fact.Event));

    private static IntervalRecorded Record(CurvePeriod step) =>
        step.ToRecord(new SettlementPointId("P1"), Declared, step.Integral!, new EvidenceDigest(new string('a', 64)));

    private List<CurvePeriod> Steps(int now)
    {
        var steps = new List<CurvePeriod>();
        while (curve.TryTake(At(now), scratch, out var step)) steps.Add(step);
        return steps;
    }

    /// <summary>A sample each second, in calls of at most seven.</summary>
    private void Feed(int from, int to)
    {
        for (var second = from; second <= to; second += 7) Add(second, Math.Min(to, second + 6));
    }

    private void Add(int from, int to) => curve.Accumulate(Samples(from, to), ClockEstimate.None, At(to), scratch);

    private static PowerSample[] Samples(int from, int to) =>
        [.. Enumerable.Range(from, to - from + 1).Select(second => new PowerSample(At(second), WattHourASecond))];

    private static long At(int second) => Start + second * Second;

    private static Interval Period(int number) => StreamedCurves.Between(At(number * 900), At(number * 900 + 900));

    private static CurveGap Gap(int from, int to, GapCause cause) =>
        new(StreamedCurves.Between(At(from), At(to)), cause);
}
