using System.Numerics;

namespace Ledger.Domain;

/// <summary>
/// The one named rounding of settled quantities: each value, with what the values before it left over, is rounded half
/// away from zero, and the rest is carried to the next.
/// The sum of the rounded values and the residual is the exact sum. Source: Energinet opengeh-wholesale,
/// test_rounding.py (four times 222.03075 is 222.031, .031, .030, .031).
/// A rest of exactly half a unit is rounded away from zero at a value that is nothing as well: lines of no energy after
/// it are a unit down and a unit up in turn. They cancel, and a sum up to any line is never off by more than the half.
/// It stays so as long as the rule has its name, because the roots of recorded statements are over such lines.
/// </summary>
public static class Rounding
{
    /// <summary>The rounded values in the order of the input, and what is left over after the last.</summary>
    public static (IReadOnlyList<decimal> Rounded, decimal Residual) HalfAwayWithCarry(
        IReadOnlyList<decimal> values, int decimals)
    {
        var rounded = new decimal[values.Count];
        var residual = 0m;
        for (var i = 0; i < values.Count; i++)
        {
            var due = values[i] + residual;
            rounded[i] = Math.Round(due, decimals, MidpointRounding.AwayFromZero);
            residual = due - rounded[i];
        }
        return (rounded, residual);
    }

    /// <summary>
    /// The same of exact ratios, with what is left over after the last.
    /// </summary>
    /// <param name="decimals">0 to 12.</param>
    /// <param name="nothingStaysNothing">Else the rest of a unit may become an amount where there is none, as it does
    /// of decimals.</param>
    public static (IReadOnlyList<decimal> Rounded, Fraction Residual) HalfAwayWithCarry(
        IReadOnlyList<Fraction> values, int decimals, bool nothingStaysNothing = true)
    {
        var unit = BigInteger.Pow(10, decimals);
        var rounded = new decimal[values.Count];
        var residual = Fraction.Zero;
        for (var i = 0; i < values.Count; i++)
        {
            if (nothingStaysNothing && values[i] == Fraction.Zero) continue;
            var due = values[i] + residual;
            var whole = HalfAway(due * new Fraction(unit, 1));
            // Division by a power of ten is exact in a decimal that holds the whole.
            rounded[i] = (decimal)whole / (decimal)unit;
            residual = due - new Fraction(whole, unit);
        }
        return (rounded, residual);
    }

    private static BigInteger HalfAway(Fraction value)
    {
        var quotient = BigInteger.DivRem(value.Numerator, value.Denominator, out var remainder);
        return BigInteger.Abs(remainder) * 2 >= value.Denominator ? quotient + value.Numerator.Sign : quotient;
    }
}
