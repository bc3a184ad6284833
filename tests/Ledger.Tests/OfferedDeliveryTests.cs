using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Ledger.Api;
using Ledger.Api.Access;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>
/// Orders that take part of offers, and penalties that come back, from facts to amounts. The figures are calculated by
/// hand. Three connectors would draw 100 kWh an hour; C1 and C3 offer their 50 kW, C2 declared 40 kW; 800 per mille of
/// that is 40, 32 and 40 kW less for two hours. C1 comes down by 40 and 40, C2 by 16 and 32, C3 by nothing and then
/// draws 5 more. So C1 is paid 80 kWh, 160.00; C2 48 kWh, 96.00, and penalised for 16; C3 is penalised for 40 and 45.
/// </summary>
public sealed class OfferedDeliveryTests
{
    private const string Offers = """
        {"point":"C1","kw":60,"offeredKw":50},{"point":"C2","kw":68,"offeredKw":40},{"point":"C3","kw":60,"offeredKw":50}
        """;

    [Theory]
    // 101.00 by 80, 48 and 0 kWh delivered: 63.125 and 37.875, and the cent goes to the lower name.
    [InlineData("delivered", "63.13 37.87 0", "223.13 117.87 -85")]
    // By 80, 64 and 80 kWh ordered: 36.07142…, 28.85714… and 36.07142…; the cent goes to the largest remainder.
    [InlineData("ordered", "36.07 28.86 36.07", "196.07 108.86 -48.93")]
    public void Penalties_come_back_to_those_who_were_called_and_sum_to_zero(string by, string back, string nets)
    {
        using var town = Called($",\"activationPermilleMin\":500,\"redistribution\":\"{by}\"");
        var open = town.Delivery("I1");
        Column(open, "shares", "penaltiesBack").ShouldAllBe(text => text == null);
        Column(open, "shares", "whyNotBack").ShouldAllBe(text => text == "the penalties of the call are not all known");
        MeterTheCall(town);
        var page = town.Delivery("I1");
        Column(page, "shares", "payment").ShouldBe(["160", "96", "0"]);
        Column(page, "shares", "penalty").ShouldBe(["0", "16", "85"]);
        Column(page, "shares", "penaltiesBack").ShouldBe(back.Split(' '));
        Column(page, "shares", "net").ShouldBe(nets.Split(' '));
        // Buyer and sellers: what the penalties bring in is what is given back, so the payments alone are left.
        page.GetProperty("net").GetString().ShouldBe("256");
        page.GetProperty("redistribution").GetString().ShouldBe(by);
        town.Run("export", "delivery", "I1").Output
            .ShouldContain($"C2,C2,96,16,{back.Split(' ')[1]},{nets.Split(' ')[1]},0,,");
    }

    [Fact]
    public void Penalties_that_nobody_has_a_claim_on_stay_paid_and_the_page_says_why()
    {
        using var town = Called(",\"activationPermilleMin\":500,\"redistribution\":\"overDelivery\"");
        MeterTheCall(town);
        var page = town.Delivery("I1");
        Column(page, "shares", "penaltiesBack").ShouldBe(["0", "0", "0"]);
        Column(page, "shares", "whyNotBack").ShouldAllBe(text => text == "nobody delivered more than was ordered");
        page.GetProperty("net").GetString().ShouldBe("155");
    }

    /// <summary>C1 is one operator's, C2 and C3 another's. What comes back follows from everybody's figures, of which
    /// whoever asks the ledger for its line is told its own.</summary>
    [Fact]
    public async Task What_comes_back_is_explained_to_an_operator_without_what_others_delivered()
    {
        using var town = Called(",\"activationPermilleMin\":500,\"payer\":\"dso\",\"redistribution\":\"delivered\"", others: "rival");
        town.Bill("cpo");
        MeterTheCall(town);
        town.Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1");
        await using var ledger = await town.OpenAsync();
        await using var server = await LedgerServer.StartAsync(ledger, new(IPAddress.Loopback, 0)
        {
            Access = new(IsRequired: true),
        }, TextWriter.Null, TestContext.Current.CancellationToken);
        var own = await ExplainedAsync(ledger, server.Url, "chargingOperator", "cpo");
        var all = await ExplainedAsync(ledger, server.Url, "auditor", "office");
        all.GetProperty("arithmetic").GetString().ShouldBe("101 × 80 / 128, credited");
        Penalties(all).ShouldBe(["penalties of C1: 0.00, weight 80 kWh", "penalties of C2: 16.00, weight 48 kWh",
            "penalties of C3: 85.00, weight 0 kWh"]);
        own.GetProperty("arithmetic").GetString().ShouldBe("by figures of others too, which are not told");
        Penalties(own).ShouldBe(["penalties of C1: 0.00, weight 80 kWh", "of another: -, ", "of another: -, "]);
        foreach (var told in (JsonElement[])[own, all])
            (told.GetProperty("says").GetString(), told.GetProperty("holds").GetBoolean()).ShouldBe(("-63.13", true));
    }

    /// <summary>The line of what comes back, as it is explained to somebody.</summary>
    private static async Task<JsonElement> ExplainedAsync(OpenLedger ledger, Uri url, string role, string party)
    {
        var key = AccessKeyText.Create();
        var until = SmallTown.Now.ToDateTimeOffset().AddDays(9).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        (await ledger.Intake.TakeFactAsync(new(Encoding.UTF8.GetBytes($$"""
            {"type":"access-key","key":"{{key.Key}}","secretSha256":"{{key.Digest}}","holder":"{{role}}","role":"{{role}}","party":"{{party}}","stations":[],"expires":"{{until}}"}
            """), "set-up"), null, ledger.Operator("set-up"), new($" {role}"), TestContext.Current.CancellationToken))
            .ShouldBeOfType<RecordOutcome.Recorded>();
        using var client = new HttpClient { BaseAddress = url };
        client.DefaultRequestHeaders.Authorization = new("Bearer", key.Shown);
        using var told = JsonDocument.Parse(
            await client.GetStringAsync("/v1/explanations?run=R1", TestContext.Current.CancellationToken));
        return Below(told.RootElement.GetProperty("tree").Clone())
            .First(node => node.GetProperty("rule").GetString() == "redistribution");

        static IEnumerable<JsonElement> Below(JsonElement node) =>
            node.GetProperty("from").EnumerateArray().SelectMany(Below).Prepend(node);
    }

    private static IEnumerable<string> Penalties(JsonElement line) => line.GetProperty("from").EnumerateArray()
        .Where(child => child.GetProperty("rule").GetString() == "penalty").Select(child =>
            $"{child.GetProperty("name")}: {child.GetProperty("says")}, {child.GetProperty("arithmetic")}");

    [Fact]
    public void Who_does_more_than_was_ordered_gets_what_the_others_pay()
    {
        using var town = Called(",\"activationPermilleMin\":500,\"redistribution\":\"overDelivery\"");
        // C2 comes down by 52 in the first hour, 20 more than ordered, and is not paid for them.
        MeterTheCall(town, secondFirst: 48);
        var page = town.Delivery("I1");
        Column(page, "shares", "payment").ShouldBe(["160", "128", "0"]);
        Column(page, "shares", "penaltiesBack").ShouldBe(["0", "85", "0"]);
        Column(page, "shares", "net").ShouldBe(["160", "213", "-85"]);
    }

    [Fact]
    public void An_order_is_paid_for_the_part_that_it_takes_and_a_later_version_changes_nothing_of_it()
    {
        using var town = Called(",\"activationPermilleMin\":500,\"redistribution\":\"delivered\"");
        MeterTheCall(town);
        var page = town.Delivery("I1");
        page.GetProperty("activationPermille").ToString().ShouldBe("800");
        Column(page, "offers", "offeredKw").ShouldBe(["50", "40", "50"]);
        Column(page, "offers", "takenKw").ShouldBe(["40", "32", "40"]);
        Column(page, "periods", "orderedKwh").ShouldBe(["40", "40", "32", "32", "40", "40"]);
        Column(page, "periods", "overDeliveryKwh").ShouldBe(["0", "0", "0", "0", "0", "0"]);
        var text = town.Run("show", "delivery", "I1").Output;
        text.ShouldContain("80 % of what was offered");
        text.ShouldContain("given back to those who were called, by what was delivered");

        town.Run("export", "programmes").Output.ShouldContain(",CNY,2,500,,delivered");
        JsonDocument.Parse(town.Run("export", "instructions", "--format", "json").Output).RootElement[0]
            .GetProperty("activationPermille").GetInt32().ShouldBe(800);

        // Whatever is published or declared later, and dated back: the terms are those of the notice.
        town.Publish("reduce", 2, "account");
        town.Holds(Available("C1", 10, "2026-02-27T07:30:00+08:00"));
        var later = town.Delivery("I1");
        foreach (var table in new[] { "shares", "lines", "periods", "offers" })
            later.GetProperty(table).GetRawText().ShouldBe(page.GetProperty(table).GetRawText());
        town.Run("replay", "--diff").Exit.ShouldBe(ExitCode.Done);
        // An order of the new version's time is refused: its offers are taken whole, and what C1 has ready is 10 kW.
        Refused(town, "I2", Offers, 800).ShouldContain("ActivationBelowLeast");
        Refused(town, "I2", Offers, 1000).ShouldContain("NotAsOffered");
    }

    [Fact]
    public void What_does_not_fit_the_offers_is_refused_and_named()
    {
        using var town = Called(",\"activationPermilleMin\":500");
        Refused(town, "I2", Offers, 499).ShouldContain("ActivationBelowLeast");
        Refused(town, "I2", Offers.Replace("\"offeredKw\":40", "\"offeredKw\":50"), 800)
            .ShouldContain("NotAsOffered");
        Refused(town, "I2", Offers.Replace(",\"offeredKw\":40", ""), 800).ShouldContain("offeredKw");
        Refused(town, "I2", """{"point":"C1","kw":60,"offeredKw":50},{"point":"C9","kw":60,"offeredKw":50}""", 800)
            .ShouldContain("NotEnrolled");
        Refused(town, "I2", Offers, 1001).ShouldContain("activationPermille");
        // Without a part, an offer is no member of a target; and the same order again is already recorded.
        town.TryImport(Order("I2", Offers, "")).Output.ShouldContain("offeredKw");
        town.TryImport(Order("I1", Offers, ",\"activationPermille\":800")).Exit.ShouldBe(ExitCode.Done);
        Refused(town, "I1", Offers, 900).ShouldContain("AlreadyRegistered");
    }

    /// <summary>
    /// At a bidirectional connector the baseline is zero. 50 and 40 kWh are exported. An order of 200 kW asks 50 kWh a
    /// quarter and pays 90 kWh, 135.00, whether it takes the whole of an offer or none; 800 per mille of it asks 40,
    /// and pays 80 kWh, 120.00. Each order is of a programme of its own, since one programme pays one call for one
    /// hour.
    /// </summary>
    [Fact]
    public async Task The_whole_of_an_offer_is_an_order_of_its_power_and_a_part_of_it_is_exactly_that_part()
    {
        await using var served = await ServedLedger.StartAsync();
        await served.RegisterConnectorAsync();
        foreach (var (path, body) in new[]
        {
            ("rule-packs", """{"pack":"zero","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00Z","baseline":{"method":"zero"}}"""),
            ("rule-packs", """{"pack":"pay","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00Z","scoring":{"level":"interval","bands":[{"slope":"1"},{"from":"1","slope":"0"}],"payment":[{"quantity":"effective","price":"price"}]}}"""),
            ("programmes", Programme("plain", 1)), ("programmes", Programme("whole", 2)), ("programmes", Programme("part", 3)),
            ("enrolments", Enrolment("plain")), ("enrolments", Enrolment("whole")), ("enrolments", Enrolment("part")),
            ("instructions", Export("PLAIN", "\"kw\":200", "")),
            ("instructions", Export("WHOLE", "\"offeredKw\":200", ",\"activationPermille\":1000")),
            ("instructions", Export("PART", "\"offeredKw\":200,\"kw\":160", ",\"activationPermille\":800")),
            ("frozen-baselines", """{"instruction":"PLAIN"}"""), ("frozen-baselines", """{"instruction":"WHOLE"}"""),
            ("frozen-baselines", """{"instruction":"PART"}"""),
        })
            (await served.PostAsync($"/v1/{path}", body)).Status.ShouldBe(201, body);
        foreach (var (at, export) in new[] { ("10:00", "0"), ("10:15", "50"), ("10:30", "90") })
            foreach (var (direction, kwh) in new[] { ("import", "7"), ("export", export) })
                (await served.PostAsync("/v1/register-readings",
                    $$"""{"point":"CP1","direction":"{{direction}}","readAt":"2026-02-27T{{at}}:00Z","kwh":"{{kwh}}"}""")).Status.ShouldBe(201);
        var (plain, whole, part) = (await Delivery("PLAIN"), await Delivery("WHOLE"), await Delivery("PART"));
        (plain["net"], whole["net"], part["net"]).ShouldBe(("135", "135", "120"));
        foreach (var member in new[] { "shares", "periods" })
            whole.Json.GetProperty(member).GetRawText().ShouldBe(plain.Json.GetProperty(member).GetRawText());
        part.Json.GetProperty("periods").EnumerateArray().Select(period => period.GetProperty("orderedKwh").GetString())
            .ShouldBe(["40", "40"]);
        part.Json.GetProperty("offers")[0].GetProperty("takenKw").GetString().ShouldBe("160");
        part["activationPermille"].ShouldBe("800");
        (await served.PostAsync("/v1/instructions", Export("X", "\"offeredKw\":200", ",\"activationPermille\":799")))["name"]
            .ShouldBe("ActivationBelowLeast");
        (await served.PostAsync("/v1/instructions", Export("X", "\"offeredKw\":201", ",\"activationPermille\":800")))["name"]
            .ShouldBe("NotAsOffered");
        // The export that is ordered is the part of the offer, or the order contradicts itself.
        (await served.PostAsync("/v1/instructions",
            Export("X", "\"offeredKw\":200,\"kw\":161", ",\"activationPermille\":800")))["detail"]!.ShouldContain("160 kW");
        (await served.PostAsync("/v1/instructions",
            Export("PART", "\"offeredKw\":200", ",\"activationPermille\":800"))).Status.ShouldBe(200);

        Task<Answer> Delivery(string id) => served.GetAsync($"/v1/deliveries?instruction={id}");

        static string Programme(string programme, int precedence) => $$"""
            {"programme":"{{programme}}","version":1,"validFrom":"2026-01-01T00:00:00Z","service":"export","baselinePack":"zero","scoringPack":"pay","paidPer":"station","precedence":{{precedence}},"currency":"CNY","pricePerKwh":"1.5","activationPermilleMin":800}
            """;

        static string Enrolment(string programme) => $$"""
            {"programme":"{{programme}}","point":"CP1","prequalifiedKw":200,"from":"2026-01-01T00:00:00Z"}
            """;

        static string Export(string id, string target, string more) => $$"""
            {"instruction":"{{id}}","kind":"export","issuedBy":"GRID","issuedAt":"2026-02-27T09:00:00Z","start":"2026-02-27T10:00:00Z","end":"2026-02-27T10:30:00Z","targets":[{"point":"CP1",{{target}}}],"programme":"{{(id == "X" ? "part" : id.ToLowerInvariant())}}"{{more}}}
            """;
    }

    private static CalledTown Called(string terms, string others = "cpo")
    {
        var town = new CalledTown(more: terms);
        foreach (var point in new[] { "C1", "C2", "C3" })
        {
            town.Connector(point, owner: point == "C1" ? "cpo" : others);
            town.Meter(point, Hours((5 * 24) + 8, 100));
            town.Import($$"""
                {"type":"enrolment","programme":"reduce","point":"{{point}}","prequalifiedKw":50,"from":"2026-01-01T00:00:00+08:00"}
                """);
        }
        town.Import(Available("C2", 40, "2026-02-27T07:00:00+08:00"));
        town.Cap("I1", Offers, more: ",\"activationPermille\":800");
        town.Freeze("I1");
        return town;
    }

    private static void MeterTheCall(CalledTown town, int secondFirst = 84)
    {
        town.Meter("C1", [.. Hours(10, 100), 60, 60]);
        town.Meter("C2", [.. Hours(10, 100), secondFirst, 68]);
        town.Meter("C3", [.. Hours(10, 100), 100, 105]);
    }

    private static string Available(string point, int kw, string declaredAt) => $$"""
        {"type":"availability","programme":"reduce","point":"{{point}}","declaredAt":"{{declaredAt}}","start":"2026-02-27T17:00:00+08:00","end":"2026-02-27T21:00:00+08:00","availableKw":{{kw}}}
        """;

    private static string Order(string instruction, string targets, string more) => $$"""
        {"type":"instruction","instruction":"{{instruction}}","kind":"curtail","issuedBy":"dso","issuedAt":"2026-02-27T08:00:00+08:00","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T20:00:00+08:00","targets":[{{targets}}],"penaltyPerKwh":"1","programme":"reduce"{{more}}}
        """;

    /// <summary>What is said of an order that is refused, in one line.</summary>
    private static string Refused(CalledTown town, string instruction, string targets, int permille)
    {
        var run = town.TryImport(Order(instruction, targets, $",\"activationPermille\":{permille}"));
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe, run.Output);
        return string.Join(' ', run.Output.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries));
    }
}
