using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Projections;

/// <summary>What a rule is asked about one target, and how its answer becomes a frozen baseline.</summary>
internal sealed class PointQuestion(
    DispatchInstructed order, PointLoad load, SettlementPointId point, RulePackPublished pack, string ruleVersion,
    IReadOnlyList<LocalDate> holidays)
{
    private readonly BaselineRule rule = pack.Baseline!;
    private readonly bool measuredOnly = Baseline.AsksMeasured(ruleVersion);
    private readonly bool asksCallsAtLast = Baseline.AsksCallsAtLast(ruleVersion);
    private bool leavesOutUnmeasured;

    public IReadOnlyList<LocalDate> EventDays { get; init; } = [];

    /// <summary>When other calls held, as far as the version asks.</summary>
    public IReadOnlyList<Interval> OtherCalls { get; init; } = [];

    /// <summary>The version that the event days have to name; null where all have the same.</summary>
    public string? NamedByDays { get; init; }

    /// <summary>What was planned by the notice; null at a completion, which no rule by plans has.</summary>
    public PointPlans? Plans { get; init; }

    /// <param name="later">What is known later, of the awaited stretch only; null at the freeze itself.</param>
    public async Task<BaselineFrozen> AnswerAsync(
        KnownFacts known, long position, (KnownFacts Facts, long Position)? later, Interval? awaited)
    {
        if (!Baseline.Knows(ruleVersion))
            throw new InvalidOperationException($"it is by {ruleVersion}, which this program does not know");
        var periods = load.Periods(order.Period);
        var asked = new BaselineQuestion(load.Zone, new Interval(periods[0].Start, periods[^1].End), load.Period, [])
        {
            EventDays = EventDays.ToHashSet(),
            Holidays = holidays.ToHashSet(),
            OtherCalls = OtherCalls,
            NoticeAt = order.IssuedAt,
            RuleVersion = ruleVersion,
            ContractKw = await ContractAsync(known).ConfigureAwait(false),
        };
        var watched = Baseline.Watched(rule, asked with { OtherCalls = [] });
        var called = load.DayOf(asked.Event.Start);
        var (days, notes) = await EarlierAsync(known, called).ConfigureAwait(false);
        var beyond = Baseline.DaysBeyond(rule, asked)
            .SelectMany(by => days.ConvertAll(day => day.Day.PlusDays(by))).Where(day => day <= called);
        foreach (var day in watched.Select(load.DayOf).Concat(beyond).Distinct()
            .Where(day => days.All(known => known.Day != day)).ToList())
            days.Add(await DayAsync(known, day).ConfigureAwait(false));
        if (later is { } next && awaited is { } stretch)
            for (var i = 0; i < days.Count;
                i++) days[i] = await SeenAsync(next.Facts, days[i], stretch).ConfigureAwait(false);
        asked = asked with
        {
            Days = days,
            OutageDays = await OutageDaysAsync(known, days).ConfigureAwait(false),
        };
        if (Plans is { } plans)
        {
            (asked, var planned) = await plans.AddToAsync(rule, asked, periods).ConfigureAwait(false);
            notes = [.. notes, .. planned];
        }
        var result = Baseline.Of(rule, asked);
        var disturbed = Disturbed(watched, asked);
        var needed = asksCallsAtLast && later is not null ? Baseline.Watched(rule, asked) : watched;
        var missing = result.Insufficient is null || rule.ChoosesByOwnDay ? Baseline.Missing(needed, asked) : null;
        // A call that was announced may be withdrawn, and then its hours choose the days too.
        if (asksCallsAtLast && later is null && missing is not null && rule.ChoosesByOwnDay
            && result.Insufficient is null) result = Baseline.Undecided(result);
        return Frozen(position, later?.Position,
            periods.Select((period, i) => new FrozenPeriod(
                period, missing is null ? Kept(result.KilowattHours?[i]) : null, Kept(result.Unadjusted?[i]))),
            result, missing, [.. notes, .. Notes(asked), .. disturbed]) with
        {
            RuleVersion = NamedRuleVersion(asked, later is not null || missing is not null, disturbed.Count > 0),
        };
    }

    /// <summary>Notes of what was called in the watched periods: of the periods, because of calls there may be more
    /// than a fact has room for. The version before named each call.</summary>
    private IReadOnlyList<string> Disturbed(IReadOnlyList<Instant> watched, BaselineQuestion asked) => asksCallsAtLast
        ? [.. Baseline.DisturbedIn(watched, asked).Select(periods =>
            $"other calls held in the periods from {Text(periods)}, and what was metered then is no undisturbed load")]
        : [.. Baseline.OtherCallsIn(watched, asked).Select(call =>
            $"another call held from {Text(call)}, and what was metered then is no undisturbed load")];

    private static string Text(Interval time) =>
        $"{InstantPattern.ExtendedIso.Format(time.Start)} to {InstantPattern.ExtendedIso.Format(time.End)}";

    /// <summary>What awaits meter values is completed by the version that it names, so it names the newest, which asks
    /// whether they were measured and what was called meanwhile.</summary>
    private string? NamedRuleVersion(BaselineQuestion asked, bool awaits, bool isDisturbed) =>
        Baseline.AsksOtherCalls(ruleVersion) && (awaits || isDisturbed) ? ruleVersion
        : NamedByDays == Baseline.OtherCallsRuleVersion ? Baseline.OtherCallsRuleVersion
        : measuredOnly && (awaits || leavesOutUnmeasured || NamedByDays is not null) ? Baseline.MeasuredRuleVersion
        : Baseline.NamedRuleVersion(rule, asked);

    private async Task<BaselineDay> DayAsync(KnownFacts known, LocalDate day)
    {
        var (metered, isMeasured) = await load.DayAsync(known, day, measuredOnly).ConfigureAwait(false);
        leavesOutUnmeasured |= !isMeasured;
        return metered;
    }

    /// <summary>The days that the rule may look back at, from the first one of which anything is measured.</summary>
    private async Task<(List<BaselineDay> Days, IReadOnlyList<string> Notes)> EarlierAsync(KnownFacts known,
        LocalDate called)
    {
        var days = new List<BaselineDay>();
        for (var back = rule.LookbackDaysMax; back > 0; back--)
        {
            var day = await DayAsync(known, called.PlusDays(-back)).ConfigureAwait(false);
            if (days.Count > 0 || day.KilowattHours.Any(value => value is not null)) days.Add(day);
        }
        return (days, rule.LookbackDaysMax == 0 || days.Count == rule.LookbackDaysMax ? []
            : [days.Count == 0
                ? $"nothing is measured in the {rule.LookbackDaysMax} days before the call"
                : $"nothing is measured before {LocalDatePattern.Iso.Format(days[0].Day)}, of {rule.LookbackDaysMax} "
                    + $"days back"]);
    }

    private async Task<IReadOnlySet<LocalDate>> OutageDaysAsync(KnownFacts known, IEnumerable<BaselineDay> days) =>
        Outages.Days((await known.ReadAsync(Streams.Outages(point)).ConfigureAwait(false))
            .Select(outage => (OutageRecorded)outage.Event), load.Zone, days.Select(day => day.Day));

    /// <summary>A day with what is known later of one stretch, and of nothing else.</summary>
    private async Task<BaselineDay> SeenAsync(KnownFacts later, BaselineDay day, Interval stretch)
    {
        var periods = load.Periods(day.Day);
        if (periods.Count == 0 || periods[^1].End <= stretch.Start || periods[0].Start >= stretch.End) return day;
        var seen = await DayAsync(later, day.Day).ConfigureAwait(false);
        return new(day.Day, [.. periods.Select((period, i) =>
            period.Start >= stretch.Start && period.End <= stretch.End
                ? seen.KilowattHours[i] : day.KilowattHours[i])]);
    }

    private IEnumerable<string> Notes(BaselineQuestion asked)
    {
        if (asked.Event != order.Period)
            yield return "settlement periods that lie only partly in the call are left out";
        if (rule.Selection is { Holidays: not BaselineHolidays.Ignored } && holidays.Count == 0)
            yield return "no holiday was named, so none is left out";
    }

    private BaselineFrozen Frozen(
        long position, long? completed, IEnumerable<FrozenPeriod> periods, BaselineResult result, Interval? awaits,
        IReadOnlyList<string> notes) => new(
            order.Instruction, point, position, completed, pack.Pack, pack.Version, pack.Provisional, rule.Method,
            load.Zone.Id,
            [.. periods], result.Days, result.Adjustment, awaits, awaits is null ? result.Insufficient : null,
            [.. result.Notes, .. notes, .. result.Adjustment.LoadRaised && awaits is null
                ? ["load was raised inside the adjustment window, above every kept day"] : Array.Empty<string>()],
            EventDays, holidays);

    /// <summary>The contract demand at the start of the call, kW; null where no limit says it.</summary>
    private async Task<decimal?> ContractAsync(KnownFacts known)
    {
        // Those alone: what a message says of limits of another kind changes no contract, nor what was frozen by it.
        var limits = (await known.ReadAsync(Streams.Limits(point)).ConfigureAwait(false))
            .Select(limit => (StandingLimitSet)limit.Event).Where(limit =>
                limit is { Kind: StandingLimitKind.ContractDemand, Direction: Direction.Import });
        var start = new Interval(order.Period.Start, order.Period.Start + load.Period);
        return StandingLimit.InForce(limits, StandingLimitKind.ContractDemand, Direction.Import, start)
            .Select(limit => (decimal?)limit.Most.Kilowatts).FirstOrDefault();
    }

    private static decimal? Kept(decimal? kwh) =>
        kwh is { } value ? Math.Round(value, FrozenBaselines.KwhDecimals, MidpointRounding.ToEven) : null;
}
