using System.Text;
using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// An instant as text in UTC with a fixed number of decimals, <c>2026-03-01T00:00:00.0000000Z</c>, as payloads, rows
/// and their keys have it. Each fact has several, and the steps of a pattern cost more than all else of it. Only for
/// the years from 0001 on and for text of exactly this form: for all else ask the pattern, which also says what is
/// wrong.
/// </summary>
public static class UtcText
{
    private const int DecimalsMax = 9; // nanoseconds, as fine as an instant is
    private static readonly Instant First = Instant.FromUtc(1, 1, 1, 0, 0);

    /// <summary>Whole seconds with their point: the decimals and the Z follow.</summary>
    private static ReadOnlySpan<byte> Form => "    -  -  T  :  :  ."u8;

    /// <summary>How long the text is, in characters and in bytes.</summary>
    /// <param name="decimals">1 to 9 of the second.</param>
    public static int LengthOf(int decimals) => Form.Length + decimals + 1;

    /// <summary>Reads the text; false where it is another, or no instant.</summary>
    public static bool TryRead(ReadOnlySpan<byte> text, int decimals, out Instant instant)
    {
        instant = default;
        if (text.Length != LengthOf(decimals) || text[^1] != (byte)'Z') return false;
        for (var i = 0; i < text.Length - 1; i++)
            if (i < Form.Length && Form[i] != (byte)' ' ? text[i] != Form[i] : !char.IsAsciiDigit((char)text[i]))
                return false;
        var (year, month, day) = (Number(text[..4]), Number(text[5..7]), Number(text[8..10]));
        var (hour, minute, second) = (Number(text[11..13]), Number(text[14..16]), Number(text[17..19]));
        if (year == 0 || month is 0 or > 12 || hour > 23 || minute > 59 || second > 59
            || day == 0 || day > CalendarSystem.Iso.GetDaysInMonth(year, month)) return false;
        long nanoseconds = Number(text[Form.Length..^1]);
        for (var i = decimals; i < DecimalsMax; i++) nanoseconds *= 10;
        instant = Instant.FromUtc(year, month, day, hour, minute, second).PlusNanoseconds(nanoseconds);
        return true;
    }

    /// <summary>Writes the text; false where the instant is before the year 0001, or finer than its decimals.</summary>
    /// <param name="text">Of <see cref="LengthOf"/>.</param>
    public static bool TryWrite(Instant instant, int decimals, Span<byte> text)
    {
        if (instant < First) return false; // no instant is behind the year 9999
        var (date, time) = instant.InUtc().LocalDateTime;
        var rest = time.NanosecondOfSecond;
        for (var i = decimals; i < DecimalsMax; i++)
        {
            (rest, var cut) = Math.DivRem(rest, 10);
            if (cut != 0) return false;
        }
        Form.CopyTo(text);
        Write(date.Year, text[..4]);
        Write(date.Month, text[5..7]);
        Write(date.Day, text[8..10]);
        Write(time.Hour, text[11..13]);
        Write(time.Minute, text[14..16]);
        Write(time.Second, text[17..19]);
        Write(rest, text[Form.Length..^1]);
        text[^1] = (byte)'Z';
        return true;
    }

    /// <summary>The text; null where <see cref="TryWrite"/> is false.</summary>
    public static string? Of(Instant instant, int decimals)
    {
        Span<byte> text = stackalloc byte[LengthOf(decimals)];
        return TryWrite(instant, decimals, text) ? Encoding.ASCII.GetString(text) : null;
    }

    private static int Number(ReadOnlySpan<byte> digits)
    {
        var number = 0;
        foreach (var digit in digits) number = (10 * number) + (digit - '0');
        return number;
    }

    private static void Write(int number, Span<byte> digits)
    {
        for (var i = digits.Length - 1; i >= 0; i--) (number, digits[i]) = (number / 10, (byte)('0' + (number % 10)));
    }
}
