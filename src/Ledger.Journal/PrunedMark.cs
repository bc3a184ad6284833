using System.Buffers.Binary;
using System.Security.Cryptography;
using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>
/// What stands in a segment in the place of evidence that was pruned: "LEV0", u32 bytes that follow the head, 32 bytes
/// digest, 8 bytes checksum (start of SHA-256 of what precedes); u64 position of the fact that says so, 8 bytes
/// checksum of all that precedes. So the archive knows the bytes when they come again, and nobody takes a piece that
/// is missing for one that was pruned.
/// </summary>
internal static class PrunedMark
{
    private const int ChecksumBytes = 8, PositionAt = EvidenceSeal.HeadBytes, ChecksumAt = PositionAt + 8;
    /// <summary>Of the whole mark.</summary>
    public const int RecordBytes = ChecksumAt + ChecksumBytes;

    public static byte[] Of(ReadOnlySpan<byte> digest, long position)
    {
        var record = new byte[RecordBytes];
        "LEV0"u8.CopyTo(record);
        BinaryPrimitives.WriteInt32BigEndian(record.AsSpan(4), RecordBytes - EvidenceSeal.HeadBytes);
        digest.CopyTo(record.AsSpan(8));
        Checksum(record.AsSpan(0, 40)).CopyTo(record.AsSpan(40));
        BinaryPrimitives.WriteInt64BigEndian(record.AsSpan(PositionAt), position);
        Checksum(record.AsSpan(0, ChecksumAt)).CopyTo(record.AsSpan(ChecksumAt));
        return record;
    }

    /// <summary>Whether these are the bytes of a record's head, of this form.</summary>
    public static bool IsHead(ReadOnlySpan<byte> head) => head[..4].SequenceEqual("LEV0"u8)
        && BinaryPrimitives.ReadInt32BigEndian(head[4..]) == RecordBytes - EvidenceSeal.HeadBytes
        && Checksum(head[..40]).AsSpan().SequenceEqual(head[40..EvidenceSeal.HeadBytes]);

    /// <summary>The position of the fact; null where the mark is damaged.</summary>
    public static long? Position(ReadOnlySpan<byte> record) => record.Length == RecordBytes
        && Checksum(record[..ChecksumAt]).AsSpan().SequenceEqual(record[ChecksumAt..])
        && BinaryPrimitives.ReadInt64BigEndian(record[PositionAt..]) is >= 0 and var position ? position : null;

    private static byte[] Checksum(ReadOnlySpan<byte> bytes) => SHA256.HashData(bytes)[..ChecksumBytes];
}
