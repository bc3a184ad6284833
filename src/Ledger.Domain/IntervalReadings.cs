using System.Collections.Immutable;
using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// The interval readings of one register that start on one UTC day, by their interval: all versions of what was sent,
/// the first as it came, and all estimates of what was not.
/// </summary>
public sealed record IntervalReadingsState(
    ImmutableDictionary<Interval, ImmutableList<IntervalReadingVersion>> Known,
    ImmutableDictionary<Interval, ImmutableList<IntervalEstimated>> Estimates)
{
    public static readonly IntervalReadingsState Empty = new(
        ImmutableDictionary<Interval, ImmutableList<IntervalReadingVersion>>.Empty,
        ImmutableDictionary<Interval, ImmutableList<IntervalEstimated>>.Empty);
}

/// <summary>One version of an interval's energy; the reason is null where the version is the reading itself.</summary>
public sealed record IntervalReadingVersion(Energy Energy, ReadingQuality Quality, string? Method, string? Reason);

/// <summary>
/// The rule of interval readings, which a meter-data provider sends: an interval of a register has one energy. The same
/// again, also out of another file, is already recorded; another energy for it is a conflict, and needs a correction.
/// </summary>
public static class IntervalReadings
{
    /// <summary>
    /// Guards in order of their codes: conflict, future, empty interval, negative energy. What validation finds in an
    /// accepted reading makes it suspect.
    /// </summary>
    /// <param name="powerMax">The most that can flow through the point; null where it is not known.</param>
    public static Decision Decide(
        IntervalReadingsState state, IntervalReadingRecorded reading, Instant now, Power? powerMax = null)
    {
        if (state.Known.TryGetValue(reading.Period, out var versions))
            return IsSame(versions[0], reading)
                ? new Decision.AlreadyRecorded()
                : new Decision.Rejected(Rejection.EvidenceConflict,
                    $"{reading.Energy} {reading.Method} differs from {versions[0].Energy} {versions[0].Method}, "
                    + "recorded for the same interval");
        if (Limits.IsInTheFuture(reading.Period.End, now))
            return new Decision.Rejected(Rejection.ReadInTheFuture,
                $"the interval ends {reading.Period.End}, now is {now}");
        if (reading.Period.Duration <= Duration.Zero)
            return new Decision.Rejected(Rejection.IntervalEmpty, "the interval has no length");
        if (reading.Energy < Energy.Zero)
            return new Decision.Rejected(Rejection.NegativeEnergy, $"{reading.Energy} is negative");
        var findings = IntervalValidation.Alone(
                new SentInterval(reading.Period, reading.Energy, reading.Quality),
                new IntervalSeries([], reading.Period.Duration, PowerMax: powerMax), MeterThresholds.Default)
            .Where(finding => finding.Severity == FindingSeverity.Suspect).ToList();
        var kept = findings.Count > 0 ? reading with { Quality = ReadingQuality.Suspect } : reading;
        return new Decision.Accepted(
        [
            new NewFact(kept, reading.Period, Register.IntervalKey(reading.Register, reading.Period)),
            .. findings.Select(finding => MeterRules.Fact(reading.Register, finding, reading.Evidence)),
        ]);
    }

    public static IntervalReadingsState Evolve(IntervalReadingsState state, LedgerEvent happened) => happened switch
    {
        IntervalReadingRecorded r => state with
        {
            Known = state.Known.SetItem(r.Period, [new(r.Energy, r.Quality, r.Method, null)]),
        },
        IntervalReadingCorrected c when state.Known.TryGetValue(c.Period, out var versions) => state with
        {
            Known = state.Known.SetItem(c.Period, versions.Add(IntervalCorrections.VersionOf(c))),
        },
        IntervalEstimated e =>
            state with { Estimates = state.Estimates.SetItem(e.Period, IntervalEstimates.Of(state, e.Period).Add(e)) },
        _ => state,
    };

    // What validation made suspect comes again with the quality that its sender gave it.
    private static bool IsSame(IntervalReadingVersion first, IntervalReadingRecorded again) =>
        first.Energy == again.Energy && first.Method == again.Method
        && (first.Quality == again.Quality || first.Quality == ReadingQuality.Suspect);
}
