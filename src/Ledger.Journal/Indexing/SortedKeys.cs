using System.Buffers.Binary;
using System.Numerics;
using Microsoft.Win32.SafeHandles;

namespace Ledger.Journal.Indexing;

/// <summary>
/// One column of an index: keys of 16 bytes, each with the position of its event, in ascending order, in blocks of a
/// file that is never changed. The first key of each block is in memory, so a key is found by reading one block.
/// </summary>
/// <param name="file">Open for reading.</param>
/// <param name="name">Of the file, for errors.</param>
/// <param name="firstBlock">The number of the column's first block in the file.</param>
/// <param name="firsts">The first key of each block.</param>
/// <param name="last">The last key of all.</param>
/// <param name="count">How many keys there are, at least 1.</param>
public sealed class SortedKeys(
    SafeFileHandle file, string name, int firstBlock, UInt128[] firsts, UInt128 last, long count)
{
    /// <summary>Of a block, of a key with its position, and of a key.</summary>
    public const int BlockBytes = 4096, EntryBytes = 24, KeyBytes = 16;
    /// <summary>In a block; then follow its number, its entries and its checksum.</summary>
    public const int EntriesMax = 170;
    private const int NumberAt = EntriesMax * EntryBytes, EntriesAt = NumberAt + 8, ChecksumAt = EntriesAt + 4;

    public UInt128 First => firsts[0];
    public UInt128 Last => last;
    public int Blocks => firsts.Length;

    /// <summary>How many blocks so many keys take.</summary>
    public static int BlocksOf(long count) => checked((int)((count + EntriesMax - 1) / EntriesMax));

    /// <summary>The last block whose first key is not behind this key; the first block for a key before all.</summary>
    public int BlockOf(UInt128 key)
    {
        var at = Array.BinarySearch(firsts, key);
        return at >= 0 ? at : Math.Max(0, ~at - 1);
    }

    /// <summary>Whether a key is in this block, if it is anywhere.</summary>
    public bool IsIn(int block, UInt128 key) =>
        key >= firsts[block] && (block + 1 == firsts.Length || key < firsts[block + 1]);

    /// <summary>Reads a block; returns how many entries it has. Throws <see cref="JournalRefusedException"/> where it is
    /// not as it was written: a key that is there is never taken for one that is not.</summary>
    public int Read(int block, Span<byte> bytes)
    {
        var number = firstBlock + block;
        var expected = (int)Math.Min(EntriesMax, count - ((long)block * EntriesMax));
        if (RandomAccess.Read(file, bytes[..BlockBytes], (long)number * BlockBytes) == BlockBytes
            && BinaryPrimitives.ReadUInt32BigEndian(bytes[ChecksumAt..]) == Checksum(bytes)
            && BinaryPrimitives.ReadInt64BigEndian(bytes[NumberAt..]) == number
            && BinaryPrimitives.ReadInt32BigEndian(bytes[EntriesAt..]) == expected
            && KeyOf(bytes, 0) == firsts[block])
            return expected;
        throw new JournalRefusedException($"block {number} of {IndexRuns.FolderName}/{name} is damaged: delete the "
            + $"folder {IndexRuns.FolderName}, which the journal's next owner makes anew from {SqliteJournal.FileName}");
    }

    /// <summary>A key of a block.</summary>
    public static UInt128 KeyOf(ReadOnlySpan<byte> block, int entry) =>
        BinaryPrimitives.ReadUInt128BigEndian(block[(entry * EntryBytes)..]);

    /// <summary>The position beside it.</summary>
    public static long PositionOf(ReadOnlySpan<byte> block, int entry) =>
        BinaryPrimitives.ReadInt64BigEndian(block[((entry * EntryBytes) + KeyBytes)..]);

    /// <summary>Puts an entry into a block that is being filled.</summary>
    public static void Put(Span<byte> block, int entry, UInt128 key, long position)
    {
        var at = block[(entry * EntryBytes)..];
        BinaryPrimitives.WriteUInt128BigEndian(at, key);
        BinaryPrimitives.WriteInt64BigEndian(at[KeyBytes..], position);
    }

    /// <summary>Ends a block: what it has no entries for is zero.</summary>
    /// <param name="number">Of the block in its file.</param>
    public static void Seal(Span<byte> block, int number, int entries)
    {
        block[(entries * EntryBytes)..NumberAt].Clear();
        BinaryPrimitives.WriteInt64BigEndian(block[NumberAt..], number);
        BinaryPrimitives.WriteInt32BigEndian(block[EntriesAt..], entries);
        BinaryPrimitives.WriteUInt32BigEndian(block[ChecksumAt..], Checksum(block));
    }

    /// <summary>CRC-32C (RFC 3720 §12.1) of all that precedes it in the block: one instruction for eight bytes.
    /// </summary>
    private static uint Checksum(ReadOnlySpan<byte> block)
    {
        var sum = uint.MaxValue;
        for (var at = 0; at < EntriesAt; at += 8)
            sum = BitOperations.Crc32C(sum, BinaryPrimitives.ReadUInt64LittleEndian(block[at..]));
        return ~BitOperations.Crc32C(sum, BinaryPrimitives.ReadUInt32LittleEndian(block[EntriesAt..]));
    }
}
