using System.Text.Json.Nodes;
using Ledger.Cli;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>What a programme that names its payer owes stands on the statement of whom it pays, from the delivery of
/// the call; a programme that names none pays nothing there.</summary>
public sealed class FlexibilityStatementTests
{
    private const string Tariff = """
        {"type":"tariff","tariff":"T","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"00:00","to":"24:00","period":"flat"}],"prices":[{"period":"flat","importPerKwh":0.5,"exportPerKwh":0.4}],"energyDecimals":3,"moneyDecimals":2}
        {"type":"tariff-assignment","account":"cpo","tariff":"T","validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"tariff-assignment","account":"agg","tariff":"T","validFrom":"2026-01-01T00:00:00+08:00"}
        """;

    /// <summary>Both of 100 kWh an hour are capped at 60: C1 comes down by 80, of which 40 an hour are paid with 2; C2
    /// by nothing, and pays 1 for each of 40.</summary>
    private static CalledTown Called(string more)
    {
        var town = new CalledTown(more: more);
        town.Connector("C1");
        town.Connector("C2");
        town.Meter("C1", Hours((5 * 24) + 8, 100));
        town.Meter("C2", Hours((5 * 24) + 8, 100));
        town.Cap("I1", """{"point":"C1","kw":60},{"point":"C2","kw":60}""");
        town.Freeze("I1");
        town.Meter("C1", [.. Hours(10, 100), 20, 20, .. Hours(4, 100)]);
        town.Meter("C2", Hours(16, 100));
        town.Import(Tariff);
        var run = town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1", "--by", "anna");
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        return town;
    }

    private static JsonNode Statement(CalledTown town) =>
        JsonNode.Parse(town.Run("show", "statement", "R1", "--json").Output)!;

    [Fact]
    public void A_call_is_paid_on_the_statement_of_its_account_with_postings_of_its_own()
    {
        using var town = Called(",\"payer\":\"dso\"");
        var statement = Statement(town);
        var lines = statement["flexibility"]!.AsArray().Select(line =>
            $"{line!["paid"]} {line["kind"]} {line["kwh"]} {line["amount"]} {line["payer"]} to {line["payee"]}").ToList();
        lines.ShouldBe([
            "C1 energy 40 -80 dso to cpo", "C1 energy 40 -80 dso to cpo", "C2 energy 0 0 dso to cpo",
            "C2 penalty 40 40 dso to cpo", "C2 energy 0 0 dso to cpo", "C2 penalty 40 40 dso to cpo"]);
        ((string)statement["flexibilityTotal"]!, (string)statement["conserved"]!).ShouldBe(("-80", "yes"));
        // 4,640 kWh at 0.5 are paid, 80.00 are credited: what the delivery comes to.
        ((string)statement["total"]!, (string)statement["totalWithFlexibility"]!).ShouldBe(("2320", "2240"));
        town.Net("I1").ShouldBe("80");
        statement["flexibilityPostings"]!.AsArray().Select(row => $"{row!["account"]} {row["amount"]}")
            .ShouldBe(["flexibility/cpo -80", "flexibility/dso 80"]);
        statement["balances"]!.AsArray().Select(row => $"{row!["account"]} {row["moneyPending"]} {row["moneyPosted"]}")
            .ShouldBe(["cpo/energy 0 0", "cpo/money -2240 0", "dso/money -80 0", "grid/energy 0 0", "operator/money 2320 0"]);
        town.Run("publish", "R1", "--by", "bob").Exit.ShouldBe(ExitCode.Done);
        var published = Statement(town);
        ((bool)published["flexibilityDiffers"]!).ShouldBeFalse();
        published["rulePacks"]!.AsArray().Select(row => (string)row!["pack"]!).ShouldBe(["days", "up-to-order"]);
        published["balances"]!.AsArray().Select(row => (string)row!["moneyPosted"]!).ShouldBe(["0", "-2240", "-80", "0", "2320"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"payer\":\"dso\",\"payee\":\"agg\"")]
    public void A_programme_that_pays_nobody_here_leaves_the_statement_as_it_is(string more)
    {
        using var town = Called(more);
        var statement = Statement(town);
        statement["flexibility"].ShouldBeNull();
        ((string)statement["total"]!, (string)statement["conserved"]!).ShouldBe(("2320", "yes"));
        town.Run("publish", "R1", "--by", "bob").Exit.ShouldBe(ExitCode.Done);
        JsonNode.Parse(town.Run("show", "settlement", "--json").Output)!["publications"]![0]!["flexibilityTotal"].ShouldBeNull();
    }

    [Fact]
    public void What_is_unproven_has_no_amount_and_says_so()
    {
        using var town = new CalledTown(more: ",\"payer\":\"dso\"");
        town.Connector("C1");
        town.Meter("C1", Hours((5 * 24) + 8, 100));
        town.Cap("I1", """{"point":"C1","kw":60}""");
        town.Freeze("I1");
        town.Meter("C1", [.. Hours(10, 100), 20]);
        town.Import(Tariff);
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1").Exit.ShouldBe(ExitCode.Done);
        Statement(town)["flexibility"]!.AsArray().Select(line => $"{line!["amount"]} {line["problem"]}")
            .ShouldBe(["-80 ", " unproven"]);
    }

    [Fact]
    public void A_payee_is_paid_by_a_payer_and_is_another_party()
    {
        using var town = new CalledTown();
        foreach (var more in new[] { "\"payee\":\"agg\"", "\"payer\":\"agg\",\"payee\":\"agg\"" })
            town.TryImport($$"""{"type":"programme","programme":"p","version":1,"validFrom":"2026-01-01T00:00:00+08:00","service":"demandReduction","baselinePack":"days","scoringPack":"up-to-order","paidPer":"settlementPoint","precedence":1,"currency":"CNY","pricePerKwh":1,{{more}}}""")
                .Output.ShouldContain("OutOfRange");
    }
}
