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
        var town = new CalledTown(more: Pays);
        foreach (var point in (string[])["C1", "C2", "X1"]) town.Connector(point, point == "X1" ? "S09" : "S01");
        town.Connector("G1", owner: owner, kind: "gridConnection");
        town.Import("""{"type":"point-place","point":"C2","parent":"G1","validFrom":"2026-01-01T00:00:00+08:00"}""");
        foreach (var (each, i) in declared.Split(", ").Select((each, i) => (each.Split(' '), i)))
            Declare(town, each[0], each[1], i, each.ElementAtOrDefault(2) ?? "18", each.ElementAtOrDefault(3) ?? "20");
        foreach (var point in (string[])["C1", "C2", "X1", "G1"]) town.Meter(point, Hours(7 * 24, 10));
        town.Bill("cpo", "owner");
        return town;
    }

    private const string Pays = ",\"payer\":\"dso\",\"availabilityPerKwHour\":\"0.5\"";

    private static void Declare(
        CalledTown town, string point, string kw, int minute = 0, string from = "18", string to = "20")
    {
        town.Enrol("reduce", point);
        town.Import($$"""
            {"type":"availability","programme":"reduce","point":"{{point}}","declaredAt":"2026-02-27T16:0{{minute}}:00+08:00","start":"2026-02-27T{{from}}:00:00+08:00","end":"2026-02-27T{{to}}:00:00+08:00","availableKw":{{kw}}}
            """);
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

    /// <summary>Who pays owes himself nothing for what is ready at his own connection, and so it takes nothing of what
    /// others are owed.</summary>
    [Theory]
    [InlineData("G1 100, C1 100", "-100.00")]
    [InlineData("G1 50, C1 100, C2 40", "-140.00")]
    public void What_nobody_is_owed_for_takes_no_pay(string declared, string paid)
    {
        using var town = Town("dso", declared);
        town.Settled("cpo").ShouldBe((paid, "statement-2"));
        town.BundleIsVerified();
    }

    /// <summary>What another declared before, and by which fact, is told to whoever reaches it.</summary>
    [Fact]
    public async Task What_another_declared_on_its_way_is_not_told()
    {
        using var town = Town("owner", "G1 80, C1 100");
        town.Settled("cpo").ShouldBe(("-20.00", "statement-11"));
        await using var ledger = await town.OpenAsync();
        var total = (await ExplainedRun.OfAsync(ledger.Journal, ledger.Views,
            new Answers(ledger.Views).Runs(new("cpo")).Single(), Ct))!.Total();
        ExplainedNode[] Told(Predicate<PartyId>? reaches) => [.. All(ExplainedNode.Of(total.Tree, 2, reaches))];
        var before = Told(null).Single(node => node.Name == "declared before on its way");
        before.Says.ShouldStartWith("80");
        var told = Told(party => party == new PartyId("cpo"));
        told.ShouldContain(node => node.Name == "declared");
        told.ShouldNotContain(node => node.Name == before.Name || node.Says == before.Says
            || node.Position == before.Position);
        told.ShouldContain(node => node.Name == "of another" && node.Says == ExplainedValue.None);
        total.Tree.Positions(party => party == new PartyId("cpo")).ShouldNotContain(before.Position!.Value);
    }

    private static IEnumerable<ExplainedNode> All(ExplainedNode node) => [node, .. node.From.SelectMany(All)];

    /// <summary>Each more connector behind a connection asks the views as much as the one before.</summary>
    [Fact]
    public async Task What_is_asked_grows_with_the_points()
    {
        var asked = new List<int>();
        foreach (var connectors in (int[])[2, 4, 6])
        {
            using var town = new CalledTown(more: Pays);
            town.Connector("G1", kind: "gridConnection");
            Declare(town, "G1", "1000");
            foreach (var n in Enumerable.Range(0, connectors))
            {
                town.Connector($"D{n}");
                Declare(town, $"D{n}", "10", n);
            }
            await using var ledger = await town.OpenAsync();
            var (views, counted) = CountedQuestions.Of(ledger.Views);
            (await FlexibilityStatements.OfAsync(ledger.Journal, views, new("cpo"), new(2026, 2, 27),
                ledger.Journal.Length, Settlement.NewestRuleVersion, Ct)).Lines.Count.ShouldBe(1 + connectors);
            asked.Add(counted.Asked);
        }
        (asked[2] - asked[1]).ShouldBe(asked[1] - asked[0]);
    }

    private static async Task<string> PaidAsync(CalledTown town, string account, string ruleVersion)
    {
        await using var ledger = await town.OpenAsync();
        return (await FlexibilityStatements.OfAsync(ledger.Journal, ledger.Views, new(account), new(2026, 2, 27),
            ledger.Journal.Length, ruleVersion, Ct)).Lines.Sum(line => line.Amount!.Value)
            .ToString("0.##", CultureInfo.InvariantCulture);
    }
}
