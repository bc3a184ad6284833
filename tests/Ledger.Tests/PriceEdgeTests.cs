using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Ledger.Cli;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A settlement period of an hour inside which the price changes at half past: it is cut where the meter says how much
/// flowed on either side, and has no amount where nothing says it.
/// </summary>
public sealed class PriceEdgeTests : IDisposable
{
    private readonly SmallTown town = new();

    public void Dispose() => town.Dispose();

    private string Done(params string[] args)
    {
        var run = town.Run(args);
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        return run.Output;
    }

    /// <param name="isReadAtTheEdge">Whether the register is read at 08:30 too: 3 kWh before it and 5 after.</param>
    /// <param name="terms">What the tariff has beside prices.</param>
    private void Settled(bool isReadAtTheEdge, string terms = "")
    {
        Done("import", town.File("master-data.jsonl", """
            {"type":"settlement-point","point":"P1","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":500,"bidirectional":false,"validFrom":"2026-02-26T00:00:00+08:00"}
            {"type":"register","point":"P1","direction":"import","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-02-26T00:00:00+08:00"}
            {"type":"tariff","tariff":"half","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-02-26T00:00:00+08:00","rules":[{"from":"08:30","to":"20:00","period":"peak"},{"period":"flat"}],"prices":[{"period":"peak","importPerKwh":"2","exportPerKwh":"0"},{"period":"flat","importPerKwh":"1","exportPerKwh":"0"}]TERMS}
            {"type":"tariff-assignment","account":"cpo","tariff":"half","validFrom":"2026-02-26T00:00:00+08:00"}
            """.Replace("TERMS", terms, StringComparison.Ordinal)));
        var rows = new StringBuilder("point,register,read_at,kwh\n");
        for (var hour = 0; hour <= 24; hour++)
        {
            rows.Append(CultureInfo.InvariantCulture,
                $"P1,1.8.0,2026-02-{26 + hour / 24:00}T{hour % 24:00}:00:00+08:00,{hour * 8}\n");
            if (hour == 8 && isReadAtTheEdge) rows.Append("P1,1.8.0,2026-02-26T08:30:00+08:00,67\n");
        }
        Done("import", town.File("readings.csv", rows.ToString()));
        Done("settle", "--account", "cpo", "--day", "2026-02-26", "--run", "R1");
    }

    private List<string> Rows(params string[] from) =>
        [.. Done("export", "statement", "R1", "--format", "csv").Split('\n').Select(line => line.Split(','))
            .Where(cells => cells.Length > 15 && from.Contains(cells[4]))
            .Select(cells => $"{cells[8]} {cells[9]} {cells[11]} × {cells[13]} = {cells[15]}{cells[^1].TrimEnd()}")];

    [Fact]
    public void A_period_is_cut_where_the_register_was_read_at_the_edge()
    {
        Settled(isReadAtTheEdge: true);
        Rows("2026-02-26T00:00:00Z", "2026-02-26T00:30:00Z", "2026-02-26T01:00:00Z").ShouldBe(
            ["9 flat 3 × 1 = 3.00", "9 peak 5 × 2 = 10.00", "10 peak 8 × 2 = 16.00"]);
        var statement = JsonNode.Parse(Done("show", "statement", "R1", "--json"))!;
        ((int)statement["linesPriced"]!, (int)statement["linesExpected"]!, (bool)statement["complete"]!)
            .ShouldBe((25, 25, true));
        // 12 hours of flat and 11 of peak at 8 kWh each, and the hour that is cut; 20:00 is no edge inside a period.
        ((string)statement["total"]!).ShouldBe("285.00"); // 12 × 8 × 1 + 3 × 1 + 5 × 2 + 11 × 8 × 2
        JsonNode.Parse(Done("explain", "R1", "total", "--json"))!["holds"]!.GetValue<bool>().ShouldBeTrue();
        Done("explain", "R1#10", "--json").ShouldContain("index at 2026-02-26T00:30:00Z");
        Done("verify");
        Done("checkpoint", "--origin", "ledger.example/town");
        var zip = town.File("line.zip", "");
        Done("prove", "R1#10", "--out", zip);
        Done("verify", zip);
        Done("bundle", "--statement", "R1", "--out", zip);
        Done("verify", zip);
    }

    [Fact]
    public void What_is_charged_beside_energy_counts_the_parts_too()
    {
        Settled(isReadAtTheEdge: true, """
            ,"fees":[{"name":"service","per":"kwh","amount":"0.5"}],"taxPercent":"10","demandCharges":[{"name":"demand","perKw":"1","intervalMinutes":60}]
            """.Trim());
        JsonNode.Parse(Done("show", "statement", "R1", "--json"))!["charges"]!.AsArray()
            .Select(charge => $"{charge!["name"]} {charge["quantity"]} {charge["amount"]}")
            // 8 kW; 192 kWh; the tax of 285 + 8 + 96.
            .ShouldBe(["demand 8 8.00", "service 192 96.00", "tax 10 % 389 38.90"]);
        JsonNode.Parse(Done("explain", "R1", "total", "--json"))!["holds"]!.GetValue<bool>().ShouldBeTrue();
        Done("verify");
    }

    [Fact]
    public void Where_nothing_says_how_the_energy_is_spread_it_has_no_amount()
    {
        Settled(isReadAtTheEdge: false);
        Rows("2026-02-26T00:00:00Z", "2026-02-26T00:30:00Z").ShouldBe(
            ["9 flat 8 × 1 = tariff edge inside the period"]);
        var statement = JsonNode.Parse(Done("show", "statement", "R1", "--json"))!;
        ((int)statement["linesPriced"]!, (int)statement["linesExpected"]!, (bool)statement["complete"]!)
            .ShouldBe((23, 24, false));
        town.Run("settle", "--account", "cpo", "--day", "2026-02-26", "--run", "R2", "--kind", "final").Exit
            .ShouldNotBe(ExitCode.Done);
    }
}
