using System.Text.Json.Nodes;
using Ledger.Cli;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Fees by session and by parking of a settled connector, from what its charger says of who is
/// connected.</summary>
public sealed class SessionFeeTests : IDisposable
{
    private const string MasterData = """
        {"type":"settlement-point","point":"P1","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":500,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"register","point":"P1","direction":"import","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"tariff","tariff":"public","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"period":"flat"}],"prices":[{"period":"flat","importPerKwh":"1","exportPerKwh":"1"}],"fees":[{"name":"start","per":"session","amount":"2"},{"name":"parking","per":"parkedHour","amount":"6","stepSeconds":1800}],"energyDecimals":3,"moneyDecimals":2}
        {"type":"tariff-assignment","account":"cpo","tariff":"public","validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"charging-state","point":"P1","at":"2026-02-26T22:00:00+08:00","connected":true,"source":"csms"}
        {"type":"charging-state","point":"P1","at":"2026-02-27T02:10:00+08:00","connected":false,"source":"csms"}
        {"type":"charging-state","point":"P1","at":"2026-02-27T09:00:00+08:00","connected":true,"source":"csms"}
        """;

    private readonly SmallTown town = new();

    public SessionFeeTests()
    {
        Done("import", town.File("master-data.jsonl", MasterData));
        var rows = new System.Text.StringBuilder("point,register,read_at,kwh\n");
        var index = 0;
        // 20 kWh from 22:00 to 23:00 of the first day, and 20 from 09:00 to 10:00 of the second.
        for (var hour = 0; hour <= 48; hour++)
        {
            if (hour is 23 or 34) index += 20;
            rows.Append(System.Globalization.CultureInfo.InvariantCulture,
                $"P1,1.8.0,2026-02-{26 + hour / 24:00}T{hour % 24:00}:00:00+08:00,{index}\n");
        }
        Done("import", town.File("readings.csv", rows.ToString()));
        Done("settle", "--account", "cpo", "--day", "2026-02-26", "--run", "R1");
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R2");
    }

    public void Dispose() => town.Dispose();

    private string Done(params string[] args)
    {
        var run = town.Run(args);
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        return run.Output;
    }

    private IReadOnlyList<string> Charges(string run) => [.. JsonNode.Parse(Done("show", "statement", run, "--json"))!
        ["charges"]!.AsArray().Select(charge => $"{charge!["name"]} {charge["quantity"]} {charge["amount"]}")];

    /// <summary>
    /// Of the first stay 1 h is parked on the first day and, until 02:10, 3 h 10 min in all: 3.5 hours in steps of half
    /// an hour. The second has charged from 09:00 to 10:00 and stands there: 14 hours more.
    /// </summary>
    [Fact]
    public void Each_day_owes_what_the_fees_of_its_month_grew_by()
    {
        Charges("R1").ShouldBe(["start 1 2.00", "parking 1 6.00"]);
        Charges("R2").ShouldBe(["start 1 2.00", "parking 16.5 99.00"]);
        JsonNode.Parse(Done("explain", "R2", "total", "--json"))!["holds"]!.GetValue<bool>().ShouldBeTrue();
        Done("verify");
    }

    [Fact]
    public void A_fee_is_explained_and_proven_by_the_words_of_the_charger()
    {
        // Parking stands last: after 24 lines of energy and the fee by session.
        Done("explain", "R2#26", "--json").ShouldContain("\"stay from 2026-02-27T01:00:00Z\"");
        var use = JsonNode.Parse(Done("explain", "6", "--json"))!["runs"]!.AsArray();
        use.Select(run => $"{run!["run"]} {run["lines"]} {run["because"]}").ShouldBe(
            ["R2 25–26 as a stay for which a fee is due"]);
        Done("checkpoint", "--origin", "ledger.example/town");
        var zip = town.File("fee.zip", "");
        Done("prove", "R2#26", "--out", zip);
        Done("verify", zip);
        Done("bundle", "--statement", "R2", "--out", zip);
        Done("verify", zip);
    }

    /// <summary>A reading of the night is withdrawn, so nobody knows whether anything flowed while it stood
    /// there.</summary>
    [Fact]
    public void Parking_that_nobody_knows_has_no_amount()
    {
        Done("import", town.File("withdrawn.jsonl", """
            {"type":"register-reading-correction","point":"P1","direction":"import","readAt":"2026-02-28T00:00:00+08:00","supersedes":1,"indexSteps":40000,"quality":"missing","reason":"the meter was opened"}
            """));
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R3", "--kind", "correction");
        Charges("R3").ShouldBe(["start 1 2.00", "parking  "]);
        JsonNode.Parse(Done("explain", "R3", "total", "--json"))!["holds"]!.GetValue<bool>().ShouldBeTrue();
    }

    /// <summary>An account pays for the stays at all of its points, each counted where it was, on one
    /// statement.</summary>
    [Fact]
    public void An_account_pays_for_the_stays_at_each_of_its_points()
    {
        Done("import", town.File("second.jsonl", """
            {"type":"settlement-point","point":"P2","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":500,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
            {"type":"register","point":"P2","direction":"import","meterSerial":"M2","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
            {"type":"charging-state","point":"P2","at":"2026-02-27T04:30:00+08:00","connected":true,"source":"csms"}
            {"type":"charging-state","point":"P2","at":"2026-02-27T05:00:00+08:00","connected":false,"source":"csms"}
            {"type":"charging-state","point":"P2","at":"2026-02-27T20:00:00+08:00","connected":true,"source":"csms"}
            {"type":"charging-state","point":"P2","at":"2026-02-27T20:10:00+08:00","connected":false,"source":"csms"}
            """));
        var rows = new System.Text.StringBuilder("point,register,read_at,kwh\n");
        for (var hour = 0; hour <= 48; hour++)
            rows.Append(System.Globalization.CultureInfo.InvariantCulture,
                $"P2,1.8.0,2026-02-{26 + hour / 24:00}T{hour % 24:00}:00:00+08:00,500\n");
        Done("import", town.File("second.csv", rows.ToString()));
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R3", "--kind", "correction");
        // Two stays of half an hour and of ten minutes, which is half an hour of parking too.
        Charges("R3").ShouldBe(["start 1 2.00", "parking 16.5 99.00", "start 2 4.00", "parking 1 6.00"]);
        var statement = JsonNode.Parse(Done("show", "statement", "R3", "--json"))!;
        statement["charges"]!.AsArray().Select(charge => (string)charge!["point"]!).ShouldBe(["P1", "P1", "P2", "P2"]);
        statement["postings"]!.AsArray().Single(posting => (string)posting!["account"]! == "receivable/cpo/charges")!
            ["amount"]!.ToString().ShouldBe("111.00");
        JsonNode.Parse(Done("explain", "R3", "total", "--json"))!["holds"]!.GetValue<bool>().ShouldBeTrue();
        Done("verify");
    }
}
