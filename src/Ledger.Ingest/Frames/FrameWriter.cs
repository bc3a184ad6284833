using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Ledger.Domain;

namespace Ledger.Ingest.Frames;

/// <summary>
/// Writes one frame into a buffer of the caller's, without allocating. Entries are added until one has no room, then
/// <see cref="Finish"/> says how many bytes the frame has. Values that no reader would accept throw
/// <see cref="InputRefusedException"/>, and what was written before them stands.
/// </summary>
public ref struct FrameWriter
{
    private readonly Span<byte> buffer;
    private readonly FrameKind kind;
    private readonly FrameUnits units;
    private readonly UnitBounds bounds;
    private BlockBefore before;
    private long timeBefore;
    private int at, entries, samples;

    private FrameWriter(Span<byte> buffer, FrameKind kind, long sequence, long sentAt, FrameUnits units)
    {
        Refuse(Rejection.OutOfRange, "sequence", sequence, 0, long.MaxValue);
        Refuse(Rejection.InvalidTime, "sent at", sentAt, Limits.FrameTimeMicrosecondsMin,
            Limits.FrameTimeMicrosecondsEnd - 1);
        Refuse(Rejection.OutOfRange, "time unit", units.TimeMicroseconds, 1, Limits.TimeUnitMicrosecondsMax);
        Refuse(Rejection.OutOfRange, "power unit", units.PowerMilliwatts, 1, Limits.PowerUnitMilliwattsMax);
        this.buffer = buffer[..Math.Min(buffer.Length, Limits.FrameBytesMax)];
        (this.kind, this.units, bounds, timeBefore) = (kind, units, UnitBounds.ForWriting(units), sentAt);
        before = new(sentAt / units.TimeMicroseconds);
        buffer[0] = (byte)((FrameReader.Version << 4) | (int)kind);
        at = CountAt + sizeof(ushort);
        at += FrameNumbers.Write(buffer[at..], (ulong)sequence);
        at += FrameNumbers.Write(buffer[at..], (ulong)sentAt);
        if (kind != FrameKind.Samples) return;
        at += FrameNumbers.Write(buffer[at..], (ulong)units.TimeMicroseconds);
        at += FrameNumbers.Write(buffer[at..], (ulong)units.PowerMilliwatts);
    }

    private const int CountAt = 1;

    /// <summary>Bytes that the head of a frame takes at most: the least buffer.</summary>
    public const int HeadBytesMax = 32;

    /// <summary>Bytes of an announcement at most: semantics, nominal period, and the point with its length.</summary>
    internal const int AnnouncementBytesMax = 1 + 6 + 1 + Limits.IdentifierLengthMax;

    /// <summary>Entries added so far.</summary>
    public readonly int Entries => entries;

    /// <summary>Begins a frame of samples, of which every time and power is a whole multiple of its unit.</summary>
    public static FrameWriter Samples(Span<byte> buffer, long sequence, long sentAtMicroseconds, FrameUnits units) =>
        new(buffer, FrameKind.Samples, sequence, sentAtMicroseconds, units);

    /// <summary>Begins a frame of announcements of streams that follow each other.</summary>
    public static FrameWriter Announce(Span<byte> buffer, long sequence, long sentAtMicroseconds, int firstStream)
    {
        var frame = new FrameWriter(buffer, FrameKind.Announce, sequence, sentAtMicroseconds, FrameUnits.Finest);
        Refuse(Rejection.OutOfRange, "first stream", firstStream, 0, Limits.StreamsPerSessionMax - 1);
        frame.before.Stream = firstStream - 1;
        frame.at += FrameNumbers.Write(buffer[frame.at..], (ulong)firstStream);
        return frame;
    }

    /// <summary>Begins a frame of what vehicles said.</summary>
    public static FrameWriter Vehicle(Span<byte> buffer, long sequence, long sentAtMicroseconds) =>
        new(buffer, FrameKind.Vehicle, sequence, sentAtMicroseconds, FrameUnits.Finest);

    /// <summary>Begins a frame of samples given up.</summary>
    public static FrameWriter Shed(Span<byte> buffer, long sequence, long sentAtMicroseconds) =>
        new(buffer, FrameKind.Shed, sequence, sentAtMicroseconds, FrameUnits.Finest);

    /// <summary>Begins a frame of samples that the ledger gave up.</summary>
    internal static FrameWriter GivenUp(Span<byte> buffer, long sequence, long sentAtMicroseconds) =>
        new(buffer, FrameKind.GivenUp, sequence, sentAtMicroseconds, FrameUnits.Finest);

    /// <summary>Begins the frame of who sends.</summary>
    internal static FrameWriter Sender(Span<byte> buffer, long atMicroseconds) =>
        new(buffer, FrameKind.Sender, 0, atMicroseconds, FrameUnits.Finest);

    /// <summary>Adds the samples of a stream, in the order in which they were taken; false where they have no room.
    /// Streams stand in ascending order; one with many samples may come again.</summary>
    public bool TryAdd(int stream, scoped ReadOnlySpan<PowerSample> taken)
    {
        IsOf(FrameKind.Samples);
        Refuse(Rejection.OutOfRange, "stream", stream, Math.Max(0, before.Stream), Limits.StreamsPerSessionMax - 1);
        Refuse(Rejection.WrongCount, "count", taken.Length, 1, Limits.SamplesPerBlockMax);
        if (entries == Limits.EntriesPerFrameMax || samples + taken.Length > Limits.SamplesPerFrameMax) return false;
        var written = SampleBlockWriting.Write(buffer, at, ref before, units, bounds, stream, taken);
        if (written == 0) return false;
        (at, entries, samples) = (at + written, entries + 1, samples + taken.Length);
        return true;
    }

    /// <summary>Adds the announcement of the stream that follows; false where it has no room.</summary>
    public bool TryAdd(Announcement announcement)
    {
        IsOf(FrameKind.Announce);
        Refuse(Rejection.OutOfRange, "stream", announcement.Stream, before.Stream + 1,
            Math.Min(before.Stream + 1, Limits.StreamsPerSessionMax - 1));
        Refuse(Rejection.OutOfRange, "semantics", (long)announcement.Semantics, (long)SampleSemantics.Instant,
            (long)SampleSemantics.MeanBack);
        Refuse(Rejection.OutOfRange, "nominal period", announcement.NominalPeriodMicroseconds, 1,
            Limits.NominalPeriodMicrosecondsMax);
        Span<byte> entry = stackalloc byte[EntryBytesMax];
        var point = announcement.Point.Value;
        entry[0] = (byte)announcement.Semantics;
        var length = 1 + FrameNumbers.Write(entry[1..], (ulong)announcement.NominalPeriodMicroseconds);
        length += FrameNumbers.Write(entry[length..], (ulong)point.Length);
        length += Encoding.ASCII.GetBytes(point, entry[length..]);
        if (!TryAppend(entry[..length])) return false;
        before.Stream++;
        return true;
    }

    /// <summary>Adds what a vehicle said; false where it has no room. Streams stand in ascending order.</summary>
    public bool TryAdd(VehicleFact fact)
    {
        IsOf(FrameKind.Vehicle);
        Span<byte> entry = stackalloc byte[EntryBytesMax];
        var length = WriteStreamAndTime(entry, fact.Stream, fact.AtMicroseconds);
        var said = length++;
        entry[said] = 0;
        Say(entry, ref length, said, 0, "requested current", fact.RequestedMilliamperes, Limits.VehicleMilliamperesMax);
        Say(entry, ref length, said, 1, "requested voltage", fact.RequestedMillivolts, Limits.VehicleMillivoltsMax);
        Say(entry, ref length, said, 2, "permitted current", fact.PermittedMilliamperes, Limits.VehicleMilliamperesMax);
        Say(entry, ref length, said, 3, "permitted voltage", fact.PermittedMillivolts, Limits.VehicleMillivoltsMax);
        Say(entry, ref length, said, 4, "state of charge", fact.StateOfCharge, Limits.StateOfChargeMax);
        Say(entry, ref length, said, 5, "stop reason", fact.StopReason, Limits.StopReasonMax);
        if (entry[said] == 0)
            throw new InputRefusedException(Rejection.EmptyInput, "frame.said", "", "a fact of a vehicle has a value");
        if (!TryAppend(entry[..length])) return false;
        (before.Stream, timeBefore) = (fact.Stream, fact.AtMicroseconds);
        return true;
    }

    /// <summary>Adds what was given up; false where it has no room. Streams stand in ascending order.</summary>
    public bool TryAdd(ShedSamples shed)
    {
        IsOf(kind == FrameKind.GivenUp ? FrameKind.GivenUp : FrameKind.Shed);
        Span<byte> entry = stackalloc byte[EntryBytesMax];
        var length = WriteStreamAndTime(entry, shed.Stream, shed.FirstMicroseconds);
        Refuse(Rejection.InvalidTime, "last", shed.LastMicroseconds, shed.FirstMicroseconds,
            Limits.FrameTimeMicrosecondsEnd - 1);
        Refuse(Rejection.OutOfRange, "count", shed.Count, 1, Limits.ShedSamplesMax);
        length += FrameNumbers.Write(entry[length..], (ulong)(shed.LastMicroseconds - shed.FirstMicroseconds));
        length += FrameNumbers.Write(entry[length..], (ulong)shed.Count);
        if (!TryAppend(entry[..length])) return false;
        (before.Stream, timeBefore) = (shed.Stream, shed.LastMicroseconds);
        return true;
    }

    /// <summary>Adds who sends; false where it has no room.</summary>
    internal bool TryAdd(FrameSender sender)
    {
        IsOf(FrameKind.Sender);
        Span<byte> entry = stackalloc byte[SenderBytesMax];
        var (party, holder) = (sender.Party.Value, sender.HolderInLog);
        var length = FrameNumbers.Write(entry, (ulong)party.Length);
        length += Encoding.ASCII.GetBytes(party, entry[length..]);
        length += FrameNumbers.Write(entry[length..], (ulong)Encoding.UTF8.GetByteCount(holder));
        length += Encoding.UTF8.GetBytes(holder, entry[length..]);
        return TryAppend(entry[..length]);
    }

    /// <summary>Bytes of the longest sender: both lengths, a party and a holder.</summary>
    internal const int SenderBytesMax = 1 + Limits.IdentifierLengthMax + 2 + FrameSender.HolderBytesMax;

    /// <summary>Ends the frame, which has at least one entry, and returns how many bytes of the buffer it
    /// has.</summary>
    public readonly int Finish()
    {
        if (entries == 0) throw new InvalidOperationException("a frame has an entry");
        BinaryPrimitives.WriteUInt16LittleEndian(buffer[CountAt..], (ushort)entries);
        return at;
    }

    /// <summary>Bytes of the largest entry that is no block: an announcement has 11 and a point's name.</summary>
    private const int EntryBytesMax = 96;

    private readonly int WriteStreamAndTime(scoped Span<byte> entry, int stream, long time)
    {
        var first = Math.Max(0, before.Stream);
        Refuse(Rejection.OutOfRange, "stream", stream, first, Limits.StreamsPerSessionMax - 1);
        Refuse(Rejection.InvalidTime, "time", time, Limits.FrameTimeMicrosecondsMin,
            Limits.FrameTimeMicrosecondsEnd - 1);
        var length = FrameNumbers.Write(entry, (ulong)(stream - first));
        return length + FrameNumbers.WriteSigned(entry[length..], time - timeBefore);
    }

    private static void Say(
        scoped Span<byte> entry, ref int length, int said, int bit, string field, int? value, int most)
    {
        if (value is not { } number) return;
        Refuse(Rejection.OutOfRange, field, number, 0, most);
        entry[said] |= (byte)(1 << bit);
        length += FrameNumbers.Write(entry[length..], (ulong)number);
    }

    private bool TryAppend(scoped ReadOnlySpan<byte> entry)
    {
        if (entries == Limits.EntriesPerFrameMax || !entry.TryCopyTo(buffer[at..])) return false;
        (at, entries) = (at + entry.Length, entries + 1);
        return true;
    }

    private readonly void IsOf(FrameKind wanted)
    {
        if (kind != wanted) throw new InvalidOperationException($"this is a frame of kind {kind}, not {wanted}");
    }

    private static void Refuse(Rejection code, string field, long value, long least, long most)
    {
        if (value < least || value > most)
            throw new InputRefusedException(code, $"frame.{field}", value.ToString(CultureInfo.InvariantCulture),
                string.Create(CultureInfo.InvariantCulture, $"from {least} to {most}"));
    }
}
