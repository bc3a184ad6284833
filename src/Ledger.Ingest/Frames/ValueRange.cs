using System.Numerics;

namespace Ledger.Ingest.Frames;

/// <summary>
/// The least and the greatest of values, or of the steps from each to the next. Values lie within 2^61 either way, so
/// that no difference of two of them or of their steps wraps; then none of this branches on a value, whose order nobody
/// can foretell.
/// </summary>
internal readonly record struct ValueRange(long Least, long Most)
{
    /// <summary>The bits that a value needs above the least one.</summary>
    public int Width => PackedBits.Width((ulong)(Most - Least));

    public static ValueRange Of(ReadOnlySpan<long> values)
    {
        var lanes = Vector<long>.Count;
        if (values.Length < lanes) return OfFew(values);
        var least = new Vector<long>(values);
        var most = least;
        for (var i = lanes; i < values.Length - lanes; i += lanes)
        {
            var next = new Vector<long>(values[i..]);
            (least, most) = (Vector.Min(least, next), Vector.Max(most, next));
        }
        // The last ones once more where they do not fill a vector of their own: no range minds a repeat.
        var last = new Vector<long>(values[^lanes..]);
        return Of(Vector.Min(least, last), Vector.Max(most, last));
    }

    /// <summary>The range of the steps; of one value, which has none, both are zero.</summary>
    public static ValueRange OfSteps(ReadOnlySpan<long> values)
    {
        if (values.Length < 2) return default;
        var from = values[..^1];
        var to = values[1..];
        var lanes = Vector<long>.Count;
        if (to.Length < lanes) return OfFewSteps(values);
        var least = new Vector<long>(to) - new Vector<long>(from);
        var most = least;
        for (var i = lanes; i < to.Length - lanes; i += lanes)
        {
            var next = new Vector<long>(to[i..]) - new Vector<long>(from[i..]);
            (least, most) = (Vector.Min(least, next), Vector.Max(most, next));
        }
        var last = new Vector<long>(to[^lanes..]) - new Vector<long>(from[^lanes..]);
        return Of(Vector.Min(least, last), Vector.Max(most, last));
    }

    private static ValueRange Of(Vector<long> least, Vector<long> most)
    {
        var range = new ValueRange(least[0], most[0]);
        for (var lane = 1; lane < Vector<long>.Count; lane++) range = range.With(least[lane], most[lane]);
        return range;
    }

    private static ValueRange OfFew(ReadOnlySpan<long> values)
    {
        if (values.IsEmpty) return default;
        var range = new ValueRange(values[0], values[0]);
        foreach (var value in values) range = range.With(value, value);
        return range;
    }

    private static ValueRange OfFewSteps(ReadOnlySpan<long> values)
    {
        var first = values[1] - values[0];
        var range = new ValueRange(first, first);
        for (var i = 2; i < values.Length; i++)
            range = range.With(values[i] - values[i - 1], values[i] - values[i - 1]);
        return range;
    }

    /// <summary>The sign of a difference, drawn out over all bits, takes it or leaves it.</summary>
    private ValueRange With(long least, long most)
    {
        unchecked
        {
            var (lower, higher) = (least - Least, Most - most);
            return new(Least + (lower & (lower >> 63)), Most - (higher & (higher >> 63)));
        }
    }
}

/// <summary>
/// Divides by a unit what is a whole multiple of it, by a multiplication: the odd part of the unit has an inverse modulo
/// 2^64 (Hensel). Of what is no multiple the quotient is a number that multiplied does not give it back, or lies far
/// beyond what a frame may hold.
/// </summary>
internal readonly struct ExactDivision
{
    private readonly long inverse;
    private readonly int shift;

    public ExactDivision(int unit)
    {
        shift = BitOperations.TrailingZeroCount(unit);
        long odd = unit >> shift;
        inverse = odd; // right in three bits; each round doubles them: 6, 12, 24, 48, 96
        for (var i = 0; i < 5; i++) inverse = unchecked(inverse * (2 - (odd * inverse)));
    }

    public long Quotient(long value) => unchecked((value >> shift) * inverse);
}
