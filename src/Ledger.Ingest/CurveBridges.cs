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
            Before(i, received[first].AtMicroseconds);
            After(i, received[end - 1].AtMicroseconds);
        }
        return found;
    }

    /// <summary>From a period's first new sample back to the sample before it.</summary>
    private void Before(int period, long next)
    {
        var unrecorded = new List<Instant>();
        for (var i = period - 1; i >= 0 && IsWithoutReceived(periods[i]); i--)
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
            if (FirstFrom(pieces, end) is not { } closing || closing > next) found.Add(periods[i].Start);
            if (unrecorded.Count > 0 && LastBefore(pieces, next) is { } last && next - last <= Allowed(pieces))
                found.UnionWith(unrecorded);
            if (LastBefore(pieces, end) >= start) return;
        }
    }

    /// <summary>From a period's last new sample on to the sample after it.</summary>
    private void After(int period, long last)
    {
        var unrecorded = new List<Instant>();
        for (var i = period + 1; i < periods.Count && IsWithoutReceived(periods[i]); i++)
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
            if (LastBefore(pieces, start) is not { } before || before < last) found.Add(periods[i].Start);
            if (unrecorded.Count > 0 && FirstFrom(pieces, last) is { } next && next - last <= Allowed(pieces))
                found.UnionWith(unrecorded);
            if (FirstFrom(pieces, start) < end) return;
        }
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
