using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime.Text;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>
/// Terms that are recorded after power was declared ready pay it no earlier than they are recorded; and a call whose
/// rule asks whether data were late is not settled as if they were not. C1 draws 100 kWh an hour and is ready with 30
/// kW from 18 to 22 o'clock of 27 February, which was declared and recorded at half past four.
/// </summary>
public sealed class TermsInTimeTests
{
    /// <param name="before">What is recorded before the declaration.</param>
    private static CalledTown Ready(string before = "")
    {
        var town = new CalledTown(more: ",\"payer\":\"dso\",\"availabilityPerKwHour\":\"0.1\"");
        town.Connector("C1");
        town.Bill("cpo", "agg");
        town.Import("""{"type":"enrolment","programme":"reduce","point":"C1","prequalifiedKw":50,"from":"2026-02-01T00:00:00+08:00"}""");
        if (before.Length > 0) town.Import(before);
        town.Import("""
            {"type":"availability","programme":"reduce","point":"C1","declaredAt":"2026-02-27T16:00:00+08:00","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T22:00:00+08:00","availableKw":30}
            """);
        return town;
    }

    private static string Version(string more, string validFrom = "2026-02-01T00:00:00+08:00", int version = 2) => $$"""
        {"type":"programme","programme":"reduce","version":{{version}},"validFrom":"{{validFrom}}","service":"demandReduction","baselinePack":"days","scoringPack":"up-to-order","paidPer":"settlementPoint","precedence":1,"currency":"CNY","pricePerKwh":"2","payer":"dso"{{more}}}
        """;

    /// <summary>After the day the payer publishes terms by which nothing was due, less, or to somebody else; or those
    /// of before, at an instant of the day.</summary>
    [Theory]
    [InlineData("2026-03-01T00:00:00Z", ",\"availabilityPerKwHour\":\"0\"", "-12.00", "statement-9")]
    [InlineData("2026-03-01T00:00:00Z", ",\"availabilityPerKwHour\":\"0.05\"", "-12.00", "statement-9")]
    [InlineData("2026-03-01T00:00:00Z", "", "-12.00", "statement-9")]
    [InlineData("2026-03-01T00:00:00Z", ",\"payee\":\"agg\",\"availabilityPerKwHour\":\"0.1\"", "-12.00", "statement-9")]
    [InlineData("2026-03-01T00:00:00Z", ",\"availabilityPerKwHour\":\"0.1\"", "-12.00", "statement-9")] // by another version's name
    [InlineData("2026-02-27T13:00:00Z", ",\"availabilityPerKwHour\":\"0\"", "-9.00", "statement-9")] // of 3 hours
    [InlineData("2026-02-27T12:59:59.5000001Z", ",\"availabilityPerKwHour\":\"0\"", "-9.00", "statement-9")] // from the next second
    [InlineData("2026-02-27T14:00:00Z", ",\"availabilityPerKwHour\":\"0\"", "-12.00", "statement-9")]
    public void Terms_that_are_dated_back_take_nothing_back_of_what_was_held_ready(
        string recordedAt, string terms, string paid, string version)
    {
        using var town = Ready();
        town.Clock = InstantPattern.ExtendedIso.Parse(recordedAt).Value;
        town.Import(Version(terms));
        Metered(town);
        town.Settled().ShouldBe((paid, version));
        town.BundleIsVerified();
    }

    /// <summary>Who declares knows the terms that are recorded by then, also those that are dated back; and terms may
    /// change for a time to come.</summary>
    [Theory]
    [InlineData(true, "2026-02-01T00:00:00+08:00", "-6.00")]
    [InlineData(false, "2026-02-27T21:00:00+08:00", "-10.50")] // 3 hours at 0.1 and one at 0.05
    [InlineData(false, "2026-02-27T22:00:00+08:00", "-12.00")]
    [InlineData(false, "2026-02-28T00:00:00+08:00", "-12.00")]
    public void Terms_that_were_known_when_they_began_or_were_declared_by_count_as_they_say(
        bool isDeclaredBy, string validFrom, string paid)
    {
        var terms = Version(",\"availabilityPerKwHour\":\"0.05\"", validFrom);
        using var town = Ready(isDeclaredBy ? terms : "");
        if (!isDeclaredBy) town.Import(terms);
        Metered(town);
        town.Settled().ShouldBe((paid, "statement-2"));
    }

    /// <summary>A run of a former program believed the terms, and comes out by the version that it names.</summary>
    [Fact]
    public async Task An_earlier_version_believes_from_when_on_terms_say_that_they_hold()
    {
        using var town = Ready();
        Metered(town);
        town.Import(Version(",\"availabilityPerKwHour\":\"0.05\""));
        (await PaidAsync(town, Settlement.SettledDaysRuleVersion)).ShouldBe(-6m);
        (await PaidAsync(town, Settlement.FlexibilityRuleVersion)).ShouldBe(-6m);
        (await PaidAsync(town, Settlement.NewestRuleVersion)).ShouldBe(-12m);
    }

    /// <summary>
    /// A run of a former program has nothing for what was held ready: terms that were dated back state no price. It is
    /// verified and explained by the rules that it names, 12.00 are booked on it, and a new run has them.
    /// </summary>
    [Fact]
    public async Task A_run_of_an_earlier_version_is_verified_by_it_and_corrected_by_the_new_one()
    {
        using var town = new CalledTown(more: ",\"payer\":\"dso\",\"availabilityPerKwHour\":\"0.1\"");
        town.Connector("C1");
        town.Bill("cpo", "agg");
        town.Import("""{"type":"enrolment","programme":"reduce","point":"C1","prequalifiedKw":50,"from":"2026-02-01T00:00:00+08:00"}""");
        Metered(town);
        town.Settled().ShouldBe((null, "statement-1"));
        town.Holds("""
            {"type":"availability","programme":"reduce","point":"C1","declaredAt":"2026-02-27T16:00:00+08:00","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T22:00:00+08:00","availableKw":30}
            """);
        town.Import(Version(""));
        await town.RecordRunAsync("R1", run => run with { Run = new("OLD") });
        town.Done("verify");
        town.Done("explain", "OLD", "total");
        town.Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D1", "--kind", "correction",
            "--supersedes", "OLD", "--style", "deltas");
        town.Done("verify");
        var corrected = JsonNode.Parse(town.Done("show", "statement", "OLD", "--json"))!;
        ((string)corrected["total"]!, (string)corrected["totalWithDeltas"]!).ShouldBe(("1200.00", "1188.00"));
        town.Settled(run: "R2").Paid.ShouldBe("-12.00");
        town.Done("replay", "--diff");
        // By the version that it names: the former amounts under the new name are found.
        await town.RecordRunAsync("OLD", run => run with
        {
            Run = new("F1"),
            RuleVersion = Settlement.InTimeRuleVersion,
        });
        town.Run("verify").Exit.ShouldBe(ExitCode.NotAsItShouldBe);
    }

    /// <summary>What is due is the same, and who pays it is not: by the terms that a former program believed it is
    /// another.</summary>
    [Fact]
    public async Task Another_payer_of_the_same_amount_is_a_difference()
    {
        using var town = Ready();
        Metered(town);
        town.Import(Version(",\"availabilityPerKwHour\":\"0.1\"")
            .Replace("\"payer\":\"dso\"", "\"payer\":\"dso2\"", StringComparison.Ordinal));
        town.Settled().Paid.ShouldBe("-12.00");
        await town.RecordRunAsync("R1", run => run with
        {
            Run = new("OLD"),
            RuleVersion = Settlement.SettledDaysRuleVersion,
        });
        var line = JsonNode.Parse(town.Run("diff", "R1", "OLD", "--json").Output)!["flexibility"]!.AsArray()
            .ShouldHaveSingleItem()!;
        ((string)line["change"]!).ShouldBe("0.00");
        ((string)line["says"]!).ShouldEndWith("; paid by dso before and by dso2 now");
        ((string)line["why"]!).ShouldStartWith("version 2 of programme reduce");
    }

    /// <summary>The order is followed: 40 of 40 kWh come in each of two hours. Whether the meter's values came in time
    /// nobody has recorded, so a rule that pays nothing for late ones has no amount.</summary>
    [Theory]
    [InlineData(",\"latePaysNothing\":true", null, null, "statement-9")]
    [InlineData(",\"latePaysNothing\":false", "160", "-160.00", "statement-2")]
    public async Task A_call_is_not_settled_by_a_rule_that_asks_whether_data_were_late(
        string rule, string? net, string? paid, string version)
    {
        using var town = new CalledTown(more: ",\"payer\":\"dso\"");
        town.Connector("C1");
        town.Bill("cpo", "agg");
        town.Import($$$"""
            {"type":"rule-pack","pack":"up-to-order","version":2,"provisional":false,"source":"a contract","validFrom":"2026-01-02T00:00:00+08:00","scoring":{"level":"interval","bands":[{"value":"0"},{"from":"0","slope":"1"},{"from":"1","slope":"0"}],"payment":[{"quantity":"effective","price":"price"}],"penalty":{"edge":"1","against":"delivered","price":"penaltyPrice"}{{{rule}}}}}
            """);
        town.Meter("C1", Hours((5 * 24) + 8, 100));
        town.Cap("I1", """{"point":"C1","kw":60}""");
        town.Freeze("I1");
        town.Meter("C1", [.. Hours(10, 100), 60, 60, .. Hours(4, 100)]);
        town.Net("I1").ShouldBe(net);
        town.Settled().ShouldBe((paid ?? "0.00", version));
        town.BundleIsVerified();
        (await PaidAsync(town, Settlement.SettledDaysRuleVersion)).ShouldBe(-160m);
        if (paid is not null) return;
        var line = JsonNode.Parse(town.Run("show", "statement", "R1", "--json").Output)!["flexibility"]!.AsArray().Single()!;
        ((string?)line["amount"], (string)line["problem"]!).ShouldBe((null,
            "up-to-order pays nothing for late data, and no fact says when they were due; a version of the pack can leave it out"));
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "F", "--kind", "final").Output
            .ShouldContain("PeriodIncomplete");
    }

    /// <summary>100 kWh in each hour of six days.</summary>
    private static void Metered(CalledTown town)
    {
        town.Clock = SmallTown.Now;
        town.Meter("C1", Hours(6 * 24, 100));
    }

    /// <summary>What is paid for flexibility on the day by a version of the rules.</summary>
    private static async Task<decimal?> PaidAsync(CalledTown town, string ruleVersion)
    {
        var ct = TestContext.Current.CancellationToken;
        await using var ledger = await town.OpenAsync();
        return (await FlexibilityStatements.OfAsync(ledger.Journal, ledger.Views, new("cpo"), new(2026, 2, 27),
            ledger.Journal.Length, ruleVersion, ct)).Lines.Sum(line => line.Amount);
    }
}
