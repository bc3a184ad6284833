using System.Numerics;
using CsCheck;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

public class QuantitiesTests
{
    [Theory]
    [InlineData(1, "0.001000000000")]
    [InlineData(-2500, "-2.500000000000")]
    public void Energy_is_shown_in_kilowatt_hours(long wattHours, string expected) =>
        Energy.FromWattHours(wattHours).ToKwh().ShouldBe(expected);

    [Theory]
    [InlineData(5, 10, 0)] // a half goes to the even neighbour
    [InlineData(15, 10, 2)]
    [InlineData(-15, 10, -2)]
    [InlineData(-25, 10, -2)]
    [InlineData(26, 10, 3)]
    public void Division_rounds_half_to_even(int dividend, int divisor, int expected) =>
        Energy.DivideHalfEven(dividend, divisor).ShouldBe(expected);

    [Fact]
    public void Division_of_numbers_of_any_size_rounds_the_same() =>
        Gen.Select(Gen.Long[0, 1_000], Gen.Long[1, 40]).Sample((dividend, divisor) =>
            Energy.DivideHalfEven((BigInteger)dividend, divisor)
                .ShouldBe(Energy.DivideHalfEven((Int128)dividend, divisor)), iter: LongRun.Samples);

    [Theory]
    [InlineData(0, "1235 kWh")]
    [InlineData(1, "1234.5 kWh")]
    [InlineData(15, "1234.500000000000000 kWh")]
    public void Energy_is_shown_with_the_decimals_that_are_asked_for(int decimals, string expected) =>
        (Energy.FromWattHours(decimals == 0 ? 1_234_501 : 1_234_500).ToKwh(decimals) + " kWh").ShouldBe(expected);

    [Theory]
    [InlineData(-1)]
    [InlineData(16)]
    public void More_decimals_than_can_be_shown_are_a_bug(int decimals) =>
        Should.Throw<ArgumentOutOfRangeException>(() => Energy.Zero.ToKwh(decimals));

    [Fact]
    public void Quantities_read_with_their_units()
    {
        Energy.FromWattHours(-1).ToString().ShouldBe("-0.001000 kWh");
        Power.FromKilowatts(22).ToString().ShouldBe("22 kW");
        new Power(-1_500).ToString().ShouldBe("-0.0015 kW");
    }

    [Fact]
    public void Quantities_count_and_compare_as_their_numbers_do() =>
        Gen.Select(Gen.Long[-3, 3], Gen.Long[-3, 3]).Sample((a, b) =>
        {
            var (p, q) = (new Power(a), new Power(b));
            new[] { p < q, p > q, p <= q, p >= q }.ShouldBe([a < b, a > b, a <= b, a >= b]);
            p.CompareTo(q).ShouldBe(a.CompareTo(b));
            (p + q, p - q, -p).ShouldBe((new Power(a + b), new Power(a - b), new Power(-a)));
            var (e, f) = (new Energy(a), new Energy(b));
            new[] { e < f, e > f, e <= f, e >= f }.ShouldBe([a < b, a > b, a <= b, a >= b]);
            e.CompareTo(f).ShouldBe(a.CompareTo(b));
            (e + f, e - f, -e, e * b)
                .ShouldBe((new Energy(a + b), new Energy(a - b), new Energy(-a), new Energy(a * b)));
            (Energy.Max(e, f), Energy.Min(e, f)).ShouldBe((new Energy(Math.Max(a, b)), new Energy(Math.Min(a, b))));
        }, iter: LongRun.Samples);
}
