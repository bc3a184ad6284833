using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// The periods that hold no new sample and lie between one and the nearest stored one: those in which nothing was
/// recorded, and those recorded whose next sample to either side is a new one. So a curve that is slower than its
/// periods makes the same records whole or cut into files. Whether the two are near enough to each other is not asked
/// here: that is a matter of each period's gaps.
/// </summary>
/// <param name="stored">The samples in order of time, piece by piece, of which a record was made.</param>
internal sealed class CurveBridges(
    PowerSample[] received, PointCalendar calendar, Func<IntervalRecorded, IReadOnlyList<PowerSample[]>> stored)
{
    /// <summary>How far before a period a sample has no part in it where another one lies between.</summary>
    private const long Ramp = PowerCurve.RampWindowMicroseconds - 1;

    private readonly List<Interval> periods = [.. calendar.Days.SelectMany(calendar.PeriodsOf)];
    private readonly HashSet<Instant> found = [];

    /// <summary>The starts of those periods.</summary>
    public HashSet<Instant> Starts()
    {
        for (var i = 0; i < periods.Count; i++)
        {
            var (first, end) = Received(periods[i]);
            if (first == end) continue;
            Walk(i, -1, received[first].AtMicroseconds);
            Walk(i, +1, received[end - 1].AtMicroseconds);
        }
        return found;
    }

    /// <summary>From a period's first new sample back to the stored one before it, or from its last on to the one after
    /// it. Either may lie in the same period, or in one that holds new samples too.</summary>
    private void Walk(int period, int step, long from)
    {
        var isBack = step < 0;
        var unrecorded = new List<Instant>();
        for (var i = period; i >= 0 && i < periods.Count; i += step)
        {
            var isBeyond = i != period;
            var holdsNew = isBeyond && HoldsNew(periods[i]);
            if (calendar.Known(periods[i]) is not { } known)
            {
                if (holdsNew) return;
                if (isBeyond) unrecorded.Add(periods[i].Start);
                continue;
            }
            var pieces = known.Stream is null ? stored(known) : []; // none: erased or pruned, the record stays as it is
            if (pieces.Count == 0 && isBeyond) return;
            found.UnionWith(unrecorded);
            var (start, end) = CurveWindow.Edges(periods[i]);
            if (isBeyond && IsNext(pieces, isBack ? end : start - Ramp)) found.Add(periods[i].Start);
            var own = isBack ? LastBefore(pieces, isBeyond ? end : from)
                : FirstFrom(pieces, isBeyond ? start : from + 1);
            if (holdsNew || (own >= start && own < (isBack ? end : end - Ramp))) return;
        }

        // Also where a stored sample has the same instant, of which the lower power counts.
        bool IsNext(IReadOnlyList<PowerSample[]> pieces, long edge) =>
            (isBack ? FirstFrom(pieces, edge) : LastBefore(pieces, edge)) is not { } next || (next - from) * step <= 0;
    }

    private bool HoldsNew(Interval period)
    {
        var (first, end) = Received(period);
        return first < end;
    }

    private (int First, int End) Received(Interval period)
    {
        var (start, end) = CurveWindow.Edges(period);
        return (CurveWindow.FirstAtOrAfter(received, start), CurveWindow.FirstAtOrAfter(received, end));
    }

    private static long? LastBefore(IReadOnlyList<PowerSample[]> pieces, long at)
    {
        long? last = null;
        foreach (var samples in pieces)
            if (CurveWindow.FirstAtOrAfter(samples, at) is > 0 and var i && !(last > samples[i - 1].AtMicroseconds))
                last = samples[i - 1].AtMicroseconds;
        return last;
    }

    private static long? FirstFrom(IReadOnlyList<PowerSample[]> pieces, long at)
    {
        long? first = null;
        foreach (var samples in pieces)
            if (CurveWindow.FirstAtOrAfter(samples, at) is var i && i < samples.Length
                && !(first < samples[i].AtMicroseconds))
                first = samples[i].AtMicroseconds;
        return first;
    }
}
