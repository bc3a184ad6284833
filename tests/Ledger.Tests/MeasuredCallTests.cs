using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
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
    private const string Tariff = """
        {"type":"tariff","tariff":"T","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"period":"flat"}],"prices":[{"period":"flat","importPerKwh":0.5,"exportPerKwh":0.4}],"energyDecimals":3,"moneyDecimals":2}
        {"type":"tariff-assignment","account":"cpo","tariff":"T","validFrom":"2026-01-01T00:00:00+08:00"}
        """;

    private const int History = ((5 * 24) + 8) * 100;
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static CalledTown Called(params IEnumerable<int> history)
    {
        var town = new CalledTown(more: ",\"payer\":\"dso\"");
        town.Connector("C1");
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
        (await NetAsync(town, Settlement.InTimeRuleVersion)).ShouldBe(former);
        Settled(town).ShouldBe(("0.00", "statement-10"));
        var line = JsonNode.Parse(Done(town, "show", "statement", "R1", "--json"))!["flexibility"]![0]!;
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
        Settled(town).ShouldBe(("-240.00", "statement-2"));
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
        Done(town, "verify");
        await using var ledger = Open(town);
        await ledger.CatchUpAsync(Ct);
        var frozen = (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode).OfType<BaselineFrozen>()
            .Single();
        Said(frozen).ShouldBe("100 100 of 25 24 by baseline-4");
        var recorded = (await BaselineCalculations.FindAsync(ledger.Journal, new("I1"), Ct))!;
        Said(((BaselineCalculation.Calculated)await BaselineCalculations.FreezeAsync(ledger.Journal, ledger.Views,
            recorded, [new("C1")], new([frozen with { RuleVersion = null }]), recorded.Position, [], Ct)).Baselines[0])
            .ShouldBe("500 500 of 26 25 by ");
    }

    private static string Said(BaselineFrozen frozen) =>
        $"{string.Join(' ', frozen.Periods.Select(period => period.Kwh))} of "
        + $"{string.Join(' ', frozen.Days.Where(day => day.Used).Select(day => day.Day.Day))} by {frozen.RuleVersion}";

    private static OpenLedger Open(CalledTown town) => OpenLedger.Open(new SqliteJournalOptions(
        town.Data, new LedgerId("town"), new StandingClock(SmallTown.Now), TestFolder.Secret));

    private static async Task<decimal?> NetAsync(CalledTown town, string ruleVersion)
    {
        await using var ledger = Open(town);
        await ledger.CatchUpAsync(Ct);
        return (await Deliveries.PaidAsync(ledger.Journal, new Answers(ledger.Views), new("I1"), ledger.Journal.Length,
            ruleVersion, Ct))!.Net;
    }

    /// <summary>What a run pays for flexibility and the version it names, once it is explained and verified.</summary>
    private static (string? Paid, string? Version) Settled(CalledTown town)
    {
        town.Import(Tariff);
        Done(town, "settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1");
        Done(town, "explain", "R1", "total");
        Done(town, "verify");
        return ((string?)JsonNode.Parse(Done(town, "show", "statement", "R1", "--json"))!["flexibilityTotal"],
            ((string?)JsonNode.Parse(Done(town, "show", "settlement", "--json"))!["runs"]![0]!["ruleVersion"])?.Split('/')[0]);
    }

    private static string Done(CalledTown town, params string[] verb)
    {
        var run = town.Run(verb);
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        return run.Output;
    }
}
