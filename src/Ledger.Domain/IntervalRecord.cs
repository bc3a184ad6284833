using NodaTime;

namespace Ledger.Domain;

/// <summary>Whether an interval record may still change.</summary>
public enum IntervalRecordState { Provisional = 1, Final = 2, Superseded = 3 }

/// <summary>A stretch inside a period over which nothing was integrated, because samples were too far apart.</summary>
public sealed record CurveGap(Interval Missing);

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
    long ClockOffsetMicroseconds, ReadingQuality Quality, string? Reason, EvidenceDigest Evidence) : LedgerEvent;
