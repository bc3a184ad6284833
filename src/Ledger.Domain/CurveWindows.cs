namespace Ledger.Domain;

/// <summary>
/// The windows of ramps over samples at any distance, among those that a stream holds. Times and powers are bounded, so
/// no difference of two leaves 64 bits and none is checked.
/// </summary>
internal static class CurveWindows
{
    /// <summary>Windows that end at one of the samples.</summary>
    /// <param name="begun">A sample that is not after the beginning of any of them, or the first that is held.</param>
    public static void EndAtSamples(ref CurveColumns columns, int begun, int from, int to, in CurveShape shape,
        long runStart, long window, ref long largest)
    {
        ReadOnlySpan<long> at = columns.At[..to], power = columns.Power[..to];
        var (j, known) = (-1, largest);
        unchecked
        {
            for (var i = from; i < at.Length; i++)
            {
                var begin = at[i] - window;
                if (begin < runStart) continue;
                if (j < 0) j = columns.FirstAfterFromStart(begin, begun, i) - 1;
                while (at[j + 1] <= begin) j++;
                if (IsWithin(known, power[i] - power[j]) && IsWithin(known, power[i] - power[j + 1])) continue;
                var other = shape.PowerAt(new(at[j], power[j]), new(at[j + 1], power[j + 1]), begin);
                known = Math.Max(known, Math.Abs(power[i] - other));
            }
        }
        largest = known;
    }

    /// <summary>Windows that begin at a sample and end between two neighbours.</summary>
    /// <param name="begun">As above.</param>
    public static void BeginAtSamples(ref CurveColumns columns, int begun, int from, int to, in CurveShape shape,
        long runStart, long window, ref long largest)
    {
        ReadOnlySpan<long> at = columns.At[..to], power = columns.Power[..to];
        var i = columns.FirstAfterFromStart(Math.Max(at[from - 1] - window, runStart - 1), begun, from);
        var known = largest;
        unchecked
        {
            for (var k = from; k < at.Length; k++)
            {
                while (i < k && at[i] + window <= at[k - 1]) i++;
                for (; i < k && at[i] + window < at[k]; i++)
                {
                    if (IsWithin(known, power[i] - power[k - 1]) && IsWithin(known, power[i] - power[k])) continue;
                    var other = shape.PowerAt(new(at[k - 1], power[k - 1]), new(at[k], power[k]), at[i] + window);
                    known = Math.Max(known, Math.Abs(power[i] - other));
                }
            }
        }
        largest = known;
    }

    /// <summary>Windows that begin at a sample and end in one segment, from one instant to another, both
    /// included.</summary>
    public static void BeginBefore(
        ref CurveColumns columns, int k, long earliest, long latest, in CurveShape shape, long runStart, long window,
        ref long largest)
    {
        if (earliest > latest) return;
        ReadOnlySpan<long> at = columns.At, power = columns.Power;
        var first = columns.FirstAfter(Math.Max(earliest - window, runStart) - 1, columns.First, k);
        for (var i = first; i < k && at[i] + window <= latest; i++)
        {
            var other = shape.PowerAt(new(at[k - 1], power[k - 1]), new(at[k], power[k]), at[i] + window);
            largest = Math.Max(largest, Math.Abs(power[i] - other));
        }
    }

    // A power between two samples is no farther from a third than the farther of the two is.
    private static bool IsWithin(long largest, long change) => change <= largest && change >= -largest;
}
