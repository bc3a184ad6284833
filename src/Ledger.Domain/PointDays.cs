using System.Diagnostics.CodeAnalysis;
using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// The settlement days of one point: a day has the latest version that is in force at its start. Where a version has a
/// zone further east, its first day begins before the last one of the former zone would have ended, and ends that one:
/// no hour is of two days. Where it has one further west, there are hours between both that are of none.
/// </summary>
public static class PointDays
{
    // Zones are at most 26 hours apart, so that a day is ended by one of the next two.
    private const int DaysAhead = 2;

    /// <summary>The version by which a day is settled; null before the first.</summary>
    /// <param name="standing">The versions that stand, in order of time.</param>
    public static PointVersion? VersionOf(IReadOnlyList<PointVersion> standing, LocalDate day) =>
        standing.LastOrDefault(version => version.From <= StartOf(version, day));

    /// <summary>
    /// The settlement periods of a day, the last one shorter where the day ends within it; or false, and
    /// <paramref name="problem"/> says why, its first word being the name of the refusal.
    /// </summary>
    public static bool TryPeriods(IReadOnlyList<PointVersion> standing, LocalDate day,
        out IReadOnlyList<Interval> periods, [NotNullWhen(false)] out string? problem)
    {
        periods = [];
        if (VersionOf(standing, day) is not { } version)
        {
            problem = $"{nameof(Rejection.UnknownSettlementPoint)}: it is not registered on that day";
            return false;
        }
        if (!SettlementCalendar.TryPeriods(DateTimeZoneProviders.Tzdb[version.Registered.Zone], day,
            version.Registered.PeriodMinutes, out periods, out problem)) return false;
        if (EndedBy(standing, version, day) is not { } end || end >= periods[^1].End) return true;
        periods = [.. periods.Where(period => period.Start < end)
            .Select(period => period.End <= end ? period : new Interval(period.Start, end))];
        if (periods.Count > 0) return true;
        problem = $"{nameof(Rejection.DayNotWholePeriods)}: the next day, of another zone, begins before it";
        return false;
    }

    /// <summary>Whether a day ends before its own zone would end it.</summary>
    public static bool EndsEarly(IReadOnlyList<PointVersion> standing, LocalDate day) =>
        VersionOf(standing, day) is { } version && EndedBy(standing, version, day) is { } end
        && end < SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[version.Registered.Zone], day).End;

    /// <summary>When the first day of another zone begins that follows; null where none does.</summary>
    private static Instant? EndedBy(IReadOnlyList<PointVersion> standing, PointVersion version, LocalDate day)
    {
        Instant? end = null;
        foreach (var later in Enumerable.Range(1, DaysAhead).Select(day.PlusDays))
            if (VersionOf(standing, later) is { } next && next.Registered.Zone != version.Registered.Zone
                && StartOf(next, later) is var start && (end is null || start < end)) end = start;
        return end;
    }

    private static Instant StartOf(PointVersion version, LocalDate day) =>
        SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[version.Registered.Zone], day).Start;
}
