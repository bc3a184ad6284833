using CsCheck;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A host of very many connectors asks each of them only when something may be due. What it is told then is what one
/// that asks each of them always is told.
/// </summary>
public sealed class ConnectorHostLawTests
{
    private const long Second = 1_000_000, Start = 1_767_225_600 * Second; // 2026-01-01, a quarter hour's start
    private static readonly CurveGrid Grid = new(0, 900 * Second);
    private static readonly SampleDeclaration Declared = new(SampleSemantics.Instant, 10 * Second);

    /// <summary>What happens to a connector: samples some seconds after the ones before (or, where negative, late),
    /// with a clock that is right or ahead, a register that is read, a number that is missing or comes, or only
    /// time.</summary>
    private sealed record Happening(int Kind, int Seconds, int Samples, long Power);

    private static readonly Gen<Happening[]> Lives = Gen.Select(
        Gen.Frequency((12, Gen.Const(0)), (2, Gen.Const(1)), (1, Gen.Const(2)), (1, Gen.Const(3)), (2, Gen.Const(4)),
            (1, Gen.Const(5))),
        Gen.Frequency((8, Gen.Int[1, 200]), (2, Gen.Int[-2000, 0]), (1, Gen.Int[1000, 100_000])), Gen.Int[1, 40],
        Gen.Long[-1_000_000, 1_000_000], (kind, seconds, samples, power) =>
            new Happening(kind, seconds, samples, power)).Array[1, 60];

    [Fact]
    public void Asking_only_when_something_may_be_due_misses_nothing() => Lives.Sample(life =>
    {
        var (always, sometimes, scratch) = (new Host(), new Host(), new CurveScratch());
        var (at, now) = (Start, Start);
        foreach (var happening in life)
        {
            now += Math.Abs(happening.Seconds) * Second;
            var from = happening.Seconds > 0 ? at : Math.Max(Start, at + happening.Seconds * Second);
            foreach (var host in (Host[])[always, sometimes]) host.Happens(happening, from, now, scratch);
            if (happening.Kind == 0 && happening.Seconds > 0) at += happening.Seconds * Second;
            always.Ask(now, scratch);
            if (sometimes.Curve.MayHaveStep(now)) sometimes.Ask(now, scratch);
        }
        sometimes.Told.ShouldBe(always.Told);
        sometimes.Curve.Save().ShouldBe(always.Curve.Save());
    }, iter: LongRun.Samples / 10);

    [Fact]
    public void Before_it_wakes_time_changes_nothing() => Lives.Sample(life =>
    {
        var (host, scratch, at, now) = (new Host(), new CurveScratch(), Start, Start);
        foreach (var happening in life)
        {
            now += Math.Abs(happening.Seconds) * Second;
            host.Happens(happening, at, now, scratch);
            if (happening.Kind == 0 && happening.Seconds > 0) at += happening.Seconds * Second;
            host.Ask(now, scratch);
            host.Ask(now, scratch); // a silence that is passed over may make earlier late samples due
            if (host.Curve.WakesAt is not (> Start and < long.MaxValue)) continue;
            var (before, told) = (host.Curve.Save(), host.Told.Count);
            host.Curve.Advance(host.Curve.WakesAt - 1, scratch);
            host.Ask(host.Curve.WakesAt - 1, scratch);
            host.Told.Count.ShouldBe(told);
            host.Curve.Save().ShouldBe(before);
        }
    }, iter: LongRun.Samples / 10);

    [Fact]
    public void A_connector_that_never_spoke_never_wakes() =>
        new Host().Curve.ShouldSatisfyAllConditions(curve => curve.WakesAt.ShouldBe(long.MaxValue),
            curve => curve.MayHaveStep(long.MaxValue).ShouldBeFalse());

    [Fact]
    public void The_extent_of_samples_is_that_of_their_times()
    {
        PowerSample[] samples = [new(7, 1), new(3, 2), new(9, 3), new(4, 4)];
        TimeExtent.Of(samples).ShouldBe(new TimeExtent(3, 9));
        TimeExtent.Of(samples.AsSpan(1, 1)).ShouldBe(new TimeExtent(3, 3));
    }

    private sealed class Host
    {
        public ConnectorCurve Curve { get; } = new(Declared, Grid);
        public List<string> Told { get; } = [];

        public void Happens(Happening happening, long from, long now, CurveScratch scratch)
        {
            var clock = happening.Samples % 3 == 0 ? new ClockEstimate(happening.Samples * 1000, 0, 5) : default;
            switch (happening.Kind)
            {
                case 0:
                    Curve.Accumulate([.. Enumerable.Range(0, happening.Samples).Select(i =>
                        new PowerSample(from + i * 5 * Second, happening.Power + i))], clock, now, scratch);
                    break;
                case 1:
                    Curve.RegisterRead(from);
                    break;
                case 2:
                    Curve.Missing(GapCause.Lost, from, from + 10 * Second, happening.Samples % 2);
                    break;
                case 3:
                    Curve.Found(from - 100 * Second, from + 100 * Second, 1);
                    break;
                case 4:
                    Curve.Advance(now, scratch);
                    break;
                default:
                    Curve.Accumulate([new(Start - 1_000_000_000 * Second, happening.Power)], clock, now, scratch);
                    break;
            }
        }

        public void Ask(long now, CurveScratch scratch)
        {
            while (Curve.TryTake(now, scratch, out var step))
                Told.Add($"{step.Step} {step.Period} {step.LateSamples} {step.MissingSequences} {step.Clock} "
                    + $"{step.Integral?.Import} {step.Integral?.Export} {step.Integral?.Samples} "
                    + string.Join(',', step.Integral?.Gaps ?? []));
        }
    }
}
