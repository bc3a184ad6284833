using System.Globalization;
using Ledger.Domain;

namespace Ledger.Ingest.Frames;

/// <summary>
/// The times and powers of the block that was read last, in units of its frame: memory of one reading thread, taken
/// once. A block that has the times of the one before finds them here.
/// </summary>
internal sealed class BlockColumns
{
    public readonly long[] Times = new long[Limits.SamplesPerBlockMax], Powers = new long[Limits.SamplesPerBlockMax];

    /// <summary>The columns of this thread, for a reading that does not wait amid a frame.</summary>
    public static BlockColumns Own => own ??= new();

    [ThreadStatic]
    private static BlockColumns? own;
}

/// <summary>
/// Reads a block of samples, or refuses it: what is out of bounds, and what is not written in the one way in which the
/// writer would. Of a frame that was checked nothing is looked at again.
/// </summary>
internal static class SampleBlockReading
{
    /// <summary>Further than from any bound of a value to another, and so little that bounds may be added to it.
    /// </summary>
    private const long BeyondBounds = 1L << 61;

    /// <param name="into">Has the times of the block before, which this one may repeat.</param>
    /// <param name="isChecked">Whether the frame was read to its end before, so that it keeps every rule.</param>
    public static SampleBlock Read(ref FrameCursor cursor, ref BlockBefore before, in UnitBounds bounds,
        BlockColumns into, bool isChecked)
    {
        var control = (BlockControl)cursor.Byte("control");
        if ((control & ~BlockControl.All) != 0)
            throw NotCanonical(cursor, "control", "bits 6 and 7 are zero");
        var stream = Stream(ref cursor, before, control);
        var count = Count(ref cursor, before, control);
        var powers = into.Powers.AsSpan(0, count);
        if ((control & BlockControl.SameTimes) == 0)
            before = Times(ref cursor, before, control, stream, bounds, into.Times.AsSpan(0, count), isChecked);
        else
        {
            if (before.Stream < 0 || before.Count != count || (control & BlockControl.TimeWidth) != 0)
                throw NotCanonical(cursor, "times", "only a block as long as the one before has the same times");
            before.Stream = stream;
        }
        if (isChecked) Again(ref cursor, control, powers);
        else if ((control & BlockControl.Differences) == 0) Levels(ref cursor, control, bounds, powers);
        else Differences(ref cursor, control, bounds, powers);
        return new(stream, count);
    }

    /// <summary>Brings the times of the block before back into the columns where the next block repeats them.</summary>
    public static void RepeatTimes(in FrameCursor cursor, in BlockBefore before, BlockColumns into)
    {
        if (cursor.IsAtEnd || ((BlockControl)cursor.From(cursor.At)[0] & BlockControl.SameTimes) == 0) return;
        var times = into.Times.AsSpan(0, before.Count);
        PackedBits.Unpack(cursor.From(before.PackedAt), before.Width, times[1..]);
        Sum(before, times);
    }

    /// <summary>Makes times of the packed spacings in their place; returns the last.</summary>
    private static long Sum(in BlockBefore block, scoped Span<long> times)
    {
        var sum = times[0] = block.First;
        unchecked
        {
            for (var i = 1; i < times.Length; i++) times[i] = sum += block.Spacing + times[i];
        }
        return sum;
    }

    private static int Stream(ref FrameCursor cursor, in BlockBefore before, BlockControl control)
    {
        var distance = 1L;
        if ((control & BlockControl.Stream) != 0)
        {
            distance = cursor.Number("stream", Limits.StreamsPerSessionMax);
            if (distance == 1) throw NotCanonical(cursor, "stream", "the next stream is not written");
        }
        var stream = before.Stream + distance;
        if (stream is < 0 or >= Limits.StreamsPerSessionMax)
            throw cursor.OutOfRange("stream", stream, 0, Limits.StreamsPerSessionMax - 1);
        return (int)stream;
    }

    private static int Count(ref FrameCursor cursor, in BlockBefore before, BlockControl control)
    {
        if ((control & BlockControl.Count) == 0)
            return before.Count > 0 ? before.Count
                : throw NotCanonical(cursor, "count", "the first block says how many samples it has");
        var count = (int)cursor.Number("count", Limits.SamplesPerBlockMax);
        if (count == 0) throw cursor.OutOfRange("count", 0, 1, Limits.SamplesPerBlockMax);
        return count != before.Count ? count
            : throw NotCanonical(cursor, "count", "the count of the block before is not written again");
    }

    private static BlockBefore Times(
        ref FrameCursor cursor, in BlockBefore before, BlockControl control, int stream, in UnitBounds bounds,
        scoped Span<long> values, bool isChecked)
    {
        var (times, count) = (before, values.Length);
        (times.Stream, times.Count) = (stream, count);
        times.First = before.First + cursor.Signed("time", bounds.TimeMost);
        times.Spacing = count == 1 ? 0 : cursor.Signed("spacing", bounds.TimeSpan);
        times.Width = Width(ref cursor, control, BlockControl.TimeWidth, "time width", UnitBounds.TimeWidthMax);
        if (count == 1 && times.Width > 0) throw NotCanonical(cursor, "time width", "one sample has no spacing");
        times.PackedAt = cursor.At;
        cursor.Skip(PackedBits.Bytes(count - 1, times.Width), "times");
        var length = cursor.At - times.PackedAt;
        if (!isChecked && before.Stream >= 0 && times.HasTimes(before, cursor.Between(times.PackedAt, cursor.At),
                cursor.Between(before.PackedAt, before.PackedAt + length)))
            throw NotCanonical(cursor, "times", "the times of the block before are not written again");
        if (isChecked) PackedBits.Unpack(cursor.From(times.PackedAt), times.Width, values[1..]);
        else Unpack(cursor, "times", times.PackedAt, times.Width, values[1..]);
        var last = Sum(times, values);
        if (!isChecked)
            Within(cursor, Rejection.InvalidTime, "times", values, bounds.TimeLeast, bounds.TimeMost,
                Reach(count, times.Spacing, times.Width));
        (times.Earliest, times.Latest) = times.Spacing >= 0 ? (times.First, last) : Extremes(values);
        return times;
    }

    private static (long Earliest, long Latest) Extremes(scoped ReadOnlySpan<long> times)
    {
        var range = ValueRange.Of(times);
        return (range.Least, range.Most);
    }

    /// <summary>The powers of a block that was checked.</summary>
    private static void Again(ref FrameCursor cursor, BlockControl control, scoped Span<long> powers)
    {
        var (first, least) = (cursor.Signed("power", long.MaxValue / 2), 0L);
        var isOfDifferences = (control & BlockControl.Differences) != 0;
        var packed = isOfDifferences ? powers[1..] : powers;
        least = isOfDifferences ? cursor.Signed("difference", long.MaxValue / 2) : first;
        var width = Width(ref cursor, control, BlockControl.PowerWidth, "power width", UnitBounds.PowerWidthMax);
        var at = cursor.At;
        cursor.Skip(PackedBits.Bytes(packed.Length, width), "powers");
        PackedBits.Unpack(cursor.From(at), width, packed);
        unchecked
        {
            if (isOfDifferences)
            {
                var sum = powers[0] = first;
                foreach (ref var step in packed) step = sum += step + least;
            }
            else
                foreach (ref var power in packed) power += least;
        }
    }

    private static void Levels(
        ref FrameCursor cursor, BlockControl control, in UnitBounds bounds, scoped Span<long> powers)
    {
        var least = cursor.Signed("power", bounds.PowerMost);
        var width = Width(ref cursor, control, BlockControl.PowerWidth, "power width", UnitBounds.PowerWidthMax);
        var at = cursor.At;
        cursor.Skip(PackedBits.Bytes(powers.Length, width), "powers");
        var range = Unpack(cursor, "powers", at, width, powers);
        if (least + range.Most > bounds.PowerMost)
            throw OutOfBounds(cursor, Rejection.PowerAboveLimit, "powers", least + range.Most, -bounds.PowerMost,
                bounds.PowerMost);
        // Nothing is written in fewer bytes than powers that are all the same.
        if (width > 0)
            Shortest(cursor, new(powers.Length, least + powers[0], new(least, least + range.Most),
                ValueRange.OfSteps(powers)), isOfDifferences: false);
        foreach (ref var power in powers) power += least;
    }

    private static void Differences(
        ref FrameCursor cursor, BlockControl control, in UnitBounds bounds, scoped Span<long> powers)
    {
        var first = cursor.Signed("power", bounds.PowerMost);
        var step = cursor.Signed("difference", 2 * bounds.PowerMost);
        var width = Width(ref cursor, control, BlockControl.PowerWidth, "power width", UnitBounds.PowerWidthMax);
        var at = cursor.At;
        cursor.Skip(PackedBits.Bytes(powers.Length - 1, width), "powers");
        var steps = Unpack(cursor, "powers", at, width, powers[1..]);
        var sum = first;
        unchecked
        {
            for (var i = 1; i < powers.Length; i++) powers[i] = sum += step + powers[i];
        }
        powers[0] = first;
        Within(cursor, Rejection.PowerAboveLimit, "powers", powers, -bounds.PowerMost, bounds.PowerMost,
            Reach(powers.Length, step, width));
        Shortest(cursor, new(powers.Length, first, ValueRange.Of(powers), new(step, step + steps.Most)),
            isOfDifferences: true);
    }

    /// <summary>How far the sum of steps may lie from where it begins; no further than is beyond all bounds.</summary>
    private static long Reach(int count, long least, int width) =>
        (long)Int128.Min(Math.BigMul(count - 1L, Math.Abs(least) + (1L << width)), BeyondBounds);

    /// <summary>
    /// Refuses sums out of bounds. Most blocks cannot reach them from their first value. Of the others every value is
    /// looked at: one step is far below 64 bits, so where a sum first leaves its bounds it has not wrapped.
    /// </summary>
    private static void Within(
        in FrameCursor cursor, Rejection code, string field, scoped ReadOnlySpan<long> sums, long least, long most,
        long reach)
    {
        var first = sums[0];
        if (first >= least + reach && first <= most - reach) return;
        foreach (var sum in sums)
            if (sum < least || sum > most) throw OutOfBounds(cursor, code, field, sum, least, most);
    }

    private static InputRefusedException OutOfBounds(
        in FrameCursor cursor, Rejection code, string field, long value, long least, long most) =>
        cursor.Refused(code, field, value.ToString(CultureInfo.InvariantCulture),
            string.Create(CultureInfo.InvariantCulture, $"in units of the frame, from {least} to {most}"));

    private static void Shortest(in FrameCursor cursor, in PowerForm form, bool isOfDifferences)
    {
        if (form.IsOfDifferences != isOfDifferences)
            throw NotCanonical(cursor, "powers", "levels or differences, whichever takes fewer bytes; levels if equal");
    }

    private static int Width(ref FrameCursor cursor, BlockControl control, BlockControl flag, string field, int most)
    {
        if ((control & flag) == 0) return 0;
        var width = cursor.Byte(field);
        return width is > 0 && width <= most ? width : throw cursor.OutOfRange(field, width, 1, most);
    }

    /// <summary>Takes packed values apart, refuses all but the narrowest packing of them, and says how far they
    /// reach.</summary>
    private static ValueRange Unpack(
        in FrameCursor cursor, string field, int at, int width, scoped Span<long> values)
    {
        if (width == 0)
        {
            values.Clear();
            return default;
        }
        var length = PackedBits.Bytes(values.Length, width);
        PackedBits.Unpack(cursor.From(at), width, values);
        var range = ValueRange.Of(values);
        if (range.Least != 0) throw NotCanonical(cursor, field, "the least of the packed values is zero");
        if (PackedBits.Width((ulong)range.Most) != width)
            throw NotCanonical(cursor, field, "the greatest of the packed values has all the bits");
        if (!PackedBits.EndsInZeros(cursor.Between(at, at + length), values.Length, width))
            throw NotCanonical(cursor, field, "the bits after the last value are zero");
        return range;
    }

    private static InputRefusedException NotCanonical(in FrameCursor cursor, string field, string rule) =>
        cursor.Refused(Rejection.Malformed, field, "", rule);
}
