using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Ledger.Cli;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Master data that changes within a month: each day is settled by what was in force then, also where a later day asks
/// for it as a part of the month.
/// </summary>
public sealed class MasterDataInTimeTests : IDisposable
{
    private static string Terms(int demandMinutes) => $$"""
        {"type":"tariff","tariff":"industrial","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"period":"flat"}],"prices":[{"period":"flat","importPerKwh":"0.5","exportPerKwh":"0.4"}],"demandCharges":[{"name":"demand","perKw":"42","intervalMinutes":{{demandMinutes}}}],"fees":[{"name":"standing","per":"month","amount":"50"}],"taxPercent":"10"}
        {"type":"tariff-assignment","account":"cpo","tariff":"industrial","validFrom":"2026-01-01T00:00:00+08:00"}
        """;

    private readonly SmallTown town = new();

    public void Dispose() => town.Dispose();

    private string Done(params string[] args)
    {
        var run = town.Run(args);
        (run.Exit, run.Errors).ShouldBe((ExitCode.Done, ""), run.Output);
        return run.Output;
    }

    private void Import(string text, string name = "facts.jsonl") => Done("import", town.File(name, text));

    /// <summary>From the first of the two days that are settled on.</summary>
    private static string Point(int periodMinutes, string day = "2026-02-26") => $$"""
        {"type":"settlement-point","point":"P1","station":"S01","kind":"gridConnection","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":{{periodMinutes}},"ratedKw":500,"bidirectional":false,"validFrom":"{{day}}T00:00:00+08:00"}

        """;

    private static string Register(string direction, string day) => $$"""
        {"type":"register","point":"P1","direction":"{{direction}}","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"{{day}}T00:00:00+08:00"}

        """;

    /// <summary>Settles a day for good, and gives its statement.</summary>
    private JsonNode Final(string day)
    {
        Done("settle", "--account", "cpo", "--day", day, "--run", day, "--kind", "final");
        return JsonNode.Parse(Done("show", "statement", day, "--json"))!;
    }

    private static decimal Total(JsonNode statement) =>
        decimal.Parse((string)statement["total"]!, CultureInfo.InvariantCulture);

    /// <summary>How many lines a statement has of each direction.</summary>
    private static IEnumerable<(string, int)> Lines(JsonNode statement) => statement["totals"]!.AsArray()
        .Select(total => ((string)total!["direction"]!, (int)total!["lines"]!));

    /// <summary>It is installed at the very end of the first day.</summary>
    [Fact]
    public void A_register_of_export_that_is_installed_later_asks_nothing_of_the_days_before()
    {
        Import(Point(60) + Register("import", "2026-02-26") + Terms(60));
        Import("""
            point,register,read_at,kwh
            P1,1.8.0,2026-02-26T00:00:00+08:00,1000
            P1,1.8.0,2026-02-27T00:00:00+08:00,1480
            P1,1.8.0,2026-02-28T00:00:00+08:00,1960

            """, "import.csv");
        Import(Register("export", "2026-02-27"));
        Import("""
            point,register,read_at,kwh
            P1,2.8.0,2026-02-27T00:00:00+08:00,0
            P1,2.8.0,2026-02-28T00:00:00+08:00,24

            """, "export.csv");
        var (first, second) = (Final("2026-02-26"), Final("2026-02-27"));
        Lines(first).ShouldBe([("import", 24)]);
        Lines(second).ShouldBe([("import", 24), ("export", 24)]);
        // 480 kWh · 0.5, 20 kW · 42 and 50, taxed; then as much energy less 24 kWh · 0.4.
        (Total(first), Total(second)).ShouldBe((1243m, 253.44m));
    }

    /// <summary>Half hours on the first day, quarters on the second: no half hour says what its quarters were.
    /// </summary>
    [Fact]
    public void Days_before_the_length_of_a_period_changed_keep_theirs_in_the_month()
    {
        Import(Point(30) + Terms(30));
        Import(Curve("2026-02-26"), "first.csv");
        Import(Point(15, "2026-02-27"));
        Import(Curve("2026-02-27"), "second.csv");
        var (first, second) = (Final("2026-02-26"), Final("2026-02-27"));
        Lines(first).Concat(Lines(second)).ShouldBe([("import", 48), ("import", 96)]);
        (Total(first), Total(second)).ShouldBe((1243m, 264m));
        // The month's bill: 960 kWh · 0.5, 20 kW · 42 and 50, taxed.
        (Total(first) + Total(second)).ShouldBe((960m * 0.5m + 20m * 42m + 50m) * 1.1m);
        var verified = town.Run("verify");
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output + verified.Errors);
    }

    /// <summary>20 kW from midnight to midnight, a sample every five minutes.</summary>
    private static string Curve(string day)
    {
        var rows = new StringBuilder("point,time,kw\n");
        for (var minute = 0; minute < 1440; minute += 5)
            rows.Append(CultureInfo.InvariantCulture, $"P1,{day}T{minute / 60:00}:{minute % 60:00}:00+08:00,20\n");
        var next = NodaTime.Text.LocalDatePattern.Iso.Parse(day).Value.PlusDays(1);
        return $"{rows}P1,{NodaTime.Text.LocalDatePattern.Iso.Format(next)}T00:00:00+08:00,20\n";
    }

    /// <summary>A price that was assigned by mistake from midnight on is corrected from midnight on: what was settled
    /// stays with 0.50, what is settled later has 0.90, and a retry of the first undoes nothing.</summary>
    [Fact]
    public void An_assignment_is_replaced_from_the_same_instant_on_and_what_was_settled_stays()
    {
        const string First = """{"type":"tariff-assignment","account":"cpo","tariff":"t50","validFrom":"2026-01-01T00:00:00+08:00"}""";
        string Tariff(int cents) => $$"""
            {"type":"tariff","tariff":"t{{cents}}","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"period":"flat"}],"prices":[{"period":"flat","importPerKwh":"0.{{cents}}","exportPerKwh":"0.4"}]}

            """;
        Import(Point(60) + Register("import", "2026-02-26") + Tariff(50) + Tariff(90) + First);
        Import("""
            point,register,read_at,kwh
            P1,1.8.0,2026-02-26T00:00:00+08:00,1000
            P1,1.8.0,2026-02-27T00:00:00+08:00,1480

            """, "import.csv");
        Done("settle", "--account", "cpo", "--day", "2026-02-26", "--run", "R1");
        Import(First.Replace("t50", "t90"));
        Import(First, "again.jsonl");
        Done("settle", "--account", "cpo", "--day", "2026-02-26", "--run", "R2");
        foreach (var (run, tariff, total) in new[] { ("R1", "t50 v1", 240m), ("R2", "t90 v1", 432m) })
        {
            var statement = JsonNode.Parse(Done("show", "statement", run, "--json"))!;
            ((string)statement["tariff"]!, Total(statement)).ShouldBe((tariff, total));
            Done("explain", run, "total");
        }
        JsonNode.Parse(Done("show", "tariffs", "--json"))!["assignments"]!.AsArray()
            .Select(row => (string)row!["tariff"]!).ShouldBe(["t90"]);
        Done("verify");
        Done("replay", "--diff");
    }
}
