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
        scoped ReadOnlySpan<PowerSample> taken)
    {
        var count = taken.Length;
        // Local columns of one block at most: 8 KiB each.
        Span<long> instants = stackalloc long[count], powers = stackalloc long[count];
        Divide(units, bounds, taken, instants, powers);
        var times = before;
        (times.Stream, times.Count, times.First) = (stream, count, instants[0]);
        var spacings = ValueRange.OfSteps(instants);
        (times.Spacing, times.Width) = (spacings.Least, spacings.Width);
        var form = new PowerForm(count, powers[0], ValueRange.Of(powers), ValueRange.OfSteps(powers));
        if (buffer.Length - at < HeadBytesMax + PackedBits.Bytes(count - 1, times.Width) + form.Bytes) return 0;

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
        control |= WriteTimes(buffer, ref at, before, ref times, instants);
        control |= WritePowers(buffer, ref at, form, powers);
        buffer[start] = (byte)control;
        before = times;
        return at - start;
    }

    private static BlockControl WriteTimes(
        Span<byte> buffer, ref int at, in BlockBefore before, ref BlockBefore times, Span<long> instants)
    {
        var (start, control, count) = (at, BlockControl.None, instants.Length);
        at += FrameNumbers.WriteSigned(buffer[at..], times.First - before.First);
        if (count > 1) at += FrameNumbers.WriteSigned(buffer[at..], times.Spacing);
        if (times.Width > 0)
        {
            control = BlockControl.TimeWidth;
            buffer[at++] = (byte)times.Width;
        }
        times.PackedAt = at;
        var length = PackedBits.Bytes(count - 1, times.Width);
        if (times.Width > 0) PackedBits.Pack(Steps(instants), times.Spacing, times.Width, buffer.Slice(at, length));
        if (before.Stream >= 0 && times.HasTimes(before, buffer.Slice(at, length),
                buffer.Slice(Math.Min(before.PackedAt, at), length)))
        {
            (at, times.PackedAt) = (start, before.PackedAt);
            return BlockControl.SameTimes;
        }
        at += length;
        return control;
    }

    private static BlockControl WritePowers(Span<byte> buffer, ref int at, in PowerForm form, Span<long> powers)
    {
        var (control, range) = (BlockControl.None, form.Levels);
        if (form.IsOfDifferences)
        {
            (control, range) = (BlockControl.Differences, form.Steps);
            at += FrameNumbers.WriteSigned(buffer[at..], form.First);
            powers = Steps(powers);
        }
        at += FrameNumbers.WriteSigned(buffer[at..], range.Least);
        if (range.Width == 0) return control;
        buffer[at++] = (byte)range.Width;
        var length = PackedBits.Bytes(powers.Length, range.Width);
        PackedBits.Pack(powers, range.Least, range.Width, buffer.Slice(at, length));
        at += length;
        return control | BlockControl.PowerWidth;
    }

    /// <summary>The steps between values, in their place.</summary>
    private static Span<long> Steps(Span<long> values)
    {
        unchecked
        {
            for (var i = values.Length - 1; i > 0; i--) values[i] -= values[i - 1];
        }
        return values[1..];
    }

    /// <summary>The times and powers in the units of the frame.</summary>
    private static void Divide(
        FrameUnits units, in UnitBounds bounds, ReadOnlySpan<PowerSample> taken, Span<long> instants, Span<long> powers)
    {
        var (time, power) = (bounds.Time, bounds.Power);
        long timeUnit = units.TimeMicroseconds, powerUnit = units.PowerMilliwatts;
        for (var i = 0; i < taken.Length; i++)
        {
            var (at, milliwatts) = taken[i];
            var (instant, level) = (time.Quotient(at), power.Quotient(milliwatts));
            if (instant < bounds.TimeLeast || instant > bounds.TimeMost || unchecked(instant * timeUnit) != at)
                throw Refused(Rejection.InvalidTime, "time", at,
                    string.Create(CultureInfo.InvariantCulture, $"whole {timeUnit} µs from 1970 to 2100"));
            if (level < -bounds.PowerMost || level > bounds.PowerMost || unchecked(level * powerUnit) != milliwatts)
                throw milliwatts is < -Limits.PowerMilliwattsMax or > Limits.PowerMilliwattsMax
                    ? Refused(Rejection.PowerAboveLimit, "power", milliwatts, "at most 10^12 mW either way")
                    : Refused(Rejection.OutOfRange, "power", milliwatts,
                        string.Create(CultureInfo.InvariantCulture, $"whole {powerUnit} mW"));
            (instants[i], powers[i]) = (instant, level);
        }
    }

    private static InputRefusedException Refused(Rejection code, string field, long value, string rule) =>
        new(code, $"frame.{field}", value.ToString(CultureInfo.InvariantCulture), rule);
}
