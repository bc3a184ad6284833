using System.Numerics;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Laws of the credible dispatch window; the worked cases stand in calc-credible.txt.</summary>
public sealed class CredibilityTests
{
    private const int Confidence = 950_000; // millionths
    private const int Whole = 1_000_000; // millionths

    /// <summary>
    /// The promise of the bound, by exact enumeration: at a true rate p, the samples whose bound lies above p have at
    /// most 5 % of the probability together.
    /// </summary>
    [Theory]
    [InlineData(5)]
    [InlineData(12)]
    [InlineData(40)]
    public void At_any_true_rate_the_bound_is_wrong_in_at_most_the_stated_share_of_samples(int calls)
    {
        var bounds = Enumerable.Range(0, calls + 1)
            .Select(successes => Credibility.RateAtLeast(successes, calls, Confidence)).ToList();
        bounds.SequenceEqual(bounds.Order()).ShouldBeTrue("more successes never lower the bound");
        for (var permille = 1; permille < 1000; permille += 7)
        {
            var wrong = Enumerable.Range(0, calls + 1).Where(k => bounds[k] > permille * 1000)
                .Aggregate(BigInteger.Zero, (sum, k) => sum + Weight(calls, k, permille));
            (wrong * 100).ShouldBeLessThanOrEqualTo(BigInteger.Pow(1000, calls) * 5);
        }
    }

    [Fact]
    public void The_bound_lies_below_the_rate_and_rises_with_the_number_of_calls()
    {
        for (var calls = 5; calls <= 60; calls++)
            for (var successes = 0; successes <= calls; successes++)
            {
                var bound = Credibility.RateAtLeast(successes, calls, Confidence);
                (bound * (long)calls).ShouldBeLessThanOrEqualTo(successes * (long)Whole);
                if (successes > 0)
                    Credibility.RateAtLeast(2 * successes, 2 * calls, Confidence).ShouldBeGreaterThan(bound);
            }
    }

    [Fact]
    public void Order_changes_nothing_and_more_certainty_promises_less()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var calls = Enumerable.Range(0, random.Next(5, 120)).Select(_ => Call(random)).ToArray();
            var window = Credibility.Window(calls, Whole, Confidence);
            random.Shuffle(calls);
            Credibility.Window(calls, Whole, Confidence).ShouldBe(window, $"seed {seed}");
            window.Delivered95!.Value.ShouldBeLessThanOrEqualTo(window.Delivered90!.Value);
            (window.Credible90 ?? long.MinValue).ShouldBeLessThanOrEqualTo(window.Delivered90.Value);
            (window.Credible95 ?? long.MinValue).ShouldBeLessThanOrEqualTo(window.Credible90 ?? long.MinValue);
            calls.Count(call => call.CertainMilliwatts >= window.Delivered90).ShouldBeGreaterThanOrEqualTo(
                (calls.Length * 9 + 9) / 10);
            var doubted = Credibility.Window(
                [.. calls.Select(call => call with { UncertaintyMilliwatts = call.UncertaintyMilliwatts + 1 })],
                Whole, Confidence);
            doubted.Delivered90.ShouldBe(window.Delivered90 - 1);
            doubted.Successes!.Value.ShouldBeLessThanOrEqualTo(window.Successes!.Value);
        }
    }

    [Theory]
    [InlineData(90, 28, false)]
    [InlineData(90, 29, true)] // 0.9^29 < 0.05 < 0.9^28
    [InlineData(95, 58, false)]
    [InlineData(95, 59, true)] // 0.95^59 < 0.05 < 0.95^58
    public void A_promise_for_calls_to_come_needs_as_many_calls_as_its_share_asks(int percent, int calls, bool known)
    {
        var window = Credibility.Window(
            [.. Enumerable.Range(1, calls).Select(i => new DispatchCall(1000, i, 0, null, null))], Whole, Confidence);
        (percent == 90 ? window.Credible90 : window.Credible95).ShouldBe(known ? 1 : null);
    }

    private static BigInteger Weight(int calls, int successes, int permille)
    {
        var ways = BigInteger.One;
        for (var i = 1; i <= successes; i++) ways = ways * (calls - successes + i) / i;
        return ways * BigInteger.Pow(permille, successes) * BigInteger.Pow(1000 - permille, calls - successes);
    }

    private static DispatchCall Call(Random random) => new(
        random.Next(1, 100), random.Next(-20, 120), random.Next(0, 10),
        random.Next(3) == 0 ? null : random.Next(0, 1000), random.Next(3) == 0 ? null : random.Next(0, 1000));

    [Theory]
    [InlineData(0, "Monday 00:00")]
    [InlineData(66, "Wednesday 18:00")]
    [InlineData(167, "Sunday 23:00")]
    public void An_hour_of_the_week_is_said_as_a_person_says_it(int hour, string said) =>
        Projections.StationWindows.HourOf(hour).ShouldBe(said);
}
