using System.Text.Json.Nodes;
using Ledger.Cli;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>
/// Calls from their facts over the frozen baseline to amounts, by hand: netting where the programme pays together, a
/// call across midnight, a withdrawn call, and baselines of the call's own day.
/// </summary>
public sealed class CallDeliveryTests
{
    /// <summary>
    /// Both would draw 100 kWh an hour and are capped at 60. C1 comes down by 80, twice what was asked, C2 by nothing.
    /// Apart, C1 is paid 40 kWh an hour and C2 penalised for 40: 80.00 less 40.00, twice. Together nothing is missing:
    /// 160.00, twice.
    /// </summary>
    [Theory]
    [InlineData("settlementPoint", "S01", "cpo", "80", "C1 C2")]
    [InlineData("station", "S01", "cpo", "320", "S01")]
    [InlineData("station", "S02", "cpo", "80", "S01 S02")]
    [InlineData("account", "S02", "cpo", "320", "cpo")]
    [InlineData("account", "S01", "other", "80", "cpo other")]
    public void Deliveries_are_netted_where_the_programme_pays_together_and_nowhere_else(
        string paidPer, string station, string owner, string net, string paid)
    {
        using var town = new CalledTown(paidPer);
        town.Connector("C1");
        town.Connector("C2", station, owner);
        town.Meter("C1", Hours((5 * 24) + 8, 100));
        town.Meter("C2", Hours((5 * 24) + 8, 100));
        town.Cap("I1", """{"point":"C1","kw":60},{"point":"C2","kw":60}""");
        town.Freeze("I1");
        town.Meter("C1", [.. Hours(10, 100), 20, 20]);
        town.Meter("C2", Hours(12, 100));
        town.Net("I1").ShouldBe(net);
        Column(town.Delivery("I1"), "shares", "paid").ShouldBe(paid.Split(' '));
    }

    /// <summary>
    /// Without the call 100 kWh in the hour before midnight and 70 in the one after. Capped at 40: 60 and 30 are asked,
    /// 60 and 20 come; 160.00 less 10.00.
    /// </summary>
    [Fact]
    public void A_call_across_midnight_has_the_baseline_of_both_its_hours()
    {
        using var town = new CalledTown();
        town.Connector("C1");
        for (var day = 0; day < 5; day++) town.Meter("C1", [70, .. Hours(23, 100)]);
        town.Meter("C1", [70, .. Hours(7, 100)]);
        town.Cap("I1", """{"point":"C1","kw":40}""", "27T23", "28T01");
        town.Freeze("I1");
        town.Meter("C1", [.. Hours(15, 100), 40, 50]);
        var page = town.Delivery("I1");
        Column(page, "periods", "baselineKwh").ShouldBe(["100", "70"]);
        Column(page, "periods", "start").ShouldBe(["2026-02-27T15:00:00Z", "2026-02-27T16:00:00Z"]);
        page.GetProperty("net").GetString().ShouldBe("150");
    }

    /// <summary>60 of 100 kWh are asked of each hour and come in the first; from the withdrawal on nothing counts, also
    /// not that the second hour drew more.</summary>
    [Theory]
    [InlineData("19", "120", 1)]
    [InlineData("17", null, 0)]
    [InlineData("18", null, 0)]
    public void A_withdrawn_call_counts_until_its_withdrawal(string hour, string? net, int periods)
    {
        using var town = new CalledTown();
        town.Connector("C1");
        town.Meter("C1", Hours((5 * 24) + 8, 100));
        town.Cap("I1", """{"point":"C1","kw":40}""");
        town.Freeze("I1");
        town.Meter("C1", [.. Hours(10, 100), 40, 130]);
        town.Net("I1").ShouldBe("30"); // 120.00 less 90.00
        town.Holds($$"""
            {"type":"instruction-withdrawal","instruction":"I1","at":"2026-02-27T{{hour}}:00:00+08:00","reason":"enough"}
            """);
        var page = town.Delivery("I1");
        page.GetProperty("periods").GetArrayLength().ShouldBe(periods);
        page.GetProperty("net").GetString().ShouldBe(net);
        if (net is null)
            Column(page, "shares", "whyNot").ShouldBe(["no settlement period of it was called"]);
    }

    /// <summary>
    /// The same day: the three hours that end an hour before the call, 100, 110 and 120, and the two that begin an hour
    /// after it, 80 and 90, are 100 in the mean. Capped at 40, 60 are asked; 50 and 40 come: 180.00 less 30.00. What
    /// the hours beside the call drew (900 and 900) plays no part.
    /// </summary>
    [Fact]
    public void A_same_day_baseline_is_completed_by_the_hours_around_the_call()
    {
        using var town = OwnDay("baseline-pjm-3-plus-2");
        town.Meter("C1", Hours(8, 500));
        town.Cap("I1", """{"point":"C1","kw":40}""", programme: "own");
        town.Freeze("I1");
        Column(town.Delivery("I1"), "periods", "unproven")
            .ShouldAllBe(text => text == "the baseline awaits meter values");
        town.Meter("C1", [.. Hours(6, 500), 100, 110, 120, 900, 50, 60]);
        town.Run("freeze", "I1", "--complete").Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        town.Meter("C1", 900, 80, 90, 500);
        town.Freeze("I1", "--complete");
        var page = town.Delivery("I1");
        Column(page, "periods", "baselineKwh").ShouldBe(["100", "100"]);
        page.GetProperty("net").GetString().ShouldBe("150");
    }

    /// <summary>
    /// Monday to Thursday before drew 70, 100, 115 and 120 kWh an hour, the call's day 110 outside the call: the three
    /// most alike are 115, 100 and 120, whose mean is 111.666666… Capped at 40, 71.666667 are asked, 61.666667 and
    /// 51.666667 come: 226.67 less 30.00. The two hours beside the call are not compared.
    /// </summary>
    [Fact]
    public void A_match_day_baseline_is_that_of_the_days_most_like_the_call_s_own()
    {
        using var town = OwnDay("baseline-pjm-match-day");
        foreach (var level in new[] { 70, 100, 115, 120 }) town.Meter("C1", Hours(24, level));
        town.Meter("C1", Hours(8, 110));
        town.Cap("I1", """{"point":"C1","kw":40}""", programme: "own");
        town.Freeze("I1");
        Column(town.Delivery("I1"), "periods", "unproven")
            .ShouldAllBe(text => text == "the baseline awaits meter values");
        town.Meter("C1", [.. Hours(9, 110), 70, 50, 60, 70, .. Hours(3, 110)]);
        town.Freeze("I1", "--complete");
        var page = town.Delivery("I1");
        Column(page, "periods", "baselineKwh").ShouldBe(["111.666667", "111.666667"]);
        page.GetProperty("net").GetString().ShouldBe("196.67");
    }

    /// <summary>A freeze of several targets freezes all of them or none, so that no call has half a baseline.</summary>
    [Fact]
    public void What_cannot_be_frozen_of_one_target_is_frozen_of_none()
    {
        using var town = Two();
        town.Freeze("I1", "--point", "C2", "--at", Length(town));
        var both = town.Run("freeze", "I1", "--json");
        both.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        both.Output.ShouldContain("AlreadyRegistered");
        Frozen(town, "point").ShouldBe(["C2"]);
        town.Freeze("I1", "--point", "C1");
        Frozen(town, "point").ShouldBe(["C1", "C2"]);

        static string Length(CalledTown town) =>
            (string)JsonNode.Parse(town.Run("show", "summary", "--json").Output)!["journalEvents"]!;
    }

    /// <summary>What a freeze left out when it stopped after its first target is added whenever it is asked
    /// again.</summary>
    [Fact]
    public void A_freeze_that_is_asked_again_adds_what_is_missing_from_the_same_facts()
    {
        using var town = Two();
        town.Freeze("I1", "--point", "C1");
        town.Meter("C1", Hours(3, 700));
        town.Meter("C2", Hours(3, 700));
        town.Freeze("I1");
        Frozen(town, "point").ShouldBe(["C1", "C2"]);
        Frozen(town, "atPosition").Distinct().Count().ShouldBe(1);
        Frozen(town, "baselineKwh").ShouldBe(["200", "200"]);
        town.Freeze("I1");
        Frozen(town, "point").ShouldBe(["C1", "C2"]);
    }

    /// <summary>Two connectors that drew 100 kWh an hour, called together; one hour is metered later.</summary>
    private static CalledTown Two()
    {
        var town = new CalledTown();
        foreach (var point in new[] { "C1", "C2" })
        {
            town.Connector(point);
            town.Meter(point, Hours((5 * 24) + 8, 100));
        }
        town.Cap("I1", """{"point":"C1","kw":60},{"point":"C2","kw":60}""");
        town.Meter("C1", Hours(1, 100));
        return town;
    }

    private static IEnumerable<string?> Frozen(CalledTown town, string column) => JsonNode
        .Parse(town.Run("show", "baseline", "I1", "--json").Output)!["baselines"]!.AsArray()
        .Select(row => (string?)row![column]);

    /// <summary>A connector under a programme whose baseline is a pack that comes with the program.</summary>
    private static CalledTown OwnDay(string pack)
    {
        var town = new CalledTown();
        town.Connector("C1");
        if (pack.EndsWith("3-plus-2", StringComparison.Ordinal)) town.Meter("C1", Hours(5 * 24, 500));
        else town.Meter("C1", Hours(24, 300)); // a Sunday, of another class
        var rule = JsonNode.Parse(Repository.Text($"src/Ledger.Ingest/Packs/{pack}.json"))!.AsObject();
        rule["type"] = "rule-pack";
        rule["validFrom"] = "2026-01-01T00:00:00+08:00";
        town.Import(rule.ToJsonString());
        town.Publish("own", 1, "settlementPoint", baseline: pack);
        return town;
    }
}
