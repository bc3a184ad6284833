using System.Diagnostics.CodeAnalysis;
using NodaTime;
using NodaTime.Text;
using NodaTime.TimeZones;

namespace Ledger.Domain;

/// <summary>
/// The market's grid: the local day, as long as its zone makes it (92, 94, 96, 98 or 100 quarter hours), divided into
/// settlement periods of 5, 15, 30 or 60 minutes. A day that is no whole number of periods is refused by the name
/// <see cref="Rejection.DayNotWholePeriods"/>. Zones and their history: IANA time-zone database, as NodaTime bears it.
/// </summary>
public static class SettlementCalendar
{
    // A day whose midnight is skipped starts at the end of the skip; of two midnights the earlier one starts the day.
    private static readonly ZoneLocalMappingResolver StartOfDay =
        Resolvers.CreateMappingResolver(Resolvers.ReturnEarlier, Resolvers.ReturnStartOfIntervalAfter);

    /// <summary>The version of the time-zone rules in use; a settlement run records it.</summary>
    public static string TzdbVersion => DateTimeZoneProviders.Tzdb.VersionId;

    /// <summary>The zone with this IANA name; false where there is none (<see
    /// cref="Rejection.UnknownZone"/>).</summary>
    public static bool TryZone(string? name, [NotNullWhen(true)] out DateTimeZone? zone)
    {
        zone = name is null ? null : DateTimeZoneProviders.Tzdb.GetZoneOrNull(name);
        return zone is not null;
    }

    /// <summary>Whether a settlement period may have this length in minutes.</summary>
    public static bool IsPeriodLength(int minutes) => minutes is 5 or 15 or 30 or 60;

    /// <summary>The local day as a half-open interval; empty where the zone skipped the whole day.</summary>
    public static Interval Day(DateTimeZone zone, LocalDate day) =>
        new(StartOf(zone, day), StartOf(zone, day.PlusDays(1)));

    /// <summary>
    /// The settlement periods of a local day, in order and without holes; or false, and <paramref name="problem"/>
    /// says why, its first word being the name of the refusal.
    /// </summary>
    public static bool TryPeriods(
        DateTimeZone zone, LocalDate day, int periodMinutes,
        out IReadOnlyList<Interval> periods, [NotNullWhen(false)] out string? problem)
    {
        periods = [];
        problem = null;
        if (!IsPeriodLength(periodMinutes))
        {
            problem = $"{nameof(Rejection.OutOfRange)}: a period has 5, 15, 30 or 60 minutes, not {periodMinutes}";
            return false;
        }
        var whole = Day(zone, day);
        var length = Duration.FromMinutes(periodMinutes);
        if (whole.Duration == Duration.Zero)
            problem = $"{nameof(Rejection.DayNotWholePeriods)}: {zone.Id} skipped the day {Iso(day)}";
        else if (whole.Duration.ToInt64Nanoseconds() % length.ToInt64Nanoseconds() != 0)
            problem = $"{nameof(Rejection.DayNotWholePeriods)}: the day {Iso(day)} in {zone.Id} lasts " +
                      $"{whole.Duration.TotalMinutes} minutes, no whole number of {periodMinutes}-minute periods";
        if (problem is not null) return false;

        var list = new List<Interval>();
        for (var start = whole.Start; start < whole.End; start += length) list.Add(new Interval(start, start + length));
        periods = list;
        return true;
    }

    /// <summary>The local day in which an instant is settled.</summary>
    public static LocalDate DayContaining(DateTimeZone zone, Instant at)
    {
        var day = at.InZone(zone).Date;
        // Where the clock goes back across midnight, a date returns after the next day has begun:
        // that day has the time.
        while (at >= StartOf(zone, day.PlusDays(1))) day = day.PlusDays(1);
        return day;
    }

    /// <summary>
    /// The settlement period that contains an instant. The zone, period and day have passed <see cref="TryPeriods"/>:
    /// a day that is no whole number of periods has no such period.
    /// </summary>
    public static Interval PeriodContaining(DateTimeZone zone, int periodMinutes, Instant at)
    {
        var day = DayContaining(zone, at);
        if (!TryPeriods(zone, day, periodMinutes, out var periods, out var problem))
            throw new ArgumentException(problem, nameof(periodMinutes));
        var elapsed = (at - periods[0].Start).ToInt64Nanoseconds();
        return periods[(int)(elapsed / Duration.FromMinutes(periodMinutes).ToInt64Nanoseconds())];
    }

    private static string Iso(LocalDate day) => LocalDatePattern.Iso.Format(day);

    private static Instant StartOf(DateTimeZone zone, LocalDate day) =>
        zone.ResolveLocal(day.AtMidnight(), StartOfDay).ToInstant();
}
