using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A station's balance from master data in force and interval records;
/// the balance itself has its own table.</summary>
public sealed class StationBalanceTests
{
    private static readonly StationId Station = new("S");
    private static readonly LocalDate Date = new(2026, 3, 1);
    private static readonly Instant Midnight = Instant.FromUtc(2026, 2, 28, 16, 0); // in Shanghai
    private static readonly Instant Ever = Instant.FromUtc(2026, 1, 1, 0, 0);

    private readonly List<MasterData.PointRow> points =
    [
        Point("C", SettlementPointKind.Connector), Point("G", SettlementPointKind.GridConnection),
        Point("PV", SettlementPointKind.Photovoltaic),
    ];
    private readonly List<MasterData.PlaceRow> places = [];
    private readonly List<MasterData.LossFactorRow> losses = [];
    private readonly List<VerifiedExport.PeriodRow> records = [];

    [Fact]
    public void Each_period_is_balanced_or_says_what_it_lacks()
    {
        Record("G", 0, 0, 10_000).Record("C", 0, 0, 6_000).Record("PV", 0, 0, 6_000);
        Record("G", 1, 5_000, 0).Record("C", 1, 5_000, 0);
        Record("G", 2, 5_000, 0).Record("C", 2, 5_000, 0, ReadingQuality.Suspect)
            .Record("PV", 2, 0, 0, uncovered: 1_500_000);
        var periods = Periods();
        periods.Count.ShouldBe(24);
        periods[0].ShouldSatisfyAllConditions(
            period => period.Why.ShouldBeNull(), period => period.Losses.ShouldBe(Energy.FromWattHours(2_000)),
            period => period.VerifiedV2g.ShouldBe(Energy.FromWattHours(5_000)),
            period => period.Photovoltaic.ShouldBe(Energy.FromWattHours(5_000)),
            period => period.Parts.Select(part => part.Point).ShouldBe(["C", "PV"]));
        periods[1].ShouldSatisfyAllConditions(
            period => period.Proven.ShouldBeFalse(), period => period.Export.ShouldBeNull(),
            period => period.Why.ShouldBe("PV: no interval record"));
        periods[2].Why.ShouldBe("C: its record is suspect; PV: 1.5 s are not covered");
        var day = StationBalance.Day(Station, Date, Facts(), periods)!;
        (day.Periods, day.Unproven, day.Export, day.VerifiedV2g).ShouldBe(
            (24, 23, Energy.FromWattHours(10_000), Energy.FromWattHours(5_000)));
    }

    [Fact]
    public void What_is_in_force_at_the_start_of_a_period_holds_in_it()
    {
        points.Add(Point("F", SettlementPointKind.GridConnection)
            with
        { ValidFrom = Midnight + Duration.FromHours(1) });
        places.Add(new("F", "G", Ever));
        places.Add(new("C", "F", Midnight + Duration.FromHours(1)));
        losses.Add(new("PV", 100_000, 0, Midnight + Duration.FromHours(1)));
        foreach (var hour in (int[])[0, 1])
            Record("G", hour, 0, 10_000).Record("C", hour, 0, 5_000).Record("PV", hour, 0, 6_000)
                .Record("F", hour, 0, 4_000);
        var periods = Periods();
        // 1 kWh is lost, of which PV's declared 10 % of 6 kWh come first; then the feeder caps its connector.
        periods[0].VerifiedV2g!.Value.ToKwh(6).ShouldBe("4.545455");
        periods[1].Parts.Single(part => part.Point == "PV").ExportLosses.ShouldBeGreaterThan(Energy.FromWattHours(600));
        periods[1].VerifiedV2g.ShouldBe(Energy.FromWattHours(4_000));
    }

    [Fact]
    public void A_day_has_the_calendar_that_its_connection_has_at_its_beginning()
    {
        points.Add(Point("G", SettlementPointKind.GridConnection) with
        {
            Zone = "UTC", PeriodMinutes = 15, ValidFrom = Midnight + Duration.FromHours(12), // amid the day of both
        });
        var periods = Periods();
        (periods.Count, periods[0].Start).ShouldBe((24, Midnight));
        StationBalance.Day(Station, Date, Facts(), periods)!.Zone.ShouldBe("Asia/Shanghai");
    }

    [Fact]
    public void A_station_without_a_connection_has_no_balance_and_two_connections_prove_nothing()
    {
        points.RemoveAll(point => point.Point == "G");
        Periods().ShouldBeEmpty();
        StationBalance.Day(Station, Date, Facts(), []).ShouldBeNull();
        points.AddRange([Point("G", SettlementPointKind.GridConnection),
            Point("H", SettlementPointKind.GridConnection)]);
        Periods()[0].Why!.ShouldContain("2 grid connections");
    }

    private IReadOnlyList<StationBalance.PeriodRow> Periods() => StationBalance.Periods(Station, Date, Facts());

    private StationBalance.Facts Facts() => new(points, places, losses, (point, edges) =>
        [.. records.Where(record => record.Point == point.Value && edges.Contains(record.Start))]);

    private static MasterData.PointRow Point(string point, SettlementPointKind kind) =>
        new(point, "S", kind, "A", "Asia/Shanghai", 60, 1_000_000_000, kind == SettlementPointKind.Connector, Ever);

    private StationBalanceTests Record(
        string point, int hour, long importWh, long exportWh, ReadingQuality quality = ReadingQuality.Measured,
        long uncovered = 0)
    {
        var start = Midnight + Duration.FromHours(hour);
        var (import, export) = (Energy.FromWattHours(importWh), Energy.FromWattHours(exportWh));
        records.Add(new(
            point, start, start + Duration.FromHours(1), "2026-03-01", 1, IntervalRecordState.Final, export,
            import, 0, 0, 3_600_000_000 - uncovered, 0, quality, null, new string('a', 64)));
        return this;
    }
}
