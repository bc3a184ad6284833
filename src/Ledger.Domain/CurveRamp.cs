namespace Ledger.Domain;

/// <summary>
/// The steepest ramp: the largest change of power over a window of fixed length without a gap. Between samples the
/// curve is straight or level, so the largest change is met where the window begins or ends at a sample. A window lies
/// between samples and counts where it ends.
/// </summary>
internal static class CurveRamp
{
    public static void Measure<TSamples>(
        TSamples curve, (long Start, long End)[] edges, PeriodSum[] sums, CurveShape shape, long window)
        where TSamples : ICurveSamples, allows ref struct
    {
        if (shape.Semantics == SampleSemantics.Instant && curve.Step is > 0 and var step && step <= shape.MaxGap
            && window % step == 0)
        {
            WindowsFromSampleToSample(curve, edges, sums, window, step);
            return;
        }
        WindowsThatEndAtASample(curve, edges, sums, shape, window);
        WindowsThatBeginAtASample(curve, edges, sums, shape, window);
    }

    /// <summary>Where whole steps make up the window, it begins at a sample whenever it ends at one.</summary>
    private static void WindowsFromSampleToSample<TSamples>(
        TSamples curve, (long Start, long End)[] edges, PeriodSum[] sums, long window, long step)
        where TSamples : ICurveSamples, allows ref struct
    {
        var (apart, start) = ((int)(window / step), curve[0].AtMicroseconds);
        for (var p = 0; p < edges.Length; p++)
        {
            var first = Math.Max(apart, EvenSteps.Before(edges[p].Start, start, step, curve.Count));
            var end = EvenSteps.Before(edges[p].End, start, step, curve.Count);
            if (first < end) PeriodSum.RampOf(ref sums[p], window) = curve.WidestChange(first, end, apart);
        }
    }

    /// <summary>
    /// Whether a change from a power to one between two others could be larger than the largest known: the one between
    /// needs a division, and few windows are that steep.
    /// </summary>
    public static bool MayExceed(long largest, long power, long one, long other) =>
        Math.Max(Math.Abs(power - one), Math.Abs(power - other)) > largest;

    private static void WindowsThatEndAtASample<TSamples>(
        TSamples curve, (long Start, long End)[] edges, PeriodSum[] sums, CurveShape shape, long window)
        where TSamples : ICurveSamples, allows ref struct
    {
        var (p, j, runStart) = (0, 0, 0);
        for (var i = 1; i < curve.Count; i++)
        {
            var (t, power) = curve[i];
            if (t - curve[i - 1].AtMicroseconds > shape.MaxGap) runStart = i;
            var begin = t - window;
            while (curve[j + 1].AtMicroseconds <= begin) j++;
            if (j < runStart || curve[j].AtMicroseconds > begin) continue;
            while (p < edges.Length && edges[p].End <= t - shape.Shift) p++;
            if (p == edges.Length) return;
            if (edges[p].Start > t - shape.Shift) continue;
            ref var ramp = ref PeriodSum.RampOf(ref sums[p], window);
            if (!MayExceed(ramp, power, curve[j].Milliwatts, curve[j + 1].Milliwatts)) continue;
            ramp = Math.Max(ramp, Math.Abs(power - shape.PowerAt(curve[j], curve[j + 1], begin)));
        }
    }

    private static void WindowsThatBeginAtASample<TSamples>(
        TSamples curve, (long Start, long End)[] edges, PeriodSum[] sums, CurveShape shape, long window)
        where TSamples : ICurveSamples, allows ref struct
    {
        var (p, k, runEnd) = (0, 0, -1);
        for (var i = 0; i + 1 < curve.Count; i++)
        {
            var (t, power) = curve[i];
            var end = t + window;
            while (k < curve.Count && curve[k].AtMicroseconds < end) k++;
            if (k == curve.Count) return;
            if (curve[k].AtMicroseconds == end) continue; // it ends at a sample, so it is measured already
            // runEnd is the last sample that is reached from i without a gap.
            if (runEnd < i) runEnd = i;
            while (runEnd < k && curve[runEnd + 1].AtMicroseconds - curve[runEnd].AtMicroseconds <= shape.MaxGap)
                runEnd++;
            if (runEnd < k) continue;
            while (p < edges.Length && edges[p].End <= end - shape.Shift) p++;
            if (p == edges.Length) return;
            if (edges[p].Start > end - shape.Shift) continue;
            ref var ramp = ref PeriodSum.RampOf(ref sums[p], window);
            if (!MayExceed(ramp, power, curve[k - 1].Milliwatts, curve[k].Milliwatts)) continue;
            ramp = Math.Max(ramp, Math.Abs(shape.PowerAt(curve[k - 1], curve[k], end) - power));
        }
    }
}
