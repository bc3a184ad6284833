using System.Buffers;
using System.Numerics;
using Google.Protobuf;
using Grpc.Core;
using Ledger.Stores.EventStoreDb.Wire;

namespace Ledger.Stores.EventStoreDb;

/// <summary>
/// One message of an append, a <c>BatchAppendReq</c>, as the bytes that are sent. Its events are written here and not
/// as objects of the protocol: of each event there would be seven objects, whose lengths are counted twice and whose
/// texts are counted and encoded again, and that takes about as long as to place and hash it. The other fields are few
/// and written by the protocol's own classes; the fields of a message may stand in any order.
/// </summary>
internal sealed class AppendPart
{
    /// <summary>Bytes of events in one message, unless one event alone is larger.</summary>
    public const int EventBytesMax = 48 * 1024;

    private const int BytesUsual = 64 * 1024; // with what each event has besides

    // Field numbers of BatchAppendReq and of ProposedMessage, each with the wire type "bytes of a length" (2).
    private const byte ProposedMessages = (3 << 3) | 2, Id = (1 << 3) | 2, CustomMetadata = (3 << 3) | 2,
        Data = (4 << 3) | 2;
    private const byte Structured = (1 << 3) | 2, MostSignificantBits = 1 << 3, LeastSignificantBits = 2 << 3;
    private const int VarintBits = 7; // of a number in each of its bytes
    private byte[] bytes = ArrayPool<byte>.Shared.Rent(BytesUsual);
    private int length;
    private int events, eventBytes;
    private readonly List<(Uuid Id, byte[] Kind, byte[] Header, byte[] Data)> waiting = []; // until it is sent

    /// <param name="batch">The number of the append, which all its messages bear.</param>
    /// <param name="options">In the first message.</param>
    public AppendPart(long batch, BatchAppendReq.Types.Options? options) => Write(new BatchAppendReq
    {
        CorrelationId = new() { Structured = new() { LeastSignificantBits = batch } },
        Options = options,
    });

    /// <summary>How the messages of a call are written, each as it is.</summary>
    public static Marshaller<AppendPart> Marshaller { get; } =
        new(Send, static _ => throw new NotSupportedException("a part of an append is only sent"));

    private static void Send(AppendPart part, SerializationContext into)
    {
        part.WriteWaiting();
        into.SetPayloadLength(part.length);
        into.GetBufferWriter().Write(part.Bytes);
        into.Complete();
    }

    /// <summary>The message so far, without what is written when it is sent.</summary>
    public ReadOnlySpan<byte> Bytes => bytes.AsSpan(0, length);

    /// <summary>Whether an event of so many bytes belongs into this message.</summary>
    public bool HasRoomFor(int more) => events == 0 || eventBytes <= EventBytesMax - more;

    /// <param name="kind">Type and content type: <see cref="KindOf"/>.</param>
    public void Add(Uuid id, ReadOnlySpan<byte> kind, ReadOnlySpan<byte> metadata, ReadOnlySpan<byte> data)
    {
        events++;
        eventBytes += metadata.Length + data.Length;
        metadata.CopyTo(Begin(id, kind, metadata.Length, data.Length));
        Field(Data, data.Length);
        data.CopyTo(Take(data.Length));
    }

    /// <summary>The same of an event that is written when the message is sent.</summary>
    /// <param name="header">Of which its metadata is made: <see cref="HeaderMetadata"/>.</param>
    public void AddWithHeader(Uuid id, byte[] kind, byte[] header, byte[] data)
    {
        events++;
        eventBytes += HeaderMetadata.LengthOf(header) + data.Length;
        waiting.Add((id, kind, header, data));
    }

    private void WriteWaiting()
    {
        foreach (var (id, kind, header, data) in waiting)
        {
            HeaderMetadata.Write(header, Begin(id, kind, HeaderMetadata.LengthOf(header), data.Length));
            Field(Data, data.Length);
            data.CopyTo(Take(data.Length));
        }
        waiting.Clear();
    }

    /// <summary>Writes an event as far as its metadata, and gives the place for that.</summary>
    private Span<byte> Begin(Uuid id, ReadOnlySpan<byte> kind, int metadataBytes, int dataBytes)
    {
        var (most, least) = id.ToInt64();
        var idLength = LengthOfNumber(most) + LengthOfNumber(least);
        var uuidLength = 1 + LengthOf(idLength) + idLength;
        var message = 1 + LengthOf(uuidLength) + uuidLength + kind.Length + LengthOfField(metadataBytes)
            + LengthOfField(dataBytes);
        Begin(ProposedMessages, message);
        Begin(Id, uuidLength);
        Begin(Structured, idLength);
        Number(MostSignificantBits, most);
        Number(LeastSignificantBits, least);
        kind.CopyTo(Take(kind.Length));
        Field(CustomMetadata, metadataBytes);
        return Take(metadataBytes);
    }

    /// <summary>Says that the append ends with this message.</summary>
    public void End() => Write(new BatchAppendReq { IsFinal = true });

    /// <summary>The fields of an event that say what it is.</summary>
    public static byte[] KindOf(string type, string contentType) => new BatchAppendReq.Types.ProposedMessage
    {
        Metadata = { ["type"] = type, ["content-type"] = contentType },
    }.ToByteArray();

    /// <summary>Gives its memory back; it is sent.</summary>
    public void Release()
    {
        ArrayPool<byte>.Shared.Return(bytes);
        (bytes, length) = ([], 0);
    }

    private void Write(BatchAppendReq fields) => fields.WriteTo(Take(fields.CalculateSize()));

    private void Begin(byte tag, int bytesOfField)
    {
        Take(1)[0] = tag;
        Varint((ulong)bytesOfField);
    }

    // What is empty or zero is not written: it is what a reader takes for what is not there.
    private void Field(byte tag, int bytesOfField)
    {
        if (bytesOfField > 0) Begin(tag, bytesOfField);
    }

    private void Number(byte tag, long value)
    {
        if (value == 0) return;
        Take(1)[0] = tag;
        Varint(unchecked((ulong)value));
    }

    private void Varint(ulong value)
    {
        var into = Take(LengthOf(value));
        for (var i = 0; i < into.Length - 1; i++, value >>= VarintBits) into[i] = (byte)((value & 0x7f) | 0x80);
        into[^1] = (byte)value;
    }

    private static int LengthOfField(int bytes) => bytes == 0 ? 0 : 1 + LengthOf(bytes) + bytes;

    private static int LengthOfNumber(long value) => value == 0 ? 0 : 1 + LengthOf(unchecked((ulong)value));

    private static int LengthOf(int value) => LengthOf((ulong)value);

    private static int LengthOf(ulong value) => (BitOperations.Log2(value | 1) / VarintBits) + 1;

    private Span<byte> Take(int count)
    {
        if (length + count > bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(2 * bytes.Length, length + count));
            Bytes.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(bytes);
            bytes = larger;
        }
        length += count;
        return bytes.AsSpan(length - count, count);
    }
}
