using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

public class IntervalRecordTests
{
    private static readonly Instant Now = Instant.FromUnixTimeSeconds(10_000);
    private static readonly IntervalRecorded First = Record(0, 900, wattHours: 5);

    [Fact]
    public void The_first_record_is_version_1_and_the_same_again_is_already_recorded()
    {
        var state = Evolve(IntervalRecordsState.Empty, First with { Version = 7 });
        state.Latest[First.Period.Start].Version.ShouldBe(1);
        IntervalRecords.Decide(state, First with { Gaps = [.. First.Gaps], Evidence = Digest('b') }, Now)
            .ShouldBeOfType<Decision.AlreadyRecorded>();
    }

    [Fact]
    public void Late_data_make_the_next_version_and_say_by_how_much_it_differs()
    {
        var state = Evolve(IntervalRecordsState.Empty, First);
        state = Evolve(state, Record(0, 900, wattHours: 7));
        var latest = state.Latest[First.Period.Start];
        latest.Version.ShouldBe(2);
        latest.Reason.ShouldBe("late data: import +0.002000000000 kWh, export +0.000000000000 kWh");
        IntervalRecords.Evolve(state, First).ShouldBe(state);
    }

    [Fact]
    public void A_version_says_why_it_is_there()
    {
        var state = Evolve(IntervalRecordsState.Empty, First);
        Evolve(state, First with { Samples = 3 }).Latest[First.Period.Start].Reason
            .ShouldBe("same energy, other detail");
        Evolve(state, First with { Samples = 3, Reason = "meter changed" }).Latest[First.Period.Start].Reason
            .ShouldBe("meter changed");
        var exported = Evolve(state, First with { Export = Energy.FromWattHours(3) });
        Evolve(exported, First with { Export = Energy.FromWattHours(1) }).Latest[First.Period.Start].Reason
            .ShouldBe("late data: import +0.000000000000 kWh, export -0.002000000000 kWh");
        // Of one version the first fact stands.
        IntervalRecords.Evolve(state, First with { Samples = 9 }).ShouldBe(state);
    }

    [Fact]
    public void Provisional_becomes_final_once_and_final_does_not_go_back()
    {
        var state = Evolve(IntervalRecordsState.Empty, First with { State = IntervalRecordState.Provisional });
        state = Evolve(state, First);
        state.Latest[First.Period.Start].ShouldSatisfyAllConditions(
            r => r.Version.ShouldBe(2), r => r.Reason.ShouldBe("same energy, now Final"));
        IntervalRecords.Decide(state, First with { State = IntervalRecordState.Provisional }, Now)
            .ShouldBeOfType<Decision.AlreadyRecorded>();
    }

    [Fact]
    public void A_record_bears_what_the_integral_proves()
    {
        var integral = PowerCurve.Integrate(
            [new(0, 3_600_000), new(1_000_000, 3_600_000)], [First.Period], Duration.FromSeconds(2))[0];
        var record = IntervalRecords.From(
            First.Point, integral, IntervalRecordState.Final, 0, 0, ReadingQuality.Measured, First.Evidence);
        record.Import.ShouldBe(Energy.FromWattHours(1));
        record.CoveredMicroseconds.ShouldBe(1_000_000);
        record.Gaps.Count.ShouldBe(1);
    }

    [Fact]
    public void Master_data_that_say_nothing_new_are_already_recorded_and_changed_ones_are_a_new_fact()
    {
        var point = new SettlementPointRegistered(new("P"), new("S"), SettlementPointKind.Connector, new("O"),
            "Asia/Shanghai", 15, Power.FromKilowatts(1000), true);
        var state = SettlementPoint.Evolve(SettlementPointState.Empty, point, Now);
        SettlementPoint.Decide(state, point, Now).ShouldBeOfType<Decision.AlreadyRecorded>();
        SettlementPoint.Decide(state, point with { PeriodMinutes = 5 }, Now)
            .ShouldBeOfType<Decision.Accepted>().Facts[0].Evidence.ShouldBe(new EvidenceKey("point/P/2"));
    }

    private static IntervalRecordsState Evolve(IntervalRecordsState state, IntervalRecorded candidate) =>
        IntervalRecords.Decide(state, candidate, Now).ShouldBeOfType<Decision.Accepted>()
            .Facts.Aggregate(state, (s, f) => IntervalRecords.Evolve(s, f.Event));

    private static IntervalRecorded Record(long from, long to, long wattHours) => new(
        new SettlementPointId("P1"), new Interval(Instant.FromUnixTimeSeconds(from), Instant.FromUnixTimeSeconds(to)),
        1, IntervalRecordState.Final, Energy.FromWattHours(wattHours), Energy.Zero, Power.Zero, Power.Zero, 0, 0,
        [new CurveGap(new Interval(Instant.FromUnixTimeSeconds(from), Instant.FromUnixTimeSeconds(to)))],
        2, 0, 0, 0, 0, ReadingQuality.Measured, null, Digest('a'));

    private static EvidenceDigest Digest(char digit) => new(new string(digit, 64));
}
