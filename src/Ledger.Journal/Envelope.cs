using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal;

/// <summary>
/// UUIDv8: 48 bits of the fact's valid time in Unix milliseconds, then SHA-256 of the evidence's natural key.
/// Deterministic, so a retry is recognised for ever; time-prefixed, so it lies beside its neighbours in an index.
/// </summary>
public readonly record struct EventId(UInt128 Value)
{
    public static EventId From(Instant validFrom, EvidenceKey evidence)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(evidence.Value), hash);
        return From(validFrom, hash);
    }

    /// <summary>The ids of some facts, as each alone has it; of many the keys are hashed together.</summary>
    public static EventId[] From(IReadOnlyList<NewFact> facts, int first, int count)
    {
        var ids = new EventId[count];
        if (count == 1)
        {
            ids[0] = From(facts[first].ValidTime.Start, facts[first].Evidence);
            return ids;
        }
        var bytes = 0;
        for (var i = 0; i < count; i++) bytes += Encoding.UTF8.GetByteCount(facts[first + i].Evidence.Value);
        var (buffer, pieces) = (new byte[bytes + (SHA256.HashSizeInBytes * count)], new HashPiece[count]);
        for (var (i, at) = (0, 0); i < count; at += pieces[i].Length, i++)
            pieces[i] = new(at, Encoding.UTF8.GetBytes(facts[first + i].Evidence.Value, buffer.AsSpan(at)),
                bytes + (SHA256.HashSizeInBytes * i));
        Sha256Lanes.Hash(buffer, pieces);
        for (var i = 0; i < count; i++)
            ids[i] = From(facts[first + i].ValidTime.Start, buffer.AsSpan(pieces[i].Into, SHA256.HashSizeInBytes));
        // One is hashed by the platform too, so that no fault of this machine's vectors makes another id.
        return ids[0] == From(facts[first].ValidTime.Start, facts[first].Evidence) ? ids
            : throw new CryptographicException("this machine's vectors do not hash as its platform does");
    }

    private static EventId From(Instant validFrom, ReadOnlySpan<byte> evidenceHash)
    {
        Span<byte> id = stackalloc byte[Bytes];
        BinaryPrimitives.WriteInt64BigEndian(id, validFrom.ToUnixTimeMilliseconds() << 16);
        evidenceHash[..10].CopyTo(id[6..]);
        id[6] = (byte)((id[6] & 0x0f) | 0x80); // version 8, RFC 9562 §5.8
        id[8] = (byte)((id[8] & 0x3f) | 0x80); // variant 10, RFC 9562 §4.1
        return Of(id);
    }

    /// <summary>Whether the id begins with this valid time and bears the version and variant of UUIDv8.</summary>
    public bool IsOf(Instant validFrom)
    {
        var milliseconds = (ulong)(Value >> 80);
        // Before 1970 it is negative, and its lowest 48 bits are what the id begins with all the same.
        return milliseconds == (unchecked((ulong)validFrom.ToUnixTimeMilliseconds()) & 0xffff_ffff_ffff)
            && (int)(Value >> 76 & 0xf) == 8 && (int)(Value >> 62 & 3) == 2;
    }

    /// <summary>How many bytes an id has.</summary>
    public const int Bytes = 16;

    /// <summary>The id of its 16 bytes.</summary>
    public static EventId Of(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadUInt128BigEndian(bytes));

    public byte[] ToBytes()
    {
        var bytes = new byte[Bytes];
        CopyTo(bytes);
        return bytes;
    }

    public void CopyTo(Span<byte> bytes) => BinaryPrimitives.WriteUInt128BigEndian(bytes, Value);

    public override string ToString() => Convert.ToHexStringLower(ToBytes());
}

/// <summary>A personal field, encrypted under its subject's key; destroying the key erases it.</summary>
public sealed record SealedField(string Name, string Subject, ReadOnlyMemory<byte> Ciphertext);

/// <summary>The header of an event. Its bytes (<see cref="EnvelopeBytes.Write"/>) are final: see
/// docs/journal-format.md.</summary>
public sealed record Envelope(
    LedgerId Ledger, string Stream, long Revision, EventId Id, string WireName, int WireVersion,
    Instant ValidFrom, Instant ValidTo, Instant RecordedAt, string Actor, PartyId Tenant, EventId? Causation,
    IReadOnlyList<SealedField> Sealed, string ContentType);
