using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// The settlement days and periods of a point, by the master data in force at the start of each day: a change within a
/// day holds from the next day on. What was there before the first master data is divided by that. The periods of a day
/// follow each other from its midnight, so where a zone's clock changes by no whole number of periods (of half an hour,
/// where they are hours) they are others from the next midnight on. The same for all points with the same master data.
/// </summary>
internal sealed class PointPeriods
{
    /// <summary>From an instant (µs), which is the start of a day, on.</summary>
    private readonly record struct Span(long From, DateTimeZone Zone, int Minutes)
    {
        public bool IsAs(Span other) => Minutes == other.Minutes && Zone.Equals(other.Zone);
    }

    /// <summary>No sample of before counts, so the periods of an earlier day are nobody's.</summary>
    private static readonly LocalDate FirstDay = new(2015, 1, 1);

    /// <summary>Changes of clocks that are known beforehand are looked for up to the end of a frame's times.</summary>
    private static readonly Instant End = At(Limits.FrameTimeMicrosecondsEnd);

    private readonly List<Span> spans;

    /// <summary>What is in force now, of a stream that goes on with what it began with; null where that is the same.
    /// </summary>
    private PointPeriods? InForce { get; init; }

    private PointPeriods(List<Span> spans)
    {
        this.spans = spans;
        Grid = new(PowerCurve.Microseconds(SettlementCalendar.Day(spans[0].Zone, FirstDay).Start), Step(spans[0]));
        for (var i = 0; i < spans.Count; i++)
        {
            if (i > 0) Grid = Grid.Then(spans[i].From, Step(spans[i]));
            foreach (var midnight in Shifts(spans[i], i + 1 < spans.Count ? spans[i + 1].From : long.MaxValue))
                Grid = Grid.Then(midnight, Step(spans[i]));
        }
    }

    public CurveGrid Grid { get; }

    /// <summary>Whether it never changes.</summary>
    public bool IsOne => spans.Count == 1;

    /// <param name="standing">The versions of a registered point that stand, in order of time.</param>
    public static PointPeriods Of(IReadOnlyList<PointVersion> standing)
    {
        var spans = new List<Span>();
        foreach (var version in standing)
        {
            var zone = DateTimeZoneProviders.Tzdb[version.Registered.Zone];
            var from = spans.Count == 0 ? long.MinValue
                : PowerCurve.Microseconds(FirstDayFrom(zone, version.From).Start);
            // A day has one version, the latest that is in force at its start.
            while (spans.Count > 0 && spans[^1].From >= from && from > long.MinValue) spans.RemoveAt(spans.Count - 1);
            Add(spans, new(from, zone, version.Registered.PeriodMinutes));
        }
        return new(spans);
    }

    /// <summary>
    /// What holds of a stream that has samples: up to an instant what it began with, whatever became known of that time
    /// since; what is in force then holds from the next day on.
    /// </summary>
    public PointPeriods Continuing(PointPeriods begun, long untilMicroseconds)
    {
        var kept = begun.spans.Where(span => span.From <= untilMicroseconds).ToList();
        var now = spans.Last(span => span.From <= untilMicroseconds);
        var (_, end) = begun.Grid.PeriodOf(untilMicroseconds);
        var next = FirstDayFrom(now.Zone, At(end));
        if (!now.IsAs(kept[^1])) Add(kept, now with { From = PowerCurve.Microseconds(next.Start) });
        foreach (var span in spans.Where(span => span.From > untilMicroseconds))
        {
            var from = span.From >= end ? span.From
                : PowerCurve.Microseconds(FirstDayFrom(span.Zone, At(end)).Start);
            if (kept[^1].From >= from) kept.RemoveAt(kept.Count - 1);
            Add(kept, span with { From = from });
        }
        return new(kept) { InForce = this };
    }

    /// <summary>The settlement day of a period; null where it is of none: where a point's zone changed to one further
    /// west, the days of the two do not meet. Where the zone was set right of a time before, they do by what is in
    /// force now.</summary>
    public LocalDate? DayOf(Interval period)
    {
        var start = PowerCurve.Microseconds(period.Start);
        var at = spans.FindLastIndex(span => span.From <= start);
        var day = SettlementCalendar.DayContaining(spans[at].Zone, period.Start);
        return at + 1 < spans.Count
            && day >= SettlementCalendar.DayContaining(spans[at + 1].Zone, At(spans[at + 1].From))
            ? InForce?.DayOf(period) : day;
    }

    private static void Add(List<Span> spans, Span span)
    {
        if (spans.Count == 0 || !spans[^1].IsAs(span)) spans.Add(span);
    }

    private static Instant At(long microseconds) => Instant.FromUnixTimeTicks(microseconds * 10);

    /// <summary>The midnights within a span from which on its periods are others, because the clock changed before by
    /// no whole number of them.</summary>
    private static IEnumerable<long> Shifts(Span span, long end)
    {
        var first = SettlementCalendar.Day(span.Zone, FirstDay).Start;
        var from = span.From == long.MinValue ? first : Instant.Max(first, At(span.From));
        if (from >= End) yield break;
        Offset? before = null;
        foreach (var clock in span.Zone.GetZoneIntervals(from, End))
        {
            var isOther = before is { } known && (clock.WallOffset.Ticks - known.Ticks) % (Step(span) * 10) != 0;
            before = clock.WallOffset;
            if (!isOther) continue;
            var midnight = PowerCurve.Microseconds(FirstDayFrom(span.Zone, clock.Start).Start);
            if (midnight < end) yield return midnight;
        }
    }

    private static long Step(Span span) => span.Minutes * 60_000_000L;

    /// <summary>The first settlement day that begins at an instant or after it.</summary>
    private static Interval FirstDayFrom(DateTimeZone zone, Instant at)
    {
        var day = SettlementCalendar.Day(zone, SettlementCalendar.DayContaining(zone, at));
        return day.Start >= at ? day
            : SettlementCalendar.Day(zone, SettlementCalendar.DayContaining(zone, day.End));
    }
}
