namespace Ledger.Domain;

/// <summary>Brings samples into order of time, one for each instant, and counts the repeats.</summary>
internal static class CurveOrder
{
    /// <summary>The order of the repeats of an instant: lowest absolute power first, import before export.</summary>
    public static readonly Comparison<long> LeastPowerFirst = (x, y) =>
    {
        var byMagnitude = Math.Abs(x).CompareTo(Math.Abs(y));
        return byMagnitude != 0 ? byMagnitude : y.CompareTo(x);
    };

    // The first of the repeats of an instant counts.
    private static readonly Comparison<PowerSample> Order = (x, y) =>
    {
        var byTime = x.AtMicroseconds.CompareTo(y.AtMicroseconds);
        if (byTime != 0) return byTime;
        return LeastPowerFirst(x.Milliwatts, y.Milliwatts);
    };

    public static ReadOnlySpan<PowerSample> Sorted(
        ReadOnlySpan<PowerSample> samples, (long Start, long End)[] edges, PeriodSum[] sums, long shift = 0)
    {
        var inOrder = true;
        for (var i = 0; i < samples.Length; i++)
        {
            if (samples[i].Milliwatts is > Limits.PowerMilliwattsMax or < -Limits.PowerMilliwattsMax)
                throw new ArgumentOutOfRangeException(nameof(samples), "a power is beyond Limits.PowerMilliwattsMax");
            if (i > 0 && samples[i].AtMicroseconds <= samples[i - 1].AtMicroseconds) inOrder = false;
        }
        if (inOrder) return samples;

        var sorted = samples.ToArray();
        Array.Sort(sorted, Order);
        var kept = 1;
        var p = 0;
        for (var i = 1; i < sorted.Length; i++)
        {
            if (sorted[i].AtMicroseconds != sorted[kept - 1].AtMicroseconds)
            {
                sorted[kept++] = sorted[i];
                continue;
            }
            // Equal powers stand together, so a repeat of the instant either repeats the power before it or conflicts.
            while (p < edges.Length && edges[p].End <= sorted[i].AtMicroseconds - shift) p++;
            if (p == edges.Length || edges[p].Start > sorted[i].AtMicroseconds - shift) continue;
            if (sorted[i].Milliwatts == sorted[i - 1].Milliwatts) sums[p].Duplicates++;
            else sums[p].Conflicts++;
        }
        return sorted.AsSpan(0, kept);
    }
}
