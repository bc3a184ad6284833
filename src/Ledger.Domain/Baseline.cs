using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// What a baseline is asked for: the event, the metered days around it in periods of one length, and what the rule may
/// need to know of the calendar and of the resource. An event day is one that the asker names: who was dispatched and
/// who opted out is not the baseline's to know.
/// </summary>
public sealed record BaselineQuestion(
    DateTimeZone Zone, Interval Event, Duration Period, IReadOnlyList<BaselineDay> Days)
{
    public IReadOnlySet<LocalDate> EventDays { get; init; } = new HashSet<LocalDate>();
    public IReadOnlySet<LocalDate> Holidays { get; init; } = new HashSet<LocalDate>();
    public IReadOnlySet<LocalDate> OutageDays { get; init; } = new HashSet<LocalDate>();
    /// <summary>Which of the engine's rules hold: <see cref="Baseline.RuleVersion"/>, or an earlier one for what was
    /// frozen by it.</summary>
    public string RuleVersion { get; init; } = Baseline.RuleVersion;
    /// <summary>When other calls held, in order of time: what was metered then is no undisturbed load.</summary>
    public IReadOnlyList<Interval> OtherCalls { get; init; } = [];
    /// <summary>When the participant was told of the event.</summary>
    public Instant? NoticeAt { get; init; }
    /// <summary>The contract capacity, kW.</summary>
    public decimal? ContractKw { get; init; }
    /// <summary>The most that the vehicle can take, kW.</summary>
    public decimal? VehicleLimitKw { get; init; }
    /// <summary>What the session asked for, kW in each period of the event, or one value for all.</summary>
    public IReadOnlyList<decimal> RequestedKw { get; init; } = [];
    /// <summary>The declared schedule, kWh in each period of the event.</summary>
    public IReadOnlyList<decimal> DeclaredKwh { get; init; } = [];
    /// <summary>What was declared for earlier days: the schedule's quality is measured by them.</summary>
    public IReadOnlyList<BaselineDay> DeclaredDays { get; init; } = [];
}

/// <summary>Whether a day was used, and why or why not.</summary>
public sealed record BaselineDayUse(LocalDate Day, bool Used, string Reason);

/// <summary>
/// The same-day correction: kWh per period (additive) or a factor (ratio), as measured (<paramref name="Measured"/>)
/// and as applied within its bounds; <paramref name="LoadRaised"/> flags load raised inside the window.
/// </summary>
public sealed record BaselineCorrection(
    BaselineAdjustmentKind Kind, decimal Applied, decimal? Measured, decimal? Least, decimal? Most, string Reason,
    bool LoadRaised);

/// <summary>
/// A baseline in kWh for each period of the event; or none, and <paramref name="Insufficient"/> says why: never a
/// silent zero. Every day that was given has its reason, newest first; <paramref name="Unadjusted"/> is what the same
/// days say without the same-day correction;
/// <paramref name="Notes"/> say what the rule wanted and did not get.
/// </summary>
public sealed record BaselineResult(
    IReadOnlyList<BaselineDayUse> Days, BaselineCorrection Adjustment, IReadOnlyList<decimal>? KilowattHours,
    IReadOnlyList<decimal>? Unadjusted, string? Insufficient, IReadOnlyList<string> Notes);

/// <summary>
/// What would have happened without the instruction (market rules §2.1). One engine; a market's rule is a
/// <see cref="BaselineRule"/>. Sums are exact; a mean is a decimal quotient of 28 digits, half to even.
/// </summary>
public static class Baseline
{
    /// <summary>How this engine calculates. What is called around the event may change as long as hours of its own day
    /// are awaited: until then these choose no days, and in the end hours that say nothing because of another call are
    /// not awaited any more.</summary>
    public const string RuleVersion = "baseline-6";

    /// <summary>How it was before: calls that were only announced left out hours when days were chosen, and all hours
    /// were awaited. Hours of the event's own day in which another call held are no undisturbed load, and a call that
    /// was withdrawn while it ran makes no event days behind its end.</summary>
    public const string OtherCallsRuleVersion = "baseline-5";

    /// <summary>How it was before: the event's own day was read whatever else was called then. What nobody measured is
    /// unknown, and a call of a point behind or before is a call of this one.</summary>
    public const string MeasuredRuleVersion = "baseline-4";

    /// <summary>How it was before: estimates counted as measured. What a longer lookback lets in is asked, too, whether
    /// its usage is low.</summary>
    public const string LowUsageRuleVersion = "baseline-3";

    /// <summary>How it was before: a day of low usage came in by a longer lookback. A day whose place in the baseline
    /// takes hours beyond its own midnights is asked of each day that they are of whether something excludes
    /// it.</summary>
    public const string MidnightRuleVersion = "baseline-2";

    /// <summary>How it was before facts named a version: only the day on which the hours begin was asked.</summary>
    public const string FirstRuleVersion = "baseline-1";

    private static readonly string[] Versions =
    [
        FirstRuleVersion, MidnightRuleVersion, LowUsageRuleVersion, MeasuredRuleVersion, OtherCallsRuleVersion,
        RuleVersion,
    ];

    /// <summary>Whether this engine knows a version.</summary>
    public static bool Knows(string ruleVersion) => Versions.Contains(ruleVersion);

    /// <summary>Whether a version asks what was measured, and for calls of points before and behind.</summary>
    public static bool AsksMeasured(string ruleVersion) => IsSince(MeasuredRuleVersion, ruleVersion);

    /// <summary>Whether a version asks when other calls held.</summary>
    public static bool AsksOtherCalls(string ruleVersion) => IsSince(OtherCallsRuleVersion, ruleVersion);

    /// <summary>Whether by a version the calls around the event count only when its hours are metered.</summary>
    public static bool AsksCallsAtLast(string ruleVersion) => IsSince(RuleVersion, ruleVersion);

    /// <summary>Whether a version asks days of a longer lookback for low usage.</summary>
    internal static bool AsksLowUsage(string ruleVersion) => IsSince(LowUsageRuleVersion, ruleVersion);

    private static bool IsSince(string first, string ruleVersion) =>
        Array.IndexOf(Versions, ruleVersion) >= Array.IndexOf(Versions, first);

    /// <summary>The version that a fact has to name: null where all say the same, because the rule takes no hours of
    /// other days beyond their midnights and no longer lookback let in a day of low usage, and where the first one is
    /// asked for.</summary>
    public static string? NamedRuleVersion(BaselineRule rule, BaselineQuestion asked) =>
        AsksLowUsage(asked.RuleVersion) && IsChosenOtherwise(rule, asked) ? LowUsageRuleVersion
        : DaysBeyond(rule, asked).Count == 0 ? null : MidnightRuleVersion;

    private static bool IsChosenOtherwise(BaselineRule rule, BaselineQuestion asked)
    {
        if (rule.Selection is not { LowUsageFraction: not null } days
            || days.Fallback.All(step => step.Kind != BaselineFallback.ExtendLookback)) return false;
        var load = new BaselineLoad(asked);
        var (now, before) = (BaselineDays.Choose(rule, asked, load),
            BaselineDays.Choose(rule, asked with { RuleVersion = MidnightRuleVersion }, load));
        return now.Insufficient != before.Insufficient || !now.Uses.SequenceEqual(before.Uses);
    }

    /// <summary>How many days before (negative) or after a kept day those days are of which hours are taken with it,
    /// since the event or a window reaches beyond midnight. None under the first version, which did not
    /// ask.</summary>
    public static IReadOnlyList<int> DaysBeyond(BaselineRule rule, BaselineQuestion asked) =>
        rule.Selection is null || asked.RuleVersion == FirstRuleVersion ? [] : new BaselineLoad(asked).DaysBeyond(rule);

    /// <summary>The period that most of these days have; null where none has a whole number of equal periods.</summary>
    public static Duration? PeriodOf(DateTimeZone zone, IEnumerable<BaselineDay> days) =>
        BaselineLoad.PeriodOf(zone, days);

    /// <summary>
    /// Starts of the periods around the event that the rule wants to see metered, in order. They follow from the
    /// calendar of the question and from its other calls, so they are known before anything is metered: a period of
    /// another call is compared with none, and a window that holds one says nothing.
    /// </summary>
    public static IReadOnlyList<Instant> Watched(BaselineRule rule, BaselineQuestion asked)
    {
        var load = new BaselineLoad(asked);
        var compared = rule.Selection is { KeepBy: BaselineKeep.MostSimilar } days
            ? load.PeriodsBeside(days.AdjacentMinutes).Where(start => !load.IsCalled([start])) : [];
        return [.. Undisturbed(rule.Windows).Concat(Undisturbed(rule.Adjustment?.Windows ?? [])).Concat(compared)
            .Distinct().Order()];

        IReadOnlyList<Instant> Undisturbed(IReadOnlyList<BaselineWindow> windows) =>
            load.Periods(windows) is { } starts && !load.IsCalled(starts) ? starts : [];
    }

    /// <summary>From the first to the last watched period that the question's days do not hold;
    /// null where none is missing.</summary>
    public static Interval? Missing(IReadOnlyList<Instant> watched, BaselineQuestion asked)
    {
        var load = new BaselineLoad(asked);
        var missing = watched.Where(start => load.At(start) is null).ToList();
        return missing.Count == 0 ? null : new Interval(missing[0], missing[^1] + asked.Period);
    }

    /// <summary>The other calls that held in some of the watched periods.</summary>
    public static IEnumerable<Interval> OtherCallsIn(IReadOnlyList<Instant> watched, BaselineQuestion asked) =>
        asked.OtherCalls.Where(call => watched.Any(start => Meets(call, start, asked.Period)));

    /// <summary>The watched periods in which other calls held, adjoining ones as one stretch: never more than there are
    /// periods, however many calls there were.</summary>
    public static IReadOnlyList<Interval> DisturbedIn(IReadOnlyList<Instant> watched, BaselineQuestion asked)
    {
        var (load, stretches) = (new BaselineLoad(asked), new List<Interval>());
        foreach (var start in watched.Where(start => load.IsCalled([start])))
            if (stretches is [.., var last] && last.End == start)
                stretches[^1] = new(last.Start, start + asked.Period);
            else stretches.Add(new(start, start + asked.Period));
        return stretches;
    }

    /// <summary>What is said while hours that choose the days are awaited: none is chosen yet.</summary>
    public static BaselineResult Undecided(BaselineResult found) => Insufficient(
        [.. found.Days.Select(day => day with { Used = false, Reason = "chosen when the event's own day is metered" })],
        "the event's own day is not wholly measured outside the event");

    internal static bool Meets(Interval call, Instant start, Duration period) =>
        call.Start < start + period && start < call.End;

    /// <summary>No day occurs twice, and the event is a whole number of the day's periods.</summary>
    public static BaselineResult Of(BaselineRule rule, BaselineQuestion asked)
    {
        var load = new BaselineLoad(asked);
        return rule.Method switch
        {
            BaselineMethod.Days => OfDays(rule, asked, load),
            BaselineMethod.SameDay => OfSameDay(rule, asked, load),
            BaselineMethod.Declared => BaselineDeclared.Of(rule, asked, load),
            BaselineMethod.Session => OfSession(rule, asked, load),
            _ => Found(rule, asked, NoDays(asked, "the rule uses no day"), new decimal[load.EventPeriods.Count]),
        };
    }

    private static BaselineResult OfDays(BaselineRule rule, BaselineQuestion asked, BaselineLoad load)
    {
        var choice = BaselineDays.Choose(rule, asked, load);
        if (choice.Insufficient is { } why) return Insufficient(choice.Uses, why);
        var unadjusted = load.EventPeriods.Select(start => Aggregate(rule.Selection!.Aggregate, choice, load, start))
            .ToList();
        var correction = BaselineCorrections.Of(rule.Adjustment, choice.Kept, unadjusted, asked, load);
        return Found(rule, asked, choice.Uses,
            [.. unadjusted.Select(value => BaselineCorrections.Apply(correction, value))]) with
        { Adjustment = correction, Unadjusted = Found(rule, asked, choice.Uses, unadjusted).KilowattHours };
    }

    private static BaselineResult OfSameDay(BaselineRule rule, BaselineQuestion asked, BaselineLoad load)
    {
        if (load.Periods(rule.Windows) is not { } starts)
            return Insufficient(NoDays(asked, "not used"), "the time of the notice is not given");
        var days = starts.Select(start => SettlementCalendar.DayContaining(asked.Zone, start)).ToHashSet();
        if (load.IsCalled(starts)) return Insufficient(NoDays(asked, "not used"), "another call held in the window");
        if (load.MeanAt(starts) is not { } mean)
            return Insufficient(NoDays(asked, "not used"), starts.Count == 0
                ? "the window holds no whole period"
                : $"{starts.Count(start => load.At(start) is null)} of {starts.Count} periods of the window are not "
                    + $"measured");
        List<BaselineDayUse> uses = [.. NoDays(asked, "the rule uses hours of the event's own day")
            .Select(use => days.Contains(use.Day) ? new(use.Day, true, "its hours around the event") : use)];
        return Found(rule, asked, uses, [.. load.EventPeriods.Select(_ => mean)]);
    }

    // What the session would have drawn: the least of what it asked for, what the vehicle takes and what is contracted.
    private static BaselineResult OfSession(BaselineRule rule, BaselineQuestion asked, BaselineLoad load)
    {
        var periods = load.EventPeriods.Count;
        var uses = NoDays(asked, "the rule uses what the session asked for");
        if (asked.RequestedKw.Count == 0) return Insufficient(uses, "what the session asked for is not given");
        if (asked.RequestedKw.Count != 1 && asked.RequestedKw.Count != periods)
            return Insufficient(uses, $"{asked.RequestedKw.Count} requested powers for {periods} periods");
        return Found(rule, asked, uses, [.. Enumerable.Range(0, periods).Select(period =>
        {
            var requested = asked.RequestedKw[asked.RequestedKw.Count == 1 ? 0 : period];
            var least = Math.Min(requested, Math.Min(asked.VehicleLimitKw ?? requested, asked.ContractKw ?? requested));
            return EnergyOver(least, asked.Period);
        })]);
    }

    private static decimal Aggregate(BaselineAggregate aggregate, BaselineChoice choice, BaselineLoad load,
        Instant start)
    {
        var values = choice.Kept.Select(day => load.On(day, start)!.Value).ToList();
        if (aggregate == BaselineAggregate.Mean) return values.Sum() / values.Count;
        if (aggregate == BaselineAggregate.Weighted)
            return values.Zip(choice.Weights, (value, weight) => value * weight).Sum()
                / choice.Weights.Take(values.Count).Sum();
        values.Sort();
        return (values[(values.Count - 1) / 2] + values[values.Count / 2]) / 2;
    }

    internal static BaselineResult Found(
        BaselineRule rule, BaselineQuestion asked, IReadOnlyList<BaselineDayUse> uses, IReadOnlyList<decimal> values)
    {
        var contract = rule.CapAtContract && asked.ContractKw is { } kilowatts
            ? EnergyOver(kilowatts, asked.Period)
            : decimal.MaxValue;
        var least = rule.ClampAtZero ? 0m : decimal.MinValue;
        string[] notes = rule.CapAtContract && asked.ContractKw is null
            ? ["the contract capacity is not given, so it caps nothing"]
            : [];
        IReadOnlyList<decimal> bounded = [.. values.Select(value => Math.Max(least, Math.Min(contract, value)))];
        return new(uses, BaselineCorrections.None("the rule has none"), bounded, bounded, null, notes);
    }

    internal static BaselineResult Insufficient(IReadOnlyList<BaselineDayUse> uses, string why) =>
        new(uses, BaselineCorrections.None("there is no baseline"), null, null, why, []);

    internal static IReadOnlyList<BaselineDayUse> NoDays(BaselineQuestion asked, string reason) =>
        [.. asked.Days.OrderByDescending(day => day.Day).Select(day => new BaselineDayUse(day.Day, false, reason))];

    // kWh = kW · h; an hour has 3.6·10¹² nanoseconds.
    internal static decimal EnergyOver(decimal kilowatts, Duration period) =>
        kilowatts * period.ToInt64Nanoseconds() / 3_600_000_000_000m;
}
