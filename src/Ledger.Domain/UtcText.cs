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
    private const int NoNumber = 1_000_000;

    /// <summary>From the day before the 1st of March of the year 0 until the 1st of January of 1970.</summary>
    private const int DaysUntilEpoch = 719_469;

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
        if (text.Length != LengthOf(decimals) || text[4] != (byte)'-' || text[7] != (byte)'-' || text[10] != (byte)'T'
            || text[13] != (byte)':' || text[16] != (byte)':' || text[19] != (byte)'.' || text[^1] != (byte)'Z')
            return false;
        var (century, yearOfCentury, month, day) = (Two(text, 0), Two(text, 2), Two(text, 5), Two(text, 8));
        var (hour, minute, second) = (Two(text, 11), Two(text, 14), Two(text, 17));
        if (century > 99 || yearOfCentury > 99 || month is 0 or > 12 || hour > 23 || minute > 59 || second > 59)
            return false;
        var year = (100 * century) + yearOfCentury;
        if (year == 0 || day == 0 || day > DaysOf(year, month)) return false;
        var nanoseconds = 0;
        foreach (var digit in text[Form.Length..^1])
        {
            if (!char.IsAsciiDigit((char)digit)) return false;
            nanoseconds = (10 * nanoseconds) + (digit - '0');
        }
        for (var i = decimals; i < DecimalsMax; i++) nanoseconds *= 10;
        var hours = (24L * DaysSinceEpoch(year, month, day)) + hour;
        var seconds = (((hours * 60) + minute) * 60) + second;
        var (ticks, finer) = Math.DivRem(nanoseconds, (int)NodaConstants.NanosecondsPerTick);
        instant = Instant.FromUnixTimeTicks((seconds * NodaConstants.TicksPerSecond) + ticks);
        if (finer != 0) instant = instant.PlusNanoseconds(finer);
        return true;
    }

    /// <summary>Two digits as their number; more than 99 where they are none.</summary>
    private static int Two(ReadOnlySpan<byte> text, int at)
    {
        var (tens, ones) = (text[at] - '0', text[at + 1] - '0');
        return tens is >= 0 and <= 9 && ones is >= 0 and <= 9 ? (10 * tens) + ones : NoNumber;
    }

    private static int DaysOf(int year, int month) => month switch
    {
        2 => CalendarSystem.Iso.IsLeapYear(year) ? 29 : 28,
        4 or 6 or 9 or 11 => 30,
        _ => 31,
    };

    /// <summary>Days of the proleptic Gregorian calendar. Its years are counted from March, so that the day by which
    /// some are longer is their last one; five months from March or August on have 153 days.</summary>
    private static int DaysSinceEpoch(int year, int month, int day)
    {
        if (month < 3) (year, month) = (year - 1, month + 12);
        var daysBefore = (365 * year) + (year / 4) - (year / 100) + (year / 400);
        return daysBefore + (((153 * (month - 3)) + 2) / 5) + day - DaysUntilEpoch;
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

    private static void Write(int number, Span<byte> digits)
    {
        for (var i = digits.Length - 1; i >= 0; i--) (number, digits[i]) = (number / 10, (byte)('0' + (number % 10)));
    }
}
