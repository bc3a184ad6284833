using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Ledger.Domain;

namespace Ledger.Ingest.Frames;

/// <summary>A frame as the log has it: the session that sent it, and when it was received (Unix µs).</summary>
public readonly record struct LoggedFrame(long Session, long ReceivedAtMicroseconds, ReadOnlyMemory<byte> Bytes);

/// <summary>
/// The head of a block, 104 bytes, all little-endian: "LFB1", u32 bytes of the body, i64 receipt of the first frame,
/// i64 earliest and i64 latest time of the frames (Unix µs), u32 frames, a byte with a bit for each kind of frame in
/// it, a byte that is 1 where the block repeats announcements in force, two zeros, 32 bytes digest (SHA-256 of the 40
/// bytes before it and of the body), 32 bytes chain (SHA-256 of the chain after the block before and of the digest).
/// </summary>
public readonly record struct FrameBlockHead(
    int BodyBytes, long ReceivedAtMicroseconds, long EarliestMicroseconds, long LatestMicroseconds, int Frames,
    byte Kinds, bool IsCarried)
{
    internal const int Bytes = DigestAt + (2 * SHA256.HashSizeInBytes), DigestAt = 40,
        ChainAt = DigestAt + SHA256.HashSizeInBytes;

    /// <summary>Largest body, in bytes: one write of the log.</summary>
    public const int BodyBytesMax = 64 * 1024 * 1024;

    private static ReadOnlySpan<byte> Magic => "LFB1"u8;

    /// <summary>Whether the block has a frame of a kind.</summary>
    public bool Has(FrameKind kind) => (Kinds >> (int)kind & 1) != 0;

    internal void Write(Span<byte> head)
    {
        Magic.CopyTo(head);
        BinaryPrimitives.WriteInt32LittleEndian(head[4..], BodyBytes);
        BinaryPrimitives.WriteInt64LittleEndian(head[8..], ReceivedAtMicroseconds);
        BinaryPrimitives.WriteInt64LittleEndian(head[16..], EarliestMicroseconds);
        BinaryPrimitives.WriteInt64LittleEndian(head[24..], LatestMicroseconds);
        BinaryPrimitives.WriteInt32LittleEndian(head[32..], Frames);
        (head[36], head[37], head[38], head[39]) = (Kinds, IsCarried ? (byte)1 : (byte)0, 0, 0);
    }

    /// <summary>The head in these bytes; null where they are none.</summary>
    internal static FrameBlockHead? Read(ReadOnlySpan<byte> head)
    {
        if (!head.StartsWith(Magic) || head[37] > 1) return null;
        var read = new FrameBlockHead(BinaryPrimitives.ReadInt32LittleEndian(head[4..]),
            BinaryPrimitives.ReadInt64LittleEndian(head[8..]), BinaryPrimitives.ReadInt64LittleEndian(head[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(head[24..]), BinaryPrimitives.ReadInt32LittleEndian(head[32..]),
            head[36], head[37] == 1);
        return read.BodyBytes is > 0 and <= BodyBytesMax && read.Frames > 0 ? read : null;
    }
}

/// <summary>
/// One group commit of the log, verified: its digest is that of its bytes, and its chain continues the one before. The
/// body has for each frame its session, when it was received (signed, from the block's), its length, and its bytes.
/// </summary>
public sealed class FrameBlock
{
    private FrameBlock(FrameAddress address, FrameBlockHead head, ReadOnlyMemory<byte> bytes, byte[] chainBefore,
        IReadOnlyList<LoggedFrame> frames) =>
        (Address, Head, Bytes, ChainBefore, Frames) = (address, head, bytes, chainBefore, frames);

    public FrameAddress Address { get; }
    public FrameBlockHead Head { get; }
    /// <summary>The whole block as it was written, head and body.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }
    /// <summary>The chain before this block; of the log's first 32 zeros.</summary>
    public ReadOnlyMemory<byte> ChainBefore { get; }
    public IReadOnlyList<LoggedFrame> Frames { get; }
    /// <summary>How many samples its frames have, of a block that was just made; of one that was read, 0.</summary>
    internal long Samples { get; private init; }
    public ReadOnlyMemory<byte> Digest => Bytes.Slice(FrameBlockHead.DigestAt, SHA256.HashSizeInBytes);
    public ReadOnlyMemory<byte> ChainAfter => Bytes.Slice(FrameBlockHead.ChainAt, SHA256.HashSizeInBytes);

    /// <summary>Where the next block of the segment begins.</summary>
    public FrameAddress Next => Address with { Offset = Address.Offset + Bytes.Length };

    /// <summary>A block that was just made, so that nothing of it is in doubt.</summary>
    internal static FrameBlock Finished(FrameAddress address, in FrameBlockHead head, ReadOnlyMemory<byte> bytes,
        byte[] chainBefore, IReadOnlyList<LoggedFrame> frames, long samples) =>
        new(address, head, bytes, chainBefore, frames) { Samples = samples };

    /// <summary>The block in these bytes; null, with the reason, where its bytes are not what was written.</summary>
    internal static FrameBlock? Read(
        FrameAddress address, ReadOnlyMemory<byte> bytes, byte[] chainBefore, out string damage)
    {
        damage = "";
        if (FrameBlockHead.Read(bytes.Span) is not { } head || head.BodyBytes != bytes.Length - FrameBlockHead.Bytes)
            damage = "no head of a block";
        else if (!Digested(bytes.Span).SequenceEqual(bytes.Span.Slice(FrameBlockHead.DigestAt, 32)))
            damage = "the digest is not that of the block";
        else if (!Chained(chainBefore, bytes.Span.Slice(FrameBlockHead.DigestAt, 32))
            .SequenceEqual(bytes.Span.Slice(FrameBlockHead.ChainAt, 32)))
            damage = "the chain does not continue that of the block before";
        else if (Split(bytes[FrameBlockHead.Bytes..], head) is { } frames)
            return new(address, head, bytes, chainBefore, frames);
        else damage = "the body is not what the head says";
        return null;
    }

    /// <summary>The same block in other memory, which has room for it.</summary>
    internal FrameBlock CopiedInto(Memory<byte> room)
    {
        var copy = room[..Bytes.Length];
        Bytes.CopyTo(copy);
        var frames = new LoggedFrame[Frames.Count];
        MemoryMarshal.TryGetArray(Bytes, out var whole);
        for (var i = 0; i < frames.Length; i++)
        {
            MemoryMarshal.TryGetArray(Frames[i].Bytes, out var part);
            frames[i] = Frames[i] with { Bytes = copy.Slice(part.Offset - whole.Offset, part.Count) };
        }
        return new(Address, Head, copy, ChainBefore.ToArray(), frames) { Samples = Samples };
    }

    internal static ReadOnlySpan<byte> Digested(ReadOnlySpan<byte> block)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(block[..FrameBlockHead.DigestAt]);
        hash.AppendData(block[FrameBlockHead.Bytes..]);
        return hash.GetHashAndReset();
    }

    /// <summary>The chain after a block.</summary>
    public static byte[] Chained(ReadOnlySpan<byte> before, ReadOnlySpan<byte> digest) =>
        SHA256.HashData([.. before, .. digest]);

    private static List<LoggedFrame>? Split(ReadOnlyMemory<byte> body, in FrameBlockHead head)
    {
        var frames = new List<LoggedFrame>();
        try
        {
            var cursor = new FrameCursor(body.Span);
            while (!cursor.IsAtEnd)
            {
                var session = cursor.Number("session", long.MaxValue);
                var receivedAt = head.ReceivedAtMicroseconds
                    + cursor.Signed("received at", Limits.FrameTimeMicrosecondsEnd);
                var length = (int)cursor.Number("length", Limits.FrameBytesMax);
                cursor.Skip(length, "frame");
                frames.Add(new(session, receivedAt, body.Slice(cursor.At - length, length)));
            }
        }
        catch (InputRefusedException)
        {
            return null; // a block whose digest is right was written so by somebody else
        }
        return frames.Count == head.Frames ? frames : null;
    }
}
