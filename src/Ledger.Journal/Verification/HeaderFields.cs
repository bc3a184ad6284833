using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal.Verification;

/// <summary>
/// What verification compares of a header. It is read as <see cref="EnvelopeBytes.Read"/> reads it, with the same
/// refusals in the same order, but no text is made of bytes that are only compared.
/// </summary>
/// <param name="IsOfLedger">The header names the ledger that is verified.</param>
/// <param name="StreamAt">Where the stream's name begins.</param>
internal readonly record struct HeaderFields(
    bool IsOfLedger, int StreamAt, int StreamBytes, long Revision, EventId Id, Instant ValidFrom, Instant RecordedAt,
    int PayloadBytes)
{
    /// <summary>Throws <see cref="InvalidDataException"/> where the bytes are no header of version 1.</summary>
    /// <param name="ledger">The name of the ledger that is verified.</param>
    /// <param name="tenant">The tenant that was read last, in which there mostly is one: it need not be judged again.
    /// </param>
    public static HeaderFields Read(ReadOnlySpan<byte> header, ReadOnlySpan<byte> ledger, ref byte[] tenant)
    {
        var reader = new ByteReader(header, "header");
        if (reader.Byte() is var version && version != EnvelopeBytes.Version)
            throw new InvalidDataException(
                $"header version {version} is unknown; this program reads version {EnvelopeBytes.Version}");
        var named = reader.TextBytes();
        var isOfLedger = named.SequenceEqual(ledger);
        if (!isOfLedger && !LedgerId.TryParse(JournalBytes.Utf8.GetString(named), out _))
            throw new InvalidDataException("the header names no ledger");
        var stream = reader.TextBytes();
        var streamAt = 1 + 2 + named.Length + 2; // version, and the lengths of both texts
        var (revision, id) = (reader.Int64(), reader.Id());
        reader.TextBytes(); // wire name
        reader.UInt16();
        var validFrom = reader.Time();
        reader.Time();
        var recordedAt = reader.Time();
        reader.TextBytes(); // actor
        var party = reader.TextBytes();
        if (!party.SequenceEqual(tenant))
        {
            if (!PartyId.TryParse(JournalBytes.Utf8.GetString(party), out _))
                throw new InvalidDataException("the header names no tenant");
            tenant = party.ToArray();
        }
        if (reader.Flag()) reader.Id();
        for (var fields = reader.UInt16(); fields > 0; fields--)
        {
            reader.TextBytes();
            reader.TextBytes();
            reader.Raw(reader.UInt16());
        }
        reader.TextBytes(); // content type
        var payloadBytes = reader.Int32();
        if (payloadBytes < 0) throw new InvalidDataException("the payload is longer than any append may be");
        reader.End();
        return new(isOfLedger, streamAt, stream.Length, revision, id, validFrom, recordedAt, payloadBytes);
    }
}
