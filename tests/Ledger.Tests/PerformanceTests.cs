using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using Shouldly;

namespace Ledger.Tests;

/// <summary>How well a response followed a regulation signal, against cases from outside and by hand.</summary>
public sealed class PerformanceTests
{
    [Fact]
    public void The_cases_from_outside_come_out()
    {
        var seen = 0;
        foreach (var given in MarketVectors.Cases()
            .Where(c => c.GetProperty("id").GetString()!.StartsWith("PJM-PERF-", StringComparison.Ordinal)))
        {
            var response = given.GetProperty("inputs").GetProperty("response").GetString()!;
            var expected = given.GetProperty("expected");
            var score = Score(Wave, Response(response));
            foreach (var (actual, name) in new[] { (score.Delay, "delay"), (score.Correlation, "correlation"),
                         (score.Precision, "precision"), (score.Overall, "overall") })
                actual.ShouldBe(expected.GetProperty(name).GetDecimal(), 0.000000001m, $"{response} {name}");
            seen++;
        }

        seen.ShouldBeGreaterThan(0);
    }

    private static IReadOnlyList<ExactNumber> Response(string words) => words.Split('-') switch
    {
        ["identical"] => Wave,
        ["scaled", var factor] => [.. Wave.Select(value => Times(value, factor))],
        ["delay", var samples] => Delayed(int.Parse(samples, CultureInfo.InvariantCulture)),
        _ => throw new InvalidDataException(words),
    };

    [Theory]
    [InlineData(0, 100)]
    [InlineData(3, 90)]
    [InlineData(15, 50)]
    [InlineData(30, 0)]
    public void A_late_response_loses_delay_but_not_correlation(int samples, int delayPercent)
    {
        var score = Score(Aperiodic, [.. Enumerable.Range(0, 390).Select(i => Aperiodic[Math.Max(0, i - samples)])]);
        (score.Delay, score.Correlation).ShouldBe((delayPercent / 100m, 1m));
    }

    [Fact]
    public void Nothing_asked_and_nothing_given_is_perfect_and_something_given_is_not()
    {
        var zero = Constant("0");
        Score(zero, zero).ShouldBe(new PerformanceScore(1m, 1m, 1m, 1m));
        Score(zero, Constant("2")).ShouldBe(new PerformanceScore(1m, 1m, 0m, 0.666666667m));
    }

    [Fact]
    public void A_constant_request_compares_slopes()
    {
        // The response rises by 0.25 in each sample; 1 − 0.25. Its error against 10 is above it,
        // so precision falls to 0 where the ramp is far away.
        var ramp = Enumerable.Range(0, 390)
            .Select(i => Exact($"{(i % 30 * 0.25m).ToString(CultureInfo.InvariantCulture)}")).ToList();
        var score = Score(Constant("10"), ramp);
        (score.Delay, score.Correlation).ShouldBe((1m, 0.75m));
        // Σ|y − x| of a block = Σ(10 − 0.25 i) = 300 − 0.25·435 = 191.25; 1 − 191.25/300.
        score.Precision.ShouldBe(0.3625m);
    }

    [Fact]
    public void A_constant_response_to_a_moving_request_has_neither_correlation_nor_delay()
    {
        var score = Score(Wave, Constant("10"));
        (score.Delay, score.Correlation).ShouldBe((0m, 0m));
        score.Precision.ShouldBeGreaterThan(0m);
    }

    [Fact]
    public void A_response_against_the_request_has_no_precision() =>
        Score(Wave, [.. Wave.Select(value => Times(value, "-1"))]).Precision.ShouldBe(0m);

    [Fact]
    public void The_calculator_thins_finer_signals_and_reads_binary_fractions_exactly()
    {
        string Signal(int repeat) => string.Join(',', Enumerable.Range(0, 390 * repeat)
            .Select(i => (1e-17 * Math.Sin(i / repeat)).ToString("R", CultureInfo.InvariantCulture)));
        var (fine, coarse) = ($$"""{"request":[{{Signal(5)}}],"response":[{{Signal(5)}}],"stepSeconds":2}""",
            $$"""{"request":[{{Signal(1)}}],"response":[{{Signal(1)}}],"stepSeconds":10}""");
        var answer = JsonNode.Parse(CommandRun.Of(["calc", "performance", "--in", "-"], fine).Output)!;
        ((string)answer["overall"]!).ShouldBe("1.000000000");
        CommandRun.Of(["calc", "performance", "--in", "-"], coarse).Output.ShouldBe(
            CommandRun.Of(["calc", "performance", "--in", "-"], fine).Output);
    }

    private static readonly IReadOnlyList<ExactNumber> Wave = [.. Enumerable.Range(0, 390).Select(i =>
        Exact((10 + (5 * Math.Sin(2 * Math.PI * i / 23)) + (2 * Math.Sin((2 * Math.PI * i / 7) + 1)))
            .ToString("R", CultureInfo.InvariantCulture)))];

    private static readonly IReadOnlyList<ExactNumber> Aperiodic = Walk();

    private static List<ExactNumber> Walk()
    {
        var random = new Random(3);
        var at = 0;
        return [.. Enumerable.Range(0, 390).Select(_ => ExactNumber.Of(at += random.Next(-1000, 1001), 2))];
    }

    private static List<ExactNumber> Delayed(int samples) =>
        [.. Enumerable.Range(0, 390).Select(i => Wave[Math.Max(0, i - samples)])];

    private static List<ExactNumber> Constant(string value) => [.. Enumerable.Repeat(Exact(value), 390)];

    private static ExactNumber Times(ExactNumber value, string factor)
    {
        var other = Exact(factor);
        return new ExactNumber(value.Mantissa * other.Mantissa, value.Scale + other.Scale);
    }

    private static ExactNumber Exact(string text)
    {
        ExactNumber.TryParse(text, out var number).ShouldBeTrue(text);
        return number;
    }

    private static PerformanceScore Score(IReadOnlyList<ExactNumber> request, IReadOnlyList<ExactNumber> response)
    {
        var decimals = request.Concat(response).Max(value => value.Scale);
        BigInteger[] Whole(IReadOnlyList<ExactNumber> values) =>
            [.. values.Select(value => value.InUnits(decimals, out _))];
        return RegulationPerformance.Of(Whole(request), Whole(response), decimals);
    }
}
