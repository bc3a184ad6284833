using System.Buffers.Binary;
using System.Globalization;
using NodaTime;

namespace Ledger.Stores.EventStoreDb;

// Names and meanings as in the official client, so that it can take the place of this one.

/// <summary>The id of an event at the server: 16 bytes, the most significant first.</summary>
public readonly record struct Uuid(UInt128 Value)
{
    public static Uuid FromInt64(long mostSignificantBits, long leastSignificantBits) =>
        new(new UInt128(unchecked((ulong)mostSignificantBits), unchecked((ulong)leastSignificantBits)));

    /// <summary>Of the first 16 bytes, with version and variant of UUIDv8 (RFC 9562 §5.8).</summary>
    public static Uuid FromBytes(ReadOnlySpan<byte> bytes)
    {
        Span<byte> id = stackalloc byte[16];
        bytes[..16].CopyTo(id);
        id[6] = (byte)((id[6] & 0x0f) | 0x80);
        id[8] = (byte)((id[8] & 0x3f) | 0x80);
        return new(BinaryPrimitives.ReadUInt128BigEndian(id));
    }

    public (long MostSignificantBits, long LeastSignificantBits) ToInt64() =>
        (unchecked((long)(ulong)(Value >> 64)), unchecked((long)(ulong)Value));

    public override string ToString() => Value.ToString("x32", CultureInfo.InvariantCulture);
}

/// <summary>Where in its stream an event stands, from 0.</summary>
public readonly record struct StreamPosition(ulong Value)
{
    public static readonly StreamPosition Start = new(0);
    public static readonly StreamPosition End = new(ulong.MaxValue);
    public static StreamPosition FromInt64(long value) => new(checked((ulong)value));
    public long ToInt64() => checked((long)Value);
}

/// <summary>The revision that a stream is expected to have.</summary>
public readonly record struct StreamRevision(ulong Value)
{
    public static StreamRevision FromInt64(long value) => new(checked((ulong)value));
    public long ToInt64() => checked((long)Value);
}

/// <summary>What else may be expected of a stream.</summary>
public enum StreamState { NoStream = -1, Any = -2, StreamExists = -4 }

/// <summary>Where in the server's log an event stands.</summary>
public readonly record struct Position(ulong CommitPosition, ulong PreparePosition);

/// <summary>The way in which a stream is read.</summary>
public enum Direction { Forwards, Backwards }

/// <summary>From where a stream is followed; the event there is not among those that come.</summary>
public readonly record struct FromStream
{
    private FromStream(StreamPosition? after, bool isEnd) => (Last, IsEnd) = (after, isEnd);

    public static FromStream Start => default;
    /// <summary>Only what comes from now on.</summary>
    public static FromStream End => new(null, true);
    public static FromStream After(StreamPosition position) => new(position, false);

    internal StreamPosition? Last { get; }
    internal bool IsEnd { get; }
}

/// <summary>An event to append.</summary>
/// <param name="EventId">By which the server recognises a repeat at the same place.</param>
/// <param name="Type">What it is; not empty.</param>
/// <param name="ContentType">application/json or application/octet-stream.</param>
public sealed record EventData(Uuid EventId, string Type, ReadOnlyMemory<byte> Data, ReadOnlyMemory<byte> Metadata,
    string ContentType = EventData.Json)
{
    public const string Json = "application/json";
    public const string Binary = "application/octet-stream";
}

/// <summary>An event as the server has it.</summary>
/// <param name="Created">When the server wrote it, by its own clock, to 100 ns.</param>
public sealed record EventRecord(string EventStreamId, Uuid EventId, StreamPosition EventNumber, string EventType,
    ReadOnlyMemory<byte> Data, ReadOnlyMemory<byte> Metadata, Instant Created, Position Position, string ContentType);

/// <summary>An event, and the link by which it was found.</summary>
public sealed record ResolvedEvent(EventRecord? Event, EventRecord? Link)
{
    /// <summary>What stands in the stream that was read.</summary>
    public EventRecord OriginalEvent => Link ?? Event!;
}

/// <summary>What a subscription says.</summary>
public abstract record StreamMessage
{
    private StreamMessage() { }
    public sealed record SubscriptionConfirmation(string SubscriptionId) : StreamMessage;
    public sealed record Event(ResolvedEvent ResolvedEvent) : StreamMessage;
    /// <summary>All that was there is read; what comes now is new.</summary>
    public sealed record CaughtUp : StreamMessage;
    /// <summary>The subscriber is slower than the writers, and reads what was there again.</summary>
    public sealed record FellBehind : StreamMessage;
}

/// <summary>How an append ended.</summary>
public interface IWriteResult
{
    /// <summary>The stream's revision after it; where it was refused, the one it had.</summary>
    StreamRevision NextExpectedStreamRevision { get; }
}

/// <summary>All events are durable, or were before.</summary>
public sealed record SuccessResult(StreamRevision NextExpectedStreamRevision, Position LogPosition) : IWriteResult;

/// <summary>Where <see cref="EventStoreClientSettings.ThrowOnAppendFailure"/> is false: nothing was appended.</summary>
public sealed record WrongExpectedVersionResult(string StreamName, StreamRevision NextExpectedStreamRevision)
    : IWriteResult;

/// <summary>What bounds the life of a stream's events; null is no bound.</summary>
/// <param name="MaxAge">In seconds.</param>
/// <param name="TruncateBefore">The first revision that is kept.</param>
/// <param name="MaxCount">How many events are kept.</param>
public sealed record StreamMetadata(long? MaxAge, long? TruncateBefore, long? MaxCount);
