using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Ledger.Ingest.Frames;

/// <summary>How far a frame log was acknowledged: the end of its last block, and the chain there.</summary>
public sealed record AcknowledgedFrames(FrameAddress End, byte[] Chain);

/// <summary>
/// The file frames.head, written after each block and before its frames are acknowledged: by it a torn end, which was
/// never acknowledged, is told from a lost one. Two slots, written in turn, so that a torn write leaves the other; slot
/// 0 at byte 0, slot 1 at byte 4096. A slot, little-endian: "LFH1", u32 segment, i64 byte, u64 generation, 32 bytes
/// chain, 32 bytes SHA-256 of what precedes.
/// </summary>
internal sealed class FrameLogHead : IDisposable
{
    public const string FileName = "frames.head";
    private const int SlotBytes = DigestAt + SHA256.HashSizeInBytes, DigestAt = 24 + SHA256.HashSizeInBytes;
    private const int SlotDistance = 4096; // one page each, so that no torn sector can hold both
    private readonly Stream file;
    private readonly byte[] slot = new byte[SlotBytes];
    private ulong generation;

    /// <summary>Takes the head of a log.</summary>
    /// <param name="file">Its file, which it owns from now on.</param>
    /// <param name="isNew">That there is no segment yet: a crash may have torn the first slots.</param>
    public FrameLogHead(Stream file, bool isNew)
    {
        this.file = file;
        if (Newest(file) is { } newest)
        {
            (generation, Now) = newest;
            generation--; // the same slot once more: see DurableFiles.WriteAgain
            Write(Now);
        }
        else if (!isNew) throw Damaged();
        else for (var slot = 0; slot < 2; slot++) Write(Now);
    }

    /// <summary>What is acknowledged; before the first block the byte 0 of segment 0.</summary>
    public AcknowledgedFrames Now { get; private set; } = new(default, new byte[SHA256.HashSizeInBytes]);

    /// <summary>What the head of a log says that has a segment, also beside the owner that writes it.</summary>
    public static AcknowledgedFrames Read(string folder)
    {
        using var file = new FileStream(Path.Combine(folder, FileName), FileMode.Open, FileAccess.Read,
            FileShare.ReadWrite | FileShare.Delete, 0);
        // Once more: the owner may just have been writing one slot, and then the other.
        return (Newest(file) ?? Newest(file) ?? throw Damaged()).Now;
    }

    /// <summary>Writes the older slot and returns when it is on the disk.</summary>
    public void Write(AcknowledgedFrames next)
    {
        generation++;
        "LFH1"u8.CopyTo(slot);
        BinaryPrimitives.WriteInt32LittleEndian(slot.AsSpan(4), next.End.Segment);
        BinaryPrimitives.WriteInt64LittleEndian(slot.AsSpan(8), next.End.Offset);
        BinaryPrimitives.WriteUInt64LittleEndian(slot.AsSpan(16), generation);
        next.Chain.CopyTo(slot.AsSpan(24));
        SHA256.HashData(slot.AsSpan(0, DigestAt), slot.AsSpan(DigestAt));
        file.Position = (long)(generation % 2) * SlotDistance;
        file.Write(slot);
        Now = next;
    }

    private static FrameLogDamagedException Damaged() => new(FileName, 0, "neither slot is whole");

    /// <summary>The newer of the intact slots; null where neither is.</summary>
    private static (ulong Generation, AcknowledgedFrames Now)? Newest(Stream file)
    {
        (ulong Generation, AcknowledgedFrames Now)? newest = null;
        var bytes = new byte[SlotBytes];
        for (var slot = 0; slot < 2; slot++)
        {
            file.Position = slot * SlotDistance;
            if (file.ReadAtLeast(bytes, SlotBytes, throwOnEndOfStream: false) < SlotBytes
                || !bytes.AsSpan().StartsWith("LFH1"u8)
                || !SHA256.HashData(bytes.AsSpan(0, DigestAt)).AsSpan().SequenceEqual(bytes.AsSpan(DigestAt))) continue;
            var generation = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(16));
            if (newest is null || generation > newest.Value.Generation)
                newest = (generation, new(new(BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4)),
                    BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8))), bytes[24..DigestAt]));
        }
        return newest;
    }

    public void Dispose() => file.Dispose();
}
