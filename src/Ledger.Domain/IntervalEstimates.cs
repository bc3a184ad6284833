using System.Collections.Immutable;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>
/// An estimate of an interval that nobody measured, with its method and in words what it was made from.
/// It is settled only where nothing measured is known, and a measurement that comes later takes its place by itself.
/// A later version is another estimate of the same interval.
/// </summary>
public sealed record IntervalEstimated(
    RegisterId Register, Interval Period, int Version, Energy Energy, ReadingQuality Quality, EstimationMethod Method,
    string Basis, EvidenceDigest? Evidence) : LedgerEvent;

/// <summary>
/// The rule of recorded estimates. Their quality follows from their method,
/// and a run of them is no longer than the method may bridge (<see cref="EstimationLimits"/>); the run is looked at
/// within one UTC day, which is one stream.
/// </summary>
public static class IntervalEstimates
{
    /// <summary>Judges an estimate; version and quality are given here.
    /// Guards stand in the order of their codes.</summary>
    public static Decision Decide(IntervalReadingsState state, IntervalEstimated candidate, Instant now)
    {
        var earlier = Of(state, candidate.Period);
        var estimate = candidate with { Version = earlier.Count + 1, Quality = Estimation.QualityOf(candidate.Method) };
        // Also an estimate that another one replaced comes again only as a repeat.
        if (earlier.Exists(known =>
            known with { Evidence = null } == estimate with { Version = known.Version, Evidence = null }))
            return new Decision.AlreadyRecorded();
        if (Limits.IsInTheFuture(candidate.Period.End, now))
            return new Decision.Rejected(Rejection.ReadInTheFuture,
                $"the interval ends {candidate.Period.End}, now is {now}");
        foreach (var other in state.Estimates.Keys.OrderBy(other => other.Start))
            if (other != candidate.Period && other.Start < candidate.Period.End && candidate.Period.Start < other.End)
                return new Decision.Rejected(Rejection.PeriodsOverlap,
                    $"the interval overlaps the estimate of {other}");
        if (candidate.Period.Duration <= Duration.Zero)
            return new Decision.Rejected(Rejection.IntervalEmpty, "the interval has no length");
        if (candidate.Energy < Energy.Zero)
            return new Decision.Rejected(Rejection.NegativeEnergy, $"{candidate.Energy} is negative");
        var (run, longest) = (Run(state, candidate), Estimation.LongestGap(candidate.Method, EstimationLimits.Default));
        if (run > longest)
            return new Decision.Rejected(Rejection.EstimateTooLong,
                $"with its neighbours it is {IntervalValidation.Minutes(run)} by {candidate.Method}, at most "
                + $"{IntervalValidation.Minutes(longest)}");
        if (state.Known.TryGetValue(candidate.Period, out var versions)
            && versions[^1].Quality != ReadingQuality.Missing)
            return new Decision.Rejected(Rejection.AlreadySuperseded,
                "a reading of this interval is recorded and takes its place");
        return new Decision.Accepted(new NewFact(estimate, estimate.Period, new EvidenceKey(
            $"interval-estimate/{estimate.Register}/{InstantPattern.ExtendedIso.Format(estimate.Period.Start)}/"
            + $"{InstantPattern.ExtendedIso.Format(estimate.Period.End)}/v{estimate.Version}")));
    }

    /// <summary>All estimates of an interval, the first one first.</summary>
    internal static ImmutableList<IntervalEstimated> Of(IntervalReadingsState state, Interval period) =>
        state.Estimates.GetValueOrDefault(period) ?? [];

    /// <summary>How long the estimates by one method are that touch each other, with this one.</summary>
    private static Duration Run(IntervalReadingsState state, IntervalEstimated candidate)
    {
        var (start, end) = (candidate.Period.Start, candidate.Period.End);
        var others = state.Estimates.Values.Select(versions => versions[^1])
            .Where(other => other.Method == candidate.Method && other.Period != candidate.Period)
            .Select(other => other.Period).OrderBy(period => period.Start).ToList();
        foreach (var other in others) if (other.Start == end) end = other.End;
        foreach (var other in Enumerable.Reverse(others)) if (other.End == start) start = other.Start;
        return end - start;
    }
}
