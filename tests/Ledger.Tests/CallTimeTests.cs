using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// What is said of a call before it is over: nobody is silent, and nothing unproven, of time to come; a breach that is
/// proven is said at once. The rows are the same whoever reads them when.
/// </summary>
public sealed class CallTimeTests
{
    private const string Ends = "not over yet: it ends at 2026-07-01T10:30:00Z";
    private static readonly Instant Start = Instant.FromUtc(2026, 7, 1, 10, 0);
    private static readonly Instant End = Start + Duration.FromMinutes(30);
    private static readonly InstructionId Id = new("V2G-1");
    private static readonly SettlementPointId Point = new("C1");
    private static readonly Principal By = new("test", new PartyId("cpo"), new HashSet<string>());

    private static DispatchInstructed Order(InstructionKind kind = InstructionKind.Export, long rampMs = 0) => new(
        Id, kind, new("grid"), Start - Duration.FromDays(1), new Interval(Start, End),
        [new(Point, Power.FromKilowatts(400))], Power.FromKilowatts(4), rampMs, 1.5m, 3m, null, null);

    /// <summary>A quarter hour that is measured.</summary>
    private static IntervalRecorded Quarter(int number, int exportWh = 0, int importWh = 0)
    {
        var from = Start + Duration.FromMinutes(15 * number);
        return new(Point, new Interval(from, from + Duration.FromMinutes(15)), 1, IntervalRecordState.Final,
            Energy.FromWattHours(importWh), Energy.FromWattHours(exportWh), Power.FromKilowatts(-4 * exportWh / 1000),
            Power.FromKilowatts(4 * importWh / 1000), 0, 0, [], 900, 0, 0, 0, 0, ReadingQuality.Measured, null,
            new(new string('a', 64)));
    }

    private static ChargingStateRecorded NobodyThere(int minute) => new(
        Point, Start + Duration.FromMinutes(minute), false, null, null, null, null, "charger");

    private static InstructionAnswer Recorded(params LedgerEvent[] facts)
    {
        var journal = new InMemoryJournal();
        foreach (var (fact, n) in facts.Select((fact, n) => (fact, n)))
            journal.AppendAsync("s", ExpectedRevision.Any,
                [NewFact.At(fact, Start, new EvidenceKey($"n{n}"))], By, null, default).AsTask().Wait();
        var views = new MemoryViews();
        new ProjectionRunner(journal, views, StandardProjections.All, journal.Decode).CatchUpAsync(default).Wait();
        return new Answers(views).Instruction(Id).ShouldNotBeNull();
    }

    private static (ComplianceVerdict Verdict, string Reasons) Said(InstructionAnswer answer, Instant at)
    {
        var target = answer.ReadAt(at).Targets.ShouldHaveSingleItem();
        return (target.Verdict, string.Join("; ", target.Reasons));
    }

    private static Instant Minute(int minute) => Start + Duration.FromMinutes(minute);

    [Fact]
    public void A_call_of_tomorrow_is_neither_unproven_nor_silent_and_at_its_end_it_is()
    {
        var call = Recorded(Order());
        Said(call, Start - Duration.FromHours(20)).ShouldBe(
            (ComplianceVerdict.NotOverYet, $"{Ends}; not received: no clock is recorded"));
        var tally = call.ReadAt(End - Duration.Epsilon).Instruction.Tally;
        (tally.Instructed, tally.Unproven, tally.NotOverYet()).ShouldBe((1, 0, 1));
        Said(call, End).ShouldBe((ComplianceVerdict.Unproven, "silent: no message and no data"));
        call.ReadAt(End).ShouldBeSameAs(call);
        call.Instruction.Tally.NotOverYet().ShouldBe(0);
    }

    /// <summary>The row has no clock, and its text has no word of it.</summary>
    [Fact]
    public void A_row_is_the_same_bytes_and_only_a_reading_says_how_many_are_not_over()
    {
        var call = Recorded(Order());
        RowJson.Write(call.Instruction).ShouldNotContain("notOver");
        RowJson.Write(call.ReadAt(Start).Instruction).ShouldContain("\"notOverYet\":1");
    }

    [Fact]
    public void What_is_measured_so_far_is_said_and_what_is_to_come_is_no_missing_data()
    {
        var call = Recorded(Order(), Quarter(0, 100_000));
        var running = call.ReadAt(Minute(20)).Targets[0];
        (running.Verdict, running.Delivered, running.UnmeasuredMicroseconds).ShouldBe(
            (ComplianceVerdict.NotOverYet, Energy.FromWattHours(100_000), 300_000_000L));
        Said(call, Minute(20)).Reasons.ShouldBe($"{Ends}; not received: no clock is recorded");
        Said(call, End).Reasons.ShouldBe("no data for 900 s of 1800 s; not received: no clock is recorded");
    }

    [Theory]
    [InlineData(InstructionKind.Export, 0, 0, "exported 100.000000 kWh less than ordered")]
    [InlineData(InstructionKind.Curtail, 0, 150_000, "imported 49.000000 kWh above cap and tolerance")]
    public void A_breach_that_is_proven_is_not_hidden_while_the_call_runs(
        InstructionKind kind, int exportWh, int importWh, string reason)
    {
        var call = Recorded(Order(kind), Quarter(0, exportWh, importWh));
        Said(call, Minute(16)).ShouldBe(
            (ComplianceVerdict.Broken, $"{Ends}; {reason}; not received: no clock is recorded"));
        var tally = call.ReadAt(Minute(16)).Instruction.Tally;
        (tally.Broken, tally.NotOverYet()).ShouldBe((1, 0));
        call.ReadAt(Minute(16)).IsNotOver.ShouldBeTrue();
    }

    /// <summary>Nobody was there at notice, and may come.</summary>
    [Fact]
    public void An_excuse_that_may_still_end_is_no_verdict()
    {
        var call = Recorded(Order(), NobodyThere(-10));
        Said(call, Minute(-5)).Verdict.ShouldBe(ComplianceVerdict.NotOverYet);
        Said(call, Minute(-5)).Reasons.ShouldContain("no vehicle");
        call.ReadAt(Minute(-5)).Instruction.Tally.Excused.ShouldBe(0);
        Said(call, End).Verdict.ShouldBe(ComplianceVerdict.Excused);
    }

    [Fact]
    public void A_withdrawal_that_was_announced_ends_the_call_when_it_says()
    {
        var call = Recorded(Order(), new InstructionWithdrawn(Id, Minute(15), "storm"), Quarter(0, 100_000));
        Said(call, Minute(14)).ShouldBe((ComplianceVerdict.Kept, "not over yet: it ends at 2026-07-01T10:15:00Z; "
            + "withdrawn at 2026-07-01T10:15:00Z, judged until then"));
        Said(call, Minute(15)).ShouldBe(
            (ComplianceVerdict.Kept, "withdrawn at 2026-07-01T10:15:00Z, judged until then"));
        // What is withdrawn before it begins, or is all ramp, has nothing to come.
        Said(Recorded(Order(), new InstructionWithdrawn(Id, Minute(-60), "storm")), Minute(-90)).ShouldBe(
            (ComplianceVerdict.Excused, "withdrawn at 2026-07-01T09:00:00Z, before it began"));
        Said(Recorded(Order(rampMs: 1_800_000)), Minute(-60)).ShouldBe(
            (ComplianceVerdict.Excused, "the ramp allowance leaves no time to judge"));
    }

    /// <summary>As one call of a station it is no sample, though a part of it is proven, and a test has no
    /// outcome.</summary>
    [Fact]
    public void As_a_call_of_its_station_it_is_no_sample_and_a_test_is_not_over()
    {
        var facts = new LedgerEvent[]
        {
            Order() with { Test = new(950, 60_000) }, Quarter(0),
            new SettlementPointRegistered(Point, new("S1"), SettlementPointKind.Connector, new("cpo"),
                "Asia/Shanghai", 15, Power.FromKilowatts(500), true),
        };
        StationCall Read(Instant at) => StationCall.Of([Recorded(facts).ReadAt(at)],
            (point, _) => point == "C1" ? DateTimeZone.Utc : null).ShouldHaveSingleItem();
        (Read(Minute(16)).WhyNot, Read(Minute(16)).Test).ShouldBe(("not over yet", TestOutcome.NotOverYet));
        (Read(End).WhyNot, Read(End).Test).ShouldBe((null, TestOutcome.Failed));
    }
}
