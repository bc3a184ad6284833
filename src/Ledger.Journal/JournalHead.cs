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
    private const int Slots = 2;
    private const int SlotDistance = 4096; // one page each, so that no torn sector can hold both
    private readonly FileStream file;
    private ulong generation;

    private JournalHead(FileStream file) => this.file = file;

    /// <summary>What is acknowledged.</summary>
    public Acknowledged Now { get; private set; } = new(0, new MerkleTree().Root());

    /// <summary>Opens the head, or makes that of an empty journal.</summary>
    /// <param name="isWrittenThrough">Whether a write returns when it is on the disk.</param>
    public static JournalHead Open(string directory, bool isWrittenThrough = true)
    {
        // WriteThrough (O_SYNC) because .NET's Flush(true) swallows the errors of fsync on Linux.
        var head = new JournalHead(new FileStream(Path.Combine(directory, FileName), FileMode.OpenOrCreate,
            FileAccess.ReadWrite, FileShare.Read, 0, isWrittenThrough ? FileOptions.WriteThrough : FileOptions.None));
        try
        {
            if (head.file.Length > 0)
            {
                (head.generation, head.Now) = Load(head.file) ?? throw Damaged();
                head.generation--; // the same slot once more: see DurableFiles.WriteAgain
                head.Write(head.Now);
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

    /// <summary>Writes the older slot and returns when it is on the disk, where it is written through.</summary>
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
        (ulong Generation, Acknowledged Acknowledged)? newer = null;
        for (var i = 0; i < Slots; i++)
            if (Slot(file, i) is { } intact && (newer is null || intact.Generation > newer.Value.Generation))
                newer = intact;
        return newer;
    }

    /// <summary>What a slot says, null where it is not intact.</summary>
    private static (ulong Generation, Acknowledged Acknowledged)? Slot(FileStream file, int number)
    {
        Span<byte> slot = stackalloc byte[SlotBytes];
        slot.Clear();
        RandomAccess.Read(file.SafeFileHandle, slot, (long)number * SlotDistance);
        if (!slot[..4].SequenceEqual("LHD1"u8) || !SHA256.HashData(slot[..52]).AsSpan().SequenceEqual(slot[52..]))
            return null;
        return (BinaryPrimitives.ReadUInt64BigEndian(slot[4..]),
            new(BinaryPrimitives.ReadInt64BigEndian(slot[12..]), slot[20..52].ToArray()));
    }

    /// <summary>
    /// Both slots for whoever verifies the file, null where one is not intact,
    /// and the first byte that belongs to neither and is not zero. Nothing where there is no file.
    /// </summary>
    internal static (IReadOnlyList<Acknowledged?> Slots, long? Stray) ReadAll(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) return ([], null);
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 0);
        // Once more: the owner may just have been writing the one.
        var slots = Enumerable.Range(0, Slots)
            .Select(number => (Slot(file, number) ?? Slot(file, number))?.Acknowledged).ToList();
        var bytes = new byte[file.Length];
        RandomAccess.Read(file.SafeFileHandle, bytes, 0);
        var stray = Enumerable.Range(0, bytes.Length).FirstOrDefault(
            at => bytes[at] != 0 && (at % SlotDistance >= SlotBytes || at / SlotDistance >= Slots), -1);
        return (slots, stray < 0 ? null : stray);
    }

    private static JournalRefusedException Damaged() => new($"both slots of {FileName} are damaged");

    public void Dispose() => file.Dispose();
}
