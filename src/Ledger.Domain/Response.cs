namespace Ledger.Domain;

/// <summary>
/// How a power curve followed an order. Times are µs after the order; null says that the curve never got there, which
/// is not the same as zero.
/// </summary>
/// <param name="Initial">Power at the order, in mW.</param>
/// <param name="TenPercent">When a tenth of the ordered change was first reached.</param>
/// <param name="NinetyPercent">When nine tenths were first reached.</param>
/// <param name="Ramp">Mean ramp from 10 % to 90 %, in mW/µs, which is kW/s; never negative. Null too where both were
/// reached at once, by a curve whose samples are no instants.</param>
/// <param name="Overshoot">Farthest beyond the order, in mW; zero if never beyond it.</param>
/// <param name="Settled">From when on the curve stays within the tolerance of the order.</param>
/// <param name="Sustained">
/// From 90 % to the end: what was held of the ordered change, as a share of it; nothing above the order makes up for
/// what was missing at another time. Null when 90 % is never reached, or only at the very end.
/// </param>
/// <param name="Shortfall">Ordered and not moved, from the order until 90 % (or the end,
/// if that is never reached).</param>
/// <param name="WidestStep">Longest time between two samples, in µs:
/// inside a step the curve is taken as straight.</param>
public sealed record ResponseMeasure(
    Fraction Initial, Fraction? TenPercent, Fraction? NinetyPercent, Fraction? Ramp, Fraction Overshoot,
    Fraction? Settled, Fraction? Sustained, Energy Shortfall, Fraction WidestStep);

/// <summary>
/// Response to an order for a change of power, up or down: 10 % and 90 % of the change counted from the power at the
/// order, ramp = 0.8 · change / (t90 − t10), overshoot, settling time, sustain ratio and the energy missing during the
/// ramp (market rules §2.6). The curve is straight between samples, so each figure is an exact fraction, except that
/// the energy of each step is rounded half to even to half a nanojoule, as in <see cref="PowerCurve"/>. A curve of held
/// or mean powers is a <see cref="PowerLine"/> with steps.
/// </summary>
public static class Response
{
    /// <summary>A point of the curve: µs after the order,
    /// and mW moved in the ordered direction since the order.</summary>
    private readonly record struct Moved(Fraction At, Fraction By);

    /// <summary>
    /// Null when the power at the order is not known, because the samples do not reach from before it (or from it) to
    /// after it. Samples come in any order; of conflicting ones of an instant the lowest absolute power counts.
    /// </summary>
    /// <param name="orderedMilliwatts">The ordered change, not zero; negative for less import or more export.</param>
    /// <param name="toleranceMilliwatts">How far from the order the power may be to count as settled.</param>
    /// <param name="orderAt">When the order was given, in µs on the clock of the samples.</param>
    /// <param name="until">When the order ended; later samples are not looked at.</param>
    public static ResponseMeasure? Measure(
        ReadOnlySpan<PowerSample> samples, long orderedMilliwatts, Fraction toleranceMilliwatts, long orderAt,
        long until) => Measure(PowerLine.Of(samples), orderedMilliwatts, toleranceMilliwatts, orderAt, until);

    /// <summary>The same of a line of any kind.</summary>
    /// <param name="isBound">Whether the order is kept beyond it too, as one is that says at most or at least: then
    /// only what is short of it is outside the tolerance.</param>
    public static ResponseMeasure? Measure(
        PowerLine? line, Fraction orderedMilliwatts, Fraction toleranceMilliwatts, long orderAt, long until,
        bool isBound = false)
    {
        if (orderedMilliwatts == Fraction.Zero)
            throw new ArgumentOutOfRangeException(nameof(orderedMilliwatts), "no change is ordered");
        if (line is null || line.From > orderAt) return null;
        var end = Math.Min(until, line.To);
        if (end <= orderAt) return null;

        var part = line.Part(orderAt, end);
        var initial = part.Corners[0].Milliwatts;
        var isUp = orderedMilliwatts > Fraction.Zero;
        var order = isUp ? orderedMilliwatts : Fraction.Zero - orderedMilliwatts;
        var curve = part.Corners.Select(corner => new Moved(
            corner.At - orderAt, isUp ? corner.Milliwatts - initial : initial - corner.Milliwatts)).ToList();
        var ten = FirstReaches(curve, order * new Fraction(1, 10));
        var ninety = FirstReaches(curve, order * new Fraction(9, 10));
        var rampEnd = ninety ?? curve[^1].At;
        return new(
            initial, ten, ninety, Ramp(order, ten, ninety),
            Fraction.Max(Fraction.Zero, curve.Select(point => point.By).Max() - order),
            Settled(curve, order - toleranceMilliwatts, isBound ? null : order + toleranceMilliwatts),
            Sustained(curve, order, ninety), Short(curve, order, Fraction.Zero, rampEnd), WidestStep(curve));
    }

    private static Fraction? FirstReaches(List<Moved> curve, Fraction level)
    {
        for (var i = 1; i < curve.Count; i++)
            if (curve[i].By >= level) return Crossing(curve[i - 1], curve[i], level);
        return null;
    }

    /// <summary>When the line through two points meets a level that lies between them.</summary>
    private static Fraction Crossing(Moved a, Moved b, Fraction level) =>
        a.At + (b.At - a.At) * (level - a.By) / (b.By - a.By);

    private static Fraction? Ramp(Fraction order, Fraction? ten, Fraction? ninety) =>
        ten is { } from && ninety is { } to && to > from ? order * new Fraction(8, 10) / (to - from) : null;

    private static Fraction? Settled(List<Moved> curve, Fraction least, Fraction? most)
    {
        bool Outside(Moved point) => point.By < least || point.By > most;
        var last = curve.FindLastIndex(Outside);
        if (last == curve.Count - 1) return null;
        return last < 0
            ? Fraction.Zero
            : Crossing(curve[last], curve[last + 1], curve[last].By < least ? least : most!.Value);
    }

    private static Fraction? Sustained(List<Moved> curve, Fraction order, Fraction? ninety)
    {
        if (ninety is not { } from || from == curve[^1].At) return null;
        var owed = order * (curve[^1].At - from) * 2; // mW · µs are nanojoules; energy counts halves of them
        var missing = new Fraction(Short(curve, order, from, curve[^1].At).HalfNanojoules, 1);
        return Fraction.Max(Fraction.Zero, 1 - missing / owed);
    }

    /// <summary>The area between the order and the curve below it, from one time to another.</summary>
    private static Energy Short(List<Moved> curve, Fraction order, Fraction from, Fraction to)
    {
        var sum = Int128.Zero;
        for (var i = 1; i < curve.Count && curve[i - 1].At < to; i++)
        {
            if (curve[i].At <= from) continue;
            var a = curve[i - 1].At < from ? Between(curve[i - 1], curve[i], from) : curve[i - 1];
            var b = curve[i].At > to ? Between(curve[i - 1], curve[i], to) : curve[i];
            sum += (Int128)TwiceArea(a.At, order - a.By, b.At, order - b.By).Round();
        }
        return new(sum);
    }

    private static Moved Between(Moved a, Moved b, Fraction at) =>
        new(at, a.By + (b.By - a.By) * (at - a.At) / (b.At - a.At));

    /// <summary>Twice the area above zero of the line from one missing power to the next.</summary>
    private static Fraction TwiceArea(Fraction from, Fraction missing, Fraction to, Fraction missingNext)
    {
        if (missing <= Fraction.Zero && missingNext <= Fraction.Zero) return Fraction.Zero;
        if (missing >= Fraction.Zero && missingNext >= Fraction.Zero) return (missing + missingNext) * (to - from);
        // One end is above zero: a triangle, as long as that end's part of the whole change.
        var above = Fraction.Max(missing, missingNext);
        var change = above - (missing < missingNext ? missing : missingNext);
        return above * above * (to - from) / change;
    }

    private static Fraction WidestStep(List<Moved> curve)
    {
        var widest = Fraction.Zero;
        for (var i = 1; i < curve.Count; i++) widest = Fraction.Max(widest, curve[i].At - curve[i - 1].At);
        return widest;
    }
}
