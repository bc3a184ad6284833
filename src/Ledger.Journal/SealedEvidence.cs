using System.Buffers.Binary;
using System.Security.Cryptography;
using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>A part of a piece of evidence, and whom it names: nobody, one, or several.</summary>
internal readonly record struct SealedPart(IReadOnlyList<SubjectKeyId> Subjects, int Length);

/// <summary>
/// How evidence that names somebody lies in a segment: "LEV2", u32 bytes that follow the head, 32 bytes digest, 8 bytes
/// checksum (start of SHA-256 of what precedes); u32 bytes of the table, and the table: of each part u8 subjects, of
/// each subject 32 bytes pseudonym and u32 generation, then u32 plain length; 8 bytes checksum of all that precedes;
/// then the parts, each ciphertext and 16 bytes tag. A part is sealed under the keys of all whom it names together, so
/// that each of them can have it erased, and the parts of others stay readable; what names nobody is sealed under a key
/// of the ledger's.
/// </summary>
internal static class SealedEvidence
{
    private const int ChecksumBytes = 8, SubjectBytes = 36, NonceBytes = 12, TagBytes = EvidenceSeal.TagBytes;

    /// <summary>Where the table begins.</summary>
    public const int TableAt = EvidenceSeal.HeadBytes + 4;

    /// <summary>Whom one part may name.</summary>
    public const int SubjectsMax = byte.MaxValue;

    /// <summary>The key of parts that name nobody.</summary>
    public static byte[] LedgerKey(byte[] secret) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32, info: "ledger sealed evidence"u8.ToArray());

    /// <summary>Whether these are the bytes of a record's head, of this form.</summary>
    public static bool IsHead(ReadOnlySpan<byte> head) =>
        head[..4].SequenceEqual("LEV2"u8) && BinaryPrimitives.ReadInt32BigEndian(head[4..]) >= 4 + ChecksumBytes + TagBytes
        && SHA256.HashData(head[..40]).AsSpan(0, ChecksumBytes).SequenceEqual(head[40..EvidenceSeal.HeadBytes]);

    /// <summary>The whole of a submission in parts: what names somebody, and what lies between.</summary>
    public static List<SealedPart> PartsOf(IReadOnlyList<PersonalPart> personal, int length, SubjectKeys keys)
    {
        var subjects = personal.SelectMany(part => part.Subjects).Select(keys.PseudonymOf).Distinct()
            .OrderBy(subject => subject.Hex, StringComparer.Ordinal).ToList();
        var current = keys.Current(subjects).ToDictionary(id => id.Subject);
        var (parts, at) = (new List<SealedPart>(), 0);
        foreach (var part in personal)
        {
            if (part.From > at) parts.Add(new([], part.From - at));
            parts.Add(new([.. part.Subjects.Select(keys.PseudonymOf).Distinct()
                .OrderBy(subject => subject.Hex, StringComparer.Ordinal).Select(subject => current[subject])],
                part.Length));
            at = part.From + part.Length;
        }
        if (at < length) parts.Add(new([], length - at));
        return parts;
    }

    public static byte[] Seal(
        ReadOnlySpan<byte> digest, ReadOnlySpan<byte> raw, IReadOnlyList<SealedPart> parts, byte[] ledgerKey,
        SubjectKeys keys)
    {
        var tableBytes = parts.Sum(part => 5 + SubjectBytes * part.Subjects.Count);
        var record = new byte[TableAt + tableBytes + ChecksumBytes + parts.Sum(part => part.Length + TagBytes)];
        "LEV2"u8.CopyTo(record);
        BinaryPrimitives.WriteInt32BigEndian(record.AsSpan(4), record.Length - EvidenceSeal.HeadBytes);
        digest.CopyTo(record.AsSpan(8));
        Checksum(record.AsSpan(0, 40)).CopyTo(record.AsSpan(40));
        BinaryPrimitives.WriteInt32BigEndian(record.AsSpan(EvidenceSeal.HeadBytes), tableBytes);
        var at = WriteTable(record, parts);
        Checksum(record.AsSpan(0, at)).CopyTo(record.AsSpan(at));
        at += ChecksumBytes;
        var from = 0;
        for (var i = 0; i < parts.Count; i++)
        {
            var (cipherKey, nonce) = Derive(Joined(parts[i].Subjects, ledgerKey, keys)!, digest, i);
            using var cipher = new AesGcm(cipherKey, TagBytes);
            cipher.Encrypt(nonce, raw.Slice(from, parts[i].Length), record.AsSpan(at, parts[i].Length),
                record.AsSpan(at + parts[i].Length, TagBytes));
            (from, at) = (from + parts[i].Length, at + parts[i].Length + TagBytes);
        }
        return record;
    }

    /// <summary>What a sealed record holds; null where a part, or the whole, is not what was sealed.</summary>
    public static EvidencePiece? Read(
        EvidenceDigest digest, ReadOnlySpan<byte> record, byte[] ledgerKey, byte[] saltKey, SubjectKeys keys)
    {
        if (Table(record, record.Length) is not { } parts
            || Open(record, parts, ledgerKey, keys) is not { } opened) return null;
        SubjectKeyId[] subjects = [.. parts.SelectMany(part => part.Subjects).Distinct()];
        SubjectKeyId[] missing = [.. subjects.Where(id => keys.Find(id) is null)];
        var discloses = parts.Zip(opened).Any(part => part.First.Subjects.Count > 0 && part.Second is not null);
        using var raw = new MemoryStream();
        foreach (var part in opened) raw.Write(part ?? EvidencePiece.Tombstone);
        if (missing.Length > 0) return new(digest, null, raw.ToArray(), subjects, missing, discloses,
            opened.All(part => part is null));
        var salted = SaltedEvidence.Of(saltKey, raw.ToArray());
        return Convert.ToHexStringLower(SHA256.HashData(salted)) == digest.Hex
            ? new(digest, salted, raw.ToArray(), subjects, [], discloses, false) : null;
    }

    private static int WriteTable(Span<byte> record, IReadOnlyList<SealedPart> parts)
    {
        var at = TableAt;
        foreach (var part in parts)
        {
            record[at++] = checked((byte)part.Subjects.Count);
            foreach (var (subject, generation) in part.Subjects)
            {
                Convert.FromHexString(subject.Hex).CopyTo(record[at..]);
                BinaryPrimitives.WriteInt32BigEndian(record[(at + 32)..], generation);
                at += SubjectBytes;
            }
            BinaryPrimitives.WriteInt32BigEndian(record[at..], part.Length);
            at += 4;
        }
        return at;
    }

    /// <summary>How many bytes of a record tell its table: head, table and checksum; from the first
    /// <see cref="TableAt"/> of them. Null where they cannot be of a record of this length.</summary>
    public static int? BytesUpToTable(ReadOnlySpan<byte> start, long recordBytes) =>
        BinaryPrimitives.ReadInt32BigEndian(start[EvidenceSeal.HeadBytes..]) is >= 0 and var tableBytes
        && (long)TableAt + tableBytes + ChecksumBytes <= recordBytes ? TableAt + tableBytes + ChecksumBytes : null;

    /// <summary>The parts of a record, from its bytes up to the end of the table or more; null where they are not
    /// whole.</summary>
    public static IReadOnlyList<SealedPart>? Table(ReadOnlySpan<byte> record, long recordBytes)
    {
        if (record.Length < TableAt || BytesUpToTable(record, recordBytes) is not { } upTo || upTo > record.Length)
            return null;
        var end = upTo - ChecksumBytes;
        if (!Checksum(record[..end]).AsSpan().SequenceEqual(record[end..upTo])) return null;
        var parts = new List<SealedPart>();
        for (var at = TableAt; at < end; at += 4)
        {
            var subjects = new SubjectKeyId[record[at++]];
            if (end - at < subjects.Length * SubjectBytes + 4) return null;
            for (var j = 0; j < subjects.Length; j++, at += SubjectBytes)
                subjects[j] = new(new(Convert.ToHexStringLower(record.Slice(at, 32))),
                    BinaryPrimitives.ReadInt32BigEndian(record[(at + 32)..]));
            var length = BinaryPrimitives.ReadInt32BigEndian(record[at..]);
            if (length < 0) return null;
            parts.Add(new(subjects, length));
        }
        return upTo + parts.Sum(part => (long)part.Length + TagBytes) == recordBytes ? parts : null;
    }

    /// <summary>
    /// The plain bytes of each part, null where a key of it is missing; null altogether where a part that has its keys
    /// is not what was sealed.
    /// </summary>
    public static IReadOnlyList<byte[]?>? Open(
        ReadOnlySpan<byte> record, IReadOnlyList<SealedPart> parts, byte[] ledgerKey, SubjectKeys keys)
    {
        var digest = record.Slice(8, 32);
        var ciphertextsAt = BytesUpToTable(record, record.Length)!.Value;
        var opened = new byte[]?[parts.Count];
        for (int i = 0, at = ciphertextsAt; i < parts.Count; at += parts[i++].Length + TagBytes)
        {
            if (Joined(parts[i].Subjects, ledgerKey, keys) is not { } joined) continue;
            var (cipherKey, nonce) = Derive(joined, digest, i);
            using var cipher = new AesGcm(cipherKey, TagBytes);
            var plain = new byte[parts[i].Length];
            try
            {
                cipher.Decrypt(nonce, record.Slice(at, plain.Length), record.Slice(at + plain.Length, TagBytes), plain);
            }
            catch (AuthenticationTagMismatchException)
            {
                return null;
            }
            opened[i] = plain;
        }
        return opened;
    }

    /// <summary>The keys of all whom a part names, one after the other; null where one is missing.</summary>
    private static byte[]? Joined(IReadOnlyList<SubjectKeyId> subjects, byte[] ledgerKey, SubjectKeys keys)
    {
        if (subjects.Count == 0) return ledgerKey;
        var joined = new byte[subjects.Count * SubjectKeys.KeyBytes];
        for (var i = 0; i < subjects.Count; i++)
            if (keys.Find(subjects[i]) is { } key) key.CopyTo(joined, i * SubjectKeys.KeyBytes);
            else return null;
        return joined;
    }

    /// <summary>The key and the nonce of a part: first 96 bits of HMAC-SHA256(nonce key, digest ‖ u32 part),
    /// both keys derived apart from the subjects' keys. The digest stands for the plain bytes.</summary>
    private static (byte[] CipherKey, byte[] Nonce) Derive(byte[] joined, ReadOnlySpan<byte> digest, int part)
    {
        var nonceKey = HKDF.DeriveKey(HashAlgorithmName.SHA256, joined, 32, info: "ledger sealed nonce"u8.ToArray());
        Span<byte> of = stackalloc byte[36];
        digest.CopyTo(of);
        BinaryPrimitives.WriteInt32BigEndian(of[32..], part);
        return (HKDF.DeriveKey(HashAlgorithmName.SHA256, joined, 32, info: "ledger sealed key"u8.ToArray()),
            HMACSHA256.HashData(nonceKey, of)[..NonceBytes]);
    }

    private static byte[] Checksum(ReadOnlySpan<byte> bytes) => SHA256.HashData(bytes)[..ChecksumBytes];
}
