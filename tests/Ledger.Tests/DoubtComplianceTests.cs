using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Doubts about verdicts: a kept order, or an excuse, that the records do not prove or even contradict.</summary>
public sealed class DoubtComplianceTests
{
    private static readonly Instant Start = Instant.FromUtc(2026, 7, 1, 10, 0);
    private static readonly SettlementPointId Point = new("C1");

    private static DispatchInstructed Order(InstructionKind kind, int fromMinute, int toMinute) => new(
        new("I1"), kind, new("grid"), Start - Duration.FromMinutes(5),
        new(Start + Duration.FromMinutes(fromMinute), Start + Duration.FromMinutes(toMinute)),
        [new(Point, Power.FromKilowatts(100))], Power.Zero, 0, 1m, 2m, null, null);

    private static IntervalRecorded Record(int importWh, int exportWh, int leastKw, int mostKw) => new(
        Point, new(Start, Start + Duration.FromMinutes(15)), 1, IntervalRecordState.Final,
        Energy.FromWattHours(importWh), Energy.FromWattHours(exportWh), Power.FromKilowatts(leastKw),
        Power.FromKilowatts(mostKw), 900_000_000, 0, [], 900, 0, 0, 0, 0, ReadingQuality.Measured, null,
        new(new string('0', 64)));

    private static ComplianceVerdict Verdict(DispatchInstructed order, IntervalRecorded record,
        params ChargingStateRecorded[] states) =>
        Compliance.Judge(order, null, new([], [record], [], []) { States = states }).Targets[0].Verdict;

    /// <summary>Ordered: 100 kW from 10:10 to 10:15. The quarter hour has 10 kWh of export at up to 100 kW: six minutes of
    /// it, which may all have ended at 10:06. Then nothing at all was exported during the call.</summary>
    [Fact]
    public void An_export_that_may_have_flowed_before_the_call_does_not_prove_it_kept()
    {
        var record = Record(0, 10_000, -100, 0);
        Verdict(Order(InstructionKind.Export, 10, 15), record).ShouldNotBe(ComplianceVerdict.Kept);
    }

    /// <summary>Capped at 100 kW from 10:10 to 10:15. The quarter hour has 70 kWh at up to 400 kW. If the five minutes of the
    /// call were at 400 kW, 33 kWh flowed there of 8.3 that were allowed.</summary>
    [Fact]
    public void An_import_that_may_have_flowed_during_the_call_does_not_prove_it_kept()
    {
        var record = Record(70_000, 0, 0, 400);
        Verdict(Order(InstructionKind.Curtail, 10, 15), record).ShouldNotBe(ComplianceVerdict.Kept);
    }

    /// <summary>Capped at 100 kW; the meter says 400 kW throughout, which only a vehicle can draw. The charger's own last word,
    /// months before, is that none is connected.</summary>
    [Fact]
    public void A_state_that_the_meter_contradicts_excuses_nothing()
    {
        var state = new ChargingStateRecorded(Point, Start - Duration.FromDays(90), false, null, null, null, null, "csms");
        Verdict(Order(InstructionKind.Curtail, 0, 15), Record(100_000, 0, 400, 400), state)
            .ShouldNotBe(ComplianceVerdict.Excused);
    }

    /// <summary>Ordered to export 100 kW and silent: no record at all. The charger's last word is three months old.</summary>
    [Fact]
    public void A_word_of_three_months_ago_does_not_excuse_who_is_silent_now()
    {
        var state = new ChargingStateRecorded(Point, Start - Duration.FromDays(90), false, null, null, null, null, "csms");
        Compliance.Judge(Order(InstructionKind.Export, 0, 15), null, new([], [], [], []) { States = [state] })
            .Targets[0].Verdict.ShouldNotBe(ComplianceVerdict.Excused);
    }
}
