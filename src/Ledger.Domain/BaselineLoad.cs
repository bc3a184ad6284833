using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// The metered load of one local day in equal periods, in kWh and signed (export is negative), null where nothing is
/// measured. The length of a period is the length of the day divided by their number.
/// </summary>
public sealed record BaselineDay(LocalDate Day, IReadOnlyList<decimal?> KilowattHours);

/// <summary>
/// The load around an event, by instant and by local time (market rules §2.9: a position is elapsed time from local
/// midnight, never the hand of a clock). The periods of the event have local times; another day is read at the same
/// local times. Where its clock went back and a local time came twice, the mean of both counts; where its clock skipped
/// a local time, that day has no such period and cannot stand for the event.
/// </summary>
internal sealed class BaselineLoad
{
    private readonly BaselineQuestion asked;
    private readonly Dictionary<Instant, decimal?> byInstant = [];
    private readonly Dictionary<LocalDateTime, List<decimal?>> byLocalTime = [];
    private readonly Dictionary<LocalDate, BaselineDay> fitting = [];

    public BaselineLoad(BaselineQuestion asked)
    {
        this.asked = asked;
        EventDay = SettlementCalendar.DayContaining(asked.Zone, asked.Event.Start);
        foreach (var day in asked.Days.Where(day => PeriodOf(asked.Zone, day) == asked.Period)) Add(day);
        EventPeriods = Between(asked.Event.Start, asked.Event.End);
    }

    public LocalDate EventDay { get; }

    /// <summary>Starts of the event's periods; the end of the event is not in it.</summary>
    public IReadOnlyList<Instant> EventPeriods { get; }

    /// <summary>The length of a day's periods; null where the day is empty or no whole number of them.</summary>
    public static Duration? PeriodOf(DateTimeZone zone, BaselineDay day)
    {
        var whole = SettlementCalendar.Day(zone, day.Day).Duration.ToInt64Nanoseconds();
        var count = day.KilowattHours.Count;
        return count == 0 || whole == 0 || whole % count != 0 ? null : Duration.FromNanoseconds(whole / count);
    }

    /// <summary>
    /// The period that most days have, the shorter one where two are as frequent; null where no day has any.
    /// </summary>
    public static Duration? PeriodOf(DateTimeZone zone, IEnumerable<BaselineDay> days) => days
        .Select(day => PeriodOf(zone, day)).OfType<Duration>().GroupBy(period => period)
        .OrderByDescending(group => group.Count()).ThenBy(group => group.Key)
        .Select(group => (Duration?)group.Key).FirstOrDefault();

    /// <summary>Whether that day is given in periods of the length that is asked for.</summary>
    public bool Fits(LocalDate day) => fitting.ContainsKey(day);

    /// <summary>What was metered in the period that starts then.</summary>
    public decimal? At(Instant start) => byInstant.GetValueOrDefault(start);

    /// <summary>What another day metered at the local time of a period of the event's day.</summary>
    public decimal? On(LocalDate day, Instant start) => Values(day, start) is { } values
        ? Mean(values)
        : null;

    /// <summary>Whether another call held in some of these periods.</summary>
    public bool IsCalled(IEnumerable<Instant> starts) => asked.OtherCalls.Count > 0
        && starts.Any(start => asked.OtherCalls.Any(call => Baseline.Meets(call, start, asked.Period)));

    /// <summary>Whether that day is known and its clock skipped the local time of one of these periods.</summary>
    public bool Skips(LocalDate day, IEnumerable<Instant> starts) =>
        starts.Any(start => fitting.ContainsKey(Shifted(day, start).Date) && Values(day, start) is null);

    /// <summary>Starts of all periods that a rule of earlier days takes: those of the event, and of its windows where
    /// these are known.</summary>
    public IReadOnlyList<Instant> Taken(BaselineRule rule) =>
        [.. EventPeriods, .. Periods(rule.Adjustment?.Windows ?? []) ?? []];

    /// <summary>How many days from the event's day the other local days are on which such periods lie, in
    /// order.</summary>
    public IReadOnlyList<int> DaysBeyond(BaselineRule rule) => [.. Taken(rule)
        .Select(start => Period.DaysBetween(EventDay, Shifted(EventDay, start).Date))
        .Where(days => days != 0).Distinct().Order()];

    /// <summary>Whether that day, in the place of the event's, reads as far as the event's own hours.</summary>
    public bool ReachesEvent(LocalDate day, IEnumerable<Instant> starts)
    {
        var begins = asked.Event.Start.InZone(asked.Zone).LocalDateTime;
        return starts.Any(start => Shifted(day, start) >= begins);
    }

    /// <summary>Mean kWh per period of another day at these local times; null where a value is missing.</summary>
    public decimal? MeanOn(LocalDate day, IReadOnlyList<Instant> starts) =>
        Mean([.. starts.Select(start => On(day, start))]);

    /// <summary>Mean kWh per period of what was metered then; null where a value is missing.</summary>
    public decimal? MeanAt(IReadOnlyList<Instant> starts) => Mean([.. starts.Select(At)]);

    /// <summary>Mean kWh per period of a whole day; null where a value is missing.</summary>
    public decimal? MeanOf(LocalDate day) => Mean(fitting[day].KilowattHours);

    /// <summary>Starts of all periods of the event's own day.</summary>
    public IReadOnlyList<Instant> PeriodsOfEventDay()
    {
        var whole = SettlementCalendar.Day(asked.Zone, EventDay);
        return Between(whole.Start, whole.End);
    }

    /// <summary>Those of them that lie at least so far from the event, on either side.</summary>
    public IEnumerable<Instant> PeriodsBeside(int adjacentMinutes)
    {
        var around = Duration.FromMinutes(adjacentMinutes);
        return PeriodsOfEventDay().Where(start =>
            start + asked.Period <= asked.Event.Start - around || start >= asked.Event.End + around);
    }

    /// <summary>Starts of the periods that lie wholly in a window; null where its anchor is not known.</summary>
    public IReadOnlyList<Instant>? Periods(BaselineWindow window)
    {
        if (Moment(window.Anchor, window.FromMinutes) is not { } from) return null;
        var to = Moment(window.Anchor, window.ToMinutes)!.Value;
        var period = asked.Period.ToInt64Nanoseconds();
        var first = (from - asked.Event.Start).ToInt64Nanoseconds();
        if (from == to) return [asked.Event.Start + Duration.FromNanoseconds(FloorDivide(first, period) * period)];
        var start = asked.Event.Start + Duration.FromNanoseconds(-FloorDivide(-first, period) * period);
        return Between(start, to);
    }

    /// <summary>The same for several windows; null where an anchor is not known.</summary>
    public IReadOnlyList<Instant>? Periods(IReadOnlyList<BaselineWindow> windows)
    {
        var periods = windows.Select(Periods).ToList();
        return periods.Contains(null) ? null : [.. periods.SelectMany(starts => starts!).Distinct().Order()];
    }

    public static decimal? Mean(IReadOnlyList<decimal?> values) =>
        values.Count == 0 || values.Contains(null) ? null : values.Sum() / values.Count;

    private void Add(BaselineDay day)
    {
        fitting.Add(day.Day, day);
        var start = SettlementCalendar.Day(asked.Zone, day.Day).Start;
        foreach (var value in day.KilowattHours)
        {
            byInstant.Add(start, value);
            var local = start.InZone(asked.Zone).LocalDateTime;
            if (!byLocalTime.TryGetValue(local, out var values)) byLocalTime.Add(local, values = []);
            values.Add(value);
            start += asked.Period;
        }
    }

    private List<decimal?>? Values(LocalDate day, Instant start) => byLocalTime.GetValueOrDefault(Shifted(day, start));

    private LocalDateTime Shifted(LocalDate day, Instant start) =>
        start.InZone(asked.Zone).LocalDateTime.PlusDays(Period.DaysBetween(EventDay, day));

    private Instant? Moment(BaselineAnchor anchor, int minutes) => anchor switch
    {
        BaselineAnchor.EventStart => asked.Event.Start + Duration.FromMinutes(minutes),
        BaselineAnchor.EventEnd => asked.Event.End + Duration.FromMinutes(minutes),
        BaselineAnchor.Notice => asked.NoticeAt + Duration.FromMinutes(minutes),
        _ => EventDay.AtMidnight().PlusMinutes(minutes).InZoneLeniently(asked.Zone).ToInstant(),
    };

    private IReadOnlyList<Instant> Between(Instant from, Instant to)
    {
        var starts = new List<Instant>();
        for (var start = from; start + asked.Period <= to; start += asked.Period) starts.Add(start);
        return starts;
    }

    private static long FloorDivide(long value, long divisor) =>
        value / divisor - (value % divisor < 0 ? 1 : 0);
}
