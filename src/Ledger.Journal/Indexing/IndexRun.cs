using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Ledger.Journal.Indexing;

/// <summary>The events of which a run is the index, and with that its file's name: both positions in 19 digits.
/// </summary>
/// <param name="From">The position of the first.</param>
/// <param name="To">The position behind the last, which is after <paramref name="From"/>.</param>
public readonly record struct RunName(long From, long To)
{
    private const int Digits = 19;

    public long Events => To - From;

    public static RunName? Parse(string name) => name.Length == (2 * Digits) + 1 && name[Digits] == '-'
        && Number(name.AsSpan(0, Digits)) is { } from && Number(name.AsSpan(Digits + 1)) is { } to && from < to
        ? new(from, to) : null;

    private static long? Number(ReadOnlySpan<char> digits) =>
        long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{From:D19}-{To:D19}");
}

/// <summary>
/// The index of events that follow each other, in a file that is written once: where each id stands, and where each
/// revision of a stream. The file: the blocks of the ids, the blocks of the streams (<see cref="SortedKeys"/>); of each
/// block its first key; the last id and the last key of a stream; "LIX1", u64 first position, u64 position behind the
/// last, 32 bytes leaf entry of the last event, first 8 of SHA-256 of all that stands here behind the blocks. By the
/// leaf a run is known to be of this journal: it is salted with the ledger's secret, and the event's header is in it.
/// </summary>
public sealed class IndexRun : IDisposable
{
    private const int LeafAt = 20, EndBytes = LeafAt + MerkleTree.HashBytes + ChecksumBytes, ChecksumBytes = 8;
    private readonly SafeFileHandle file;

    private IndexRun(SafeFileHandle file, RunName name, SortedKeys ids, SortedKeys streams, byte[] lastLeaf) =>
        (this.file, Name, Ids, Streams, LastLeaf) = (file, name, ids, streams, lastLeaf);

    public RunName Name { get; }

    /// <summary>By event id.</summary>
    public SortedKeys Ids { get; }

    /// <summary>By stream and revision: <see cref="StreamKey"/>.</summary>
    public SortedKeys Streams { get; }

    /// <summary>The leaf entry of its last event.</summary>
    public byte[] LastLeaf { get; }

    /// <summary>The number of the stream before its revision.</summary>
    public static UInt128 StreamKey(long stream, long revision) => new((ulong)stream, (ulong)revision);

    public static long StreamOf(UInt128 key) => (long)(ulong)(key >> 64);
    public static long RevisionOf(UInt128 key) => (long)(ulong)(key & ulong.MaxValue);

    /// <summary>Opens a run, which stays readable when its file is deleted. Throws
    /// <see cref="InvalidDataException"/> where its end is not as it was written; the blocks are looked at when they are
    /// read.</summary>
    public static IndexRun Open(string folder, RunName name)
    {
        var file = File.OpenHandle(Path.Combine(folder, name.ToString()), FileMode.Open, FileAccess.Read,
            FileShare.ReadWrite | FileShare.Delete);
        try
        {
            return Open(file, name);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static IndexRun Open(SafeFileHandle file, RunName name)
    {
        var blocks = SortedKeys.BlocksOf(name.Events);
        var tail = new byte[(((2 * blocks) + 2) * SortedKeys.KeyBytes) + EndBytes];
        var tailAt = 2L * blocks * SortedKeys.BlockBytes;
        if (RandomAccess.GetLength(file) != tailAt + tail.Length)
            throw new InvalidDataException($"it has {RandomAccess.GetLength(file)} bytes, not {tailAt + tail.Length}");
        if (RandomAccess.Read(file, tail, tailAt) != tail.Length
            || !SHA256.HashData(tail.AsSpan(..^ChecksumBytes)).AsSpan(0, ChecksumBytes)
                .SequenceEqual(tail.AsSpan(^ChecksumBytes..)))
            throw new InvalidDataException("its end is damaged");
        var end = tail.AsSpan(^EndBytes..);
        if (!end[..4].SequenceEqual("LIX1"u8) || BinaryPrimitives.ReadInt64BigEndian(end[4..]) != name.From
            || BinaryPrimitives.ReadInt64BigEndian(end[12..]) != name.To)
            throw new InvalidDataException("its end is not that of its name");
        var keys = new UInt128[(2 * blocks) + 2];
        for (var i = 0; i < keys.Length; i++)
            keys[i] = BinaryPrimitives.ReadUInt128BigEndian(tail.AsSpan(i * SortedKeys.KeyBytes));
        return new(file, name, Column(0), Column(1), end.Slice(LeafAt, MerkleTree.HashBytes).ToArray());

        SortedKeys Column(int column) => new(file, name.ToString(), column * blocks,
            keys[(column * blocks)..((column + 1) * blocks)], keys[(2 * blocks) + column], name.Events);
    }

    /// <summary>What stands behind the blocks.</summary>
    /// <param name="keys">The first key of each block, then the last of each column.</param>
    public static byte[] Tail(IReadOnlyList<UInt128> keys, RunName name, ReadOnlySpan<byte> lastLeaf)
    {
        var tail = new byte[(keys.Count * SortedKeys.KeyBytes) + EndBytes];
        for (var i = 0; i < keys.Count; i++)
            BinaryPrimitives.WriteUInt128BigEndian(tail.AsSpan(i * SortedKeys.KeyBytes), keys[i]);
        var end = tail.AsSpan(^EndBytes..);
        "LIX1"u8.CopyTo(end);
        BinaryPrimitives.WriteInt64BigEndian(end[4..], name.From);
        BinaryPrimitives.WriteInt64BigEndian(end[12..], name.To);
        lastLeaf.CopyTo(end[LeafAt..]);
        SHA256.HashData(tail.AsSpan(..^ChecksumBytes)).AsSpan(0, ChecksumBytes).CopyTo(tail.AsSpan(^ChecksumBytes..));
        return tail;
    }

    public void Dispose() => file.Dispose();
}
