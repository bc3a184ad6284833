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

    private static DispatchInstructed Order(InstructionKind kind) => new(
        Id, kind, new("grid"), Start - Duration.FromMinutes(5), new Interval(Start, Start + Duration.FromMinutes(30)),
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

    private static IntervalRecorded Suspect(IntervalRecorded record) =>
        record with { Quality = ReadingQuality.Suspect, ClockOffsetMicroseconds = -4_000_000 };

    private static ChargingFactRecorded NoVehicle(int point, int minutes) => new(
        Points[point], new Interval(Start, Start + Duration.FromMinutes(minutes)), ShortfallReason.NoVehicle, "charger",
        null);

    private static IntervalRecorded Gapped(IntervalRecorded record) =>
        record with { Gaps = [new(new(record.Period.Start, record.Period.Start + Duration.FromSeconds(20)))] };

    private static SettlementPointRegistered Registered(SettlementPointId point) => new(
        point, new("S1"), SettlementPointKind.Connector, new("cpo"), "Asia/Shanghai", 15, Power.FromKilowatts(500),
        true);

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
                [NewFact.At(fact, Start, new EvidenceKey($"n{n}"))], By, null, default).AsTask().Wait();
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

    [Fact]
    public void The_view_says_what_the_domain_says_in_every_order_of_facts()
    {
        var free = Gen.OneOf(
            Gen.Select(Gen.Int[0, 3], Gen.Int[0, 2], Gen.Int[0, 110], Gen.Int[1, 3],
                (point, n, kwh, version) => (LedgerEvent)Quarter(point, n, kwh * 1000L, version)),
            Gen.Select(Gen.Int[0, 3], Gen.Int[0, 1], (point, n) => (LedgerEvent)Suspect(Quarter(point, n, 100_000, 4))),
            Gen.Select(Gen.Int[0, 3], Gen.Int[1, 40], (point, minutes) => (LedgerEvent)NoVehicle(point, minutes)),
            Gen.Select(Gen.Int[0, 3], Gen.OneOf(Gen.Int[-8, 40], Gen.Int[-1460, -1410]), Gen.Int[0, 5],
                (point, minute, kind) => (LedgerEvent)State(point, minute, kind)),
            Gen.Select(Gen.Int[0, 3], Gen.Int[0, 1], Gen.Int[0, 100], (point, n, kwh) =>
                (LedgerEvent)Gapped(Quarter(point, n, kwh * 1000L, 3))));
        var kinds = Gen.Bool.Select(export => export ? InstructionKind.Export : InstructionKind.Curtail);
        Gen.Select(free.List[0, 25], kinds, Gen.Int[0, 25], Gen.Bool).Sample((facts, kind, at, withdraw) =>
        {
            List<LedgerEvent> known = [.. facts.DistinctBy(fact => fact is IntervalRecorded r
                ? $"{r.Point} {r.Period} {r.Version}" : $"{fact}")];
            if (at % 2 == 0) known.AddRange(Points.Select(Registered));
            LedgerEvent[] instruction = [Order(kind), Received(1), .. withdraw
                ? [new InstructionWithdrawn(Id, Start + Duration.FromMinutes(20), "storm")]
                : Array.Empty<LedgerEvent>()];
            at = Math.Min(at, known.Count);
            var answer = Judged([.. known[..at], .. instruction, .. known[at..]]);
            var expected = Compliance.Judge(Order(kind), withdraw ? Start + Duration.FromMinutes(20) : null,
                new([Received(1)], [.. known.OfType<IntervalRecorded>()], [.. known.OfType<ChargingFactRecorded>()], [])
                {
                    States = [.. known.OfType<ChargingStateRecorded>()],
                    Rated = known.OfType<SettlementPointRegistered>()
                        .ToDictionary(point => point.Point, point => point.Rated),
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
            }
        }, iter: 200, seed: "0001oU2H2wP1", threads: 1);
    }
}
