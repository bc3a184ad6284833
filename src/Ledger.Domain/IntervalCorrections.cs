using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>
/// Corrected energy of an interval. <paramref name="Version"/> v supersedes version v − 1;
/// version 1 is the reading as it was sent. Quality missing withdraws it.
/// </summary>
public sealed record IntervalReadingCorrected(
    RegisterId Register, Interval Period, int Version, Energy Energy, ReadingQuality Quality, string? Method,
    string Reason,
    EvidenceDigest? Evidence) : LedgerEvent;

/// <summary>
/// The rule of corrected interval readings: a correction names the version that it supersedes,
/// which must be the latest. The old version stays in the journal and is what "as known at" an earlier position
/// answers.
/// </summary>
public static class IntervalCorrections
{
    /// <summary>The natural key of a version of an interval's energy.</summary>
    public static EvidenceKey Key(IntervalReadingCorrected correction) => new(
        $"interval-correction/{correction.Register}/{InstantPattern.ExtendedIso.Format(correction.Period.Start)}/"
        + $"{InstantPattern.ExtendedIso.Format(correction.Period.End)}/v{correction.Version}");

    /// <summary>Guards stand in the order of their codes;
    /// the same version with the same content is already recorded.</summary>
    public static Decision Decide(IntervalReadingsState state, IntervalReadingCorrected correction)
    {
        var versions = state.Known.GetValueOrDefault(correction.Period) ?? [];
        if (correction.Version > 1 && correction.Version <= versions.Count
            && versions[correction.Version - 1] == VersionOf(correction)) return new Decision.AlreadyRecorded();
        if (correction.Energy < Energy.Zero)
            return new Decision.Rejected(Rejection.NegativeEnergy, $"{correction.Energy} is negative");
        return CorrectionVersions.Misplaced(correction.Version, versions.Count, "interval") as Decision
            ?? new Decision.Accepted(new NewFact(correction, correction.Period, Key(correction)));
    }

    internal static IntervalReadingVersion VersionOf(IntervalReadingCorrected correction) =>
        new(correction.Energy, correction.Quality, correction.Method, correction.Reason);
}
