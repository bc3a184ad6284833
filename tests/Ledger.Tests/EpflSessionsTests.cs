using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

public sealed class EpflSessionsTests
{
    private static readonly DateTimeZone Zurich = DateTimeZoneProviders.Tzdb["Europe/Zurich"];

    private static string Session(string arrival, string departure) =>
        $"Session,CCS,Arrival,Departure,Duration,Energy (Wh),Pmax (W)\n1,A,{arrival},{departure},x,5000,11000\n";

    [Theory]
    [InlineData("2022-04-01T12:00:00", "2022-04-01T10:00:00",
        "Departure '2022-04-01T10:00:00' is before Arrival '2022-04-01T12:00:00'")]
    [InlineData("2022-10-30T01:30:00", "2022-10-30T02:30:00",
        "Departure '2022-10-30T02:30:00' is two instants in Europe/Zurich, where the clock changes: it must be one")]
    [InlineData("2022-10-30T02:00:00", "2022-10-30T04:30:00", "Arrival '2022-10-30T02:00:00' is two instants")]
    [InlineData("2022-03-27T02:30:00", "2022-03-27T04:00:00",
        "Arrival '2022-03-27T02:30:00' is no instant in Europe/Zurich, where the clock changes: it must be one")]
    [InlineData("2022-03-27", "2022-03-27T04:00:00", "Arrival '2022-03-27' is no local time")]
    [InlineData("1970-01-01T00:00:10", "2022-03-27T04:00:00", "Arrival '1970-01-01T00:00:10' is not of 2000 to 2199")]
    [InlineData("-9998-01-01T00:00:00", "2022-03-27T04:00:00", "Arrival '-9998-01-01T00:00:00' is not of 2000 to 2199")]
    [InlineData("2022-03-27T04:00:00", "9999-12-31T23:59:59", "Departure '9999-12-31T23:59:59' is not of 2000 to 2199")]
    public void A_time_that_is_not_one_instant_in_its_place_is_refused(string arrival, string departure, string rule)
    {
        var refused = EpflSessions.Read(Session(arrival, departure), Zurich, out var readings).ShouldNotBeNull();
        refused.Code.ShouldBe(Rejection.InvalidTime);
        refused.Detail.ShouldStartWith($"sessions line 2: {rule}");
        readings.ShouldBeEmpty();
    }

    /// <summary>The hours beside a change of the clock are one instant each, and a stay of no length is one.</summary>
    [Theory]
    [InlineData("2022-10-30T01:59:59", "2022-10-30T03:00:00", 7_201)]
    [InlineData("2022-03-27T01:59:59", "2022-03-27T03:00:00", 1)]
    [InlineData("2022-04-01T12:00:00", "2022-04-01T12:00:00", 0)]
    public void A_stay_lasts_as_long_as_its_zone_says(string arrival, string departure, int seconds)
    {
        EpflSessions.Read(Session(arrival, departure), Zurich, out var readings).ShouldBeNull();
        var stay = readings.ShouldHaveSingleItem();
        (stay.At - stay.From).ShouldBe(Duration.FromSeconds(seconds));
    }

    /// <summary>What was recorded before such times were refused is read again as it was read.</summary>
    [Theory]
    [InlineData("2022-10-30T02:30:00", "2022-10-30T00:30:00Z")]
    [InlineData("2022-03-27T02:30:00", "2022-03-27T01:30:00Z")]
    [InlineData("1970-01-01T01:00:10", "1970-01-01T00:00:10Z")]
    public void Evidence_of_before_keeps_the_instant_that_was_taken(string departure, string instant)
    {
        EpflSessions.ReadAgain(Session("2022-12-01T00:00:00", departure), Zurich, out var readings).ShouldBeNull();
        readings.ShouldHaveSingleItem().At.ToString().ShouldBe(instant);
    }
}
