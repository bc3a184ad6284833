using System.Buffers.Binary;
using System.Security.Cryptography;
using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>
/// Raw evidence, as received, addressed by its SHA-256 digest; kept once, in append-only segments. Frames may name
/// persons, so they lie encrypted (<see cref="EvidenceSeal"/>).
/// </summary>
public sealed class EvidenceArchive : IDisposable
{
    public const string FolderName = "evidence";
    private const int HeadBytes = EvidenceSeal.HeadBytes, TagBytes = EvidenceSeal.TagBytes;
    private const long SegmentBytesMax = 256L * 1024 * 1024;
    private readonly string directory;
    private readonly FileAccess access;
    private readonly EvidenceSeal seal;
    private readonly Lock gate = new();
    private readonly Dictionary<EvidenceDigest, (int Segment, long Offset, int Length)> index = [];
    private readonly List<FileStream> segments = [];
    private readonly List<long> wholeBytes = []; // of each segment when it was opened

    private EvidenceArchive(string directory, byte[] secret, FileAccess access) =>
        (this.directory, this.access, seal) = (directory, access, new EvidenceSeal(secret));

    /// <summary>Opens the archive in the folder <c>evidence</c> of the data folder,
    /// whose owner the caller is.</summary>
    public static EvidenceArchive Open(string dataDirectory, byte[] secret)
    {
        DurableFiles.CreateDirectory(Path.Combine(dataDirectory, FolderName));
        return Open(dataDirectory, secret, FileAccess.ReadWrite);
    }

    /// <summary>
    /// Opens what is there, beside its owner too, and changes nothing. Opened after the journal it has the evidence of
    /// every fact that the journal shows.
    /// </summary>
    public static EvidenceArchive OpenForReading(string dataDirectory, byte[] secret) =>
        Open(dataDirectory, secret, FileAccess.Read);

    private static EvidenceArchive Open(string dataDirectory, byte[] secret, FileAccess access)
    {
        var archive = new EvidenceArchive(Path.Combine(dataDirectory, FolderName), secret, access);
        try
        {
            while (File.Exists(archive.SegmentPath(archive.segments.Count)))
                archive.Scan(archive.OpenSegment(), File.Exists(archive.SegmentPath(archive.segments.Count)));
            return archive;
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    /// <summary>Keeps the bytes, durably, and returns their name;
    /// bytes that are there already are not kept twice.</summary>
    public EvidenceDigest Put(ReadOnlySpan<byte> evidence)
    {
        if (access == FileAccess.Read) throw new InvalidOperationException("the evidence is open for reading only");
        var hash = SHA256.HashData(evidence);
        var digest = new EvidenceDigest(Convert.ToHexStringLower(hash));
        lock (gate)
        {
            if (index.ContainsKey(digest)) return digest;
            var record = seal.Seal(hash, evidence);
            if (segments.Count == 0 || segments[^1].Length >= SegmentBytesMax)
            {
                OpenSegment();
                DurableFiles.SyncDirectory(directory);
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
            return Unseal(digest, at) ?? throw new InvalidDataException($"evidence {digest} is damaged");
        }
    }

    /// <summary>The bytes of a record; null where they are cut short or changed.</summary>
    private byte[]? Unseal(EvidenceDigest digest, (int Segment, long Offset, int Length) at)
    {
        var record = new byte[HeadBytes + at.Length + TagBytes];
        return RandomAccess.Read(segments[at.Segment].SafeFileHandle, record, at.Offset) == record.Length
            ? seal.Open(Convert.FromHexString(digest.Hex), record.AsSpan(HeadBytes))
            : null;
    }

    /// <summary>The segments as they were opened, each with its bytes up to the end of the last whole record.</summary>
    internal IEnumerable<(string Path, long Bytes)> Whole =>
        segments.Zip(wholeBytes, (segment, bytes) => (segment.Name, bytes));

    /// <summary>The segments of a data folder, in order.</summary>
    internal static IEnumerable<string> Segments(string dataDirectory) =>
        Enumerable.Range(0, int.MaxValue).Select(number => SegmentPath(Path.Combine(dataDirectory, FolderName), number))
            .TakeWhile(File.Exists);

    private string SegmentPath(int number) => SegmentPath(directory, number);
    private static string SegmentPath(string directory, int number) => Path.Combine(directory, $"{number:D6}.segment");

    // WriteThrough (O_SYNC) because .NET's Flush(true) swallows the errors of fsync on Linux.
    private FileStream OpenSegment()
    {
        var (mode, share) = access == FileAccess.Read
            ? (FileMode.Open, FileShare.ReadWrite) : (FileMode.OpenOrCreate, FileShare.Read);
        segments.Add(new FileStream(SegmentPath(segments.Count), mode, access, share, 0, FileOptions.WriteThrough));
        return segments[^1];
    }

    /// <summary>
    /// Indexes a segment. What a crash interrupted stands at the very end of the last one and was never acknowledged:
    /// an incomplete record, which its owner cuts off, or a complete one whose bytes did not reach the disk, which does
    /// not count as kept. A damaged head anywhere else is refused.
    /// </summary>
    private void Scan(FileStream segment, bool isFollowed)
    {
        var head = new byte[HeadBytes];
        var (offset, end) = (0L, segment.Length);
        EvidenceDigest? last = null;
        while (offset < end)
        {
            var isWhole = RandomAccess.Read(segment.SafeFileHandle, head, offset) == HeadBytes
                && (head.AsSpan().ContainsAnyExcept((byte)0) || !IsUnwritten(segment, offset));
            if (isWhole && !EvidenceSeal.IsHead(head)) throw Damaged();
            var length = isWhole ? BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4)) : 0;
            if (!isWhole || offset + HeadBytes + length + TagBytes > end)
            {
                if (isFollowed) throw Damaged();
                if (access != FileAccess.Read) segment.SetLength(offset);
                break;
            }
            last = new EvidenceDigest(Convert.ToHexStringLower(head.AsSpan(8, 32)));
            index[last.Value] = (segments.Count - 1, offset, length); // of two the later: the earlier was not kept
            offset += HeadBytes + length + TagBytes;
        }
        wholeBytes.Add(offset);
        if (!isFollowed && last is { } latest && Unseal(latest, index[latest]) is null) index.Remove(latest);

        InvalidDataException Damaged() => new($"{segment.Name} is damaged at byte {offset}");
    }

    /// <summary>Whether nothing but zeros follows: the file grew before the crash,
    /// but its bytes were not written.</summary>
    private static bool IsUnwritten(FileStream segment, long offset)
    {
        var bytes = new byte[64 * 1024];
        for (int read; (read = RandomAccess.Read(segment.SafeFileHandle, bytes, offset)) > 0; offset += read)
            if (bytes.AsSpan(0, read).ContainsAnyExcept((byte)0)) return false;
        return true;
    }

    public void Dispose()
    {
        foreach (var segment in segments) segment.Dispose();
        seal.Dispose();
    }
}
