using System.Text.Json.Nodes;
using Ledger.Api.Exchange;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Charge detail records over HTTP: what is issued is kept and never changed, a correction is a credit and a new
/// record, and pages are those of OCPI.
/// </summary>
public sealed class OcpiCdrTests
{
    internal const string Cdrs = "/v1/ocpi/cdrs", Issues = "/v1/ocpi/cdr-issues";

    internal const string Issue = """
        {"account":"cpo","day":"2026-03-02","header":{"country_code":"CN","party_id":"ABC","cdr_location":{"id":"L1","city":"Shanghai"}},
         "tariff":{"id":"T1","currency":"CNY","elements":[{"price_components":[{"type":"ENERGY","price":0.3533,"vat":13,"step_size":1}],"restrictions":{"end_time":"08:00"}},
           {"price_components":[{"type":"ENERGY","price":1.1,"vat":13,"step_size":1},{"type":"FLAT","price":0.5,"step_size":1}]}]}}
        """;

    /// <param name="masterData">As in <see cref="ChargeTown"/> where it is not given.</param>
    internal static async Task<ServedLedger> TownAsync(string masterData = ChargeTown.MasterData)
    {
        var served = await ServedLedger.StartAsync();
        served.Clock.Now = ChargeTown.Now;
        foreach (var text in new[] { masterData, ChargeTown.Readings })
            (await served.PostAsync("/v1/imports?name=town", text))["refused"].ShouldBe("0");
        return served;
    }

    internal static async Task<JsonArray> IssueAsync(ServedLedger served, string issue = Issue)
    {
        var answer = await served.PostAsync(Issues, issue);
        answer.Status.ShouldBe(200, answer.Text);
        return JsonNode.Parse(answer.Text)!["records"]!.AsArray();
    }

    internal static async Task<JsonArray> RecordsAsync(ServedLedger served, string query = "")
    {
        var answer = await served.GetAsync(Cdrs + query);
        answer.Status.ShouldBe(200, answer.Text);
        answer["status_code"].ShouldBe("1000");
        return JsonNode.Parse(answer.Text)!["data"]!.AsArray();
    }

    internal static decimal Net(JsonNode record) => (decimal)record["total_cost"]!["before_taxes"]!;

    [Fact]
    public async Task What_is_issued_is_kept_as_it_was_and_nothing_is_issued_twice()
    {
        await using var served = await TownAsync();
        var issued = await IssueAsync(served);
        issued.Select(record => $"{record!["start"]} {record["outcome"]}").ShouldBe([
            "2026-03-01T23:30:00.000000000Z recorded", "2026-03-02T10:00:00.000000000Z recorded",
            "2026-03-02T12:10:00.000000000Z unproven"]);
        var records = await RecordsAsync(served);
        Snapshot.Match(records.ToJsonString(Cli.Listings.Listing.Indented), "OcpiCdrTests.records");
        records.Select(record => (string)record!["id"]!).ShouldBe(issued.Take(2).Select(record => (string)record!["record"]!));
        var length = served.Ledger.Journal.Length;
        (await IssueAsync(served)).Select(record => (string)record!["outcome"]!).ShouldBe(["unproven"]);
        served.Ledger.Journal.Length.ShouldBe(length);
        // The very bytes: later questions get the same record.
        served.Clock.Now += NodaTime.Duration.FromDays(1);
        JsonNode.DeepEquals(await RecordsAsync(served), records).ShouldBeTrue();
        var one = await served.GetAsync($"{Cdrs}/{records[1]!["id"]}");
        JsonNode.DeepEquals(JsonNode.Parse(one.Text)!["data"], records[1]).ShouldBeTrue();
        (await served.GetAsync($"{Cdrs}/none")).Status.ShouldBe(404);
    }

    /// <summary>A day has the master data of its beginning: before eight in the morning is so by the clock of then,
    /// also where the point shall have another zone by and by.</summary>
    [Fact]
    public async Task A_stay_is_priced_by_the_clock_of_its_day()
    {
        await using var served = await TownAsync();
        await using var planned = await TownAsync();
        (await planned.PostAsync("/v1/imports?name=planned", ChargeTown.MasterData.Split('\n').First(line =>
                line.Contains("\"point\":\"S01-C1\"", StringComparison.Ordinal))
            .Replace("Asia/Shanghai", "America/New_York", StringComparison.Ordinal)
            .Replace("2026-01-01T00:00:00+08:00", "2026-06-01T00:00:00+08:00", StringComparison.Ordinal)))["refused"]
            .ShouldBe("0");
        await IssueAsync(served);
        await IssueAsync(planned);
        (await RecordsAsync(planned)).Select(record => Net(record!))
            .ShouldBe((await RecordsAsync(served)).Select(record => Net(record!)));
    }

    [Fact]
    public async Task A_correction_is_a_credit_that_takes_all_back_and_a_new_record()
    {
        await using var served = await TownAsync();
        await IssueAsync(served);
        var original = (await RecordsAsync(served))[1]!;
        (await served.PostAsync("/v1/register-reading-corrections", """{"point":"S01-C1","direction":"import","readAt":"2026-03-02T18:59:55+08:00","supersedes":1,"indexSteps":1044125,"quality":"measured","reason":"misread"}"""))
            .Status.ShouldBe(201);
        var changed = await IssueAsync(served);
        changed.Select(record => $"{record!["record"]} {record["outcome"]}").Take(2).ShouldBe([
            $"{original["id"]}-C recorded", $"{original["id"]}-2 recorded"]);
        var records = await RecordsAsync(served);
        records.Count.ShouldBe(4);
        var (credit, again) = (records[2]!, records[3]!);
        ((bool)credit["credit"]!, (string)credit["credit_reference_id"]!).ShouldBe((true, (string)original["id"]!));
        (Net(original) + Net(credit)).ShouldBe(0m);
        ((decimal)again["total_energy"]!, again["credit"]).ShouldBe((-16.5m, null));
        JsonNode.DeepEquals(records[1], original).ShouldBeTrue();
        (await IssueAsync(served)).Count.ShouldBe(1); // what is unproven stays so
    }

    /// <summary>The number of a record is of point and arrival, and the arrival was another one.</summary>
    [Fact]
    public async Task A_record_under_a_corrected_arrival_is_taken_back_and_the_stay_is_billed_once()
    {
        await using var served = await TownAsync();
        await IssueAsync(served);
        var original = (await RecordsAsync(served))[1]!;
        (await served.PostAsync("/v1/imports?name=late", """{"type":"charging-state","point":"S01-C1","at":"2026-03-02T17:50:00+08:00","connected":true,"source":"ocpp"}"""))["refused"].ShouldBe("0");
        var changed = await IssueAsync(served);
        changed.Take(2).Select(record => $"{record!["start"]} {record["outcome"]}").ShouldBe([
            "2026-03-02T09:50:00.000000000Z recorded", "2026-03-02T09:50:00.000000000Z recorded"]);
        ((string)changed[0]!["record"]!).ShouldBe($"{original["id"]}-C");
        var records = await RecordsAsync(served);
        records.Count.ShouldBe(4);
        records.Skip(1).Sum(record => Net(record!)).ShouldBe(Net(records[3]!));
        ((string)records[3]!["id"]!).ShouldBe((string)records[3]!["session_id"]!);
        (await IssueAsync(served)).Count.ShouldBe(1); // what is unproven stays so
    }

    /// <summary>The next vehicle came before the register was read, and the charger told it later.</summary>
    [Fact]
    public async Task A_record_of_what_is_not_proven_any_more_is_taken_back()
    {
        await using var served = await TownAsync();
        (await served.PostAsync("/v1/imports?name=read", """
            point,register,read_at,kwh
            S01-C1,1.8.0,2026-03-02T20:10:00+08:00,1043.125
            S01-C1,2.8.0,2026-03-02T20:10:00+08:00,30.5
            S01-C1,1.8.0,2026-03-02T21:30:00+08:00,1070.125
            S01-C1,2.8.0,2026-03-02T21:30:00+08:00,30.5

            """))["refused"].ShouldBe("0");
        (await IssueAsync(served)).Select(record => (string)record!["outcome"]!).ShouldAllBe(said => said == "recorded");
        (await served.PostAsync("/v1/imports?name=late", """{"type":"charging-state","point":"S01-C1","at":"2026-03-02T20:50:00+08:00","connected":true,"source":"ocpp"}"""))["refused"].ShouldBe("0");
        (await IssueAsync(served)).Select(record => (string)record!["outcome"]!).ShouldBe(["unproven", "recorded"]);
        var records = await RecordsAsync(served);
        ((string)records[3]!["id"]!).ShouldBe($"{records[2]!["id"]}-C");
        (Net(records[2]!) + Net(records[3]!)).ShouldBe(0m);
        (await IssueAsync(served)).Select(record => (string)record!["outcome"]!).ShouldBe(["unproven"]);
    }

    /// <summary>Prices by power, and prices that change inside an hour: the records are of hours and say no power.
    /// </summary>
    [Theory]
    [InlineData("ENERGY 1 max_power 50|ENERGY 2 min_power 50", "unpriced unpriced", "states no current or power")]
    [InlineData("ENERGY 1 max_power 50|ENERGY 2", "unpriced unpriced", "states no current or power")]
    [InlineData("FLAT 1 min_current 32|ENERGY 2", "unpriced unpriced", "on which the price of the session depends")]
    [InlineData("ENERGY 1 max_kwh 5|ENERGY 2", "unpriced recorded", "another price of energy begins to hold")]
    [InlineData("ENERGY 1 max_duration 600|ENERGY 2", "unpriced unpriced", "another price of energy begins to hold")]
    [InlineData("ENERGY 1 start_time \"08:10\"|ENERGY 2", "unpriced recorded", "period 2 goes on after")]
    [InlineData("FLAT 1 min_duration 600|ENERGY 2", "unpriced unpriced", "another price of the session begins")]
    [InlineData("ENERGY 2|ENERGY 1 max_power 50", "recorded recorded", "")]
    // Of the first stay the register alone is known: nothing says when the vehicle charged.
    [InlineData("TIME 2|PARKING_TIME 10", "unpriced recorded", "period 1 may be charging or parking, which have different prices")]
    [InlineData("ENERGY 1|PARKING_TIME 10", "unpriced recorded", "period 1 may be charging or parking")]
    [InlineData("ENERGY 1|TIME 2", "unpriced recorded", "period 1 may be charging or parking")]
    [InlineData("PARKING_TIME 10 min_duration 600|ENERGY 1", "unpriced recorded", "another price of parking time begins")]
    [InlineData("TIME 2|PARKING_TIME 2", "recorded recorded", "")]
    [InlineData("ENERGY 1|TIME 0|PARKING_TIME 0", "recorded recorded", "")]
    public async Task A_price_that_hangs_on_what_a_record_does_not_say_is_no_price(
        string elements, string outcomes, string why)
    {
        await using var served = await TownAsync();
        var issue = JsonNode.Parse(Issue)!;
        issue["tariff"]!["elements"] = new JsonArray([.. elements.Split('|').Select(Element)]);
        var answered = await IssueAsync(served, issue.ToJsonString());
        answered.Take(2).Select(record => (string)record!["outcome"]!).ShouldBe(outcomes.Split(' '));
        if (why.Length > 0) ((string?)answered[0]!["why"]).ShouldNotBeNull().ShouldContain(why);
        (await RecordsAsync(served)).Count.ShouldBe(outcomes.Split(' ').Count(outcome => outcome == "recorded"));
    }

    /// <summary>Forty minutes at a register that stood still are four blocks of ten minutes; the record's 0.6667 hours
    /// are a tenth of a second more.</summary>
    [Fact]
    public async Task Forty_minutes_of_parking_are_four_steps_of_ten()
    {
        await using var served = await TownAsync();
        foreach (var text in new[]
        {
            """
            {"type":"charging-state","point":"S01-C2","at":"2026-03-02T08:00:00+08:00","connected":true,"source":"ocpp"}
            {"type":"charging-state","point":"S01-C2","at":"2026-03-02T08:40:00+08:00","connected":false,"source":"ocpp"}
            """,
            "point,register,read_at,kwh\nS01-C2,1.8.0,2026-03-02T08:00:00+08:00,100\nS01-C2,1.8.0,2026-03-02T08:40:00+08:00,100\n",
        })
            (await served.PostAsync("/v1/imports?name=parked", text))["refused"].ShouldBe("0");
        var issue = JsonNode.Parse(Issue)!;
        var parking = Element("PARKING_TIME 6");
        parking["price_components"]![0]!["step_size"] = 600;
        issue["tariff"]!["elements"] = new JsonArray(parking);
        await IssueAsync(served, issue.ToJsonString());
        var record = (await RecordsAsync(served)).Single(record =>
            (string)record!["cdr_location"]!["evse_id"]! == "S01-C2")!;
        ((decimal)record["total_parking_time"]!, Net(record)).ShouldBe((0.6667m, 4m));
    }

    /// <summary>A tariff without a price is no reason to take back what was billed by one that has one.</summary>
    [Fact]
    public async Task What_was_issued_is_left_where_a_tariff_has_no_price()
    {
        await using var served = await TownAsync();
        await IssueAsync(served);
        var issue = JsonNode.Parse(Issue)!;
        issue["tariff"]!["elements"] = new JsonArray(Element("ENERGY 1 max_power 50"));
        (await IssueAsync(served, issue.ToJsonString())).Select(record => (string)record!["outcome"]!)
            .ShouldBe(["unpriced", "unpriced", "unproven"]);
        (await RecordsAsync(served)).Count.ShouldBe(2);
    }

    /// <summary>The sessions begin at 23:30 and at 10:00; the end is exclusive.</summary>
    [Theory]
    [InlineData("end_date_time", "2026-01-01T00:00:00Z", "unpriced unpriced")]
    [InlineData("end_date_time", "2026-03-02T10:00:00Z", "recorded unpriced")]
    [InlineData("end_date_time", "2026-03-02T10:00:01", "recorded recorded")]
    [InlineData("start_date_time", "2026-03-02T10:00:00Z", "unpriced recorded")]
    [InlineData("start_date_time", "2026-03-02T10:00:01Z", "unpriced unpriced")]
    public async Task A_tariff_prices_no_session_outside_its_validity(string member, string at, string outcomes)
    {
        await using var served = await TownAsync();
        var answered = await IssueAsync(served, Issue.Replace("\"id\":\"T1\"", $"\"id\":\"T1\",\"{member}\":\"{at}\""));
        answered.Take(2).Select(record => (string)record!["outcome"]!).ShouldBe(outcomes.Split(' '));
        foreach (var record in answered.Where(record => (string)record!["outcome"]! == "unpriced"))
            ((string)record!["why"]!).ShouldBe($"tariff T1 is not valid when period 1 begins: its {member} is {at}");
        (await RecordsAsync(served)).Count.ShouldBe(outcomes.Split(' ').Count(outcome => outcome == "recorded"));
    }

    private static JsonNode Element(string text)
    {
        var words = text.Split(' ');
        var element = JsonNode.Parse($$"""{"price_components":[{"type":"{{words[0]}}","price":{{words[1]}},"step_size":1}]}""")!;
        if (words.Length > 2)
            element["restrictions"] = new JsonObject { [words[2]] = JsonNode.Parse(words[3]) };
        return element;
    }

    [Fact]
    public async Task Pages_are_those_of_OCPI()
    {
        await using var served = await TownAsync();
        await IssueAsync(served);
        var all = await RecordsAsync(served);
        var first = await served.GetAsync($"{Cdrs}?limit=1&date_from=2026-03-05T00:00:00");
        first.Response.Headers.GetValues("X-Total-Count").Single().ShouldBe("2");
        first.Response.Headers.GetValues("X-Limit").Single().ShouldBe("1");
        var link = first.Response.Headers.GetValues("Link").Single();
        link.ShouldStartWith($"<{served.Client.BaseAddress!.GetLeftPart(UriPartial.Authority)}{Cdrs}?date_from=");
        link.ShouldEndWith("offset=1&limit=1>; rel=\"next\"");
        var next = await served.GetAsync(new Uri(link[1..link.IndexOf('>', StringComparison.Ordinal)]).PathAndQuery);
        JsonNode.DeepEquals(JsonNode.Parse(next.Text)!["data"]![0], all[1]).ShouldBeTrue();
        next.Response.Headers.Contains("Link").ShouldBeFalse();
        (await RecordsAsync(served, "?date_to=2026-03-05T00:00:00Z")).ShouldBeEmpty();
        (await RecordsAsync(served, "?offset=5")).ShouldBeEmpty();
        (await RecordsAsync(served, "?offset=2147483647&limit=1000")).ShouldBeEmpty();
        foreach (var wrong in new[] { "?limit=0", "?limit=1001", "?date_from=yesterday", "?offset=-1" })
            (await served.GetAsync(Cdrs + wrong)).Status.ShouldBe(400, wrong);
    }

    [Fact]
    public async Task A_record_that_comes_in_is_kept_and_one_that_names_somebody_is_not_read_here()
    {
        await using var served = await TownAsync();
        const string cdr = """{"country_code":"CN","party_id":"XYZ","id":"X1","start_date_time":"2026-03-02T10:00:00Z","end_date_time":"2026-03-02T11:00:00Z","cdr_token":{"uid":"#NA","type":"OTHER","contract_id":"#NA"},"cdr_location":{"evse_id":"S01-C1"},"currency":"CNY","charging_periods":[],"total_cost":{"excl_vat":5},"total_energy":10}""";
        var taken = await served.PostAsync(Cdrs, cdr);
        (taken.Status, taken["status_code"]).ShouldBe((201, "1000"), taken.Text);
        taken.Response.Headers.Location!.ToString().ShouldBe($"{Cdrs}/X1");
        (await served.PostAsync(Cdrs, cdr)).Status.ShouldBe(200);
        // Who issues, and the number, are the same in any case of their letters.
        (await served.PostAsync(Cdrs, cdr.Replace("X1", "x1").Replace("XYZ", "xyz").Replace("\"CN\"", "\"cn\""))).Status
            .ShouldBe(200);
        (await served.GetAsync($"{Cdrs}/x1")).Status.ShouldBe(200);
        var other = await served.PostAsync(Cdrs, cdr.Replace("\"excl_vat\":5", "\"excl_vat\":6"));
        (other.Status, other["status_code"]).ShouldBe((409, "2001"));
        var wrong = await served.PostAsync(Cdrs, cdr.Replace("X1", "X3").Replace("S01-C1", "S09-C1"));
        (wrong.Status, wrong["status_code"], wrong["status_message"]!.Split(':')[0]).ShouldBe((422, "2001", "202 UnknownSettlementPoint"));
        JsonNode.DeepEquals((await RecordsAsync(served)).Single(), JsonNode.Parse(cdr)).ShouldBeTrue();
        // A mark of the order of bytes is no part of a record.
        var marked = await served.PostAsync(Cdrs, [0xEF, 0xBB, 0xBF, .. System.Text.Encoding.UTF8.GetBytes(cdr.Replace("X1", "X4"))]);
        (marked.Status, marked.Response.Headers.Location?.ToString()).ShouldBe((201, $"{Cdrs}/X4"), marked.Text);
        (await served.GetAsync($"{Cdrs}/X4")).Status.ShouldBe(200);
        (await RecordsAsync(served)).Select(record => (string)record!["id"]!).ShouldBe(["X1", "X4"]);
        var personal = cdr.Replace("X1", "X2").Replace("\"uid\":\"#NA\"", "\"uid\":\"04A2B3\"");
        (await served.PostAsync(Cdrs, personal)).Status.ShouldBe(201);
        (await RecordsAsync(served)).Count.ShouldBe(2);
        var sealedRecord = await served.GetAsync($"{Cdrs}/X2");
        (sealedRecord.Status, sealedRecord.Text.Contains("04A2B3", StringComparison.Ordinal)).ShouldBe((404, false));
    }

    /// <summary>A page reads its own records: what else there is, is counted without its evidence.</summary>
    [Fact]
    public async Task A_page_opens_no_evidence_but_its_own()
    {
        await using var served = await TownAsync();
        (await served.PostAsync("/v1/imports?name=records.csv", """
            id,start_date_time,end_date_time,currency,total_energy,total_cost_excl_vat,evse_id
            T1,2026-03-02T10:00:00Z,2026-03-02T11:00:00Z,CNY,10,5,S01-C1
            T2,2026-03-02T11:00:00Z,2026-03-02T12:00:00Z,CNY,10,5,S01-C1

            """))["recorded"].ShouldBe("2");
        await IssueAsync(served);
        var segment = Path.Combine(served.Options.Directory, "evidence", "000000.segment");
        using (var file = new FileStream(segment, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            file.Position = file.Length - 1;
            var last = file.ReadByte();
            file.Position = file.Length - 1;
            file.WriteByte((byte)(last ^ 0xFF));
        }
        // The second of both is damaged; rows of a table name a session, and are never served.
        var page = await served.GetAsync($"{Cdrs}?limit=1");
        (page.Status, page.Response.Headers.GetValues("X-Total-Count").Single()).ShouldBe((200, "2"), page.Text);
        page.Json.GetProperty("data").GetArrayLength().ShouldBe(1);
        (await served.GetAsync($"{Cdrs}?offset=1")).Status.ShouldBe(503);
        served.Errors.GetStringBuilder().Clear();
    }

    [Theory]
    [InlineData("\"account\":\"cpo\"", "\"account\":\"\"", "InvalidIdentifier")]
    [InlineData("\"day\":\"2026-03-02\"", "\"day\":\"yesterday\"", "InvalidTime")]
    [InlineData("\"party_id\":\"ABC\"", "\"party_id\":\"ABCD\"", "InvalidIdentifier")]
    [InlineData("\"country_code\":\"CN\",", "", "MissingField")]
    [InlineData("\"account\":\"cpo\"", "\"account\":\"cpo\",\"ocpi\":\"2.1.1\"", "UnknownFormat")]
    [InlineData("\"account\":\"cpo\"", "\"account\":\"cpo\",\"more\":1", "UnknownField")]
    [InlineData("\"currency\":\"CNY\"", "\"currency\":\"yuan\"", "OutOfRange")]
    [InlineData("{\"id\":\"L1\",\"city\":\"Shanghai\"}", "\"L1\"", "Malformed")]
    [InlineData("\"party_id\":\"ABC\"", "\"party_id\":\"ABC\",\"cdr_token\":\"x\"", "Malformed")]
    [InlineData("\"party_id\":\"ABC\"", "\"party_id\":\"ABC\",\"cdr_token\":{\"uid\":5}", "Malformed")]
    [InlineData("\"price\":0.3533", "\"price\":10000000000000000000000000000", "OutOfRange")]
    [InlineData("\"id\":\"T1\"", "\"id\":\"T1\",\"end_date_time\":\"soon\"", "InvalidTime")]
    [InlineData("\"id\":\"T1\"",
        "\"id\":\"T1\",\"start_date_time\":\"2026-03-01T00:00:00Z\",\"end_date_time\":\"2026-02-01T00:00:00Z\"", "IntervalEmpty")]
    public async Task A_wrong_issue_is_refused_with_its_field(string from, string to, string name)
    {
        await using var served = await TownAsync();
        var answer = await served.PostAsync(Issues, Issue.Replace(from, to));
        (answer.Status, answer["name"]).ShouldBe((422, name));
    }

    [Fact]
    public void Another_version_has_other_amounts() =>
        OcpiIssue.Read(System.Text.Encoding.UTF8.GetBytes(Issue.Replace("\"account\":\"cpo\"",
            "\"account\":\"cpo\",\"ocpi\":\"2.2.1\""))).Version.ShouldBe(OcpiVersion.V221);
}
