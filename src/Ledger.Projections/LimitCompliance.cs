using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Projections;

/// <summary>One limit on one day: its summary, and the periods that were above it, near it or unproven.</summary>
public sealed record LimitAnswer(LimitCompliance.DayRow Day, IReadOnlyList<LimitCompliance.PeriodRow> Periods);

/// <summary>
/// Standing limits against interval records, period by period. Nothing is stored:
/// what limits and records say together is computed when it is asked for, so facts may come in any order. A point with
/// records of its own on the day is measured by them; one without any is the sum of the points behind it, within the
/// bounds that their records prove.
/// </summary>
public static class LimitCompliance
{
    /// <summary>
    /// A limit and a period, or the part of it where the limit was one number. Where the bounds differ,
    /// the curve is not known from the records; an upper bound is null where data is missing.
    /// </summary>
    public sealed record PeriodRow(
        string Point, StandingLimitKind Kind, Direction Direction, Instant Start, Instant End, long MostMilliwatts,
        Bounds<Power> Highest, Bounds<Power> Demand, Bounds<long> MicrosecondsAbove, Bounds<Energy> Above,
        LimitVerdict Verdict, string Method)
    {
        /// <summary>Why it was above, by <see cref="LimitCause"/>; empty where it is not proven to have been.</summary>
        public IReadOnlyList<string> Causes { get; init; } = [];
    }

    /// <summary>
    /// A limit's day. <c>Periods</c> counts the periods, or parts, in which it held;
    /// <c>WithoutRecords</c> those of which nothing is recorded: they may have been above for as long as they last, by
    /// nobody knows how much.
    /// The worst one is furthest above the limit, or nearest to it.
    /// </summary>
    public sealed record DayRow(
        string Point, StandingLimitKind Kind, Direction Direction, string Day, string Zone, int Periods,
        int PeriodsAbove,
        int PeriodsUnproven, int WithoutRecords, Bounds<long> MicrosecondsAbove, Bounds<Energy> Above,
        Instant? WorstStart, Power? WorstMargin, LimitVerdict Verdict, string? Method);

    /// <summary>A limit over some days: how long and how far it was exceeded, and its verdict.</summary>
    public sealed record TotalRow(
        string Point, StandingLimitKind Kind, Direction Direction, int Days, int Periods, int PeriodsAbove,
        int PeriodsUnproven, Bounds<long> MicrosecondsAbove, Bounds<Energy> Above, LimitVerdict Verdict);

    /// <summary>The days of each limit taken together, in the order in which limits come first.</summary>
    public static IReadOnlyList<TotalRow> Totals(IEnumerable<DayRow> days) =>
    [
        .. days.GroupBy(row => (row.Point, row.Kind, row.Direction)).Select(limit => new TotalRow(
            limit.Key.Point, limit.Key.Kind, limit.Key.Direction, limit.Count(), limit.Sum(day => day.Periods),
            limit.Sum(day => day.PeriodsAbove), limit.Sum(day => day.PeriodsUnproven),
            new(limit.Sum(day => day.MicrosecondsAbove.AtLeast), limit.Sum(day => day.MicrosecondsAbove.AtMost)),
            new(limit.Aggregate(Energy.Zero, (sum, day) => sum + day.Above.AtLeast),
                limit.Aggregate((Energy?)Energy.Zero, (sum, day) => sum + day.Above.AtMost)),
            LimitCheck.Total(limit.Select(day => day.Verdict)))),
    ];

    /// <summary>A period that may have reached this share of its limit has a row, in percent (ours).</summary>
    private const int NearPercent = 95;

    /// <summary>The limits of a point on a day of its zone, in order of kind and direction.</summary>
    /// <param name="measured">
    /// The point's own interval records of the day; without any, those of the points behind it, a list for each.
    /// </param>
    public static IReadOnlyList<LimitAnswer> Of(
        MasterData.PointRow point, LocalDate day, IReadOnlyList<MasterData.LimitRow> limits,
        IReadOnlyList<IReadOnlyList<VerifiedExport.PeriodRow>> measured)
    {
        var zone = DateTimeZoneProviders.Tzdb[point.Zone];
        if (!SettlementCalendar.TryPeriods(zone, day, point.PeriodMinutes, out var periods, out _)) return [];
        var window = new Interval(periods[0].Start, periods[^1].End);
        var facts = limits.OrderBy(limit => limit.Position).Select(Fact).ToList();
        return
        [
            .. facts.Select(limit => (limit.Kind, limit.Direction)).Distinct().Order()
                .Select(limit => (limit.Kind, limit.Direction,
                    Parts: LimitCheck.Cut(periods, StandingLimit.InForce(facts, limit.Kind, limit.Direction, window))))
                .Where(limit => limit.Parts.Count > 0)
                .Select(limit =>
                    Answer(point, day, limit.Kind, limit.Direction, Judged(limit.Kind, limit.Direction, limit.Parts))),
        ];

        List<(LimitStretch Part, LimitBoundsFinding? Found)> Judged(
            StandingLimitKind kind, Direction direction, IReadOnlyList<LimitStretch> parts)
        {
            var records = measured.Select(rows => rows.ToDictionary(row => new Interval(row.Start, row.End))).ToList();
            return [.. parts.Select(part => (part, Check(kind, direction, part, PeriodOf(periods, part), records)))];
        }
    }

    private static Interval PeriodOf(IReadOnlyList<Interval> periods, LimitStretch part) =>
        periods.First(period => period.Start <= part.During.Start && part.During.End <= period.End);

    private static LimitBoundsFinding? Check(
        StandingLimitKind kind, Direction direction, LimitStretch part, Interval period,
        List<Dictionary<Interval, VerifiedExport.PeriodRow>> records)
    {
        var recorded = records.ConvertAll(rows => rows.GetValueOrDefault(period));
        return recorded.All(row => row is null)
            ? null
            : LimitBounds.Check(period, part, direction, kind, recorded.ConvertAll(Proven));
    }

    // A record that is absent, or that proves nothing of its period, covers nothing.
    private static RecordedPeriod Proven(VerifiedExport.PeriodRow? row) =>
        row is null or { Quality: ReadingQuality.Suspect or ReadingQuality.Missing }
            or { State: IntervalRecordState.Superseded }
            ? new(Power.Zero, Power.Zero, Energy.Zero, Energy.Zero, 0)
            : new(new(row.MinimumMilliwatts), new(row.MaximumMilliwatts), row.Import, row.Export,
                row.CoveredMicroseconds);

    private static LimitAnswer Answer(
        MasterData.PointRow point, LocalDate day, StandingLimitKind kind, Direction direction,
        List<(LimitStretch Part, LimitBoundsFinding? Found)> judged)
    {
        var found = judged.Select(part => part.Found).OfType<LimitBoundsFinding>().ToList();
        var worst = found.Count == 0 ? null : found.MaxBy(part => Margin(kind, part));
        var verdicts = judged.Select(part => part.Found?.Verdict ?? LimitVerdict.Unproven).ToList();
        var summary = new DayRow(
            point.Point, kind, direction, RowJson.Day(day), point.Zone, judged.Count,
            verdicts.Count(verdict => verdict == LimitVerdict.Above),
            verdicts.Count(verdict => verdict == LimitVerdict.Unproven),
            judged.Count - found.Count,
            new(found.Sum(part => part.MicrosecondsAbove.AtLeast),
                judged.Sum(part => part.Found is { } known
                    ? known.MicrosecondsAbove.AtMost : LimitBounds.Length(part.Part.During))),
            new(found.Aggregate(Energy.Zero, (sum, part) => sum + part.Above.AtLeast),
                judged.Aggregate((Energy?)Energy.Zero, (sum, part) => sum + part.Found?.Above.AtMost)),
            worst?.Part.Start, worst is null ? null : Margin(kind, worst), LimitCheck.Total(verdicts), worst?.Method);
        return new(summary,
        [
            .. found.Where(part => part.Verdict != LimitVerdict.Within || IsNear(kind, part))
            .Select(part => new PeriodRow(
                point.Point, kind, direction, part.Part.Start, part.Part.End, part.Most.Milliwatts, part.Highest,
                part.Demand,
                part.MicrosecondsAbove, part.Above, part.Verdict, part.Method)),
        ]);
    }

    private static Bounds<Power> Measure(StandingLimitKind kind, LimitBoundsFinding found) =>
        kind == StandingLimitKind.ContractDemand ? found.Demand : found.Highest;

    /// <summary>How far the period surely came above the limit; negative where it stayed below.</summary>
    private static Power Margin(StandingLimitKind kind, LimitBoundsFinding found) =>
        Measure(kind, found).AtLeast - found.Most;

    private static bool IsNear(StandingLimitKind kind, LimitBoundsFinding found) =>
        Measure(kind, found).AtMost is not { } most || most.Milliwatts * 100 >= found.Most.Milliwatts * NearPercent;

    private static StandingLimitSet Fact(MasterData.LimitRow row) => new(
        new(row.Point), row.Kind, row.Direction, PowerOf(row.MostMilliwatts),
        [.. row.Steps.Select(step => new LimitStep(
            step.At, step.Daily is { } daily
                ? LocalTimePattern.ExtendedIso.Parse(daily).Value : null, PowerOf(step.MostMilliwatts)))],
        row.Zone, row.ValidFrom, row.ValidTo, row.Source);

    private static Power? PowerOf(long? milliwatts) => milliwatts is { } known ? new Power(known) : null;
}
