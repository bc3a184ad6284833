using System.Numerics;
using System.Runtime.CompilerServices;
using NodaTime;

namespace Ledger.Domain;

/// <summary>The running sums of one period, in half nanojoules and µs; local to one integration.</summary>
internal struct PeriodSum
{
    public Int128 Import, Export;
    public long Covered, Minimum, Maximum, EdgeMinimum, EdgeMaximum, Ramp;
    public int Samples, Edges, Duplicates, Conflicts;
    public List<CurveGap>? Gaps;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void See(long power)
    {
        if (Samples++ == 0) (Minimum, Maximum) = (power, power);
        else if (power < Minimum) Minimum = power;
        else if (power > Maximum) Maximum = power;
    }

    public void SeeEdge(long power)
    {
        (EdgeMinimum, EdgeMaximum) = Edges++ == 0
            ? (power, power)
            : (Math.Min(EdgeMinimum, power), Math.Max(EdgeMaximum, power));
    }

    /// <summary>Adds a segment that lies in the period entirely.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddWhole(long power, long nextPower, long length)
    {
        Covered += length;
        if ((power | nextPower) >= 0) Import += Math.BigMul(power + nextPower, length);
        else if (power <= 0 && nextPower <= 0) Export += Math.BigMul(-(power + nextPower), length);
        else
        {
            var (import, export) = CurveSegment.Crossing(power, nextPower, length);
            Import += import;
            Export += export;
        }
    }

    public readonly PeriodIntegral ToIntegral(Interval period) => new(
        period, new Energy(Import), new Energy(Export),
        new Power(Samples > 0 ? Minimum : EdgeMinimum), new Power(Samples > 0 ? Maximum : EdgeMaximum),
        Covered, Samples, Duplicates, Conflicts, Ramp, Gaps is null ? [] : Gaps.ToArray());
}

/// <summary>The straight line between two samples.</summary>
internal static class CurveSegment
{
    /// <summary>
    /// Import and export of a segment that changes sign: the triangle before the zero, p₀²·Δt / |p₀-p₁| in half
    /// nanojoules, is rounded half to even; the one after it is what is left of the whole.
    /// </summary>
    public static (Int128 Import, Int128 Export) Crossing(long power, long nextPower, long length)
    {
        var whole = (Int128)(power + nextPower) * length;
        var sooner = Energy.DivideHalfEven((Int128)power * power * length, Math.Abs(nextPower - power));
        return power > 0 ? (sooner, sooner - whole) : (sooner + whole, sooner);
    }

    /// <summary>Import and export from the segment's start up to an instant inside it;
    /// monotone in the instant.</summary>
    public static (Int128 Import, Int128 Export) UpTo(PowerSample a, PowerSample b, long at)
    {
        var length = b.AtMicroseconds - a.AtMicroseconds;
        var elapsed = at - a.AtMicroseconds;
        if (elapsed == 0) return (0, 0);
        if (elapsed == length)
        {
            var all = new PeriodSum();
            all.AddWhole(a.Milliwatts, b.Milliwatts, length);
            return (all.Import, all.Export);
        }
        // All of this is rare (an edge of a period inside a segment), so it may use numbers of any size.
        BigInteger p0 = a.Milliwatts, change = (BigInteger)b.Milliwatts - a.Milliwatts;
        var now = p0 * length + change * elapsed; // power at the instant, times the length
        var energy = (p0 * length + now) * elapsed; // twice the trapezoid, times the length
        if (p0.Sign * now.Sign >= 0)
        {
            var part = Energy.DivideHalfEven(BigInteger.Abs(energy), length);
            return energy.Sign >= 0 ? (part, 0) : (0, part);
        }
        var (import, export) = Crossing(a.Milliwatts, b.Milliwatts, length);
        var afterZero = Energy.DivideHalfEven(now * now, BigInteger.Abs(change) * length);
        return p0.Sign > 0 ? (import, afterZero) : (afterZero, export);
    }

    /// <summary>Power at an instant of the segment, rounded half to even to 1 mW;
    /// no energy is computed from it.</summary>
    public static long PowerAt(PowerSample a, PowerSample b, long at)
    {
        var change = b.Milliwatts - a.Milliwatts;
        if (change == 0 || at == a.AtMicroseconds) return a.Milliwatts;
        var product = (Int128)change * (at - a.AtMicroseconds);
        return a.Milliwatts + (long)Energy.DivideHalfEven(product, b.AtMicroseconds - a.AtMicroseconds);
    }
}

/// <summary>Brings samples into order of time, one for each instant, and counts the repeats.</summary>
internal static class CurveOrder
{
    // Repeats of an instant: lowest absolute power first, import before export. The first of them counts.
    private static readonly Comparison<PowerSample> Order = (x, y) =>
    {
        var byTime = x.AtMicroseconds.CompareTo(y.AtMicroseconds);
        if (byTime != 0) return byTime;
        var byMagnitude = Math.Abs(x.Milliwatts).CompareTo(Math.Abs(y.Milliwatts));
        return byMagnitude != 0 ? byMagnitude : y.Milliwatts.CompareTo(x.Milliwatts);
    };

    public static ReadOnlySpan<PowerSample> Sorted(
        ReadOnlySpan<PowerSample> samples, (long Start, long End)[] edges, PeriodSum[] sums)
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
            while (p < edges.Length && edges[p].End <= sorted[i].AtMicroseconds) p++;
            if (p == edges.Length || edges[p].Start > sorted[i].AtMicroseconds) continue;
            if (sorted[i].Milliwatts == sorted[i - 1].Milliwatts) sums[p].Duplicates++;
            else sums[p].Conflicts++;
        }
        return sorted.AsSpan(0, kept);
    }
}

/// <summary>
/// The steepest ramp: the largest change of power over a window of 1 s without a gap. Between samples the curve is
/// straight, so the largest change is met where the window begins or ends at a sample. A window counts where it ends.
/// </summary>
internal static class CurveRamp
{
    public static void Measure(
        ReadOnlySpan<PowerSample> curve, (long Start, long End)[] edges, PeriodSum[] sums, long maxGap)
    {
        WindowsThatEndAtASample(curve, edges, sums, maxGap);
        WindowsThatBeginAtASample(curve, edges, sums, maxGap);
    }

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
