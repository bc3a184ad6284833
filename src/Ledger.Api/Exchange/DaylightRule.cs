using System.Globalization;
using NodaTime;

namespace Ledger.Api.Exchange;

/// <summary>
/// A time zone as ESPI has it (LocalTimeParameters): its standard offset, what summer time adds, and the rules by which
/// summer time begins and ends, eight hex digits each. The rules are those of one year: the n-th or last day of a week
/// in a month, at a local time. Standard is the least offset of the year, whatever the zone calls it: Ireland's law has
/// a winter time before its standard one, and clocks say no more. A zone without summer time has no rule, eight zeros.
/// </summary>
public sealed record DaylightRule(long StandardSeconds, long SummerSeconds, string Start, string End)
{
    private const string None = "00000000";
    private const int FirstOccurrence = 2, LastOccurrence = 7; // DstRuleType, bits 25 to 27

    public static DaylightRule Of(DateTimeZone zone, int year)
    {
        var from = new LocalDate(year, 1, 1).AtStartOfDayInZone(zone).ToInstant();
        var to = new LocalDate(year + 1, 1, 1).AtStartOfDayInZone(zone).ToInstant();
        var stretches = zone.GetZoneIntervals(from, to).ToList();
        var standard = stretches.Min(stretch => stretch.WallOffset);
        var (summer, start, end) = (0L, None, None);
        foreach (var stretch in stretches.Where(stretch => stretch.WallOffset > standard))
        {
            summer = (stretch.WallOffset - standard).Seconds;
            if (start == None && stretch.HasStart && stretch.Start >= from)
                start = Encoded(stretch.Start, zone.GetUtcOffset(stretch.Start - Duration.Epsilon));
            if (end == None && stretch.HasEnd && stretch.End < to) end = Encoded(stretch.End, stretch.WallOffset);
        }
        return start == None || end == None
            ? new(stretches[0].StandardOffset.Seconds, 0, None, None) : new(standard.Seconds, summer, start, end);
    }

    /// <summary>The local time at which clocks are changed, as they showed it before.</summary>
    private static string Encoded(Instant change, Offset before)
    {
        var at = change.WithOffset(before).LocalDateTime;
        var isLast = at.Calendar.GetDaysInMonth(at.Year, at.Month) - at.Day < 7;
        var occurrence = isLast ? LastOccurrence : FirstOccurrence + ((at.Day - 1) / 7);
        var rule = ((uint)at.Month << 28) | ((uint)occurrence << 25) | ((uint)at.DayOfWeek << 17)
            | ((uint)at.Hour << 12) | (uint)((at.Minute * 60) + at.Second);
        return rule.ToString("X8", CultureInfo.InvariantCulture);
    }
}
