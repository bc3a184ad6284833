using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Projections;

/// <summary>
/// What was planned at one target by the notice of its call: its declared schedule and its charging sessions. These are
/// words of those who are paid by the baseline, so they count only as far as the ledger had them when the call was
/// recorded, from whatever position the meter values are taken.
/// </summary>
/// <param name="known">The facts before the instruction.</param>
internal sealed class PointPlans(
    KnownFacts known, SettlementPointRegistered point, PointLoad load, Instant notice)
{
    /// <summary>The question with what its rule asks of plans, and what is to be noted of them.</summary>
    /// <param name="periods">Those of the call.</param>
    public async Task<(BaselineQuestion Asked, IReadOnlyList<string> Notes)> AddToAsync(
        BaselineRule rule, BaselineQuestion asked, IReadOnlyList<Interval> periods) => rule.Method switch
        {
            BaselineMethod.Declared => await DeclaredAsync(asked, periods).ConfigureAwait(false),
            BaselineMethod.Session => await RequestedAsync(asked, periods).ConfigureAwait(false),
            _ => (asked, []),
        };

    /// <summary>
    /// The schedule of the call's periods as of the notice, and that of each earlier day as of as long before: how good
    /// a declaration is, is measured by what would have been known at such a notice, not by what was declared later.
    /// </summary>
    private async Task<(BaselineQuestion, IReadOnlyList<string>)> DeclaredAsync(
        BaselineQuestion asked, IReadOnlyList<Interval> periods)
    {
        var called = SettlementCalendar.Day(load.Zone, load.DayOf(asked.Event.Start));
        var schedules = new List<ScheduleDeclared?>();
        foreach (var day in periods.GroupBy(period => load.DayOf(period.Start)))
            schedules.AddRange(await InForceAsync(day.Key, [.. day], notice).ConfigureAwait(false));
        var earlier = new List<BaselineDay>();
        foreach (var day in asked.Days.Select(day => day.Day).Where(day => day < load.DayOf(asked.Event.Start)))
        {
            var whole = load.Periods(day);
            if (whole.Count == 0) continue;
            var said = await InForceAsync(day, whole, notice - (called.Start - whole[0].Start)).ConfigureAwait(false);
            if (said.All(schedule => schedule is null)) continue;
            earlier.Add(new(day, [.. whole.Zip(said, (period, schedule) => Kwh(schedule, period))]));
        }
        return (asked with
        {
            DeclaredKwh = [.. periods.Zip(schedules, (period, schedule) => Kwh(schedule, period)).OfType<decimal>()],
            DeclaredDays = earlier,
        }, [.. schedules.OfType<ScheduleDeclared>().Distinct()
            .Select(schedule => $"{schedule.DeclaredBy} declared the schedule at {Text(schedule.DeclaredAt)}")]);
    }

    private async Task<IReadOnlyList<ScheduleDeclared?>> InForceAsync(
        LocalDate day, IReadOnlyList<Interval> periods, Instant by)
    {
        var declared = new List<KnownFacts.Known>();
        var whole = SettlementCalendar.Day(load.Zone, day);
        var last = (whole.End - Duration.Epsilon).InUtc().Date;
        for (var date = whole.Start.InUtc().Date; date <= last; date = date.PlusDays(1))
            declared.AddRange(await known.ReadAsync(Streams.Schedules(point.Point, date)).ConfigureAwait(false));
        var recorded = declared.OrderBy(fact => fact.Position).Select(fact => (ScheduleDeclared)fact.Event).ToList();
        return [.. periods.Select(period => DeclaredSchedules.InForce(recorded, period, by))];
    }

    private async Task<(BaselineQuestion, IReadOnlyList<string>)> RequestedAsync(
        BaselineQuestion asked, IReadOnlyList<Interval> periods)
    {
        var requests = new List<SessionRequested>();
        var last = asked.Event.End.InUtc().Date;
        for (var date = asked.Event.Start.InUtc().Date.PlusDays(-SessionRequests.StayDaysMax - 1);
            date <= last; date = date.PlusDays(1))
            requests.AddRange((await known.ReadAsync(Streams.SessionRequests(point.Point, date)).ConfigureAwait(false))
                .Select(fact => (SessionRequested)fact.Event));
        var sessions = SessionRequests.KnownBy(requests, notice);
        var most = Math.Min(point.Rated.Kilowatts, asked.ContractKw ?? point.Rated.Kilowatts);
        return (asked with { RequestedKw = SessionRequests.MeanKilowatts(sessions, periods, most) },
            [.. sessions.Where(session => SessionRequests.IsThere(session, asked.Event)).Select(session =>
                $"charged at once: {session.Requested} from {Text(session.Arrival)} to {Text(session.Departure)}, "
                + $"requested at {Text(session.RequestedAt)}")]);
    }

    private static decimal? Kwh(ScheduleDeclared? schedule, Interval period) =>
        schedule?.Of(period)?.ToDecimalKwh(FrozenBaselines.KwhDecimals);

    private static string Text(Instant at) => InstantPattern.ExtendedIso.Format(at);
}
