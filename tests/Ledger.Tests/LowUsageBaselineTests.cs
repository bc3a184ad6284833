using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>
/// A frozen baseline of a rule that leaves out days of low usage, also where a longer lookback lets in days that are
/// lacking; and what was frozen before it did stays what it was. Of the days before 27 February the 25th had a call,
/// and the 24th drew 5 kWh in the called hours, where the others drew 100: of two days that are needed it is the
/// second.
/// </summary>
public sealed class LowUsageBaselineTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_freeze_names_the_version_that_leaves_them_out_and_an_earlier_one_has_them()
    {
        using var town = Town(5);
        town.Freeze("I1");
        var made = await FrozenAsync(town);
        Said(made).ShouldBe("100 100 of 26 23 by baseline-3");
        town.Done("verify");

        using var old = Town(5);
        var former = await AppendAsync(old, made);
        Said(former).ShouldBe("52.5 52.5 of 26 24 by ");
        old.Done("verify");
        old.Run("freeze", "I1").Output.ShouldContain("already recorded, with the same result");
    }

    [Fact]
    public async Task A_baseline_for_which_it_makes_no_difference_names_no_version()
    {
        using var town = Town(40);
        town.Freeze("I1");
        Said(await FrozenAsync(town)).ShouldBe("70 70 of 26 24 by ");
        town.Done("verify");
    }

    [Fact]
    public async Task The_former_days_under_the_new_name_are_found()
    {
        using var town = Town(5);
        town.Freeze("I1");
        var forged = await FrozenAsync(town) with { RuleVersion = Baseline.MidnightRuleVersion };
        using var other = Town(5);
        await AppendAsync(other, forged, derives: false);
        other.Run("verify").Exit.ShouldBe(ExitCode.NotAsItShouldBe);
    }

    /// <summary>Whoever can write the folder freezes a call's baseline a second time, by later facts or by earlier
    /// ones, and each is what those facts say.</summary>
    [Theory]
    [InlineData(1, "frozen: from the facts before position")]
    [InlineData(-1, "is before the instruction")]
    [InlineData(1000, "facts that are not before it")]
    public async Task A_baseline_that_might_not_be_frozen_is_found(int later, string why)
    {
        using var town = Town(40);
        town.Freeze("I1");
        var made = await FrozenAsync(town);
        await AppendAsync(town, made with { AtPosition = made.AtPosition + later }, derives: false, name: "second");
        var run = town.Run("verify", "--json");
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        run.Output.ShouldContain(why);
    }

    private static CalledTown Town(int low)
    {
        var town = new CalledTown();
        town.Connector("C1");
        town.Import("""
            {"type":"rule-pack","pack":"low","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","baseline":{"method":"days","dayClass":"any","pool":2,"keep":2,"minDays":2,"keepBy":"all","lookbackDaysMax":2,"exclude":["eventDays"],"holidays":"ignored","lowUsageFraction":"0.25","fallback":[{"kind":"extendLookback","lookbackDaysMax":5}]}}
            {"type":"instruction","instruction":"I0","kind":"curtail","issuedBy":"dso","issuedAt":"2026-02-24T08:00:00+08:00","start":"2026-02-25T18:00:00+08:00","end":"2026-02-25T19:00:00+08:00","targets":[{"point":"C1","kw":0}]}
            """);
        town.Publish("own", 1, "settlementPoint", baseline: "low");
        town.Meter("C1", [.. Hours((2 * 24) + 18, 100), low, low, .. Hours((3 * 24) - 12, 100)]);
        town.Cap("I1", """{"point":"C1","kw":40}""", programme: "own");
        return town;
    }

    private static string Said(BaselineFrozen frozen) =>
        $"{string.Join(' ', frozen.Periods.Select(period => period.Kwh))} of "
        + $"{string.Join(' ', frozen.Days.Where(day => day.Used).Select(day => day.Day.Day))} by {frozen.RuleVersion}";

    private static async Task<BaselineFrozen> FrozenAsync(CalledTown town) =>
        (await town.FactsAsync<BaselineFrozen>()).Single();

    /// <summary>Records a baseline: as the first version derives it, or as it is given.</summary>
    private static async Task<BaselineFrozen> AppendAsync(
        CalledTown town, BaselineFrozen made, bool derives = true, string name = "")
    {
        await using var ledger = await town.OpenAsync();
        var recorded = (await BaselineCalculations.FindAsync(ledger.Journal, new("I1"), Ct))!;
        var fact = !derives ? made : ((BaselineCalculation.Calculated)await BaselineCalculations.FreezeAsync(
            ledger.Journal, ledger.Views, recorded, [new("C1")], new([made with { RuleVersion = null }]),
            recorded.Position, [], Ct)).Baselines[0];
        await ledger.Journal.AppendAsync(Streams.Baselines(fact.Instruction), ExpectedRevision.Any,
            [NewFact.At(fact, fact.Periods[0].Period.Start, new EvidenceKey($"baseline/{fact.Instruction}/{fact.Point}{name}"))],
            TestFolder.Tester, null, Ct);
        await ledger.CatchUpAsync(Ct);
        return fact;
    }
}
