namespace Ledger.Domain;

/// <summary>
/// Products and sums that are exact or do not happen: <see cref="decimal"/> silently rounds what needs more than 28
/// digits, and a rounded factor would be a rounding that no rule asked for.
/// </summary>
public static class ExactDecimal
{
    /// <exception cref="OverflowException">The product needs more digits than a decimal has.</exception>
    public static decimal Times(decimal a, decimal b)
    {
        var (left, right) = (Trimmed(a), Trimmed(b));
        if (left == 0 || right == 0) return 0m;
        var product = left * right;
        // A decimal keeps the sum of both scales unless it had to round.
        return product.Scale == left.Scale + right.Scale ? Trimmed(product) : throw Inexact();
    }

    /// <exception cref="OverflowException">The sum needs more digits than a decimal has.</exception>
    public static decimal Plus(decimal a, decimal b)
    {
        var (left, right) = (Trimmed(a), Trimmed(b));
        var sum = left + right;
        return sum.Scale == Math.Max(left.Scale, right.Scale) ? Trimmed(sum) : throw Inexact();
    }

    /// <exception cref="OverflowException">The product needs more digits than a decimal has.</exception>
    public static decimal Product(params ReadOnlySpan<decimal> factors)
    {
        var product = 1m;
        foreach (var factor in factors) product = Times(product, factor);
        return product;
    }

    /// <exception cref="OverflowException">The quotient needs more digits than a decimal has,
    /// or has no end.</exception>
    public static decimal Over(decimal a, decimal b)
    {
        var quotient = Trimmed(a / b);
        return Times(quotient, b) == a ? quotient : throw Inexact();
    }

    /// <summary>The ratio as a decimal, exactly or to 28 digits.</summary>
    /// <exception cref="OverflowException">A side of it has more digits than a decimal.</exception>
    public static decimal Nearest(Fraction ratio) => Trimmed((decimal)ratio.Numerator / (decimal)ratio.Denominator);

    /// <summary>The same number without zeros at its end: division by one with 28 decimals drops them.</summary>
    public static decimal Trimmed(decimal value) => value / 1.0000000000000000000000000000m;

    /// <summary>
    /// The quotient rounded to decimals without rounding it twice: the remainder decides, not a quotient that was cut
    /// at 28 digits.
    /// </summary>
    public static decimal Quotient(decimal dividend, decimal divisor, int decimals, RatioRounding rounding)
    {
        var unit = Power(decimals);
        var scaled = Times(dividend, unit);
        var remainder = scaled % divisor;
        var whole = (scaled - remainder) / divisor;
        var twice = 2 * Math.Abs(remainder);
        var away = rounding switch
        {
            RatioRounding.HalfAwayFromZero => twice >= Math.Abs(divisor),
            RatioRounding.HalfToEven => twice > Math.Abs(divisor) || (twice == Math.Abs(divisor) && whole % 2 != 0),
            RatioRounding.AwayFromZero => remainder != 0,
            RatioRounding.TowardZero => false,
            _ => throw new ArgumentOutOfRangeException(nameof(rounding)),
        };
        if (away) whole += Math.Sign(dividend) * Math.Sign(divisor);
        return whole / unit;
    }

    private static decimal Power(int decimals)
    {
        var unit = 1m;
        for (var i = 0; i < decimals; i++) unit *= 10m;
        return unit;
    }

    private static OverflowException Inexact() => new("the exact value has more digits than a decimal holds");
}
