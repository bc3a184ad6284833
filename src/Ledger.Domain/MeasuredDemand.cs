using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// The highest demand of a month or day, and when its interval began. Where a demand interval that counts is not known,
/// the highest is not known either, and the problem says from when on.
/// </summary>
/// <param name="First">The day, or the first day of the month.</param>
public sealed record SpanDemand(LocalDate First, Power? Highest, Instant? At, string? Problem);

/// <summary>
/// Demand is the mean power of the import in a demand interval; intervals begin at the start of the local day and then
/// every so many minutes that have passed, never by the hand of a clock. An interval counts where all of it lies in the
/// charge's windows and in one month or day. A load that is longer than a step is divided by its curve, or is not
/// known: a mean over an hour would hide the quarter that is billed.
/// </summary>
public static class MeasuredDemand
{
    private sealed record Step(Interval Time, LocalDate Day, bool Counts)
    {
        public Energy Energy { get; set; }
        public Duration Covered { get; set; }
        public bool Unknown { get; set; }
        public bool Known => !Unknown && Covered == Time.Duration;

        public void Add(Duration covered, Energy? energy)
        {
            Energy += energy ?? Energy.Zero;
            Covered += covered;
            Unknown |= energy is null;
        }
    }

    /// <param name="loads">In order of time, without holes and overlaps.</param>
    public static IReadOnlyList<SpanDemand> Of(
        DemandCharge charge, TariffPublished tariff, DateTimeZone zone, IReadOnlyList<BillLoad> loads)
    {
        var steps = Steps(charge, tariff, zone, loads);
        var spans = new SortedDictionary<LocalDate, SpanDemand>();
        var length = charge.IntervalMinutes / charge.SlideMinutes;
        for (var i = 0; i < steps.Count; i++)
        {
            if (!steps[i].Counts) continue;
            var first = FirstOf(charge, steps[i].Day);
            var span = spans.GetValueOrDefault(first) ?? new(first, null, null, null);
            spans[first] = steps[i].Known ? span
                : span with { Problem = span.Problem ?? $"demand not known from {steps[i].Time.Start}" };
            if (i + length <= steps.Count && Whole(charge, steps, i, length))
                spans[first] = Higher(spans[first], steps, i, length);
        }

        return [.. spans.Values.Select(span => span switch
        {
            { Problem: not null } => span with { Highest = null, At = null },
            { Highest: null } => span with { Problem = "no whole demand interval" },
            _ => span,
        })];
    }

    private static SpanDemand Higher(SpanDemand span, List<Step> steps, int from, int length)
    {
        var energy = Energy.Zero;
        for (var i = from; i < from + length; i++) energy += steps[i].Energy;
        var time = steps[from + length - 1].Time.End - steps[from].Time.Start;
        // mW · µs are nanojoules, and energy counts halves of them; kept in whole milliwatts as every power.
        var mean = new Power((long)Energy.DivideHalfEven(
            energy.HalfNanojoules, (Int128)(time.ToInt64Nanoseconds() / 1000) * 2));
        return span.Highest is { } highest && highest >= mean ? span
            : span with { Highest = mean, At = steps[from].Time.Start };
    }

    private static bool Whole(DemandCharge charge, List<Step> steps, int from, int length)
    {
        for (var i = from; i < from + length; i++)
            if (!steps[i].Counts || !steps[i].Known
                || FirstOf(charge, steps[i].Day) != FirstOf(charge, steps[from].Day)) return false;
        return true;
    }

    private static LocalDate FirstOf(DemandCharge charge, LocalDate day) =>
        charge.Per == DemandSpan.Day ? day : new(day.Year, day.Month, 1);

    private static List<Step> Steps(
        DemandCharge charge, TariffPublished tariff, DateTimeZone zone, IReadOnlyList<BillLoad> loads)
    {
        var steps = new List<Step>();
        var (day, date) = (new Interval(Instant.MinValue, Instant.MinValue), default(LocalDate));
        foreach (var load in loads)
        {
            var first = -1;
            for (var at = load.Period.Start; at < load.Period.End; at = steps[^1].Time.End)
            {
                if (steps.Count == 0 || at >= steps[^1].Time.End)
                {
                    if (!day.Contains(at))
                    {
                        date = SettlementCalendar.DayContaining(zone, at);
                        day = SettlementCalendar.Day(zone, date);
                    }

                    steps.Add(StepAt(charge, tariff, zone, day, date, at));
                }

                if (first < 0) first = steps.Count - 1;
            }

            if (first == steps.Count - 1)
            {
                steps[first].Add(load.Period.Duration, load.Import);
                continue;
            }

            Instant[] edges = [.. steps.Skip(first).SkipLast(1).Select(step => step.Time.End)];
            foreach (var (i, (part, energy)) in load.Divided(Direction.Import, edges).Index())
                steps[first + i].Add(part.Duration, energy);
        }

        return steps;
    }

    private static Step StepAt(
        DemandCharge charge, TariffPublished tariff, DateTimeZone zone, Interval day, LocalDate date, Instant at)
    {
        var length = Duration.FromMinutes(charge.SlideMinutes);
        var index = (at - day.Start).ToInt64Nanoseconds() / length.ToInt64Nanoseconds();
        var start = day.Start + Duration.FromNanoseconds(index * length.ToInt64Nanoseconds());
        var local = start.InZone(zone).LocalDateTime;
        return new(new(start, Instant.Min(start + length, day.End)), date,
            charge.Windows.Any(window => Holds(window, tariff, local)));
    }

    private static bool Holds(DemandWindow window, TariffPublished tariff, LocalDateTime at) =>
        window.Months.Contains(at.Month) && at.TimeOfDay >= window.From
        && (window.To is not { } to || at.TimeOfDay < to)
        && window.Days.Contains(TariffCalendar.ClassOf(tariff, at.Date));
}
