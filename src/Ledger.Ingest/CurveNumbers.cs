using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>Numbers of curves, exact, from their own characters: of lines JSON numbers, or the same in quotes.
/// </summary>
internal static class CurveNumbers
{
    /// <summary>In units of 10^-decimals, half to even; null where it is beyond 64 bits.</summary>
    public static long? Rounded(ref Utf8JsonReader reader, string member, int decimals, out bool exact)
    {
        exact = true;
        if (reader.TokenType is not (JsonTokenType.Number or JsonTokenType.String) || reader.ValueIsEscaped)
            throw NotANumber(ref reader, member);
        var bytes = reader.ValueSpan;
        if (bytes.Length > Limits.NumberLengthMax)
            throw new InputRefusedException(Rejection.NumberTooLong, member, Shown(ref reader),
                $"at most {Limits.NumberLengthMax} characters");
        Span<char> text = stackalloc char[bytes.Length];
        for (var i = 0; i < bytes.Length; i++) text[i] = (char)bytes[i];
        long scaled = 0;
        Rejection? bad = text is ['+' or '.', ..] or [.., '.']
            ? Rejection.NotANumber : Scale(text, decimals, out scaled, out exact);
        return bad switch
        {
            null => scaled,
            Rejection.OutOfRange => null,
            _ => throw NotANumber(ref reader, member),
        };
    }

    /// <summary>As <see cref="IntakeText.Scale"/>. What a program writes of a very small or large number has an
    /// exponent; the grammar is then JSON's.</summary>
    public static Rejection? Scale(ReadOnlySpan<char> numeral, int decimals, out long scaled, out bool exact)
    {
        var bad = IntakeText.Scale(numeral, decimals, out scaled, out exact);
        if (bad != Rejection.NotANumber || !ExactNumber.TryParse(numeral.ToString(), out var number)) return bad;
        var units = number.InUnits(decimals, out var finer);
        exact = !finer;
        if (BigInteger.Abs(units) > long.MaxValue) return Rejection.OutOfRange;
        scaled = (long)units;
        return null;
    }

    /// <summary>A number of at most so many decimals, in units of the last of them, between two bounds.</summary>
    public static long Units(ref Utf8JsonReader reader, string member, int decimals, long least, long most) =>
        Rounded(ref reader, member, decimals, out var exact) is { } units && exact && units >= least && units <= most
            ? units
            : throw new InputRefusedException(Rejection.OutOfRange, member, Shown(ref reader),
                $"must be from {Decimal(least, decimals)} to {Decimal(most, decimals)} with at most {decimals} decimals");

    /// <summary>A token as messages show it.</summary>
    public static string Shown(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        _ => IntakeText.Quote(Encoding.UTF8.GetString(reader.ValueSpan[..Math.Min(reader.ValueSpan.Length, 256)])),
    };

    private static string Decimal(long units, int decimals) =>
        decimals == 0 ? units.ToString(CultureInfo.InvariantCulture)
        : (units / (decimal)BigInteger.Pow(10, decimals)).ToString(CultureInfo.InvariantCulture);

    private static InputRefusedException NotANumber(ref Utf8JsonReader reader, string member) =>
        new(Rejection.NotANumber, member, Shown(ref reader), "must be a JSON number, or the same in quotes");
}

/// <summary>
/// Times of a curve's lines: ISO 8601 with an offset in quotes, or Unix milliseconds of 13 digits. The form that every
/// sender has, UTC with up to six decimals of a second, is read from its bytes, and a date that comes again is counted
/// once.
/// </summary>
internal sealed class CurveTimes
{
    private const long MicrosecondsPerDay = 86_400_000_000;
    private static readonly OffsetDateTimePattern Pattern = OffsetDateTimePattern.ExtendedIso;

    private readonly byte[] date = new byte[10];
    private long ofDate = long.MinValue;

    /// <summary>Unix time in µs.</summary>
    public long Read(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is JsonTokenType.Number or JsonTokenType.String && !reader.ValueIsEscaped)
        {
            var text = reader.ValueSpan;
            // From 2001-09-09 to 2286 Unix milliseconds are 13 digits, as in CSV.
            if (text.Length == 13 && Digits(text) is { } milliseconds) return milliseconds * 1000;
            if (reader.TokenType == JsonTokenType.String && (Utc(text) ?? WithOffset(text)) is { } at) return at;
        }
        throw new InputRefusedException(Rejection.InvalidTime, "time", CurveNumbers.Shown(ref reader),
            "is neither ISO 8601 with offset nor Unix milliseconds");
    }

    /// <summary><c>yyyy-MM-ddTHH:mm:ss[.f{1,6}]Z</c>; null where it has another form.</summary>
    private long? Utc(ReadOnlySpan<byte> text)
    {
        if (text.Length is < 20 or > 27 || text[^1] != 'Z' || text[10] != 'T' || text[13] != ':' || text[16] != ':')
            return null;
        if (Digits(text[11..13]) is not (< 24 and var hour) || Digits(text[14..16]) is not (< 60 and var minute)
            || Digits(text[17..19]) is not (< 60 and var second)) return null;
        long micros = 0;
        if (text.Length > 20)
        {
            var fraction = text[20..^1];
            if (text[19] != '.' || fraction.Length == 0 || Digits(fraction) is not { } digits) return null;
            micros = digits;
            for (var i = fraction.Length; i < 6; i++) micros *= 10;
        }
        if (!text[..10].SequenceEqual(date))
        {
            if (!LocalDatePattern.Iso.Parse(Encoding.ASCII.GetString(text[..10])).TryGetValue(default, out var day))
                return null;
            text[..10].CopyTo(date);
            ofDate = Period.DaysBetween(new LocalDate(1970, 1, 1), day) * MicrosecondsPerDay;
        }
        return ofDate + ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros;
    }

    private static long? WithOffset(ReadOnlySpan<byte> text)
    {
        if (text.Length is < 17 or > 40
            || !IntakeText.TryTime(Pattern, Encoding.UTF8.GetString(text), out _, out var at)) return null;
        var ticks = at.ToUnixTimeTicks();
        return ticks % 10 == 0 ? ticks / 10 : null;
    }

    private static long? Digits(ReadOnlySpan<byte> text)
    {
        long number = 0;
        foreach (var digit in text)
        {
            if (digit is < (byte)'0' or > (byte)'9') return null;
            number = number * 10 + (digit - '0');
        }
        return number;
    }
}
