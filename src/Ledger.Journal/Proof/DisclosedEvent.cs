using System.Security.Cryptography;

namespace Ledger.Journal.Proof;

/// <summary>
/// An event as it is shown to whoever may see it: its salt, its header and its payload,
/// from which its leaf entry comes. Without the salt a leaf says nothing of its event. Bytes, layout 1: u8 1, 32 salt,
/// u32 length of the header, header, payload to the end.
/// </summary>
public sealed record DisclosedEvent(byte[] Salt, byte[] Header, byte[] Payload)
{
    private const byte Layout = 1;
    private const int SaltBytes = 32;

    public static DisclosedEvent Of(RecordedEvent recorded, ReadOnlySpan<byte> ledgerSecret) => new(
        EnvelopeBytes.Salt(ledgerSecret, recorded.Envelope.Id),
        EnvelopeBytes.Write(recorded.Envelope, recorded.Payload.Length), recorded.Payload.ToArray());

    /// <summary>What is in the log.</summary>
    public byte[] LeafEntry() => EnvelopeBytes.LeafEntry(Salt, Header, SHA256.HashData(Payload));

    /// <summary>The event, as it is at its position of the log.</summary>
    public RecordedEvent At(long position)
    {
        var (envelope, length) = EnvelopeBytes.Read(Header);
        return length == Payload.Length
            ? new(position, envelope, Payload)
            : throw new InvalidDataException($"the payload has {Payload.Length} bytes, its header says {length}");
    }

    public byte[] ToBytes()
    {
        var writer = new ByteWriter(stackalloc byte[512]);
        writer.Byte(Layout);
        writer.Raw(Salt);
        writer.Int32(Header.Length);
        writer.Raw(Header);
        writer.Raw(Payload);
        return writer.ToArray();
    }

    public static DisclosedEvent Read(ReadOnlySpan<byte> bytes)
    {
        var reader = new ByteReader(bytes, "disclosed event");
        if (reader.Byte() is var layout && layout != Layout)
            throw new InvalidDataException($"layout {layout} of a disclosed event is unknown");
        var salt = reader.Raw(SaltBytes).ToArray();
        var length = reader.Int32();
        if (length < 0) throw new InvalidDataException("the disclosed event's header has no length");
        return new(salt, reader.Raw(length).ToArray(), bytes[(1 + SaltBytes + 4 + length)..].ToArray());
    }
}
