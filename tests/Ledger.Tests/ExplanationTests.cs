using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Why an amount is what it is, where a fact is counted, and why two runs differ: on a small ledger whose
/// second run has a reading that came late.</summary>
public sealed class ExplanationTests : IDisposable
{
    private readonly SmallTown town = SmallTown.WithItsDay();

    public ExplanationTests()
    {
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1");
        Done("import", town.File("late.csv", "point,register,read_at,kwh\nS01-C1,2.8.0,2026-02-27T18:00:00+08:00,60\n"));
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R2", "--kind", "correction");
    }

    public void Dispose() => town.Dispose();

    private string Done(params string[] args)
    {
        var run = town.Run(args);
        (run.Exit, run.Errors).ShouldBe((ExitCode.Done, ""), run.Output);
        return run.Output;
    }

    [Fact]
    public void An_amount_is_a_tree_down_to_positions()
    {
        var text = Done("explain", "R2#43");
        Snapshot.Match(text + "\n" + Done("explain", "R2", "total"), "ExplanationTests.amounts");
        var json = JsonNode.Parse(Done("explain", "R2#43", "--json"))!;
        ((bool)json["holds"]!).ShouldBeTrue();
        Positions(json["tree"]!).ShouldContain(16L);
        var total = JsonNode.Parse(Done("explain", "R1", "total", "--json"))!;
        ((string)total["tree"]!["says"]!).ShouldBe("113.45");
        Positions(total["tree"]!).ShouldNotContain(16L);
        // Every line is below the total.
        Names(total["tree"]!).Count(name => name.StartsWith("line ", StringComparison.Ordinal)).ShouldBe(72);
    }

    [Fact]
    public void Two_runs_differ_by_a_fact_and_the_sums_are_reconciled()
    {
        Snapshot.Match(Done("diff", "R1", "R2"), "ExplanationTests.diff");
        var json = JsonNode.Parse(Done("diff", "R1", "R2", "--json"))!;
        ((bool)json["reconciled"]!).ShouldBeTrue();
        Sum(json["causes"]!).ShouldBe(Number(json["change"]!));
        Sum(json["lines"]!).ShouldBe(Number(json["change"]!));
        ((string)json["causes"]![0]!["why"]!).ShouldContain("index 60.000 kWh (position 16), came after R1 was calculated");
        // Backwards it is the opposite.
        var back = JsonNode.Parse(Done("diff", "R2", "R1", "--json"))!;
        Number(back["change"]!).ShouldBe(-Number(json["change"]!));
        JsonNode.Parse(Done("diff", "R1", "R1", "--json"))!["lines"]!.AsArray().ShouldBeEmpty();

        static decimal Number(JsonNode value) => decimal.Parse((string)value!, CultureInfo.InvariantCulture);
        static decimal Sum(JsonNode rows) => rows.AsArray().Sum(row => Number(row!["change"]!));
    }

    [Fact]
    public void Every_fact_is_counted_in_lines_or_excluded_with_the_reason()
    {
        var answers = new List<string>();
        for (var position = 0; ; position++)
        {
            var run = town.Run("explain", position.ToString(CultureInfo.InvariantCulture), "--json");
            if (run.Exit == ExitCode.CouldNot) break;
            var json = JsonNode.Parse(run.Output)!;
            answers.Add($"{position} {json["fact"]}: {json["says"]}");
            if (json["excluded"] is { } because) answers.Add($"    excluded: {because}");
            foreach (var use in json["runs"]!.AsArray())
                answers.Add($"    {use!["run"]}: {((bool)use["counted"]! ? $"lines {use["lines"]} " : "excluded: ")}{use["because"]}");
        }
        Snapshot.Match(string.Join('\n', answers), "ExplanationTests.facts");
        town.Run("explain", "12").Output.ShouldContain("settlement runs, and what they make of it");
    }

    [Theory]
    [InlineData(ExitCode.Usage, "explain"), InlineData(ExitCode.Usage, "explain", "R1"),
        InlineData(ExitCode.Usage, "explain", "R1", "sum"), InlineData(ExitCode.Usage, "explain", "R1#x"),
        InlineData(ExitCode.Usage, "diff", "R1"), InlineData(ExitCode.CouldNot, "explain", "R1#0"),
        InlineData(ExitCode.CouldNot, "explain", "R1#73"), InlineData(ExitCode.CouldNot, "explain", "R9#1"),
        InlineData(ExitCode.CouldNot, "explain", "R9", "total"), InlineData(ExitCode.CouldNot, "explain", "999"),
        InlineData(ExitCode.CouldNot, "diff", "R1", "R9")]
    public void What_cannot_be_explained_says_so(int exit, params string[] args) => town.Run(args).Exit.ShouldBe(exit);

    [Fact]
    public void What_every_kind_of_fact_is_for_is_said()
    {
        var said = FactUses.WithoutAmount;
        Type[] counted = [typeof(SettlementPointRegistered), typeof(RegisterInstalled), typeof(RegisterReadingRecorded),
            typeof(RegisterReadingCorrected), typeof(RegisterReadingQuarantined), typeof(IntervalReadingRecorded),
            typeof(IntervalReadingCorrected), typeof(IntervalEstimated), typeof(IntervalRecorded),
            typeof(TariffPublished), typeof(TariffAssigned), typeof(EvidenceRefused), typeof(EvidenceKept)];
        typeof(LedgerEvent).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(LedgerEvent)))
            .Except(said).Except(counted).ShouldBeEmpty();
    }

    private static IEnumerable<long> Positions(JsonNode value) => value["from"]!.AsArray()
        .SelectMany(child => Positions(child!))
        .Concat(value["position"] is { } position ? [long.Parse((string)position!, CultureInfo.InvariantCulture)] : []);

    private static IEnumerable<string> Names(JsonNode value) =>
        value["from"]!.AsArray().SelectMany(child => Names(child!)).Prepend((string)value["name"]!);
}
