using System.Security.Cryptography;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal;

/// <summary>What a header says, for who makes no object of it.</summary>
internal readonly record struct Header(
    LedgerId Ledger, string Stream, long Revision, EventId Id, string WireName, int WireVersion, Instant ValidFrom,
    Instant ValidTo, Instant RecordedAt, HeaderOrigin Origin, int PayloadLength)
{
    public Envelope ToEnvelope() => new(
        Ledger, Stream, Revision, Id, WireName, WireVersion, ValidFrom, ValidTo, RecordedAt, Origin.Actor,
        Origin.Tenant, Origin.Causation, Origin.Sealed, Origin.ContentType);
}

/// <summary>The header's bytes, version 1, final: docs/journal-format.md.</summary>
public static class EnvelopeBytes
{
    public const byte Version = 1;
    private const int UsualBytesMax = 512; // longer headers are written too, into a larger buffer

    public static byte[] Write(Envelope envelope, int payloadLength)
    {
        var writer = new ByteWriter(stackalloc byte[UsualBytesMax]);
        writer.Byte(Version);
        writer.Text(envelope.Ledger.Value);
        writer.Text(envelope.Stream);
        writer.Int64(envelope.Revision);
        writer.Id(envelope.Id);
        writer.Text(envelope.WireName);
        writer.UInt16(envelope.WireVersion);
        writer.Time(envelope.ValidFrom);
        writer.Time(envelope.ValidTo);
        writer.Time(envelope.RecordedAt);
        writer.Text(envelope.Actor);
        writer.Text(envelope.Tenant.Value);
        writer.Byte(envelope.Causation is null ? (byte)0 : (byte)1);
        if (envelope.Causation is { } causation) writer.Id(causation);
        writer.UInt16(envelope.Sealed.Count);
        foreach (var field in envelope.Sealed)
        {
            writer.Text(field.Name);
            writer.Text(field.Subject);
            writer.UInt16(field.Ciphertext.Length);
            writer.Raw(field.Ciphertext.Span);
        }
        writer.Text(envelope.ContentType);
        writer.Int32(payloadLength);
        return writer.ToArray();
    }

    /// <summary>Reads a header back; throws <see cref="InvalidDataException"/> on anything but the bytes
    /// above.</summary>
    public static (Envelope Envelope, int PayloadLength) Read(ReadOnlySpan<byte> header) =>
        Read(header, RecentTexts.OfThread);

    /// <inheritdoc cref="Read(ReadOnlySpan{byte})"/>
    /// <param name="texts">Texts of headers that were read before.</param>
    public static (Envelope Envelope, int PayloadLength) Read(ReadOnlySpan<byte> header, RecentTexts texts)
    {
        var read = ReadHeader(header, texts);
        return (read.ToEnvelope(), read.PayloadLength);
    }

    /// <summary>The same without an object of it.</summary>
    internal static Header ReadHeader(ReadOnlySpan<byte> header, RecentTexts texts)
    {
        var reader = new ByteReader(header, "header", texts);
        if (reader.Byte() is var version && version != Version)
            throw new InvalidDataException(
                $"header version {version} is unknown; this program reads version {Version}");
        if (!reader.TryValue(texts.Ledgers, out var ledger))
            throw new InvalidDataException("the header names no ledger");
        var stream = reader.Text();
        var revision = reader.Int64();
        var id = reader.Id();
        var wireName = reader.Text();
        var wireVersion = reader.UInt16();
        var validFrom = reader.Time();
        var validTo = reader.Time();
        var recordedAt = reader.Time();
        var origin = Origin(ref reader, texts);
        var payloadLength = reader.Int32();
        if (payloadLength < 0) throw new InvalidDataException("the payload is longer than any append may be");
        reader.End();
        return new(ledger, stream, revision, id, wireName, wireVersion, validFrom, validTo, recordedAt, origin,
            payloadLength);
    }

    /// <summary>What stands between the times and the length of the payload, which ends the header.</summary>
    private static HeaderOrigin Origin(ref ByteReader reader, RecentTexts texts)
    {
        var bytes = reader.RestBefore(sizeof(int));
        if (texts.Origins.Find(bytes) is { } known)
        {
            reader.Raw(bytes.Length);
            return known;
        }
        var actor = reader.Text();
        if (!reader.TryValue(texts.Parties, out var tenant))
            throw new InvalidDataException("the header names no tenant");
        EventId? causation = reader.Flag() ? reader.Id() : null;
        var fields = reader.UInt16() is var count and > 0 ? new SealedField[count] : [];
        for (var i = 0; i < fields.Length; i++)
            fields[i] = new SealedField(reader.Text(), reader.Text(), reader.Raw(reader.UInt16()).ToArray());
        var origin = new HeaderOrigin(actor, tenant, causation, fields, reader.Text());
        // Where a length is damaged, a text may reach into what ends the header: then these bytes alone do not say it.
        if (reader.RestBefore(0).Length == sizeof(int)) texts.Origins.Keep(bytes, origin);
        return origin;
    }

    /// <summary>
    /// The leaf entry: SHA-256(salt ‖ header ‖ SHA-256(payload)). It holds no position, because the tree's index is it.
    /// </summary>
    public static byte[] LeafEntry(ReadOnlySpan<byte> salt, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payloadDigest)
    {
        var length = salt.Length + header.Length + payloadDigest.Length;
        Span<byte> entry = length <= 2 * UsualBytesMax ? stackalloc byte[length] : new byte[length];
        salt.CopyTo(entry);
        header.CopyTo(entry[salt.Length..]);
        payloadDigest.CopyTo(entry[(salt.Length + header.Length)..]);
        return SHA256.HashData(entry);
    }

    /// <summary>
    /// HMAC-SHA256(ledger secret, event id): disclosed with its event, so that low-entropy readings of others cannot be
    /// guessed.
    /// </summary>
    public static byte[] Salt(ReadOnlySpan<byte> ledgerSecret, EventId id) =>
        HMACSHA256.HashData(ledgerSecret, id.ToBytes());
}
