using System.Globalization;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// Computes the interval records of the periods that new samples of one point touch: those that hold some of them,
/// those between two of them or between one and a stored one, the ones beside, and those before that are still
/// provisional.
/// </summary>
/// <param name="offsetMicroseconds">How far the sender's clock is ahead, at least; 0 where that is not proven.</param>
internal sealed class CurvePeriods(
    CurveEvidence evidence, SettlementPointId point, PowerSample[] received, PointCalendar calendar,
    long offsetMicroseconds)
{
    private readonly Dictionary<NamedPiece, PowerSample[]> earlier = [];
    private readonly Dictionary<PowerSample[], CurveSpacing> spacings = [];
    private readonly Dictionary<EvidenceDigest, List<PowerSample[]>> stored = [];
    private readonly long allowedGap = Microseconds(PowerCurve.DefaultMaxGap(received));
    private HashSet<Instant>? bridged;
    private Instant? renewed; // until when the latest record reaches that says something new

    /// <summary>The first period that new samples would restate and cannot: evidence of it was erased or pruned.
    /// </summary>
    public (Interval Period, bool IsPruned)? Gone { get; private set; }

    /// <summary>The first period that has samples of the batch and a record that a stream made; null where there is
    /// none.</summary>
    public Interval? Streamed { get; private set; }

    /// <summary>The records of a day; days are asked in order.</summary>
    public List<IntervalRecorded> RecordsOf(LocalDate day)
    {
        var periods = calendar.PeriodsOf(day);
        var records = new List<IntervalRecorded>();
        for (var i = 0; i < periods.Count; i++)
        {
            if (!IsTouched(periods[i]) || Record(periods[i]) is not { } record) continue;
            records.Add(record);
            if (calendar.Known(periods[i]) is not { } known || !IntervalRecords.SaysNothingNew(known, record))
                renewed = periods[i].End;
        }
        return records;
    }

    private bool IsTouched(Interval period)
    {
        var (start, end) = CurveWindow.Edges(period);
        var first = CurveWindow.FirstAtOrAfter(received, start);
        if (first < received.Length && received[first].AtMicroseconds < end) return true;
        bridged ??= new CurveBridges(received, calendar, StoredOf).Starts();
        if (bridged.Contains(period.Start)) return true;
        if (first == received.Length)
            return calendar.Known(period) is not null && start - received[^1].AtMicroseconds <= allowedGap;
        // No sample in it: one after it closes what is provisional, and two may be near enough to span it.
        if (calendar.Known(period) is { } known)
            return known.State == IntervalRecordState.Provisional || received[first].AtMicroseconds - end <= allowedGap;
        return first > 0;
    }

    private IntervalRecorded? Record(Interval period)
    {
        var (start, end) = CurveWindow.Edges(period);
        var before = calendar.Known(period);
        if (before?.Stream is not null)
        {
            // A file's samples and a frame's cannot both be the evidence of one record: a later version of either
            // would leave out the other's.
            if (IsInside(start, end)) Streamed ??= period;
            return null;
        }
        if (before is not null && evidence.Pieces(before.Evidence) is var pieces
            && pieces.Any(piece => evidence.IsGone(piece.Digest)))
        {
            // From the rest of its evidence less would come out than was measured, so it stays as it is; what is of it
            // already says nothing new.
            if (pieces.Any(evidence.IsReceived)) return before;
            if (IsInside(start, end)) Gone ??= (period, pieces.Any(piece => evidence.IsPruned(piece.Digest)));
            return null;
        }
        var used = new List<CurvePiece>();
        var samples = Union(period, start, end, used);
        var integral = CurveWindow.Integrate(samples, period, used);
        // A sample at the very edge belongs to this period, but alone it only closes the one before, which names it.
        if (before is null && integral.CoveredMicroseconds == 0
            && (!IsInside(start, end) || IsOnlyAnEdge(period, start, end))) return null;

        var isClosed = samples.Length > 0 && samples[^1].AtMicroseconds >= end;
        var late = before is null ? 0
            : before.LateSamples + (before.State == IntervalRecordState.Final ? NewInstants(before, start, end) : 0);
        // What was sent again, later, says nothing new of its sender's clock.
        var isAgain = before is not null && evidence.Pieces(before.Evidence).Any(evidence.IsReceived);
        var offset = Math.Max(before?.ClockOffsetMicroseconds ?? 0, isAgain ? 0 : offsetMicroseconds);
        var quality = IntervalRecords.QualityOf(integral.CoveredMicroseconds, offset);
        return IntervalRecords.From(
            point, integral, isClosed || before?.State == IntervalRecordState.Final
                ? IntervalRecordState.Final : IntervalRecordState.Provisional,
            late, offset, quality, evidence.Union(used.Select(one => one.Piece)),
            IntervalRecords.IsClockSuspect(offset) ? Clock(offset) : null);
    }

    private bool IsInside(long start, long end) =>
        CurveWindow.FirstAtOrAfter(received, start) is var at && at < received.Length
        && received[at].AtMicroseconds < end;

    private bool IsOnlyAnEdge(Interval period, long start, long end)
    {
        var first = CurveWindow.FirstAtOrAfter(received, start);
        if (first == received.Length || received[first].AtMicroseconds != start
            || (first + 1 < received.Length && received[first + 1].AtMicroseconds < end)) return false;
        var before = calendar.KnownBefore(period) is { Stream: null } known && known.Period.End == period.Start
            ? StoredOf(known) : [];
        // Where the record before says nothing new it stays as it is, and would not name the sample.
        return (renewed == period.Start || before.Exists(HasEdge))
            && ((first > 0 && start - received[first - 1].AtMicroseconds <= allowedGap) || before.Exists(IsNear));

        bool HasEdge(PowerSample[] samples) => CurveWindow.FirstAtOrAfter(samples, start) is var at
            && at < samples.Length && samples[at].AtMicroseconds == start;

        bool IsNear(PowerSample[] samples) => CurveWindow.FirstAtOrAfter(samples, start) is > 0 and var next
            && start - samples[next - 1].AtMicroseconds <= Math.Max(allowedGap, Microseconds(SpacingOf(samples).Gap));
    }

    /// <summary>The samples of a period out of all its evidence and that of the periods recorded next to it.</summary>
    private ReadOnlySpan<PowerSample> Union(Interval period, long start, long end, List<CurvePiece> used)
    {
        var pieces = new List<CurvePiece> { Of(evidence.Received, received) };
        foreach (var near in Near(period, start, end))
            foreach (var piece in evidence.Pieces(near.Evidence))
                if (!evidence.IsGone(piece.Digest) && !evidence.IsReceived(piece)
                    && pieces.TrueForAll(known => known.Piece != piece))
                    pieces.Add(Of(piece, Earlier(piece)));
        return CurveWindow.Union(pieces, start, end, used);
    }

    private CurvePiece Of(NamedPiece piece, PowerSample[] samples) => new(piece, samples, SpacingOf(samples));

    private CurveSpacing SpacingOf(PowerSample[] samples)
    {
        if (!spacings.TryGetValue(samples, out var spacing)) spacings[samples] = spacing = CurveSpacing.Of(samples);
        return spacing;
    }

    /// <summary>The records whose evidence may hold samples of this period or next to it: its own, and those to either
    /// side up to the first that holds a sample, unless a new one lies between. One between two samples may not name
    /// what is nearest now, where its figures stayed the same; and a new sample at the very end of the record before
    /// may repeat a stored one.</summary>
    private IEnumerable<IntervalRecorded> Near(Interval period, long start, long end)
    {
        if (calendar.Known(period) is { Stream: null } own) yield return own;
        for (var before = calendar.KnownBefore(period); before is { Stream: null }
            && !IsInside(CurveWindow.Edges(before.Period).End + 1, start - PowerCurve.RampWindowMicroseconds + 1);
            before = before.Samples > 0 ? null : calendar.KnownBefore(before.Period))
            yield return before;
        for (var after = calendar.KnownAfter(period); after is { Stream: null }
            && !IsInside(end, CurveWindow.Edges(after.Period).Start);
            after = after.Samples > 0 ? null : calendar.KnownAfter(after.Period))
            yield return after;
    }

    private List<PowerSample[]> StoredOf(IntervalRecorded record)
    {
        if (!stored.TryGetValue(record.Evidence, out var pieces))
            stored[record.Evidence] = pieces =
                [.. evidence.Pieces(record.Evidence).Where(piece => !evidence.IsGone(piece.Digest)).Select(Earlier)];
        return pieces;
    }

    private PowerSample[] Earlier(NamedPiece piece)
    {
        if (!earlier.TryGetValue(piece, out var samples)) earlier[piece] = samples = evidence.Samples(piece, point);
        return samples;
    }

    /// <summary>Instants inside the period that only the new samples have.</summary>
    private int NewInstants(IntervalRecorded before, long start, long end)
    {
        var known = new HashSet<long>();
        foreach (var piece in evidence.Pieces(before.Evidence))
            foreach (var sample in CurveWindow.Between(Earlier(piece), start, end - 1))
                known.Add(sample.AtMicroseconds);
        var count = 0;
        foreach (var sample in CurveWindow.Between(received, start, end - 1))
            if (known.Add(sample.AtMicroseconds)) count++;
        return count;
    }

    private static long Microseconds(Duration duration) => duration.ToInt64Nanoseconds() / 1000;

    private static string Clock(long offset) => string.Create(CultureInfo.InvariantCulture,
        $"clock {offset / 1_000_000m:0.000} s ahead");
}
