using CsCheck;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The day of an instant is kept by the quarter hour; it is the calendar's whatever was asked.</summary>
public sealed class SettlementDayTests
{
    // Midnights that are skipped and that come twice, a day that is skipped, and offsets of odd minutes.
    private static readonly string[] Zones =
        ["Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu", "America/Havana"];

    [Fact]
    public void The_day_of_an_instant_is_the_calendars() =>
        Gen.Select(Gen.Int[0, Zones.Length - 1].Select(zone => Zones[zone]), Gen.OneOf(Gen.Long[0, 80L * 365 * 96],
            Gen.Long[0, 40L * 365 * 96].Select(quarter => quarter * 2)), Gen.Int[0, 899]).Array[1, 20].Sample(asked =>
        {
            foreach (var (zone, quarter, second) in asked)
            {
                var at = Instant.FromUtc(1960, 1, 1, 0, 0) + Duration.FromSeconds((quarter * 900) + second);
                var day = SettlementDay.Containing(zone, at);
                var calendar = DateTimeZoneProviders.Tzdb[zone];
                var date = SettlementCalendar.DayContaining(calendar, at);
                (day.Date, day.Edges, day.Name).ShouldBe(
                    (date, SettlementCalendar.Day(calendar, date), RowJson.Day(date)));
            }
        }, iter: LongRun.Samples / 10);
}
