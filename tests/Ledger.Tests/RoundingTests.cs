using CsCheck;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

public class RoundingTests
{
    [Fact]
    public void An_hour_in_four_quarters_carries_its_residual()
    {
        var (rounded, residual) = Rounding.HalfAwayWithCarry([222.03075m, 222.03075m, 222.03075m, 222.03075m], 3);
        rounded.ShouldBe([222.031m, 222.031m, 222.030m, 222.031m]);
        residual.ShouldBe(0m);
    }

    [Theory]
    [InlineData("0.5", "1", "-0.5")]
    [InlineData("-0.5", "-1", "0.5")]
    [InlineData("2.5", "3", "-0.5")] // half to even would give 2
    public void A_half_goes_away_from_zero(string value, string expected, string left)
    {
        var culture = System.Globalization.CultureInfo.InvariantCulture;
        var (rounded, residual) = Rounding.HalfAwayWithCarry([decimal.Parse(value, culture)], 0);
        rounded.ShouldBe([decimal.Parse(expected, culture)]);
        residual.ShouldBe(decimal.Parse(left, culture));
    }

    /// <summary>
    /// A rest of exactly half a unit goes away from zero again at each line that adds nothing, once down and once up.
    /// No sum from the first line to any other is ever off by more than the half. Lines of a statement are rounded so,
    /// and every recorded root is over them; of exact ratios what is nothing stays nothing.
    /// </summary>
    [Fact]
    public void A_rest_of_half_a_unit_alternates_over_values_that_are_nothing_and_no_sum_is_further_off()
    {
        decimal[] values = [0.005m, 0m, 0m, 0m, 0.001m, 0m];
        var (rounded, residual) = Rounding.HalfAwayWithCarry(values, 2);
        rounded.ShouldBe([0.01m, -0.01m, 0.01m, -0.01m, 0.01m, 0m]);
        residual.ShouldBe(-0.004m);
        for (var to = 1; to <= values.Length; to++)
            Math.Abs(rounded.Take(to).Sum() - values[..to].Sum()).ShouldBeLessThanOrEqualTo(0.005m);
        var (ratios, _) = Rounding.HalfAwayWithCarry([new Fraction(1, 200), Fraction.Zero, new Fraction(1, 200)], 2);
        ratios.ShouldBe([0.01m, 0m, 0m]);
    }

    [Fact]
    public void Rounded_values_and_residual_sum_to_the_exact_sum() =>
        Gen.Int[-1_000_000_000, 1_000_000_000].Select(i => i / 100_000m).List[0, 50].Sample(values =>
        {
            var (rounded, residual) = Rounding.HalfAwayWithCarry(values, 2);
            return rounded.Sum() + residual == values.Sum() && Math.Abs(residual) <= 0.005m;
        }, iter: LongRun.Samples);
}
