using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Domain;
using Ledger.Projections;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>
/// What nobody measured proves no delivery and no baseline: what a register counted in a longer time and was divided,
/// an estimate or a substitute is the word of whoever made it. C1 drew 100 kWh an hour until 27 February and is capped
/// at 40 from 18:00 to 20:00.
/// </summary>
public sealed class MeasuredCallTests
{
    private const int History = ((5 * 24) + 8) * 100;
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static CalledTown Called(params IEnumerable<int> history)
    {
        var town = new CalledTown(more: ",\"payer\":\"dso\"");
        town.Connector("C1");
        town.Bill("cpo");
        town.Meter("C1", [.. history]);
        town.Cap("I1", """{"point":"C1","kw":40}""");
        return town;
    }

    private static string Read(string at, int kwh, string quality = "measured") => string.Create(
        CultureInfo.InvariantCulture, $$"""
        {"type":"register-reading","point":"C1","direction":"import","readAt":"2026-02-{{at}}:00:00+08:00","kwh":"{{kwh}}","quality":"{{quality}}"}

        """);

    /// <summary>By former rules 50 of 60 kWh came in each hour of a day of which the register says the sum; and 60 in
    /// each of two hours that were estimated or replaced by 40.</summary>
    [Theory]
    [InlineData("divided", "estimated", 180)]
    [InlineData("estimate", "estimated", 240)]
    [InlineData("substitute", "substituted", 240)]
    public async Task A_call_of_hours_that_nobody_measured_is_unproven(string how, string quality, int former)
    {
        using var town = Called(Hours((5 * 24) + 8, 100));
        town.Freeze("I1");
        town.Clock = SmallTown.Now;
        var until18 = Enumerable.Range(9, 10).Select(hour => Read($"27T{hour:D2}", History + ((hour - 8) * 100)));
        town.Import(how switch
        {
            "divided" => Read("28T00", History + (16 * 50)),
            "estimate" => string.Concat(until18) + string.Concat(new[] { "18", "19" }.Select(hour => $$"""
                {"type":"interval-estimate","point":"C1","direction":"import","start":"2026-02-27T{{hour}}:00:00+08:00","end":"2026-02-27T{{int.Parse(hour, CultureInfo.InvariantCulture) + 1}}:00:00+08:00","kwh":"40","method":"linear","basis":"neighbours"}

                """)),
            _ => string.Concat(until18) + Read("27T19", History + 1040, "substituted")
                + Read("27T20", History + 1080, "substituted"),
        });
        var page = town.Delivery("I1");
        page.GetProperty("net").GetString().ShouldBeNull();
        Column(page, "periods", "unproven").ShouldBe([$"{quality}, not measured", $"{quality}, not measured"]);
        Column(page, "periods", "quality").ShouldBe([quality, quality]);
        Column(page, "periods", "meteredKwh").ShouldBe([null, null]);
        (await town.NetAsync("I1", Settlement.InTimeRuleVersion)).ShouldBe(former);
        town.Settled().ShouldBe(("0.00", "statement-10"));
        var line = JsonNode.Parse(town.Done("show", "statement", "R1", "--json"))!["flexibility"]![0]!;
        ((string?)line["amount"], (string)line["problem"]!).ShouldBe((null, "unproven"));
    }

    /// <summary>Two readings around an hour are its measurement, whatever lies beside it.</summary>
    [Fact]
    public void An_hour_between_two_readings_is_measured()
    {
        using var town = Called(Hours((5 * 24) + 8, 100));
        town.Freeze("I1");
        town.Clock = SmallTown.Now;
        town.Import(Read("27T18", History + 1000) + Read("27T19", History + 1040) + Read("27T20", History + 1080)
            + Read("28T00", History + 1480));
        town.Net("I1").ShouldBe("240");
        Column(town.Delivery("I1"), "periods", "quality").ShouldBe(["measured", "measured"]);
        town.Settled().ShouldBe(("-240.00", "statement-2"));
    }

    /// <summary>Of the three days before, the 26th is known by its sum alone: 900 kWh an hour, that would be the
    /// highest of them.</summary>
    [Fact]
    public async Task A_day_that_nobody_measured_is_none_of_a_baseline()
    {
        using var town = new CalledTown();
        town.Connector("C1");
        town.Meter("C1", Hours(4 * 24, 100));
        town.Import(Read("27T00", (4 * 24 * 100) + (24 * 900)));
        town.Cap("I1", """{"point":"C1","kw":40}""");
        town.Freeze("I1");
        town.Done("verify");
        var frozen = (await town.FactsAsync<BaselineFrozen>()).Single();
        await using var ledger = await town.OpenAsync();
        Said(frozen).ShouldBe("100 100 of 25 24 by baseline-4");
        var recorded = (await BaselineCalculations.FindAsync(ledger.Journal, new("I1"), Ct))!;
        Said(((BaselineCalculation.Calculated)await BaselineCalculations.FreezeAsync(ledger.Journal, ledger.Views,
            recorded, [new("C1")], new([frozen with { RuleVersion = null }]), recorded.Position, [], Ct)).Baselines[0])
            .ShouldBe("500 500 of 26 25 by ");
    }

    private static string Said(BaselineFrozen frozen) =>
        $"{string.Join(' ', frozen.Periods.Select(period => period.Kwh))} of "
        + $"{string.Join(' ', frozen.Days.Where(day => day.Used).Select(day => day.Day.Day))} by {frozen.RuleVersion}";
}
