using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal;

/// <summary>
/// The header's bytes, version 1, final: docs/journal-format.md. All integers big-endian; a text is a u16 byte count
/// and UTF-8; an instant is an i64 of 100 ns ticks since the Unix epoch.
/// </summary>
public static class EnvelopeBytes
{
    public const byte Version = 1;
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static byte[] Write(Envelope envelope, int payloadLength)
    {
        var writer = new Writer();
        writer.Byte(Version);
        writer.Text(envelope.Ledger.Value);
        writer.Text(envelope.Stream);
        writer.Int64(envelope.Revision);
        writer.Raw(envelope.Id.ToBytes());
        writer.Text(envelope.WireName);
        writer.UInt16(envelope.WireVersion);
        writer.Time(envelope.ValidFrom);
        writer.Time(envelope.ValidTo);
        writer.Time(envelope.RecordedAt);
        writer.Text(envelope.Actor);
        writer.Text(envelope.Tenant.Value);
        writer.Byte(envelope.Causation is null ? (byte)0 : (byte)1);
        if (envelope.Causation is { } causation) writer.Raw(causation.ToBytes());
        writer.UInt16(envelope.Sealed.Count);
        foreach (var field in envelope.Sealed)
        {
            writer.Text(field.Name);
            writer.Text(field.Subject);
            writer.UInt16(field.Ciphertext.Length);
            writer.Raw(field.Ciphertext.Span);
        }
        writer.Text(envelope.ContentType);
        writer.UInt32((uint)payloadLength);
        return writer.ToArray();
    }

    /// <summary>Reads a header back; throws <see cref="InvalidDataException"/> on anything but the bytes above.</summary>
    public static (Envelope Envelope, int PayloadLength) Read(ReadOnlySpan<byte> header)
    {
        var reader = new Reader(header);
        if (reader.Byte() is var version && version != Version)
            throw new InvalidDataException($"header version {version} is unknown; this program reads version {Version}");
        var ledger = new LedgerId(reader.Text());
        var stream = reader.Text();
        var revision = reader.Int64();
        var id = reader.Id();
        var wireName = reader.Text();
        var wireVersion = reader.UInt16();
        var validFrom = reader.Time();
        var validTo = reader.Time();
        var recordedAt = reader.Time();
        var actor = reader.Text();
        var tenant = new PartyId(reader.Text());
        EventId? causation = reader.Byte() switch
        {
            0 => null,
            1 => reader.Id(),
            var flag => throw new InvalidDataException($"causation flag {flag} is neither 0 nor 1"),
        };
        var fields = new SealedField[reader.UInt16()];
        for (var i = 0; i < fields.Length; i++)
            fields[i] = new SealedField(reader.Text(), reader.Text(), reader.Raw(reader.UInt16()).ToArray());
        var contentType = reader.Text();
        var payloadLength = reader.UInt32();
        reader.End();
        return (new Envelope(ledger, stream, revision, id, wireName, wireVersion, validFrom, validTo, recordedAt,
            actor, tenant, causation, fields, contentType), checked((int)payloadLength));
    }

    /// <summary>
    /// The leaf entry: SHA-256(salt ‖ header ‖ SHA-256(payload)). It holds no position, because the tree's index is it.
    /// </summary>
    public static byte[] LeafEntry(ReadOnlySpan<byte> salt, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payloadDigest)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(salt);
        hash.AppendData(header);
        hash.AppendData(payloadDigest);
        return hash.GetHashAndReset();
    }

    /// <summary>HMAC-SHA256(ledger secret, event id): disclosed with its event, so that low-entropy readings of others cannot be guessed.</summary>
    public static byte[] Salt(ReadOnlySpan<byte> ledgerSecret, EventId id) => HMACSHA256.HashData(ledgerSecret, id.ToBytes());

    private sealed class Writer
    {
        private byte[] bytes = new byte[512];
        private int length;

        public byte[] ToArray() => bytes.AsSpan(0, length).ToArray();

        private Span<byte> Take(int count)
        {
            while (length + count > bytes.Length) Array.Resize(ref bytes, bytes.Length * 2);
            length += count;
            return bytes.AsSpan(length - count, count);
        }

        public void Byte(byte value) => Take(1)[0] = value;
        public void UInt16(int value) => BinaryPrimitives.WriteUInt16BigEndian(Take(2), checked((ushort)value));
        public void UInt32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(Take(4), value);
        public void Int64(long value) => BinaryPrimitives.WriteInt64BigEndian(Take(8), value);
        public void Raw(ReadOnlySpan<byte> value) => value.CopyTo(Take(value.Length));

        public void Text(string value)
        {
            var count = Utf8.GetByteCount(value);
            UInt16(count);
            Utf8.GetBytes(value, Take(count));
        }

        public void Time(Instant value)
        {
            var ticks = value.ToUnixTimeTicks();
            if (Instant.FromUnixTimeTicks(ticks) != value)
                throw new ArgumentException($"{value} is finer than the journal's tick of 100 ns", nameof(value));
            Int64(ticks);
        }
    }

    private ref struct Reader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> rest = bytes;

        public ReadOnlySpan<byte> Raw(int count)
        {
            if (count > rest.Length) throw new InvalidDataException("the header is cut short");
            var taken = rest[..count];
            rest = rest[count..];
            return taken;
        }

        public byte Byte() => Raw(1)[0];
        public ushort UInt16() => BinaryPrimitives.ReadUInt16BigEndian(Raw(2));
        public uint UInt32() => BinaryPrimitives.ReadUInt32BigEndian(Raw(4));
        public long Int64() => BinaryPrimitives.ReadInt64BigEndian(Raw(8));
        public EventId Id() => new(BinaryPrimitives.ReadUInt128BigEndian(Raw(16)));
        public string Text() => Utf8.GetString(Raw(UInt16()));
        public Instant Time() => Instant.FromUnixTimeTicks(Int64());
        public void End()
        {
            if (!rest.IsEmpty) throw new InvalidDataException($"{rest.Length} bytes follow the header");
        }
    }
}
