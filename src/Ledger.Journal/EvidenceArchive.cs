using System.Buffers.Binary;
using System.Security.Cryptography;
using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>
/// Raw evidence, as received, addressed by its SHA-256 digest; kept once, sealed, in append-only segments. A record:
/// "LEV1", u32 plain length, 32 bytes digest, 8 bytes checksum (start of SHA-256 of what precedes), ciphertext, 16
/// bytes tag. Frames may name persons, so they lie encrypted (AES-256-GCM, key and deterministic nonce from the
/// ledger's secret and the digest: the same bytes always seal to the same bytes).
/// </summary>
public sealed class EvidenceArchive : IDisposable
{
    private const int HeadBytes = 48, TagBytes = 16, NonceBytes = 12;
    private const long SegmentBytesMax = 256L * 1024 * 1024;
    private readonly string directory;
    private readonly byte[] nonceKey;
    private readonly AesGcm cipher;
    private readonly Lock gate = new();
    private readonly Dictionary<EvidenceDigest, (int Segment, long Offset, int Length)> index = [];
    private readonly List<FileStream> segments = [];

    private EvidenceArchive(string directory, byte[] secret)
    {
        this.directory = directory;
        nonceKey = HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32, info: "ledger evidence nonce"u8.ToArray());
        cipher = new AesGcm(HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32, info: "ledger evidence key"u8.ToArray()), TagBytes);
    }

    /// <summary>Opens the archive in the folder <c>evidence</c> of the data folder, whose owner the caller is.</summary>
    public static EvidenceArchive Open(string dataDirectory, byte[] secret)
    {
        var archive = new EvidenceArchive(Path.Combine(dataDirectory, "evidence"), secret);
        Directory.CreateDirectory(archive.directory);
        DirectoryEntries.Sync(dataDirectory);
        while (File.Exists(archive.SegmentPath(archive.segments.Count))) archive.Scan(archive.OpenSegment());
        return archive;
    }

    /// <summary>Keeps the bytes, durably, and returns their name; bytes that are there already are not kept twice.</summary>
    public EvidenceDigest Put(ReadOnlySpan<byte> evidence)
    {
        var hash = SHA256.HashData(evidence);
        var digest = new EvidenceDigest(Convert.ToHexStringLower(hash));
        var record = new byte[HeadBytes + evidence.Length + TagBytes];
        "LEV1"u8.CopyTo(record);
        BinaryPrimitives.WriteInt32BigEndian(record.AsSpan(4), evidence.Length);
        hash.CopyTo(record, 8);
        SHA256.HashData(record.AsSpan(0, 40)).AsSpan(0, 8).CopyTo(record.AsSpan(40));
        lock (gate)
        {
            if (index.ContainsKey(digest)) return digest;
            cipher.Encrypt(Nonce(hash), evidence, record.AsSpan(HeadBytes, evidence.Length), record.AsSpan(HeadBytes + evidence.Length));
            if (segments.Count == 0 || segments[^1].Length >= SegmentBytesMax)
            {
                OpenSegment();
                DirectoryEntries.Sync(directory);
            }
            var offset = segments[^1].Length;
            RandomAccess.Write(segments[^1].SafeFileHandle, record, offset);
            index.Add(digest, (segments.Count - 1, offset, evidence.Length));
        }
        return digest;
    }

    /// <summary>The bytes under a digest, verified against it; null where the archive does not have them.</summary>
    public byte[]? Get(EvidenceDigest digest)
    {
        lock (gate)
        {
            if (!index.TryGetValue(digest, out var at)) return null;
            var record = new byte[HeadBytes + at.Length + TagBytes];
            if (RandomAccess.Read(segments[at.Segment].SafeFileHandle, record, at.Offset) != record.Length)
                throw new InvalidDataException($"evidence {digest} is cut short");
            var hash = Convert.FromHexString(digest.Hex);
            var plain = new byte[at.Length];
            cipher.Decrypt(Nonce(hash), record.AsSpan(HeadBytes, at.Length), record.AsSpan(HeadBytes + at.Length), plain);
            return SHA256.HashData(plain).AsSpan().SequenceEqual(hash)
                ? plain
                : throw new InvalidDataException($"evidence {digest} does not have its digest");
        }
    }

    private ReadOnlySpan<byte> Nonce(byte[] digest) => HMACSHA256.HashData(nonceKey, digest).AsSpan(0, NonceBytes);

    private string SegmentPath(int number) => Path.Combine(directory, $"{number:D6}.segment");

    // WriteThrough (O_SYNC) because .NET's Flush(true) swallows the errors of fsync on Linux.
    private FileStream OpenSegment()
    {
        segments.Add(new FileStream(SegmentPath(segments.Count), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 0, FileOptions.WriteThrough));
        return segments[^1];
    }

    /// <summary>
    /// Indexes a segment. An incomplete record at the very end is the write that a crash interrupted, never
    /// acknowledged, and is cut off; a damaged head anywhere else is refused.
    /// </summary>
    private void Scan(FileStream segment)
    {
        var head = new byte[HeadBytes];
        var offset = 0L;
        while (offset < segment.Length)
        {
            var read = RandomAccess.Read(segment.SafeFileHandle, head, offset);
            var torn = read < HeadBytes || head.All(b => b == 0);
            if (!torn && !SHA256.HashData(head.AsSpan(0, 40)).AsSpan(0, 8).SequenceEqual(head.AsSpan(40)))
                throw new InvalidDataException($"{segment.Name} is damaged at byte {offset}");
            var length = torn ? 0 : BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4));
            if (torn || offset + HeadBytes + length + TagBytes > segment.Length)
            {
                segment.SetLength(offset);
                return;
            }
            index.TryAdd(new EvidenceDigest(Convert.ToHexStringLower(head.AsSpan(8, 32))), (segments.Count - 1, offset, length));
            offset += HeadBytes + length + TagBytes;
        }
    }

    public void Dispose()
    {
        foreach (var segment in segments) segment.Dispose();
        cipher.Dispose();
    }
}
