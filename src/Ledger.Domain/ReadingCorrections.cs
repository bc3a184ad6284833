using System.Collections.Immutable;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>
/// A corrected index. <paramref name="Version"/> v supersedes version v − 1; version 1 is the reading as it was read,
/// also one that was quarantined, which a correction releases. Quality missing withdraws the reading:
/// it has no index then.
/// </summary>
public sealed record RegisterReadingCorrected(
    RegisterId Register, Instant ReadAt, int Version, long IndexSteps, ReadingQuality Quality, string Reason,
    EvidenceDigest? Evidence) : LedgerEvent;

/// <summary>One version of a reading; quality and reason are null where the version is the reading itself.</summary>
public sealed record ReadingVersion(long IndexSteps, ReadingQuality? Quality, string? Reason);

/// <summary>
/// The rule of corrected register readings: a correction names the version that it supersedes,
/// which must be the latest, and its index must fit between its neighbours as a late reading must.
/// The old version stays in the journal and is what
/// "as known at" an earlier position answers.
/// </summary>
public static class ReadingCorrections
{
    /// <summary>The natural key of a version of a reading.</summary>
    public static EvidenceKey Key(RegisterReadingCorrected correction) => new(
        $"reading-correction/{correction.Register}/{InstantPattern.ExtendedIso.Format(correction.ReadAt)}/v{correction.Version}");

    /// <summary>The quarantined reading as it was read, counted from now on.</summary>
    public static RegisterReadingCorrected Release(RegisterReadingQuarantined held, string reason) =>
        new(held.Register, held.ReadAt, 2, held.IndexSteps, ReadingQuality.Measured, reason, held.Evidence);

    /// <summary>All versions of the reading at an instant, the first as it was read;
    /// none where none is known.</summary>
    public static ImmutableList<ReadingVersion> Versions(RegisterState state, Instant readAt)
    {
        if (state.Corrected.TryGetValue(readAt, out var versions)) return versions;
        var sought = new KnownReading(readAt, 0);
        return (Register.At(state.Readings, sought) ?? Register.At(state.Quarantined, sought)) is { } read
            ? [new ReadingVersion(read.IndexSteps, null, null)]
            : [];
    }

    /// <summary>Guards stand in the order of their codes;
    /// the same version with the same content is already recorded.</summary>
    public static Decision Decide(RegisterState state, RegisterReadingCorrected correction)
    {
        var versions = Versions(state, correction.ReadAt);
        if (correction.Version > 1 && correction.Version <= versions.Count
            && versions[correction.Version - 1] == VersionOf(correction)) return new Decision.AlreadyRecorded();
        if (state.InForce(correction.ReadAt) is not { } meter || meter.Installed.Register != correction.Register)
            return new Decision.Rejected(Rejection.UnknownRegister, $"register {correction.Register} is not installed");
        if (correction.Quality != ReadingQuality.Missing && Misfit(state, meter, correction) is { } misfit)
            return misfit;
        return CorrectionVersions.Misplaced(correction.Version, versions.Count, "instant") as Decision
            ?? new Decision.Accepted(NewFact.At(correction, correction.ReadAt, Key(correction)));
    }

    public static RegisterState Evolve(RegisterState state, RegisterReadingCorrected correction)
    {
        var counted = new KnownReading(correction.ReadAt, correction.IndexSteps);
        var (readings, quarantined) = (Without(state.Readings, counted), Without(state.Quarantined, counted));
        var withdrawn = correction.Quality == ReadingQuality.Missing;
        return state with
        {
            Readings = withdrawn ? readings : Register.Insert(readings, counted),
            Quarantined = withdrawn ? Register.Insert(quarantined, counted) : quarantined,
            Corrected = state.Corrected.SetItem(
                correction.ReadAt, Versions(state, correction.ReadAt).Add(VersionOf(correction))),
        };
    }

    private static ReadingVersion VersionOf(RegisterReadingCorrected correction) =>
        new(correction.IndexSteps, correction.Quality, correction.Reason);

    private static Decision.Rejected? Misfit(RegisterState state, RegisterInForce meter,
        RegisterReadingCorrected correction)
    {
        var (installed, index) = (meter.Installed, correction.IndexSteps);
        var others = Without(state.Readings, new(correction.ReadAt, 0));
        var place = ~others.BinarySearch(new(correction.ReadAt, 0), Register.ByTime);
        var before = state.Of(meter, others, place - 1);
        if (state.Of(meter, others, place) is { } next && !Register.FitsBefore(installed, before, index, next))
            return new(Rejection.ReadBeforeLastReading,
                $"index {index} does not fit before {next.IndexSteps} of " +
                InstantPattern.ExtendedIso.Format(next.ReadAt));
        if (index < 0) return new(Rejection.NegativeEnergy, $"index {index} is negative");
        if (index >= Energy.PowerOfTen(installed.Digits))
            return new(Rejection.TooManyDigits, $"index {index} has more than {installed.Digits} digits");
        return before is { } last
            && Register.Difference(installed, last.IndexSteps, index) is { Code: { } code, Detail: { } detail }
            ? new(code, detail)
            : null;
    }

    private static ImmutableList<KnownReading> Without(ImmutableList<KnownReading> readings, KnownReading reading) =>
        readings.BinarySearch(reading, Register.ByTime) is >= 0 and var place ? readings.RemoveAt(place) : readings;
}
