using System.Text;
using System.Text.Json.Nodes;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// The prices of an order are those of the statement: by the terms of the tariff and its ratios, by the version of the
/// day, and on both sides of a price edge; where a statement has no amount there is no order.
/// </summary>
public sealed class ChargeOrderTests : IDisposable
{
    private readonly ChargeTown town = new();

    public void Dispose() => town.Dispose();

    /// <summary>The flat price is 0.8, so a peak costs at least 1.28, a sharp peak 1.44 and a valley at most 0.32, and
    /// half past eight in the evening is an edge inside an hour; from 3 March on a valley costs 0.2.</summary>
    public ChargeOrderTests()
    {
        const string version = """
            {"type":"tariff","tariff":"tou","version":VERSION,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"DAYT00:00:00+08:00","rules":[{"from":"08:00","to":"20:30","period":"peak"},{"from":"20:30","to":"22:00","period":"sharpPeak"},{"period":"valley"}],"prices":[{"months":[3],"period":"peak","importPerKwh":"1.5"},{"period":"peak","importPerKwh":"1.1","exportPerKwh":"1"},{"period":"sharpPeak","importPerKwh":"1.3","exportPerKwh":"1.2"},{"period":"flat","importPerKwh":"0.8","exportPerKwh":"0.8"},{"period":"valley","importPerKwh":"VALLEY","exportPerKwh":"0.3"}],"ratios":{"sharpPeak":"1.8","peak":"1.6","valley":"0.4","deepValley":"0.3"}}

            """;
        town.Done("import", town.File("tariff.jsonl",
            version.Replace("VERSION", "2").Replace("DAY", "2026-03-02").Replace("VALLEY", "0.3533")
            + version.Replace("VERSION", "3").Replace("DAY", "2026-03-03").Replace("VALLEY", "0.2")));
    }

    [Fact]
    public void Terms_and_ratios_price_an_order_as_they_price_the_statement()
    {
        var orders = Orders(ChargeTown.Day, ExitCode.NotAsItShouldBe);
        orders[0].Details.Select(detail => detail.ElecPrice).ShouldBe([0.32m, 1.5m]);
        orders[1].Details.Select(detail => detail.ElecPrice).ShouldBe([1.5m]);
        Agree(orders, ChargeTown.Day);
    }

    /// <summary>A ratio may make more decimals than the format has; money is by the price as it is.</summary>
    [Fact]
    public void A_price_is_shown_with_four_decimals_and_money_is_exact()
    {
        var stay = new ChargingSession(new("P1"), TestFolder.Start, TestFolder.Start + Duration.FromHours(1), false);
        var energy = Energy.FromWattHours(1_000_000);
        var order = TcecOrders.Of(new(stay, energy, Energy.Zero,
            [new(stay.Stay, energy, Energy.Zero) { Price = (TariffPeriod.Peak, 0.353355m) }], "register", [], null), "S", 0.8m)!;
        order.Details.Select(detail => (detail.ElecPrice, detail.ElecMoney)).ShouldBe([(0.3534m, 353.36m)]);
    }

    [Fact]
    public void A_session_over_midnight_has_the_version_of_each_day()
    {
        town.Done("import", town.File("night.jsonl", """
            {"type":"charging-state","point":"S01-C2","at":"2026-03-02T23:30:00+08:00","connected":true,"source":"ocpp"}
            {"type":"charging-state","point":"S01-C2","at":"2026-03-03T00:30:00+08:00","connected":false,"source":"ocpp"}
            """));
        Read("S01-C2,1.8.0,2026-03-02T23:30:00+08:00,100|S01-C2,1.8.0,2026-03-03T00:30:00+08:00,110");
        var orders = Orders("2026-03-03", ExitCode.Done);
        orders.Single().Details.Select(detail => (detail.ElecPrice, detail.Power, detail.ElecMoney))
            .ShouldBe([(0.32m, 5m, 1.6m), (0.2m, 5m, 1m)]);
        Agree(orders, ChargeTown.Day, "2026-03-03");
    }

    /// <summary>4 kWh before half past eight and 3 after it.</summary>
    [Fact]
    public void An_hour_with_a_price_edge_inside_is_two_details_where_the_meter_says_how()
    {
        Read(string.Join('|', new[] { ("20:00", 1043.125m), ("20:30", 1047.125m), ("21:00", 1050.125m) }.SelectMany(at =>
            (string[])[$"S01-C1,1.8.0,2026-03-02T{at.Item1}:00+08:00,{at.Item2}",
                $"S01-C1,2.8.0,2026-03-02T{at.Item1}:00+08:00,30.5"])));
        var orders = Orders(ChargeTown.Day, ExitCode.Done);
        var third = orders[2];
        third.Details.Select(detail => detail.ElecPrice).ShouldBe([1.5m, 1.44m]);
        third.Details[1].Start.ShouldBe(Instant.FromUtc(2026, 3, 2, 12, 30));
        // From 20:10 to 20:40, and nobody else stood there from 20:00 to 21:00.
        third.Details.Select(detail => detail.Power).ShouldBe([4m, 3m]);
        third.TotalPower.ShouldBe(7m);
        Agree(orders, ChargeTown.Day);
    }

    [Fact]
    public void Where_nobody_knows_what_flowed_before_a_price_edge_there_is_no_order()
    {
        Read("S01-C1,1.8.0,2026-03-02T20:10:00+08:00,1043.125|S01-C1,2.8.0,2026-03-02T20:10:00+08:00,30.5|"
            + "S01-C1,1.8.0,2026-03-02T20:40:00+08:00,1050.125|S01-C1,2.8.0,2026-03-02T20:40:00+08:00,30.5");
        var run = town.Run("export", "tcec", "cpo", ChargeTown.Day, "--operator", "MA5DA0053");
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        run.Errors.ShouldContain("no record for S01-C1 from 2026-03-02T12:10:00Z to 2026-03-02T12:40:00Z: "
            + "the price changes inside one of its settlement periods");
        JsonNode.Parse(run.Output)!["orders"]!.AsArray().Count.ShouldBe(2);
    }

    private void Read(string rows) => town.Done("import", town.File("rows.csv",
        $"point,register,read_at,kwh\n{rows.Replace('|', '\n')}\n"));

    private List<TcecOrder> Orders(string day, int exit)
    {
        var run = town.Run("export", "tcec", "cpo", day, "--operator", "MA5DA0053", "--service-price", "0.8");
        run.Exit.ShouldBe(exit, run.Errors);
        return [.. JsonNode.Parse(run.Output)!["orders"]!.AsArray().Select(order =>
        {
            using var document = InputValue.Parse(Encoding.UTF8.GetBytes(order!.ToJsonString()));
            return TcecText.Order(new InputValue("order", document.RootElement));
        })];
    }

    /// <summary>Each detail has the price of the statement's line of that point and time.</summary>
    private void Agree(IReadOnlyList<TcecOrder> orders, params string[] days)
    {
        var prices = new List<(string Point, Instant Start, Instant End, decimal Price)>();
        foreach (var day in days)
        {
            town.Run("settle", "--account", "cpo", "--day", day, "--run", $"R{day}");
            prices.AddRange(JsonNode.Parse(town.Done("export", "statement", $"R{day}", "--format", "json").Output)!.AsArray()
                .Where(line => ((string)line!["kind"]!, (string)line["name"]!) == ("energy", "import"))
                .Select(line => ((string)line!["point"]!, At(line["start"]!), At(line["end"]!),
                    decimal.Parse((string)line["price"]!, System.Globalization.CultureInfo.InvariantCulture))));
        }
        foreach (var order in orders)
            foreach (var detail in order.Details)
                prices.Where(line => line.Point == order.ConnectorId
                        && line.Start < detail.End && line.End > detail.Start)
                    .Select(line => line.Price).Distinct().ShouldBe([detail.ElecPrice]);
    }

    private static Instant At(JsonNode text) => InstantPattern.ExtendedIso.Parse((string)text!).Value;
}
