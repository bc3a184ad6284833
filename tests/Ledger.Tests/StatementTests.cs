using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Tariff lookup, statement lines, rounding, postings, differences and runs.</summary>
public sealed class StatementTests
{
    private static readonly IReadOnlyList<int> AllYear = [.. Enumerable.Range(1, 12)];
    private static readonly IReadOnlyList<DayClass> AllDays = Enum.GetValues<DayClass>();
    private static readonly Instant Start = Instant.FromUtc(2026, 7, 1, 0, 0); // 08:00 in Shanghai, a Wednesday
    private static readonly SettlementPointId Point = new("P1");

    private static TariffPublished Tariff(decimal peak = 1.0m) => new(
        new("T"), 1, "CNY", "Asia/Shanghai",
        [
            new(AllYear, [DayClass.Holiday], new(0, 0), null, TariffPeriod.DeepValley),
            new(AllYear, AllDays, new(8, 0), new(10, 0), TariffPeriod.Peak),
            new(AllYear, AllDays, new(0, 0), null, TariffPeriod.Flat),
        ],
        [
            new(TariffPeriod.Peak, peak, 0.9m), new(TariffPeriod.Flat, 0.5m, 0.4m),
            new(TariffPeriod.DeepValley, 0.1m, 0.1m),
        ], [new(2026, 10, 1)], 3, 2);

    private static Statement Build(TariffPublished tariff, params MeteredQuantity[] quantities) =>
        Statement.Build(new("A"), new(2026, 7, 1), tariff, quantities);

    private static MeteredQuantity Quantity(Direction direction, int quarter, Energy? energy, string source = "v1")
    {
        var from = Start + Duration.FromMinutes(15 * quarter);
        return new(Point, direction, new(from, from + Duration.FromMinutes(15)), energy, source,
            energy is null ? ReadingQuality.Missing : ReadingQuality.Measured);
    }

    [Fact]
    public void Holiday_comes_before_weekday_and_edges_are_found()
    {
        var zone = DateTimeZoneProviders.Tzdb["Asia/Shanghai"];
        TariffCalendar.PeriodAt(Tariff(), new LocalDateTime(2026, 10, 1, 9, 0)).ShouldBe(TariffPeriod.DeepValley);
        TariffCalendar.PeriodAt(Tariff(), new LocalDateTime(2026, 7, 1, 9, 59)).ShouldBe(TariffPeriod.Peak);
        TariffCalendar.PeriodAt(Tariff(), new LocalDateTime(2026, 7, 1, 10, 0)).ShouldBe(TariffPeriod.Flat);
        TariffCalendar.EdgesWithin(Tariff(), zone, new(Start, Start + Duration.FromHours(3)))
            .ShouldBe([Start + Duration.FromHours(2)]);
        TariffCalendar.EdgesWithin(Tariff(), zone, new(Start, Start + Duration.FromHours(2))).ShouldBeEmpty();
    }

    [Fact]
    public void A_tariff_with_a_hole_or_without_a_price_is_refused()
    {
        TariffCalendar.Incompleteness(Tariff()).ShouldBeNull();
        TariffCalendar.Incompleteness(Tariff() with { Prices = [] }).ShouldNotBeNull().ShouldContain("no price");
        var hole = Tariff() with { Rules = Tariff().Rules.Take(2).ToList() };
        Tariffs.Decide(TariffState.Empty, hole, Start, new("k")).ShouldBeOfType<Decision.Rejected>()
            .Code.ShouldBe(Rejection.TariffIncomplete);
    }

    [Fact]
    public void Import_is_charged_export_credited_and_postings_balance()
    {
        var statement = Build(Tariff(), Quantity(Direction.Import, 0, Energy.FromWattHours(100_000)),
            Quantity(Direction.Export, 0, Energy.FromWattHours(50_000)));
        statement.ImportTotal.ShouldBe(100.00m);
        statement.ExportTotal.ShouldBe(-45.00m);
        statement.Total.ShouldBe(55.00m);
        statement.Postings.Sum(posting => posting.Amount).ShouldBe(0m);
        statement.Incomplete.ShouldBeFalse();
    }

    [Fact]
    public void Missing_energy_missing_price_and_a_tariff_edge_flag_the_statement()
    {
        Build(Tariff(), Quantity(Direction.Import, 0, null)).Incomplete.ShouldBeTrue();
        Build(Tariff() with { Prices = [] }, Quantity(Direction.Import, 0, Energy.Zero)).Lines[0].Problem
            .ShouldBe("price missing");
        var across = new MeteredQuantity(Point, Direction.Import,
            new(Start + Duration.FromMinutes(105), Start + Duration.FromMinutes(135)), Energy.FromWattHours(1), "v1",
            ReadingQuality.Measured);
        Build(Tariff(), across).Lines[0].AmountExact.ShouldBeNull();
        Build(Tariff()).Incomplete.ShouldBeTrue();
    }

    [Fact]
    public void Energy_and_money_are_conserved_by_the_carried_residuals() =>
        Gen.Long[0, 1_000_000_000_000_000].Array[1, 40].Sample(parts =>
        {
            var statement = Build(Tariff(0.777m), [.. parts.Select((part, i) =>
                Quantity(Direction.Import, i, new Energy(part)))]);
            var billedWh = statement.Lines.Sum(line => line.BilledKwh!.Value) * 1000m;
            var exact = parts.Aggregate((Int128)0, (sum, part) => sum + part);
            var gap = Int128.Abs((Int128)billedWh * Energy.HalfNanojoulesPerWattHour - exact);
            (gap * 2 <= Energy.HalfNanojoulesPerWattHour).ShouldBeTrue();
            statement.Lines.ShouldAllBe(line => line.BilledKwh >= 0m);
            statement.Lines.Sum(line => line.AmountExact!.Value).ShouldBe(statement.Total + statement.Residual);
        });

    [Fact]
    public void A_difference_names_the_cause_of_each_changed_line()
    {
        var before = Build(Tariff(), Quantity(Direction.Import, 0, Energy.FromWattHours(1000), "record v1"),
            Quantity(Direction.Import, 1, Energy.FromWattHours(1000)));
        var after = Build(Tariff(), Quantity(Direction.Import, 0, Energy.FromWattHours(3000), "record v2"),
            Quantity(Direction.Import, 1, Energy.FromWattHours(1000)));
        var change = Statement.Difference(before, after).ShouldHaveSingleItem();
        change.Cause.ShouldBe("energy 1.000000 → 3.000000 kWh because record v1 → record v2");
        (change.After - change.Before).ShouldBe(2.00m);
        after.LinesRoot.ShouldNotBe(before.LinesRoot);
        Statement.Difference(before, before).ShouldBeEmpty();
    }

    [Fact]
    public void A_changed_source_reads_as_a_sentence()
    {
        const string curve = "interval record 733 v1, 30 s not covered";
        Cause(Quantity(Direction.Import, 0, Energy.FromWattHours(812_400), curve),
                Quantity(Direction.Import, 0, Energy.FromWattHours(815_100), "register: readings 1021, 14022"))
            .ShouldBe("energy 812.400000 → 815.100000 kWh because interval record 733 v1, 30 s not covered → " +
                "register: readings 1021, 14022");
        Cause(Quantity(Direction.Import, 0, null, "missing"), Quantity(Direction.Import, 0, Energy.Zero, curve))
            .ShouldBe("energy missing → 0.000000 kWh because missing → interval record 733 v1, 30 s not covered");
        Cause(Quantity(Direction.Import, 0, Energy.Zero, curve), Quantity(Direction.Import, 0, null, "missing"))
            .ShouldBe("energy 0.000000 → missing because interval record 733 v1, 30 s not covered → missing");

        static string Cause(MeteredQuantity was, MeteredQuantity now) =>
            Statement.Difference(Build(Tariff(), was), Build(Tariff(), now)).ShouldHaveSingleItem().Cause;
    }

    [Fact]
    public void A_point_behind_the_accounts_own_grid_connection_is_not_settled_again()
    {
        var points = Settlement.Points(new("A"), [
            At("S1-C2", "S1", SettlementPointKind.Connector, "A"), At("S1-C1", "S1", SettlementPointKind.Storage, "B"),
            At("S1-GC", "S1", SettlementPointKind.GridConnection, "A"), At("S2-C1", "S2", SettlementPointKind.Connector, "A"),
            At("S2-GC", "S2", SettlementPointKind.GridConnection, "B"),
        ]);
        points.Select(point => $"{point.Point} {point.Settled} {point.WhyNot}".TrimEnd()).ShouldBe([
            "S1-C2 False it lies behind grid connection S1-GC of S1, which is settled", "S1-GC True", "S2-C1 True",
        ]);

        static SettlementPointRegistered At(string point, string station, SettlementPointKind kind, string owner) => new(
            new(point), new(station), kind, new(owner), "Asia/Shanghai", 15, Power.FromKilowatts(1000), true);
    }

    [Fact]
    public void A_run_is_recorded_once_and_a_final_run_must_be_complete()
    {
        var request = new SettlementRequest(new("R1"), RunKind.Final, "Asia/Shanghai", 7, "2026a", null);
        var good = Build(Tariff(), Quantity(Direction.Import, 0, Energy.FromWattHours(1000)));
        var accepted = Settlement.Decide(SettlementState.Empty, request, good, Start, new("k"))
            .ShouldBeOfType<Decision.Accepted>();
        var state = Settlement.Evolve(SettlementState.Empty, accepted.Facts[0].Event);
        Settlement.Decide(state, request, good, Start, new("k")).ShouldBeOfType<Decision.AlreadyRecorded>();
        var other = Build(Tariff(), Quantity(Direction.Import, 0, Energy.FromWattHours(2000)));
        Code(Settlement.Decide(state, request, other, Start, new("k"))).ShouldBe(Rejection.RunExists);
        // Each of these also has a known run name, so the earlier rule must answer.
        Code(Settlement.Decide(state, request, Build(Tariff(), Quantity(Direction.Import, 0, null)), Start, new("k")))
            .ShouldBe(Rejection.PeriodIncomplete);
        var unpriced = Build(Tariff() with { Prices = [] }, Quantity(Direction.Import, 0, Energy.Zero));
        Code(Settlement.Decide(state, request, unpriced, Start, new("k"))).ShouldBe(Rejection.PriceMissing);
    }

    private static Rejection Code(Decision decision) => decision.ShouldBeOfType<Decision.Rejected>().Code;
}
