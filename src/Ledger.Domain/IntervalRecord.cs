using System.Collections.Immutable;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>Whether an interval record may still change.</summary>
public enum IntervalRecordState { Provisional = 1, Final = 2, Superseded = 3 }

/// <summary>
/// A stretch inside a period over which nothing was integrated, because samples were too far apart or there was none;
/// for a stream with why, as far as that is recorded.
/// </summary>
public sealed record CurveGap(Interval Missing, GapCause? Cause = null);

/// <summary>
/// What a record of a declared stream says beyond that of a batch: what its samples mean and how far apart they should
/// be, the steepest change within 10 s in mW, how the sender's clock drifts (in millionths, positive when it gains) and
/// how uncertain its offset is in µs, and how many sequence numbers are missing.
/// </summary>
public sealed record IntervalStream(
    SampleSemantics Semantics, long NominalMicroseconds, long Ramp10sMilliwattsMax, long ClockDriftPpm,
    long ClockBoundMicroseconds, int MissingSequences);

/// <summary>
/// What the ingest proves about one settlement point and one settlement period: exact import and export energy,
/// extremes, coverage, gaps, counts of doubtful samples, and the evidence it came from. Version 1 is the first; late
/// data makes version v+1, which supersedes.
/// </summary>
public sealed record IntervalRecorded(
    SettlementPointId Point, Interval Period, int Version, IntervalRecordState State,
    Energy Import, Energy Export, Power Minimum, Power Maximum,
    long CoveredMicroseconds, long Ramp1sMilliwattsMax, IReadOnlyList<CurveGap> Gaps,
    int Samples, int LateSamples, int DuplicateSamples, int ConflictingSamples,
    long ClockOffsetMicroseconds, ReadingQuality Quality, string? Reason, EvidenceDigest Evidence,
    IntervalStream? Stream = null) : LedgerEvent;

/// <summary>The latest version of each period's record of one settlement point, by the period's start.</summary>
public sealed record IntervalRecordsState(ImmutableSortedDictionary<Instant, IntervalRecorded> Latest)
{
    public static readonly IntervalRecordsState Empty = new(ImmutableSortedDictionary<Instant, IntervalRecorded>.Empty);
}

/// <summary>
/// The rule of interval records: a period has one current record. The same content again is already recorded; other
/// content (late data, or provisional becoming final) is version v+1 with its reason, and v is superseded.
/// </summary>
public static class IntervalRecords
{
    /// <summary>The natural key of a version of a period's record.</summary>
    public static EvidenceKey Key(SettlementPointId point, Interval period, int version) =>
        new($"interval-record/{point}/{InstantPattern.ExtendedIso.Format(period.Start)}/" +
            $"{InstantPattern.ExtendedIso.Format(period.End)}/v{version}");

    /// <summary>A first version of the record that a curve's integral proves;
    /// <see cref="Decide"/> gives the version.</summary>
    public static IntervalRecorded From(
        SettlementPointId point, PeriodIntegral integral, IntervalRecordState state, int lateSamples,
        long clockOffsetMicroseconds, ReadingQuality quality, EvidenceDigest evidence, string? reason = null,
        IntervalStream? stream = null) =>
        new(point, integral.Period, 1, state, integral.Import, integral.Export, integral.Minimum, integral.Maximum,
            integral.CoveredMicroseconds, integral.Ramp1sMilliwattsMax, integral.Gaps, integral.Samples, lateSamples,
            integral.Duplicates, integral.Conflicts, clockOffsetMicroseconds, quality, reason, evidence, stream);

    /// <summary>Whether a sender's clock is ahead, or behind, by more than a clock may be off.</summary>
    public static bool IsClockSuspect(long offsetMicroseconds) =>
        offsetMicroseconds is > Limits.ClockSkewMs * 1000L or < -Limits.ClockSkewMs * 1000L;

    /// <summary>How good a record is: a period of which nothing was covered is missing,
    /// one of a wrong clock suspect.</summary>
    public static ReadingQuality QualityOf(long coveredMicroseconds, long clockOffsetMicroseconds) =>
        coveredMicroseconds == 0 ? ReadingQuality.Missing
        : IsClockSuspect(clockOffsetMicroseconds) ? ReadingQuality.Suspect
        : ReadingQuality.Measured;

    /// <summary>
    /// Judges a record; its version is given here, whatever the candidate says.
    /// Guards stand in the order of their codes.
    /// </summary>
    public static Decision Decide(IntervalRecordsState state, IntervalRecorded candidate, Instant now)
    {
        var period = candidate.Period;
        if (Limits.IsInTheFuture(period.End, now)
            && candidate.State == IntervalRecordState.Final)
            return new Decision.Rejected(Rejection.ReadInTheFuture,
                $"the period ends at {InstantPattern.ExtendedIso.Format(period.End)}, after now: it can not be final");
        foreach (var (start, known) in state.Latest)
            if (start < period.End && period.Start < known.Period.End && known.Period != period)
                return new Decision.Rejected(Rejection.PeriodsOverlap,
                    $"the period overlaps the recorded {known.Period}");
        if (period.Duration == Duration.Zero)
            return new Decision.Rejected(Rejection.IntervalEmpty, "the period has no length");
        if (candidate.Import < Energy.Zero || candidate.Export < Energy.Zero)
            return new Decision.Rejected(Rejection.NegativeEnergy, "import and export are never negative");
        if (!state.Latest.TryGetValue(period.Start, out var latest)) return Accept(candidate with { Version = 1 });
        if (SaysNothingNew(latest, candidate)) return new Decision.AlreadyRecorded();
        return Accept(candidate with
        {
            Version = latest.Version + 1,
            Reason = candidate.Reason ?? Difference(latest, candidate),
        });
    }

    /// <summary>The state after a fact: the highest version of a period is the current one.</summary>
    public static IntervalRecordsState Evolve(IntervalRecordsState state, LedgerEvent happened) =>
        happened is IntervalRecorded recorded
        && (!state.Latest.TryGetValue(recorded.Period.Start, out var latest) || latest.Version < recorded.Version)
            ? new(state.Latest.SetItem(recorded.Period.Start, recorded))
            : state;

    /// <summary>Whether a candidate would be no new version. Evidence and reason say where a record came from; a
    /// provisional repeat takes nothing back from a final record.</summary>
    public static bool SaysNothingNew(IntervalRecorded latest, IntervalRecorded candidate) =>
        (latest.State == candidate.State || latest.State == IntervalRecordState.Final)
        && latest.Gaps.SequenceEqual(candidate.Gaps)
        && latest == candidate with
        {
            Version = latest.Version,
            State = latest.State,
            Gaps = latest.Gaps,
            Reason = latest.Reason,
            Evidence = latest.Evidence,
        };

    private static string Difference(IntervalRecorded latest, IntervalRecorded candidate) =>
        latest.Import == candidate.Import && latest.Export == candidate.Export
            ? latest.State == candidate.State ? "same energy, other detail" : "same energy, now " + candidate.State
            : $"{(latest.State == IntervalRecordState.Final ? "late data" : "more of the period")}: import "
                + $"{Signed(candidate.Import - latest.Import)}, export {Signed(candidate.Export - latest.Export)}";

    private static string Signed(Energy change) => (change < Energy.Zero ? "" : "+") + change.ToKwh() + " kWh";

    private static Decision.Accepted Accept(IntervalRecorded record) =>
        new(new NewFact(record, record.Period, Key(record.Point, record.Period, record.Version)));
}
