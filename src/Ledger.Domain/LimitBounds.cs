using NodaTime;

namespace Ledger.Domain;

/// <summary>What the interval record of one point says of its period, without the curve behind it.</summary>
public readonly record struct RecordedPeriod(
    Power Minimum, Power Maximum, Energy Import, Energy Export, long CoveredMicroseconds)
{
    /// <summary>The same seen from the other direction.</summary>
    public RecordedPeriod Mirrored => new(-Maximum, -Minimum, Export, Import, CoveredMicroseconds);
}

/// <summary>
/// A quantity that is known to lie between two values; exact where they are equal. <paramref name="AtMost"/> null: data
/// is missing, so nothing bounds it from above.
/// </summary>
public readonly record struct Bounds<T>(T AtLeast, T? AtMost) where T : struct;

/// <summary>
/// What interval records alone prove of one limit and one period, or of the part of it where the limit was one number.
/// Powers and demand are of the limit's direction and never negative.
/// </summary>
public sealed record LimitBoundsFinding(
    Interval Part, Power Most, Bounds<Power> Highest, Bounds<Power> Demand, Bounds<long> MicrosecondsAbove,
    Bounds<Energy> Above, LimitVerdict Verdict, string Method);

/// <summary>
/// A limit against interval records, where no curve is at hand. One point's demand and highest power are its record's.
/// For a sum of points the demand of the net power is exact, and its highest power lies between two named bounds;
/// time and energy above follow from the lowest, the mean and the highest power alone.
/// A bound is rounded away from certainty.
/// </summary>
public static class LimitBounds
{
    public const string OnePoint = "one point: demand and highest power as recorded";

    /// <summary>
    /// At least: the mean, or one point at its highest while all others are at their lowest. At most: all at once.
    /// </summary>
    public const string SumOfPoints =
        "sum of points: at least the mean, or one at its highest with the others at their lowest; at most all at their "
        + "highest";

    /// <param name="part">The period, or a part of it: of a part only upper bounds are known.</param>
    /// <param name="points">One record of each point, all of this period.</param>
    public static LimitBoundsFinding Check(
        Interval period, LimitStretch part, Direction direction, StandingLimitKind kind,
        IReadOnlyList<RecordedPeriod> points)
    {
        ArgumentOutOfRangeException.ThrowIfZero(points.Count, nameof(points));
        var length = Length(period);
        var seen = direction == Direction.Import ? points : [.. points.Select(point => point.Mirrored)];
        var whole = new Extremes(seen, length);
        var isWhole = part.During == period;
        var isCovered = points.All(point => point.CoveredMicroseconds == length);
        var highest = whole.Highest(isCovered, isWhole);
        var demand = isWhole ? whole.Demand(isCovered) : new Bounds<Power>(Power.Zero, highest.AtMost);
        var (time, energy) = whole.Above(part.Most.Milliwatts, Length(part.During), isCovered, isWhole);
        var (low, high) = kind == StandingLimitKind.ContractDemand
            ? (demand.AtLeast, demand.AtMost) : (highest.AtLeast, highest.AtMost);
        var verdict = low > part.Most ? LimitVerdict.Above
            : high <= part.Most ? LimitVerdict.Within : LimitVerdict.Unproven;
        return new(part.During, part.Most, highest, demand, time, energy, verdict, points.Count == 1
            ? OnePoint : SumOfPoints);
    }

    /// <summary>In microseconds.</summary>
    public static long Length(Interval period) =>
        PowerCurve.Microseconds(period.End) - PowerCurve.Microseconds(period.Start);
}

/// <summary>
/// The net power of some points over a period of <paramref name="length"/> µs: it never leaves [Lowest, Most], and its
/// mean is exact.
/// </summary>
internal readonly struct Extremes(IReadOnlyList<RecordedPeriod> points, long length)
{
    private readonly long lowest = points.Sum(point => point.Minimum.Milliwatts);
    private readonly long most = points.Sum(point => point.Maximum.Milliwatts);
    /// <summary>The largest distance of a point's highest from its lowest power.</summary>
    private readonly long swing = points.Max(point => (point.Maximum - point.Minimum).Milliwatts);
    private readonly Int128 import = Sum(points, point => point.Import), export = Sum(points, point => point.Export);

    private static Int128 Sum(IEnumerable<RecordedPeriod> points, Func<RecordedPeriod, Energy> energy) =>
        points.Aggregate(Energy.Zero, (sum, point) => sum + energy(point)).HalfNanojoules;

    private Int128 Net => import - export;

    // Half milliwatts times microseconds: twice the length.
    private Int128 Twice => (Int128)length * 2;

    public Bounds<Power> Highest(bool isCovered, bool isWhole)
    {
        var known = isCovered ? lowest : 0;
        if (isWhole && isCovered) known = Math.Max((long)Ceiling(Net, Twice), lowest + swing);
        else if (isWhole && points.Count == 1) known = most;
        var atLeast = Math.Max(0, known);
        return new(new(atLeast), isCovered ? new Power(Math.Max(atLeast, most)) : null);
    }

    /// <summary>The direction's energy over the period: of a sum, what points give each other may cancel.</summary>
    public Bounds<Power> Demand(bool isCovered)
    {
        var atLeast = points.Count == 1 ? import : isCovered ? Int128.Max(0, Net) : 0;
        return new(new((long)(atLeast / Twice)), isCovered ? new Power((long)Ceiling(import, Twice)) : null);
    }

    /// <summary>
    /// Time and energy above a limit in a part of the period. Of all powers in [lowest, most] with a given mean the one
    /// that is longest above is either at the limit or at its lowest, and the one with most energy above either at its
    /// highest or at its lowest (Markov's bound). Extremes are those of samples, so a mean may lie a little outside.
    /// </summary>
    public (Bounds<long> Time, Bounds<Energy> Energy) Above(long limit, long part, bool isCovered, bool isWhole)
    {
        if (!isCovered) return (new(0, part), new(Energy.Zero, null));
        var excess = isWhole ? Int128.Max(0, Net - Twice * limit) : 0;
        if (most <= limit) return (new(0, 0), new(new(excess), new Energy(excess)));
        var aboveLowest = Int128.Max(0, Net - Twice * lowest);
        var (time, energy) = ((Int128)part, (Int128)(most - limit) * part * 2);
        if (lowest < limit) time = Int128.Min(time, Ceiling(aboveLowest, (Int128)(limit - lowest) * 2));
        if (lowest < limit) energy = Int128.Min(energy, Ceiling(aboveLowest * (most - limit), most - lowest));
        else if (isWhole) energy = excess;
        var surely = lowest > limit ? part : (long)(excess / 2 / (most - limit));
        return (new(Math.Min(surely, part), (long)time), new(new(excess), new Energy(Int128.Max(energy, excess))));
    }

    private static Int128 Ceiling(Int128 dividend, Int128 divisor) =>
        dividend > 0 ? (dividend + divisor - 1) / divisor : dividend / divisor;
}
