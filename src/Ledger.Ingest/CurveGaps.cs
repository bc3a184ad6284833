using System.Runtime.InteropServices;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>How far apart the samples lie that a piece of evidence has of a point, all together.</summary>
/// <param name="Gap">The longest gap that its median spacing allows; of one sample what is always allowed. A silence
/// amid a few samples may be their median, or half of it, so of these the greatest spacing takes no part.</param>
internal readonly record struct CurveSpacing(int Samples, Duration Gap)
{
    public static CurveSpacing Of(PowerSample[] samples) => new(samples.Length, CurveGaps.Bounded(
        samples.Length < CurveGaps.UsualSamplesMin
            ? PowerCurve.MaxGapByOthers(samples) : PowerCurve.DefaultMaxGap(samples)));

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
    public const int UsualSamplesMin = 17, OwnSamplesMin = 3;

    /// <summary>Who samples less often for a while has so many times the gaps that he usually has, and who is silent
    /// has more: of a sample a second half a minute, of one a minute half an hour.</summary>
    private const int UsualGapsMax = 10;

    /// <summary>
    /// A period that holds a sample is bridged by the other spacings from the last sample before it to the first that
    /// closes it; one that holds none has a single spacing, which is bridged where the spacing of any piece of either
    /// sample allows it. Neither is longer than is usual in the slowest of the pieces that have a sample there.
    /// </summary>
    /// <param name="samples">The samples of the period and those beside it, in order of time.</param>
    public static Duration Longest(
        ReadOnlySpan<PowerSample> samples, IReadOnlyList<CurvePiece> used, long start, long end)
    {
        if (samples.IsEmpty) return PowerCurve.DefaultMaxGap([]);
        var first = CurveWindow.FirstAtOrAfter(samples, start);
        var holds = first < samples.Length && samples[first].AtMicroseconds < end;
        var beside = samples[Math.Max(0, first - 1)..]; // what lies further back is there for the ramp alone
        var gap = holds ? Bounded(PowerCurve.MaxGapByOthers(beside)) : PowerCurve.DefaultMaxGap([]);
        var (usual, hasUsual, few) = (Duration.Zero, false, default(List<PowerSample>));
        foreach (var (_, all, spacing) in used)
        {
            var its = CurveWindow.Between(all, beside[0].AtMicroseconds, beside[^1].AtMicroseconds);
            if (its.IsEmpty) continue;
            if (!holds) gap = Duration.Max(gap, spacing.Gap);
            hasUsual |= spacing.Samples >= UsualSamplesMin;
            usual = Duration.Max(usual, Usual(spacing));
            if (holds && spacing.Samples < OwnSamplesMin) (few ??= []).AddRange(its);
        }
        if (!hasUsual) return gap;
        return Duration.Min(gap, few is null ? usual : Duration.Max(usual, Together(few)));
    }

    /// <summary>What is usual in pieces of one or two samples, which have a spacing with each other.</summary>
    private static Duration Together(List<PowerSample> few)
    {
        few.Sort(static (a, b) => a.AtMicroseconds.CompareTo(b.AtMicroseconds));
        var instants = 1;
        for (var i = 1; i < few.Count; i++)
            if (few[i].AtMicroseconds != few[i - 1].AtMicroseconds) instants++;
        return instants < OwnSamplesMin ? Duration.Zero
            : Bounded(PowerCurve.MaxGapByOthers(CollectionsMarshal.AsSpan(few)));
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
