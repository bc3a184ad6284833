using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Verdicts by the text table, dispatch guards by precedence.</summary>
public sealed class ComplianceTests
{
    private static readonly Instant Start = Instant.FromUtc(2026, 7, 1, 10, 0);
    private static readonly SettlementPointId Point = new("C1");
    private static readonly EvidenceKey Key = new("k");
    private static readonly Interval Call = new(Start, Start + Duration.FromMinutes(30));

    private static DispatchInstructed Order(InstructionKind kind) => new(
        new("I1"), kind, new("grid"), Start - Duration.FromMinutes(5), Call,
        [new(Point, Power.FromKilowatts(100))], Power.FromKilowatts(4), 0, 1m, 2m, null, null);

    [Fact]
    public void Verdicts_read_like_rules()
    {
        var path = Path.Combine(AppContext.BaseDirectory, "Scenarios", "compliance.txt");
        foreach (var line in File.ReadLines(path).Where(l => l.Length > 0 && l[0] != '#'))
        {
            var w = line.Split([' ', '|'], StringSplitOptions.RemoveEmptyEntries);
            var kind = Enum.Parse<InstructionKind>(w[0]);
            var records = w.Skip(1).Take(2).Select((text, i) => (text, i)).Where(x => x.text != "-")
                .Select(x => x.text.EndsWith('?')
                    ? Record(kind, x.i, int.Parse(x.text[..^1])) with { Quality = ReadingQuality.Suspect }
                    : Record(kind, x.i, int.Parse(x.text))).ToList();
            var quarter = Duration.FromMinutes(15);
            Interval? covered = w[3] switch
            {
                "fact" or "fault" => Call,
                "first" => new(Start, Start + quarter),
                "second" => new(Start + quarter, Start + quarter + quarter),
                "minute" => new(Start, Start + Duration.FromMinutes(1)),
                _ => null,
            };
            List<ChargingFactRecorded> facts = covered is { } time
                ? [new(Point, time, w[3] == "fault" ? ShortfallReason.Fault : ShortfallReason.NoVehicle, "charger", null)]
                : [];
            List<ReasonClaimed> claims = w[3] == "claim"
                ? [new(new("I1"), Point, ShortfallReason.NoVehicle, new("cpo"))] : [];
            var verdict = Compliance.Judge(Order(kind), null, new([], records, facts, claims));
            verdict.Targets[0].Verdict.ShouldBe(Enum.Parse<ComplianceVerdict>(w[4]), line);
            verdict.Tally.Eligible.ShouldBe(w[4] == "Excused" ? 0 : 1, line);
        }
    }

    /// <summary>1 min at 400 kW, then 14 min at 100 kW: 30 kWh. A record does not say which minute that was.</summary>
    [Fact]
    public void A_ramp_is_left_out_and_reported_and_what_may_have_flowed_in_it_or_later_decides_nothing()
    {
        var order = Order(InstructionKind.Curtail) with { RampAllowanceMs = 60_000 };
        ComplianceVerdict Verdict(int meanKilowatts, int highestKilowatts)
        {
            var first = Record(InstructionKind.Curtail, 0, meanKilowatts) with
            {
                Maximum = Power.FromKilowatts(highestKilowatts),
            };
            var target = Compliance.Judge(
                order, null, new([], [first, Record(InstructionKind.Curtail, 1, 100)], [], [])).Targets[0];
            target.RampExcluded.ShouldBe(Duration.FromMinutes(1));
            return target.Verdict;
        }

        Verdict(120, 400).ShouldBe(ComplianceVerdict.Unproven);
        Verdict(120, 120).ShouldBe(ComplianceVerdict.PartlyKept); // whatever the minute had, the rest is too much
        Verdict(103, 400).ShouldBe(ComplianceVerdict.Kept); // no allowance was needed
    }

    [Fact]
    public void Every_clock_has_its_source_and_what_was_seen_on_the_curve_its_bound()
    {
        InstructionClockRecorded Clock(InstructionClock clock, int seconds, string source) =>
            new(new("I1"), Point, clock, Start + Duration.FromSeconds(seconds), source);
        var first = Record(InstructionKind.Export, 0, 100) with { ClockOffsetMicroseconds = -1_500_000 };
        var target = Compliance.Judge(Order(InstructionKind.Export), null, new(
            [Clock(InstructionClock.NinetyPercent, 2000, "meter"), Clock(InstructionClock.FirstMovement, 5, "meter"),
                Clock(InstructionClock.Acknowledged, -10, "charger"), Clock(InstructionClock.Received, -20, "gateway")],
            [first], [], [])).Targets[0];
        target.Reach.ShouldBe(InstructionReach.Acknowledged);
        target.Clocks.Select(step => (step.Clock, (step.At - Start).TotalSeconds, step.Source, step.Bound)).ShouldBe(
        [
            (null, -300, "grid", null), (InstructionClock.Received, -20, "gateway", null),
            (InstructionClock.Acknowledged, -10, "charger", null),
            (InstructionClock.FirstMovement, 5, "meter", Duration.FromMilliseconds(1500)),
            (InstructionClock.NinetyPercent, 2000, "meter", null),
        ]);
    }

    [Fact]
    public void Dispatch_guards_answer_in_order()
    {
        var order = Order(InstructionKind.Export);
        Code(Dispatch.Decide(DispatchState.Empty, order with { Targets = [], Period = new(Start, Start) }, Start, Key))
            .ShouldBe(Rejection.MissingField);
        Code(Dispatch.Decide(DispatchState.Empty, order with
        {
            Period = new(Start, Start),
            Targets = [new(Point, Power.Zero)]
        }, Start, Key)).ShouldBe(Rejection.IntervalEmpty);
        Code(Dispatch.Decide(DispatchState.Empty, order with { Targets = [new(Point, Power.Zero)] }, Start, Key))
            .ShouldBe(Rejection.NoQuantity);
        var state = Dispatch.Evolve(DispatchState.Empty, order);
        Dispatch.Decide(state, order with { Targets = [.. order.Targets] }, Start, Key)
            .ShouldBeOfType<Decision.AlreadyRecorded>();
        var received = new InstructionClockRecorded(new("I1"), Point, InstructionClock.Received, Start, "gateway");
        Code(Dispatch.Decide(DispatchState.Empty, received, Start, Key)).ShouldBe(Rejection.UnknownInstruction);
        Dispatch.Decide(state, received, Start, Key).ShouldBeOfType<Decision.Accepted>();
        state = Dispatch.Evolve(state, received);
        Code(Dispatch.Decide(state, received with
        {
            Clock = InstructionClock.Acknowledged,
            At = Start - Duration.FromSeconds(1)
        }, Start, Key)).ShouldBe(Rejection.ClockOutOfOrder);
    }

    private static IntervalRecorded Record(InstructionKind kind, int quarter, int kilowatts)
    {
        var from = Start + Duration.FromMinutes(15 * quarter);
        var energy = Energy.FromWattHours(kilowatts * 250L);
        var curtail = kind == InstructionKind.Curtail;
        return new(Point, new(from, from + Duration.FromMinutes(15)), 1, IntervalRecordState.Final,
            curtail ? energy : Energy.Zero, curtail ? Energy.Zero : energy,
            curtail ? Power.Zero : -Power.FromKilowatts(kilowatts),
            curtail ? Power.FromKilowatts(kilowatts) : Power.Zero,
            900_000_000, 0, [], 900, 0, 0, 0, 0, ReadingQuality.Measured, null, new(new string('0', 64)));
    }

    private static Rejection Code(Decision decision) => decision.ShouldBeOfType<Decision.Rejected>().Code;
}
