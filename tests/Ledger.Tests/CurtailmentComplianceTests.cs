using CsCheck;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The view gives the domain's verdict, whatever the order in which the facts came.</summary>
public sealed class CurtailmentComplianceTests
{
    private static readonly Instant Start = Instant.FromUtc(2026, 7, 1, 10, 0);
    private static readonly InstructionId Id = new("V2G-1");
    private static readonly SettlementPointId[] Points = [new("C1"), new("C2"), new("C3"), new("C4")];
    private static readonly EvidenceDigest Digest = new(new string('a', 64));
    private static readonly Principal By = new("test", new PartyId("cpo"), new HashSet<string>());

    private static DispatchInstructed Order(InstructionKind kind, int minutes = 30) => new(
        Id, kind, new("grid"), Start - Duration.FromMinutes(5),
        new Interval(Start, Start + Duration.FromMinutes(minutes)),
        [.. Points.Select(point => new InstructionTarget(point, Power.FromKilowatts(400)))],
        Power.FromKilowatts(4), 0, 1.5m, 3m, null, null);

    private static IntervalRecorded Quarter(int point, int number, long wattHours, int version = 1)
    {
        var from = Start + Duration.FromMinutes(15 * number);
        return new(Points[point], new Interval(from, from + Duration.FromMinutes(15)), version,
            IntervalRecordState.Final, Energy.Zero, Energy.FromWattHours(wattHours), Power.FromKilowatts(-400),
            Power.Zero,
            900_000_000, 0, [], 900, 0, 0, 0, 0, ReadingQuality.Measured, null, Digest);
    }

    /// <summary>A quarter hour at nearly one power, maybe without its first five minutes.</summary>
    private static IntervalRecorded Charging(int point, int number, int kilowattHours, bool isWhole)
    {
        var record = Quarter(point, number, 0, version: isWhole ? 5 : 6);
        return record with
        {
            Import = Energy.FromWattHours(kilowattHours * 1000L),
            Minimum = Power.Zero,
            Maximum = Power.FromKilowatts(4 * kilowattHours + 10),
            Gaps = isWhole ? [] : [new(new(record.Period.Start, record.Period.Start + Duration.FromMinutes(5)))],
        };
    }

    private static IntervalRecorded Suspect(IntervalRecorded record) =>
        record with { Quality = ReadingQuality.Suspect, ClockOffsetMicroseconds = -4_000_000 };

    private static ChargingFactRecorded NoVehicle(int point, int minutes) => new(
        Points[point], new Interval(Start, Start + Duration.FromMinutes(minutes)), ShortfallReason.NoVehicle, "charger",
        null);

    private static IntervalRecorded Gapped(IntervalRecorded record) =>
        record with { Gaps = [new(new(record.Period.Start, record.Period.Start + Duration.FromSeconds(20)))] };

    private static SettlementPointRegistered Registered(SettlementPointId point) => Registered(point, Rated);

    private static SettlementPointRegistered Registered(SettlementPointId point, Power rated) => new(
        point, new("S1"), SettlementPointKind.Connector, new("cpo"), "Asia/Shanghai", 15, rated, true);

    private static readonly Power Rated = Power.FromKilowatts(500);

    /// <summary>What points shall be rated for once the call is over, or from amid it on.</summary>
    private static readonly Power Planned = Power.FromKilowatts(50), Amid = Power.FromKilowatts(60);

    private static Instant ValidFrom(LedgerEvent fact) => fact is not SettlementPointRegistered point ? Start
        : point.Rated == Planned ? Start + Duration.FromDays(180)
        : point.Rated == Amid ? Start + Duration.FromMinutes(1) : Start - Duration.FromDays(1);

    private static ChargingStateRecorded State(int point, int minute, int kind) => new(
        Points[point], Start + Duration.FromMinutes(minute), kind > 0, kind > 1 ? 100 * kind : null, null,
        kind > 2 ? Power.FromKilowatts(100 * kind) : null, kind == 5 ? "contactor" : null, $"s{kind}");

    private static InstructionClockRecorded Received(int point) =>
        new(Id, Points[point], InstructionClock.Received, Start - Duration.FromMinutes(4), "gateway");

    private static InstructionAnswer Judged(IEnumerable<LedgerEvent> facts)
    {
        var journal = new InMemoryJournal();
        foreach (var (fact, n) in facts.Select((fact, n) => (fact, n)))
            journal.AppendAsync("s", ExpectedRevision.Any,
                [NewFact.At(fact, ValidFrom(fact), new EvidenceKey($"n{n}"))], By, null, default).AsTask().Wait();
        var views = new MemoryViews();
        new ProjectionRunner(journal, views, StandardProjections.All, journal.Decode).CatchUpAsync(default).Wait();
        return new Answers(views).Instruction(Id).ShouldNotBeNull();
    }

    [Fact]
    public void Every_target_gets_its_verdict_with_reasons_and_the_instruction_its_denominators()
    {
        var answer = Judged([
            Quarter(0, 0, 100_000), NoVehicle(1, 30), Order(InstructionKind.Export), Quarter(0, 1, 100_000),
            Quarter(1, 0, 0), Quarter(1, 1, 0), Suspect(Quarter(2, 0, 100_000)), Quarter(2, 1, 100_000), Received(2)]);
        var text = string.Join('\n',
            answer.Targets.Select(t => $"{t.Point} {t.Verdict}: {string.Join("\n  ", t.Reasons)}"));
        text.ShouldBe("""
            C1 Kept: 
            C2 Excused: exported 200.000000 kWh less than ordered, of which recorded facts excuse 200.000000 kWh
              recorded by charger: no vehicle from 2026-07-01T10:00:00Z to 2026-07-01T10:30:00Z
            C3 Unproven: 900 s of 1800 s is suspect: clock 4 s off
              received, not acknowledged
            C4 Unproven: silent: no message and no data
            """);
        var tally = answer.Instruction.Tally;
        (tally.Instructed, tally.Eligible, tally.Kept, tally.Excused, tally.Unproven).ShouldBe((4, 3, 1, 1, 2));
        (tally.Payment, tally.Penalty, tally.Net).ShouldBe((450m, 0m, 450m)); // 200 + 100 kWh delivered at 1.5
        answer.Targets[2].Clocks.ShouldHaveSingleItem().Source.ShouldBe("gateway");
    }

    [Fact]
    public void A_late_version_restates_a_withdrawal_cuts_and_a_claim_improves_nothing()
    {
        LedgerEvent[] shortfall = [Order(InstructionKind.Export), Quarter(0, 0, 60_000), Quarter(0, 1, 0)];
        var broken =
            Judged([.. shortfall, new ReasonClaimed(Id, Points[0], ShortfallReason.Safety, new("cpo"))]).Targets[0];
        broken.Verdict.ShouldBe(ComplianceVerdict.PartlyKept);
        broken.Reasons.ShouldBe(["exported 140.000000 kWh less than ordered", "not received: no clock is recorded",
            "claimed by cpo without evidence: safety"]);
        broken.Claimed.Single().Reason.ShouldBe(ShortfallReason.Safety);
        broken.Supported.ShouldBeEmpty();
        (broken.Payment, broken.Penalty, broken.Net).ShouldBe((90m, 420m, -330m));
        Judged([.. shortfall, Quarter(0, 0, 100_000, 2), Quarter(0, 1, 100_000, 2), Quarter(0, 0, 60_000)]).Targets[0]
            .Verdict.ShouldBe(ComplianceVerdict.Kept);
        var withdrawn = Judged([.. shortfall, new InstructionWithdrawn(Id, Start, "storm")]);
        withdrawn.Instruction.Tally.Excused.ShouldBe(4);
        withdrawn.Targets[0].Reasons.ShouldBe(["withdrawn at 2026-07-01T10:00:00Z, before it began"]);
    }

    /// <summary>A call of five minutes in a quarter hour in which a vehicle came as soon as it was over: it charged ten
    /// minutes, and what the record has proves nothing of the five before.</summary>
    [Fact]
    public void Who_came_when_the_call_was_over_is_known_to_the_record_that_reaches_beyond_it()
    {
        var record = Quarter(0, 0, 0) with
        {
            Import = Energy.FromWattHours(16_000),
            Minimum = Power.Zero,
            Maximum = Power.FromKilowatts(100),
        };
        LedgerEvent[] facts =
        [
            Order(InstructionKind.Export, minutes: 5), State(0, -10, 0), record,
            State(0, 5, 1) with { At = Start + Duration.FromSeconds(310) },
        ];
        for (var first = 0; first < facts.Length; first++) // so that each comes last once
        {
            var target = Judged([.. facts[first..], .. facts[..first]]).Targets[0];
            (target.Verdict, target.Penalty).ShouldBe((ComplianceVerdict.Excused, 0m));
        }
    }

    /// <summary>A cap of 100 kW, and a quarter hour with 10 kWh that lacks five minutes: a point of 350 kW may have had
    /// 29 kWh in them, and one of 50 kW not five.</summary>
    [Fact]
    public void A_gap_may_hide_what_the_point_was_rated_for_when_the_call_began()
    {
        var record = Quarter(0, 0, 0) with
        {
            Import = Energy.FromWattHours(10_000),
            Minimum = Power.Zero,
            Maximum = Power.FromKilowatts(60),
            Gaps = [new(new(Start, Start + Duration.FromMinutes(5)))],
        };
        var order = Order(InstructionKind.Curtail, minutes: 15) with
        {
            Targets = [new(Points[0], Power.FromKilowatts(100))],
        };
        ComplianceVerdict Of(params Power[] rated) =>
            Judged([order, record, .. rated.Select(power => Registered(Points[0], power))]).Targets[0].Verdict;
        Of(Planned).ShouldBe(ComplianceVerdict.Kept); // before the first the first holds
        Of(Rated, Planned).ShouldBe(ComplianceVerdict.Unproven);
        Of(Planned, Rated).ShouldBe(ComplianceVerdict.Unproven);
        Of(Amid, Rated).ShouldBe(ComplianceVerdict.Unproven);
    }

    [Fact]
    public void The_view_says_what_the_domain_says_in_every_order_of_facts()
    {
        var free = Gen.OneOf(
            Gen.Select(Gen.Int[0, 3], Gen.Int[0, 2], Gen.Int[0, 110], Gen.Int[1, 3],
                (point, n, kwh, version) => (LedgerEvent)Quarter(point, n, kwh * 1000L, version)),
            Gen.Select(Gen.Int[0, 3], Gen.Int[0, 1], (point, n) => (LedgerEvent)Suspect(Quarter(point, n, 100_000, 4))),
            Gen.Select(Gen.Int[0, 3], Gen.Int[1, 40], (point, minutes) => (LedgerEvent)NoVehicle(point, minutes)),
            Gen.Select(Gen.Int[0, 3], Gen.OneOf(Gen.Int[-8, 60], Gen.Int[-1460, -1410]), Gen.Int[0, 5],
                (point, minute, kind) => (LedgerEvent)State(point, minute, kind)),
            Gen.Select(Gen.Int[0, 3], Gen.Int[0, 1], Gen.Int[0, 100], (point, n, kwh) =>
                (LedgerEvent)Gapped(Quarter(point, n, kwh * 1000L, 3))),
            Gen.Select(Gen.Int[0, 3], Gen.Int[0, 1], Gen.Int[0, 110], Gen.Bool,
                (point, n, kwh, isWhole) => (LedgerEvent)Charging(point, n, kwh, isWhole)));
        var kinds = Gen.Bool.Select(export => export ? InstructionKind.Export : InstructionKind.Curtail);
        // Records reach beyond the end of a call that does not end with them.
        var ends = Gen.Int[0, 2].Select(which => new[] { 30, 25, 5 }[which]);
        Gen.Select(free.List[0, 25], kinds, ends, Gen.Int[0, 25], Gen.Bool).Sample((facts, kind, end, at, withdraw) =>
        {
            List<LedgerEvent> known = [.. facts.DistinctBy(fact => fact is IntervalRecorded r
                ? $"{r.Point} {r.Period} {r.Version}" : $"{fact}")];
            if (at % 2 == 0) known.AddRange(Points.Select(Registered));
            if (at % 3 == 0) known.AddRange(Points.Select(point => Registered(point, at % 4 < 2 ? Planned : Amid)));
            LedgerEvent[] instruction = [Order(kind, end), Received(1), .. withdraw
                ? [new InstructionWithdrawn(Id, Start + Duration.FromMinutes(20), "storm")]
                : Array.Empty<LedgerEvent>()];
            at = Math.Min(at, known.Count);
            var answer = Judged([.. known[..at], .. instruction, .. known[at..]]);
            var expected = Compliance.Judge(Order(kind, end), withdraw ? Start + Duration.FromMinutes(20) : null,
                new([Received(1)], [.. known.OfType<IntervalRecorded>()], [.. known.OfType<ChargingFactRecorded>()], [])
                {
                    States = [.. known.OfType<ChargingStateRecorded>()],
                    // In force when the call begins, and before the first the first.
                    Rated = known.OfType<SettlementPointRegistered>().GroupBy(point => point.Point)
                        .ToDictionary(point => point.Key, point => point.MinBy(ValidFrom)!.Rated),
                });
            answer.Instruction.Tally.ShouldBe(expected.Tally);
            foreach (var (row, verdict) in answer.Targets.Zip(expected.Targets))
            {
                (row.Point, row.Verdict, row.Delivered, row.Deficiency, row.Excess, row.Net)
                    .ShouldBe((verdict.Point.Value,
                    verdict.Verdict, verdict.Delivered, verdict.Deficiency, verdict.Excess, verdict.Worth?.Net));
                row.Reasons.ShouldBe(verdict.Reasons);
                (row.Bounds, row.Reach, row.Connection, row.EligibleMilliwatts).ShouldBe(
                    (verdict.Bounds, verdict.Reach, verdict.Connection, verdict.EligiblePower.Milliwatts));
                row.UnmeasuredMicroseconds.ShouldBe(verdict.Unmeasured.ToInt64Nanoseconds() / 1000);
                row.UnrecordedMicroseconds.ShouldBe(verdict.Unrecorded == verdict.Unmeasured
                    ? null : verdict.Unrecorded.ToInt64Nanoseconds() / 1000);
                verdict.Unrecorded.ShouldBeLessThanOrEqualTo(verdict.Unmeasured);
            }
        }, iter: 200, seed: "0001oU2H2wP1", threads: 1);
    }
}
