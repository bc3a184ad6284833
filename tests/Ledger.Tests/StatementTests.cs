using System.Text;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Statement lines, postings, differences and runs;
/// what always holds of them is in StatementLawTests.</summary>
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
    public void Import_is_charged_export_credited_and_postings_balance()
    {
        var statement = Build(Tariff(), Quantity(Direction.Import, 0, Energy.FromWattHours(100_000)),
            Quantity(Direction.Export, 0, Energy.FromWattHours(50_000)));
        statement.ImportTotal.ShouldBe(100.00m);
        statement.ExportTotal.ShouldBe(-45.00m);
        statement.Total.ShouldBe(55.00m);
        statement.Postings.ShouldBe([
            new("receivable/A", 100.00m), new("revenue/energy-import", -100.00m),
            new("payable/A", -45.00m), new("cost/energy-export", 45.00m),
        ]);
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
        Build(Tariff(), across).Lines[0].ShouldSatisfyAllConditions(
            line => line.AmountExact.ShouldBeNull(), line => line.Problem.ShouldBe("tariff edge inside the period"));
        Build(Tariff(), Quantity(Direction.Import, 0, Energy.Zero), Quantity(Direction.Import, 1, null))
            .ShouldSatisfyAllConditions(
                s => s.Incomplete.ShouldBeTrue(), s => s.Lines[1].Problem.ShouldBe("energy missing"));
        Build(Tariff()).Incomplete.ShouldBeTrue();
    }

    [Fact]
    public void A_line_is_hashed_as_text_that_says_all_of_it()
    {
        var lines = Build(Tariff(), Quantity(Direction.Import, 0, Energy.FromWattHours(1_500), "record v1"),
            Quantity(Direction.Export, 1, null, "missing")).Lines;
        lines[0].Canonical().ShouldBe("1|P1|Import|2026-07-01T00:00:00Z|2026-07-01T00:15:00Z|Peak|10800000000000000|" +
            "1.5|1|1.5|1.5|record v1|Measured|-");
        lines[1].Canonical().ShouldBe("2|P1|Export|2026-07-01T00:15:00Z|2026-07-01T00:30:00Z|Peak|-|" +
            "-|0.9|-|-|missing|Missing|energy missing");
        var unpriced = Tariff() with { Rules = [], Prices = [] };
        Build(unpriced, Quantity(Direction.Import, 0, Energy.Zero)).Lines[0].Canonical()
            .ShouldBe("1|P1|Import|2026-07-01T00:00:00Z|2026-07-01T00:15:00Z|-|0|0|-|-|-|v1|Measured|price missing");
    }

    [Fact]
    public void The_root_of_the_lines_is_the_tree_hash_of_RFC_6962()
    {
        for (var count = 0; count < 9; count++)
        {
            var statement = Build(Tariff(),
                [.. Enumerable.Range(0, count).Select(i => Quantity(Direction.Import, i, Energy.Zero))]);
            var tree = new MerkleTree();
            foreach (var line in statement.Lines) tree.Append(Encoding.UTF8.GetBytes(line.Canonical()));
            statement.LinesRoot.Hex.ShouldBe(Convert.ToHexStringLower(tree.Root()));
        }
    }

    [Fact]
    public void Lines_stand_in_order_and_periods_of_one_series_do_not_overlap()
    {
        var (export, import) = (Quantity(Direction.Export, 0, Energy.Zero), Quantity(Direction.Import, 0, Energy.Zero));
        var (later, other) = (Quantity(Direction.Import, 1, Energy.Zero), import with { Point = new("P0") });
        Build(Tariff(), later, export, other, import).Lines
            .Select(line => (line.Number, line.Point, line.Direction, line.Period)).ShouldBe(
                new[] { other, import, later, export }.Select((q, i) => (i + 1, q.Point, q.Direction, q.Period)));
        Should.Throw<ArgumentException>(() => Build(Tariff(), import, import)).Message.ShouldContain("overlap at P1");
    }

    [Fact]
    public void What_is_carried_stays_with_one_point_and_direction()
    {
        var half = new Energy(Energy.HalfNanojoulesPerWattHour * 6 / 10);
        var statement = Build(Tariff(), Quantity(Direction.Import, 0, half), Quantity(Direction.Export, 0, half),
            Quantity(Direction.Import, 1, half), Quantity(Direction.Import, 0, half) with { Point = new("P2") });
        statement.Lines.Select(line => line.BilledKwh).ShouldBe([0.001m, 0m, 0.001m, 0.001m]);
    }

    [Fact]
    public void Every_way_in_which_a_line_can_change_is_named_in_order_of_lines()
    {
        var (first, second) = (Quantity(Direction.Import, 0, Energy.FromWattHours(4)),
            Quantity(Direction.Import, 1, Energy.FromWattHours(2)));
        var nothing = first with { Metered = Energy.Zero };
        Causes(Build(Tariff(), first, second), Build(Tariff(), nothing, second)).ShouldBe([
            "energy 0.004000 → 0.000000 kWh because v1 → v1", "rounding residual carried from a changed line"]);
        var (some, more) = (first with { Metered = new(3_000_000_000_000) },
            second with { Metered = new(1_500_000_000_000) });
        Causes(Build(Tariff(), some, more),
            Build(Tariff(), nothing, more))[1].ShouldBe("rounding residual carried from a changed line");
        Causes(Build(Tariff(), first), Build(Tariff(2.0m), first))
            .ShouldBe(["price Peak 1.0 → Peak 2.0 by the tariff"]);
        var sharp = Tariff() with
        {
            Rules = [new(AllYear, AllDays, new(0, 0), null, TariffPeriod.SharpPeak)],
            Prices = [new(TariffPeriod.SharpPeak, 1.0m, 0.9m)],
        };
        Causes(Build(Tariff(), first), Build(sharp, first)).ShouldBe(["price Peak 1.0 → SharpPeak 1.0 by the tariff"]);
        var edge = Tariff()
            with
        { Rules = [new(AllYear, AllDays, new(8, 0), new(8, 10), TariffPeriod.Peak), Tariff().Rules[2]] };
        Causes(Build(Tariff(), first), Build(edge, first)).ShouldBe(["no problem → tariff edge inside the period"]);
        Causes(Build(edge, first), Build(Tariff(), first)).ShouldBe(["tariff edge inside the period → no problem"]);
        var export = Quantity(Direction.Export, 0, Energy.Zero);
        Statement.Difference(Build(Tariff(), first with { Point = new("P2") }, first), Build(Tariff(), second, export))
            .Select(change => $"{change.Point} {change.Direction} {change.Period.Start} {change.Before} {change.After} {change.Cause}")
            .ShouldBe([
                "P1 Import 2026-07-01T00:00:00Z 0.00  line removed, it came from v1",
                "P1 Import 2026-07-01T00:15:00Z  0.00 line added from v1",
                "P1 Export 2026-07-01T00:00:00Z  0.00 line added from v1",
                "P2 Import 2026-07-01T00:00:00Z 0.01  line removed, it came from v1",
            ]);
        var longer = first with { Period = new(first.Period.Start, second.Period.End), Metered = Energy.Zero };
        Statement.Difference(Build(Tariff(), first), Build(Tariff(), longer))
            .ShouldHaveSingleItem().Period.ShouldBe(longer.Period);

        static List<string> Causes(Statement was, Statement now) =>
            [.. Statement.Difference(was, now).Select(change => change.Cause)];
    }

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
        var points = SettledPoints.Of(new("A"), [
            At("S1-C2", "S1", SettlementPointKind.Connector, "A"), At("S1-C1", "S1", SettlementPointKind.Storage, "B"),
            At("S1-GC", "S1", SettlementPointKind.GridConnection, "A"),
            At("S2-C1", "S2", SettlementPointKind.Connector, "A"),
            At("S2-GC", "S2", SettlementPointKind.GridConnection, "B"),
        ]);
        points.Select(point => $"{point.Point} {point.Settled} {point.WhyNot}".TrimEnd()).ShouldBe([
            "S1-C2 False it lies behind grid connection S1-GC of S1, which is settled", "S1-GC True", "S2-C1 True",
        ]);

        static SettlementPointRegistered At(string point, string station, SettlementPointKind kind, string owner) =>
            new(
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
