using System.Globalization;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>Energy of one interval as it was sent, before any rule has judged it.</summary>
public sealed record SentInterval(Interval Period, Energy Energy, ReadingQuality Quality);

/// <summary>
/// Intervals of one register and direction that were sent together, and what is known besides.
/// </summary>
/// <param name="Covers">The time that they are for; null where they say so themselves,
/// by their first start and last end.</param>
/// <param name="PowerMax">The most that can flow; null where it is not known.</param>
/// <param name="Counted">What the register counted over the same time; null where it was not read at both ends.</param>
/// <param name="RegisterStep">The least that the register shows, factor applied.</param>
/// <param name="ClockOffset">How far the meter's clock was off; null where nobody knows.</param>
public sealed record IntervalSeries(
    IReadOnlyList<SentInterval> Intervals, Duration Resolution, Interval? Covers = null, Power? PowerMax = null,
    Energy? Counted = null, Energy? RegisterStep = null, Duration? ClockOffset = null);

/// <summary>
/// Validation of interval readings. The order of the intervals changes nothing: findings stand in the order of the
/// rules, then of time. All counts are of elapsed time, so that a day of 23 or 25 hours is no finding.
/// </summary>
public static class IntervalValidation
{
    public static IReadOnlyList<MeterFinding> Of(IntervalSeries series, MeterThresholds limits)
    {
        var sent = series.Intervals.OrderBy(interval => interval.Period.Start).ThenBy(interval => interval.Period.End)
            .ThenBy(interval => interval.Energy).ThenBy(interval => interval.Quality).ToList();
        var covers = series.Covers
            ?? (sent.Count == 0 ? null : new Interval(sent[0].Period.Start, sent.Max(interval => interval.Period.End)));
        if (covers is not { } time) return [];
        var distinct = sent.DistinctBy(interval => interval.Period).ToList();
        IEnumerable<MeterFinding> found =
        [
            .. sent.SelectMany(interval => Alone(interval, series, limits)),
            .. Repeated(sent), .. Count(distinct, time, series.Resolution), .. Gaps(distinct, time),
            .. Spike(distinct, limits), .. Zero(distinct, time), .. Sum(distinct, time, series, limits),
            .. Estimated(distinct, limits), .. Clock(time, series, limits),
        ];
        return [.. found.OrderBy(finding => finding.Rule).ThenBy(finding => finding.At.Start)
            .ThenBy(finding => finding.At.End)];
    }

    /// <summary>What one interval shows without the others; the same rules judge a reading that comes alone.</summary>
    public static IEnumerable<MeterFinding> Alone(SentInterval sent, IntervalSeries series, MeterThresholds limits)
    {
        MeterFinding Found(MeterRule rule, string saw) => new(rule, sent.Period, saw);
        var (start, length) = (sent.Period.Start, sent.Period.Duration);
        if (series.Resolution > Duration.Zero && start.ToUnixTimeTicks() % series.Resolution.BclCompatibleTicks != 0)
            yield return Found(MeterRule.Alignment, $"begins at {InstantPattern.ExtendedIso.Format(start)}");
        if (length != series.Resolution)
            yield return Found(MeterRule.Resolution, $"{Minutes(length)} against {Minutes(series.Resolution)}");
        if (sent.Quality == ReadingQuality.Missing) yield break;
        if (sent.Energy < Energy.Zero) yield return Found(MeterRule.Negative, $"{sent.Energy}");
        if (limits.High is { } high && sent.Energy > high)
            yield return Found(MeterRule.High, $"{sent.Energy}, limit {high}");
        if (limits.Low is { } low && sent.Energy < low)
            yield return Found(MeterRule.Low, $"{sent.Energy}, limit {low}");
        if (series.PowerMax is { } power && Flow(power, length) is var most && Magnitude(sent.Energy) > most)
            yield return Found(MeterRule.PowerLimit,
                $"{sent.Energy}, but {power} gives at most {most} in {Minutes(length)}");
    }

    private static IEnumerable<MeterFinding> Repeated(List<SentInterval> sent) =>
        from same in sent.GroupBy(interval => interval.Period)
        where same.Count() > 1
        let values = same.Select(interval => interval.Energy).Distinct().ToList()
        select values.Count == 1
            ? new MeterFinding(MeterRule.Duplicate, same.Key, $"{same.Count()} times {values[0]}")
            : new MeterFinding(MeterRule.Conflict, same.Key, string.Join(" and ", values));

    private static IEnumerable<MeterFinding> Count(List<SentInterval> sent, Interval time, Duration resolution)
    {
        if (resolution <= Duration.Zero) yield break;
        var expected = time.Duration.BclCompatibleTicks / resolution.BclCompatibleTicks;
        if (time.Duration != resolution * expected)
            yield return new(MeterRule.Count, time,
                $"{Minutes(time.Duration)} are no whole number of {Minutes(resolution)}");
        else if (sent.Count != expected)
            yield return new(MeterRule.Count, time, $"{sent.Count} intervals of {expected}");
    }

    private static IEnumerable<MeterFinding> Gaps(List<SentInterval> sent, Interval time)
    {
        var until = time.Start;
        foreach (var interval in sent)
        {
            if (interval.Period.Start > until)
                yield return new(MeterRule.Gap, new Interval(until, interval.Period.Start),
                    $"nothing for {Minutes(interval.Period.Start - until)}");
            until = Instant.Max(until, interval.Period.End);
        }
        if (until < time.End)
            yield return new(MeterRule.Gap, new Interval(until, time.End), $"nothing for {Minutes(time.End - until)}");
    }

    /// <summary>
    /// Highest against third-highest, so that one pair of neighbours may share a peak. A third-highest of zero has no
    /// percentage and is not judged.
    /// </summary>
    private static IEnumerable<MeterFinding> Spike(List<SentInterval> sent, MeterThresholds limits)
    {
        var highest = Metered(sent).OrderByDescending(interval => interval.Energy)
            .ThenBy(interval => interval.Period.Start)
            .Take(3).ToList();
        if (highest.Count < 3 || highest[2].Energy <= Energy.Zero) yield break;
        if (highest[0].Energy * 100 > highest[2].Energy * (100 + limits.SpikePercent))
            yield return new(MeterRule.Spike, highest[0].Period,
                $"{highest[0].Energy} is more than {limits.SpikePercent} % above the third-highest, "
                + $"{highest[2].Energy}");
    }

    private static IEnumerable<MeterFinding> Zero(List<SentInterval> sent, Interval time)
    {
        var metered = Metered(sent).ToList();
        if (metered.Count > 0 && metered.TrueForAll(interval => interval.Energy == Energy.Zero))
            yield return new(MeterRule.Zero, time, $"{metered.Count} intervals of 0 kWh");
    }

    // Only a complete series has a sum: what is missing is named as a gap and not as a difference.
    private static IEnumerable<MeterFinding> Sum(
        List<SentInterval> sent, Interval time, IntervalSeries series, MeterThresholds limits)
    {
        if (series.Counted is not { } counted || Gaps([.. Metered(sent)], time).Any()) yield break;
        var sum = Metered(sent).Aggregate(Energy.Zero, (total, interval) => total + interval.Energy);
        var allowed = limits.SumTolerance + (series.RegisterStep ?? Energy.Zero);
        if (Magnitude(sum - counted) > allowed)
            yield return new(MeterRule.SumCheck, time,
                $"the intervals sum to {sum}, the register counted {counted}, allowed {allowed}");
    }

    private static IEnumerable<MeterFinding> Estimated(List<SentInterval> sent, MeterThresholds limits)
    {
        Interval? run = null;
        foreach (var interval in sent.Append(null))
        {
            var estimated = interval?.Quality is ReadingQuality.Estimated or ReadingQuality.Substituted;
            if (estimated && run is { } open && open.End == interval!.Period.Start)
                run = new Interval(open.Start, interval.Period.End);
            else
            {
                if (run is { } ended && ended.Duration > limits.EstimatedMax)
                    yield return new(MeterRule.ProlongedEstimation, ended,
                        $"estimated for {Minutes(ended.Duration)}, limit {Minutes(limits.EstimatedMax)}");
                run = estimated ? interval!.Period : null;
            }
        }
    }

    private static IEnumerable<MeterFinding> Clock(Interval time, IntervalSeries series, MeterThresholds limits)
    {
        if (series.ClockOffset is { } offset && (offset > limits.ClockOffsetMax || -offset > limits.ClockOffsetMax))
            yield return new(MeterRule.Clock, time,
                $"off by {offset.BclCompatibleTicks / NodaConstants.TicksPerMillisecond} ms, limit "
                + $"{limits.ClockOffsetMax.BclCompatibleTicks / NodaConstants.TicksPerMillisecond} ms");
    }

    private static IEnumerable<SentInterval> Metered(List<SentInterval> sent) =>
        sent.Where(interval => interval.Quality != ReadingQuality.Missing);

    /// <summary>The energy of a power over a time; a milliwatt over a tick of 100 ns is a fifth of half a
    /// nanojoule.</summary>
    internal static Energy Flow(Power power, Duration time) =>
        new((Int128)Math.Abs(power.Milliwatts) * time.BclCompatibleTicks / 5);

    internal static Energy Magnitude(Energy energy) => Energy.Max(energy, -energy);

    internal static string Minutes(Duration time) =>
        (time.BclCompatibleTicks / (decimal)NodaConstants.TicksPerMinute)
            .ToString("0.######", CultureInfo.InvariantCulture) + " min";
}
