using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Each baseline method: its values, and which days it used and why.</summary>
public sealed class BaselineTests
{
    private static readonly LocalDate EventDay = new(2026, 7, 15); // a Wednesday

    [Fact]
    public void At_the_connector_the_baseline_of_export_is_zero()
    {
        var zero = Baseline.Zero(3);
        zero.Kilowatts.ShouldBe([0m, 0m, 0m]);
        zero.Method.ShouldBe("zero-at-connector/1");
    }

    [Fact]
    public void Meter_before_is_the_mean_before_the_event_held_over_it()
    {
        var before = Baseline.MeterBefore([10m, 20m], 3);
        before.Kilowatts.ShouldBe([15m, 15m, 15m]);
        before.Method.ShouldBe("meter-before/1");
        foreach (var thin in new[] { Baseline.MeterBefore([], 3), Baseline.MeterBefore([10m, null], 3) })
            (thin.Method, thin.Kilowatts, thin.Insufficient)
                .ShouldBe(("meter-before/1", null, "a period before the event is not measured"));
    }

    [Fact]
    public void Of_the_last_days_of_the_class_the_highest_are_used_and_each_day_says_why()
    {
        var result = Baseline.Select(new(4, 2, 10), EventDay, DayClass.Weekday, [
            Day(5, 9, 22), Day(0, 99, 99), Day(-1, 10, 20), Day(2, 10, 20), Day(1, 90, 80), Day(3, 15.5m, 15.5m),
            Day(4, 99, 99) with { Class = DayClass.Weekend }, Day(6, 99, 99) with { ExcludedBecause = "outage" },
            Day(7, 99, null), Day(8), Day(11, 99, 99), Day(10, 14, 16),
        ]);
        // 9 and 22 have the same mean as 15.5 and 15.5: the later day comes first.
        result.Days.Select(use => $"{use.Day:dd} {(use.Used ? "used" : "not used")}: {use.Reason}").ShouldBe([
            "16 not used: not before the event", "15 not used: not before the event", "14 used: rank 1",
            "13 not used: rank 4, not among the highest 2", "12 used: rank 2", "11 not used: Weekend, not Weekday",
            "10 not used: rank 3, not among the highest 2", "09 not used: outage", "08 not used: not wholly measured",
            "07 not used: not wholly measured", "05 not used: older than the candidates", "04 not used: beyond the lookback",
        ]);
        result.Kilowatts.ShouldBe([52.75m, 47.75m]);
        result.Method.ShouldBe("2-of-4/1");
    }

    [Theory]
    [InlineData(5, null, 5)]
    [InlineData(-5, null, -5)]
    [InlineData(5, 3, 3)]
    [InlineData(-5, 3, -3)]
    public void The_same_day_adjustment_is_added_within_its_cap(int difference, int? cap, int expected)
    {
        var result = Baseline.Select(new(1, 1, 10), EventDay, DayClass.Weekday, [Day(1, 10, 20)], difference, cap);
        (result.AdjustmentKw, result.Insufficient).ShouldBe((expected, null));
        result.Kilowatts.ShouldBe([10m + expected, 20m + expected]);
    }

    [Fact]
    public void Too_few_days_give_no_baseline_and_say_so()
    {
        var thin = Baseline.Select(new(3, 2, 10), EventDay, DayClass.Weekday, [Day(1, 10), Day(2, 10)], 1m);
        (thin.Kilowatts, thin.Insufficient, thin.AdjustmentKw).ShouldBe((null, "2 of 3 days", 0m));
        thin.Days.ShouldBe([
            new(EventDay.PlusDays(-1), false, "history insufficient"), new(EventDay.PlusDays(-2), false, "history insufficient")]);
    }

    private static BaselineDay Day(int daysBefore, params decimal?[] kilowatts) =>
        new(EventDay.PlusDays(-daysBefore), DayClass.Weekday, kilowatts, null);
}
