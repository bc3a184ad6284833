using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// The settlement days and periods around a curve, and the records that are known of them. Each day has the periods of
/// the master data in force at its start, as it is settled by them: a change within a day holds from the next day on.
/// What was there before the point's first master data is cut by that.
/// </summary>
internal sealed class PointCalendar
{
    private sealed record MasterData(Instant From, DateTimeZone Zone, int PeriodMinutes);

    private readonly List<MasterData> versions;
    private readonly SortedDictionary<LocalDate, IReadOnlyList<Interval>> days = [];
    private readonly Dictionary<Instant, IntervalRecorded> known = [];
    private List<Instant>? inOrder;

    private PointCalendar(List<MasterData> versions) => this.versions = versions;

    /// <summary>The calendar of a point; null where it is not registered.</summary>
    public static async Task<PointCalendar?> OfAsync(IJournal journal, SettlementPointId point, CancellationToken ct)
    {
        var state = SettlementPointState.Empty;
        await foreach (var recorded in journal.ReadStreamAsync(Streams.Point(point), 0, ct).ConfigureAwait(false))
            state = SettlementPoint.Evolve(state, EventCodec.Decode(recorded), recorded.Envelope.ValidFrom);
        return state.Standing.Count == 0 ? null
            : new([.. state.Standing.Select(version => new MasterData(version.From,
                DateTimeZoneProviders.Tzdb[version.Registered.Zone], version.Registered.PeriodMinutes))]);
    }

    public IEnumerable<LocalDate> Days => days.Keys;
    public IReadOnlyList<Interval> PeriodsOf(LocalDate day) => days[day];
    public IntervalRecorded? Known(Interval period) => known.GetValueOrDefault(period.Start);

    /// <summary>The record of the latest period before this one that has one, in the days that are covered.</summary>
    public IntervalRecorded? KnownBefore(Interval period) => KnownAt(Place(period, out _) - 1);

    /// <summary>The record of the next period after this one that has one, in the days that are covered.</summary>
    public IntervalRecorded? KnownAfter(Interval period) =>
        KnownAt(Place(period, out var isKnown) + (isKnown ? 1 : 0));

    /// <summary>How many recorded periods begin before this one.</summary>
    private int Place(Interval period, out bool isKnown)
    {
        var place = (inOrder ??= [.. known.Keys.Order()]).BinarySearch(period.Start);
        isKnown = place >= 0;
        return isKnown ? place : ~place;
    }

    private IntervalRecorded? KnownAt(int place) =>
        place >= 0 && place < inOrder!.Count ? known[inOrder[place]] : null;

    /// <summary>Prepares every day that the samples lie in and the days beside,
    /// whose first or last period they may close.</summary>
    public Refusal? Cover(PowerSample[] samples, int daysMax)
    {
        for (var i = 0; i < samples.Length;)
        {
            var at = Instant.FromUnixTimeTicks(samples[i].AtMicroseconds * 10);
            var day = DayOf(at);
            foreach (var near in (LocalDate[])[day.PlusDays(-1), day, day.PlusDays(1)])
            {
                if (days.ContainsKey(near)) continue;
                var (_, zone, minutes) = InForce(near);
                if (SettlementCalendar.TryPeriods(zone, near, minutes, out var periods, out var problem))
                    days[near] = periods;
                else if (near == day) return Refusal.Of(Rejection.DayNotWholePeriods, problem);
            }
            if (days.Count > daysMax)
                return Refusal.Of(Rejection.TooLarge, $"a curve touches at most {daysMax} settlement days");
            // Where a point's zone changed to one further west, the days of the two do not meet.
            if (at < days[day][0].Start || at >= days[day][^1].End)
                return Refusal.Of(Rejection.DayNotWholePeriods, $"{at} lies in no settlement day of the point");
            var end = PowerCurve.Microseconds(days[day][^1].End);
            while (i < samples.Length && samples[i].AtMicroseconds < end) i++;
        }
        return null;
    }

    public void Know(LocalDate day, IntervalRecordsState state)
    {
        inOrder = null;
        foreach (var record in state.Latest.Values)
            if (days[day].Contains(record.Period)) known[record.Period.Start] = record;
    }

    private MasterData InForce(LocalDate day) =>
        versions.FindLast(version => version.From <= SettlementCalendar.Day(version.Zone, day).Start) ?? versions[0];

    /// <summary>The local day of an instant, in the zone in force on that day.</summary>
    private LocalDate DayOf(Instant at)
    {
        for (var i = versions.Count - 1; i > 0; i--)
            if (SettlementCalendar.DayContaining(versions[i].Zone, at) is var day && InForce(day) == versions[i])
                return day;
        return SettlementCalendar.DayContaining(versions[0].Zone, at);
    }
}
