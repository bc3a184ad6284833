using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Journal.Verification;

namespace Ledger.Ingest;

/// <summary>
/// Derives interval records again from the raw evidence that they name, sample by sample,
/// and compares every figure that evidence alone decides: energies, extremes, coverage, gaps, ramp, counts, quality,
/// and whether the period is closed. How many samples came late, and how far ahead a file's sender's clock was, depends
/// on when evidence came, which the evidence cannot say; only that a later version knows no less of it. A later version
/// rests on all that the version before rested on. Records of streams are derived from the frame log, many at once, so
/// <see cref="Finish"/> has to be called at the end.
/// </summary>
/// <param name="evidence">The bytes of a digest; null where they are not kept. May throw
/// <see cref="EvidenceErasedException"/> or <see cref="EvidencePrunedException"/>.</param>
/// <param name="log">The frame log; null where it is not at hand.</param>
/// <param name="droppings">What the journal says was dropped of the log; null: nothing.</param>
public sealed class RecordVerification(
    Func<EvidenceDigest, byte[]?> evidence, Findings findings, FrameLogReader? log = null,
    FrameDroppings? droppings = null)
{
    private const int ListsKeptMax = 1024;

    private readonly CurvePieces pieces = new(evidence);
    private readonly StreamRecordVerification streams = new(evidence, log, findings, droppings);
    private readonly Dictionary<EvidenceDigest, IReadOnlyList<EvidenceDigest>> listed = [];
    private (long Records, long Samples) ofFiles;
    private long suspects; // of files

    /// <summary>Records that were derived again, and the samples that they were derived from.</summary>
    public (long Records, long Samples) Derived =>
        (ofFiles.Records + streams.Derived.Records, ofFiles.Samples + streams.Derived.Samples);

    /// <summary>Records of whose evidence a part was erased, so that nobody can derive them again.</summary>
    public long Erased { get; private set; }

    /// <summary>The same of records of whose evidence a part is in a month's archive that is not at hand.</summary>
    public long Pruned { get; private set; }

    /// <summary>Takes a record.</summary>
    /// <param name="before">The version before, of <see cref="RecordVersions"/>; null where it is the first, or that is
    /// not to be had.</param>
    public void Verify(long position, IntervalRecorded record, RecordVersion? before = null)
    {
        try
        {
            if (before is not null && before.Declared is null != record.Stream is null)
                findings.Add(RecordComparison.Place(position, record),
                    record.Stream is null ? "a record from files" : "a record of a stream",
                    "the kind of evidence that the version before has");
            if (record.Stream is not null)
            {
                streams.Verify(position, record, before);
                return;
            }
            VerifyClock(position, record, before);
            if (before is { Declared: null }) VerifyEvidence(position, record, before);
            var (integral, isClosed) = Derive(record);
            if (IntervalRecords.IsClockSuspect(record.ClockOffsetMicroseconds)) suspects++;
            if (RecordComparison.IsAs(integral, record) && IsInState(record, isClosed)) return;
            Tell(RecordComparison.Place(position, record), record, integral, isClosed);
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
            findings.Add(RecordComparison.Place(position, record), damaged.Message, "the evidence that the record names");
        }
    }

    /// <summary>Ends the verification, and says what of streams could not be checked.</summary>
    public void Finish()
    {
        streams.Finish();
        if (ofFiles.Records > 0)
            findings.LeaveOut(string.Create(CultureInfo.InvariantCulture, $"{ofFiles.Records} interval records of files for "
                + $"how many samples came late and how far their sender's clock was ahead, by which {suspects} of them are "
                + $"suspect: no evidence says when it came"));
        LeaveOut(streams.Suspect, "whose samples, or those of a period beside, were placed by a corrected time: their "
            + "sender's clock was off");
        foreach (var (dropping, count) in streams.Dropped.OrderBy(one => one.Key.Position))
            LeaveOut(count, $"whose frames were {dropping}");
        LeaveOut(streams.NotAtHand, "against their frames, which are in the frame log of the ledger alone; their evidence "
            + "names the range and its chain");
        if (streams.SamplesBeside.ToString(CultureInfo.InvariantCulture) is var beside && beside != "0")
            findings.LeaveOut($"{beside} samples of the frame log that no record which stands counts: of periods that are "
                + "not recorded yet, of points that nobody registered, refused, or left out");
        LeaveOut(streams.Derived.Records, "for the causes of gaps, the missing numbers and the clock, which follow from "
            + "more of the frame log than their range");

        void LeaveOut(long count, string what)
        {
            if (count > 0)
                findings.LeaveOut(string.Create(CultureInfo.InvariantCulture,
                    $"{count} interval records of streams {what}"));
        }
    }

    /// <summary>That a clock is ahead is known once it was seen, and a file proves of none that it is behind.</summary>
    private void VerifyClock(long position, IntervalRecorded record, RecordVersion? before)
    {
        var least = before is { Declared: null } ? before.ClockOffsetMicroseconds : 0;
        if (record.ClockOffsetMicroseconds < least)
            findings.Add(RecordComparison.Place(position, record), string.Create(CultureInfo.InvariantCulture,
                $"a clock {record.ClockOffsetMicroseconds} µs ahead"), string.Create(CultureInfo.InvariantCulture,
                $"no less than {least} µs"));
    }

    /// <summary>A period is computed from all its evidence, so a later version names what the version before named.
    /// </summary>
    private void VerifyEvidence(long position, IntervalRecorded record, RecordVersion before)
    {
        if (before.Evidence == record.Evidence) return;
        var now = Listed(record.Evidence).ToHashSet();
        foreach (var piece in Listed(before.Evidence))
            if (!now.Contains(piece))
                findings.Add(RecordComparison.Place(position, record), $"evidence without {piece}",
                    "all that the version before rests on");
    }

    private IReadOnlyList<EvidenceDigest> Listed(EvidenceDigest digest)
    {
        if (listed.TryGetValue(digest, out var known)) return known;
        var bytes = evidence(digest) ?? throw new InvalidDataException($"evidence {digest} is not kept");
        if (listed.Count == ListsKeptMax) listed.Clear();
        return listed[digest] = [.. EvidenceManifest.Listed(digest, bytes)];
    }

    /// <summary>What the evidence of a record from files says of its period, and whether it reaches the period's end.
    /// Throws <see cref="InvalidDataException"/> where the evidence is not kept or says nothing of the point.</summary>
    public (PeriodIntegral Integral, bool IsClosed) Derive(IntervalRecorded record)
    {
        var (start, end) = (PowerCurve.Microseconds(record.Period.Start), PowerCurve.Microseconds(record.Period.End));
        var found = pieces.Of(record);
        if (found is [{ Curve.Even: { } even }])
        {
            var window = CurveWindow.Of(even, start, end);
            ofFiles = (ofFiles.Records + 1, ofFiles.Samples + window.Count);
            return (CurveWindow.Integrate(window, record.Period),
                window.Count > 0 && window.At(window.Count - 1) >= end);
        }
        var samples = CurveWindow.Union(
            found.ConvertAll(one => new CurvePiece(one.Piece, Samples(one.Curve, start, end))), start, end, []);
        ofFiles = (ofFiles.Records + 1, ofFiles.Samples + samples.Length);
        return (CurveWindow.Integrate(samples, record.Period),
            samples.Length > 0 && samples[^1].AtMicroseconds >= end);
    }

    /// <summary>Of a curve by rule only what the period needs is made samples, since the whole is kept without them.
    /// </summary>
    private static PowerSample[] Samples(PointCurve curve, long start, long end) =>
        curve.Even is { } even ? CurveWindow.Of(even, start, end).ToSamples() : curve.InTime;

    /// <summary>A later version stays final although new evidence of it may not reach its end.</summary>
    private static bool IsInState(IntervalRecorded record, bool isClosed) =>
        isClosed == (record.State == IntervalRecordState.Final) || (!isClosed && record.Version > 1);

    private void Tell(string place, IntervalRecorded record, PeriodIntegral derived, bool isClosed)
    {
        foreach (var (found, expected) in RecordComparison.Differences(record, derived))
            findings.Add(place, found, expected);
        if (!IsInState(record, isClosed))
            findings.Add(place, $"state {record.State}", isClosed
                ? "final, because its period is closed" : "provisional");
    }
}
