using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// Derives interval records again from the raw evidence that they name, sample by sample,
/// and compares every figure that evidence alone decides: energies, extremes, coverage, gaps, ramp, counts, quality,
/// and whether the period is closed. How many samples came late, and how far ahead a file's sender's clock was, depends
/// on when evidence came, which the evidence cannot say; only that a later version knows no less of it. A later version
/// leaves out nothing of what the version before rested on that its period needs. Records of streams are derived from
/// the frame log, many at once, so <see cref="Finish"/> has to be called at the end.
/// </summary>
/// <param name="evidence">The bytes of a digest; null where they are not kept. May throw
/// <see cref="EvidenceErasedException"/> or <see cref="EvidencePrunedException"/>.</param>
/// <param name="log">The frame log; null where it is not at hand.</param>
/// <param name="droppings">What the journal says was dropped of the log; null: nothing.</param>
public sealed class RecordVerification(
    Func<EvidenceDigest, byte[]?> evidence, Findings findings, FrameLogReader? log = null,
    FrameDroppings? droppings = null)
{
    private readonly CurvePieces pieces = new(evidence);
    private readonly StreamRecordVerification streams = new(evidence, log, findings, droppings);
    private (long Records, long Samples) ofFiles;
    private long asBefore; // records of files that are so by a measure of gaps that held before
    // Of these, those that hold no sample, are not bridged now and have no later version.
    private readonly Dictionary<(SettlementPointId Point, Instant Start), IntervalRecorded> silent = [];
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
            _ = CurveWindow.Edges(record.Period); // also of a stream, whose frames are asked later, many at once
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
            silent.Remove((record.Point, record.Period.Start));
            var (integral, isClosed) = Derive(record);
            if (IntervalRecords.IsClockSuspect(record.ClockOffsetMicroseconds)) suspects++;
            if (!RecordComparison.IsAs(integral, record) || !IsInState(record, isClosed, before))
                Tell(RecordComparison.Place(position, record), record, integral, (isClosed, before));
            if (before is { Declared: null }) VerifyEvidence(position, record, before);
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
        catch (Exception impossible) when (impossible is ArgumentException or OverflowException)
        {
            findings.Add(RecordComparison.Place(position, record), impossible.Message, "a period of which there are records");
        }
    }

    /// <summary>Ends the verification, and says what of streams could not be checked.</summary>
    public void Finish()
    {
        streams.Finish();
        if (asBefore > 0)
            findings.LeaveOut(string.Create(CultureInfo.InvariantCulture,
                $"{asBefore} interval records of files by the measure of gaps that holds now: they are as an earlier "
                + $"one gives them, by which a gap might measure itself"));
        if (silent.Values.MinBy(record => (record.Period.Start, record.Point)) is { } first)
            findings.LeaveOut(string.Create(CultureInfo.InvariantCulture,
                $"{silent.Count} of these for whether anything flowed: they hold no sample, and those beside are farther "
                + $"apart than the spacing of either file allows; the first is that of {first.Point} from "
                + $"{first.Period.Start}, version {first.Version}"));
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

    /// <summary>A period is computed from all its evidence, so a later version names what the version before named, but
    /// for pieces without a sample that the period needs: where nearer ones came from elsewhere, they have none left.
    /// </summary>
    private void VerifyEvidence(long position, IntervalRecorded record, RecordVersion before)
    {
        if (before.Evidence == record.Evidence) return;
        var named = pieces.Listed(record.Evidence);
        NamedPiece[] missing = [.. pieces.Listed(before.Evidence)
            .Where(piece => !Array.Exists(named, own => own.Digest == piece.Digest))];
        if (missing.Length == 0) return;
        var (start, end) = CurveWindow.Edges(record.Period);
        var needed = new List<CurvePiece>();
        CurveWindow.Union(Cut(pieces.Of([.. named, .. missing], record.Point), start, end), start, end, needed);
        foreach (var piece in missing)
            if (needed.Exists(one => one.Piece == piece))
                findings.Add(RecordComparison.Place(position, record), $"evidence without {piece.Digest}",
                    "all that the version before rests on and the period needs");
    }

    /// <summary>What the evidence of a record from files says of its period, and whether it reaches the period's end.
    /// Throws <see cref="InvalidDataException"/> where the evidence is not kept or says nothing of the point.</summary>
    public (PeriodIntegral Integral, bool IsClosed) Derive(IntervalRecorded record)
    {
        var (start, end) = CurveWindow.Edges(record.Period);
        var found = pieces.Of(record);
        if (found is [{ Curve.Even: { } even }])
        {
            var window = CurveWindow.Of(even, start, end);
            ofFiles = (ofFiles.Records + 1, ofFiles.Samples + window.Count);
            return (CurveWindow.Integrate(window, record.Period),
                window.Count > 0 && window.At(window.Count - 1) >= end);
        }
        var used = new List<CurvePiece>();
        var samples = CurveWindow.Union(Cut(found, start, end), start, end, used);
        ofFiles = (ofFiles.Records + 1, ofFiles.Samples + samples.Length);
        return (Integrate(record, samples, used), samples.Length > 0 && samples[^1].AtMicroseconds >= end);
    }

    /// <summary>Which rule made a record nothing says that its writer could not say otherwise, so one that is as an
    /// earlier rule gives it is taken for such, and counted.</summary>
    private PeriodIntegral Integrate(
        IntervalRecorded record, ReadOnlySpan<PowerSample> samples, List<CurvePiece> used)
    {
        var integral = CurveWindow.Integrate(samples, record.Period, used);
        if (RecordComparison.IsAs(integral, record)) return integral;
        foreach (var gap in CurveGaps.Earlier(samples, used))
        {
            var before = PowerCurve.Integrate(samples, [record.Period], gap)[0];
            if (!RecordComparison.IsAs(before, record)) continue;
            asBefore++;
            if (integral is { Samples: 0, CoveredMicroseconds: 0 })
                silent[(record.Point, record.Period.Start)] = record;
            return before;
        }
        return integral;
    }

    /// <summary>Of a curve by rule only what the period needs is made samples, since the whole is kept without them.
    /// </summary>
    private static List<CurvePiece> Cut(List<(NamedPiece Piece, PointCurve Curve)> found, long start, long end) =>
        found.ConvertAll(one => new CurvePiece(one.Piece, one.Curve.Even is { } even
            ? CurveWindow.Of(even, start, end).ToSamples() : one.Curve.InTime, one.Curve.Spacing));

    /// <summary>A later version stays final although new evidence of it may not reach its end. Where the version before
    /// is not at hand it may have been.</summary>
    private static bool IsInState(IntervalRecorded record, bool isClosed, RecordVersion? before) =>
        isClosed == (record.State == IntervalRecordState.Final)
        || (!isClosed && record.Version > 1 && before is not { IsFinal: false });

    private void Tell(
        string place, IntervalRecorded record, PeriodIntegral derived, (bool IsClosed, RecordVersion? Before) known)
    {
        foreach (var (found, expected) in RecordComparison.Differences(record, derived))
            findings.Add(place, found, expected);
        if (!IsInState(record, known.IsClosed, known.Before))
            findings.Add(place, $"state {record.State}", known.IsClosed
                ? "final, because its period is closed" : "provisional");
    }
}
