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

    [Fact]
    public void Rounded_values_and_residual_sum_to_the_exact_sum() =>
        Gen.Int[-1_000_000_000, 1_000_000_000].Select(i => i / 100_000m).List[0, 50].Sample(values =>
        {
            var (rounded, residual) = Rounding.HalfAwayWithCarry(values, 2);
            return rounded.Sum() + residual == values.Sum() && Math.Abs(residual) <= 0.005m;
        }, iter: LongRun.Samples);
}
