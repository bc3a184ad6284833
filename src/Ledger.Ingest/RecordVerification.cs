using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>
/// Derives interval records again from the raw evidence that they name, sample by sample,
/// and compares every figure that evidence alone decides: energies, extremes, coverage, gaps, ramp, counts, quality,
/// and whether the period is closed. How many samples came late depends on when evidence came,
/// which the evidence cannot say.
/// </summary>
/// <param name="evidence">The bytes of a digest; null where they are not kept. May throw
/// <see cref="EvidenceErasedException"/> or <see cref="EvidencePrunedException"/>.</param>
public sealed class RecordVerification(Func<EvidenceDigest, byte[]?> evidence, Findings findings)
{
    private readonly CurvePieces pieces = new(evidence);

    /// <summary>Records that were derived again, and the samples that they were derived from.</summary>
    public (long Records, long Samples) Derived { get; private set; }

    /// <summary>Records of whose evidence a part was erased, so that nobody can derive them again.</summary>
    public long Erased { get; private set; }

    /// <summary>The same of records of whose evidence a part is in a month's archive that is not at hand.</summary>
    public long Pruned { get; private set; }

    public void Verify(long position, IntervalRecorded record)
    {
        try
        {
            var (integral, isClosed) = Derive(record);
            if (!IsAs(integral, isClosed, record)) Tell(Place(position, record), record, integral, isClosed);
        }
        catch (EvidenceErasedException)
        {
            Erased++;
        }
        catch (EvidencePrunedException)
        {
            Pruned++;
        }
        catch (InvalidDataException damaged)
        {
            findings.Add(Place(position, record), damaged.Message, "the evidence that the record names");
        }
    }

    /// <summary>What the evidence of a record says of its period, and whether it reaches the period's end. Throws
    /// <see cref="InvalidDataException"/> where the evidence is not kept or says nothing of the point.</summary>
    public (PeriodIntegral Integral, bool IsClosed) Derive(IntervalRecorded record)
    {
        var end = PowerCurve.Microseconds(record.Period.End);
        var samples = CurveWindow.Union(pieces.Of(record), PowerCurve.Microseconds(record.Period.Start), end, []);
        Derived = (Derived.Records + 1, Derived.Samples + samples.Length);
        return (CurveWindow.Integrate(samples, record.Period),
            samples.Length > 0 && samples[^1].AtMicroseconds >= end);
    }

    /// <summary>Nothing is put into words for a record that is as its evidence says.</summary>
    private static bool IsAs(PeriodIntegral derived, bool isClosed, IntervalRecorded record) =>
        record.Import == derived.Import && record.Export == derived.Export
        && record.Minimum == derived.Minimum && record.Maximum == derived.Maximum
        && record.CoveredMicroseconds == derived.CoveredMicroseconds
        && record.Ramp1sMilliwattsMax == derived.Ramp1sMilliwattsMax && record.Samples == derived.Samples
        && record.DuplicateSamples == derived.Duplicates && record.ConflictingSamples == derived.Conflicts
        && record.Gaps.SequenceEqual(derived.Gaps) && record.Quality == QualityOf(derived, record)
        && IsInState(record, isClosed);

    private static ReadingQuality QualityOf(PeriodIntegral derived, IntervalRecorded record) =>
        IntervalRecords.QualityOf(derived.CoveredMicroseconds, record.ClockOffsetMicroseconds);

    /// <summary>A later version stays final although new evidence of it may not reach its end.</summary>
    private static bool IsInState(IntervalRecorded record, bool isClosed) =>
        isClosed == (record.State == IntervalRecordState.Final) || (!isClosed && record.Version > 1);

    private static string Place(long position, IntervalRecorded record) =>
        $"position {position.ToString(CultureInfo.InvariantCulture)}, record of {record.Point} "
        + $"{InstantPattern.ExtendedIso.Format(record.Period.Start)} "
        + $"v{record.Version.ToString(CultureInfo.InvariantCulture)}";

    private void Tell(string place, IntervalRecorded record, PeriodIntegral derived, bool isClosed)
    {
        Same("import", record.Import.ToKwh() + " kWh", derived.Import.ToKwh() + " kWh",
            record.Import == derived.Import);
        Same("export", record.Export.ToKwh() + " kWh", derived.Export.ToKwh() + " kWh",
            record.Export == derived.Export);
        Same("minimum", record.Minimum, derived.Minimum, record.Minimum == derived.Minimum);
        Same("maximum", record.Maximum, derived.Maximum, record.Maximum == derived.Maximum);
        Counts("microseconds covered", record.CoveredMicroseconds, derived.CoveredMicroseconds);
        Counts("ramp in mW", record.Ramp1sMilliwattsMax, derived.Ramp1sMilliwattsMax);
        Counts("samples", record.Samples, derived.Samples);
        Counts("duplicates", record.DuplicateSamples, derived.Duplicates);
        Counts("conflicts", record.ConflictingSamples, derived.Conflicts);
        Same("gaps", record.Gaps.Count, derived.Gaps.Count,
            record.Gaps.Select(gap => gap.Missing).SequenceEqual(derived.Gaps.Select(gap => gap.Missing)));
        var quality = QualityOf(derived, record);
        Same("quality", record.Quality, quality, record.Quality == quality);
        if (!IsInState(record, isClosed))
            findings.Add(place, $"state {record.State}", isClosed
                ? "final, because its period is closed" : "provisional");

        void Counts(string what, long recorded, long again) => Same(what, recorded, again, recorded == again);

        void Same<T>(string what, T recorded, T again, bool isSame)
        {
            if (!isSame) findings.Add(place, string.Create(CultureInfo.InvariantCulture, $"{what} {recorded}"),
                string.Create(CultureInfo.InvariantCulture, $"{again} by the evidence"));
        }
    }
}
