using System.Text.Json;
using Ledger.Cli;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A call as its grid operator meets it at the doors: before it is over, withdrawn for later, and to a point
/// that nobody registered.</summary>
public sealed class CallDoorTests
{
    private static readonly Instant Now = SmallTown.Now;
    private static readonly Instant End = Now + Duration.FromHours(11);

    private static string Order(string instruction, string targets, string more = "") => $$"""
        {"type":"instruction","instruction":"{{instruction}}","kind":"export","issuedBy":"dso","issuedAt":"2026-02-28T23:00:00Z","start":"2026-03-01T10:00:00Z","end":"2026-03-01T11:00:00Z","targets":[{{targets}}],"pricePerKwh":"3","penaltyPerKwh":"1"{{more}}}
        """;

    private const string C1 = """{"point":"S01-C1","kw":200}""", C2 = """{"point":"S01-C2","kw":100}""";

    /// <summary>The same a day later, as the body of a request.</summary>
    private static string Body(string order) => order.Replace("2026-03-01", "2026-03-02")
        .Replace("2026-02-28", "2026-03-01").Replace("\"type\":\"instruction\",", "");

    private static SmallTown Called(string targets = $"{C1},{C2}")
    {
        var town = new SmallTown();
        town.ImportMasterData();
        town.Run("import", town.File("call.jsonl", Order("I2", targets))).Exit.ShouldBe(ExitCode.Done);
        return town;
    }

    private static JsonElement Json(CommandRun run)
    {
        run.Exit.ShouldBe(ExitCode.Done, run.Errors);
        return JsonDocument.Parse(run.Output).RootElement;
    }

    private static string Counts(JsonElement instruction) => $"{instruction.GetProperty("unproven")} unproven, "
        + $"{instruction.GetProperty("notOverYet")} not over";

    private static string Verdicts(JsonElement rows) =>
        string.Join(' ', rows.EnumerateArray().Select(row => row.GetProperty("verdict").GetString()));

    [Fact]
    public void A_call_of_tomorrow_reads_so_on_every_page_and_in_every_list()
    {
        using var town = Called();
        var page = town.Run("show", "compliance", "I2").Output;
        page.ShouldContain("2026-03-01T10:00:00Z to 2026-03-01T11:00:00Z; not over yet");
        page.ShouldContain("so far");
        page.ShouldNotContain("silent");
        page.ShouldNotContain("nothing is proven");
        var read = Json(town.Run("show", "compliance", "I2", "--json"));
        (read.GetProperty("isNotOver").GetBoolean(), Counts(read.GetProperty("instructions")[0]),
            Verdicts(read.GetProperty("targets"))).ShouldBe((true, "0 unproven, 2 not over", "notOverYet notOverYet"));
        foreach (var list in new[] { "show compliance", "show" })
        {
            var rows = Json(town.Run([.. list.Split(' '), "--json"]));
            Counts(rows.GetProperty(list == "show" ? "compliance" : "instructions").EnumerateArray()
                .Single(row => row.GetProperty("instruction").GetString() == "I2")).ShouldBe("0 unproven, 2 not over");
            // The title of its column, a word a line.
            town.Run(list.Split(' ')).Output.ShouldMatch("\\bover\\b");
            town.RunAt(End, list.Split(' ')).Output.ShouldNotMatch("\\bover\\b");
        }
        var exported = Json(town.Run("export", "compliance", "--format", "json"));
        exported.EnumerateArray().Where(row => row.GetProperty("instruction").GetString() == "I2")
            .Select(row => row.GetProperty("verdict").GetString()).ShouldBe(["notOverYet", "notOverYet"]);
        town.RunAt(End, "show", "compliance", "I2").Output.ShouldContain("silent: no message and no data");
    }

    /// <summary>As of a position the instant is that of its event, and as of an instant that one, whenever it is
    /// asked.</summary>
    [Fact]
    public void As_of_a_position_or_an_instant_the_answer_stays_the_same()
    {
        using var town = Called();
        string As(string asOf) => Verdicts(Json(town.RunAt(
            End + Duration.FromDays(9), "show", "compliance", "I2", "--as-of", asOf, "--json")).GetProperty("targets"));
        As("8").ShouldBe("notOverYet notOverYet");
        As("2026-03-01T10:59:59Z").ShouldBe("notOverYet notOverYet");
        As("2026-03-01T11:00:00Z").ShouldBe("unproven unproven");
        // What is to come has not come: an instant after now is now.
        Verdicts(Json(town.Run("show", "compliance", "I2", "--as-of", "2026-03-02T00:00:00Z", "--json"))
            .GetProperty("targets")).ShouldBe("notOverYet notOverYet");
    }

    [Fact]
    public async Task Over_HTTP_it_reads_by_the_clock_as_of_a_position_by_its_event_and_pages_stay_with_the_first()
    {
        await using var served = await ServedLedger.StartAsync();
        await served.RegisterConnectorAsync();
        foreach (var name in new[] { "I2", "I3" })
            (await served.PostAsync("/v1/instructions", Body(Order(name, """{"point":"CP1","kw":200}"""))))
                .Status.ShouldBe(201);
        async Task<string> VerdictAsync(string more = "") => Verdicts(
            (await served.GetAsync($"/v1/compliance?instruction=I2{more}")).Json.GetProperty("targets"));
        (await VerdictAsync()).ShouldBe("notOverYet");
        var first = await served.GetAsync("/v1/instructions?limit=1");
        first.Json.GetProperty("instructions")[0].GetProperty("notOverYet").GetInt32().ShouldBe(1);
        (await served.GetAsync("/v1/deliveries?instruction=I2")).Json.GetProperty("isNotOver").GetBoolean().ShouldBeTrue();

        served.Clock.Now = End + Duration.FromDays(1);
        (await VerdictAsync()).ShouldBe("unproven");
        (await VerdictAsync("&asOf=4")).ShouldBe("notOverYet");
        var second = await served.GetAsync($"/v1/instructions?limit=1&cursor={first["next"]}");
        second.Json.GetProperty("instructions")[0].GetProperty("instruction").GetString().ShouldBe("I3");
        second.Json.GetProperty("instructions")[0].GetProperty("notOverYet").GetInt32().ShouldBe(1);
        var now = await served.GetAsync("/v1/instructions");
        now.Text.ShouldNotContain("notOverYet");
        now.Json.GetProperty("instructions")[1].GetProperty("tally").GetProperty("unproven").GetInt32().ShouldBe(1);
    }

    [Fact]
    public void A_withdrawal_may_name_an_instant_to_come_and_holds_from_then_on()
    {
        using var town = Called();
        CommandRun Withdraw(string at) => town.Run("import", town.File("w.jsonl",
            $$"""{"type":"instruction-withdrawal","instruction":"I2","at":"{{at}}","reason":"storm"}"""));
        Withdraw("2026-03-01T11:00:01Z").Output.ShouldContain("ReadInTheFuture");
        Withdraw("2026-03-01T10:30:00Z").Exit.ShouldBe(ExitCode.Done);
        var read = Json(town.RunAt(Now + Duration.FromHours(10), "show", "compliance", "I2", "--json"));
        Verdicts(read.GetProperty("targets")).ShouldBe("notOverYet notOverYet");
        read.GetProperty("targets")[0].GetProperty("reasons")[0].GetString()
            .ShouldBe("not over yet: it ends at 2026-03-01T10:30:00Z");
        read.GetProperty("targets")[0].GetProperty("orderedKwh").GetString().ShouldBe("100.000000000000");
        Verdicts(Json(town.RunAt(Now + Duration.FromMinutes(630), "show", "compliance", "I2", "--json"))
            .GetProperty("targets")).ShouldBe("unproven unproven");
    }

    /// <summary>The record stays: it is evidence that the call went out.</summary>
    [Fact]
    public async Task Whoever_orders_at_a_point_that_nobody_registered_is_told_and_so_is_who_reads_it()
    {
        const string nobody = """{"point":"S01-C9","kw":100}""";
        using var town = new SmallTown();
        town.ImportMasterData();
        var file = town.File("call.jsonl", Order("I2", $"{C1},{nobody}"));
        var taken = town.Run("import", file);
        taken.Exit.ShouldBe(ExitCode.Done);
        taken.Output.ReplaceLineEndings(" ").ShouldContain("S01-C9 of 2 targets: nobody registered");
        Json(town.Run("import", file, "--json")).GetProperty("noted").GetArrayLength().ShouldBe(1);
        Json(town.Run("import", town.File("other.jsonl", Order("I3", nobody)), "--dry-run", "--json"))
            .GetProperty("noted").GetArrayLength().ShouldBe(1);
        town.Run("show", "compliance", "I2").Output.ReplaceLineEndings(" ").ShouldContain("S01-C9: nobody registered");
        town.Run("show", "delivery", "I2").Output.ReplaceLineEndings(" ").ShouldContain("S01-C9: nobody registered");
        Json(town.Run("show", "compliance", "I2", "--json")).GetProperty("unknownTargets")[0].GetString()
            .ShouldBe("S01-C9");
        Json(town.Run("show", "compliance", "I1", "--json")).GetProperty("unknownTargets").GetArrayLength().ShouldBe(0);

        await using var served = await ServedLedger.StartAsync();
        var order = Body(Order("I2", nobody));
        (await served.PostAsync("/v1/imports?name=call.jsonl", Order("I3", nobody).Replace("03-01", "03-02")))
            .Json.GetProperty("noted")[0].GetProperty("part").GetString().ShouldBe("call.jsonl line 1");
        foreach (var status in new[] { 201, 200 })
        {
            var answer = await served.PostAsync("/v1/instructions", order);
            answer.Status.ShouldBe(status);
            answer["detail"]!.ShouldStartWith("S01-C9 of 1 targets: nobody registered");
        }
        (await served.GetAsync("/v1/compliance?instruction=I2")).Json.GetProperty("unknownTargets")[0].GetString()
            .ShouldBe("S01-C9");
        await served.PostAsync("/v1/settlement-points", IntakeLedger.Connector.Split('\n')[0].Replace("CP1", "S01-C9"));
        (await served.GetAsync("/v1/compliance?instruction=I2")).Json.GetProperty("unknownTargets").GetArrayLength()
            .ShouldBe(0);
    }

    [Fact]
    public void A_table_of_clocks_without_rows_says_what_that_means()
    {
        using var town = Called();
        town.Run("show", "compliance", "I2").Output.ShouldContain("nobody reported a clock of this call");
        Json(town.Run("show", "compliance", "I2", "--json")).GetProperty("clocks").GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public void What_is_unknown_of_a_whole_call_is_said_once()
    {
        using var town = new CalledTown();
        foreach (var point in new[] { "C1", "C2", "C3" }) town.Connector(point);
        town.Cap("I1", string.Join(',', new[] { "C1", "C2", "C3" }.Select(point => $$"""{"point":"{{point}}","kw":40}""")));
        var page = town.Run("show", "delivery", "I1");
        page.Output.Split('\n').Count(line => line.Contains("no baseline is frozen")).ShouldBe(1, page.Output);
        page.Output.ShouldContain("nobody is paid: no baseline of it is frozen");
        var read = town.Delivery("I1");
        read.GetProperty("unprovenPeriods").GetArrayLength().ShouldBe(6);
        var together = read.GetProperty("unprovenTogether").EnumerateArray().ShouldHaveSingleItem();
        (together.GetProperty("start").GetString(), together.GetProperty("end").GetString(),
            together.GetProperty("periods").GetInt32(), together.GetProperty("pointCount").GetInt32())
            .ShouldBe(("2026-02-27T10:00:00Z", "2026-02-27T12:00:00Z", 6, 3));
    }

    private static readonly Interval[] Quarters = [.. Enumerable.Range(0, 4).Select(number => new Interval(
        Now + Duration.FromMinutes(15 * number), Now + Duration.FromMinutes(15 * (number + 1))))];

    private static DeliveredPeriod Period(string point, int quarter, string? why, decimal? kwh = null) =>
        new(new(point), Quarters[quarter], kwh, kwh, kwh, kwh, kwh, kwh, 0m, why);

    private static string Text(Listing listing)
    {
        using var text = new StringWriter { NewLine = "\n" };
        listing.WriteText(text);
        return text.ToString();
    }

    [Fact]
    public void Periods_that_are_unknown_for_another_reason_or_at_another_time_stay_apart() =>
        Text(DeliveryListings.UnprovenTogether(
        [
            Period("C1", 0, "a"), Period("C1", 1, "a"), Period("C1", 2, null), Period("C1", 3, "a"),
            Period("C2", 0, "a"), Period("C2", 1, "a"), Period("C2", 2, "b"), Period("C2", 3, "a"),
            Period("C3", 0, "a"), Period("C3", 1, "a"), Period("C3", 2, null), Period("C3", 3, null),
        ])).ShouldBe("""
            why  from                  to                    periods  points  which
            a    2026-03-01T00:00:00Z  2026-03-01T00:30:00Z        6       3  all
            b    2026-03-01T00:30:00Z  2026-03-01T00:45:00Z        1       1  C2
            a    2026-03-01T00:45:00Z  2026-03-01T01:00:00Z        2       2  C1, C2

            """);

    /// <summary>Exact for programs; for people six decimals of a kWh, as energies have everywhere, and two of
    /// money.</summary>
    [Fact]
    public void Figures_for_people_have_the_decimals_of_their_kind_and_programs_get_every_digit()
    {
        var periods = DeliveryListings.Periods([Period("C1", 0, null, 1.234567890123m), Period("C2", 0, null, 2m)]);
        Text(periods).ShouldContain(" 1.234568 ");
        Text(periods).ShouldContain(" 2.000000 ");
        periods.ToJson().ToJsonString().ShouldContain("\"orderedKwh\":\"1.234567890123\"");
        var target = new CurtailmentCompliance.TargetRow("I", "C1", 100_000_000, ComplianceVerdict.Kept, [], [], [],
            Energy.Zero, Energy.Zero, Energy.Zero, Energy.Zero, Energy.Zero, 0, 0, 1.2345678901234m, 0m,
            1.2345678901234m, [], EnergyBounds.Zero, InstructionReach.Acknowledged, Connection.Unknown, 0);
        var targets = DispatchListings.Targets([target]);
        Text(targets).ShouldContain("  1.23  ");
        Text(targets).ShouldNotContain("1.234");
        targets.ToJson().ToJsonString().ShouldContain("\"net\":\"1.2345678901234\"");
    }
}
