using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Stores.EventStoreDb;

/// <summary>
/// The file <c>journal.places</c> of a data folder: where each id and each stream is in a journal at a server, and the
/// frontier of its tree, so that an opening need not read again what the folder knows. It is written behind the journal
/// in blocks that are only added, and it is not synced: a block that the disk has lost is found by its digest, and it
/// and what follows are made again from the journal. Whether it is this journal's is for <see cref="LedgerOpening"/>
/// to prove.
/// </summary>
/// <remarks>
/// A block: u32 bytes of its body; the body; SHA-256 of the digest before and the body, where the first follows that of
/// "LPL1" and the stream's name. A body: u64 first position, u32 events, i64 highest recordedAt in ticks, u32 new
/// streams, of each u16 bytes and its name; of each event u32 number of its stream and 16 bytes id; the frontier after
/// the last, 32 bytes each. All big-endian.
/// </remarks>
internal sealed class PlacesFile : IDisposable
{
    private const int BlockEvents = 4096;
    private const int HeadBytes = sizeof(long) + sizeof(int) + sizeof(long) + sizeof(int);
    private const int PlaceBytes = sizeof(int) + EventId.Bytes;
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private readonly FileStream file;
    private readonly List<string> names = []; // of streams that began since the last block
    private readonly List<(int Key, EventId Id)> places = []; // since the last block
    private byte[] before; // the digest of the last block
    private long length, bytes; // of the journal, and of the file
    private bool isGivenUp;

    private PlacesFile(FileStream file, string stream) =>
        (this.file, before) = (file, SHA256.HashData(Utf8.GetBytes("LPL1" + stream)));

    /// <summary>Opens the file, or makes an empty one, in a folder whose lock the caller holds.</summary>
    /// <param name="stream">The server's stream whose events they are.</param>
    public static PlacesFile Open(string directory, string stream) => new(new FileStream(PathIn(directory),
        FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 0), stream);

    /// <summary>Forgets what the folder knows: an opening then reads the whole journal.</summary>
    public static void Forget(string directory) => File.Delete(PathIn(directory));

    private static string PathIn(string directory) => Path.Combine(directory, ServerHead.PlacesFileName);

    /// <summary>Whether there is enough for a block.</summary>
    public bool IsDue => places.Count >= BlockEvents;

    /// <summary>
    /// Gives the blocks that are whole, in order, as far as none ends behind a length; what follows is cut off, and
    /// what is added goes on from there.
    /// </summary>
    public void Load(long lengthMax, Action<PlacesBlock> taken)
    {
        while (Next() is { } body && PlacesBlock.Read(body) is { } block && block.First == length
            && block.Length <= lengthMax)
        {
            taken(block);
            (length, before) = (block.Length, DigestOf(body));
            bytes += sizeof(int) + body.Length + before.Length;
        }
        file.SetLength(bytes);
    }

    /// <summary>The body of the block that comes next; null where none is whole.</summary>
    private byte[]? Next()
    {
        Span<byte> count = stackalloc byte[sizeof(int)];
        if (Filled(count, bytes) && BinaryPrimitives.ReadInt32BigEndian(count) is var bodyBytes
            && bodyBytes >= 0 && bodyBytes <= file.Length - bytes)
        {
            var (body, digest) = (new byte[bodyBytes], new byte[SHA256.HashSizeInBytes]);
            if (Filled(body, bytes + count.Length) && Filled(digest, bytes + count.Length + bodyBytes)
                && digest.AsSpan().SequenceEqual(DigestOf(body))) return body;
        }
        return null;
    }

    private bool Filled(Span<byte> into, long from)
    {
        while (!into.IsEmpty)
        {
            var read = RandomAccess.Read(file.SafeFileHandle, into, from);
            if (read == 0) return false;
            into = into[read..];
            from += read;
        }
        return true;
    }

    private byte[] DigestOf(byte[] body)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        digest.AppendData(before);
        digest.AppendData(body);
        return digest.GetHashAndReset();
    }

    /// <summary>Adds the event that comes next; it is in the file after <see cref="Write"/>.</summary>
    /// <param name="key">The number of its stream, from 0 in the order in which the streams began.</param>
    /// <param name="newStream">The stream's name where the event begins it.</param>
    public void Add(EventId id, int key, string? newStream)
    {
        if (isGivenUp) return;
        if (newStream is not null) names.Add(newStream);
        places.Add((key, id));
    }

    /// <summary>Writes a block of what was added, all of it acknowledged. Where it cannot be written the journal goes
    /// on without: an opening then reads more.</summary>
    /// <param name="frontier">That of the tree over all events that were added.</param>
    /// <param name="recordedAt">The highest of them.</param>
    public void Write(ReadOnlySpan<byte> frontier, Instant recordedAt)
    {
        if (isGivenUp) return;
        var body = Body(frontier, recordedAt);
        var digest = DigestOf(body);
        var block = new byte[sizeof(int) + body.Length + digest.Length];
        BinaryPrimitives.WriteInt32BigEndian(block, body.Length);
        body.CopyTo(block, sizeof(int));
        digest.CopyTo(block, sizeof(int) + body.Length);
        try
        {
            RandomAccess.Write(file.SafeFileHandle, block, bytes);
        }
        catch (IOException)
        {
            isGivenUp = true; // what is added behind a broken block would not be found
        }
        (length, before, bytes) = (length + places.Count, digest, bytes + block.Length);
        places.Clear();
        names.Clear();
    }

    private byte[] Body(ReadOnlySpan<byte> frontier, Instant recordedAt)
    {
        var body = new byte[HeadBytes + names.Sum(name => sizeof(ushort) + Utf8.GetByteCount(name))
            + (places.Count * PlaceBytes) + frontier.Length];
        BinaryPrimitives.WriteInt64BigEndian(body, length);
        BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(8), places.Count);
        BinaryPrimitives.WriteInt64BigEndian(body.AsSpan(12), recordedAt.ToUnixTimeTicks());
        BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(20), names.Count);
        var rest = body.AsSpan(HeadBytes);
        foreach (var name in names)
        {
            var written = Utf8.GetBytes(name, rest[sizeof(ushort)..]);
            BinaryPrimitives.WriteUInt16BigEndian(rest, checked((ushort)written));
            rest = rest[(sizeof(ushort) + written)..];
        }
        foreach (var (key, id) in places)
        {
            BinaryPrimitives.WriteInt32BigEndian(rest, key);
            id.CopyTo(rest[sizeof(int)..]);
            rest = rest[PlaceBytes..];
        }
        frontier.CopyTo(rest);
        return body;
    }

    public void Dispose() => file.Dispose();

    /// <summary>A block as it is read.</summary>
    /// <param name="First">The position of its first event.</param>
    /// <param name="Names">Of the streams that begin in it.</param>
    /// <param name="RecordedAt">The highest so far.</param>
    /// <param name="Frontier">Of the tree over all events up to its last.</param>
    internal sealed record PlacesBlock(
        long First, Instant RecordedAt, IReadOnlyList<string> Names, ReadOnlyMemory<byte> Places,
        ReadOnlyMemory<byte> Frontier)
    {
        public int Events => Places.Length / PlaceBytes;
        public long Length => First + Events;

        /// <summary>An event's id, and the number of its stream.</summary>
        public (int Key, EventId Id) this[int number]
        {
            get
            {
                var place = Places.Span.Slice(number * PlaceBytes, PlaceBytes);
                return (BinaryPrimitives.ReadInt32BigEndian(place), EventId.Of(place[sizeof(int)..]));
            }
        }

        /// <summary>The block of a body whose digest is right; null where this program has not written it.</summary>
        public static PlacesBlock? Read(byte[] body)
        {
            if (body.Length < HeadBytes) return null;
            var first = BinaryPrimitives.ReadInt64BigEndian(body);
            var events = BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(8));
            var recordedAt = Instant.FromUnixTimeTicks(BinaryPrimitives.ReadInt64BigEndian(body.AsSpan(12)));
            var names = new string[BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(20))];
            var at = HeadBytes;
            for (var i = 0; i < names.Length; i++)
            {
                var count = BinaryPrimitives.ReadUInt16BigEndian(body.AsSpan(at));
                names[i] = Utf8.GetString(body, at + sizeof(ushort), count);
                at += sizeof(ushort) + count;
            }
            var frontier = at + (events * PlaceBytes);
            return body.Length - frontier == BitOperations.PopCount((ulong)(first + events)) * MerkleTree.HashBytes
                ? new(first, recordedAt, names, body.AsMemory(at..frontier), body.AsMemory(frontier..)) : null;
        }
    }
}
