using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Cli;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Why a correction that was booked on a run has its lines: which line of which run each changes, what was,
/// what is, and the fact that came between.</summary>
public sealed class CorrectionReasonTests : IDisposable
{
    private readonly SmallTown town = SmallTown.WithItsDay();

    public CorrectionReasonTests()
    {
        Settle("R1");
        Reading("18:00", "60");
        Settle("D1", "--kind", "correction", "--style", "deltas");
    }

    public void Dispose() => town.Dispose();

    private string Done(params string[] args)
    {
        var run = town.Run(args);
        (run.Exit, run.Errors).ShouldBe((ExitCode.Done, ""), run.Output);
        return run.Output;
    }

    private JsonNode Json(params string[] args) => JsonNode.Parse(Done([.. args, "--json"]))!;

    private void Settle(string run, params string[] more) =>
        Done(["settle", "--account", "cpo", "--day", "2026-02-27", "--run", run, .. more]);

    private void Reading(string at, string kwh) => Done("import", town.File("late.csv",
        $"point,register,read_at,kwh\nS01-C1,2.8.0,2026-02-27T{at}:00+08:00,{kwh}\n"));

    private static decimal Number(JsonNode? text) =>
        text is null ? 0m : decimal.Parse((string)text!, CultureInfo.InvariantCulture);

    [Fact]
    public void Each_line_of_deltas_says_which_line_it_changes_and_by_which_fact()
    {
        var all = Json("explain", "D1", "total");
        var lines = all["lines"]!.AsArray();
        ((string)all["corrects"]!, (string)all["before"]!, (string)all["style"]!, lines.Count)
            .ShouldBe(("R1", "R1", "deltas", 24));
        lines.Sum(line => Number(line!["change"])).ShouldBe(-9.74m);
        var statement = Json("show", "statement", "R1", "--lines")["lines"]!.AsArray();
        foreach (var line in lines)
        {
            (Number(line!["after"]) - Number(line["before"])).ShouldBe(Number(line["change"]));
            Number(statement[(int)line["lineBefore"]! - 1]!["amount"]).ShouldBe(Number(line["before"]));
            ((string)line["why"]!).ShouldContain("came after R1 was calculated");
            line["facts"]!.AsArray().Select(fact => (string)fact!).ShouldContain("16");
        }
        var late = all["facts"]!.AsArray().Single(fact => (bool)fact!["isNew"]!)!;
        ((string)late["position"]!, (string)late["fact"]!).ShouldBe(("16", "register-reading-recorded"));
        // One of them, down to the facts of both sides.
        var only = Json("explain", "D1#20");
        only["lines"]!.AsArray().ShouldHaveSingleItem()!.ToJsonString().ShouldBe(lines[19]!.ToJsonString());
        ((bool)only["holds"]!, (string)only["tree"]!["rule"]!).ShouldBe((true, "delta"));
        only["tree"]!["from"]!.AsArray().Select(node => (string)node!["name"]!).ShouldBe(
            [$"now: line {lines[19]!["lineAfter"]} of R1 with D1", $"before: line {lines[19]!["lineBefore"]} of R1"]);
        Snapshot.Match(Done("explain", "D1#20"), "CorrectionReasonTests.line");
        var missing = town.Run("explain", "D1#25");
        (missing.Exit, missing.Errors).ShouldBe((ExitCode.CouldNot, "ledger explain: D1 has the lines 1 to 24, and no 25\n"));
    }

    [Fact]
    public void A_correction_is_compared_as_its_run_with_what_is_booked_on_it()
    {
        Reading("19:00", "90");
        Settle("D2", "--kind", "correction", "--style", "deltas");
        Settle("R2", "--kind", "correction");
        var first = Json("diff", "R1", "D1");
        ((string)first["before"]!, (string)first["after"]!, Number(first["change"]), (bool)first["reconciled"]!)
            .ShouldBe(("R1", "D1", -9.74m, true));
        var second = Json("diff", "D1", "D2");
        ((bool)second["reconciled"]!, second["causes"]!.AsArray().Count > 0).ShouldBe((true, true));
        Number(second["change"]).ShouldBe(Json("explain", "D2", "total")["lines"]!.AsArray()
            .Sum(line => Number(line!["change"])));
        ((string)Json("explain", "D2", "total")["before"]!).ShouldBe("R1 with D1");
        // The day run again is the run with both of its deltas.
        Number(Json("diff", "D2", "R2")["change"]).ShouldBe(0m);
        Json("diff", "D2", "R2")["lines"]!.AsArray().ShouldBeEmpty();
        Number(Json("diff", "R1", "D2")["change"]).ShouldBe(Number(Json("diff", "R1", "R2")["change"]));
    }

    [Fact]
    public void A_credit_takes_back_every_line_of_what_stood()
    {
        Settle("C1", "--kind", "correction", "--style", "credit");
        var credit = Json("explain", "C1", "total");
        ((string)credit["style"]!, (string)credit["before"]!, (bool)credit["holds"]!).ShouldBe(("credit", "R1 with D1", true));
        credit["lines"]!.AsArray().Sum(line => Number(line!["change"])).ShouldBe(-103.71m);
        credit["lines"]!.AsArray().ShouldAllBe(line => line!["lineAfter"] == null && line["after"] == null
            && ((string)line["why"]!).StartsWith("R1, taken back by C1"));
        credit["facts"]!.AsArray().ShouldBeEmpty();
        var diff = Json("diff", "D1", "C1");
        (Number(diff["change"]), Number(diff["totalAfter"]), (bool)diff["reconciled"]!).ShouldBe((-103.71m, 0m, true));
    }

    [Fact]
    public async Task The_interface_says_the_same()
    {
        await using var access = await AccessTown.StartAsync();
        await access.RecordAllAsync(AccessTown.Own);
        var key = access.Key(Role.ChargingOperator);
        var deltas = AccessTown.Own.In("{deltas}");
        var all = (await access.GetAsync(key, $"/v1/explanations?run={deltas}")).Json;
        var correction = all.GetProperty("correction");
        var lines = correction.GetProperty("lines").EnumerateArray().ToList();
        (correction.GetProperty("corrects").GetString(), correction.GetProperty("total").GetString(),
            all.GetProperty("holds").GetBoolean()).ShouldBe(("CR1", "3.50", true));
        lines.Sum(line => decimal.Parse(line.GetProperty("change").GetString()!, CultureInfo.InvariantCulture))
            .ShouldBe(3.5m);
        var one = (await access.GetAsync(key, $"/v1/explanations?run={deltas}&line=1")).Json;
        one.GetProperty("correction").GetProperty("lines")[0].ToString().ShouldBe(lines[0].ToString());
        var difference = (await access.GetAsync(key, $"/v1/run-differences?before=CR1&after={deltas}")).Json;
        (difference.GetProperty("change").GetString(), difference.GetProperty("reconciled").GetBoolean())
            .ShouldBe(("3.50", true));
        (await access.GetAsync(key, $"/v1/explanations?run={deltas}&line={lines.Count + 1}")).Status.ShouldBe(404);
        // Before it was booked nobody is called so.
        var booked = long.Parse((await access.GetAsync(key, "/v1/run-deltas")).Json.GetProperty("deltas").EnumerateArray()
            .Single(row => row.GetProperty("run").GetString() == deltas).GetProperty("position").GetString()!,
            CultureInfo.InvariantCulture);
        (await access.GetAsync(key, $"/v1/explanations?run={deltas}&asOf={booked - 1}")).Status.ShouldBe(404);
        (await access.GetAsync(access.Key(Role.GridOperator), $"/v1/explanations?run={deltas}")).Status.ShouldNotBe(200);
    }

    /// <summary>A charge and a payment have their lines explained as energy has.</summary>
    [Fact]
    public void Charges_are_explained_beside_what_they_were()
    {
        using var charged = ChargedTown.Settled();
        string Done(params string[] args)
        {
            var run = charged.Run(args);
            run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
            return run.Output;
        }

        Done("import", charged.File("later.csv", "point,register,read_at,kwh\nP1,1.8.0,2026-02-26T20:00:00+08:00,1390\n"));
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D1", "--kind", "correction", "--style", "deltas");
        var all = JsonNode.Parse(Done("explain", "D1", "total", "--json"))!;
        ((bool)all["holds"]!, all["lines"]!.AsArray().Count > 0).ShouldBe((true, true));
        all["lines"]!.AsArray().ShouldAllBe(line => ((string)line!["why"]!).Contains("came after R2 was calculated"));
        Done("explain", "D1#1").ShouldContain("growth");
    }
}
