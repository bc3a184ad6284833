using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Ledger.Journal;

/// <summary>The data folder is not what it was left as; a person decides what to do (`ledger recover`).</summary>
public sealed class JournalRefusedException(string message) : Exception(message);

/// <summary>How far the journal was acknowledged, and the root over those events.</summary>
public sealed record Acknowledged(long Length, byte[] Root)
{
    /// <summary>Refuses a journal that holds less than was acknowledged, or something else.</summary>
    /// <param name="found">The journal's tree.</param>
    /// <param name="rootAt">The root over the first so many events of the journal.</param>
    internal void Verify(MerkleTree found, Func<long, byte[]> rootAt)
    {
        if (found.Size < Length)
            throw new JournalRefusedException(
                $"the journal ends at position {found.Size} but was acknowledged up to position {Length}");
        var root = found.Size == Length ? found.Root() : rootAt(Length);
        if (!root.AsSpan().SequenceEqual(Root))
            throw new JournalRefusedException(
                $"the journal's root at position {Length} is {Convert.ToHexStringLower(root)} but "
                + $"{Convert.ToHexStringLower(Root)} was acknowledged");
    }
}

/// <summary>
/// The file journal.head: how far the journal was acknowledged, and its root there. SQLite drops the tail of a damaged
/// write-ahead log without a word, so a batch is acknowledged only after this file has been written through. Two slots
/// are written in turn, so that a torn write leaves the other. A slot: "LHD1", u64 generation, u64 length, 32 bytes
/// root, 32 bytes SHA-256 of what precedes; all big-endian; slot 0 at byte 0, slot 1 at byte 4096.
/// </summary>
public sealed class JournalHead : IDisposable
{
    public const string FileName = "journal.head";
    private const int SlotBytes = 84;
    private const int SlotDistance = 4096; // one page each, so that no torn sector can hold both
    private readonly FileStream file;
    private ulong generation;

    private JournalHead(FileStream file) => this.file = file;

    /// <summary>What is acknowledged.</summary>
    public Acknowledged Now { get; private set; } = new(0, new MerkleTree().Root());

    /// <summary>Opens the head, or makes that of an empty journal.</summary>
    public static JournalHead Open(string directory)
    {
        // WriteThrough (O_SYNC) because .NET's Flush(true) swallows the errors of fsync on Linux.
        var head = new JournalHead(new FileStream(Path.Combine(directory, FileName), FileMode.OpenOrCreate,
            FileAccess.ReadWrite, FileShare.Read, 0, FileOptions.WriteThrough));
        try
        {
            if (head.file.Length > 0)
            {
                (head.generation, head.Now) = Load(head.file) ?? throw Damaged();
                return head;
            }
            head.Write(head.Now);
            head.Write(head.Now);
            DurableFiles.SyncDirectory(directory);
            return head;
        }
        catch
        {
            head.Dispose();
            throw;
        }
    }

    /// <summary>What the head says, also beside the owner that writes it; null where there is none.</summary>
    public static Acknowledged? Read(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) return null;
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 0);
        // Once more: the owner may just have been writing one slot, and then the other.
        return file.Length == 0 ? null : (Load(file) ?? Load(file) ?? throw Damaged()).Acknowledged;
    }

    /// <summary>Writes the older slot and returns when it is on the disk.</summary>
    public void Write(Acknowledged next)
    {
        generation++;
        Span<byte> slot = stackalloc byte[SlotBytes];
        "LHD1"u8.CopyTo(slot);
        BinaryPrimitives.WriteUInt64BigEndian(slot[4..], generation);
        BinaryPrimitives.WriteInt64BigEndian(slot[12..], next.Length);
        next.Root.CopyTo(slot[20..]);
        SHA256.HashData(slot[..52], slot[52..]);
        RandomAccess.Write(file.SafeFileHandle, slot, (long)(generation % 2) * SlotDistance);
        Now = next;
    }

    /// <summary>The newer of the intact slots; null where neither is intact.</summary>
    private static (ulong Generation, Acknowledged Acknowledged)? Load(FileStream file)
    {
        Span<byte> slot = stackalloc byte[SlotBytes];
        (ulong Generation, Acknowledged Acknowledged)? newer = null;
        for (var i = 0; i < 2; i++)
        {
            slot.Clear();
            RandomAccess.Read(file.SafeFileHandle, slot, (long)i * SlotDistance);
            if (!slot[..4].SequenceEqual("LHD1"u8) || !SHA256.HashData(slot[..52]).AsSpan().SequenceEqual(slot[52..])) continue;
            var generation = BinaryPrimitives.ReadUInt64BigEndian(slot[4..]);
            if (newer is null || generation > newer.Value.Generation)
                newer = (generation, new(BinaryPrimitives.ReadInt64BigEndian(slot[12..]), slot[20..52].ToArray()));
        }
        return newer;
    }

    private static JournalRefusedException Damaged() => new($"both slots of {FileName} are damaged");

    public void Dispose() => file.Dispose();
}
