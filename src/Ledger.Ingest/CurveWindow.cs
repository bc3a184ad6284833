using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>What one piece of evidence says of a settlement point, in order of time.</summary>
/// <param name="Spacing">That of all that it says of the point, also where the samples are a part of it.</param>
internal readonly record struct CurvePiece(NamedPiece Piece, PowerSample[] Samples, CurveSpacing Spacing = default);

/// <summary>
/// The samples of which a period's record is made, out of several pieces of evidence: the one rule for who records a
/// period and for who derives a record again. The pieces that are used say by themselves which samples those are.
/// </summary>
internal static class CurveWindow
{
    /// <summary>
    /// The samples from one ramp window before a period to the first that closes it; <paramref name="used"/> gets the
    /// pieces that they come from.
    /// </summary>
    public static ReadOnlySpan<PowerSample> Union(
        IReadOnlyList<CurvePiece> pieces, long start, long end, List<CurvePiece> used)
    {
        var (from, to) = (long.MinValue, long.MaxValue);
        foreach (var piece in pieces)
        {
            var window = Window(piece.Samples, start, end);
            (from, to) = (Math.Max(from, window.From), Math.Min(to, window.To));
        }
        var (count, single) = (0, -1);
        for (var i = 0; i < pieces.Count; i++)
        {
            var inside = Between(pieces[i].Samples, from, to);
            if (inside.IsEmpty) continue;
            used.Add(pieces[i]);
            (count, single) = (count + inside.Length, i);
        }
        if (used.Count == 1) return Between(pieces[single].Samples, from, to);
        var union = new PowerSample[count];
        var filled = 0;
        foreach (var piece in pieces)
        {
            var inside = Between(piece.Samples, from, to);
            inside.CopyTo(union.AsSpan(filled));
            filled += inside.Length;
        }
        Array.Sort(union, static (a, b) => a.AtMicroseconds.CompareTo(b.AtMicroseconds));
        return union;
    }

    /// <summary>What a period needs of a curve that is its only evidence.</summary>
    public static EvenCurve Of(EvenCurve curve, long start, long end)
    {
        var first = Math.Max(0, curve.CountBefore(start - PowerCurve.RampWindowMicroseconds + 1) - 1);
        var close = Math.Min(curve.Count, curve.CountBefore(end) + 1);
        return curve.Slice(first, close - first);
    }

    /// <summary>The integral over the period, across no longer gap than these samples allow.</summary>
    public static PeriodIntegral Integrate(
        ReadOnlySpan<PowerSample> samples, Interval period, IReadOnlyList<CurvePiece> used)
    {
        var (start, end) = Edges(period);
        return PowerCurve.Integrate(samples, [period], CurveGaps.Longest(samples, used, start, end))[0];
    }

    /// <summary>The same of samples that are one step apart, where all gaps are alike.</summary>
    public static PeriodIntegral Integrate(EvenCurve curve, Interval period) =>
        PowerCurve.Integrate(curve, [period], CurveGaps.Bounded(PowerCurve.DefaultMaxGap(curve)))[0];

    /// <summary>The samples from one instant to another, both included.</summary>
    public static ReadOnlySpan<PowerSample> Between(PowerSample[] samples, long from, long to)
    {
        var first = FirstAtOrAfter(samples, from);
        var end = to == long.MaxValue ? samples.Length : FirstAtOrAfter(samples, to + 1);
        return samples.AsSpan(first, Math.Max(0, end - first));
    }

    /// <summary>The first instant of a period and the first after it.</summary>
    public static (long Start, long End) Edges(Interval period) =>
        (PowerCurve.Microseconds(period.Start), PowerCurve.Microseconds(period.End));

    public static int FirstAtOrAfter(ReadOnlySpan<PowerSample> samples, long at)
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

    /// <summary>From the last sample that a ramp window reaches back to, up to the first at or after the end.</summary>
    private static (long From, long To) Window(PowerSample[] samples, long start, long end)
    {
        var first = FirstAtOrAfter(samples, start - PowerCurve.RampWindowMicroseconds + 1);
        var close = FirstAtOrAfter(samples, end);
        return (first == 0 ? long.MinValue : samples[first - 1].AtMicroseconds,
            close == samples.Length ? long.MaxValue : samples[close].AtMicroseconds);
    }
}
