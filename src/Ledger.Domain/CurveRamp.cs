namespace Ledger.Domain;

/// <summary>
/// The steepest ramp: the largest change of power over a window of fixed length without a gap. Between samples the curve
/// is straight or level, so the largest change is met where the window begins or ends at a sample. A window lies between
/// samples and counts where it ends.
/// </summary>
internal static class CurveRamp
{
    public static void Measure(
        ReadOnlySpan<PowerSample> curve, (long Start, long End)[] edges, PeriodSum[] sums, CurveShape shape, long window)
    {
        WindowsThatEndAtASample(curve, edges, sums, shape, window);
        WindowsThatBeginAtASample(curve, edges, sums, shape, window);
    }

    /// <summary>
    /// Whether a change from a power to one between two others could be larger than the largest known: the one between
    /// needs a division, and few windows are that steep.
    /// </summary>
    public static bool MayExceed(long largest, long power, long one, long other) =>
        Math.Max(Math.Abs(power - one), Math.Abs(power - other)) > largest;

    private static void WindowsThatEndAtASample(
        ReadOnlySpan<PowerSample> curve, (long Start, long End)[] edges, PeriodSum[] sums, CurveShape shape, long window)
    {
        var (p, j, runStart) = (0, 0, 0);
        for (var i = 1; i < curve.Length; i++)
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

    private static void WindowsThatBeginAtASample(
        ReadOnlySpan<PowerSample> curve, (long Start, long End)[] edges, PeriodSum[] sums, CurveShape shape, long window)
    {
        var (p, k, runEnd) = (0, 0, -1);
        for (var i = 0; i + 1 < curve.Length; i++)
        {
            var (t, power) = curve[i];
            var end = t + window;
            while (k < curve.Length && curve[k].AtMicroseconds < end) k++;
            if (k == curve.Length) return;
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
