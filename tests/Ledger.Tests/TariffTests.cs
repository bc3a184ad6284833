using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Which tariff period holds when, where it changes, and what a tariff lacks.</summary>
public sealed class TariffTests
{
    private static readonly IReadOnlyList<int> AllYear = [.. Enumerable.Range(1, 12)];
    private static readonly IReadOnlyList<DayClass> AllDays = Enum.GetValues<DayClass>();
    private static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];

    private static readonly TariffPublished Tariff = new(
        new("T"), 1, "EUR", "Europe/Berlin",
        [
            new(AllYear, [DayClass.Holiday], new(0, 0), null, TariffPeriod.DeepValley),
            new([6, 7, 8], [DayClass.Weekday], new(8, 0), new(10, 0), TariffPeriod.SharpPeak),
            new(AllYear, [DayClass.Weekday], new(8, 0), new(10, 0), TariffPeriod.Peak),
            new(AllYear, [DayClass.Weekend], new(0, 0), new(2, 30), TariffPeriod.Valley),
            new(AllYear, AllDays, new(0, 0), null, TariffPeriod.Flat),
        ],
        [.. Enum.GetValues<TariffPeriod>().Select(period => new TariffPrice(period, (int)period, (int)period / 10m))],
        [new(2026, 10, 1)], 3, 2);

    [Theory]
    [InlineData(7, 1, 9, 59, TariffPeriod.SharpPeak)] // a Wednesday in summer
    [InlineData(5, 1, 9, 59, TariffPeriod.Peak)] // a Friday in spring
    [InlineData(5, 1, 10, 0, TariffPeriod.Flat)] // half-open
    [InlineData(5, 1, 8, 0, TariffPeriod.Peak)]
    [InlineData(5, 2, 9, 0, TariffPeriod.Flat)] // a Saturday
    [InlineData(5, 3, 2, 29, TariffPeriod.Valley)] // a Sunday
    [InlineData(10, 1, 9, 0, TariffPeriod.DeepValley)] // a holiday, though a Thursday
    public void Month_then_class_of_day_then_time_decide(int month, int day, int hour, int minute,
        TariffPeriod expected) =>
        TariffCalendar.PeriodAt(Tariff, new LocalDateTime(2026, month, day, hour, minute)).ShouldBe(expected);

    [Fact]
    public void A_price_is_that_of_the_period_and_direction_or_none()
    {
        TariffCalendar.Price(Tariff, TariffPeriod.Valley, Direction.Import).ShouldBe(4m);
        TariffCalendar.Price(Tariff, TariffPeriod.Valley, Direction.Export).ShouldBe(0.4m);
        TariffCalendar.Price(Tariff with { Prices = [] }, TariffPeriod.Valley, Direction.Import).ShouldBeNull();
    }

    [Fact]
    public void Edges_are_where_the_period_changes_inside_an_interval()
    {
        var eight = new LocalDateTime(2026, 7, 1, 8, 0).InZoneStrictly(Berlin).ToInstant();
        Edges(eight, eight + Duration.FromHours(3)).ShouldBe([eight + Duration.FromHours(2)]);
        Edges(eight, eight + Duration.FromHours(2)).ShouldBeEmpty();
        Edges(eight - Duration.FromHours(1), eight + Duration.FromTicks(1)).ShouldBe([eight]);
        // Midnight before a holiday, and after it.
        var holiday = new LocalDateTime(2026, 10, 1, 0, 0).InZoneStrictly(Berlin).ToInstant();
        Edges(holiday - Duration.FromHours(1), holiday + Duration.FromHours(25))
            .ShouldBe([holiday, holiday + Duration.FromHours(24)]);
    }

    [Fact]
    public void Where_a_clock_goes_back_an_edge_comes_twice_and_its_return_is_one_too()
    {
        // At 03:00 the clock goes back to 02:00, so 02:30 comes at 00:30Z and again at 01:30Z.
        var night = Instant.FromUtc(2026, 10, 25, 0, 0);
        Edges(night, night + Duration.FromHours(4)).ShouldBe([
            night + Duration.FromMinutes(30), night + Duration.FromMinutes(60), night + Duration.FromMinutes(90)]);
    }

    [Fact]
    public void Where_a_clock_goes_forward_across_an_edge_the_step_is_the_edge()
    {
        // At 02:00 the clock goes forward to 03:00, so 02:30 does not come.
        var night = Instant.FromUtc(2026, 3, 29, 0, 0);
        Edges(night, night + Duration.FromHours(4)).ShouldBe([night + Duration.FromHours(1)]);
    }

    [Fact]
    public void A_zone_without_any_change_has_edges_too()
    {
        var at = Instant.FromUtc(2026, 7, 1, 9, 0);
        TariffCalendar.EdgesWithin(Tariff, DateTimeZone.Utc, new(at, at + Duration.FromHours(2)))
            .ShouldBe([at + Duration.FromHours(1)]);
    }

    [Fact]
    public void What_a_tariff_lacks_first_is_named()
    {
        TariffCalendar.Incompleteness(Tariff).ShouldBeNull();
        TariffCalendar.Incompleteness(Tariff
            with
        { Prices = [.. Tariff.Prices.Where(p => p.Period != TariffPeriod.Peak)] })
            .ShouldBe("no price for Peak");
        TariffCalendar.Incompleteness(Tariff with { Prices = [] }).ShouldBe("no price for Flat");
        TariffCalendar.Incompleteness(Tariff with { Rules = [.. Tariff.Rules.SkipLast(1)] })
            .ShouldBe("no period in month 1 on Weekday from 00:00");
        TariffCalendar.Incompleteness(Tariff
            with
        { Rules = [new(AllYear, AllDays, new(0, 0), new(22, 0), TariffPeriod.Flat)] })
            .ShouldBe("no period in month 1 on Weekday from 22:00");
        TariffCalendar.Incompleteness(Tariff
            with
        { Rules = [new([.. AllYear.SkipLast(1)], AllDays, new(0, 0), null, TariffPeriod.Flat)] })
            .ShouldBe("no period in month 12 on Weekday from 00:00");
    }

    [Fact]
    public void A_version_is_the_same_only_by_all_it_holds()
    {
        var state = Tariffs.Evolve(TariffState.Empty, Tariff, default);
        Decide(Copy(Tariff)).ShouldBeOfType<Decision.AlreadyRecorded>();
        Decide(Tariff with { Version = 2 }).ShouldBeOfType<Decision.Accepted>();
        foreach (var other in new[]
        {
            Tariff with { Rules = [.. Tariff.Rules.Skip(1)] },
            Tariff with { Rules = [.. Tariff.Rules.Skip(1), Tariff.Rules[0]] },
            Tariff with { Rules = [Tariff.Rules[0] with { From = new(1, 0) }, .. Tariff.Rules.Skip(1)] },
            Tariff with { Rules = [Tariff.Rules[0] with { Months = [1] }, .. Tariff.Rules.Skip(1)] },
            Tariff with { Rules = [Tariff.Rules[0] with { Days = [] }, .. Tariff.Rules.Skip(1)] },
            Tariff with { Prices = [] }, Tariff with { Holidays = [] }, Tariff with { Currency = "CNY" },
        })
            Decide(other).ShouldBeOfType<Decision.Rejected>().Code.ShouldBe(Rejection.AlreadyRegistered);

        Decision Decide(TariffPublished tariff) => Tariffs.Decide(state, tariff, default, new("k"));
    }

    /// <summary>A version has one beginning: sent again with another it is not what is recorded.</summary>
    [Fact]
    public async Task A_version_from_another_instant_on_is_refused_with_the_one_that_stands()
    {
        static string Sent(string from) => $$"""{"type":"tariff","tariff":"T","version":2,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"{{from}}T00:00:00+08:00","rules":[{"period":"flat"}],"prices":[{"period":"flat","importPerKwh":0.5,"exportPerKwh":0.4}]}""";
        await using var ledger = new IntakeLedger();
        (await ledger.TakeAsync(Sent("2026-09-01"))).Outcomes.Single().ShouldBeOfType<RecordOutcome.Recorded>();
        var refused = (await ledger.TakeAsync(Sent("2026-08-01"))).Outcomes.Single()
            .ShouldBeOfType<RecordOutcome.Refused>();
        (refused.Code, refused.Detail).ShouldBe((Rejection.AlreadyRegistered,
            "version 2 is published from 2026-08-31T16:00:00Z on, and not from 2026-07-31T16:00:00Z on"));
        (await ledger.TakeAsync(Sent("2026-09-01"))).Outcomes.Single().ShouldBeOfType<RecordOutcome.AlreadyRecorded>();
    }

    private static TariffPublished Copy(TariffPublished tariff) => tariff with
    {
        Rules = [.. tariff.Rules.Select(rule => rule with { Months = [.. rule.Months], Days = [.. rule.Days] })],
        Prices = [.. tariff.Prices],
        Holidays = [.. tariff.Holidays],
    };

    private static IReadOnlyList<Instant> Edges(Instant from, Instant to) =>
        TariffCalendar.EdgesWithin(Tariff, Berlin, new(from, to));
}
