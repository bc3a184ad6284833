using System.Globalization;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// Computes the interval records of the periods that new samples of one point touch: those that hold some of them,
/// those between two of them, the ones beside, and those before that are still provisional.
/// </summary>
/// <param name="offsetMicroseconds">How far the sender's clock is ahead, at least; 0 where that is not proven.</param>
internal sealed class CurvePeriods(
    CurveEvidence evidence, SettlementPointId point, PowerSample[] received, PointCalendar calendar, long offsetMicroseconds)
{
    private readonly Dictionary<EvidenceDigest, PowerSample[]> earlier = [];
    private readonly long allowedGap = Microseconds(PowerCurve.DefaultMaxGap(received));

    public List<IntervalRecorded> RecordsOf(LocalDate day)
    {
        var periods = calendar.PeriodsOf(day);
        var records = new List<IntervalRecorded>();
        for (var i = 0; i < periods.Count; i++)
            if (IsTouched(periods[i]) && Record(periods[i]) is { } record) records.Add(record);
        return records;
    }

    private bool IsTouched(Interval period)
    {
        var (start, end) = Edges(period);
        var first = FirstAtOrAfter(received, start);
        if (first < received.Length && received[first].AtMicroseconds < end) return true;
        if (first == received.Length) return calendar.Known(period) is not null && start - received[^1].AtMicroseconds <= allowedGap;
        // No sample in it: one after it closes what is provisional, and two near each other span it.
        if (calendar.Known(period) is { } known)
            return known.State == IntervalRecordState.Provisional || received[first].AtMicroseconds - end <= allowedGap;
        return first > 0 && received[first].AtMicroseconds - received[first - 1].AtMicroseconds <= allowedGap;
    }

    private IntervalRecorded? Record(Interval period)
    {
        var (start, end) = Edges(period);
        var before = calendar.Known(period);
        var used = new List<EvidenceDigest>();
        var samples = Union(period, start, end, used);
        var integral = PowerCurve.Integrate(samples, [period], Duration.Min(PowerCurve.DefaultMaxGap(samples), PowerCurve.MaxGapLimit))[0];
        // A sample at the very edge belongs to this period, but alone it only closes the one before, which names it.
        if (before is null && integral.CoveredMicroseconds == 0 && IsOnlyAnEdge(start, end)) return null;

        var isClosed = samples.Length > 0 && samples[^1].AtMicroseconds >= end;
        var late = before is null ? 0
            : before.LateSamples + (before.State == IntervalRecordState.Final ? NewInstants(before, start, end) : 0);
        // What was sent again, later, says nothing new of its sender's clock.
        var isAgain = before is not null && evidence.Pieces(before.Evidence).Contains(evidence.Received);
        var offset = Math.Max(before?.ClockOffsetMicroseconds ?? 0, isAgain ? 0 : offsetMicroseconds);
        var suspect = offset > Limits.ClockSkewMs * 1000L;
        var quality = integral.CoveredMicroseconds == 0 ? ReadingQuality.Missing
            : suspect ? ReadingQuality.Suspect : ReadingQuality.Measured;
        return IntervalRecords.From(
            point, integral, isClosed || before?.State == IntervalRecordState.Final ? IntervalRecordState.Final : IntervalRecordState.Provisional,
            late, offset, quality, evidence.Union(used), suspect ? Clock(offset) : null);
    }

    private bool IsOnlyAnEdge(long start, long end)
    {
        var first = FirstAtOrAfter(received, start);
        return first > 0 && received[first].AtMicroseconds == start
            && (first + 1 == received.Length || received[first + 1].AtMicroseconds >= end)
            && start - received[first - 1].AtMicroseconds <= allowedGap;
    }

    /// <summary>
    /// The samples of a period out of all its evidence and that of the periods beside, from one ramp window before it to
    /// the first that closes it; <paramref name="used"/> gets the pieces that they come from.
    /// </summary>
    private ReadOnlySpan<PowerSample> Union(Interval period, long start, long end, List<EvidenceDigest> used)
    {
        var pieces = new List<(EvidenceDigest Digest, PowerSample[] Samples)> { (evidence.Received, received) };
        foreach (var near in Near(period))
            foreach (var piece in evidence.Pieces(near.Evidence))
                if (pieces.All(known => known.Digest != piece)) pieces.Add((piece, Earlier(piece)));
        var windows = pieces.ConvertAll(piece => Window(piece.Samples, start, end));
        var (from, to) = (windows.Max(window => window.From), windows.Min(window => window.To));
        var (count, single) = (0, -1);
        for (var i = 0; i < pieces.Count; i++)
        {
            var inside = Between(pieces[i].Samples, from, to);
            if (inside.IsEmpty) continue;
            used.Add(pieces[i].Digest);
            (count, single) = (count + inside.Length, i);
        }
        if (used.Count == 1) return Between(pieces[single].Samples, from, to);
        var union = new PowerSample[count];
        var filled = 0;
        foreach (var (_, samples) in pieces)
        {
            var inside = Between(samples, from, to);
            inside.CopyTo(union.AsSpan(filled));
            filled += inside.Length;
        }
        Array.Sort(union, static (a, b) => a.AtMicroseconds.CompareTo(b.AtMicroseconds));
        return union;
    }

    /// <summary>The records whose evidence may hold samples of this period or beside it.</summary>
    private IEnumerable<IntervalRecorded> Near(Interval period)
    {
        var length = period.Duration;
        return new[] { period, new Interval(period.Start - length, period.Start), new Interval(period.End, period.End + length) }
            .Select(calendar.Known).OfType<IntervalRecorded>();
    }

    private PowerSample[] Earlier(EvidenceDigest piece)
    {
        if (!earlier.TryGetValue(piece, out var samples)) earlier[piece] = samples = evidence.Samples(piece, point);
        return samples;
    }

    /// <summary>Instants inside the period that only the new samples have.</summary>
    private int NewInstants(IntervalRecorded before, long start, long end)
    {
        var known = new HashSet<long>();
        foreach (var piece in evidence.Pieces(before.Evidence))
            foreach (var sample in Between(Earlier(piece), start, end - 1)) known.Add(sample.AtMicroseconds);
        var count = 0;
        foreach (var sample in Between(received, start, end - 1))
            if (known.Add(sample.AtMicroseconds)) count++;
        return count;
    }

    /// <summary>From the last sample that a ramp window reaches back to, up to the first at or after the end.</summary>
    private static (long From, long To) Window(PowerSample[] samples, long start, long end)
    {
        var first = FirstAtOrAfter(samples, start - PowerCurve.RampWindowMicroseconds + 1);
        var close = FirstAtOrAfter(samples, end);
        return (first == 0 ? long.MinValue : samples[first - 1].AtMicroseconds,
            close == samples.Length ? long.MaxValue : samples[close].AtMicroseconds);
    }

    /// <summary>The samples from one instant to another, both included.</summary>
    private static ReadOnlySpan<PowerSample> Between(PowerSample[] samples, long from, long to)
    {
        var first = FirstAtOrAfter(samples, from);
        var end = to == long.MaxValue ? samples.Length : FirstAtOrAfter(samples, to + 1);
        return samples.AsSpan(first, Math.Max(0, end - first));
    }

    private static int FirstAtOrAfter(PowerSample[] samples, long at)
    {
        var (low, high) = (0, samples.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (samples[middle].AtMicroseconds < at) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    private static (long Start, long End) Edges(Interval period) =>
        (PowerCurve.Microseconds(period.Start), PowerCurve.Microseconds(period.End));

    private static long Microseconds(Duration duration) => duration.ToInt64Nanoseconds() / 1000;

    private static string Clock(long offset) => string.Create(CultureInfo.InvariantCulture,
        $"clock {offset / 1_000_000m:0.000} s ahead");
}
