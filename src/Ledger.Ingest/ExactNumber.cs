using System.Globalization;
using System.Numerics;
using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>
/// A number exactly as its text says: <paramref name="Mantissa"/> × 10^-<paramref name="Scale"/>, without trailing
/// zeros in the fraction. Nothing is rounded until a quantity with a stated resolution is asked for.
/// </summary>
public readonly record struct ExactNumber(BigInteger Mantissa, int Scale)
{
    /// <summary>Largest exponent that is read: far beyond any quantity, and small enough to cost nothing.</summary>
    const int exponentMax = 60;

    /// <summary>A whole number of 10^-<paramref name="decimals"/>.</summary>
    public static ExactNumber Of(long units, int decimals) => Trimmed(units, decimals);

    /// <summary>Reads the grammar of a JSON number (RFC 8259 §6),
    /// the same for numbers and for decimal strings.</summary>
    public static bool TryParse(string text, out ExactNumber number)
    {
        number = default;
        if (text.Length is 0 or > Limits.NumberLengthMax) return false;
        var at = text[0] == '-' ? 1 : 0;
        var wholeStart = at;
        while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
        if (at == wholeStart || (text[wholeStart] == '0' && at > wholeStart + 1)) return false;
        var digits = text[wholeStart..at];
        var scale = 0;
        if (at < text.Length && text[at] == '.')
        {
            var fractionStart = ++at;
            while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
            scale = at - fractionStart;
            if (scale == 0) return false;
            digits += text[fractionStart..at];
        }
        if (at < text.Length && !TryExponent(text[at..], ref scale)) return false;
        var mantissa = BigInteger.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
        number = Trimmed(text[0] == '-' ? -mantissa : mantissa, scale);
        return true;
    }

    /// <summary>The number in units of 10^-<paramref name="decimals"/>,
    /// rounded half to even where it is finer.</summary>
    public BigInteger InUnits(int decimals, out bool rounded)
    {
        rounded = Scale > decimals;
        if (!rounded) return Mantissa * BigInteger.Pow(10, decimals - Scale);
        var divisor = BigInteger.Pow(10, Scale - decimals);
        var quotient = BigInteger.DivRem(Mantissa, divisor, out var remainder);
        var twice = BigInteger.Abs(remainder) * 2;
        if (twice > divisor || (twice == divisor && !quotient.IsEven)) quotient += Mantissa.Sign;
        return quotient;
    }

    /// <summary>The number as a decimal, if a decimal holds every digit of it.</summary>
    public bool TryDecimal(out decimal value)
    {
        value = 0;
        // A decimal has a 96-bit mantissa and at most 28 decimal places.
        if (Scale > 28 || BigInteger.Abs(Mantissa) >> 96 != 0) return false;
        value = (decimal)Mantissa;
        for (var place = 0; place < Scale; place++)
            value = new decimal(decimal.GetBits(value)[0], decimal.GetBits(value)[1], decimal.GetBits(value)[2],
                value < 0, (byte)(place + 1));
        return true;
    }

    static bool TryExponent(string text, ref int scale)
    {
        if (text[0] is not ('e' or 'E')) return false;
        var digits = text.AsSpan(1);
        var negative = digits.Length > 0 && digits[0] == '-';
        if (digits.Length > 0 && digits[0] is '+' or '-') digits = digits[1..];
        if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var exponent)) return false;
        if (exponent > exponentMax) return false;
        scale -= negative ? -exponent : exponent;
        return true;
    }

    static ExactNumber Trimmed(BigInteger mantissa, int scale)
    {
        if (mantissa.IsZero) return new(0, 0);
        if (scale < 0) return new(mantissa * BigInteger.Pow(10, -scale), 0);
        while (scale > 0 && mantissa % 10 == 0)
        {
            mantissa /= 10;
            scale--;
        }
        return new(mantissa, scale);
    }
}
