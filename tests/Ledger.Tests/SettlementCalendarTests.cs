using Ledger.Domain;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

public class SettlementCalendarTests
{
    [Theory]
    [InlineData("Asia/Shanghai", "2025-03-30", 15, 96)]
    [InlineData("Asia/Shanghai", "1986-05-04", 15, 92)] // China had summer time from 1986 to 1991
    [InlineData("Asia/Shanghai", "1991-09-15", 15, 100)]
    [InlineData("Europe/Berlin", "2025-03-30", 15, 92)]
    [InlineData("Europe/Berlin", "2025-10-26", 15, 100)]
    [InlineData("Australia/Lord_Howe", "2025-04-06", 15, 98)] // its clock changes by half an hour
    [InlineData("Australia/Lord_Howe", "2025-10-05", 15, 94)]
    [InlineData("Australia/Lord_Howe", "2025-10-05", 30, 47)]
    [InlineData("Europe/Berlin", "2025-10-26", 5, 300)]
    [InlineData("America/Sao_Paulo", "2017-10-15", 60, 23)] // this day has no midnight
    public void A_local_day_has_as_many_periods_as_its_zone_makes_it(string name, string date, int minutes, int count)
    {
        var (zone, day) = (Zone(name), LocalDatePattern.Iso.Parse(date).Value);
        SettlementCalendar.TryPeriods(zone, day, minutes, out var periods, out _).ShouldBeTrue();
        periods.Count.ShouldBe(count);
        periods[0].Start.InZone(zone).Date.ShouldBe(day);
        for (var i = 1; i < count; i++) periods[i].Start.ShouldBe(periods[i - 1].End);
        periods[^1].End.ShouldBe(SettlementCalendar.Day(zone, day.PlusDays(1)).Start);
        foreach (var period in periods)
        {
            SettlementCalendar.PeriodContaining(zone, minutes, period.Start).ShouldBe(period);
            SettlementCalendar.PeriodContaining(zone, minutes, period.End - Duration.Epsilon).ShouldBe(period);
        }
    }

    [Theory]
    [InlineData("Australia/Lord_Howe", "2025-04-06", 60)] // 24 hours and a half
    [InlineData("Pacific/Apia", "2011-12-30", 15)] // Samoa went across the date line and had no such day
    [InlineData("Pacific/Kwajalein", "1993-08-21", 15)]
    public void A_day_that_is_no_whole_number_of_periods_is_refused_by_name(string name, string date, int minutes)
    {
        SettlementCalendar.TryPeriods(
            Zone(name), LocalDatePattern.Iso.Parse(date).Value, minutes, out var periods, out var problem)
                .ShouldBeFalse();
        periods.ShouldBeEmpty();
        problem.ShouldNotBeNull().ShouldStartWith("DayNotWholePeriods: ");
    }

    [Fact]
    public void The_refusal_says_how_long_the_day_is_and_no_period_is_given_in_it()
    {
        var (zone, day) = (Zone("Australia/Lord_Howe"), new LocalDate(2025, 4, 6));
        SettlementCalendar.TryPeriods(zone, day, 60, out _, out var problem).ShouldBeFalse();
        problem.ShouldBe("DayNotWholePeriods: the day 2025-04-06 in Australia/Lord_Howe lasts 1470 minutes, " +
            "no whole number of 60-minute periods");
        Should.Throw<ArgumentException>(() => SettlementCalendar.PeriodContaining(
            zone, 60, SettlementCalendar.Day(zone, day).Start)).Message.ShouldStartWith("DayNotWholePeriods");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-15)]
    [InlineData(10)]
    [InlineData(120)]
    public void Only_the_market_s_period_lengths_are_known(int minutes)
    {
        SettlementCalendar.TryPeriods(Zone("UTC"), new(2025, 1, 1), minutes, out _, out var problem).ShouldBeFalse();
        problem.ShouldNotBeNull().ShouldStartWith("OutOfRange: ");
    }

    [Theory]
    [InlineData("Europe/Atlantis")]
    [InlineData("")]
    [InlineData(null)]
    public void An_unknown_zone_is_no_zone(string? name) => SettlementCalendar.TryZone(name, out _).ShouldBeFalse();

    [Fact]
    public void An_instant_of_a_date_that_returns_after_midnight_belongs_to_the_day_that_has_begun()
    {
        // In St. John's the clock went from 00:01 on 29 October 2006 back to 23:01 on the 28th.
        var zone = Zone("America/St_Johns");
        var returned = SettlementCalendar.Day(zone, new(2006, 10, 29)).Start + Duration.FromMinutes(10);
        returned.InZone(zone).Date.ShouldBe(new LocalDate(2006, 10, 28));
        SettlementCalendar.DayContaining(zone, returned).ShouldBe(new LocalDate(2006, 10, 29));
    }

    [Fact]
    public void The_market_vectors_of_clock_changes_come_out()
    {
        var cases = MarketVectors.Cases()
            .Where(c => c.GetProperty("id").GetString()!.StartsWith("DST-", StringComparison.Ordinal)).ToList();
        cases.ShouldNotBeEmpty();
        foreach (var c in cases)
        {
            var i = c.GetProperty("inputs");
            SettlementCalendar.TryPeriods(
                Zone(i.GetProperty("zone").GetString()!),
                LocalDatePattern.Iso.Parse(i.GetProperty("day").GetString()!).Value,
                i.GetProperty("intervalMinutes").GetInt32(), out var periods, out _).ShouldBeTrue();
            periods.Count.ShouldBe(c.GetProperty("expected").GetProperty("intervals").GetInt32());
        }
    }

    private static DateTimeZone Zone(string name) =>
        SettlementCalendar.TryZone(name, out var zone) ? zone : throw new ArgumentException(name);
}
