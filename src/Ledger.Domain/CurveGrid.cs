namespace Ledger.Domain;

/// <summary>
/// The edges at which a stream's energy is divided: settlement periods of one length that follow each other for ever, and
/// further edges inside them, such as those of prices. What lies between two neighbouring edges is a cell. In UTC the
/// periods of 5, 15 and 30 minutes of every zone are such a grid, whatever its clock changes.
/// </summary>
public sealed class CurveGrid
{
    private readonly long origin;
    private readonly long step;
    private readonly long[] extra;

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

    /// <summary>The settlement period that holds an instant, half open.</summary>
    public (long Start, long End) PeriodOf(long at)
    {
        var start = at - FloorModulo(at - origin, step);
        return (start, start + step);
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
