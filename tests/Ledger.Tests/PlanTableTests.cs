using Ledger.Domain;
using NodaTime;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

/// <summary>Schedules, session requests and outages: what is refused, which one counts, and what it says.</summary>
public sealed class PlanTableTests
{
    private static readonly Instant Now = Instant.FromUnixTimeSeconds(1000);
    private static readonly SettlementPointId Point = new("C1");
    private static readonly EvidenceKey Key = new("k");

    private static readonly Dictionary<string, Func<string[], Decision>> Rules = new()
    {
        ["declared-schedules.txt"] = ScheduleOf,
        ["session-requests.txt"] = cells => SessionRequests.Decide(
            Session(cells[2], cells[3], cells[0], cells[1]), Now, Key),
        ["outages.txt"] = cells => Outages.Decide(new(Point, Seconds(cells[0]), "ems"), Now, Key),
    };

    public static IEnumerable<TheoryDataRow<string, int, string>> AllLines() => Lines([.. Rules.Keys]);

    [Theory, MemberData(nameof(AllLines))]
    public void Each_line_is_answered_as_it_says(string table, int number, string line)
    {
        var cells = Cells(line);
        Answer(Rules[table](cells)).ShouldBe(cells[^1], $"{table}:{number}");
    }

    /// <summary>Of the schedules that hold a period, the latest declared by then; of two for one instant the later
    /// recorded.</summary>
    [Theory]
    [InlineData("0-900", "50", "1")]
    [InlineData("0-900", "60", "5")]
    [InlineData("900-1800", "59", "2")]
    [InlineData("900-1800", "60", "4")]
    [InlineData("0-900", "49", null)]
    [InlineData("1800-2700", "70", null)]
    [InlineData("0-1800", "70", null)]
    [InlineData("450-1350", "70", null)]
    public void The_latest_declared_schedule_counts(string period, string by, string? kilowatts)
    {
        ScheduleDeclared[] declared = [Schedule("60", 3, 4), Schedule("50", 1, 2), Schedule("60", 5)];
        var counts = DeclaredSchedules.InForce(declared, Seconds(period), Second(by))?.Of(Seconds(period));
        Energy? expected = kilowatts is null ? null : DeclaredSchedules.EnergyOf(Kilowatts(kilowatts), 15);
        counts.ShouldBe(expected);

        static ScheduleDeclared Schedule(string at, params int[] means) => new(
            Point, new("cpo"), Second(at), Second("0"), 15,
            [.. means.Select(mean => DeclaredSchedules.EnergyOf(Power.FromKilowatts(mean), 15))]);
    }

    /// <summary>
    /// Three hours. A vehicle of 8 kW asks for 10 kWh until 7200 s, and another one of 4 kW takes its place after an
    /// hour and asks for 2: 8 kWh, then 2 in half an hour, then nothing.
    /// </summary>
    [Theory]
    [InlineData("8", "1000", "8 2 0")]
    [InlineData("8", "3", "3 2 0")]
    [InlineData("-", "1000", "10 2 0")]
    [InlineData("8", "1", "1 1 1")]
    public void A_session_charges_at_once_until_it_has_enough_or_another_comes(
        string vehicle, string most, string kilowatts)
    {
        SessionRequested[] asked =
        [
            Session("0", "0-7200", "99", vehicle), Session("3600", "3600-10800", "2", "4"),
            Session("10", "0-7200", "10", vehicle), Session("5000", "3600-10800", "50", "4"),
        ];
        var sessions = SessionRequests.KnownBy(asked, Second("4000"));
        SessionRequests.MeanKilowatts(
            sessions, [Seconds("0-3600"), Seconds("3600-7200"), Seconds("7200-10800")], Number(most))
                .ShouldBe(kilowatts.Split(' ').Select(text => (decimal)Number(text)));
        SessionRequests.MeanKilowatts(sessions, [Seconds("10800-14400")], 9).ShouldBeEmpty();
    }

    /// <summary>A day is an outage day however short the outage is; one that ends at midnight is not of the next
    /// day.</summary>
    [Theory]
    [InlineData("2026-02-26T15:59:00Z", "2026-02-26T16:00:00Z", 26)]
    [InlineData("2026-02-26T15:59:00Z", "2026-02-26T16:00:01Z", 26, 27)]
    [InlineData("2026-02-20T00:00:00Z", "2026-03-20T00:00:00Z", 25, 26, 27)]
    [InlineData("2026-02-27T16:00:00Z", "2026-03-20T00:00:00Z")]
    public void An_outage_makes_each_day_that_it_touches_an_outage_day(string start, string end, params int[] days) =>
        Outages.Days([new(Point, new(At(start), At(end)), "ems")],
            DateTimeZoneProviders.Tzdb["Asia/Shanghai"],
            [new(2026, 2, 25), new(2026, 2, 26), new(2026, 2, 27)])
            .Order().Select(day => day.Day).ShouldBe(days);

    private static Instant At(string text) => NodaTime.Text.InstantPattern.ExtendedIso.Parse(text).Value;

    private static SessionRequested Session(string requested, string stay, string kilowattHours, string vehicle) => new(
        Point, Second(requested), Seconds(stay).Start, Seconds(stay).End,
        Energy.FromWattHours(1000 * Number(kilowattHours)), vehicle == "-" ? null : Kilowatts(vehicle), "csms");

    private static Decision ScheduleOf(string[] cells)
    {
        var values = cells[4].Split('*');
        var point = cells[0].Split(' ') is [var zone, var minutes]
            ? SettlementPoint.Evolve(SettlementPointState.Empty, new SettlementPointRegistered(Point, new("S1"),
                SettlementPointKind.Connector, new("cpo"), zone, (int)Number(minutes), Power.FromKilowatts(100), true),
                Instant.MinValue)
            : SettlementPointState.Empty;
        return DeclaredSchedules.Decide(point, new(Point, new("cpo"), Second(cells[1]), Second(cells[2]),
            (int)Number(cells[3]), [.. Enumerable.Repeat(
                DeclaredSchedules.EnergyOf(Kilowatts(values[0]), (int)Number(cells[3])), (int)Number(values[1]))]),
            Now, Key);
    }
}
