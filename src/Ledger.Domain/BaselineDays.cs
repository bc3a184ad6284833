using System.Globalization;
using NodaTime;

namespace Ledger.Domain;

/// <summary>The kept days in order of rank with their weights, and what is said of every day that was given.</summary>
internal sealed record BaselineChoice(
    IReadOnlyList<LocalDate> Kept, IReadOnlyList<int> Weights, IReadOnlyList<BaselineDayUse> Uses,
    string? Insufficient);

/// <summary>
/// Which days stand for the event's day (market rules §2.1): the pool of the last Y that nothing excludes, filled by
/// the ladder where it is too small, of which X whole days are kept. Ties go to the later day, so that every reader
/// makes the same choice.
/// </summary>
internal sealed class BaselineDays
{
    private readonly BaselineSelection rule;
    private readonly BaselineQuestion asked;
    private readonly BaselineLoad load;
    private readonly bool weekend;
    private readonly BaselinePool size;
    private readonly IReadOnlyList<LocalDate> newestFirst;
    private readonly IReadOnlyList<Instant> taken;
    private readonly IReadOnlyList<int> daysBeyond;
    private readonly Dictionary<LocalDate, string> lowUsage = [];
    private readonly Dictionary<LocalDate, string> admitted = [];

    private BaselineDays(BaselineRule whole, BaselineQuestion asked, BaselineLoad load)
    {
        (rule, this.asked, this.load) = (whole.Selection!, asked, load);
        (taken, daysBeyond) = (load.Taken(whole), Baseline.DaysBeyond(whole, asked));
        weekend = IsWeekend(load.EventDay);
        size = rule.DayClass == BaselineDayClass.Same && weekend ? rule.Weekend : rule.Weekday;
        newestFirst = [.. asked.Days.Select(day => day.Day).OrderDescending()];
    }

    public static BaselineChoice Choose(BaselineRule rule, BaselineQuestion asked, BaselineLoad load) =>
        new BaselineDays(rule, asked, load).Choose();

    private BaselineChoice Choose()
    {
        var terms = new Terms(rule.LookbackDaysMax, false, false);
        var pool = Recent(terms);
        foreach (var step in rule.Fallback.TakeWhile(_ => pool.Count < size.MinDays))
        {
            terms = terms.With(step);
            pool = Filled(step, terms, pool);
        }
        if (pool.Count < size.MinDays || pool.Count == 0)
            return Insufficient(terms, pool, $"{pool.Count} of {Math.Max(size.MinDays, 1)} days needed");
        if (rule.KeepBy == BaselineKeep.MostSimilar && ComparedPeriods().Any(start => load.At(start) is null))
            return Insufficient(terms, pool, "the event's own day is not wholly measured outside the event");
        if (rule.KeepBy == BaselineKeep.MostSimilar && IsCalledWheneverCompared())
            return Insufficient(terms, pool, "other calls leave no hour of the event's own day to compare");
        var ranked = Rank(pool);
        var kept = Keep(ranked);
        return new(kept, size.Weights, Explain(terms, ranked, kept), null);
    }

    /// <summary>What may be used on this rung of the ladder.</summary>
    private sealed record Terms(int LookbackDaysMax, bool EventDays, bool OtherClass)
    {
        public Terms With(BaselineFallbackStep step) => step.Kind switch
        {
            BaselineFallback.ExtendLookback => this with { LookbackDaysMax = step.LookbackDaysMax ?? LookbackDaysMax },
            BaselineFallback.ReadmitEventDays => this with { EventDays = true },
            _ => this with { OtherClass = true },
        };
    }

    // A day of low usage makes room for an older one, by which the mean changes: again, until none is low.
    private List<LocalDate> Recent(Terms terms)
    {
        while (true)
        {
            var pool = newestFirst.Where(day => Exclusion(day, terms) is null).Take(size.Pool).ToList();
            if (!FindsLow(pool)) return pool;
        }
    }

    /// <summary>The same of what a longer lookback lets in. Event days come back as they are, because nobody has
    /// others.</summary>
    private List<LocalDate> Filled(BaselineFallbackStep step, Terms terms, List<LocalDate> pool)
    {
        while (true)
        {
            List<LocalDate> filled = [.. pool, .. Admit(step, terms, pool)];
            if (step.Kind != BaselineFallback.ExtendLookback || !Baseline.AsksLowUsage(asked.RuleVersion)
                || !FindsLow(filled)) return filled;
            pool = filled.FindAll(day => !lowUsage.ContainsKey(day));
        }
    }

    private bool FindsLow(List<LocalDate> pool)
    {
        if (rule.LowUsageFraction is not { } fraction || pool.Count == 0) return false;
        var mean = pool.Sum(Measure) / pool.Count;
        var low = pool.FindAll(day => mean > 0 && Measure(day) < fraction * mean);
        foreach (var day in low)
            lowUsage.Add(day, $"low usage: {Kwh(Measure(day))} is below {Plain(fraction)} of the mean {Kwh(mean)}");
        return low.Count > 0;
    }

    private List<LocalDate> Admit(BaselineFallbackStep step, Terms terms, List<LocalDate> pool)
    {
        var more = newestFirst.Where(day => !pool.Contains(day) && Exclusion(day, terms) is null);
        if (step.Kind == BaselineFallback.ReadmitEventDays)
            more = more.OrderByDescending(Measure).ThenByDescending(day => day);
        var days = more.Take(size.MinDays - pool.Count).ToList();
        foreach (var day in days)
            admitted.Add(day, step.Kind switch
            {
                BaselineFallback.ExtendLookback => $"admitted by a lookback of {terms.LookbackDaysMax} days",
                BaselineFallback.ReadmitEventDays when asked.EventDays.Contains(day) =>
                    "event day, re-admitted because days were lacking",
                BaselineFallback.ReadmitEventDays =>
                    "taken with hours of an event day, re-admitted because days were lacking",
                _ => "day of the other class, admitted because days were lacking",
            });
        return days;
    }

    /// <summary>Why a day cannot be in the pool, in order of precedence;
    /// null where nothing speaks against it.</summary>
    private string? Exclusion(LocalDate day, Terms terms)
    {
        var back = Period.DaysBetween(day, load.EventDay);
        return back < 0 ? "after the event"
            : back == 0 ? "the event's own day"
            : back < rule.NewestDaysBack ? $"less than {rule.NewestDaysBack} days before the event"
            : back > terms.LookbackDaysMax ? $"older than {terms.LookbackDaysMax} days"
            : day < Since() ? $"before {Since():uuuu-MM-dd}"
            : IsHoliday(day) && rule.Holidays == BaselineHolidays.Excluded ? "holiday"
            : !terms.OtherClass && !OfClass(day) ? IsWeekend(day) ? "weekend or holiday" : "weekday"
            : rule.ExcludeEventDays && !terms.EventDays && asked.EventDays.Contains(day) ? "event day"
            : rule.ExcludeOutageDays && asked.OutageDays.Contains(day) ? "outage"
            : Beyond(day, terms) is { } beyond ? beyond
            : !load.Fits(day) ? "its values do not divide the day into such periods"
            : load.Skips(day, load.EventPeriods) ? "its clock skipped a period of the event"
            : load.MeanOn(day, load.EventPeriods) is null || ToCompare(day) is null ? "not wholly measured"
            : lowUsage.GetValueOrDefault(day);
    }

    /// <summary>
    /// Why the hours that are taken beyond the day's own midnights speak against it: nothing that excludes a day may
    /// come in by the day before it. Weekdays are told apart by where the hours begin, and only there.
    /// </summary>
    private string? Beyond(LocalDate day, Terms terms)
    {
        if (daysBeyond.Count == 0) return null;
        if (load.ReachesEvent(day, taken)) return "the event's own hours would be taken with it";
        foreach (var other in daysBeyond.Select(days => day.PlusDays(days)))
        {
            var what = IsHoliday(other) && rule.Holidays == BaselineHolidays.Excluded ? "a holiday"
                : rule.ExcludeEventDays && !terms.EventDays && asked.EventDays.Contains(other) ? "an event day"
                : rule.ExcludeOutageDays && asked.OutageDays.Contains(other) ? "an outage day"
                : null;
            if (what is not null) return $"hours of {other:uuuu-MM-dd}, {what}, would be taken with it";
        }
        return null;
    }

    // What ranks the day must be measured too, not only the event's periods.
    private decimal? ToCompare(LocalDate day) =>
        rule.KeepBy == BaselineKeep.MostSimilar ? Distance(day)
        : rule.Measure == BaselineMeasure.WholeDay ? load.MeanOf(day)
        : 0m;

    private decimal Measure(LocalDate day) =>
        (rule.Measure == BaselineMeasure.WholeDay ? load.MeanOf(day) : load.MeanOn(day, load.EventPeriods))!.Value;

    private List<LocalDate> Rank(List<LocalDate> pool) => rule.KeepBy switch
    {
        BaselineKeep.All => [.. pool.OrderDescending()],
        BaselineKeep.Lowest => [.. pool.OrderBy(Measure).ThenByDescending(day => day)],
        BaselineKeep.MostSimilar => [.. pool.OrderBy(day => Distance(day)!.Value).ThenByDescending(day => day)],
        _ => [.. pool.OrderByDescending(Measure).ThenByDescending(day => day)],
    };

    // The middle drops as many at the top as at the bottom; of an odd number one more at the bottom.
    private List<LocalDate> Keep(List<LocalDate> ranked) => [.. ranked
        .Skip(rule.KeepBy == BaselineKeep.Middle ? Math.Max(0, ranked.Count - size.Keep) / 2 : 0)
        .Take(size.Keep)];

    private IReadOnlyList<BaselineDayUse> Explain(Terms terms, List<LocalDate> ranked, List<LocalDate> kept) =>
        [.. newestFirst.Select(day => ranked.IndexOf(day) is >= 0 and var rank
            ? new BaselineDayUse(day, kept.Contains(day), Place(day, rank, ranked.Count))
            : new BaselineDayUse(day, false, Exclusion(day, terms) ?? $"older than the last {size.Pool} such days"))];

    private string Place(LocalDate day, int rank, int count)
    {
        var place = rule.KeepBy switch
        {
            BaselineKeep.All => $"{rank + 1} of the last {count} such days",
            BaselineKeep.MostSimilar => $"rank {rank + 1} of {count} by likeness, {Kwh(Distance(day)!.Value)} apart",
            BaselineKeep.Lowest => $"rank {rank + 1} of {count} from the lowest, {Kwh(Measure(day))} a period",
            _ => $"rank {rank + 1} of {count} from the highest, {Kwh(Measure(day))} a period",
        };
        return admitted.TryGetValue(day, out var why) ? $"{place}; {why}" : place;
    }

    private BaselineChoice Insufficient(Terms terms, List<LocalDate> pool, string why) => new([], [],
        [.. newestFirst.Select(day => new BaselineDayUse(day, false,
            pool.Contains(day) ? "eligible, but days are lacking" : Exclusion(day, terms) ?? "not needed"))], why);

    /// <summary>Sum over the compared periods of how far the day's load lies from the event day's;
    /// null where unmeasured.</summary>
    private decimal? Distance(LocalDate day)
    {
        decimal sum = 0;
        foreach (var start in ComparedPeriods())
        {
            if (load.On(day, start) is not { } there) return null;
            sum += Math.Abs(there - (load.At(start) ?? there));
        }
        return sum;
    }

    /// <summary>Hours outside of events are compared (market rules §2.1, match day), and another call is one.</summary>
    private IEnumerable<Instant> ComparedPeriods() =>
        load.PeriodsBeside(rule.AdjacentMinutes).Where(start => !load.IsCalled([start]));

    /// <summary>Whether other calls held in all hours that would be compared. Where the event leaves none of its day,
    /// none of them took any.</summary>
    private bool IsCalledWheneverCompared() =>
        load.PeriodsBeside(rule.AdjacentMinutes).Any() && !ComparedPeriods().Any();

    private LocalDate Since()
    {
        if (rule.LookbackSince is not { } since) return LocalDate.MinIsoValue;
        var thisYear = since.InYear(load.EventDay.Year);
        return thisYear < load.EventDay ? thisYear : since.InYear(load.EventDay.Year - 1);
    }

    private bool OfClass(LocalDate day) => rule.DayClass switch
    {
        BaselineDayClass.Weekday => !IsWeekend(day),
        BaselineDayClass.Same => IsWeekend(day) == weekend,
        _ => true,
    };

    private bool IsHoliday(LocalDate day) => asked.Holidays.Contains(day);

    private bool IsWeekend(LocalDate day) => day.DayOfWeek is IsoDayOfWeek.Saturday or IsoDayOfWeek.Sunday
        || (IsHoliday(day) && rule.Holidays != BaselineHolidays.Ignored);

    private static string Kwh(decimal value) =>
        string.Create(CultureInfo.InvariantCulture, $"{value:0.###} kWh");

    private static string Plain(decimal value) => value.ToString("0.######", CultureInfo.InvariantCulture);
}
