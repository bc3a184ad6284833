using CsCheck;
using Ledger.Domain;
using Ledger.Ingest.Fleet;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Simulation;
using Ledger.Ingest.Streaming;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A simulated fleet fed into a real engine: what is recorded is what flowed, to the half nanojoule, and what is
/// missing is named by a gap.
/// </summary>
public sealed class StreamSimulationTests
{
    private const int PeriodMinutes = 15;

    /// <summary>The clock of a simulation runs faster than the log writes, so no stream is taken for idle by
    /// it.</summary>
    private static readonly StreamOptions Unswept =
        new(new FrameLogOptions("")) { SweepEvery = Duration.FromDays(100) };

    /// <summary>Half an hour of twelve connectors behind three gateways.</summary>
    private static StreamPlan Plan(StreamFaults faults, int seed = 5) => new(seed, 12, 2, 2 * PeriodMinutes,
        Instant.FromUtc(2026, 3, 2, 8, 0))
    {
        Faults = faults,
        ConnectorsPerGateway = 4,
        ConnectorsPerStation = 2,
        JitterMs = 9,
    };

    public static TheoryData<string> Faults => [.. StreamFaultNames.All, "none", "all"];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task What_is_recorded_of_a_fleet_is_what_its_account_says(string name)
    {
        var faults = StreamFaults.None;
        if (name != "none") StreamFaultNames.TryParse(name, out faults).ShouldBeTrue();
        await HoldsAsync(Plan(faults));
    }

    [Fact]
    public void The_same_holds_for_any_faults_together() =>
        Gen.Select(Gen.Int[0, int.MaxValue], Gen.Int[0, (int)StreamFaultNames.Every]).Sample(
            (seed, faults) => HoldsAsync(Plan((StreamFaults)faults, seed)).GetAwaiter().GetResult(),
            iter: LongRun.Samples > 10_000 ? 500 : 4, threads: 1);

    private static async Task HoldsAsync(StreamPlan plan)
    {
        await using var town = await StreamTown.OpenAsync(0, Unswept);
        town.Clock.Now = plan.Start;
        await town.RegisterAsync(Enumerable.Range(0, plan.Connectors).Select(plan.PointOf));
        var fleet = new StreamFleet(plan);
        await FeedAsync(town, fleet);
        town.Clock.Now += Duration.FromMinutes(30);
        await town.SettleAsync();
        await town.SettleAsync();
        var records = (await town.LatestAsync()).ToLookup(record => record.Point);
        for (var connector = 0; connector < plan.Connectors; connector++)
        {
            var account = new ConnectorAccount(fleet.Stream(connector));
            var periods = records[plan.PointOf(connector)].Where(record => record.Period.Start >= plan.Start
                && record.Period.End <= plan.Start + Duration.FromMinutes(plan.Minutes)).ToList();
            periods.Count.ShouldBe(plan.Minutes / PeriodMinutes, $"{plan.PointOf(connector)} seed {plan.Seed}: "
                + string.Join(", ", records[plan.PointOf(connector)].Select(record => record.Period.Start)));
            foreach (var record in periods) Same(record, account.Of(record.Period), account, plan);
        }
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    private static void Same(
        IntervalRecorded record, FaultAccount expected, ConnectorAccount account, StreamPlan plan)
    {
        var where = $"{record.Point} {record.Period} seed {plan.Seed} {StreamFaultNames.Of(plan.Faults)}";
        (record.Import, record.Export).ShouldBe((expected.Proven.Import, expected.Proven.Export), where);
        (record.Samples, record.DuplicateSamples, record.ConflictingSamples)
            .ShouldBe((expected.Samples, expected.Duplicates, expected.Conflicts), where);
        // What flowed is what is recorded, what flowed in the gaps that it names, and what short gaps were bridged by.
        var (missing, bridged) = (Energy.Zero, Energy.Zero);
        foreach (var gap in expected.Gaps)
            if (gap.Bridged) bridged += gap.Energy.Import - gap.Counted.Import;
            else missing += gap.Energy.Import;
        (record.Import + missing + bridged).ShouldBe(expected.True.Import, where);
        // Gaps that follow each other for several causes are one gap of the record.
        var named = Joined(expected.Gaps.Where(gap => !gap.Bridged).Select(gap => gap.Missing));
        Joined(record.Gaps.Select(gap => gap.Missing)).ShouldBe(named, where);
        record.CoveredMicroseconds.ShouldBe(
            Micros(record.Period) - named.Sum(Micros), where);
        // After a stream's last frame no later number or connection tells what became of it.
        // What came late is derived again from a part of the log, which tells no cause that was not told before.
        if (record.LateSamples == 0)
            foreach (var gap in record.Gaps)
                if (gap.Missing.End < plan.Start + Duration.FromMinutes(plan.Minutes))
                    CauseHolds(gap, expected, $"{where}: {gap} of {string.Join(", ", expected.Gaps)}");
    }

    /// <summary>What a sender said itself, or its numbers prove, is the cause that a gap has.</summary>
    private static void CauseHolds(CurveGap gap, FaultAccount expected, string where)
    {
        var causes = expected.Gaps.Where(one => one.Missing.Start < gap.Missing.End
            && gap.Missing.Start < one.Missing.End).Select(one => one.Cause).ToList();
        if (causes.Contains(FaultCause.Outside)) return;
        if (causes.Contains(FaultCause.Shed)) gap.Cause.ShouldBe(GapCause.PendingDrop, where);
        else if (causes.Contains(FaultCause.LostFrame) && !causes.Contains(FaultCause.Reconnect))
            gap.Cause.ShouldBeOneOf([GapCause.Lost, GapCause.PendingDrop], where);
        else if (causes.Contains(FaultCause.Reconnect))
            gap.Cause.ShouldBeOneOf([GapCause.Reconnect, GapCause.Lost, GapCause.PendingDrop], where);
    }

    private static List<Interval> Joined(IEnumerable<Interval> gaps)
    {
        var joined = new List<Interval>();
        foreach (var gap in gaps)
            if (joined.Count > 0 && joined[^1].End == gap.Start) joined[^1] = new(joined[^1].Start, gap.End);
            else joined.Add(gap);
        return joined;
    }

    private static long Micros(Interval interval) =>
        PowerCurve.Microseconds(interval.End) - PowerCurve.Microseconds(interval.Start);

    /// <summary>Sends every frame at the instant of its arrival, each gateway's connection through a door of its
    /// own.</summary>
    private static async Task FeedAsync(StreamTown town, StreamFleet fleet)
    {
        var doors = new Dictionary<int, (int Session, StreamDoor Door)>();
        var buffer = new byte[DeliveredFrame.BytesMax];
        var last = default(ValueTask<FrameAddress>);
        foreach (var frame in StreamDelivery.Of(fleet).Frames())
        {
            if (!doors.TryGetValue(frame.Gateway, out var known) || known.Session != frame.Session)
            {
                known.Door?.Dispose();
                doors[frame.Gateway] = known = (frame.Session, town.Streams.Connect());
            }
            town.Clock.Now = frame.ReceivedAt;
            var bytes = buffer.AsMemory(0, frame.Write(buffer));
            while (known.Door.Take(bytes, out _, out last) == FrameTaken.Full) await Task.Delay(1);
        }
        await last;
        foreach (var (_, door) in doors.Values) door.Dispose();
    }
}
