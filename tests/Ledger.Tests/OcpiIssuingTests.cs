using System.Text.Json.Nodes;
using Ledger.Api.Exchange;
using Ledger.Domain;
using Ledger.Journal;
using Shouldly;
using static Ledger.Tests.OcpiCdrTests;

namespace Ledger.Tests;

/// <summary>
/// What an issue takes for what was issued before: a stay is billed once, and by nobody else's record, whoever writes
/// its names how, in whichever version, whoever owned the point, and what became of the stay.
/// </summary>
public sealed class OcpiIssuingTests
{
    /// <summary>A tax that is stated until noon and not after.</summary>
    internal const string OpenTax = """{"id":"T1","currency":"CNY","tax_included":"YES","elements":[{"price_components":[{"type":"ENERGY","price":1.13,"vat":13,"step_size":1}],"restrictions":{"end_time":"12:00"}},{"price_components":[{"type":"ENERGY","price":1.13,"step_size":1}]}]}""";

    /// <summary>Another source says, of the very instant of an arrival, that nobody is there.</summary>
    internal const string NobodyCame = """
        {"type":"charging-state","point":"S01-C1","at":"2026-03-02T18:00:00+08:00","connected":false,"source":"parking"}

        """;

    private const string Corrected = """{"point":"S01-C1","direction":"import","readAt":"2026-03-02T18:59:55+08:00","supersedes":1,"indexSteps":1044125,"quality":"measured","reason":"misread"}""";

    private static async Task CorrectAsync(ServedLedger served) =>
        (await served.PostAsync("/v1/register-reading-corrections", Corrected)).Status.ShouldBe(201);

    private static async Task ImportAsync(ServedLedger served, string text) =>
        (await served.PostAsync("/v1/imports?name=more", text))["refused"].ShouldBe("0");

    private static IEnumerable<string> Outcomes(JsonArray issued) =>
        issued.Select(record => $"{(string?)record!["record"] ?? "-"} {record["outcome"]}");

    [Theory]
    [InlineData("\"CN\"", "\"cn\"")]
    [InlineData("\"ABC\"", "\"aBc\"")]
    [InlineData("\"account\":\"cpo\"", "\"account\":\"cpo\",\"ocpi\":\"2.2.1\"")]
    public async Task A_stay_is_billed_once_however_it_is_asked_for(string from, string to)
    {
        await using var served = await TownAsync();
        await IssueAsync(served, Issue.Replace(from, to));
        var records = await RecordsAsync(served);
        records.Select(record => $"{record!["country_code"]}*{record["party_id"]}").ShouldAllBe(name => name == "CN*ABC");
        var length = served.Ledger.Journal.Length;
        Outcomes(await IssueAsync(served)).ShouldBe(["- unproven"]);
        served.Ledger.Journal.Length.ShouldBe(length);
        // And a correction takes back what was issued so.
        await CorrectAsync(served);
        Outcomes(await IssueAsync(served)).Take(2).ShouldBe(
            [$"{records[1]!["id"]}-C recorded", $"{records[1]!["id"]}-2 recorded"]);
    }

    /// <summary>A number is a public hash, and whoever uses another's has a record of his own.</summary>
    [Fact]
    public async Task Anothers_record_of_the_same_number_is_no_record_of_the_stay()
    {
        await using var served = await TownAsync();
        await ImportAsync(served, ChargeTown.MasterData.Split('\n')[0].Replace("S01", "S02").Replace("cpo", "beta"));
        await IssueAsync(served);
        var original = (await RecordsAsync(served))[1]!;
        var others = original.DeepClone();
        foreach (var name in (string[])["evse_id", "evse_uid"]) others["cdr_location"]![name] = "S02-C1";
        (await served.PostAsync(Cdrs, others.ToJsonString())).Status.ShouldBe(201);
        await CorrectAsync(served);
        Outcomes(await IssueAsync(served)).Take(2).ShouldBe(
            [$"{original["id"]}-C recorded", $"{original["id"]}-2 recorded"]);
        var credit = await served.GetAsync($"{Cdrs}/{original["id"]}-C");
        JsonNode.Parse(credit.Text)!["data"]!["cdr_location"]!["evse_id"]!.GetValue<string>().ShouldBe("S01-C1");
        Outcomes(await IssueAsync(served)).ShouldBe(["- unproven"]);
        (await served.GetAsync($"{Cdrs}/{original["id"]}")).Status.ShouldBe(400);
        var named = await served.GetAsync($"{Cdrs}/{original["id"]}?account=cpo");
        JsonNode.DeepEquals(JsonNode.Parse(named.Text)!["data"], original).ShouldBeTrue();
    }

    [Fact]
    public async Task A_charge_is_taken_back_where_it_is_also_after_its_point_was_said_to_be_anothers()
    {
        await using var served = await TownAsync();
        await IssueAsync(served);
        var original = (await RecordsAsync(served))[1]!;
        await ImportAsync(served, ChargeTown.MasterData.Split('\n')[0].Replace("\"cpo\"", "\"cpo2\""));
        // The same record again is no second charge of the new owner's.
        (await served.PostAsync(Cdrs, original.ToJsonString())).Status.ShouldBe(200);
        await CorrectAsync(served);
        var issue = Issue.Replace("\"cpo\"", "\"cpo2\"");
        Outcomes(await IssueAsync(served, issue)).Take(2).ShouldBe(
            [$"{original["id"]}-C recorded", $"{original["id"]}-2 recorded"]);
        (await RecordsAsync(served)).Where(record => (string)record!["session_id"]! == (string)original["session_id"]!)
            .Sum(record => Net(record!)).ShouldBe(Net((await RecordsAsync(served))[3]!));
        Outcomes(await IssueAsync(served, issue)).ShouldBe(["- unproven"]);
    }

    /// <summary>Its cost is a text, which no credit of ours negates.</summary>
    [Fact]
    public async Task Nothing_is_issued_beside_what_could_not_be_taken_back()
    {
        await using var served = await TownAsync();
        await IssueAsync(served);
        var original = (await RecordsAsync(served))[1]!;
        await using var other = await TownAsync();
        original["total_cost"] = new JsonObject { ["before_taxes"] = "5" };
        (await other.PostAsync(Cdrs, original.ToJsonString())).Status.ShouldBe(201);
        Outcomes(await IssueAsync(other)).Skip(1).ShouldBe([$"{original["id"]}-C refused", "- unproven"]);
    }

    [Fact]
    public async Task What_somebody_has_credited_under_another_number_is_taken_back()
    {
        await using var served = await TownAsync();
        await IssueAsync(served);
        var original = (await RecordsAsync(served))[1]!;
        var credit = OcpiRecords.Credit(original.AsObject(), ChargeTown.Now);
        credit["id"] = "MINE";
        (await served.PostAsync(Cdrs, credit.ToJsonString())).Status.ShouldBe(201);
        await CorrectAsync(served);
        Outcomes(await IssueAsync(served)).Take(2).ShouldBe(
            [$"{original["id"]}-C alreadyRecorded", $"{original["id"]}-2 recorded"]);
    }

    /// <summary>Also where the arrival is finer than OCPI's times, of which the id is not made.</summary>
    [Theory]
    [InlineData("18:00:00")]
    [InlineData("18:00:00.1234567")]
    public async Task A_record_of_a_stay_that_nobody_knows_any_more_is_taken_back(string arrival)
    {
        await using var served = await TownAsync(ChargeTown.MasterData.Replace("18:00:00", arrival));
        await IssueAsync(served);
        var original = (await RecordsAsync(served))[1]!;
        await ImportAsync(served, NobodyCame.Replace("18:00:00", arrival));
        var changed = await IssueAsync(served);
        Outcomes(changed).ShouldBe(["- unproven", "- unproven", $"{original["id"]}-C recorded"]);
        ((string)changed[1]!["why"]!).ShouldStartWith("no vehicle stood there then");
        (Net(original) + Net((await RecordsAsync(served))[2]!)).ShouldBe(0m);
        Outcomes(await IssueAsync(served)).ShouldBe(["- unproven"]);
    }

    [Fact]
    public async Task A_price_whose_tax_is_not_stated_is_no_price_and_the_other_sessions_have_theirs()
    {
        await using var served = await TownAsync();
        var issue = JsonNode.Parse(Issue)!;
        issue["tariff"] = JsonNode.Parse(OpenTax);
        var answered = await IssueAsync(served, issue.ToJsonString());
        answered.Select(record => (string)record!["outcome"]!).ShouldBe(["recorded", "unpriced", "unproven"]);
        ((string)answered[1]!["why"]!).ShouldStartWith("its prices include a tax that the tariff does not state");
    }

    /// <summary>OCPI's DateTime is a string(25) with at most three decimals of a second.</summary>
    [Fact]
    public async Task Times_are_as_long_as_OCPI_has_them_and_what_a_finer_one_said_stands()
    {
        await using var served = await TownAsync(ChargeTown.MasterData.Replace("T18:00:00", "T18:00:00.1234567"));
        served.Clock.Now = ChargeTown.Now + NodaTime.Duration.FromTicks(1234567);
        await IssueAsync(served);
        var answer = JsonNode.Parse((await served.GetAsync(Cdrs)).Text)!;
        var records = answer["data"]!.AsArray();
        List<JsonNode?> times = [answer["timestamp"], .. records.Select(record => record!["last_updated"]),
            .. records.SelectMany(record => new[] { record!["start_date_time"], record["end_date_time"] }),
            .. records.SelectMany(record => record!["charging_periods"]!.AsArray())
                .Select(period => period!["start_date_time"])];
        times.Select(time => (string)time!).ShouldAllBe(time => time.Length <= 25);
        ((string)answer["timestamp"]!).ShouldBe("2026-03-05T00:00:00.123Z");
        ((string)records[1]!["start_date_time"]!).ShouldBe("2026-03-02T10:00:00.123Z");
        // What stands of before has longer times.
        var before = JsonNode.Parse(records[1]!.ToJsonString().Replace(".123Z", ".1234567Z"))!.AsObject();
        OcpiRecords.IsSame(before, records[1]!.AsObject()).ShouldBeTrue();
        OcpiRecords.IsSame(JsonNode.Parse(before.ToJsonString().Replace(".1234567Z", ".1244567Z"))!.AsObject(),
            records[1]!.AsObject()).ShouldBeFalse();
        Outcomes(await IssueAsync(served)).ShouldBe(["- unproven"]);
    }

    /// <summary>Before it was known that records are needed, they went with their months.</summary>
    [Fact]
    public async Task What_lies_in_a_months_archive_is_said_to_and_nothing_is_issued_beside_it()
    {
        await using var served = await TownAsync();
        await IssueAsync(served);
        var facts = (await TestFolder.AllAsync(served.Ledger.Journal)).ConvertAll(EventCodec.Decode);
        served.Ledger.Evidence.Prune(facts.OfType<ChargeRecorded>()
            .ToDictionary(record => record.Evidence!.Value, _ => facts.Count - 1L));
        var length = served.Ledger.Journal.Length;
        var answered = await IssueAsync(served);
        answered.Select(record => (string)record!["outcome"]!).ShouldBe(["sealed", "sealed", "unproven"]);
        ((string)answered[0]!["why"]!).ShouldBe("what was issued of it lies in a month's archive, and is not compared");
        served.Ledger.Journal.Length.ShouldBe(length);
    }
}
