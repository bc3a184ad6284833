using System.Collections.Concurrent;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>A settlement day of a zone, with its edges and the name that rows have for it.</summary>
public sealed record SettlementDay(string Zone, LocalDate Date, Interval Edges, string Name)
{
    private const int Quarters = 128; // more than a day has; a power of two
    private const long TicksPerQuarter = 15 * NodaConstants.TicksPerMinute;

    /// <summary>By the quarter hour that was asked for last: facts come in order of time, and all of a day again and
    /// again.</summary>
    private static readonly ConcurrentDictionary<string, SettlementDay?[]> Recent = new(StringComparer.Ordinal);

    public static SettlementDay Of(string zone, LocalDate date) => new(
        zone, date, SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[zone], date), RowJson.Day(date));

    /// <summary>The day in which an instant is settled.</summary>
    public static SettlementDay Containing(string zone, Instant at)
    {
        if (!Recent.TryGetValue(zone, out var days)) days = Recent.GetOrAdd(zone, _ => new SettlementDay?[Quarters]);
        ref var day = ref days[(at.ToUnixTimeTicks() / TicksPerQuarter) & (Quarters - 1)];
        return day is { } known && known.Edges.Contains(at) ? known
            : day = Of(zone, SettlementCalendar.DayContaining(DateTimeZoneProviders.Tzdb[zone], at));
    }
}
