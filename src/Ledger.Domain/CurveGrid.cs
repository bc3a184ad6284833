namespace Ledger.Domain;

/// <summary>
/// The edges at which a stream's energy is divided: settlement periods of one length that follow each other for ever,
/// or from an instant on of another, and further edges inside them, such as those of prices. What lies between two
/// neighbouring edges is a cell. In UTC the periods of 5, 15 and 30 minutes of every zone are such a grid, whatever its
/// clock changes.
/// </summary>
public sealed class CurveGrid
{
    private readonly long origin;
    private readonly long step;
    private readonly long[] extra;
    private readonly Later[] later = []; // other periods, in order of time

    private readonly record struct Later(long From, long Origin, long Step);

    private CurveGrid(CurveGrid before, Later added) =>
        (origin, step, extra, later) = (before.origin, before.step, before.extra, [.. before.later, added]);

    /// <param name="originMicroseconds">The start of any period, in Unix µs.</param>
    /// <param name="stepMicroseconds">The length of a period; at least 1 µs.</param>
    /// <param name="extraEdges">Further edges in any order.</param>
    public CurveGrid(long originMicroseconds, long stepMicroseconds, params ReadOnlySpan<long> extraEdges)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(stepMicroseconds, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(stepMicroseconds, PowerSample.AtMicrosecondsMax);
        step = stepMicroseconds;
        origin = originMicroseconds % stepMicroseconds;
        extra = extraEdges.ToArray();
        Array.Sort(extra);
    }

    /// <summary>The same grid up to an instant, which is an edge, and from it on periods of another length.</summary>
    /// <param name="fromMicroseconds">The start of the first of them, later than that of any other change.</param>
    public CurveGrid Then(long fromMicroseconds, long stepMicroseconds)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(stepMicroseconds, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(stepMicroseconds, PowerSample.AtMicrosecondsMax);
        if (later.Length > 0) ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(fromMicroseconds, later[^1].From);
        return new(this, new(fromMicroseconds, fromMicroseconds % stepMicroseconds, stepMicroseconds));
    }

    /// <summary>The settlement period that holds an instant, half open.</summary>
    public (long Start, long End) PeriodOf(long at)
    {
        if (later.Length > 0) return PeriodOfOne(at);
        var start = at - FloorModulo(at - origin, step);
        return (start, start + step);
    }

    /// <summary>The same where the length changes; a period that a change cuts ends there.</summary>
    private (long Start, long End) PeriodOfOne(long at)
    {
        var (i, end) = (-1, later.Length); // of a zone that shifts by half an hour there are very many
        while (end - i > 1)
        {
            var middle = (i + end) / 2;
            if (later[middle].From <= at) i = middle;
            else end = middle;
        }
        var (from, of, length) = i < 0 ? new(long.MinValue, origin, step) : later[i];
        var start = at - FloorModulo(at - of, length);
        var next = start + length;
        return (Math.Max(start, from), i + 1 < later.Length ? Math.Min(next, later[i + 1].From) : next);
    }

    /// <summary>The cell that holds an instant, half open.</summary>
    public (long Start, long End) CellOf(long at)
    {
        var (start, end) = PeriodOf(at);
        if (extra.Length == 0) return (start, end);
        var next = Array.BinarySearch(extra, at);
        next = next < 0 ? ~next : next;
        while (next < extra.Length && extra[next] == at) next++;
        if (next < extra.Length) end = Math.Min(end, extra[next]);
        if (next > 0) start = Math.Max(start, extra[next - 1]);
        return (start, end);
    }

    public bool IsEdge(long at) => CellOf(at).Start == at;

    private static long FloorModulo(long value, long divisor)
    {
        var rest = value % divisor;
        return rest < 0 ? rest + divisor : rest;
    }
}
