using System.Buffers.Binary;
using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Ledger.Journal;

/// <summary>The journal is not what was acknowledged; a person decides what to do (`ledger recover`).</summary>
public sealed class JournalRefusedException(string message) : Exception(message);

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

    /// <summary>Acknowledged number of events.</summary>
    public long Length { get; private set; }

    /// <summary>Root over them.</summary>
    public byte[] Root { get; private set; } = new MerkleTree().Root();

    /// <summary>Opens the head; it is made only where the journal is empty.</summary>
    public static JournalHead Open(string directory, long journalLength)
    {
        var path = Path.Combine(directory, FileName);
        var existed = File.Exists(path);
        if (!existed && journalLength > 0)
            throw new JournalRefusedException($"{FileName} is missing beside a journal of {journalLength} events");
        // WriteThrough (O_SYNC) because .NET's Flush(true) swallows the errors of fsync on Linux.
        var head = new JournalHead(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 0, FileOptions.WriteThrough));
        try
        {
            if (existed && head.file.Length > 0)
            {
                head.Load();
            }
            else if (journalLength > 0)
            {
                throw new JournalRefusedException($"{FileName} is empty beside a journal of {journalLength} events");
            }
            else
            {
                head.Write(0, head.Root);
                head.Write(0, head.Root);
                DirectoryEntries.Sync(directory);
            }
            return head;
        }
        catch
        {
            head.Dispose();
            throw;
        }
    }

    /// <summary>Writes the older slot and returns when it is on the disk.</summary>
    public void Write(long length, byte[] root)
    {
        generation++;
        Span<byte> slot = stackalloc byte[SlotBytes];
        "LHD1"u8.CopyTo(slot);
        BinaryPrimitives.WriteUInt64BigEndian(slot[4..], generation);
        BinaryPrimitives.WriteInt64BigEndian(slot[12..], length);
        root.CopyTo(slot[20..]);
        SHA256.HashData(slot[..52], slot[52..]);
        RandomAccess.Write(file.SafeFileHandle, slot, (long)(generation % 2) * SlotDistance);
        (Length, Root) = (length, root);
    }

    private void Load()
    {
        Span<byte> slot = stackalloc byte[SlotBytes];
        var found = false;
        for (var i = 0; i < 2; i++)
        {
            slot.Clear();
            RandomAccess.Read(file.SafeFileHandle, slot, (long)i * SlotDistance);
            if (!slot[..4].SequenceEqual("LHD1"u8) || !SHA256.HashData(slot[..52]).AsSpan().SequenceEqual(slot[52..])) continue;
            var candidate = BinaryPrimitives.ReadUInt64BigEndian(slot[4..]);
            if (found && candidate < generation) continue;
            (found, generation) = (true, candidate);
            (Length, Root) = (BinaryPrimitives.ReadInt64BigEndian(slot[12..]), slot[20..52].ToArray());
        }
        if (!found) throw new JournalRefusedException($"both slots of {FileName} are damaged");
    }

    public void Dispose() => file.Dispose();
}

/// <summary>Makes the names in a directory durable: a new file is lost with its directory's entry.</summary>
internal static class DirectoryEntries
{
    private const int ReadOnly = 0; // O_RDONLY

    [DllImport("libc", EntryPoint = "open", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int OpenFile(string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int Fsync(int descriptor);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    private static extern int Close(int descriptor);

    public static void Sync(string directory)
    {
        if (OperatingSystem.IsWindows()) return; // NTFS journals its names
        var descriptor = OpenFile(directory, ReadOnly);
        if (descriptor < 0) throw new IOException($"open {directory}", new Win32Exception(Marshal.GetLastPInvokeError()));
        var failed = Fsync(descriptor) != 0;
        var error = Marshal.GetLastPInvokeError();
        if (Close(descriptor) != 0 && !failed) (failed, error) = (true, Marshal.GetLastPInvokeError());
        if (failed) throw new IOException($"fsync {directory}", new Win32Exception(error));
    }
}
