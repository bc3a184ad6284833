using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What is named as the cause of a period above its limit,
/// and that nothing is named without a record.</summary>
public sealed class LimitCauseTests
{
    static readonly Instant start = Instant.FromUtc(2026, 7, 1, 12, 0);
    static readonly Duration quarter = Duration.FromMinutes(15);

    [Fact]
    public void Connectors_that_began_to_charge_are_counted_and_one_that_went_on_is_not()
    {
        LimitCause.Of(Direction.Import, start,
            [
                Connector("C1", before: 0, now: 400), Connector("C2", before: 100, now: 350, idleBefore: true),
                Connector("C3", before: 300, now: 300), Connector("C4", before: 0, now: 0),
            ], [])
            .ShouldBe(["concurrent arrivals: 2 of 4 connectors began to charge, 750 kW in the mean"]);
        LimitCause.Of(Direction.Import, start, [Connector("C1", before: 0, now: 400)], [])
            .ShouldBe(["one arrival: 1 of 1 connectors began to charge, 400 kW in the mean"]);
    }

    [Fact]
    public void Storage_is_empty_only_where_a_fact_says_so()
    {
        var idle = Storage(import: 0, export: 0);
        Cause(idle).ShouldBe("storage gave nothing: B");
        Cause(Storage(import: 200, export: 0)).ShouldBe("storage charged: B, 200 kW in the mean");
        Cause(Storage(import: 0, export: 200)).ShouldBe("none recorded");
        Cause(idle with { Facts = [new(start, start + quarter, ShortfallReason.StateOfChargeFloor, "battery")] })
            .ShouldBe("storage empty: B, recorded by battery");
        Cause(idle with { During = null }).ShouldBe("none recorded");
    }

    [Fact]
    public void An_instruction_is_late_when_it_was_issued_or_acknowledged_after_the_fact()
    {
        var target = new CurtailmentCompliance.TargetRow("I", "C1", 0, ComplianceVerdict.Broken, [], [], [],
            Energy.Zero, Energy.Zero,
            Energy.Zero, Energy.Zero, Energy.Zero, 0, 0, null, null, null, [], EnergyBounds.Zero,
            InstructionReach.AcknowledgedLate, Connection.Unknown, 0);
        string Late(Instant issuedAt, InstructionReach reach) => LimitCause.Of(Direction.Import, start, [], [new(
            new("I", InstructionKind.Curtail, "dso", issuedAt, start, start + quarter, null, null, 0, 0, 0, 0, null,
                null,
                VerdictTally.Empty), [target with { Reach = reach }])]).Single();
        Late(start + Duration.FromSeconds(1), InstructionReach.Acknowledged)
            .ShouldBe("late instruction: I issued after the period began");
        Late(start - quarter, InstructionReach.AcknowledgedLate)
            .ShouldBe("late instruction: I acknowledged late at 1 of 1 targets");
        Late(start - quarter, InstructionReach.Acknowledged).ShouldBe("none recorded");
    }

    static string Cause(LimitCause.Behind storage) => LimitCause.Of(Direction.Import, start, [storage], []).Single();

    static LimitCause.Behind Connector(string id, int before, int now, bool idleBefore = false) => new(
        Point(id, SettlementPointKind.Connector), Record(id, start - quarter, before, 0, before == 0 || idleBefore),
        Record(id, start, now, 0, now == 0), []);

    static LimitCause.Behind Storage(int import, int export) => new(
        Point("B", SettlementPointKind.Storage), null, Record("B", start, import, export, true), []);

    static MasterData.PointRow Point(string id, SettlementPointKind kind) =>
        new(id, "S", kind, "cpo", "UTC", 15, 500_000_000, true, start);

    /// <summary>A record of mean powers in kW.</summary>
    static VerifiedExport.PeriodRow Record(string point, Instant from, int import, int export, bool idle) => new(
        point, from, from + quarter, null, 1, IntervalRecordState.Final, Energy.FromWattHours(export * 250),
        Energy.FromWattHours(import * 250), idle ? 0 : import * 1_000_000L, import * 1_000_000L, 900_000_000, 0,
        ReadingQuality.Measured, null, "");
}
