using System.Text.Json.Nodes;
using Ledger.Cli;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Why two runs differ where what came between them is in no line's explanation: it is named all the same, in
/// words and by its position, forwards and backwards, and nothing else is said to have changed.</summary>
public sealed class DifferenceCauseTests : IDisposable
{
    private readonly SmallTown town = SmallTown.WithItsDay();

    public void Dispose() => town.Dispose();

    private string Done(params string[] args)
    {
        var run = town.Run(args);
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        return run.Output;
    }

    private JsonNode Json(params string[] args) => JsonNode.Parse(Done([.. args, "--json"]))!;

    private void Settle(string run, params string[] more) =>
        Done(["settle", "--account", "cpo", "--day", "2026-02-27", "--run", run, .. more]);

    /// <summary>Records facts between two runs; the causes of their difference, each with its facts, and those of the
    /// difference the other way round.</summary>
    private (IReadOnlyList<(string Why, string Facts)> Forwards, IReadOnlyList<(string Why, string Facts)> Backwards)
        Between(params string[] facts)
    {
        Settle("R1");
        foreach (var fact in facts)
            Done("import", town.File(fact.StartsWith('{') ? "facts.jsonl" : "readings.csv", fact));
        Settle("R2", "--kind", "correction");
        return (Causes("R1", "R2"), Causes("R2", "R1"));

        IReadOnlyList<(string, string)> Causes(string before, string after)
        {
            var difference = Json("diff", before, after);
            ((bool)difference["reconciled"]!).ShouldBeTrue();
            return [.. difference["causes"]!.AsArray().Select(cause => ((string)cause!["why"]!,
                string.Join(' ', cause["facts"] is JsonArray several ? several.Select(fact => (string)fact!)
                    : [(string)cause["facts"]!])))];
        }
    }

    private const string Late = "point,register,read_at,kwh\nS01-C1,2.8.0,2026-02-27T18:00:00+08:00,60\n";

    [Fact]
    public void A_withdrawal_is_named_and_not_only_the_readings_that_count_in_its_place()
    {
        Done("import", town.File("late.csv", Late));
        var (forwards, backwards) = Between("""
            {"type":"register-reading-correction","point":"S01-C1","direction":"export","readAt":"2026-02-27T18:00:00+08:00","supersedes":1,"indexSteps":0,"quality":"missing","reason":"read at another meter"}
            """);
        forwards.ShouldAllBe(cause => cause.Why.StartsWith("the withdrawal of the reading of S01-C1 export at "
            + "2026-02-27T10:00:00Z: read at another meter (position 17), came after R1 was calculated; with it counts "
            + "what was known before, at position"));
        backwards.ShouldAllBe(cause => cause.Why.StartsWith("the withdrawal of the reading of S01-C1 export at "
            + "2026-02-27T10:00:00Z: read at another meter (position 17), came after R1 was calculated"));
        forwards.Concat(backwards).ShouldAllBe(cause => cause.Facts.Split(' ', StringSplitOptions.None).Contains("17"));
    }

    [Fact]
    public void Backwards_the_late_reading_is_named_too()
    {
        var (forwards, backwards) = Between(Late);
        forwards.Concat(backwards).ShouldAllBe(cause => cause.Why.Contains(
            "index 60.000 kWh (position 16), came after R1 was calculated", StringComparison.Ordinal));
        backwards.ShouldAllBe(cause => !cause.Why.Contains("counts now", StringComparison.Ordinal)
            && cause.Facts.Contains("16", StringComparison.Ordinal));
    }

    /// <summary>The other tariff was there before; that it is the account's is what came.</summary>
    [Fact]
    public void Another_tariff_is_by_its_assignment()
    {
        Done("import", town.File("other.jsonl", """
            {"type":"tariff","tariff":"other","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"period":"flat"}],"prices":[{"period":"flat","importPerKwh":2,"exportPerKwh":2}]}
            """));
        var (forwards, backwards) = Between(
            """{"type":"tariff-assignment","account":"cpo","tariff":"other","validFrom":"2026-02-01T00:00:00+08:00"}""");
        forwards.ShouldAllBe(cause => cause.Why.StartsWith("the assignment of tariff other to cpo (position 17), came after "
            + "R1 was calculated; with it counts what was known before, at position 15"));
        forwards.Concat(backwards).ShouldAllBe(cause => cause.Facts == "4 5 15 17");
    }

    /// <summary>What was metered there is as it was, and so is the tariff: the point is another's.</summary>
    [Fact]
    public void Lines_of_a_point_that_is_anothers_are_gone_by_its_registration()
    {
        var (forwards, backwards) = Between("""
            {"type":"settlement-point","point":"S01-C1","station":"S01","kind":"connector","owner":"other","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-02-20T00:00:00+08:00"}
            """);
        forwards.ShouldHaveSingleItem().ShouldBe(("R2 has no such line, because other owns it on that day; the registration "
            + "of S01-C1 for other (position 16), came after R1 was calculated", "16"));
        backwards.ShouldHaveSingleItem().ShouldBe(("R2 had no such line, because other owns it on that day; the registration "
            + "of S01-C1 for other (position 16), came after R1 was calculated", "16"));
    }

    /// <summary>What a register counted and no curve covers flows at the rated power at most.</summary>
    [Fact]
    public void A_rated_power_that_was_set_right_is_named_by_the_registration()
    {
        town.ImportCurve().Exit.ShouldBe(ExitCode.Done);
        var (forwards, backwards) = Between("""
            {"type":"settlement-point","point":"S01-C1","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":0.1,"bidirectional":true,"validFrom":"2026-01-01T00:00:00+08:00"}
            """);
        foreach (var causes in new[] { forwards, backwards })
            causes.Count(cause => cause.Why.StartsWith("the registration of S01-C1 for cpo (position ")
                && cause.Why.Contains("came after R1 was calculated", StringComparison.Ordinal)).ShouldBe(1);
        forwards.Concat(backwards).ShouldAllBe(cause => !cause.Why.Contains("other rules", StringComparison.Ordinal));
    }

    /// <summary>From noon on another meter counted, which nobody said before: no difference over the exchange may be
    /// billed, so nothing of the afternoon is known.</summary>
    [Fact]
    public void A_meter_that_was_exchanged_is_named_where_its_readings_count_no_longer()
    {
        var (forwards, backwards) = Between("""
            {"type":"register","point":"S01-C1","direction":"import","meterSerial":"M2","digits":9,"decimals":3,"validFrom":"2026-02-27T12:00:00+08:00"}
            """);
        foreach (var causes in new[] { forwards, backwards })
            causes.Count(cause => cause.Why.StartsWith("the installation of meter M2 as S01-C1 import (position 16), came "
                + "after R1 was calculated") && cause.Facts.Split(' ', StringSplitOptions.None).Contains("16")).ShouldBe(1);
    }
}
