using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The baseline engine: which days, and each with its reason.
/// Mistakes of others are in KnownMistakesTests.</summary>
public sealed class BaselineTests
{
    private static readonly LocalDate EventDay = new(2026, 7, 15); // a Wednesday
    private static readonly DateTimeZone Zone = DateTimeZoneProviders.Tzdb["Asia/Shanghai"];

    [Fact]
    public void Every_pack_can_be_read_and_names_its_source()
    {
        var names = StandardPacks.Names.Where(name => name.StartsWith("baseline-", StringComparison.Ordinal)).ToList();
        names.Count.ShouldBeGreaterThanOrEqualTo(20);
        foreach (var name in names)
        {
            var pack = StandardPacks.Find(name)!;
            (pack.Pack.Value, pack.Source.Length > 0).ShouldBe((name, true));
            pack.Baseline!.Incoherence().ShouldBeNull();
        }
    }

    [Fact]
    public void At_a_bidirectional_connector_the_baseline_is_zero() =>
        Baseline.Of(Rule("zero"), Asked(17, 19)).KilowattHours.ShouldBe([0m, 0m]);

    [Fact]
    public void Of_the_last_days_of_the_class_the_highest_are_used_and_each_day_says_why()
    {
        // Back 4 and 3 are Saturday and Sunday; back 10 and 11 too.
        var asked = Asked(17, 19, [.. Enumerable.Range(0, 13).Select(back => Day(back, 20 - back))]) with
        {
            EventDays = Dates(1),
            Holidays = Dates(5),
            OutageDays = Dates(6),
        };
        var found = Baseline.Of(Rule("pjm-high-4-of-5") with { Adjustment = null }, asked);
        found.Days.Select(use => $"{use.Day.Day} {use.Used} {use.Reason}").ShouldBe([
            "15 False the event's own day", "14 False event day",
            "13 True rank 1 of 5 from the highest, 18 kWh a period",
            "12 False weekend or holiday", "11 False weekend or holiday", "10 False holiday", "9 False outage",
            "8 True rank 2 of 5 from the highest, 13 kWh a period",
            "7 True rank 3 of 5 from the highest, 12 kWh a period",
            "6 True rank 4 of 5 from the highest, 11 kWh a period", "5 False weekend or holiday",
            "4 False weekend or holiday",
            "3 False rank 5 of 5 from the highest, 8 kWh a period",
        ]);
        found.KilowattHours.ShouldBe([13.5m, 13.5m]);
    }

    /// <summary>
    /// Three weekdays of 100 kWh within 45 days, the others with a call; 46 days back one of 5 kWh, 47 days back one of
    /// 100. A day of low usage makes room for an older one there too: by the mean of four, 76.25, the 5 are low.
    /// </summary>
    [Theory]
    [InlineData(5, "100 100", "low usage: 5 kWh is below 0.25 of the mean 76.25 kWh")]
    [InlineData(30, "82.5 82.5", "rank 4 of 4 from the highest, 30 kWh a period; admitted by a lookback of 60 days")]
    public void A_day_of_low_usage_does_not_come_in_by_a_longer_lookback(int kwh, string found, string reason)
    {
        var weekdays = Enumerable.Range(1, 45).Where(back =>
            EventDay.PlusDays(-back).DayOfWeek is not (IsoDayOfWeek.Saturday or IsoDayOfWeek.Sunday)).ToList();
        // 44 and 45 days back are a Monday and a Sunday; 48 and 49 days back a Thursday and a Wednesday.
        var asked = Asked(17, 19, [.. weekdays.Select(back => Day(back, 100m)), Day(48, kwh), Day(49, 100m)]) with
        {
            EventDays = Dates([.. weekdays.Skip(3)]),
        };
        var result = Baseline.Of(Rule("pjm-high-4-of-5") with { Adjustment = null }, asked);
        string.Join(' ', result.KilowattHours!.Select(value => $"{value:0.###}")).ShouldBe(found);
        result.Days.Single(use => use.Day == EventDay.PlusDays(-48)).Reason.ShouldBe(reason);
        Baseline.NamedRuleVersion(Rule("pjm-high-4-of-5"), asked).ShouldBe(kwh == 5 ? Baseline.LowUsageRuleVersion : null);
    }

    private static BaselineRule Rule(string pack) => StandardPacks.Find($"baseline-{pack}")!.Baseline!;

    private static BaselineQuestion Asked(int fromHour, int toHour, params BaselineDay[] days) => new(
        Zone, new Interval(At(fromHour), At(toHour)), Duration.FromHours(1), days);

    private static Instant At(int hour) => Zone.AtStartOfDay(EventDay).ToInstant() + Duration.FromHours(hour);

    private static BaselineDay Day(int back, decimal kwh) =>
        new(EventDay.PlusDays(-back), [.. Enumerable.Repeat((decimal?)kwh, 24)]);

    private static HashSet<LocalDate> Dates(params int[] back) => [.. back.Select(days => EventDay.PlusDays(-days))];
}
