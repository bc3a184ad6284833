using System.Globalization;
using System.Numerics;
using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// Active power as a whole number of milliwatts; positive when importing from the grid, negative when exporting.
/// </summary>
public readonly record struct Power(long Milliwatts) : IComparable<Power>
{
    public static readonly Power Zero = new(0);
    public static Power FromKilowatts(int kilowatts) => new(kilowatts * 1_000_000L);
    public int CompareTo(Power other) => Milliwatts.CompareTo(other.Milliwatts);
    public static bool operator <(Power a, Power b) => a.Milliwatts < b.Milliwatts;
    public static bool operator >(Power a, Power b) => a.Milliwatts > b.Milliwatts;
    public static bool operator <=(Power a, Power b) => a.Milliwatts <= b.Milliwatts;
    public static bool operator >=(Power a, Power b) => a.Milliwatts >= b.Milliwatts;
    public static Power operator +(Power a, Power b) => new(a.Milliwatts + b.Milliwatts);
    public static Power operator -(Power a, Power b) => new(a.Milliwatts - b.Milliwatts);
    public static Power operator -(Power a) => new(-a.Milliwatts);

    /// <summary>Kilowatts, exact: six decimals always suffice.</summary>
    public decimal Kilowatts => Milliwatts / 1_000_000m;

    /// <summary>The power as text in kilowatts with its unit, for messages.</summary>
    public override string ToString() => Kilowatts.ToString("0.######", CultureInfo.InvariantCulture) + " kW";
}

/// <summary>
/// Active energy as a whole number of half nanojoules. A power in milliwatts times a time in microseconds is a
/// nanojoule, and the trapezoid doubles it, so every integral of a curve and every register step is exact.
/// 1 Wh is 7.2·10¹² of them; <see cref="Int128"/> cannot overflow at any plant.
/// </summary>
public readonly record struct Energy(Int128 HalfNanojoules) : IComparable<Energy>
{
    /// <summary>Half nanojoules in one watt-hour: 3600 J · 10⁹ · 2.</summary>
    public const long HalfNanojoulesPerWattHour = 7_200_000_000_000;

    private const int KwhDecimals = 12; // what rows show
    private const ulong NanowattHoursPerKilowattHour = 1_000_000_000_000;
    private const ulong HalfNanojoulesPerNanowattHour = 7200;
    private static readonly Int128 QuickMax = (Int128)ulong.MaxValue * 7200 / 2; // 9 million kWh
    public static readonly Energy Zero = new(0);
    public static Energy FromWattHours(long wattHours) => new((Int128)wattHours * HalfNanojoulesPerWattHour);
    public int CompareTo(Energy other) => HalfNanojoules.CompareTo(other.HalfNanojoules);
    public static bool operator <(Energy a, Energy b) => a.HalfNanojoules < b.HalfNanojoules;
    public static bool operator >(Energy a, Energy b) => a.HalfNanojoules > b.HalfNanojoules;
    public static bool operator <=(Energy a, Energy b) => a.HalfNanojoules <= b.HalfNanojoules;
    public static bool operator >=(Energy a, Energy b) => a.HalfNanojoules >= b.HalfNanojoules;
    public static Energy operator +(Energy a, Energy b) => new(a.HalfNanojoules + b.HalfNanojoules);
    public static Energy operator -(Energy a, Energy b) => new(a.HalfNanojoules - b.HalfNanojoules);
    public static Energy operator -(Energy a) => new(-a.HalfNanojoules);
    public static Energy operator *(Energy a, long factor) => new(a.HalfNanojoules * factor);
    public static Energy Max(Energy a, Energy b) => a >= b ? a : b;
    public static Energy Min(Energy a, Energy b) => a <= b ? a : b;

    /// <summary>
    /// The energy in kWh rounded half to even to <paramref name="decimals"/> places (0 to 15), as text with all of
    /// them shown. Presentation only: no record or amount is computed from it.
    /// </summary>
    public string ToKwh(int decimals = KwhDecimals)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(decimals);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(decimals, 15);
        if (decimals == KwhDecimals && Int128.Abs(HalfNanojoules) <= QuickMax) return ToKwhQuickly();
        // 7.2e15 half nanojoules a kWh = 72 · 10¹⁴; scaling by 10^decimals stays far inside Int128.
        var scale = PowerOfTen(decimals);
        // Above 2.3·10¹⁰ kWh the product with 10¹² does not fit into 128 bits.
        var magnitude = DivideHalfEven((BigInteger)Int128.Abs(HalfNanojoules) * scale,
            (BigInteger)HalfNanojoulesPerWattHour * 1000);
        var sign = HalfNanojoules < 0 && magnitude != 0 ? "-" : "";
        var whole = (magnitude / scale).ToString(CultureInfo.InvariantCulture);
        return decimals == 0
            ? sign + whole
            : $"{sign}{whole}.{(magnitude % scale).ToString(CultureInfo.InvariantCulture).PadLeft(decimals, '0')}";
    }

    /// <summary>The same for what every row shows: a nanowatt-hour is its last digit, and two divisions of 64 bits
    /// find how many there are.</summary>
    private string ToKwhQuickly()
    {
        var magnitude = (UInt128)Int128.Abs(HalfNanojoules);
        // Divided by hand, the upper half first: what is left of it is less than 7200.
        var (upper, rest) = Math.DivRem((ulong)(magnitude >> 32), HalfNanojoulesPerNanowattHour);
        var (lower, left) = Math.DivRem(
            (rest << 32) | (uint)(magnitude & uint.MaxValue), HalfNanojoulesPerNanowattHour);
        var rounded = (upper << 32) + lower;
        if (left > HalfNanojoulesPerNanowattHour / 2 || (left == HalfNanojoulesPerNanowattHour / 2 && rounded % 2 != 0))
            rounded++;
        var (whole, fraction) = Math.DivRem(rounded, NanowattHoursPerKilowattHour);
        return string.Create(CultureInfo.InvariantCulture,
            $"{(HalfNanojoules < 0 && rounded != 0 ? "-" : "")}{whole}.{fraction:D12}");
    }

    /// <summary>The mean power over a time of whole microseconds, in whole milliwatts toward zero: shown, never summed
    /// to an energy again.</summary>
    public Power MeanOver(Duration time) =>
        new((long)(HalfNanojoules / 2 / (time.ToInt64Nanoseconds() / 1000))); // mW · µs are nanojoules

    /// <summary>
    /// The energy in kWh as a number, rounded half to even to <paramref name="decimals"/> places (0 to 12):
    /// for rules that count in decimals, which must say to how many.
    /// </summary>
    public decimal ToDecimalKwh(int decimals)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(decimals);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(decimals, 12);
        var scale = PowerOfTen(decimals);
        return (decimal)DivideHalfEven(HalfNanojoules * scale, (Int128)HalfNanojoulesPerWattHour * 1000)
            / (decimal)scale;
    }

    public override string ToString() => ToKwh(6) + " kWh";

    /// <summary>Integer division rounding half to even; the divisor is positive.</summary>
    public static Int128 DivideHalfEven(Int128 dividend, Int128 divisor)
    {
        var quotient = dividend / divisor;
        var remainder = Int128.Abs(dividend % divisor);
        var twice = remainder * 2;
        if (twice > divisor || (twice == divisor && quotient % 2 != 0)) quotient += dividend < 0 ? -1 : 1;
        return quotient;
    }

    /// <summary>The same for what fits into 64 bits.</summary>
    internal static long DivideHalfEven(long dividend, long divisor)
    {
        var (quotient, remainder) = Math.DivRem(dividend, divisor);
        remainder = Math.Abs(remainder);
        var rest = divisor - remainder;
        if (remainder > rest || (remainder == rest && quotient % 2 != 0)) quotient += dividend < 0 ? -1 : 1;
        return quotient;
    }

    /// <summary>The same for products that may not fit into 128 bits; neither number is negative.</summary>
    public static Int128 DivideHalfEven(BigInteger dividend, BigInteger divisor)
    {
        var quotient = BigInteger.DivRem(dividend, divisor, out var remainder);
        var twice = remainder * 2;
        if (twice > divisor || (twice == divisor && !quotient.IsEven)) quotient += 1;
        return (Int128)quotient;
    }

    internal static Int128 PowerOfTen(int exponent)
    {
        Int128 power = 1;
        for (var i = 0; i < exponent; i++) power *= 10;
        return power;
    }
}

/// <summary>Which way energy flows through a settlement point, seen from the grid's customer.</summary>
public enum Direction
{
    /// <summary>From the grid (OBIS 1.8.0).</summary>
    Import = 1,
    /// <summary>Into the grid (OBIS 2.8.0).</summary>
    Export = 2,
}
