using System.Globalization;
using Ledger.Domain;
using Ledger.Projections;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>
/// Power that is ready at a connector flows through the connection before it, and is paid once. C1 and C2 lie behind
/// G1; declared are kW for 27 February from 18:00 to 20:00, in this order, and a kW is paid with 0.5 an hour: so many
/// kW are so many yuan.
/// </summary>
public sealed class ReadyOnceTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static CalledTown Town(string owner, string declared)
    {
        var town = new CalledTown(more: ",\"payer\":\"dso\",\"availabilityPerKwHour\":\"0.5\"");
        foreach (var point in (string[])["C1", "C2", "X1"]) town.Connector(point, point == "X1" ? "S09" : "S01");
        town.Connector("G1", owner: owner, kind: "gridConnection");
        town.Import("""{"type":"point-place","point":"C2","parent":"G1","validFrom":"2026-01-01T00:00:00+08:00"}""");
        foreach (var (each, i) in declared.Split(", ").Select((each, i) => (each.Split(' '), i)))
        {
            town.Enrol("reduce", each[0]);
            town.Import($$"""
                {"type":"availability","programme":"reduce","point":"{{each[0]}}","declaredAt":"2026-02-27T16:0{{i}}:00+08:00","start":"2026-02-27T{{(each.Length > 2 ? each[2] : "18")}}:00:00+08:00","end":"2026-02-27T{{(each.Length > 2 ? each[3] : "20")}}:00:00+08:00","availableKw":{{each[1]}}}
                """);
        }
        foreach (var point in (string[])["C1", "C2", "X1", "G1"]) town.Meter(point, Hours(7 * 24, 10));
        town.Bill("cpo", "owner");
        return town;
    }

    [Theory]
    [InlineData("C1 100", "-100", "-100", "statement-2")]
    [InlineData("C1 100, G1 100", "-200", "-100", "statement-11")]
    [InlineData("G1 100, C1 100", "-200", "-100", "statement-11")]
    [InlineData("C1 100, G1 150", "-250", "-150", "statement-11")] // what G1 has above C1
    [InlineData("C1 100, C2 100, G1 150", "-350", "-200", "statement-11")]
    [InlineData("G1 150, C1 100, C2 100", "-350", "-150", "statement-11")]
    [InlineData("C1 100, G1 100, C2 50", "-250", "-150", "statement-11")] // G1 has nothing that C2 could take
    [InlineData("C1 100, C2 100", "-200", "-200", "statement-2")] // beside each other
    [InlineData("C1 100, X1 100", "-200", "-200", "statement-2")]
    [InlineData("C1 100, G1 100, C1 40", "-140", "-100", "statement-11")] // who declares less keeps it: 40 and 60
    [InlineData("C1 40, G1 100, C1 100", "-200", "-100", "statement-11")] // who declares more comes anew: 100 and 0
    [InlineData("C1 100, G1 100, C1 0", "-100", "-100", "statement-2")]
    [InlineData("C1 100, G1 100 19 21", "-200", "-150", "statement-11")] // one hour of two is both's
    [InlineData("C1 100, G1 100 20 22", "-200", "-200", "statement-2")]
    public async Task Power_is_paid_once_on_its_way(string declared, string former, string paid, string version)
    {
        using var town = Town("cpo", declared);
        (await PaidAsync(town, "cpo", Settlement.AgreedRuleVersion)).ShouldBe(former);
        (await PaidAsync(town, "cpo", Settlement.NewestRuleVersion)).ShouldBe(paid);
        town.Settled("cpo").ShouldBe((paid + ".00", version));
        town.BundleIsVerified();
    }

    /// <summary>Another's connection is paid beside his, and each statement is verified by itself.</summary>
    [Theory]
    [InlineData("C1 100, G1 100", "cpo", "-100.00", "statement-2")]
    [InlineData("C1 100, G1 100", "owner", "0.00", "statement-11")]
    [InlineData("G1 80, C1 100", "cpo", "-20.00", "statement-11")]
    [InlineData("G1 80, C1 100", "owner", "-80.00", "statement-2")]
    public void Each_owner_is_paid_for_what_is_his(string declared, string account, string paid, string version)
    {
        using var town = Town("owner", declared);
        town.Settled(account).ShouldBe((paid, version));
        town.BundleIsVerified();
        if (paid != "-20.00") return;
        var why = town.Done("explain", "R1", "total", "--lines", "--json");
        why.ShouldContain("declared before on its way");
        why.ShouldContain("less what counts of it on its way");
    }

    private static async Task<string> PaidAsync(CalledTown town, string account, string ruleVersion)
    {
        await using var ledger = await town.OpenAsync();
        return (await FlexibilityStatements.OfAsync(ledger.Journal, ledger.Views, new(account), new(2026, 2, 27),
            ledger.Journal.Length, ruleVersion, Ct)).Lines.Sum(line => line.Amount!.Value)
            .ToString("0.##", CultureInfo.InvariantCulture);
    }
}
