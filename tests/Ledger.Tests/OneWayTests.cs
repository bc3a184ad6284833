using Ledger.Cli;
using Ledger.Domain;
using NodaTime;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>
/// What flows at a connector flows through the connection before it, so a call of one calls the other. C1 is all that
/// is behind G1; both draw 100 kWh an hour and come down to 40 on 27 February from 18:00 to 20:00, which is asked; a
/// kWh that comes is paid with 2.
/// </summary>
public sealed class OneWayTests
{
    /// <param name="places">Of a point behind another: "C1 G1".</param>
    private static CalledTown Town(string paidPer, string owner, params string[] places)
    {
        var town = new CalledTown(paidPer, ",\"payer\":\"dso\"");
        town.Connector("C1");
        town.Connector("G1", owner: owner, kind: "gridConnection");
        foreach (var place in places)
            town.Import($$"""
                {"type":"point-place","point":"{{place.Split(' ')[0]}}","parent":"{{place.Split(' ')[1]}}","validFrom":"2026-01-01T00:00:00+08:00"}
                """);
        town.Bill("cpo", "owner");
        foreach (var point in (string[])["C1", "G1"]) town.Meter(point, Hours((5 * 24) + 8, 100));
        return town;
    }

    private static void Metered(CalledTown town, params string[] calls)
    {
        foreach (var call in calls) town.Freeze(call);
        foreach (var point in (string[])["C1", "G1"]) town.Meter(point, [.. Hours(10, 100), 40, 40, .. Hours(4, 100)]);
    }

    [Theory]
    [InlineData("cpo", "C1", "G1", "")] // a point of which nothing is said lies behind its station's connection
    [InlineData("cpo", "G1", "C1", "")]
    [InlineData("cpo", "C1", "G1", "C1 G1")]
    [InlineData("owner", "G1", "C1", "C1 G1")]
    [InlineData("owner", "C1", "G1", "C1 F1,F1 G1")] // a feeder between them
    public async Task One_kWh_is_paid_once_at_the_point_that_was_called_first(
        string owner, string first, string second, string places)
    {
        using var town = Town("settlementPoint", owner, places.Split(',', StringSplitOptions.RemoveEmptyEntries));
        if (places.Contains('F')) town.Connector("F1", kind: "gridConnection");
        town.Cap("I1", $$"""{"point":"{{first}}","kw":40}""");
        town.Cap("I2", $$"""{"point":"{{second}}","kw":40}""");
        Metered(town, "I1", "I2");
        (town.Net("I1"), town.Net("I2")).ShouldBe(("240", null));
        Column(town.Delivery("I2"), "shares", "whyNot").ShouldBe(
            [$"I1 calls a point before or behind {second} for the same time, and one kWh is paid once"]);
        foreach (var call in (string[])["I1", "I2"])
            (await town.NetAsync(call, Settlement.InTimeRuleVersion)).ShouldBe(240m);
        town.Settled(second == "G1" ? owner : "cpo").ShouldBe((owner == "cpo" ? "-240.00" : "0.00", "statement-10"));
        town.BundleIsVerified();
    }

    /// <summary>Beside each other, or at other hours, each is paid for its own.</summary>
    [Theory]
    [InlineData("C2", "27T18", "S01")]
    [InlineData("G2", "27T18", "S02")]
    public void Points_beside_each_other_are_paid_each(string other, string from, string station)
    {
        using var town = Town("settlementPoint", "cpo");
        town.Connector(other, station, kind: other == "G2" ? "gridConnection" : "connector");
        town.Clock = Instant.FromUtc(2026, 2, 27, 8, 30);
        town.Meter(other, Hours((5 * 24) + 8, 100));
        town.Cap("I1", """{"point":"C1","kw":40}""");
        town.Cap("I2", $$"""{"point":"{{other}}","kw":40}""", from);
        foreach (var call in (string[])["I1", "I2"]) town.Freeze(call);
        foreach (var point in (string[])["C1", "G1", other])
            town.Meter(point, [.. Hours(10, 100), 40, 40, .. Hours(4, 100)]);
        (town.Net("I1"), town.Net("I2")).ShouldBe(("240", "240"));
        town.Settled().ShouldBe(("-480.00", "statement-2"));
        town.BundleIsVerified();
    }

    /// <summary>An order that names both is paid at the connection, whatever is paid together.</summary>
    [Theory]
    [InlineData("settlementPoint", "cpo", "G1")]
    [InlineData("station", "cpo", "S01")]
    [InlineData("account", "cpo", "cpo")]
    [InlineData("settlementPoint", "owner", "G1")]
    public async Task A_target_behind_another_one_of_its_order_counts_there(string paidPer, string owner, string paid)
    {
        using var town = Town(paidPer, owner);
        town.Cap("I1", """{"point":"C1","kw":40},{"point":"G1","kw":40}""");
        Metered(town, "I1");
        var page = town.Delivery("I1");
        page.GetProperty("net").GetString().ShouldBe("240");
        Column(page, "shares", "paid").ShouldBe([paid]);
        page.GetProperty("behind").EnumerateArray().Select(row =>
            $"{row.GetProperty("point").GetString()} {row.GetProperty("before").GetString()}").ShouldBe(["C1 G1"]);
        (await town.NetAsync("I1", Settlement.InTimeRuleVersion)).ShouldBe(480m);
        // Nothing changes for who is paid at the connection.
        town.Settled(owner).ShouldBe(("-240.00", owner == "cpo" ? "statement-10" : "statement-2"));
        town.BundleIsVerified();
        if (owner != "cpo") town.Settled("cpo", "R2");
    }

    /// <summary>A call of the connection on the 26th is one of the connector too, so that day is none of its
    /// baseline.</summary>
    [Theory]
    [InlineData("G1", "24 23", "baseline-4")]
    [InlineData("C1", "24 23", null)]
    [InlineData("X1", "26 25", null)] // of no station of theirs
    public async Task A_day_on_which_the_connection_was_called_is_a_day_with_a_call(
        string called, string days, string? version)
    {
        using var town = Town("settlementPoint", "cpo");
        town.Connector("X1", "S09");
        town.Import($$$"""
            {"type":"rule-pack","pack":"quiet","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","baseline":{"method":"days","dayClass":"any","pool":2,"keep":2,"minDays":2,"keepBy":"all","lookbackDaysMax":5,"exclude":["eventDays"],"holidays":"ignored"}}
            {"type":"instruction","instruction":"I0","kind":"curtail","issuedBy":"dso","issuedAt":"2026-02-24T08:00:00+08:00","start":"2026-02-25T18:00:00+08:00","end":"2026-02-26T19:00:00+08:00","targets":[{"point":"{{{called}}}","kw":0}]}
            """);
        town.Publish("own", 1, "settlementPoint", baseline: "quiet");
        town.Cap("I1", """{"point":"C1","kw":40}""", programme: "own");
        town.Freeze("I1");
        var frozen = (await town.FactsAsync<BaselineFrozen>()).Single();
        string.Join(' ', frozen.Days.Where(day => day.Used).Select(day => day.Day.Day)).ShouldBe(days);
        frozen.RuleVersion.ShouldBe(version);
        town.Done("verify");
    }

    /// <summary>A feeder F1 lies between them, and C2 beside C1. What is claimed at one of three on a way is not
    /// claimed at another, by whatever precedence; programmes that share may.</summary>
    [Theory]
    [InlineData("C1", "G1", "high", false)]
    [InlineData("G1", "C1", "high", false)]
    [InlineData("F1", "C1", "low", false)]
    [InlineData("C1", "C2", "low", true)]
    [InlineData("C1", "G1", "sharing", true)]
    public void Energy_is_claimed_at_one_point_of_its_way(string first, string second, string programme, bool isTaken)
    {
        using var town = Town("settlementPoint", "cpo", "C1 F1", "C2 F1", "F1 G1");
        town.Connector("C2");
        town.Connector("F1", kind: "gridConnection");
        town.Clock = SmallTown.Now;
        foreach (var (name, precedence, more) in ((string, int, string)[])[("low", 1, ",\"sharesWith\":[\"sharing\"]"),
            ("high", 3, ""), ("sharing", 1, ",\"sharesWith\":[\"low\"]")])
            town.Import($$"""
                {"type":"programme","programme":"{{name}}","version":1,"validFrom":"2026-01-01T00:00:00+08:00","service":"demandReduction","baselinePack":"days","scoringPack":"up-to-order","paidPer":"settlementPoint","precedence":{{precedence}},"currency":"CNY","pricePerKwh":"2"{{more}}}
                """);
        town.Enrol("low", first);
        town.Enrol(programme, second);
        string Claim(string claim, string of, string point) => $$"""
            {"type":"delivery-claim","claim":"{{claim}}","programme":"{{of}}","point":"{{point}}","direction":"import","start":"2026-02-27T06:00:00+08:00","end":"2026-02-27T07:00:00+08:00","energyKwh":60,"claimedBy":"cpo"}
            """;
        town.Import(Claim("D1", "low", first));
        var run = town.TryImport(Claim("D2", programme, second));
        run.Exit.ShouldBe(isTaken ? ExitCode.Done : ExitCode.NotAsItShouldBe, run.Output);
        if (!isTaken) run.Output.ShouldContain("AlreadyClaimed");
        // The next hour is nobody's.
        town.Import(Claim("D3", programme, second).Replace("T06", "T08").Replace("T07", "T09"));
    }
}
