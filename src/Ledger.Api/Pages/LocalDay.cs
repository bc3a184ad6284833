using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Pages;

/// <summary>
/// A settlement day at each point: from midnight to midnight by the clocks of the place where the point is, whether
/// anything was metered there on that day or not.
/// </summary>
internal sealed class LocalDay(Answers answers, LocalDate day)
{
    private readonly Dictionary<string, DateTimeZone> zones = new(StringComparer.Ordinal);

    /// <summary>Of a point of which nothing is known the clocks are those of the first that was metered.</summary>
    private readonly Lazy<DateTimeZone> unknown =
        new(() => Named(answers.Export(day).FirstOrDefault()?.Zone ?? "Etc/UTC"));

    public DateTimeZone ZoneOf(string point)
    {
        if (zones.TryGetValue(point, out var known)) return known;
        return zones[point] =
            answers.PointOn(new(point), day) is { } registered ? Named(registered.Zone) : unknown.Value;
    }

    /// <summary>Whether some time from one instant to another is in the day at a point.</summary>
    public bool Touches(string point, Instant start, Instant end) =>
        SettlementCalendar.Day(ZoneOf(point), day) is var edges && start < edges.End && end > edges.Start;

    /// <summary>Whether it may be anywhere: no clock is a whole day from that of Greenwich.</summary>
    public bool MayTouch(Instant start, Instant end) =>
        start < Greenwich(day.PlusDays(2)) && end > Greenwich(day.PlusDays(-1));

    private static Instant Greenwich(LocalDate midnight) => midnight.AtMidnight().InUtc().ToInstant();

    private static DateTimeZone Named(string zone) => DateTimeZoneProviders.Tzdb[zone];
}
