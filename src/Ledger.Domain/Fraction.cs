using System.Globalization;
using System.Numerics;

namespace Ledger.Domain;

/// <summary>
/// An exact ratio of whole numbers, for what lies between two samples of a curve or is one quantity per another. It is
/// never rounded until it is shown.
/// </summary>
public readonly struct Fraction : IComparable<Fraction>, IEquatable<Fraction>
{
    private readonly BigInteger denominatorLessOne; // so that default is zero, and not nothing divided by nothing

    public Fraction(BigInteger numerator, BigInteger denominator)
    {
        if (denominator.IsZero) throw new DivideByZeroException();
        var common = BigInteger.GreatestCommonDivisor(numerator, denominator) * denominator.Sign;
        Numerator = numerator / common;
        denominatorLessOne = denominator / common - 1;
    }

    /// <summary>In lowest terms, with the sign.</summary>
    public BigInteger Numerator { get; }

    /// <summary>In lowest terms, positive.</summary>
    public BigInteger Denominator => denominatorLessOne + 1;

    public static readonly Fraction Zero = new(0, 1);

    public static implicit operator Fraction(long whole) => new(whole, 1);

    /// <summary>A decimal as the ratio that it is, exactly.</summary>
    public static Fraction Of(decimal value)
    {
        Span<int> bits = stackalloc int[4];
        decimal.GetBits(value, bits);
        // The three words of the mantissa have no sign of their own.
        var mantissa = ((BigInteger)unchecked((uint)bits[2]) << 64) + ((BigInteger)unchecked((uint)bits[1]) << 32)
            + unchecked((uint)bits[0]);
        return new(value < 0 ? -mantissa : mantissa, BigInteger.Pow(10, value.Scale));
    }

    public static Fraction operator +(Fraction a, Fraction b) =>
        new(a.Numerator * b.Denominator + b.Numerator * a.Denominator, a.Denominator * b.Denominator);
    public static Fraction operator -(Fraction a, Fraction b) =>
        new(a.Numerator * b.Denominator - b.Numerator * a.Denominator, a.Denominator * b.Denominator);
    public static Fraction operator *(Fraction a, Fraction b) =>
        new(a.Numerator * b.Numerator, a.Denominator * b.Denominator);
    public static Fraction operator /(Fraction a, Fraction b) =>
        new(a.Numerator * b.Denominator, a.Denominator * b.Numerator);
    public static bool operator <(Fraction a, Fraction b) => a.CompareTo(b) < 0;
    public static bool operator >(Fraction a, Fraction b) => a.CompareTo(b) > 0;
    public static bool operator <=(Fraction a, Fraction b) => a.CompareTo(b) <= 0;
    public static bool operator >=(Fraction a, Fraction b) => a.CompareTo(b) >= 0;
    public static bool operator ==(Fraction a, Fraction b) => a.Equals(b);
    public static bool operator !=(Fraction a, Fraction b) => !a.Equals(b);
    public static Fraction Max(Fraction a, Fraction b) => a >= b ? a : b;
    public static Fraction Min(Fraction a, Fraction b) => a <= b ? a : b;

    /// <summary>The least whole number that is not below.</summary>
    public BigInteger Ceiling()
    {
        var quotient = BigInteger.DivRem(Numerator, Denominator, out var remainder);
        return remainder.Sign > 0 ? quotient + 1 : quotient;
    }

    /// <summary>The nearest whole number, half to even.</summary>
    public BigInteger Round()
    {
        var quotient = BigInteger.DivRem(Numerator, Denominator, out var remainder);
        var twice = BigInteger.Abs(remainder) * 2;
        return twice > Denominator || (twice == Denominator && !quotient.IsEven) ? quotient + Numerator.Sign : quotient;
    }

    /// <summary>
    /// As decimal text, rounded half to even to <paramref name="decimals"/> places and without trailing zeros.
    /// Presentation only: nothing is computed from it.
    /// </summary>
    public string ToText(int decimals)
    {
        var scale = BigInteger.Pow(10, decimals);
        var units = (this * new Fraction(scale, 1)).Round();
        var whole = BigInteger.DivRem(BigInteger.Abs(units), scale, out var rest);
        var places = rest.ToString(CultureInfo.InvariantCulture).PadLeft(decimals, '0').TrimEnd('0');
        var text = whole.ToString(CultureInfo.InvariantCulture) + (places.Length > 0 ? "." + places : "");
        return units.Sign < 0 ? "-" + text : text;
    }

    /// <summary>The same as a number, for a table.</summary>
    public decimal ToDecimal(int decimals)
    {
        var scale = BigInteger.Pow(10, decimals);
        return (decimal)(this * new Fraction(scale, 1)).Round() / (decimal)scale;
    }

    public int CompareTo(Fraction other) =>
        (Numerator * other.Denominator).CompareTo(other.Numerator * Denominator);
    public bool Equals(Fraction other) => Numerator == other.Numerator && Denominator == other.Denominator;
    public override bool Equals(object? other) => other is Fraction fraction && Equals(fraction);
    public override int GetHashCode() => HashCode.Combine(Numerator, Denominator);
    public override string ToString() => $"{Numerator}/{Denominator}";
}
