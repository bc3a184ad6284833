using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// Where a baseline comes from: earlier days, hours of the same day, a declared schedule, what a charging session asked
/// for, or nothing at all (a bidirectional connector exports only when ordered).
/// </summary>
public enum BaselineMethod { Days = 1, SameDay = 2, Declared = 3, Session = 4, Zero = 5 }

/// <summary>Which days may stand for the event's day: those of its own class, weekdays only, or any.</summary>
public enum BaselineDayClass { Same = 1, Weekday = 2, Any = 3 }

/// <summary>A holiday is never used, or is a day of the weekend, or is what its weekday says.</summary>
public enum BaselineHolidays { Excluded = 1, AsWeekend = 2, Ignored = 3 }

/// <summary>Which whole days of the pool are kept. Never per period: that inflates the baseline.</summary>
public enum BaselineKeep { All = 1, Highest = 2, Lowest = 3, Middle = 4, MostSimilar = 5 }

/// <summary>What ranks a day: its load in the periods of the event, or over the whole day.</summary>
public enum BaselineMeasure { Event = 1, WholeDay = 2 }

/// <summary>How the kept days become one value per period; weighted goes by rank.</summary>
public enum BaselineAggregate { Mean = 1, Median = 2, Weighted = 3 }

/// <summary>What the minutes of a window are counted from; dayStart means local time of day.</summary>
public enum BaselineAnchor { EventStart = 1, EventEnd = 2, Notice = 3, DayStart = 4 }

/// <summary>
/// The whole periods between two moments of the event's day, in minutes from the anchor; where both are the same, the
/// one period that holds the moment.
/// </summary>
public sealed record BaselineWindow(BaselineAnchor Anchor, int FromMinutes, int ToMinutes);

/// <summary>
/// Of the last <paramref name="Pool"/> days (Y) keep <paramref name="Keep"/> (X); fewer than <paramref name="MinDays"/>
/// are insufficient. <paramref name="Weights"/> are whole numbers by rank, for the weighted aggregate.
/// </summary>
public sealed record BaselinePool(int Pool, int Keep, int MinDays, IReadOnlyList<int> Weights)
{
    internal bool Says(BaselinePool other) =>
        this with { Weights = other.Weights } == other && Weights.SequenceEqual(other.Weights);

    internal string? Incoherence(BaselineAggregate aggregate) =>
        Pool < 1 || Keep < 1 || Keep > Pool || MinDays < 1 || MinDays > Pool
            ? "a pool keeps, and needs, 1 day to all of its days"
        : Weights.Count != (aggregate == BaselineAggregate.Weighted ? Keep : 0) || Weights.Any(weight => weight < 1)
            ? "there is one weight from 1 for each kept day, and only for the weighted aggregate"
        : null;
}

/// <summary>What is tried, in this order, while fewer days than needed were found.</summary>
public enum BaselineFallback { ExtendLookback = 1, ReadmitEventDays = 2, OtherDayClass = 3 }

/// <summary>One rung of the ladder; <paramref name="LookbackDaysMax"/> belongs to the extended lookback.</summary>
public sealed record BaselineFallbackStep(BaselineFallback Kind, int? LookbackDaysMax);

/// <summary>Which earlier days are used (market rules §2.1).</summary>
/// <param name="NewestDaysBack">1: from the day before the event; 2: the day before is not used.</param>
/// <param name="LookbackDaysMax">Always bounded: an open lookback never ends on thin history.</param>
/// <param name="LookbackSince">Where given, no day before the last such date of the year.</param>
/// <param name="LowUsageFraction">A day below this fraction of the pool's mean is replaced by an older one.</param>
/// <param name="AdjacentMinutes">Around the event, not compared when the most similar days are sought.</param>
public sealed record BaselineSelection(
    BaselineDayClass DayClass, BaselinePool Weekday, BaselinePool Weekend, BaselineKeep KeepBy, BaselineMeasure Measure,
    BaselineAggregate Aggregate, int NewestDaysBack, int LookbackDaysMax, AnnualDate? LookbackSince,
    bool ExcludeEventDays, bool ExcludeOutageDays, BaselineHolidays Holidays, decimal? LowUsageFraction,
    int AdjacentMinutes, IReadOnlyList<BaselineFallbackStep> Fallback)
{
    internal bool Says(BaselineSelection other) =>
        this with { Weekday = other.Weekday, Weekend = other.Weekend, Fallback = other.Fallback } == other
        && Weekday.Says(other.Weekday) && Weekend.Says(other.Weekend) && Fallback.SequenceEqual(other.Fallback);

    internal string? Incoherence() =>
        NewestDaysBack < 1 || LookbackDaysMax < NewestDaysBack
            ? "the lookback begins at least one day back and ends no later"
        : Fallback.Any(step => (step.Kind == BaselineFallback.ExtendLookback) != (step.LookbackDaysMax is not null))
            ? "an extended lookback has its days, and no other step has"
        : Fallback.Any(step => step.LookbackDaysMax < LookbackDaysMax) ? "an extended lookback is not shorter"
        : Weekday.Incoherence(Aggregate) ?? Weekend.Incoherence(Aggregate);
}

/// <summary>Whether the same day corrects the baseline by a difference or by a ratio.</summary>
public enum BaselineAdjustmentKind { None = 0, Additive = 1, Ratio = 2 }

/// <summary>
/// The correction by the event's own day: mean load in the windows against the kept days' mean there.
/// <paramref name="Least"/> and <paramref name="Most"/> bound it as multiples of the unadjusted baseline (for an
/// additive correction, of its mean over the event); <paramref name="CapKw"/> bounds an additive one in kW.
/// <paramref name="PositiveOnly"/>: it never lowers the baseline.
/// </summary>
public sealed record BaselineAdjustment(
    BaselineAdjustmentKind Kind, IReadOnlyList<BaselineWindow> Windows, decimal? Least, decimal? Most, decimal? CapKw,
    bool PositiveOnly)
{
    internal bool Says(BaselineAdjustment other) =>
        this with { Windows = other.Windows } == other && Windows.SequenceEqual(other.Windows);
}

/// <summary>
/// A declared schedule counts only while it has been good: relative root mean square error and |bias|, both against
/// the mean metered load, over at least <paramref name="MinDays"/> earlier days.
/// </summary>
public sealed record BaselineGate(decimal RrmseMax, decimal BiasMax, int MinDays, int LookbackDaysMax);

/// <summary>
/// The parameters of one baseline, as a rule pack states them: one engine evaluates every market's rule (market rules
/// §2.1). <paramref name="Selection"/> belongs to earlier days, <paramref name="Windows"/> to hours of the same day,
/// <paramref name="Gate"/> to a declared schedule.
/// </summary>
public sealed record BaselineRule(
    BaselineMethod Method, BaselineSelection? Selection, IReadOnlyList<BaselineWindow> Windows,
    BaselineAdjustment? Adjustment, BaselineGate? Gate, bool ClampAtZero, bool CapAtContract)
{
    /// <summary>The farthest day before the event's own that any step of the rule may use;
    /// 0 where it uses none.</summary>
    public int LookbackDaysMax => Selection is { } days
        ? Math.Max(days.LookbackDaysMax, days.Fallback.Max(step => step.LookbackDaysMax) ?? 0)
        : Gate?.LookbackDaysMax ?? 0;

    /// <summary>Whether the event's own day decides what is used, and not only how it is corrected.</summary>
    public bool ChoosesByOwnDay => Method == BaselineMethod.SameDay
        || Selection is { KeepBy: BaselineKeep.MostSimilar };

    /// <summary>Whether two rules say the same, list by list.</summary>
    public bool Says(BaselineRule other) =>
        this with { Selection = other.Selection, Windows = other.Windows, Adjustment = other.Adjustment } == other
        && (Selection is null || other.Selection is null
            ? Selection == other.Selection : Selection.Says(other.Selection))
        && Windows.SequenceEqual(other.Windows)
        && (Adjustment is null || other.Adjustment is null
            ? Adjustment == other.Adjustment : Adjustment.Says(other.Adjustment));

    /// <summary>Why this can be no rule, null where it can.</summary>
    public string? Incoherence() =>
        (Method == BaselineMethod.Days) != (Selection is not null)
            ? "earlier days have a selection, and no other method has"
        : (Method == BaselineMethod.SameDay) != (Windows.Count > 0)
            ? "hours of the same day have windows, and no other method has"
        : (Method == BaselineMethod.Declared) != (Gate is not null)
            ? "a declared schedule has its gate, and no other method has"
        : Method != BaselineMethod.Days && Adjustment is not null ? "only earlier days are adjusted"
        : Adjustment is { Windows.Count: 0 } ? "an adjustment has a window"
        : Windows.Concat(Adjustment?.Windows ?? []).Any(window => window.ToMinutes < window.FromMinutes)
            ? "a window ends before it begins"
        : Selection?.Incoherence();
}
