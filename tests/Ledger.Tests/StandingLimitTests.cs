using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Which standing limit holds when.</summary>
public sealed class StandingLimitTests
{
    static readonly Interval window = new(Hour(0), Hour(48));

    [Fact]
    public void The_later_recorded_of_overlapping_limits_holds_for_its_interval() =>
        Shown([Limit(0, null, 100), Limit(10, 20, 60), Limit(15, 30, 80), Limit(18, 19, 0)])
            .ShouldBe("0-10 100, 10-15 60, 15-18 80, 18-19 0, 19-30 80, 30-48 100");

    [Fact]
    public void A_later_limit_without_end_ends_what_was_before() =>
        Shown([Limit(0, null, 100), Limit(12, null, 50)]).ShouldBe("0-12 100, 12-48 50");

    [Fact]
    public void Another_kind_or_direction_is_another_limit() =>
        Shown([Limit(0, null, 100), Limit(0, null, 50) with { Direction = Direction.Export },
            Limit(0, null, 40) with { Kind = StandingLimitKind.TransformerLimit }]).ShouldBe("0-48 100");

    [Fact]
    public void A_dated_step_holds_until_the_next_and_may_end_the_limit() =>
        Shown([Limit(0, null, 100), Envelope(5, 40, null, new(Hour(8), null, Kw(30)), new(Hour(20), null, null))],
            StandingLimitKind.OperatingEnvelope).ShouldBe("8-20 30");

    [Fact]
    public void An_envelope_replaces_an_earlier_one_also_where_it_says_no_limit() =>
        Shown([Envelope(0, null, null, new LimitStep(Hour(0), null, Kw(70))),
            Envelope(5, 40, null, new(Hour(8), null, Kw(30)), new(Hour(20), null, null))],
            StandingLimitKind.OperatingEnvelope).ShouldBe("0-5 70, 8-20 30, 40-48 70");

    /// <summary>An event is what its last version says: where that ends sooner, begins later or says that there is no
    /// limit, nothing is left of the one before. Another event, or another agreement, is another limit.</summary>
    [Theory]
    [InlineData("E1 0 30 50, E1 0 10 50", "0-10 50")]
    [InlineData("E1 0 30 50, E1 20 30 40", "20-30 40")]
    [InlineData("E1 0 30 50, E1 0 10 50, E1 5 20 60", "5-20 60")]
    [InlineData("E1 0 30 50, E2 0 10 40", "0-10 40, 10-30 50")]
    [InlineData("A 0 40 90, E1 0 30 50, E1 0 10 50", "0-10 50, 10-40 90")]
    [InlineData("E1 0 30 50, A 5 40 90, E1 0 10 50", "0-10 50, 10-40 90")]
    // A version says both directions, and what it does not say of one is no limit.
    [InlineData("E1 0 30 50; E1 0 30 20 export", "0-30 50", "0-30 20")]
    [InlineData("E1 0 30 50; E1 0 30 20 export, E1 0 30 80", "0-30 80", "")]
    [InlineData("E1 0 30 50, E1 0 30 20 export", "", "0-30 20")]
    [InlineData("A 0 40 90 export, E1 0 30 50; E1 0 30 20 export, E1 0 30 80, E2 5 6 7 export", "0-30 80",
        "0-5 90, 5-6 7, 6-40 90")]
    public void The_last_version_of_an_event_holds_alone(string limits, string holds, string export = "")
    {
        StandingLimitSet[] set = [.. limits.Split(", ").SelectMany((version, i) => version.Split("; ").Select(each =>
        {
            var cells = each.Split(' ');
            var hours = cells[1..4].Select(cell => int.Parse(cell, System.Globalization.CultureInfo.InvariantCulture));
            return Limit(hours.First(), hours.ElementAt(1), hours.Last()) with
            {
                Direction = cells.Length > 4 ? Direction.Export : Direction.Import,
                Source = cells[0] == "A" ? "agreement" : i == 0 ? $"OpenADR event {cells[0]} of P"
                    : $"OpenADR event {cells[0]} of P, modified at 2026-06-01T0{i}:00:00Z",
            };
        }))];
        Shown(set).ShouldBe(holds);
        Shown(set, direction: Direction.Export).ShouldBe(export);
    }

    /// <summary>What was overtaken by a version that has no such direction any more sets nothing either.</summary>
    [Fact]
    public void A_version_that_was_overtaken_sets_no_limit_of_another_direction()
    {
        var later = Limit(10, 14, 80) with { Source = "OpenADR event E of P, modified at 2026-06-01T01:00:00Z" };
        var sooner = Limit(10, 14, 50) with { Source = "OpenADR event E of P", Direction = Direction.Export };
        ((Decision.Rejected)StandingLimit.Decide(new([later]), sooner, Hour(5))).Code
            .ShouldBe(Rejection.AlreadySuperseded);
        StandingLimit.Decide(new([later]), later with { Direction = Direction.Export }, Hour(5))
            .ShouldBeOfType<Decision.Accepted>();
        StandingLimit.Decide(new([later]), sooner with { Source = "OpenADR event F of P" }, Hour(5))
            .ShouldBeOfType<Decision.Accepted>();
        // An earlier program recorded it all the same: the newest version stands, whichever was recorded last.
        Shown([later, sooner]).ShouldBe("10-14 80");
        Shown([later, sooner], direction: Direction.Export).ShouldBe("");
        // A contract's demand is no part of the event that its source is named like.
        var contract = sooner with { Kind = StandingLimitKind.ContractDemand, Direction = Direction.Import };
        Shown([contract, later], StandingLimitKind.ContractDemand).ShouldBe("10-14 50");
    }

    [Fact]
    public void A_daily_step_is_local_and_the_last_one_holds_past_midnight() =>
        // 08:00 in Shanghai is 00:00 UTC.
        Shown([Envelope(-24, null, "Asia/Shanghai", new(null, new LocalTime(8, 0), Kw(30)),
            new(null, new LocalTime(18, 0), Kw(90)))],
            StandingLimitKind.OperatingEnvelope).ShouldBe("0-10 30, 10-24 90, 24-34 30, 34-48 90");

    [Fact]
    public void A_daily_step_that_the_clock_skips_begins_after_the_skip_and_of_two_the_earlier_counts()
    {
        // Berlin: 29 March 2026, 02:00 to 03:00 does not exist; 25 October 2026, 02:00 to 03:00 comes twice.
        var steps = new LimitStep[] { new(null, new LocalTime(2, 30), Kw(30)), new(null, new LocalTime(4, 0), Kw(90)) };
        var limit = Envelope(0, null, "Europe/Berlin", steps) with { From = Instant.FromUtc(2026, 1, 1, 0, 0) };
        StartOf(Instant.FromUtc(2026, 3, 29, 0, 30)).ShouldBe(Instant.FromUtc(2026, 3, 29, 1, 0));
        StartOf(Instant.FromUtc(2026, 10, 25, 0, 0)).ShouldBe(Instant.FromUtc(2026, 10, 25, 0, 30));

        Instant StartOf(Instant from) => StandingLimit.InForce(
            [limit], StandingLimitKind.OperatingEnvelope, Direction.Import, new(from, from + Duration.FromHours(3)))
            .First(stretch => stretch.Most == Kw(30)).During.Start;
    }

    static string Shown(StandingLimitSet[] limits, StandingLimitKind kind = StandingLimitKind.ConnectionLimit,
        Direction direction = Direction.Import) =>
        string.Join(", ", StandingLimit.InForce(limits, kind, direction, window).Select(stretch =>
            $"{Hours(stretch.During.Start)}-{Hours(stretch.During.End)} {stretch.Most.Kilowatts:0}"));

    static StandingLimitSet Limit(int from, int? until, int kilowatts) => new(
        new("P1"), StandingLimitKind.ConnectionLimit, Direction.Import, Kw(kilowatts), [], null, Hour(from),
        until is { } end ? Hour(end) : null, "agreement");

    static StandingLimitSet Envelope(int from, int? until, string? zone, params LimitStep[] steps) =>
        Limit(from, until, 0)
            with
        { Kind = StandingLimitKind.OperatingEnvelope, Most = null, Steps = steps, Zone = zone };

    static Power Kw(int kilowatts) => Power.FromKilowatts(kilowatts);
    static Instant Hour(int hour) => Instant.FromUtc(2026, 6, 1, 0, 0) + Duration.FromHours(hour);
    static long Hours(Instant at) => (long)(at - Hour(0)).TotalHours;
}
