using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using Shouldly;
using static Ledger.Projections.CurtailmentCompliance;

namespace Ledger.Tests;

/// <summary>Which calls are samples of what a station can be counted on for: silence is no way out of a bad
/// one.</summary>
public sealed class StationCallTests
{
    private const long OrderedMilliwatts = 100_000_000; // for an hour
    private static readonly Instant Start = Instant.FromUtc(2026, 1, 5, 10, 0);
    private static readonly Duration Hour = Duration.FromHours(1);
    private static readonly Energy Ordered = Energy.FromWattHours(100_000);

    private static InstructionRow Order(
        int day, InstructionKind kind = InstructionKind.Export, TestRule? test = null) => new(
            $"I{day}", kind, "grid", At(day) - Hour, At(day), At(day) + Hour, null, null, 0, 0, 1m, 1m, null, test,
            VerdictTally.Empty);

    private static Instant At(int day) => Start + Duration.FromDays(day);

    /// <param name="provenMinutes">How much of the hour is proven; in it the station followed.</param>
    private static TargetRow Target(ComplianceVerdict verdict, int provenMinutes)
    {
        var delivered = Energy.FromWattHours(100_000L * provenMinutes / 60);
        return new("I", "C1", OrderedMilliwatts, verdict, [], [], [], Ordered, Energy.Zero, delivered, Energy.Zero,
            Energy.Zero, 0, (60 - provenMinutes) * 60_000_000L, null, null, null, [], EnergyBounds.Zero,
            InstructionReach.Acknowledged, Connection.Unknown, OrderedMilliwatts);
    }

    private static readonly TargetRow Followed = Target(ComplianceVerdict.Kept, 60);
    private static readonly TargetRow Silent = Target(ComplianceVerdict.Unproven, 0);

    private static StationCall Call(int day, TargetRow target, int knownDay) =>
        StationCall.Of(Order(day), [target], DateTimeZone.Utc, At(knownDay));

    /// <summary>Thirty calls were followed. In thirty others the station acknowledged the order and sent no
    /// data.</summary>
    [Fact]
    public void A_call_of_which_a_station_sent_nothing_lowers_what_may_be_promised_of_it()
    {
        var clean = StationWindows.Of([.. Enumerable.Range(0, 30).Select(day => Call(day, Followed, 100))]);
        var silent = StationWindows.Of(
            [.. Enumerable.Range(0, 60).Select(day => Call(day, day % 2 == 0 ? Followed : Silent, 100))]);
        (clean.All.Calls, clean.All.Successes!.Value, clean.All.SuccessRateAtLeastMillionths!.Value)
            .ShouldBe((30, 30, 904_966));
        clean.All.Credible90.ShouldBe(OrderedMilliwatts);
        (silent.All.Calls, silent.All.Successes!.Value, silent.All.SuccessRateAtLeastMillionths!.Value)
            .ShouldBe((60, 30, 387_410));
        silent.All.Credible90.ShouldBe(0);
        silent.NoSample.ShouldBe(0);
    }

    /// <summary>
    /// Twenty-nine calls of one connector each, all of one hour and all followed, are one trial of their station and
    /// not twenty-nine; and whoever calls a connector twice for the hour has called it once, with the greater order.
    /// </summary>
    [Fact]
    public void Calls_of_one_hour_are_one_sample()
    {
        StationCall Of(string name, string point, long power, Energy ordered, Energy delivered) => StationCall.Of(
            Order(0) with { Instruction = name },
            [Followed with { Point = point, QuantityMilliwatts = power, Ordered = ordered, Delivered = delivered }],
            DateTimeZone.Utc, At(100));
        var evening = StationWindows.Of([.. Enumerable.Range(0, 29)
            .Select(i => Of($"I{i}", $"C{i}", OrderedMilliwatts, Ordered, Ordered))]);
        (evening.All.Calls, evening.All.Credible90).ShouldBe((1, null));
        var sum = StationCall.Together([Of("I1", "C1", OrderedMilliwatts, Ordered, Ordered),
            Of("I2", "C1", OrderedMilliwatts / 2, Energy.FromWattHours(50_000), Energy.FromWattHours(50_000)),
            Of("I3", "C2", OrderedMilliwatts, Ordered, Energy.FromWattHours(40_000))]).ShouldHaveSingleItem();
        (sum.Call!.OrderedMilliwatts, sum.Call.DeliveredMilliwatts, sum.Connected)
            .ShouldBe((200_000_000, 140_000_000, null));
        // What begins when the other ends is a trial of its own.
        StationCall.Together([Call(0, Followed, 100), Call(0, Followed, 100) with
            { Order = Order(0) with { Start = At(0) + Hour, End = At(0) + Hour + Hour } }]).Count().ShouldBe(2);
    }

    /// <summary>A charging state says who is there, and so does an excuse that was recorded. That nothing denies it
    /// makes nobody a connected vehicle, and a call of which one target is unknown is in no window by
    /// vehicles.</summary>
    [Fact]
    public void A_vehicle_is_connected_where_something_says_so_and_unknown_where_nothing_does()
    {
        var there = Followed with { Connection = new(true, true, 0) };
        var left = Followed with { Connection = new(true, false, 0) };
        var excused = Target(ComplianceVerdict.Excused, 0) with { Supported = [ShortfallReason.NoVehicle] };
        int? Connected(params TargetRow[] targets) =>
            StationCall.Of(Order(0), targets, DateTimeZone.Utc, At(100)).Connected;
        (Connected(there, left, excused), Connected(there, there), Connected(there, Followed), Connected(Followed))
            .ShouldBe((1, 2, null, null));
        var windows = StationWindows.Of([Call(0, there, 100), Call(1, Followed, 100), Call(2, left, 100)]);
        windows.All.Calls.ShouldBe(3);
        windows.ByConnected.Select(each => (each.Connected, each.Window.Calls)).ShouldBe([(0, 1), (1, 1)]);
        (StationWindows.VehiclesOf(0), StationWindows.VehiclesOf(1), StationWindows.VehiclesOf(2))
            .ShouldBe(("0 vehicles", "1 vehicle", "2 vehicles"));
    }

    /// <summary>Of one station's calls the last was issued on the third day: by then a day had passed since the first,
    /// and not since the second.</summary>
    [Fact]
    public void That_an_order_was_issued_later_says_that_the_evidence_had_its_day()
    {
        var calls = StationCall.Of(
            [.. Enumerable.Range(0, 3).Select(day => new InstructionAnswer(Order(day), [Silent]))],
            (point, _) => point == "C1" ? DateTimeZone.Utc : null);
        calls.Select(call => call.Call is not null).ShouldBe([true, false, false]);
        StationWindows.Of(calls).NoSample.ShouldBe(2);
    }

    [Fact]
    public void Of_a_call_that_is_proven_in_part_that_part_counts() =>
        Call(0, Target(ComplianceVerdict.Unproven, 45), 100).Call!.CertainMilliwatts.ShouldBe(75_000_000);

    /// <summary>Evidence of a day comes with the day: until a day after the call nobody is told to be silent.</summary>
    [Fact]
    public void A_call_that_is_not_proven_waits_for_its_evidence_for_a_day()
    {
        var end = At(0) + Hour;
        StationCall Known(Instant known, TargetRow target) =>
            StationCall.Of(Order(0), [target], DateTimeZone.Utc, known);
        var due = end + StationCall.EvidenceWithin;
        Known(due - Duration.Epsilon, Silent).WhyNot.ShouldBe("not proven, and its evidence may still come");
        Known(due - Duration.Epsilon, Silent).Call.ShouldBeNull();
        Known(due, Silent).Call!.CertainMilliwatts.ShouldBe(0);
        Known(At(0) - Duration.FromDays(3), Silent).Call.ShouldBeNull(); // a call that is still to come
        Known(due - Duration.Epsilon, Followed).Call!.CertainMilliwatts.ShouldBe(OrderedMilliwatts);
    }

    [Fact]
    public void A_cap_and_what_nothing_of_was_judged_are_no_samples()
    {
        StationCall.Of(Order(0, InstructionKind.Curtail), [Followed], DateTimeZone.Utc, At(100)).Call.ShouldBeNull();
        var ended = Target(ComplianceVerdict.Excused, 0) with { Ordered = Energy.Zero, UnmeasuredMicroseconds = 0 };
        var call = StationCall.Of(Order(0), [ended], DateTimeZone.Utc, At(100));
        (call.Call, call.WhyNot).ShouldBe((null, "withdrawn, or ended by its ramp, before it was judged"));
    }

    /// <summary>A call of which less than a microsecond is judged has a mean power as any other. Where the time is no
    /// whole half of a microsecond, some of its targets may have no energy at all.</summary>
    [Fact]
    public void What_was_judged_for_less_than_a_microsecond_is_a_sample()
    {
        var half = Target(ComplianceVerdict.PartlyKept, 30) with
        {
            Ordered = new(OrderedMilliwatts),
            Delivered = new(OrderedMilliwatts / 4),
            UnmeasuredMicroseconds = 0,
            Bounds = new(Energy.Zero, new(OrderedMilliwatts)),
        };
        var call = Call(0, half, 100).Call.ShouldNotBeNull();
        (call.OrderedMilliwatts, call.DeliveredMilliwatts, call.UncertaintyMilliwatts)
            .ShouldBe((OrderedMilliwatts, OrderedMilliwatts / 4, OrderedMilliwatts / 4));
        var small = half with { QuantityMilliwatts = 1, Ordered = Energy.Zero, Delivered = Energy.Zero };
        StationCall.Of(Order(0), [small, half], DateTimeZone.Utc, At(100)).Call.ShouldNotBeNull()
            .DeliveredMilliwatts.ShouldBe(OrderedMilliwatts / 4);
    }

    /// <summary>As many targets of as much power as may be, for days: no product of them is too large.</summary>
    [Fact]
    public void The_largest_call_is_a_sample()
    {
        var (power, days) = (Limits.PowerMilliwattsMax, 30);
        var large = Followed with
        {
            QuantityMilliwatts = power,
            Ordered = new((Int128)power * 86_400_000_000 * days * 2),
            Delivered = new((Int128)power * 86_400_000_000 * days),
        };
        StationCall.Of(Order(0), [.. Enumerable.Repeat(large, 10_000)], DateTimeZone.Utc, At(100)).Call
            .ShouldNotBeNull().DeliveredMilliwatts.ShouldBe(power / 2 * 10_000);
    }

    /// <summary>The bounds of a record know that in its gap nothing may have come, so the gap is not taken off again:
    /// of 100 kW for an hour with a gap of a quarter 75 came, and as much is certain.</summary>
    [Theory]
    [InlineData(25_000, 0, 75)] // one record, with a gap
    [InlineData(0, 15, 75)] // a quarter without a record, which has no bound
    [InlineData(10_000, 9, 75)] // six minutes of a gap and nine without a record
    public void A_gap_is_taken_off_once(long shortAtMostWh, int unrecordedMinutes, int certainKw)
    {
        var target = Target(ComplianceVerdict.Unproven, 45) with
        {
            Bounds = new(Energy.Zero, Energy.FromWattHours(shortAtMostWh)),
            UnrecordedMicroseconds = unrecordedMinutes * 60_000_000L,
        };
        Call(0, target, 100).Call!.CertainMilliwatts.ShouldBe(certainKw * 1_000_000L);
    }

    /// <summary>An excuse is no kilowatt.</summary>
    [Fact]
    public void An_excused_call_counts_with_what_it_delivered() =>
        Call(0, Target(ComplianceVerdict.Excused, 0), 100).Call!.CertainMilliwatts.ShouldBe(0);

    [Fact]
    public void A_test_that_is_not_proven_is_neither_passed_nor_failed() => StationCall.Of(
        Order(0, test: new(950, 60_000)), [Silent], DateTimeZone.Utc, At(100)).Test.ShouldBe(TestOutcome.Unproven);
}
