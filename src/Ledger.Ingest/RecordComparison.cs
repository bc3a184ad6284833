using System.Globalization;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>A record beside what its evidence says: every figure that evidence alone decides.</summary>
public static class RecordComparison
{
    /// <summary>Where a record stands, in words.</summary>
    public static string Place(long position, IntervalRecorded record) =>
        Place(position, record.Point, record.Period, record.Version);

    /// <summary>The same of a record that is no more at hand.</summary>
    public static string Place(long position, SettlementPointId point, Interval period, int version) =>
        $"position {position.ToString(CultureInfo.InvariantCulture)}, record of {point} "
        + $"{InstantPattern.ExtendedIso.Format(period.Start)} v{version.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>Whether every figure is as the evidence says; nothing is put into words for it.</summary>
    public static bool IsAs(PeriodIntegral derived, IntervalRecorded record) =>
        record.Import == derived.Import && record.Export == derived.Export
        && record.Minimum == derived.Minimum && record.Maximum == derived.Maximum
        && record.CoveredMicroseconds == derived.CoveredMicroseconds
        && record.Ramp1sMilliwattsMax == derived.Ramp1sMilliwattsMax && record.Samples == derived.Samples
        && record.DuplicateSamples == derived.Duplicates && record.ConflictingSamples == derived.Conflicts
        && AreGaps(derived, record) && record.Quality == QualityOf(derived, record)
        && (record.Stream is null || record.Stream.Ramp10sMilliwattsMax == (derived.Ramp10sMilliwattsMax ?? 0));

    /// <summary>Each figure that is not as the evidence says, and what it says.</summary>
    public static IEnumerable<(string Found, string Expected)> Differences(
        IntervalRecorded record, PeriodIntegral derived)
    {
        var quality = QualityOf(derived, record);
        IEnumerable<(bool IsSame, string What, object Recorded, object Again)> figures =
        [
            (record.Import == derived.Import, "import", Kwh(record.Import), Kwh(derived.Import)),
            (record.Export == derived.Export, "export", Kwh(record.Export), Kwh(derived.Export)),
            (record.Minimum == derived.Minimum, "minimum", record.Minimum, derived.Minimum),
            (record.Maximum == derived.Maximum, "maximum", record.Maximum, derived.Maximum),
            (record.CoveredMicroseconds == derived.CoveredMicroseconds, "microseconds covered",
                record.CoveredMicroseconds, derived.CoveredMicroseconds),
            (record.Ramp1sMilliwattsMax == derived.Ramp1sMilliwattsMax, "ramp in mW", record.Ramp1sMilliwattsMax,
                derived.Ramp1sMilliwattsMax),
            (record.Stream is null || record.Stream.Ramp10sMilliwattsMax == (derived.Ramp10sMilliwattsMax ?? 0),
                "ramp of 10 s in mW", record.Stream?.Ramp10sMilliwattsMax ?? 0, derived.Ramp10sMilliwattsMax ?? 0),
            (record.Samples == derived.Samples, "samples", record.Samples, derived.Samples),
            (record.DuplicateSamples == derived.Duplicates, "duplicates", record.DuplicateSamples, derived.Duplicates),
            (record.ConflictingSamples == derived.Conflicts, "conflicts", record.ConflictingSamples, derived.Conflicts),
            (AreGaps(derived, record), "gaps", record.Gaps.Count, derived.Gaps.Count),
            (record.Quality == quality, "quality", record.Quality, quality),
        ];
        return figures.Where(figure => !figure.IsSame).Select(figure => (
            string.Create(CultureInfo.InvariantCulture, $"{figure.What} {figure.Recorded}"),
            string.Create(CultureInfo.InvariantCulture, $"{figure.Again} by the evidence")));
    }

    /// <summary>Why samples of a stream are missing follows from more of the log than its range.</summary>
    private static bool AreGaps(PeriodIntegral derived, IntervalRecorded record) => record.Stream is null
        ? record.Gaps.SequenceEqual(derived.Gaps)
        : record.Gaps.Select(gap => gap.Missing).SequenceEqual(derived.Gaps.Select(gap => gap.Missing));

    private static ReadingQuality QualityOf(PeriodIntegral derived, IntervalRecorded record) =>
        IntervalRecords.QualityOf(derived.CoveredMicroseconds, record.ClockOffsetMicroseconds);

    private static string Kwh(Energy energy) => energy.ToKwh() + " kWh";
}
