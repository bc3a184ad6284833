using System.Globalization;
using Ledger.Domain;

namespace Ledger.Ingest.Frames;

/// <summary>
/// Reads a block of samples, or refuses it: what is out of bounds, and what is not written in the one way in which the
/// writer would.
/// </summary>
internal static class SampleBlockReading
{
    public static SampleBlock Read(
        ref FrameCursor cursor, ref BlockBefore before, FrameUnits units, in UnitBounds bounds, Span<PowerSample> into)
    {
        var control = (BlockControl)cursor.Byte("control");
        if ((control & ~BlockControl.All) != 0)
            throw NotCanonical(cursor, "control", "bits 6 and 7 are zero");
        var stream = Stream(ref cursor, before, control);
        var count = Count(ref cursor, before, control);
        if (into.Length < count)
            throw new ArgumentException($"a block may have {Limits.SamplesPerBlockMax} samples", nameof(into));
        into = into[..count];
        // A local buffer of one block at most: 8 KiB.
        Span<ulong> packed = stackalloc ulong[count];
        before = Times(ref cursor, before, control, stream, count, units, bounds, packed, into);
        if ((control & BlockControl.Differences) == 0) Levels(ref cursor, control, units, bounds, packed, into);
        else Differences(ref cursor, control, units, bounds, packed, into);
        return new(stream, count);
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
        ref FrameCursor cursor, in BlockBefore before, BlockControl control, int stream, int count, FrameUnits units,
        in UnitBounds bounds, scoped Span<ulong> packed, Span<PowerSample> into)
    {
        var times = before;
        (times.Stream, times.Count) = (stream, count);
        var at = before.PackedAt;
        if ((control & BlockControl.SameTimes) == 0)
        {
            times.First = before.First + cursor.Signed("time", bounds.TimeMost);
            times.Spacing = count == 1 ? 0 : cursor.Signed("spacing", bounds.TimeSpan);
            times.Width = Width(ref cursor, control, BlockControl.TimeWidth, "time width", UnitBounds.TimeWidthMax);
            if (count == 1 && times.Width > 0) throw NotCanonical(cursor, "time width", "one sample has no spacing");
            times.PackedAt = at = cursor.At;
            cursor.Skip(PackedBits.Bytes(count - 1, times.Width), "times");
            var length = cursor.At - at;
            if (before.Stream >= 0 && before.Count == count && times.HasTimes(before,
                    cursor.Between(at, cursor.At), cursor.Between(before.PackedAt, before.PackedAt + length)))
                throw NotCanonical(cursor, "times", "the times of the block before are not written again");
        }
        else if (before.Stream < 0 || before.Count != count || (control & BlockControl.TimeWidth) != 0)
            throw NotCanonical(cursor, "times", "only a block as long as the one before has the same times");
        Unpack(cursor, "times", at, times.Width, packed[1..]);
        Place(cursor, times, packed, units, bounds, into);
        return times;
    }

    /// <summary>Adds the spacings up. A sum that wraps lies out of bounds where it first does, because each spacing is
    /// far below 64 bits, so the least or the greatest shows it.</summary>
    private static void Place(
        in FrameCursor cursor, in BlockBefore times, ReadOnlySpan<ulong> packed, FrameUnits units, in UnitBounds bounds,
        Span<PowerSample> into)
    {
        var (time, least, most, unit, spacing) =
            (times.First, times.First, times.First, (long)units.TimeMicroseconds, times.Spacing);
        unchecked
        {
            into[0] = new(time * unit, 0);
            for (var i = 1; i < into.Length; i++)
            {
                time += spacing + (long)packed[i];
                least = Math.Min(least, time);
                most = Math.Max(most, time);
                into[i] = new(time * unit, 0);
            }
        }
        if (least < bounds.TimeLeast || most > bounds.TimeMost)
            throw cursor.Refused(Rejection.InvalidTime, "times",
                Text(least < bounds.TimeLeast ? least : most), "in units of the frame, from 2000 to 2100");
    }

    private static void Levels(
        ref FrameCursor cursor, BlockControl control, FrameUnits units, in UnitBounds bounds, scoped Span<ulong> packed,
        Span<PowerSample> into)
    {
        var least = cursor.Signed("power", bounds.PowerMost);
        var width = Width(ref cursor, control, BlockControl.PowerWidth, "power width", UnitBounds.PowerWidthMax);
        var at = cursor.At;
        cursor.Skip(PackedBits.Bytes(packed.Length, width), "powers");
        Unpack(cursor, "powers", at, width, packed);
        var (before, leastStep, mostStep, most, unit) =
            ((long)packed[0], long.MaxValue, long.MinValue, packed[0], (long)units.PowerMilliwatts);
        unchecked
        {
            into[0] = into[0] with { Milliwatts = (least + before) * unit };
            for (var i = 1; i < into.Length; i++)
            {
                var above = (long)packed[i];
                leastStep = Math.Min(leastStep, above - before);
                mostStep = Math.Max(mostStep, above - before);
                most = Math.Max(most, packed[i]);
                before = above;
                into[i] = into[i] with { Milliwatts = (least + above) * unit };
            }
        }
        Accept(cursor, new(into.Length, least + (long)packed[0], least, least + (long)most, leastStep, mostStep),
            isOfDifferences: false, bounds);
    }

    private static void Differences(
        ref FrameCursor cursor, BlockControl control, FrameUnits units, in UnitBounds bounds, scoped Span<ulong> packed,
        Span<PowerSample> into)
    {
        var first = cursor.Signed("power", bounds.PowerMost);
        var step = cursor.Signed("difference", 2 * bounds.PowerMost);
        var width = Width(ref cursor, control, BlockControl.PowerWidth, "power width", UnitBounds.PowerWidthMax);
        var at = cursor.At;
        cursor.Skip(PackedBits.Bytes(packed.Length - 1, width), "powers");
        Unpack(cursor, "powers", at, width, packed[1..]);
        var (power, least, most, mostStep, unit) = (first, first, first, 0UL, (long)units.PowerMilliwatts);
        unchecked
        {
            into[0] = into[0] with { Milliwatts = power * unit };
            for (var i = 1; i < into.Length; i++)
            {
                power += step + (long)packed[i];
                least = Math.Min(least, power);
                most = Math.Max(most, power);
                mostStep = Math.Max(mostStep, packed[i]);
                into[i] = into[i] with { Milliwatts = power * unit };
            }
        }
        Accept(cursor, new(into.Length, first, least, most, step, step + (long)mostStep), isOfDifferences: true, bounds);
    }

    /// <summary>Refuses a power out of bounds, and the longer of the two ways to write these powers.</summary>
    private static void Accept(in FrameCursor cursor, in PowerRange range, bool isOfDifferences, in UnitBounds bounds)
    {
        if (range.Least < -bounds.PowerMost || range.Most > bounds.PowerMost)
            throw cursor.Refused(Rejection.PowerAboveLimit, "powers",
                Text(range.Most > bounds.PowerMost ? range.Most : range.Least),
                $"in units of the frame, at most {Text(bounds.PowerMost)} either way");
        if (range.IsOfDifferences != isOfDifferences)
            throw NotCanonical(cursor, "powers", "levels or differences, whichever takes fewer bytes; levels if equal");
    }

    private static int Width(ref FrameCursor cursor, BlockControl control, BlockControl flag, string field, int most)
    {
        if ((control & flag) == 0) return 0;
        var width = cursor.Byte(field);
        return width is > 0 && width <= most ? width : throw cursor.OutOfRange(field, width, 1, most);
    }

    /// <summary>Takes packed values apart and refuses all but the narrowest packing of them.</summary>
    private static void Unpack(in FrameCursor cursor, string field, int at, int width, scoped Span<ulong> values)
    {
        if (width == 0)
        {
            values.Clear();
            return;
        }
        var length = PackedBits.Bytes(values.Length, width);
        var (least, bits) = PackedBits.Unpack(cursor.From(at), width, values);
        if (least != 0) throw NotCanonical(cursor, field, "the least of the packed values is zero");
        if (PackedBits.Width(bits) != width)
            throw NotCanonical(cursor, field, "the greatest of the packed values has all the bits");
        if (!PackedBits.EndsInZeros(cursor.Between(at, at + length), values.Length, width))
            throw NotCanonical(cursor, field, "the bits after the last value are zero");
    }

    private static InputRefusedException NotCanonical(in FrameCursor cursor, string field, string rule) =>
        cursor.Refused(Rejection.Malformed, field, "", rule);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
