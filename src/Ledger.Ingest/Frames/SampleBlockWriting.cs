using System.Globalization;
using Ledger.Domain;

namespace Ledger.Ingest.Frames;

/// <summary>Writes a block of samples in its one form.</summary>
internal static class SampleBlockWriting
{
    /// <summary>Bytes before the spacings at most: control, stream, count, first time, spacing, width.</summary>
    private const int HeadBytesMax = 1 + 3 + 2 + 8 + 8 + 1;

    /// <summary>Writes at a byte of the buffer and returns how many bytes; 0, and nothing changed, where they have no
    /// room.</summary>
    public static int Write(
        Span<byte> buffer, int at, ref BlockBefore before, FrameUnits units, in UnitBounds bounds, int stream,
        ReadOnlySpan<PowerSample> taken)
    {
        var count = taken.Length;
        // Local columns of one block at most: 8 KiB each.
        Span<ulong> spacings = stackalloc ulong[count], powers = stackalloc ulong[count];
        var times = Times(before, units, bounds, stream, taken, spacings);
        var range = Powers(units, bounds, taken, powers);
        if (buffer.Length - at < HeadBytesMax + PackedBits.Bytes(count - 1, times.Width) + range.Bytes) return 0;

        var (start, control) = (at++, BlockControl.None);
        if (stream != before.Stream + 1)
        {
            control |= BlockControl.Stream;
            at += FrameNumbers.Write(buffer[at..], (ulong)(stream - before.Stream));
        }
        if (count != before.Count)
        {
            control |= BlockControl.Count;
            at += FrameNumbers.Write(buffer[at..], (ulong)count);
        }
        control |= WriteTimes(buffer, ref at, before, ref times, spacings);
        control |= WritePowers(buffer, ref at, range, powers);
        buffer[start] = (byte)control;
        before = times;
        return at - start;
    }

    private static BlockControl WriteTimes(
        Span<byte> buffer, ref int at, in BlockBefore before, ref BlockBefore times, Span<ulong> spacings)
    {
        var (start, control, count) = (at, BlockControl.None, spacings.Length);
        at += FrameNumbers.WriteSigned(buffer[at..], times.First - before.First);
        if (count > 1) at += FrameNumbers.WriteSigned(buffer[at..], times.Spacing);
        if (times.Width > 0)
        {
            control = BlockControl.TimeWidth;
            buffer[at++] = (byte)times.Width;
        }
        times.PackedAt = at;
        var length = PackedBits.Bytes(count - 1, times.Width);
        PackedBits.Pack(spacings[1..], times.Width, buffer.Slice(at, length));
        if (before.Stream >= 0 && times.HasTimes(before, buffer.Slice(at, length),
                buffer.Slice(Math.Min(before.PackedAt, at), length)))
        {
            (at, times.PackedAt) = (start, before.PackedAt);
            return BlockControl.SameTimes;
        }
        at += length;
        return control;
    }

    private static BlockControl WritePowers(Span<byte> buffer, ref int at, in PowerRange range, Span<ulong> powers)
    {
        var control = BlockControl.None;
        var width = range.Width;
        if (range.IsOfDifferences)
        {
            control = BlockControl.Differences;
            width = range.StepWidth;
            at += FrameNumbers.WriteSigned(buffer[at..], range.First);
            at += FrameNumbers.WriteSigned(buffer[at..], range.LeastStep);
            for (var i = powers.Length - 1; i > 0; i--)
                powers[i] = unchecked(powers[i] - powers[i - 1] - (ulong)range.LeastStep);
            powers = powers[1..];
        }
        else
        {
            at += FrameNumbers.WriteSigned(buffer[at..], range.Least);
            for (var i = 0; i < powers.Length; i++) powers[i] = unchecked(powers[i] - (ulong)range.Least);
        }
        if (width > 0)
        {
            control |= BlockControl.PowerWidth;
            buffer[at++] = (byte)width;
        }
        var length = PackedBits.Bytes(powers.Length, width);
        PackedBits.Pack(powers, width, buffer.Slice(at, length));
        at += length;
        return control;
    }

    /// <summary>The times in the units of the frame: the first, the least spacing, and what each has above it.</summary>
    private static BlockBefore Times(
        in BlockBefore before, FrameUnits units, in UnitBounds bounds, int stream, ReadOnlySpan<PowerSample> taken,
        Span<ulong> spacings)
    {
        var unit = units.TimeMicroseconds;
        var (last, least, most) = (0L, long.MaxValue, long.MinValue);
        var times = before;
        (times.Stream, times.Count) = (stream, taken.Length);
        for (var i = 0; i < taken.Length; i++)
        {
            var at = taken[i].AtMicroseconds;
            var time = unit == 1 ? at : at / unit;
            if (time < bounds.TimeLeast || time > bounds.TimeMost || unit > 1 && time * unit != at)
                throw Refused(Rejection.InvalidTime, "time", at,
                    string.Create(CultureInfo.InvariantCulture, $"whole {unit} µs from 2000 to 2100"));
            if (i == 0) times.First = time;
            else
            {
                // Both lie within bounds, so the difference does not wrap.
                var spacing = unchecked(time - last);
                least = Math.Min(least, spacing);
                most = Math.Max(most, spacing);
                spacings[i] = unchecked((ulong)spacing);
            }
            last = time;
        }
        var isOne = taken.Length == 1;
        (times.Spacing, times.Width) = isOne ? (0, 0) : (least, PackedBits.Width((ulong)(most - least)));
        if (times.Width > 0)
            for (var i = 1; i < spacings.Length; i++) spacings[i] = unchecked(spacings[i] - (ulong)least);
        return times;
    }

    /// <summary>The powers in the units of the frame, as they are, and how far they reach.</summary>
    private static PowerRange Powers(
        FrameUnits units, in UnitBounds bounds, ReadOnlySpan<PowerSample> taken, Span<ulong> powers)
    {
        var unit = units.PowerMilliwatts;
        var (first, before, least, most) = (0L, 0L, long.MaxValue, long.MinValue);
        var (leastStep, mostStep) = (long.MaxValue, long.MinValue);
        for (var i = 0; i < taken.Length; i++)
        {
            var milliwatts = taken[i].Milliwatts;
            var power = unit == 1 ? milliwatts : milliwatts / unit;
            if (power < -bounds.PowerMost || power > bounds.PowerMost)
                throw Refused(Rejection.PowerAboveLimit, "power", milliwatts, "at most 10^12 mW either way");
            if (unit > 1 && power * unit != milliwatts)
                throw Refused(Rejection.OutOfRange, "power", milliwatts,
                    string.Create(CultureInfo.InvariantCulture, $"whole {unit} mW"));
            least = Math.Min(least, power);
            most = Math.Max(most, power);
            if (i == 0) first = power;
            else
            {
                // Both lie within bounds, so the difference does not wrap.
                leastStep = Math.Min(leastStep, unchecked(power - before));
                mostStep = Math.Max(mostStep, unchecked(power - before));
            }
            powers[i] = unchecked((ulong)power);
            before = power;
        }
        return new(taken.Length, first, least, most, leastStep, mostStep);
    }

    private static InputRefusedException Refused(Rejection code, string field, long value, string rule) =>
        new(code, $"frame.{field}", value.ToString(CultureInfo.InvariantCulture), rule);
}
