using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>How far apart the samples lie that a piece of evidence has of a point, all together.</summary>
/// <param name="Gap">The longest gap that its median spacing allows; of one sample what is always allowed.</param>
internal readonly record struct CurveSpacing(int Samples, Duration Gap)
{
    public static CurveSpacing Of(PowerSample[] samples) => new(samples.Length, CurveGaps.Bounded(
        PowerCurve.DefaultMaxGap(samples)));

    public static CurveSpacing Of(EvenCurve curve) => new(curve.Count, CurveGaps.Bounded(
        PowerCurve.DefaultMaxGap(curve)));
}

/// <summary>
/// The longest gap that is bridged between two samples of a period: the one rule for who records it and for who derives
/// its record again. It hangs on the samples and their pieces alone, so neither on order nor on what was recorded.
/// </summary>
internal static class CurveGaps
{
    /// <summary>With fewer samples a piece has no usual spacing, and with fewer than three none but its own gap.
    /// </summary>
    private const int UsualSamplesMin = 17, OwnSamplesMin = 3;

    /// <summary>Who samples less often for a while has so many times the gaps that he usually has, and who is silent
    /// has more: of a sample a second half a minute, of one a minute half an hour.</summary>
    private const int UsualGapsMax = 10;

    /// <summary>
    /// A period that holds a sample is bridged by the other spacings from the last sample before it to the first that
    /// closes it; one that holds none has a single spacing, which is bridged where the spacing of any of its pieces
    /// allows it. Neither is longer than is usual in the slowest of the pieces.
    /// </summary>
    /// <param name="samples">The samples of the period and those beside it, in order of time.</param>
    public static Duration Longest(
        ReadOnlySpan<PowerSample> samples, IReadOnlyList<CurvePiece> used, long start, long end)
    {
        var first = CurveWindow.FirstAtOrAfter(samples, start);
        var gap = first < samples.Length && samples[first].AtMicroseconds < end
            ? Bounded(PowerCurve.MaxGapByOthers(samples[Math.Max(0, first - 1)..]))
            : PowerCurve.DefaultMaxGap([]);
        if (first == samples.Length || samples[first].AtMicroseconds >= end)
            foreach (var piece in used) gap = Duration.Max(gap, piece.Spacing.Gap);
        var (usual, hasUsual) = (Duration.Zero, false);
        foreach (var (_, _, spacing) in used)
        {
            hasUsual |= spacing.Samples >= UsualSamplesMin;
            usual = Duration.Max(usual, Usual(spacing));
        }
        return hasUsual ? Duration.Min(gap, usual) : gap;
    }

    /// <summary>By which gaps the same was recorded before, the latest rule first: that of all samples around, of
    /// pieces of which the small ones did not take part, where a single spacing measured itself; and that of before a
    /// gap had to be measured by others.</summary>
    public static Duration[] Earlier(ReadOnlySpan<PowerSample> samples, IReadOnlyList<CurvePiece> used)
    {
        var usual = Duration.Zero;
        foreach (var (_, _, spacing) in used)
            if (spacing.Samples >= UsualSamplesMin) usual = Duration.Max(usual, Usual(spacing));
        var byOthers = Bounded(PowerCurve.MaxGapByOthers(samples));
        return [usual > Duration.Zero ? Duration.Min(byOthers, usual) : byOthers,
            Bounded(PowerCurve.DefaultMaxGap(samples))];
    }

    public static Duration Bounded(Duration gap) => Duration.Min(gap, PowerCurve.MaxGapLimit);

    private static Duration Usual(CurveSpacing spacing) => spacing.Samples switch
    {
        >= UsualSamplesMin => spacing.Gap * UsualGapsMax,
        >= OwnSamplesMin => spacing.Gap,
        _ => Duration.Zero,
    };
}
