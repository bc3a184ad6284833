namespace Ledger.Domain;

/// <summary>
/// The steepest ramp: the largest change of power over a window of 1 s without a gap. Between samples the curve is
/// straight, so the largest change is met where the window begins or ends at a sample. A window counts where it ends.
/// </summary>
internal static class CurveRamp
{
    /// <param name="step">The time from each sample to the next in µs, 0 where it is not always the same.</param>
    public static void Measure(
        ReadOnlySpan<PowerSample> curve, (long Start, long End)[] edges, PeriodSum[] sums, long maxGap, long step)
    {
        if (step > 0 && step <= maxGap && PowerCurve.RampWindowMicroseconds % step == 0)
        {
            WindowsFromSampleToSample(curve, edges, sums, step);
            return;
        }
        WindowsThatEndAtASample(curve, edges, sums, maxGap);
        WindowsThatBeginAtASample(curve, edges, sums, maxGap);
    }

    /// <summary>Where whole steps make up the window, it begins at a sample whenever it ends at one.</summary>
    private static void WindowsFromSampleToSample(
        ReadOnlySpan<PowerSample> curve, (long Start, long End)[] edges, PeriodSum[] sums, long step)
    {
        var apart = (int)(PowerCurve.RampWindowMicroseconds / step);
        for (var p = 0; p < edges.Length; p++)
        {
            var first = Math.Max(apart, Before(curve, edges[p].Start, step));
            var end = Before(curve, edges[p].End, step);
            if (first < end)
                sums[p].Ramp = CurveLook.WidestChange(curve[(first - apart)..(end - apart)], curve[first..end]);
        }
    }

    /// <summary>How many samples come before an instant, where all are one step apart.</summary>
    private static int Before(ReadOnlySpan<PowerSample> curve, long at, long step) => (int)Int128.Clamp(
        ((Int128)at - curve[0].AtMicroseconds + step - 1) / step, 0, curve.Length);

    private static void WindowsThatEndAtASample(
        ReadOnlySpan<PowerSample> curve, (long Start, long End)[] edges, PeriodSum[] sums, long maxGap)
    {
        var (p, j, runStart) = (0, 0, 0);
        for (var i = 1; i < curve.Length; i++)
        {
            var (t, power) = curve[i];
            if (t - curve[i - 1].AtMicroseconds > maxGap) runStart = i;
            var begin = t - PowerCurve.RampWindowMicroseconds;
            while (curve[j + 1].AtMicroseconds <= begin) j++;
            if (j < runStart || curve[j].AtMicroseconds > begin) continue;
            while (p < edges.Length && edges[p].End <= t) p++;
            if (p == edges.Length) return;
            if (edges[p].Start > t) continue;
            var change = Math.Abs(power - CurveSegment.PowerAt(curve[j], curve[j + 1], begin));
            if (change > sums[p].Ramp) sums[p].Ramp = change;
        }
    }

    private static void WindowsThatBeginAtASample(
        ReadOnlySpan<PowerSample> curve, (long Start, long End)[] edges, PeriodSum[] sums, long maxGap)
    {
        var (p, k, runEnd) = (0, 0, -1);
        for (var i = 0; i + 1 < curve.Length; i++)
        {
            var (t, power) = curve[i];
            var end = t + PowerCurve.RampWindowMicroseconds;
            while (k < curve.Length && curve[k].AtMicroseconds < end) k++;
            if (k == curve.Length) return;
            if (curve[k].AtMicroseconds == end) continue; // it ends at a sample, so it is measured already
            // runEnd is the last sample that is reached from i without a gap.
            if (runEnd < i) runEnd = i;
            while (runEnd < k && curve[runEnd + 1].AtMicroseconds - curve[runEnd].AtMicroseconds <= maxGap) runEnd++;
            if (runEnd < k) continue;
            while (p < edges.Length && edges[p].End <= end) p++;
            if (p == edges.Length) return;
            if (edges[p].Start > end) continue;
            var change = Math.Abs(CurveSegment.PowerAt(curve[k - 1], curve[k], end) - power);
            if (change > sums[p].Ramp) sums[p].Ramp = change;
        }
    }
}
