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
}
