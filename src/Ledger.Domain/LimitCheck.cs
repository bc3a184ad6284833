using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// A limit of one direction over one stretch of time; <paramref name="Most"/> is never negative,
/// whichever way it flows.
/// </summary>
public readonly record struct LimitStretch(Interval During, Power Most);

/// <summary>What the curve did against one limit: within it, above it, or unproven because data is missing.</summary>
public enum LimitVerdict { Within = 1, Above = 2, Unproven = 3 }

/// <summary>
/// One limit against one period, or against the part of it where the limit was one number. <paramref name="Highest"/>
/// and <paramref name="Demand"/> (the mean over the covered time) are of the limit's direction and never negative; both
/// are null where nothing is covered. Time above is in picoseconds, so that a crossing between samples is kept.
/// </summary>
public sealed record LimitFinding(
    Interval Part, Power Most, Power? Highest, Power? Demand, Int128 PicosecondsAbove, Energy Above,
    long CoveredMicroseconds, LimitVerdict Verdict)
{
    /// <summary>Picoseconds in a microsecond.</summary>
    public const int PicosecondsPerMicrosecond = 1_000_000;

    /// <summary>Seconds above the limit, exact: twelve decimals always suffice.</summary>
    public decimal SecondsAbove => (decimal)PicosecondsAbove / 1_000_000_000_000m;
}

/// <summary>
/// A power curve against a standing limit. The curve is straight between samples, so where it crosses the limit is a
/// ratio of whole numbers, and the energy above the limit is the import of the curve lowered by the limit. Nothing is
/// said across a gap: there the verdict is unproven, unless what is covered is above already.
/// <para>Contract demand is a limit of the mean (as OBIS 1.6.0 registers it); every other limit is one of power.</para>
/// </summary>
public static class LimitCheck
{
    /// <summary>
    /// The periods cut where the limit begins, changes or ends; what no limit covers is left out. Periods and stretches
    /// are in order and do not overlap.
    /// </summary>
    public static IReadOnlyList<LimitStretch> Cut(IReadOnlyList<Interval> periods, IReadOnlyList<LimitStretch> limit)
    {
        var parts = new List<LimitStretch>();
        var first = 0;
        foreach (var period in periods)
        {
            while (first < limit.Count && limit[first].During.HasEnd && limit[first].During.End <= period.Start)
                first++;
            for (var i = first; i < limit.Count; i++)
            {
                var (during, most) = limit[i];
                if (during.HasStart && during.Start >= period.End) break;
                var from = during.HasStart ? Instant.Max(during.Start, period.Start) : period.Start;
                var to = during.HasEnd ? Instant.Min(during.End, period.End) : period.End;
                if (from < to) parts.Add(new(new Interval(from, to), most));
            }
        }
        return parts;
    }

    /// <summary>Samples, in any order, against the parts of a limit that <see cref="Cut"/> gives.</summary>
    public static IReadOnlyList<LimitFinding> OnCurve(
        ReadOnlySpan<PowerSample> samples, Direction direction, StandingLimitKind kind,
        IReadOnlyList<LimitStretch> parts, Duration maxGap)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxGap, Duration.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxGap, PowerCurve.MaxGapLimit);
        var curve = CurveOrder.Sorted(samples);
        var gap = maxGap.ToInt64Nanoseconds() / 1000;
        var sums = new LimitSum[parts.Count];
        for (var i = 0; i < sums.Length; i++)
        {
            if (parts[i].Most < Power.Zero) throw new ArgumentException("a limit is never negative", nameof(parts));
            sums[i] = new(PowerCurve.Microseconds(parts[i].During.Start), PowerCurve.Microseconds(parts[i].During.End),
                parts[i].Most.Milliwatts);
            if (i > 0 && sums[i].Start < sums[i - 1].End)
                throw new ArgumentException("parts are in order and do not overlap", nameof(parts));
        }
        var sign = direction == Direction.Import ? 1 : -1;
        var first = 0;
        for (var i = 0; i + 1 < curve.Length; i++)
        {
            var a = curve[i] with { Milliwatts = sign * curve[i].Milliwatts };
            var b = curve[i + 1] with { Milliwatts = sign * curve[i + 1].Milliwatts };
            if (b.AtMicroseconds - a.AtMicroseconds > gap) continue;
            while (first < sums.Length && sums[first].End <= a.AtMicroseconds) first++;
            for (var p = first; p < sums.Length && sums[p].Start < b.AtMicroseconds; p++) sums[p].Add(a, b);
        }
        return [.. sums.Select((sum, i) => sum.ToFinding(parts[i], kind))];
    }

    /// <summary>The verdict of several parts: above if one is, within only if all are; of no part, unproven.</summary>
    public static LimitVerdict Total(IEnumerable<LimitVerdict> verdicts)
    {
        var seen = verdicts.ToHashSet();
        return seen.Contains(LimitVerdict.Above) ? LimitVerdict.Above
            : seen.SetEquals([LimitVerdict.Within]) ? LimitVerdict.Within : LimitVerdict.Unproven;
    }
}

/// <summary>The running sums of one part of a limit; powers are of the limit's direction.</summary>
internal struct LimitSum(long start, long end, long most)
{
    public readonly long Start = start, End = end;
    private Int128 flow, above, picosecondsAbove;
    private long covered, highest;

    /// <summary>Adds what lies in this part of the straight line from a to b.</summary>
    public void Add(PowerSample a, PowerSample b)
    {
        var from = Math.Max(a.AtMicroseconds, Start);
        var to = Math.Min(b.AtMicroseconds, End);
        covered += to - from;
        highest = Math.Max(highest, Math.Max(CurveSegment.PowerAt(a, b, from), CurveSegment.PowerAt(a, b, to)));
        flow += Between(a, b, from, to);
        var (low, high) = (a with { Milliwatts = a.Milliwatts - most }, b with { Milliwatts = b.Milliwatts - most });
        if (low.Milliwatts <= 0 && high.Milliwatts <= 0) return;
        above += Between(low, high, from, to);
        picosecondsAbove += TimeAbove(low, high, from, to);
    }

    /// <summary>Energy above zero of a part of a segment: as everywhere, a difference of two roundings.</summary>
    private static Int128 Between(PowerSample a, PowerSample b, long from, long to) =>
        CurveSegment.UpTo(a, b, to).Import - CurveSegment.UpTo(a, b, from).Import;

    /// <summary>
    /// Picoseconds above zero. The crossing, at p₀/(p₀-p₁) of the segment, is rounded half to even,
    /// whatever part of the segment is asked for: so parts sum to the whole,
    /// and a higher limit never has more time above it.
    /// </summary>
    private static Int128 TimeAbove(PowerSample a, PowerSample b, long from, long to)
    {
        const int scale = LimitFinding.PicosecondsPerMicrosecond;
        var begin = (Int128)(from - a.AtMicroseconds) * scale;
        var end = (Int128)(to - a.AtMicroseconds) * scale;
        if (a.Milliwatts >= 0 && b.Milliwatts >= 0) return end - begin;
        var length = (Int128)(b.AtMicroseconds - a.AtMicroseconds) * scale;
        var crossing = Energy.DivideHalfEven(
            Math.Abs(a.Milliwatts) * length, Int128.Abs((Int128)a.Milliwatts - b.Milliwatts));
        return a.Milliwatts > 0
            ? Int128.Max(0, Int128.Min(end, crossing) - begin)
            : Int128.Max(0, end - Int128.Max(begin, crossing));
    }

    public readonly LimitFinding ToFinding(LimitStretch part, StandingLimitKind kind)
    {
        Power? demand = covered == 0 ? null : new Power((long)Energy.DivideHalfEven(flow, (Int128)covered * 2));
        return new(part.During, part.Most, covered == 0 ? null : new Power(highest), demand, picosecondsAbove,
            new Energy(above), covered, Judge(kind));
    }

    // What is missing can only add to the energy of a direction, so a demand above the limit without it is proven.
    private readonly LimitVerdict Judge(StandingLimitKind kind)
    {
        var isAbove = kind == StandingLimitKind.ContractDemand
            ? flow > (Int128)most * 2 * (End - Start)
            : picosecondsAbove > 0;
        return isAbove ? LimitVerdict.Above : covered == End - Start ? LimitVerdict.Within : LimitVerdict.Unproven;
    }
}
