using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// The energy of one month, direction and tariff period, exact. With a problem it is what is known of it, and no amount
/// follows from it.
/// </summary>
/// <param name="Period">Null where no rule of the tariff holds.</param>
public sealed record PeriodEnergy(
    YearMonth Month, Direction Direction, TariffPeriod? Period, Energy Energy, string? Problem);

/// <summary>
/// Loads summed by month and tariff period. Where a price edge or the end of a month lies inside a load, its energy is
/// divided by its curve; without one nobody knows how much belongs where, and both sides say so.
/// </summary>
public static class BilledEnergy
{
    private readonly record struct Stretch(Instant End, YearMonth Month, TariffPeriod? Period);

    /// <summary>By month, import first, then period.</summary>
    /// <param name="loads">In order of time, without holes and overlaps; at least one.</param>
    public static IReadOnlyList<PeriodEnergy> Of(
        TariffPublished tariff, DateTimeZone zone, IReadOnlyList<BillLoad> loads) =>
        [.. Enum.GetValues<Direction>().SelectMany(direction => Of(tariff, zone, loads, direction))
            .OrderBy(sum => sum.Month).ThenBy(sum => sum.Direction).ThenBy(sum => sum.Period)];

    private static IEnumerable<PeriodEnergy> Of(
        TariffPublished tariff, DateTimeZone zone, IReadOnlyList<BillLoad> loads, Direction direction)
    {
        var span = new Interval(loads[0].Period.Start, loads[^1].Period.End);
        var stretches = Stretches(EnergyPrices.CalendarOf(tariff, direction), zone, span);
        var sums = stretches.ConvertAll(_ => (Energy: Energy.Zero, Problem: (string?)null, IsMet: false));
        var at = 0;
        foreach (var load in loads)
        {
            while (stretches[at].End <= load.Period.Start) at++;
            // Nearly every load lies in one stretch and needs no division.
            if (load.Period.End <= stretches[at].End)
            {
                Add(at, load, load.Of(direction));
                continue;
            }

            var edges = new List<Instant>();
            for (var i = at; stretches[i].End < load.Period.End; i++) edges.Add(stretches[i].End);
            foreach (var (i, (_, energy)) in load.Divided(direction, edges).Index()) Add(at + i, load, energy);
        }

        return stretches.Zip(sums).Where(each => each.Second.IsMet)
            .GroupBy(each => (each.First.Month, each.First.Period), each => each.Second)
            .Select(same => new PeriodEnergy(same.Key.Month, direction, same.Key.Period,
                same.Aggregate(Energy.Zero, (sum, each) => sum + each.Energy),
                same.Select(each => each.Problem).FirstOrDefault(problem => problem is not null)));

        void Add(int stretch, BillLoad load, Energy? energy) => sums[stretch] = energy is { } known
            ? (sums[stretch].Energy + known, sums[stretch].Problem, true)
            : (sums[stretch].Energy, sums[stretch].Problem ?? Problem(load, direction), true);
    }

    private static string Problem(BillLoad load, Direction direction) => load.Of(direction) is null
        ? $"energy missing from {load.Period.Start}"
        : $"tariff edge inside the period from {load.Period.Start}, and no curve divides it";

    private static List<Stretch> Stretches(TariffPublished calendar, DateTimeZone zone, Interval span)
    {
        var edges = new SortedSet<Instant>(TariffCalendar.EdgesWithin(calendar, zone, span)) { span.Start };
        var month = MonthOf(zone, span.Start);
        for (var next = month.PlusMonths(1); StartOf(zone, next) < span.End; next = next.PlusMonths(1))
            edges.Add(StartOf(zone, next));
        return [.. edges.Zip(edges.Skip(1).Append(span.End), (from, to) =>
            new Stretch(to, MonthOf(zone, from), TariffCalendar.PeriodAt(calendar, zone, from)))];
    }

    /// <summary>The billing month of an instant: it begins at the start of the local day.</summary>
    public static YearMonth MonthOf(DateTimeZone zone, Instant at) =>
        SettlementCalendar.DayContaining(zone, at).ToYearMonth();

    private static Instant StartOf(DateTimeZone zone, YearMonth month) =>
        SettlementCalendar.Day(zone, month.OnDayOfMonth(1)).Start;
}
