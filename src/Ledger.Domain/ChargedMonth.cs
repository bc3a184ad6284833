using System.Globalization;
using System.Numerics;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>A settlement period of a point with the reasons for its energy, by which alone its energy counts
/// here.</summary>
/// <param name="Day">The settlement day that it lies in.</param>
public sealed record ReasonedPeriod(Interval Period, LocalDate Day, ExplainedValue Import, ExplainedValue Export)
{
    private readonly BigInteger? import = Energy(Import), export = Energy(Export);

    /// <summary>In half nanojoules; null where nothing is known.</summary>
    internal BigInteger? Of(Direction direction) => direction == Direction.Import ? import : export;

    internal ExplainedValue Why(Direction direction) => direction == Direction.Import ? Import : Export;

    private static BigInteger? Energy(ExplainedValue why) => why.Follows == ExplainedValue.None
        ? null : BigInteger.Parse(why.Follows, CultureInfo.InvariantCulture);
}

/// <summary>The energy of a month's tariff period in one direction, brought to the tariff's decimals.</summary>
/// <param name="Kwh">Of what is known.</param>
internal sealed record MonthEnergy(
    Direction Direction, TariffPeriod? Period, Fraction Kwh, string? Problem, ExplainedValue Why);

/// <summary>The highest demand of a month or day, in kW; null where it is not known.</summary>
internal sealed record MonthDemand(LocalDate First, Fraction? Kw, string? Problem, ExplainedValue Why);

/// <summary>
/// The energy and the demand of a point's month, a second time and written apart from <see cref="BilledEnergy"/> and
/// <see cref="MeasuredDemand"/>: what is billed of a period is the difference of two roundings of what was metered up
/// to and before it, and a demand interval is the difference of two readings of one running sum. Settled loads bear no
/// curve, so what lies across an edge is not divided here.
/// </summary>
internal static class ChargedMonth
{
    private static readonly BigInteger Kilowatthour = (BigInteger)Energy.HalfNanojoulesPerWattHour * 1000;
    /// <summary>Half nanojoules that a milliwatt moves in a second: a milliwatt and a microsecond are two.</summary>
    private const long PerMilliwattSecond = 2_000_000;

    /// <summary>By direction and tariff period, import first.</summary>
    public static IReadOnlyList<MonthEnergy> Energies(TariffPublished tariff, IReadOnlyList<ReasonedPeriod> periods)
    {
        var zone = DateTimeZoneProviders.Tzdb[tariff.Zone];
        var energies = new List<MonthEnergy>();
        foreach (var direction in Enum.GetValues<Direction>())
        {
            var calendar = EnergyPrices.CalendarOf(tariff, direction);
            var parts = periods.SelectMany(period => Parts(calendar, zone, direction, period))
                .GroupBy(part => part.Of).OrderBy(group => group.Key);
            var (metered, billed) = (BigInteger.Zero, BigInteger.Zero);
            foreach (var part in parts)
            {
                metered += part.Aggregate(BigInteger.Zero, (sum, each) => sum + (each.Energy ?? 0));
                var upTo = Steps(metered, tariff.EnergyDecimals);
                var kwh = new Fraction(upTo - billed, BigInteger.Pow(10, tariff.EnergyDecimals));
                billed = upTo;
                energies.Add(new(direction, part.Key, kwh,
                    part.Select(each => each.Problem).FirstOrDefault(problem => problem is not null),
                    new(Named(direction, part.Key), "kWh", Text(kwh), Text(kwh), ExplanationRule.MonthEnergy,
                        $"metered up to and with it, {Kwh(metered)} kWh, rounded; less what was billed before it",
                        [.. Days(part, direction)])));
            }
        }

        return energies;
    }

    public static string Named(Direction direction, TariffPeriod? period) =>
        $"{direction} {period?.ToString() ?? "without a period"}";

    private sealed record Part(TariffPeriod? Of, BigInteger? Energy, string? Problem, ReasonedPeriod Period);

    private static IEnumerable<Part> Parts(
        TariffPublished calendar, DateTimeZone zone, Direction direction, ReasonedPeriod period)
    {
        var at = period.Period.Start;
        var edges = TariffCalendar.EdgesWithin(calendar, zone, period.Period);
        var energy = period.Of(direction);
        var problem = energy is null ? $"energy missing from {at}"
            : edges.Count > 0 && energy != 0 ? $"tariff edge inside the period from {at}, and no curve divides it"
            : null;
        foreach (var start in edges.Prepend(at))
            yield return new(TariffCalendar.PeriodAt(calendar, zone, start), problem is null ? energy : null, problem,
                period);
    }

    private static IEnumerable<ExplainedValue> Days(IEnumerable<Part> parts, Direction direction) =>
        parts.GroupBy(part => part.Period.Day).OrderBy(day => day.Key).Select(day =>
        {
            var sum = day.Aggregate(BigInteger.Zero, (total, part) => total + (part.Energy ?? 0));
            var missing = day.Count(part => part.Problem is not null);
            return new ExplainedValue($"{LocalDatePattern.Iso.Format(day.Key)}",
                ExplainedValue.HalfNanojoules, $"{sum}", $"{sum}", ExplanationRule.MonthDay,
                $"sum of {day.Count()}" + (missing == 0 ? "" : $", of them {missing} not known"),
                [.. day.Select(part => part.Period.Why(direction))]);
        });

    /// <summary>Whole steps of the tariff's quantum, half up.</summary>
    private static BigInteger Steps(BigInteger energy, int decimals) => // never below zero, so division rounds down
        (energy * 2 * BigInteger.Pow(10, decimals) + Kilowatthour) / (Kilowatthour * 2);

    /// <summary>By month or day, as the charge asks; without those in which nothing of it is measured.</summary>
    public static IReadOnlyList<MonthDemand> Demands(
        DemandCharge charge, TariffPublished tariff, IReadOnlyList<ReasonedPeriod> periods)
    {
        var steps = Steps(charge, tariff, periods);
        var length = charge.IntervalMinutes / charge.SlideMinutes;
        LocalDate First(Step step) => charge.Per == DemandSpan.Day ? step.Day : new(step.Day.Year, step.Day.Month, 1);
        var demands = new List<MonthDemand>();
        foreach (var span in steps.Index().Where(step => step.Item.Counts).GroupBy(step => First(step.Item)))
        {
            var (highest, from) = (BigInteger.MinusOne, 0);
            foreach (var (i, _) in span)
            {
                if (i + length > steps.Count || Enumerable.Range(i, length).Any(k =>
                    !steps[k].Counts || !steps[k].IsKnown || First(steps[k]) != span.Key)) continue;
                var seconds = (long)(steps[i + length - 1].Time.End - steps[i].Time.Start).TotalSeconds;
                var mean = new Fraction(steps[i + length - 1].UpTo - (i == 0 ? 0 : steps[i - 1].UpTo),
                    (BigInteger)seconds * PerMilliwattSecond).Round();
                if (mean > highest) (highest, from) = (mean, i);
            }

            demands.Add(Demand(charge, span.Key, [.. span.Select(step => step.Item)], highest, steps, from, length,
                periods));
        }

        return demands;
    }

    private static MonthDemand Demand(DemandCharge charge, LocalDate first, IReadOnlyList<Step> span,
        BigInteger highest, List<Step> steps, int from, int length, IReadOnlyList<ReasonedPeriod> periods)
    {
        var unknown = span.FirstOrDefault(step => !step.IsKnown);
        var problem = unknown is not null ? $"demand not known from {unknown.Time.Start}"
            : highest < 0 ? "no whole demand interval" : null;
        Fraction? kw = problem is null ? new Fraction(highest, 1_000_000) : null;
        var time = highest < 0 ? span[0].Time : new(steps[from].Time.Start, steps[from + length - 1].Time.End);
        return new(first, kw, problem, new("peak", "kW", Text(kw), Text(kw), ExplanationRule.Peak,
            problem ?? $"the mean of {charge.IntervalMinutes} min from {time.Start}, the highest of {span.Count}",
            [.. periods.Where(period => period.Period.Start < time.End && period.Period.End > time.Start)
                .Select(period => period.Import)]));
    }

    /// <summary>A step of a charge's grid, and the running sum of import up to its end.</summary>
    private sealed record Step(Interval Time, LocalDate Day, bool Counts)
    {
        public BigInteger UpTo { get; set; }
        public bool IsKnown { get; set; }
    }

    private static List<Step> Steps(
        DemandCharge charge, TariffPublished tariff, IReadOnlyList<ReasonedPeriod> periods)
    {
        var (zone, steps, sum, next) = (DateTimeZoneProviders.Tzdb[tariff.Zone], new List<Step>(), BigInteger.Zero, 0);
        for (var day = periods[0].Day; day <= periods[^1].Day; day = day.PlusDays(1))
        {
            var whole = SettlementCalendar.Day(zone, day);
            for (var at = whole.Start; at < whole.End;)
            {
                var end = Instant.Min(at + Duration.FromMinutes(charge.SlideMinutes), whole.End);
                var local = at.InZone(zone);
                var step = new Step(new(at, end), day, charge.Windows.Any(window => Holds(window, tariff, local)));
                (step.IsKnown, sum) = Upto(periods, ref next, step.Time, sum);
                step.UpTo = sum;
                steps.Add(step);
                at = end;
            }
        }

        return steps;
    }

    /// <summary>Whether import fills the step without a hole and without energy that reaches beyond it.</summary>
    private static (bool IsKnown, BigInteger Sum) Upto(
        IReadOnlyList<ReasonedPeriod> periods, ref int next, Interval step, BigInteger sum)
    {
        var (known, reached) = (true, step.Start);
        for (; next < periods.Count && periods[next].Period.Start < step.End; next++)
        {
            var (of, energy) = (periods[next].Period, periods[next].Of(Direction.Import));
            known &= of.Start <= reached && energy is not null
                && (energy == 0 || (of.Start >= step.Start && of.End <= step.End));
            (reached, sum) = (of.End, sum + (energy ?? 0));
            // A period that reaches into the next step is looked at there again; what it moved is known only of none.
            if (of.End <= step.End) continue;
            sum -= energy ?? 0;
            break;
        }

        return (known && reached >= step.End, sum);
    }

    private static bool Holds(DemandWindow window, TariffPublished tariff, ZonedDateTime at) =>
        window.Months.Contains(at.Month) && window.Days.Contains(TariffCalendar.ClassOf(tariff, at.Date))
        && at.TimeOfDay >= window.From && (window.To is null || at.TimeOfDay < window.To);

    public static string Text(Fraction? value) => value?.ToText(Bill.Unrounded) ?? ExplainedValue.None;

    private static string Kwh(BigInteger energy) => new Fraction(energy, Kilowatthour).ToText(6);
}
