using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Days and months as they are written: at both ends of the calendar they have no neighbour.</summary>
public sealed class DayTextTests
{
    [Theory]
    [InlineData("0001-01-01", true)]
    [InlineData("2024-02-29", true)]
    [InlineData("9998-12-31", true)]
    [InlineData("9999-01-01", false)]
    [InlineData("9999-12-31", false)]
    [InlineData("0000-12-31", false)]
    [InlineData("-0001-01-01", false)]
    [InlineData("2025-02-29", false)]
    [InlineData("2025-2-1", false)]
    [InlineData(null, false)]
    public void A_day_has_a_next_one(string? text, bool isDay)
    {
        DayText.TryDay(text, out var day).ShouldBe(isDay);
        if (isDay) day.PlusDays(1).AtStartOfDayInZone(DateTimeZone.ForOffset(Offset.MinValue)).ToInstant()
            .ShouldBeLessThanOrEqualTo(Instant.MaxValue);
    }

    [Theory]
    [InlineData("9998-12", true)]
    [InlineData("9999-12", false)]
    [InlineData("0000-01", false)]
    [InlineData("2025-13", false)]
    public void A_month_has_a_next_one(string text, bool isMonth) =>
        DayText.TryMonth(text, out _).ShouldBe(isMonth);

    [Fact]
    public async Task A_day_without_a_next_one_is_refused_in_words()
    {
        await using var served = await ServedLedger.StartAsync();
        var answer = await served.GetAsync("/v1/limit-compliance?day=9999-12-31");
        answer.Status.ShouldBe(400);
        answer.Text.ShouldContain("must be a day like 2026-06-02");
    }
}
