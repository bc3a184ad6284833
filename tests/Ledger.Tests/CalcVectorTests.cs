using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Cli;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The market's published cases through <c>ledger calc</c>, as anyone would check them by hand.</summary>
public sealed class CalcVectorTests
{
    /// <summary>The cases that a calculator covers, by the beginning of their ids.</summary>
    private static readonly Dictionary<string, Action<JsonNode, JsonNode>> Covered = new()
    {
        ["DST-"] = ClockChange,
        ["REG-"] = Register,
        ["CURVE-"] = Curve,
        ["ROUND-"] = Round,
        ["UFTP-"] = Deliver,
        ["RAMP-"] = Response,
        ["DEG-"] = DeliverOfMeters,
        ["SC-"] = Band,
        ["TPC-"] = DaySelect,
    };

    /// <summary>
    /// Baselines and regulation scores are checked in <see cref="BaselineVectorTests"/> and <see
    /// cref="PerformanceTests"/>, tariffs in <see cref="BillVectorTests"/>.
    /// </summary>
    private static readonly string[] Elsewhere = ["OCT-", "PJM-", "OCPI-", "SSC-", "REOPT-", "EECO-", "CN-"];

    [Fact]
    public void Every_case_is_covered_here_or_named_as_covered_elsewhere()
    {
        var cases = MarketVectors.Cases();
        var run = 0;
        foreach (var vector in cases)
        {
            var id = vector.GetProperty("id").GetString()!;
            if (Elsewhere.Any(prefix => id.StartsWith(prefix, StringComparison.Ordinal))) continue;
            Covered.Single(entry => id.StartsWith(entry.Key, StringComparison.Ordinal))
                .Value(Node(vector.GetProperty("inputs")), Node(vector.GetProperty("expected")));
            run++;
        }
        run.ShouldBeGreaterThanOrEqualTo(14);
    }

    private static void ClockChange(JsonNode inputs, JsonNode expected) =>
        Text(Calc("calendar", new JsonObject
        {
            ["zone"] = Text(inputs["zone"]),
            ["day"] = Text(inputs["day"]),
            ["periodMinutes"] = (int)inputs["intervalMinutes"]!,
        })["periods"]).ShouldBe(Text(expected["intervals"]));

    private static void Register(JsonNode inputs, JsonNode expected) =>
        Number(Calc("register", inputs)["deltaKwh"]).ShouldBe(Number(expected["delta"]));

    private static void Curve(JsonNode inputs, JsonNode expected)
    {
        // "t=0..60 s, P=min(1000,1000*t/30) kW"; the power is rounded to whole mW and the answer says so.
        var samples = new JsonArray([.. Enumerable.Range(0, 61).Select(t =>
            (JsonNode)new JsonArray(t, Math.Min(1000m, 1000m * t / 30)
                .ToString(System.Globalization.CultureInfo.InvariantCulture)))]);
        var answer = Calc("integrate", new JsonObject { ["samples"] = samples, ["periodSeconds"] = 900 });
        Number(answer["periods"]![0]!["importKwh"]).ShouldBe(Number(expected["exactKwh"]));
        ((bool)answer["powerRounded"]!).ShouldBeTrue(inputs.ToJsonString());
    }

    private static void Round(JsonNode inputs, JsonNode expected)
    {
        var quarter = Text(inputs["quarterRaw"]);
        Calc("round", new JsonObject
        {
            ["values"] = new JsonArray(quarter, quarter, quarter, quarter),
            ["decimals"] = (int)inputs["decimals"]!
        })
            ["values"]!.ToJsonString().ShouldBe(expected["quarters"]!.ToJsonString());
    }

    private static void Deliver(JsonNode inputs, JsonNode expected)
    {
        // The case counts in MW and per MW; a calculator counts in kW and per kWh, so an hour has the same figures.
        var rows = expected.AsArray();
        var answer = Calc("deliver", new JsonObject
        {
            ["rule"] = "uftp",
            ["direction"] = "reduce",
            ["pricePerKwh"] = Text(inputs["pricePerMw"]),
            ["penaltyPerKwh"] = Text(inputs["penaltyPerMw"]),
            ["periods"] = new JsonArray([.. rows.Select(row => (JsonNode)new JsonObject
            {
                ["baselineKw"] = Text(inputs["baselineMw"]), ["actualKw"] = Text(row!["allocationMw"]),
                ["orderedKw"] = Text(inputs["orderedReductionMw"]), ["hours"] = 1,
            })]),
        })["periods"]!.AsArray();
        for (var i = 0; i < rows.Count; i++)
            (Number(answer[i]!["deliveredKw"]), Number(answer[i]!["deficiencyKw"]), Number(answer[i]!["net"]))
                .ShouldBe((Number(rows[i]!["deliveredMw"]), Number(rows[i]!["deficiencyMw"]), Number(rows[i]!["net"])));
    }

    private static void DeliverOfMeters(JsonNode inputs, JsonNode expected)
    {
        // Each meter delivered all that it offered, so it is ordered what it reduced.
        var answer = Calc("deliver", new JsonObject
        {
            ["rule"] = "deg",
            ["direction"] = "reduce",
            ["pricePerKwh"] = Text(inputs["pricePerKwh"]),
            ["penaltyPerKwh"] = 0,
            ["periods"] = new JsonArray([.. inputs["meters"]!.AsArray().Select(meter => (JsonNode)new JsonObject
            {
                ["baselineKw"] = Text(meter!["baselineKw"]), ["actualKw"] = Text(meter["actualKw"]),
                ["orderedKw"] = Number(meter["baselineKw"]) - Number(meter["actualKw"]),
                ["hours"] = Text(inputs["hours"]),
            })]),
        });
        Number(answer["total"]!["net"]).ShouldBe(Number(expected["total"]));
        if (expected["perMeter"] is { } meters)
            answer["periods"]!.AsArray().Select(row => Number(row!["payment"]))
                .ShouldBe(meters.AsArray().Select(Number));
    }

    private static void Band(JsonNode inputs, JsonNode expected)
    {
        var answer = Calc("score", new JsonObject
        {
            ["rule"] = "sichuan",
            ["orderedKw"] = Text(inputs["bidKw"]),
            ["deliveredKw"] = Text(inputs["actualKw"]),
            ["hours"] = 1,
            ["price"] = Text(inputs["clearingPrice"]),
        });
        (Number(answer["effectiveKw"]), Number(answer["payment"]), Number(answer["penalty"]), Number(answer["net"]))
            .ShouldBe((
            Number(expected["effective"]), Number(expected["payment"]), Number(expected["assessment"]),
            Number(expected["net"])));
    }

    private static void DaySelect(JsonNode inputs, JsonNode expected)
    {
        var answer = Calc("score", new JsonObject
        {
            ["rule"] = "taipower-day-select",
            ["orderedKw"] = Text(inputs["committedKw"]),
            ["deliveredKw"] = Number(inputs["cblKw"]) - Number(inputs["actualKw"]),
            ["hours"] = Text(inputs["hours"]),
        });
        (Number(answer["executionRate"]), Number(answer["ratio"]), Number(answer["payment"])).ShouldBe(
            (Number(expected["executionRate"]), Number(expected["ratio"]), Number(expected["reward"])));
    }

    /// <summary>The published ramp has six decimals.</summary>
    private static void Response(JsonNode inputs, JsonNode expected)
    {
        var answer = Calc("response", inputs);
        foreach (var (name, value) in expected.AsObject())
            Math.Round(Number(answer[name]), 6).ShouldBe(Number(value), name);
    }

    private static JsonNode Calc(string kind, JsonNode input)
    {
        var run = CommandRun.Of(["calc", kind, "--in", "-", "--json"], input.ToJsonString());
        run.Exit.ShouldBe(ExitCode.Done, run.Errors);
        return JsonNode.Parse(run.Output)!;
    }

    private static JsonNode Node(JsonElement element) => JsonNode.Parse(element.GetRawText())!;

    private static string Text(JsonNode? value) => value!.ToString();

    private static decimal Number(JsonNode? value) =>
        decimal.Parse(value!.ToString(), System.Globalization.CultureInfo.InvariantCulture);
}
