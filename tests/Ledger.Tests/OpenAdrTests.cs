using System.Text;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Events of OpenADR 3 in and out, and reports: what an event says comes back as it was, what cannot be kept is refused
/// with its field, and a report adds up to what is metered.
/// </summary>
public sealed class OpenAdrTests
{
    private const string Path = "/v1/openadr/events";

    /// <summary>Two intervals of which the first has both a limit and a set point; times follow each other.</summary>
    private const string Event = """
        {"id":"EV-1","createdDateTime":"2026-03-01T20:00:00Z","modificationDateTime":"2026-03-01T20:00:00Z","objectType":"EVENT",
         "programID":"reduce","eventName":"evening","priority":0,"targets":["C1","C2"],
         "reportDescriptors":[{"payloadType":"USAGE","units":"KWH","reportIntervals":"INTERVALS"}],
         "payloadDescriptors":[{"objectType":"EVENT_PAYLOAD_DESCRIPTOR","payloadType":"IMPORT_CAPACITY_LIMIT","units":"KW"},
           {"objectType":"EVENT_PAYLOAD_DESCRIPTOR","payloadType":"DISPATCH_SETPOINT","units":"KW"}],
         "intervalPeriod":{"start":"2026-03-03T10:00:00Z","duration":"PT1H","randomizeStart":"PT0S"},
         "intervals":[
           {"id":0,"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[500.5]},{"type":"DISPATCH_SETPOINT","values":[60]}]},
           {"id":7,"payloads":[{"type":"DISPATCH_SETPOINT","values":[-12.5]}]},
           {"id":8,"intervalPeriod":{"start":"2026-03-03T13:00:00Z","duration":"PT15M"},"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[400]}]}]}
        """;

    private static async Task<ExchangeTown> TownAsync()
    {
        var town = await ExchangeTown.StartAsync();
        await town.ConnectorAsync("C1");
        await town.ConnectorAsync("C2");
        return town;
    }

    [Fact]
    public async Task An_event_is_instructions_and_envelopes_and_comes_back_as_it_was()
    {
        await using var town = await TownAsync();
        var answer = await town.Served.PostAsync(Path, Event);
        answer.Status.ShouldBe(201, answer.Text);
        answer.Json.GetProperty("parts").EnumerateArray().Select(part => part.GetProperty("what").GetString()![(Path.Length + 2)..])
            .ShouldBe(["IMPORT_CAPACITY_LIMIT of C1", "IMPORT_CAPACITY_LIMIT of C2", "instruction EV-1.0", "instruction EV-1.7"]);
        var orders = (await town.ReadAsync("/v1/instructions"))["instructions"]!.AsArray();
        orders.Select(order => $"{order!["instruction"]} {order["kind"]} {order["programme"]} {order["issuedAt"]} "
            + $"{order["start"]} {order["end"]}").ShouldBe([
            "EV-1.0 curtail reduce 2026-03-01T20:00:00.000000000Z 2026-03-03T10:00:00.000000000Z 2026-03-03T11:00:00.000000000Z",
            "EV-1.7 export reduce 2026-03-01T20:00:00.000000000Z 2026-03-03T11:00:00.000000000Z 2026-03-03T12:00:00.000000000Z"]);
        var limits = (await town.ReadAsync("/v1/standing-limits?point=C1"))["limits"]!.AsArray();
        var limit = limits.Single()!;
        $"{limit["kind"]} {limit["direction"]} {limit["validFrom"]} {limit["validTo"]} {limit["source"]}".ShouldBe(
            "operatingEnvelope import 2026-03-03T10:00:00.000000000Z 2026-03-03T13:15:00.000000000Z OpenADR event EV-1 of reduce");
        limit["steps"]!.AsArray().Select(step => $"{step!["at"]} {step["mostMilliwatts"]}").ShouldBe([
            "2026-03-03T10:00:00.000000000Z 500500000", "2026-03-03T11:00:00.000000000Z ",
            "2026-03-03T13:00:00.000000000Z 400000000"]);
        var events = (await town.ReadAsync($"{Path}?programID=reduce")).AsArray();
        Snapshot.Match(events.ToJsonString(Cli.Listings.Listing.Indented), "OpenAdrTests.events");
        // What comes out can go in again, elsewhere.
        await using var other = await TownAsync();
        (await other.Served.PostAsync(Path, events[0]!.ToJsonString())).Status.ShouldBe(201);
        JsonNode.DeepEquals(await other.ReadAsync(Path), events).ShouldBeTrue();
    }

    [Fact]
    public async Task An_event_that_comes_again_is_known_and_one_that_orders_something_else_is_refused()
    {
        await using var town = await TownAsync();
        (await town.Served.PostAsync(Path, Event)).Status.ShouldBe(201);
        var length = town.Served.Ledger.Journal.Length;
        var again = await town.Served.PostAsync(Path, Event);
        (again.Status, again["outcome"]).ShouldBe((200, "alreadyRecorded"));
        town.Served.Ledger.Journal.Length.ShouldBe(length);
        var changed = await town.Served.PostAsync(Path, Event.Replace("[60]", "[61]"));
        (changed.Status, changed["name"]).ShouldBe((422, "AlreadyRegistered"));
        // An event is a file, too, wherever facts are imported.
        var imported = await town.Served.PostAsync("/v1/imports?name=event.json", Event);
        (imported["alreadyThere"], imported["recorded"]).ShouldBe(("4", "0"));
    }

    [Fact]
    public async Task A_new_limit_of_an_event_holds_and_a_cancelled_order_is_no_event()
    {
        await using var town = await TownAsync();
        (await town.Served.PostAsync(Path, Event)).Status.ShouldBe(201);
        var changed = await town.Served.PostAsync(Path, Event.Replace("[500.5]", "[300]"));
        changed.Status.ShouldBe(201);
        changed.Json.GetProperty("parts").EnumerateArray().Select(part => part.GetProperty("outcome").GetString())
            .ShouldBe(["recorded", "recorded", "alreadyRecorded", "alreadyRecorded"]);
        await town.ImportAsync("""{"type":"instruction-withdrawal","instruction":"EV-1.7","at":"2026-03-02T00:00:00Z","reason":"no need"}""");
        var happened = (await town.ReadAsync(Path)).AsArray().Single()!;
        happened["intervals"]!.AsArray().SelectMany(interval => interval!["payloads"]!.AsArray().Select(payload =>
            $"{interval["intervalPeriod"]!["start"]} {interval["intervalPeriod"]!["duration"]} {payload!["type"]} {payload["values"]![0]}"))
            .ShouldBe(["2026-03-03T10:00:00Z PT1H DISPATCH_SETPOINT 60", "2026-03-03T10:00:00Z PT1H IMPORT_CAPACITY_LIMIT 300",
                "2026-03-03T13:00:00Z PT15M IMPORT_CAPACITY_LIMIT 400"]);
    }

    /// <summary>A limit is set back by a later version of its event, and a version that was overtaken sets nothing.
    /// </summary>
    [Fact]
    public async Task Versions_of_an_event_count_by_when_they_were_modified()
    {
        static string Version(string hour, string kw) => Event.Replace("""modificationDateTime":"2026-03-01T20""",
            $"modificationDateTime\":\"2026-03-01T{hour}").Replace("[500.5]", $"[{kw}]");
        await using var town = await TownAsync();
        async Task<string> LimitAsync() => (await town.ReadAsync(Path)).AsArray().Single()!["intervals"]!.AsArray()
            .SelectMany(interval => interval!["payloads"]!.AsArray())
            .First(payload => (string)payload!["type"]! == "IMPORT_CAPACITY_LIMIT")!["values"]![0]!.ToJsonString();
        foreach (var (hour, kw) in new[] { ("20", "500.5"), ("21", "300"), ("22", "500.5") })
        {
            (await town.Served.PostAsync(Path, Version(hour, kw))).Status.ShouldBe(201, hour);
            (await LimitAsync()).ShouldBe(kw);
        }
        var late = await town.Served.PostAsync(Path, Version("21", "400"));
        (late.Status, late["name"]).ShouldBe((422, "AlreadySuperseded"), late.Text);
        (await town.Served.PostAsync(Path, Version("21", "300"))).Status.ShouldBe(200); // what came again, late
        (await LimitAsync()).ShouldBe("500.5");
        ((string)(await town.ReadAsync(Path)).AsArray().Single()!["modificationDateTime"]!).ShouldBe("2026-03-01T22:00:00Z");
    }

    /// <summary>A version says both directions: what it leaves out is no limit any more, whichever version came first.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_version_that_drops_a_direction_leaves_no_limit_of_it(bool overtakes)
    {
        static string Version(string hour, string payloads) => $$"""
            {"id":"E","createdDateTime":"2026-03-01T20:00:00Z","modificationDateTime":"2026-03-01T{{hour}}:00:00Z","programID":"reduce","targets":["C1"],
             "payloadDescriptors":[{"objectType":"EVENT_PAYLOAD_DESCRIPTOR","payloadType":"IMPORT_CAPACITY_LIMIT","units":"KW"},
               {"objectType":"EVENT_PAYLOAD_DESCRIPTOR","payloadType":"EXPORT_CAPACITY_LIMIT","units":"KW"}],
             "intervals":[{"id":0,"intervalPeriod":{"start":"2026-03-03T10:00:00Z","duration":"PT4H"},"payloads":[{{payloads}}]}]}
            """;
        const string export = """{"type":"EXPORT_CAPACITY_LIMIT","values":[50]}""";
        static string Import(int kw) => $$"""{"type":"IMPORT_CAPACITY_LIMIT","values":[{{kw}}]}""";
        await using var town = await TownAsync();
        var (first, last) = (Version("20", $"{Import(100)},{export}"), Version("21", Import(80)));
        foreach (var version in overtakes ? new[] { last, first } : [first, last])
            (await town.Served.PostAsync(Path, version)).Status.ShouldBe(overtakes && version == first ? 422 : 201);
        (await town.ReadAsync("/v1/standing-limits?point=C1"))["limits"]!.AsArray()
            .Select(limit => $"{limit!["direction"]} {limit["mostMilliwatts"]} {limit["steps"]!.AsArray().Count}")
            .ShouldHaveSingleItem().ShouldStartWith("import ");
        (await town.ReadAsync(Path)).AsArray().Single()!["intervals"]!.AsArray()
            .SelectMany(interval => interval!["payloads"]!.AsArray())
            .Select(payload => $"{payload!["type"]} {payload["values"]![0]}").ShouldBe(["IMPORT_CAPACITY_LIMIT 80"]);
    }

    /// <summary>Each interval of an event holds for all of its targets, and an id is one program's.</summary>
    [Fact]
    public async Task What_differs_between_targets_is_no_event_and_two_programs_may_have_one_id()
    {
        await using var town = await TownAsync();
        const string limit = """{"id":"1","createdDateTime":"2026-03-01T20:00:00Z","programID":"p1","targets":["C1","C2"],"payloadDescriptors":[{"objectType":"EVENT_PAYLOAD_DESCRIPTOR","payloadType":"IMPORT_CAPACITY_LIMIT","units":"KW"}],"intervals":[{"id":0,"intervalPeriod":{"start":"2026-03-03T10:00:00Z","duration":"PT1H"},"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[500]}]}]}""";
        foreach (var posted in new[] { limit, limit.Replace("p1", "p2").Replace("[500]", "[400]").Replace(",\"C2\"", "") })
            (await town.Served.PostAsync(Path, posted)).Status.ShouldBe(201);
        (await town.ReadAsync(Path)).AsArray().Select(each => $"{each!["id"]} {each["programID"]} {each["targets"]!.AsArray().Count} "
            + each["intervals"]![0]!["payloads"]!.AsArray().Single()!["values"]![0]).ShouldBe(["1 p1 2 500", "1 p2 1 400"]);
        (await town.Served.GetAsync($"{Path}/1")).Status.ShouldBe(400);
        ((string)(await town.ReadAsync($"{Path}/1?programID=p2"))["programID"]!).ShouldBe("p2");
        (await town.Served.PostAsync(Path, limit.Replace("[500]", "[300]").Replace(",\"C2\"", ""))).Status.ShouldBe(201);
        (await town.ReadAsync(Path)).AsArray().Select(each => (string)each!["programID"]!).ShouldBe(["p2"]);
        (await town.Served.GetAsync($"{Path}/1?programID=p1"))["detail"].ShouldNotBeNull().ShouldContain("other powers for other targets");
    }

    /// <summary>Its intervals overlap where one is cut short; each settlement period is reported once.</summary>
    [Fact]
    public async Task A_report_has_each_settlement_period_once()
    {
        await using var town = await TownAsync();
        (await town.Served.PostAsync(Path,
            Event.Replace("PT1H", "PT2H").Replace("T13:00", "T15:00"))).Status.ShouldBe(201);
        await town.ImportAsync("""{"type":"instruction-withdrawal","instruction":"EV-1.0","at":"2026-03-03T11:00:00Z","reason":"no need"}""");
        var report = (await town.ReadAsync("/v1/openadr/reports?eventID=EV-1")).AsArray().Single()!;
        foreach (var resource in report["resources"]!.AsArray())
            resource!["intervals"]!.AsArray().Select(interval => (string)interval!["intervalPeriod"]!["start"]!)
                .ShouldBe(["2026-03-03T10:00:00Z", "2026-03-03T11:00:00Z", "2026-03-03T12:00:00Z", "2026-03-03T13:00:00Z"]);
    }

    [Fact]
    public async Task A_report_has_what_was_metered_the_frozen_baseline_and_the_change_against_it()
    {
        await using var town = await ExchangeTown.CalledAsync();
        var report = (await town.ReadAsync("/v1/openadr/reports?eventID=I1")).AsArray().Single()!;
        Snapshot.Match(report.ToJsonString(Cli.Listings.Listing.Indented), "OpenAdrTests.report");
        Values(report, "C1", "USAGE").ShouldBe(["20", "20"]);
        Values(report, "C1", "DELTA_USAGE").ShouldBe(["-80", "-80"]);
        Values(report, "C2", "DELTA_USAGE").ShouldBe(["0", "0"]);
        (await town.ReadAsync("/v1/openadr/reports?eventID=I2")).AsArray().ShouldBeEmpty();
        (await town.Served.GetAsync("/v1/openadr/reports")).Status.ShouldBe(400);
        // As known before the call was metered: the baseline stands, and what is missing says so.
        var before = (await town.ReadAsync($"/v1/openadr/reports?eventID=I1&asOf={await PositionOfFreezeAsync(town)}")).AsArray().Single()!;
        Values(before, "C1", "USAGE").ShouldBeEmpty();
        Values(before, "C1", "BASELINE").ShouldBe(["100", "100"]);
        Values(before, "C1", "DATA_QUALITY").ShouldBe(["MISSING", "MISSING"]);
    }

    private static async Task<long> PositionOfFreezeAsync(ExchangeTown town)
    {
        var last = 0L;
        await foreach (var recorded in town.Served.Ledger.Journal
            .ReadAllAsync(0, TestContext.Current.CancellationToken))
            if (recorded.Envelope.WireName.StartsWith("baseline-frozen", StringComparison.Ordinal)) last = recorded.Position;
        return last;
    }

    private static IEnumerable<string> Values(JsonNode report, string resource, string type) =>
        report["resources"]!.AsArray().Single(each => (string)each!["resourceName"]! == resource)!["intervals"]!.AsArray()
            .SelectMany(interval => interval!["payloads"]!.AsArray())
            .Where(payload => (string)payload!["type"]! == type).Select(payload => $"{payload!["values"]![0]}");

    /// <summary>A programme whose name is no id of OpenADR is none, and one that is published again changes.</summary>
    [Fact]
    public async Task A_programme_is_a_program_and_an_event_is_found_by_its_id()
    {
        const string programs = "/v1/openadr/programs";
        await using var town = await TownAsync();
        var before = town.Served.Ledger.Journal.Length - 1;
        town.Served.Clock.Now += NodaTime.Duration.FromHours(1);
        await town.ImportAsync("""{"type":"programme","programme":"reduce","version":2,"validFrom":"2026-06-01T00:00:00+08:00","service":"reserve","baselinePack":"days","scoringPack":"up-to-order","paidPer":"station","precedence":1,"currency":"CNY","pricePerKwh":"3"}""");
        await town.ImportAsync("""{"type":"programme","programme":"evening-export","version":1,"validFrom":"2026-02-01T00:00:00+08:00","service":"export","baselinePack":"days","scoringPack":"up-to-order","paidPer":"station","precedence":1,"currency":"CNY","pricePerKwh":"3"}""");
        await town.ImportAsync("""{"type":"programme","programme":"no.id","version":1,"validFrom":"2026-02-01T00:00:00+08:00","service":"export","baselinePack":"days","scoringPack":"up-to-order","paidPer":"station","precedence":1,"currency":"CNY","pricePerKwh":"3"}""");
        var all = (await town.ReadAsync(programs)).AsArray();
        Snapshot.Match(all.ToJsonString(Cli.Listings.Listing.Indented), "OpenAdrTests.programs");
        JsonNode.DeepEquals(await town.ReadAsync($"{programs}/reduce"), all[1]).ShouldBeTrue();
        JsonNode.DeepEquals(await town.ReadAsync($"{programs}?skip=1&limit=1"), new JsonArray(all[1]!.DeepClone())).ShouldBeTrue();
        // As known before: the one programme, not yet published again.
        var then = (await town.ReadAsync($"{programs}?asOf={before}")).AsArray().Single()!;
        ((string?)then["modificationDateTime"], (string?)then["attributes"]![0]!["values"]![0])
            .ShouldBe(("2026-03-02T00:00:00Z", "DEMAND_REDUCTION"));
        foreach (var (path, status) in ((string, int)[])[($"{programs}/no.id", 404), ($"{programs}/none", 404),
            ($"{programs}?limit=0", 400), ($"{programs}?limit=51", 400), ($"{programs}?skip=x", 400), ($"{Path}/EV-1", 404)])
            (await town.Served.GetAsync(path)).Status.ShouldBe(status, path);
        (await town.Served.PostAsync(Path, Event)).Status.ShouldBe(201);
        JsonNode.DeepEquals(await town.ReadAsync($"{Path}/EV-1"), (await town.ReadAsync(Path)).AsArray().Single())
            .ShouldBeTrue();
    }

    public static IEnumerable<TheoryDataRow<string, int, string>> Cases() => ScenarioTable.Lines("openadr-events.txt");

    /// <summary>Each line changes the event of the table's head; what is refused is refused whole.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void What_cannot_be_kept_exactly_is_refused_with_field_value_and_rule(string file, int number, string line)
    {
        var cells = line.Split('|', StringSplitOptions.TrimEntries);
        var text = Event.Replace("\n", "");
        foreach (var change in cells[1].Split("; ", StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = change.Split(" -> ");
            text.ShouldContain(parts[0], customMessage: $"{file} {number}");
            text = text.Replace(parts[0], parts[1].Trim() == "nothing" ? "" : parts[1]);
        }
        var refusal = FactText.Check(Encoding.UTF8.GetBytes(text), null);
        if (cells[2] == "taken") refusal.ShouldBeNull($"{file} {number}: {refusal}");
        else
        {
            refusal.ShouldNotBeNull($"{file} {number}");
            refusal.Code.ShouldBe(Enum.Parse<Rejection>(cells[2]), $"{file} {number}: {refusal.Detail}");
            refusal.Detail.ShouldContain(cells[3]);
        }
    }
}
