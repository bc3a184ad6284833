using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ledger.Domain;

/// <summary>
/// What one look at samples tells of all of them. A sample is two integers of 64 bits, so it is one vector of 128, time
/// first, and all loops here go sample by sample; a machine without vectors computes the same, more slowly. Vectors
/// wrap where integers are checked, so each loop says why nothing that counts can.
/// </summary>
/// <param name="IsInOrder">Each sample is later than the one before.</param>
/// <param name="IsWithinLimits">No power is beyond <see cref="Limits.PowerMilliwattsMax"/>.</param>
/// <param name="Step">The time from each sample to the next in µs; 0 where it is not always the same, where samples are
/// out of order, and where there are fewer than two.</param>
internal readonly record struct CurveLook(bool IsInOrder, bool IsWithinLimits, long Step)
{
    public static CurveLook Of(ReadOnlySpan<PowerSample> samples)
    {
        if (samples.IsEmpty) return new(true, true, 0);
        var rows = Rows(samples);
        // No time is beyond these.
        var most = Vector128.Create(long.MaxValue, Limits.PowerMilliwattsMax);
        var least = Vector128.Create(long.MinValue, -Limits.PowerMilliwattsMax);
        var step = samples.Length > 1 ? unchecked(samples[1].AtMicroseconds - samples[0].AtMicroseconds) : 0;
        var expected = Vector128.CreateScalar(step);
        var before = rows[0];
        var beyond = Vector128.GreaterThan(before, most) | Vector128.LessThan(before, least);
        var (later, uneven) = (Vector128<long>.AllBitsSet, Vector128<long>.Zero);
        for (var i = 1; i < rows.Length; i++)
        {
            var now = rows[i];
            beyond |= Vector128.GreaterThan(now, most) | Vector128.LessThan(now, least);
            later &= Vector128.GreaterThan(now, before);
            uneven |= (now - before) ^ expected;
            before = now;
        }
        // A difference of times in order is never negative unless it wrapped; then it is no step either.
        var isInOrder = later[0] != 0;
        return new(isInOrder, beyond == Vector128<long>.Zero, isInOrder && step > 0 && uneven[0] == 0 ? step : 0);
    }

    /// <summary>Whether no time is beyond <see cref="PowerSample.AtMicrosecondsMax"/> and no power beyond
    /// <see cref="Limits.PowerMilliwattsMax"/>.</summary>
    public static bool AreWithinBounds(ReadOnlySpan<PowerSample> samples)
    {
        var most = Vector128.Create(PowerSample.AtMicrosecondsMax, Limits.PowerMilliwattsMax);
        var beyond = Vector128<long>.Zero;
        foreach (var row in Rows(samples)) beyond |= Vector128.GreaterThan(row, most) | Vector128.LessThan(row, -most);
        return beyond == Vector128<long>.Zero;
    }

    /// <inheritdoc cref="TimeExtent.Of"/>
    public static TimeExtent Extent(ReadOnlySpan<PowerSample> samples)
    {
        var rows = Rows(samples);
        var (least, most) = (rows[0], rows[0]);
        foreach (var row in rows) (least, most) = (Vector128.Min(least, row), Vector128.Max(most, row));
        return new(least[0], most[0]);
    }

    /// <summary>The sum of powers and the least and the largest of them. They are no more than add up in 64 bits.
    /// </summary>
    public static (long Sum, long Least, long Most) SumAndExtremes(ReadOnlySpan<PowerSample> samples)
    {
        var rows = Rows(samples);
        var (sum, least, most) = (Vector128<long>.Zero, rows[0], rows[0]);
        foreach (var row in rows)
        {
            sum += row;
            least = Vector128.Min(least, row);
            most = Vector128.Max(most, row);
        }
        return (sum[1], least[1], most[1]);
    }

    /// <summary>The largest difference, up or down, between the powers of two runs of one length, none of which is
    /// beyond its limit.</summary>
    public static long WidestChange(ReadOnlySpan<PowerSample> from, ReadOnlySpan<PowerSample> to)
    {
        var before = Rows(from);
        var after = Rows(to);
        var widest = Vector128<long>.Zero;
        for (var i = 0; i < before.Length && i < after.Length; i++)
            widest = Vector128.Max(widest, Vector128.Abs(after[i] - before[i]));
        return widest[1];
    }

    private static ReadOnlySpan<Vector128<long>> Rows(ReadOnlySpan<PowerSample> samples) =>
        MemoryMarshal.Cast<PowerSample, Vector128<long>>(samples);
}
