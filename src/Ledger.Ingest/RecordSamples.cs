using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;

namespace Ledger.Ingest;

/// <summary>More samples than were to be read at most.</summary>
public sealed class TooManySamplesException() : Exception("there are more samples than are read at once");

/// <summary>
/// The samples of which an interval record was made, read from the evidence that it names: files as they were received,
/// or frames of the log. What is sealed under a person's key is not read here, because reading it is a disclosure.
/// </summary>
/// <param name="log">The frame log, which records of streams rest on.</param>
public sealed class RecordSamples(EvidenceArchive archive, FrameLogReader log)
{
    private readonly CurvePieces pieces = new(archive.Get);
    private readonly FrameDerivation derivation = new(log);

    /// <summary>The samples within the record's period, in order of time; or why there are none to show.</summary>
    /// <param name="most">So many are read at most; <see cref="TooManySamplesException"/> where there are more.</param>
    public (PowerSample[] Samples, string? Withheld) Of(IntervalRecorded record, int most, CancellationToken ct)
    {
        var (start, end) = CurveWindow.Edges(record.Period);
        return Read(record, (start, end, most), ct);
    }

    /// <summary>The same with the samples beside the period that its record rests on too: those that say how its curve
    /// comes in, and how it goes on.</summary>
    public CurvePart Around(IntervalRecorded record, int most, CancellationToken ct)
    {
        var (start, end) = CurveWindow.Edges(record.Period);
        // A file's samples are those that its period needs; a frame has others.
        var reach = record.Stream is not { } stream ? SampleDeclaration.NominalMicrosecondsMax
            : new SampleDeclaration(stream.Semantics, stream.NominalMicroseconds).ReachMicroseconds;
        var (samples, withheld) = Read(record, (start - reach, end + reach, most), ct);
        return new(record, samples, withheld);
    }

    private (PowerSample[] Samples, string? Withheld) Read(
        IntervalRecorded record, (long Start, long End, int Most) asked, CancellationToken ct)
    {
        try
        {
            return OfEvidence(record, asked, ct);
        }
        catch (EvidencePrunedException)
        {
            return ([], "its evidence lies in a month's archive");
        }
    }

    private (PowerSample[] Samples, string? Withheld) OfEvidence(
        IntervalRecorded record, (long Start, long End, int Most) asked, CancellationToken ct)
    {
        if (archive.Find(record.Evidence) is not { } evidence) return ([], "its evidence is not here");
        if (evidence.IsGone) return ([], "its evidence was erased");
        if (record.Stream is not null) return OfFrames(record, FrameRange.Read(evidence.Raw), asked, ct);
        foreach (var piece in EvidenceManifest.Listed(record.Evidence, evidence.Raw))
            if (archive.Find(piece) is not { } part) return ([], "a part of its evidence is not here");
            else if (part.Missing.Count > 0) return ([], "a part of its evidence was erased");
            else if (part.DisclosesSomebody) return ([], "its evidence names a person: ledger show evidence --by --why");
        var samples = new List<PowerSample>();
        var (start, end) = CurveWindow.Edges(record.Period);
        foreach (var sample in CurveWindow.Union(
            pieces.Of(record).ConvertAll(one => new CurvePiece(one.Piece, one.Curve.InTime)), start, end, []))
            if (sample.AtMicroseconds >= asked.Start && sample.AtMicroseconds < asked.End)
                if (samples.Count < asked.Most) samples.Add(sample);
                else throw new TooManySamplesException();
        return ([.. samples], null);
    }

    private (PowerSample[] Samples, string? Withheld) OfFrames(
        IntervalRecorded record, FrameRange range, (long Start, long End, int Most) asked, CancellationToken ct)
    {
        if (log.First is not { } begins) return ([], "its frames are not here");
        if (range.Stretches.Any(stretch => stretch.First.Segment < begins.Segment))
            return ([], "its frames were dropped: ledger show evidence says by which fact");
        var declaration = new SampleDeclaration(record.Stream!.Semantics, record.Stream.NominalMicroseconds);
        var held = derivation.SamplesOf(new(record.Point, record.Period, declaration, range), ct);
        if (Counted(record, held, declaration) is not { } counted)
            return ([], "samples of it were placed by a corrected time: their sender's clock was off");
        // A sample that was sent again has no second effect; of conflicting ones that counts which counts as energy.
        var samples = new SortedDictionary<long, long>();
        foreach (var (at, power) in counted)
        {
            if (at < asked.Start || at >= asked.End) continue;
            samples[at] = samples.TryGetValue(at, out var known) ? PowerCurve.Counting(known, power) : power;
            if (samples.Count > asked.Most) throw new TooManySamplesException();
        }
        return ([.. samples.Select(sample => new PowerSample(sample.Key, sample.Value))], null);
    }

    /// <summary>The samples of which the record has every figure that they decide without those beside it; null where
    /// those that are held do not tell by themselves. What lies in a gap of it was placed elsewhere, by a corrected
    /// time. A gap begins at a sample that counts, but at the start of a period there may be none.</summary>
    private static PowerSample[]? Counted(IntervalRecorded record, PowerSample[] held, SampleDeclaration declaration)
    {
        var start = PowerCurve.Microseconds(record.Period.Start);
        var gaps = record.Gaps.Select(gap => (From: PowerCurve.Microseconds(gap.Missing.Start),
            To: PowerCurve.Microseconds(gap.Missing.End))).ToList();
        foreach (var isCounted in (bool[])[true, false])
        {
            var counted = gaps.Count == 0 ? held : Array.FindAll(held, sample => !gaps.Exists(gap =>
                sample.AtMicroseconds < gap.To && (sample.AtMicroseconds > gap.From
                    || (sample.AtMicroseconds == gap.From && gap.From == start && !isCounted))));
            if (IsOf(record, PowerCurve.Integrate(counted, [record.Period], declaration)[0])) return counted;
        }
        return null;
    }

    private static bool IsOf(IntervalRecorded record, PeriodIntegral integral) =>
        (integral.Samples, integral.Duplicates, integral.Conflicts, integral.Minimum, integral.Maximum)
        == (record.Samples, record.DuplicateSamples, record.ConflictingSamples, record.Minimum, record.Maximum);
}
