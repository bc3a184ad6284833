using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The settlement periods of a point's day as they are priced: one inside which the tariff period changes is cut there,
/// where finer readings or records say how much of its energy is on either side (market rules §2.8: a half hour that is
/// half in the peak is not billed as peak). Where only a guess would say it the period stays whole, and its line has no
/// amount.
/// </summary>
internal static class PricedPeriods
{
    public static PointFacts Of(PointFacts point, TariffPublished tariff)
    {
        var edges = EdgesInside(point, tariff);
        if (edges.Count == 0) return point;
        var cut = point with
        {
            Periods = [.. point.Periods.SelectMany(period => Parts(period, edges))],
        };
        var (whole, parts) = (Quantities(point), Quantities(cut));
        var kept = point.Periods.Where(period => !IsSpread(period, whole, parts)).ToHashSet();
        return point with
        {
            Periods = [.. point.Periods.SelectMany(period => kept.Contains(period) ? [period] : Parts(period, edges))],
        };
    }

    /// <summary>Where the tariff period of either direction changes, and no settlement period begins.</summary>
    private static List<Instant> EdgesInside(PointFacts point, TariffPublished tariff)
    {
        var (zone, periods) = (DateTimeZoneProviders.Tzdb[tariff.Zone], point.Periods);
        var day = new Interval(periods[0].Start, periods[^1].End);
        var begins = periods.Select(period => period.Start).ToHashSet();
        return [.. point.Directions
            .SelectMany(direction => TariffCalendar.EdgesWithin(EnergyPrices.CalendarOf(tariff, direction), zone, day))
            .Where(edge => !begins.Contains(edge)).Distinct().Order()];
    }

    private static IEnumerable<Interval> Parts(Interval period, List<Instant> edges)
    {
        var start = period.Start;
        foreach (var edge in edges)
        {
            if (edge <= period.Start || edge >= period.End) continue;
            yield return new(start, edge);
            start = edge;
        }
        yield return new(start, period.End);
    }

    private static ILookup<Direction, MeteredQuantity> Quantities(PointFacts point) =>
        point.Quantities().ToLookup(quantity => quantity.Direction);

    /// <summary>Whether the energies of the parts are known, are all of the period's, and rest on no guess that the
    /// period's does not.</summary>
    private static bool IsSpread(
        Interval period, ILookup<Direction, MeteredQuantity> whole, ILookup<Direction, MeteredQuantity> parts) =>
        whole.All(direction =>
        {
            var of = direction.First(quantity => quantity.Period == period);
            var spread = parts[direction.Key].Where(quantity =>
                quantity.Period.Start >= period.Start && quantity.Period.End <= period.End).ToList();
            return spread.TrueForAll(part => part.Metered is not null
                    && (part.Quality < ReadingQuality.Estimated || part.Quality <= of.Quality))
                && spread.Aggregate(Energy.Zero, (sum, part) => sum + part.Metered!.Value) == of.Metered;
        });
}
