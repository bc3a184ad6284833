using System.Collections.Immutable;
using NodaTime;

namespace Ledger.Domain;

/// <summary>The interval readings of one register that start on one UTC day, by their interval.</summary>
public sealed record IntervalReadingsState(ImmutableDictionary<Interval, IntervalReadingRecorded> Known)
{
    public static readonly IntervalReadingsState Empty = new(ImmutableDictionary<Interval, IntervalReadingRecorded>.Empty);
}

/// <summary>
/// The rule of interval readings, which a meter-data provider sends: an interval of a register has one energy. The same
/// again, also out of another file, is already recorded; another energy for it is a conflict.
/// </summary>
public static class IntervalReadings
{
    /// <summary>Guards in order of their codes: conflict, future, empty interval, negative energy.</summary>
    public static Decision Decide(IntervalReadingsState state, IntervalReadingRecorded reading, Instant now)
    {
        if (state.Known.TryGetValue(reading.Period, out var known))
            return known with { Evidence = reading.Evidence } == reading
                ? new Decision.AlreadyRecorded()
                : new Decision.Rejected(Rejection.EvidenceConflict,
                    $"{reading.Energy} {reading.Method} differs from {known.Energy} {known.Method}, recorded for the same interval");
        if (reading.Period.End > now + Duration.FromMilliseconds(Limits.ClockSkewMs))
            return new Decision.Rejected(Rejection.ReadInTheFuture, $"the interval ends {reading.Period.End}, now is {now}");
        if (reading.Period.Duration <= Duration.Zero)
            return new Decision.Rejected(Rejection.IntervalEmpty, "the interval has no length");
        return reading.Energy < Energy.Zero
            ? new Decision.Rejected(Rejection.NegativeEnergy, $"{reading.Energy} is negative")
            : new Decision.Accepted(new NewFact(reading, reading.Period, Register.IntervalKey(reading.Register, reading.Period)));
    }

    public static IntervalReadingsState Evolve(IntervalReadingsState state, LedgerEvent happened) =>
        happened is IntervalReadingRecorded reading ? new(state.Known.SetItem(reading.Period, reading)) : state;
}
