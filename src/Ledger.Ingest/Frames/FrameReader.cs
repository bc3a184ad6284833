using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Ledger.Domain;

namespace Ledger.Ingest.Frames;

/// <summary>
/// Reads one frame entry by entry (docs/frame-format.md) without copying or allocating. A frame has exactly one form
/// for what it says: another one is refused, so that the bytes can be made again from the content. Whatever breaks a
/// rule throws <see cref="InputRefusedException"/> with the field, the value and the rule; nothing else is thrown for
/// bytes, whatever they are. A frame counts only when it was read to its end.
/// </summary>
public ref struct FrameReader
{
    /// <summary>The version of the format, in the high half of a frame's first byte.</summary>
    internal const int Version = 1;

    private readonly UnitBounds bounds;
    private readonly bool isChecked;
    private FrameCursor cursor;
    private BlockBefore before;
    private long timeBefore;
    private int samples;

    private FrameReader(FrameHead head, FrameCursor cursor, bool isChecked)
    {
        (Head, this.isChecked, bounds) = (head, isChecked, UnitBounds.Of(head.Units));
        this.cursor = cursor;
        before = new(head.SentAtMicroseconds / head.Units.TimeMicroseconds);
        timeBefore = head.SentAtMicroseconds;
        if (head.Kind == FrameKind.Announce) before.Stream = AnnouncedBefore();
    }

    public readonly FrameHead Head { get; }

    /// <summary>Entries read so far.</summary>
    public readonly int Read => cursor.Entry + 1;

    /// <summary>Reads the head of a frame.</summary>
    public static FrameReader Open(ReadOnlySpan<byte> frame) => Open(frame, isChecked: false);

    /// <summary>The same of a frame that was read to its end before, as every frame of a log was: its samples are not
    /// checked again, which takes half of the time.</summary>
    internal static FrameReader OpenChecked(ReadOnlySpan<byte> frame) => Open(frame, isChecked: true);

    private static FrameReader Open(ReadOnlySpan<byte> frame, bool isChecked)
    {
        var cursor = new FrameCursor(frame);
        if (frame.Length > Limits.FrameBytesMax)
            throw cursor.Refused(Rejection.TooLarge, "bytes", Text(frame.Length), $"at most {Text(Limits.FrameBytesMax)}");
        var first = cursor.Byte("kind");
        var kind = (FrameKind)(first & 0x0F);
        if (first >> 4 != Version || kind is < FrameKind.Announce or > FrameKind.Sender) throw UnknownKind(first);
        var entries = cursor.Byte("entry count") | (cursor.Byte("entry count") << 8);
        if (entries == 0)
            throw cursor.Refused(Rejection.EmptyInput, "entry count", "0", "a frame has an entry");
        var sequence = cursor.Number("sequence", long.MaxValue);
        var sentAt = cursor.Number("sent at", Limits.FrameTimeMicrosecondsEnd - 1);
        if (sentAt < Limits.FrameTimeMicrosecondsMin)
            throw cursor.Refused(Rejection.InvalidTime, "sent at", Text(sentAt), "Unix µs, from 1970 to 2100");
        var units = kind == FrameKind.Samples
            ? new FrameUnits(Unit(ref cursor, "time unit", Limits.TimeUnitMicrosecondsMax),
                Unit(ref cursor, "power unit", Limits.PowerUnitMilliwattsMax))
            : FrameUnits.Finest;
        return new(new(kind, sequence, sentAt, units, entries), cursor, isChecked);
    }

    /// <summary>A kind of frame that no sender may send.</summary>
    internal static InputRefusedException UnknownKind(int first) =>
        new(Rejection.UnknownFormat, "frame.kind", Text(first), "version 1, kind 1 to 4");

    /// <summary>What a rule beside the format refuses of the entry that was read last.</summary>
    internal readonly InputRefusedException OutOfRange(string field, long value, long least, long most) =>
        cursor.OutOfRange(field, value, least, most);

    /// <inheritdoc cref="OutOfRange"/>
    internal readonly InputRefusedException Refused(Rejection code, string field, string value, string rule) =>
        cursor.Refused(code, field, value, rule);

    /// <summary>Reads the next block of samples; false where there is none, which ends the frame.</summary>
    /// <param name="into">Room for <see cref="Limits.SamplesPerBlockMax"/> samples.</param>
    /// <param name="block">The stream, and how many samples were read.</param>
    public bool TryRead(Span<PowerSample> into, out SampleBlock block)
    {
        var columns = BlockColumns.Own;
        // Another frame may have been read on this thread since the block whose times this one may repeat.
        if (Head.Kind == FrameKind.Samples && before.Count > 0)
            SampleBlockReading.RepeatTimes(cursor, before, columns);
        if (!TryRead(columns, out block)) return false;
        if (into.Length < block.Count)
            throw new ArgumentException($"a block may have {Limits.SamplesPerBlockMax} samples", nameof(into));
        Copy(columns, into[..block.Count]);
        return true;
    }

    /// <summary>The same into columns, which no other frame is read into meanwhile.</summary>
    internal bool TryRead(BlockColumns into, out SampleBlock block)
    {
        block = default;
        if (!IsNext(FrameKind.Samples)) return false;
        block = SampleBlockReading.Read(ref cursor, ref before, bounds, into, isChecked);
        if ((samples += block.Count) > Limits.SamplesPerFrameMax)
            throw cursor.Refused(Rejection.TooLarge, "count", Text(samples),
                $"at most {Text(Limits.SamplesPerFrameMax)} samples in a frame");
        return true;
    }

    /// <summary>The samples of the block that was read last.</summary>
    internal readonly void Copy(BlockColumns columns, Span<PowerSample> into)
    {
        long timeUnit = Head.Units.TimeMicroseconds, powerUnit = Head.Units.PowerMilliwatts;
        var times = columns.Times.AsSpan(0, into.Length);
        var powers = columns.Powers.AsSpan(0, into.Length);
        unchecked
        {
            for (var i = 0; i < into.Length; i++) into[i] = new(times[i] * timeUnit, powers[i] * powerUnit);
        }
    }

    /// <summary>The earliest and the latest time of the block that was read last.</summary>
    internal readonly TimeExtent Times =>
        new(before.Earliest * Head.Units.TimeMicroseconds, before.Latest * Head.Units.TimeMicroseconds);

    /// <summary>Reads the next announcement; false where there is none, which ends the frame.</summary>
    public bool TryRead(out Announcement announcement)
    {
        announcement = default;
        if (!IsNext(FrameKind.Announce)) return false;
        var stream = ++before.Stream;
        if (stream >= Limits.StreamsPerSessionMax)
            throw cursor.OutOfRange("stream", stream, 0, Limits.StreamsPerSessionMax - 1);
        var semantics = cursor.Byte("semantics");
        if (semantics is < (byte)SampleSemantics.Instant or > (byte)SampleSemantics.MeanBack)
            throw cursor.OutOfRange("semantics", semantics, 1, 4);
        var period = cursor.Number("nominal period", Limits.NominalPeriodMicrosecondsMax);
        if (period == 0) throw cursor.OutOfRange("nominal period", 0, 1, Limits.NominalPeriodMicrosecondsMax);
        var length = (int)cursor.Number("point", Limits.IdentifierLengthMax);
        // Bytes above 127 become a question mark, which no identifier has.
        var text = Encoding.ASCII.GetString(cursor.Take(length, "point"));
        if (!SettlementPointId.TryParse(text, out var point))
            throw cursor.Refused(Rejection.InvalidIdentifier, "point", text, "1 to 64 of A-Z a-z 0-9 . _ : * - /");
        announcement = new(stream, point, (SampleSemantics)semantics, period);
        return true;
    }

    /// <summary>Reads the next fact of a vehicle; false where there is none, which ends the frame.</summary>
    public bool TryRead(out VehicleFact fact)
    {
        fact = default;
        if (!IsNext(FrameKind.Vehicle)) return false;
        var stream = StreamAtOrAfter();
        var at = Time("time", timeBefore);
        timeBefore = at;
        var said = cursor.Byte("said");
        if (said is 0 or >= 1 << VehicleFields)
            throw cursor.Refused(Rejection.Malformed, "said", Text(said), "at least one of the six lowest bits");
        fact = new(stream, at,
            Said(said, 0, "requested current", Limits.VehicleMilliamperesMax),
            Said(said, 1, "requested voltage", Limits.VehicleMillivoltsMax),
            Said(said, 2, "permitted current", Limits.VehicleMilliamperesMax),
            Said(said, 3, "permitted voltage", Limits.VehicleMillivoltsMax),
            Said(said, 4, "state of charge", Limits.StateOfChargeMax),
            Said(said, 5, "stop reason", Limits.StopReasonMax));
        return true;
    }

    /// <summary>The values that a vehicle's fact may have, each with a bit.</summary>
    internal const int VehicleFields = 6;

    /// <summary>Reads what was given up next; false where there is none, which ends the frame.</summary>
    public bool TryRead(out ShedSamples shed)
    {
        shed = default;
        if (!IsNext(Head.Kind == FrameKind.GivenUp ? FrameKind.GivenUp : FrameKind.Shed)) return false;
        var stream = StreamAtOrAfter();
        var first = Time("first", timeBefore);
        var last = first + cursor.Number("length", Limits.FrameTimeMicrosecondsEnd);
        if (last >= Limits.FrameTimeMicrosecondsEnd)
            throw cursor.Refused(Rejection.InvalidTime, "last", Text(last), "Unix µs, from 1970 to 2100");
        timeBefore = last;
        var count = cursor.Number("count", Limits.ShedSamplesMax);
        if (count == 0) throw cursor.OutOfRange("count", 0, 1, Limits.ShedSamplesMax);
        shed = new(stream, first, last, count);
        return true;
    }

    /// <summary>Reads who sends; false behind it, which ends the frame.</summary>
    public bool TryRead([NotNullWhen(true)] out FrameSender? sender)
    {
        sender = null;
        if (!IsNext(FrameKind.Sender)) return false;
        var text = Encoding.ASCII.GetString(cursor.Take(
            (int)cursor.Number("party", Limits.IdentifierLengthMax), "party"));
        if (!PartyId.TryParse(text, out var party))
            throw cursor.Refused(Rejection.InvalidIdentifier, "party", text, "1 to 64 of A-Z a-z 0-9 . _ : * - /");
        sender = new(party, Encoding.UTF8.GetString(cursor.Take(
            (int)cursor.Number("holder", FrameSender.HolderBytesMax), "holder")));
        return true;
    }

    /// <summary>Whether an entry follows; after the last one nothing may.</summary>
    private bool IsNext(FrameKind kind)
    {
        if (Head.Kind != kind) throw new InvalidOperationException($"this is a frame of kind {Head.Kind}, not {kind}");
        if (Read < Head.Entries)
        {
            cursor.Entry++;
            return true;
        }
        return cursor.IsAtEnd ? false
            : throw new InputRefusedException(Rejection.Malformed, $"frame.bytes[{Text(cursor.At)}]", "",
                "nothing stands after the last entry");
    }

    private int AnnouncedBefore() => (int)cursor.Number("first stream", Limits.StreamsPerSessionMax - 1) - 1;

    /// <summary>The stream of the entry before or one after it; of the first entry any.</summary>
    private int StreamAtOrAfter()
    {
        var stream = Math.Max(0, before.Stream) + cursor.Number("stream", Limits.StreamsPerSessionMax - 1);
        if (stream >= Limits.StreamsPerSessionMax)
            throw cursor.OutOfRange("stream", stream, 0, Limits.StreamsPerSessionMax - 1);
        return before.Stream = (int)stream;
    }

    private long Time(string field, long from)
    {
        var time = from + cursor.Signed(field, Limits.FrameTimeMicrosecondsEnd);
        return time is >= Limits.FrameTimeMicrosecondsMin and < Limits.FrameTimeMicrosecondsEnd ? time
            : throw cursor.Refused(Rejection.InvalidTime, field, Text(time), "Unix µs, from 1970 to 2100");
    }

    private int? Said(int said, int bit, string field, int most) =>
        (said >> bit & 1) == 0 ? null : (int)cursor.Number(field, most);

    private static int Unit(ref FrameCursor cursor, string field, int most)
    {
        var unit = (int)cursor.Number(field, most);
        return unit > 0 ? unit : throw cursor.OutOfRange(field, 0, 1, most);
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
