namespace Ledger.Domain;

/// <summary>A corner of a line of power: µs on the clock of the samples, and mW.</summary>
public readonly record struct PowerCorner(long At, Fraction Milliwatts);

/// <summary>
/// A stretch of a power curve without a gap, straight from each corner to the next. Two corners at one instant are a
/// power that changes at once: the first is the power before, the second the power from then on.
/// </summary>
public sealed class PowerLine
{
    private readonly List<PowerCorner> corners;

    private PowerLine(List<PowerCorner> corners) => this.corners = corners;

    /// <summary>In order of time, at least one.</summary>
    public IReadOnlyList<PowerCorner> Corners => corners;

    public long From => corners[0].At;
    public long To => corners[^1].At;

    /// <summary>The line through samples, in whatever order they come, by what each of them says; null where there is
    /// none. Of conflicting ones of an instant the lowest absolute power counts.</summary>
    /// <param name="nominalMicroseconds">How long a mean is one: before the first sample, or after the last.</param>
    public static PowerLine? Of(
        ReadOnlySpan<PowerSample> samples, SampleSemantics semantics = SampleSemantics.Instant,
        long nominalMicroseconds = 0)
    {
        var known = CurveOrder.Sorted(samples);
        if (known.IsEmpty) return null;
        var shape = new CurveShape(semantics, nominalMicroseconds, 0);
        var corners = new List<PowerCorner>(known.Length);
        if (shape.Lead > 0) corners.Add(new(known[0].AtMicroseconds - shape.Lead, known[0].Milliwatts));
        corners.Add(new(known[0].AtMicroseconds, known[0].Milliwatts));
        for (var i = 1; i < known.Length; i++)
        {
            var (left, right) = shape.Ends(known[i - 1].Milliwatts, known[i].Milliwatts);
            if (left != known[i - 1].Milliwatts) corners.Add(new(known[i - 1].AtMicroseconds, left));
            corners.Add(new(known[i].AtMicroseconds, right));
            if (right != known[i].Milliwatts) corners.Add(new(known[i].AtMicroseconds, known[i].Milliwatts));
        }
        if (shape.Tail > 0) corners.Add(new(known[^1].AtMicroseconds + shape.Tail, known[^1].Milliwatts));
        return new(corners);
    }

    /// <summary>The power up to an instant of the line: where it changes at once, the power before.</summary>
    public Fraction Before(long at)
    {
        var (low, high) = (0, corners.Count - 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (corners[middle].At < at) low = middle + 1;
            else high = middle;
        }
        return corners[low].At == at ? corners[low].Milliwatts : Between(corners[low - 1], corners[low], at);
    }

    /// <summary>The step that an instant lies in, or ends: what was measured says no nearer when something came.
    /// </summary>
    public (long From, long To) StepTo(Fraction at)
    {
        var next = corners.FindIndex(corner => (Fraction)corner.At >= at);
        return next < 0 ? (To, To) : (corners[Math.Max(0, next - 1)].At, corners[next].At);
    }

    /// <summary>The part from one instant of the line to a later one; both edges lie on the line between their
    /// neighbours. What changes at the first instant is in it, what changes at the last is not.</summary>
    public PowerLine Part(long from, long to)
    {
        var part = new List<PowerCorner> { new(from, Before(from)) };
        foreach (var corner in corners)
        {
            if (corner.At >= to) break;
            if (corner.At > from || (corner.At == from && corner != part[^1])) part.Add(corner);
        }
        part.Add(new(to, Before(to)));
        return new(part);
    }

    /// <summary>The same, but level from the last corner before its end on: a sample at the end or after it says
    /// nothing of the time before, where an order ends and power is let go.</summary>
    public PowerLine PartHeld(long from, long to)
    {
        var part = Part(from, to).corners;
        part[^1] = new(to, part[^2].Milliwatts);
        return new(part);
    }

    /// <summary>The sum of lines that all have the same first and last instant; at least one.</summary>
    public static PowerLine Sum(IReadOnlyList<PowerLine> lines)
    {
        // Two by two, so that a corner is carried as often as the lines can be halved, and not once for each.
        var left = lines.ToList();
        while (left.Count > 1)
            left = [.. left.Chunk(2).Select(pair => pair is [var one, var other] ? one.Plus(other) : pair[0])];
        return left[0];
    }

    private PowerLine Plus(PowerLine other)
    {
        if (From != other.From || To != other.To) throw new ArgumentException("the lines are not of one time", nameof(other));
        var sum = new List<PowerCorner>(corners.Count + other.corners.Count);
        for (var (i, j) = (0, 0); i < corners.Count;)
        {
            var at = Math.Min(corners[i].At, other.corners[j].At);
            var (before, after) = Pass(ref i, at);
            var (beforeOther, afterOther) = other.Pass(ref j, at);
            sum.Add(new(at, before + beforeOther));
            if (new PowerCorner(at, after + afterOther) is var corner && corner != sum[^1]) sum.Add(corner);
        }
        return new(sum);
    }

    /// <summary>The power before and from an instant on; then the next corner is later.</summary>
    private (Fraction Before, Fraction After) Pass(ref int next, long at)
    {
        if (corners[next].At > at)
        {
            var power = Between(corners[next - 1], corners[next], at);
            return (power, power);
        }
        var before = corners[next].Milliwatts;
        while (next + 1 < corners.Count && corners[next + 1].At == at) next++;
        return (before, corners[next++].Milliwatts);
    }

    private static Fraction Between(PowerCorner a, PowerCorner b, long at) =>
        a.Milliwatts + (b.Milliwatts - a.Milliwatts) * new Fraction(at - a.At, b.At - a.At);
}
