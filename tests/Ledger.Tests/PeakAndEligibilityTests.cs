using Shouldly;

namespace Ledger.Tests;

/// <summary>What took how much off a station's peak, and what could be called on, from imported facts.</summary>
public sealed class PeakAndEligibilityTests : IDisposable
{
    // Each hour's mean: the vehicle draws 150 and 50 kW, the storage gives 60 and takes 40,
    // so the grid gives 90 and 90.
    private const string Curves = """
        point,time,kw
        S9-G,2026-02-27T10:00:00+08:00,120
        S9-G,2026-02-27T10:30:00+08:00,90
        S9-G,2026-02-27T11:00:00+08:00,60
        S9-G,2026-02-27T11:30:00+08:00,110
        S9-G,2026-02-27T12:00:00+08:00,80
        S9-C,2026-02-27T10:00:00+08:00,200
        S9-C,2026-02-27T10:30:00+08:00,150
        S9-C,2026-02-27T11:00:00+08:00,100
        S9-C,2026-02-27T11:30:00+08:00,50
        S9-C,2026-02-27T12:00:00+08:00,0
        S9-ST,2026-02-27T10:00:00+08:00,-80
        S9-ST,2026-02-27T10:30:00+08:00,-60
        S9-ST,2026-02-27T11:00:00+08:00,-40
        S9-ST,2026-02-27T11:30:00+08:00,60
        S9-ST,2026-02-27T12:00:00+08:00,80

        """;

    private readonly SmallTown town = new();

    public PeakAndEligibilityTests() => Import("points.jsonl", string.Join('\n',
        from point in new[] { ("G", "gridConnection"), ("C", "connector"), ("ST", "storage") }
        select $$"""{"type":"settlement-point","point":"S9-{{point.Item1}}","station":"S9","kind":"{{point.Item2}}","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":{{(point.Item1 == "C" ? "true" : "false")}},"validFrom":"2026-01-01T00:00:00+08:00"}"""));

    public void Dispose() => town.Dispose();

    [Fact]
    public void A_peak_stands_beside_the_ones_without_storage_and_without_management()
    {
        Import("curves.csv", Curves);
        var unknown = Said("show", "peak", "S9", "--day", "2026-02-27");
        unknown.ShouldContain("S9-C"); // it charged, and no session is known
        Import("session.jsonl", """{"type":"session-request","point":"S9-C","requestedAt":"2026-02-27T09:59:00+08:00","arrival":"2026-02-27T10:00:00+08:00","departure":"2026-02-27T12:00:00+08:00","requestedKwh":"250","vehicleMaxKw":200,"source":"csms"}""");
        // What the connector is to become says nothing of this day.
        Import("planned.jsonl", """{"type":"settlement-point","point":"S9-C","station":"S9","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":7,"bidirectional":true,"validFrom":"2026-06-01T00:00:00+08:00"}""");
        var page = Said("show", "peak", "S9", "--day", "2026-02-27", "--json");
        page.ShouldContain("\"periods\": 24");
        page.ShouldContain("\"unproven\": 22");
        // Without storage 150 and 50; at once the vehicle draws 200 and 50, so the grid 140 and 90.
        Rows(page, "kw").ShouldBe(["90", "150", "140"]);
        Rows(page, "shavedKw").ShouldBe(["60", "50"]);
        Rows(page, "start").ShouldAllBe(start => start == "2026-02-27T02:00:00Z");
        // The contract allows 160: 160 and then 90 of the 250 kWh, so the grid 100 and 130.
        Import("contract.jsonl", """
            {"type":"standing-limit","point":"S9-C","kind":"contractDemand","direction":"import","kw":160,"validFrom":"2026-01-01T00:00:00+08:00","source":"contract"}
            {"type":"standing-limit","point":"S9-C","kind":"contractDemand","direction":"import","kw":10,"validFrom":"2026-02-27T10:30:00+08:00","source":"the next one"}
            {"type":"standing-limit","point":"S9-C","kind":"connectionLimit","direction":"import","kw":20,"validFrom":"2026-01-01T00:00:00+08:00","source":"of another kind"}
            """);
        Rows(Said("show", "peak", "S9", "--day", "2026-02-27", "--json"), "kw").ShouldBe(["90", "150", "130"]);
        town.Run("show", "peak", "S8", "--day", "2026-02-27").Exit.ShouldBe(2);
        town.Run("show", "peak", "S9").Exit.ShouldBe(64);
    }

    [Fact]
    public void What_can_be_called_on_is_the_least_of_what_was_proven_declared_and_is_possible()
    {
        Import("terms.jsonl", """
            {"type":"rule-pack","pack":"none","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00Z","baseline":{"method":"zero"}}
            {"type":"rule-pack","pack":"all","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00Z","scoring":{"level":"interval","bands":[{"slope":"1"}],"payment":[{"quantity":"effective","price":"price"}]}}
            {"type":"programme","programme":"v2g","version":1,"validFrom":"2026-01-01T00:00:00Z","service":"export","baselinePack":"none","scoringPack":"all","paidPer":"settlementPoint","precedence":1,"currency":"CNY","pricePerKwh":"1"}
            {"type":"programme","programme":"cut","version":1,"validFrom":"2026-01-01T00:00:00Z","service":"demandReduction","baselinePack":"none","scoringPack":"all","paidPer":"settlementPoint","precedence":2,"currency":"CNY","pricePerKwh":"1"}
            {"type":"enrolment","programme":"v2g","point":"S9-C","prequalifiedKw":300,"from":"2026-01-01T00:00:00Z"}
            {"type":"enrolment","programme":"cut","point":"S9-C","prequalifiedKw":100,"from":"2026-01-01T00:00:00Z"}
            {"type":"charging-state","point":"S9-C","at":"2026-02-27T09:00:00+08:00","connected":true,"stateOfChargePercent":"62.5","vehicleExportKw":250,"source":"csms"}
            {"type":"charging-state","point":"S9-C","at":"2026-02-27T11:00:00+08:00","connected":false,"source":"csms"}
            {"type":"charging-fact","point":"S9-C","start":"2026-02-27T08:00:00+08:00","end":"2026-02-27T08:30:00+08:00","reason":"safety","source":"charger"}
            """);
        town.Holds("""
            {"type":"availability","programme":"v2g","point":"S9-C","declaredAt":"2026-02-26T00:00:00Z","start":"2026-02-27T10:00:00+08:00","end":"2026-02-27T12:00:00+08:00","availableKw":200}
            """);
        var page = Said("show", "eligibility", "S9-C", "--day", "2026-02-27", "--json");
        Rows(page, "programme").ShouldBe([.. Enumerable.Repeat("cut", 4), .. Enumerable.Repeat("v2g", 6)]);
        // A vehicle's own limit binds what it gives, not whether it can stop taking.
        Rows(page, "eligibleKw").ShouldBe(["100", "0", "100", "0", "300", "0", "300", "250", "200", "0"]);
        Rows(page, "end").TakeLast(6).ShouldBe(["2026-02-27T00:00:00Z", "2026-02-27T00:30:00Z", "2026-02-27T01:00:00Z",
            "2026-02-27T02:00:00Z", "2026-02-27T03:00:00Z", "2026-02-27T16:00:00Z"]);
        var text = Said("show", "eligibility", "S9-C", "--day", "2026-02-27");
        foreach (var reason in new[] { "safety", "vehicle limit", "declared less", "no vehicle" })
            text.ShouldContain(reason);
    }

    private static IReadOnlyList<string> Rows(string page, string member) =>
        [.. System.Text.RegularExpressions.Regex.Matches(page, $"\"{member}\": \"?([^\",\n]+)\"?")
            .Select(found => found.Groups[1].Value).Where(value => value != "null")];

    private void Import(string name, string text)
    {
        var run = town.Run("import", town.File(name, text));
        run.Exit.ShouldBe(0, run.Output + run.Errors);
    }

    private string Said(params string[] words)
    {
        var run = town.Run(words);
        run.Exit.ShouldBe(0, run.Output + run.Errors);
        return run.Output;
    }
}
