using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// The periods that hold no new sample and lie between one and a sample of stored evidence: those in which nothing was
/// recorded, where the two are near enough to each other, and those recorded whose next sample to either side is a new
/// one. So a curve that is slower than its periods makes the same records whole or cut into files.
/// </summary>
/// <param name="stored">The samples in order of time, piece by piece, of which a record was made.</param>
internal sealed class CurveBridges(
    PowerSample[] received, PointCalendar calendar, Func<IntervalRecorded, IReadOnlyList<PowerSample[]>> stored)
{
    private readonly List<Interval> periods = [.. calendar.Days.SelectMany(calendar.PeriodsOf)];
    private readonly Dictionary<PowerSample[], long> allowed = [];
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

    /// <summary>From a period's first new sample back to the sample before it, or from its last on to the one after
    /// it.</summary>
    private void Walk(int period, int step, long from)
    {
        var isBack = step < 0;
        var unrecorded = new List<Instant>();
        for (var i = period + step; i >= 0 && i < periods.Count && IsWithoutReceived(periods[i]); i += step)
        {
            if (calendar.Known(periods[i]) is not { } known)
            {
                unrecorded.Add(periods[i].Start);
                continue;
            }
            if (known.Stream is not null) return;
            var (start, end) = CurveWindow.Edges(periods[i]);
            var pieces = stored(known);
            if (pieces.Count == 0) return; // erased or pruned: the record stays as it is
            var near = isBack ? end : start;
            if ((isBack ? FirstFrom(pieces, near) : LastBefore(pieces, near)) is not { } between
                || (between - from) * step < 0) found.Add(periods[i].Start);
            if (unrecorded.Count > 0 && Beyond(pieces, from) is { } reached
                && Math.Abs(reached - from) <= Allowed(pieces)) found.UnionWith(unrecorded);
            if (Beyond(pieces, near) is { } own && own >= start && own < end) return;
        }

        long? Beyond(IReadOnlyList<PowerSample[]> pieces, long at) =>
            isBack ? LastBefore(pieces, at) : FirstFrom(pieces, at);
    }

    private bool IsWithoutReceived(Interval period)
    {
        var (first, end) = Received(period);
        return first == end;
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

    /// <summary>The longest gap that the spacing of any of these curves allows, whichever of them came first.</summary>
    private long Allowed(IReadOnlyList<PowerSample[]> pieces)
    {
        var most = Of(received);
        foreach (var samples in pieces) most = Math.Max(most, Of(samples));
        return most;

        long Of(PowerSample[] samples)
        {
            if (!allowed.TryGetValue(samples, out var gap))
                allowed[samples] = gap = PowerCurve.DefaultMaxGap(samples).ToInt64Nanoseconds() / 1000;
            return gap;
        }
    }
}
