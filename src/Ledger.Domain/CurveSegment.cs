using System.Numerics;
using System.Runtime.CompilerServices;
using NodaTime;

namespace Ledger.Domain;

/// <summary>The running sums of one period, in half nanojoules and µs; local to one integration.</summary>
internal struct PeriodSum
{
    // So many powers of at most Limits.PowerMilliwattsMax, 10¹² mW, add up to far less than 2⁶³.
    private const int BlockSegmentsMax = 256;

    public Int128 Import, Export;
    /// <summary>The extremes of the samples; as long as there is none, those of the power at the edges of what is
    /// covered.</summary>
    public long Minimum, Maximum;
    public long Covered, Ramp, LongRamp;
    /// <summary>How many a sender repeats is up to the sender, so these are never too many to count.</summary>
    public long Samples, Duplicates, Conflicts;
    public bool HasEdges;
    /// <summary>Of a cell: whether the gap at its start began before it.</summary>
    public bool GapRunsIn;
    public List<CurveGap>? Gaps;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void See(long power)
    {
        if (Samples++ == 0) (Minimum, Maximum) = (power, power);
        else if (power < Minimum) Minimum = power;
        else if (power > Maximum) Maximum = power;
    }

    /// <summary>Sees several samples at once, by their extremes.</summary>
    public void See(long minimum, long maximum, long count)
    {
        (Minimum, Maximum) = Samples == 0
            ? (minimum, maximum) : (Math.Min(Minimum, minimum), Math.Max(Maximum, maximum));
        Samples += count;
    }

    public void SeeEdge(long power)
    {
        if (Samples > 0) return;
        (Minimum, Maximum) = HasEdges ? (Math.Min(Minimum, power), Math.Max(Maximum, power)) : (power, power);
        HasEdges = true;
    }

    /// <summary>
    /// Adds segments of one length that lie in the period entirely, and sees all their samples but the last. Where no
    /// power of a block changes sign, its trapezoids are one product: twice the sum of the powers, less half of the
    /// first and of the last.
    /// </summary>
    public void AddEven<TSamples>(TSamples curve, int from, int segments, long length)
        where TSamples : ICurveSamples, allows ref struct
    {
        for (var end = from + segments; from < end;)
        {
            var to = Math.Min(end, from + BlockSegmentsMax);
            AddBlock(curve, from, to, length);
            from = to;
        }
    }

    private void AddBlock<TSamples>(TSamples curve, int from, int to, long length)
        where TSamples : ICurveSamples, allows ref struct
    {
        var (first, last) = (curve[from].Milliwatts, curve[to].Milliwatts);
        var (sum, least, most) = curve.SumAndExtremes(from, to);
        See(least, most, to - from);
        var twice = 2 * sum - first + last;
        if (least >= 0 && last >= 0) Import += Math.BigMul(twice, length);
        else if (most <= 0 && last <= 0) Export += Math.BigMul(-twice, length);
        else
        {
            for (var i = from; i < to; i++) AddWhole(curve[i].Milliwatts, curve[i + 1].Milliwatts, length);
            return;
        }
        Covered += (to - from) * length;
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

    /// <summary>Adds the part of a segment between two instants of it.</summary>
    public void AddPart(PowerSample a, PowerSample b, long from, long to)
    {
        var sooner = CurveSegment.UpTo(a, b, from);
        var later = CurveSegment.UpTo(a, b, to);
        Import += later.Import - sooner.Import;
        Export += later.Export - sooner.Export;
        Covered += to - from;
        SeeEdge(CurveSegment.PowerAt(a, b, from));
        SeeEdge(CurveSegment.PowerAt(a, b, to));
    }

    public void Miss(long from, long to) =>
        (Gaps ??= []).Add(new CurveGap(new Interval(PowerCurve.At(from), PowerCurve.At(to))));

    /// <summary>The steepest ramp so far over one of the two windows.</summary>
    public static ref long RampOf(ref PeriodSum sum, long window) =>
        ref window == PowerCurve.RampWindowMicroseconds ? ref sum.Ramp : ref sum.LongRamp;

    public readonly PeriodIntegral ToIntegral(Interval period, bool withLongRamp) => new(
        period, new Energy(Import), new Energy(Export),
        new Power(Minimum), new Power(Maximum), Covered, SampleCount.Of(Samples), SampleCount.Of(Duplicates),
        SampleCount.Of(Conflicts), Ramp,
        Gaps is null ? [] : Gaps.ToArray(),
        withLongRamp ? LongRamp : null);
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
        var (elapsed, length) = (at - a.AtMicroseconds, b.AtMicroseconds - a.AtMicroseconds);
        // Up to 2 MW within half an hour the product fits into 64 bits, whose division is many times faster.
        return a.Milliwatts + (Math.Abs(change) <= int.MaxValue && elapsed <= int.MaxValue
            ? Energy.DivideHalfEven(change * elapsed, length)
            : (long)Energy.DivideHalfEven((Int128)change * elapsed, length));
    }
}
