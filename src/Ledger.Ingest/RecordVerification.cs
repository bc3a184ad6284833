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
/// <see cref="EvidenceErasedException"/>.</param>
public sealed class RecordVerification(Func<EvidenceDigest, byte[]?> evidence, Findings findings)
{
    private const int BatchesKept = 8; // records of one file follow each other, so few files are needed at a time

    private readonly List<(EvidenceDigest Piece, CurveBatch Batch)> read = [];
    private readonly Dictionary<EvidenceDigest, EvidenceDigest[]> manifests = [];

    /// <summary>Records that were derived again, and the samples that they were derived from.</summary>
    public (long Records, long Samples) Derived { get; private set; }

    /// <summary>Records of whose evidence a part was erased, so that nobody can derive them again.</summary>
    public long Erased { get; private set; }

    public void Verify(long position, IntervalRecorded record)
    {
        var place = $"position {position.ToString(CultureInfo.InvariantCulture)}, record of {record.Point} "
            + $"{InstantPattern.ExtendedIso.Format(record.Period.Start)} "
            + $"v{record.Version.ToString(CultureInfo.InvariantCulture)}";
        try
        {
            var (integral, isClosed) = Derive(record);
            Compare(place, record, integral, isClosed);
        }
        catch (EvidenceErasedException)
        {
            Erased++;
        }
        catch (InvalidDataException damaged)
        {
            findings.Add(place, damaged.Message, "the evidence that the record names");
        }
    }

    /// <summary>What the evidence of a record says of its period, and whether it reaches the period's end. Throws
    /// <see cref="InvalidDataException"/> where the evidence is not kept or says nothing of the point.</summary>
    public (PeriodIntegral Integral, bool IsClosed) Derive(IntervalRecorded record)
    {
        var pieces = Pieces(record.Evidence).Select(piece => new CurvePiece(piece, Samples(piece, record.Point)))
            .ToList();
        var end = PowerCurve.Microseconds(record.Period.End);
        var samples = CurveWindow.Union(pieces, PowerCurve.Microseconds(record.Period.Start), end, []);
        Derived = (Derived.Records + 1, Derived.Samples + samples.Length);
        return (CurveWindow.Integrate(samples, record.Period),
            samples.Length > 0 && samples[^1].AtMicroseconds >= end);
    }

    private void Compare(string place, IntervalRecorded record, PeriodIntegral derived, bool isClosed)
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
        var quality = IntervalRecords.QualityOf(derived.CoveredMicroseconds, record.ClockOffsetMicroseconds);
        Same("quality", record.Quality, quality, record.Quality == quality);
        // A later version stays final although new evidence of it may not reach its end.
        if (isClosed != (record.State == IntervalRecordState.Final) && (isClosed || record.Version == 1))
            findings.Add(place, $"state {record.State}", isClosed
                ? "final, because its period is closed" : "provisional");

        void Counts(string what, long recorded, long again) => Same(what, recorded, again, recorded == again);

        void Same<T>(string what, T recorded, T again, bool isSame)
        {
            if (!isSame) findings.Add(place, string.Create(CultureInfo.InvariantCulture, $"{what} {recorded}"),
                string.Create(CultureInfo.InvariantCulture, $"{again} by the evidence"));
        }
    }

    private EvidenceDigest[] Pieces(EvidenceDigest digest)
    {
        if (!manifests.TryGetValue(digest, out var pieces))
        {
            if (manifests.Count == 1024) manifests.Clear();
            manifests[digest] = pieces = [.. EvidenceManifest.Listed(digest, Bytes(digest))];
        }
        return pieces;
    }

    private PowerSample[] Samples(EvidenceDigest piece, SettlementPointId point)
    {
        foreach (var known in read)
            if (known.Piece == piece && CurveEvidence.Of(known.Batch, point) is { } samples) return samples;
        var batch = CurveEvidence.Parse(piece, Bytes(piece), point);
        if (read.Count == BatchesKept) read.RemoveAt(0);
        read.Add((piece, batch));
        return CurveEvidence.Of(batch, point)
            ?? throw new InvalidDataException($"evidence {piece} holds no sample of {point}");
    }

    private byte[] Bytes(EvidenceDigest digest) =>
        evidence(digest) ?? throw new InvalidDataException($"evidence {digest} is not kept");
}
