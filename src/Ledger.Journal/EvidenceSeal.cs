using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Ledger.Journal;

/// <summary>
/// How a piece of evidence lies in a segment: "LEV1", u32 plain length, 32 bytes digest, 8 bytes checksum (start of
/// SHA-256 of what precedes), ciphertext, 16 bytes tag. Key and deterministic nonce come from the ledger's secret and
/// the digest: the same bytes always seal to the same bytes.
/// </summary>
internal sealed class EvidenceSeal : IDisposable
{
    public const int HeadBytes = 48, TagBytes = 16;
    private const int NonceBytes = 12;
    private readonly byte[] nonceKey;
    private readonly AesGcm cipher;

    public EvidenceSeal(byte[] secret)
    {
        nonceKey = HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32, info: "ledger evidence nonce"u8.ToArray());
        cipher = new AesGcm(HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32,
            info: "ledger evidence key"u8.ToArray()), TagBytes);
    }

    /// <summary>The whole record of a piece of evidence.</summary>
    public byte[] Seal(ReadOnlySpan<byte> digest, ReadOnlySpan<byte> evidence)
    {
        var record = new byte[HeadBytes + evidence.Length + TagBytes];
        "LEV1"u8.CopyTo(record);
        BinaryPrimitives.WriteInt32BigEndian(record.AsSpan(4), evidence.Length);
        digest.CopyTo(record.AsSpan(8));
        SHA256.HashData(record.AsSpan(0, 40)).AsSpan(0, 8).CopyTo(record.AsSpan(40));
        cipher.Encrypt(Nonce(digest), evidence, record.AsSpan(HeadBytes, evidence.Length),
            record.AsSpan(HeadBytes + evidence.Length));
        return record;
    }

    /// <summary>The plain bytes of a ciphertext with its tag; null where they are not those of the digest.</summary>
    public byte[]? Open(ReadOnlySpan<byte> digest, ReadOnlySpan<byte> sealedBytes)
    {
        var plain = new byte[sealedBytes.Length - TagBytes];
        return Open(digest, sealedBytes, plain) ? plain : null;
    }

    /// <summary>The same into bytes of the caller's, and whether they are those of the digest.</summary>
    public bool Open(ReadOnlySpan<byte> digest, ReadOnlySpan<byte> sealedBytes, Span<byte> plain)
    {
        try
        {
            cipher.Decrypt(Nonce(digest), sealedBytes[..^TagBytes], sealedBytes[^TagBytes..], plain);
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(plain, hash);
        return hash.SequenceEqual(digest);
    }

    /// <summary>Whether these are the bytes of a record's head.</summary>
    public static bool IsHead(ReadOnlySpan<byte> head) =>
        head[..4].SequenceEqual("LEV1"u8) && BinaryPrimitives.ReadInt32BigEndian(head[4..]) >= 0
        && SHA256.HashData(head[..40]).AsSpan(0, 8).SequenceEqual(head[40..HeadBytes]);

    private ReadOnlySpan<byte> Nonce(ReadOnlySpan<byte> digest) =>
        HMACSHA256.HashData(nonceKey, digest).AsSpan(0, NonceBytes);

    public void Dispose() => cipher.Dispose();
}
