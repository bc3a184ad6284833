using Ledger.Domain;

namespace Ledger.Ingest.Frames;

/// <summary>
/// The number of a frame, apart from all else that it says: a sender that goes on in a new session numbers from 0 again
/// what it could not bring through before.
/// </summary>
public static class FrameNumbering
{
    /// <summary>Kind and entry count stand before the number.</summary>
    private const int NumberAt = 3;

    /// <summary>Bytes by which a frame may grow that is numbered anew.</summary>
    public const int GrowthBytesMax = 8;

    /// <summary>The same frame with another number, in memory of its own. Throws <see cref="InputRefusedException"/>
    /// where the bytes do not begin as a frame does.</summary>
    public static byte[] Numbered(ReadOnlySpan<byte> frame, long sequence)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sequence);
        var old = FrameNumbers.Bytes((ulong)FrameReader.Open(frame).Head.Sequence);
        var bytes = new byte[frame.Length - old + FrameNumbers.Bytes((ulong)sequence)];
        frame[..NumberAt].CopyTo(bytes);
        var length = FrameNumbers.Write(bytes.AsSpan(NumberAt), (ulong)sequence);
        frame[(NumberAt + old)..].CopyTo(bytes.AsSpan(NumberAt + length));
        return bytes;
    }

    /// <summary>
    /// The same frame, sent again: with another number, and with the sender's time of now. A frame that keeps the time
    /// at which it was sent first looks, when it arrives, as if the sender's clock were behind.
    /// </summary>
    /// <param name="laterMicroseconds">How much later it is sent than it was first.</param>
    public static byte[] SentAgain(ReadOnlySpan<byte> frame, long sequence, long laterMicroseconds)
    {
        var head = FrameReader.Open(frame).Head;
        var room = new byte[Math.Min(Limits.FrameBytesMax, frame.Length + FrameWriter.HeadBytesMax)];
        var length = head.Kind switch
        {
            FrameKind.Announce => Announced(frame, room, sequence, head.SentAtMicroseconds + laterMicroseconds),
            FrameKind.Samples => Sampled(frame, room, sequence, head.SentAtMicroseconds + laterMicroseconds),
            _ => 0, // their times are not judged by the clock
        };
        return length > 0 ? room[..length] : Numbered(frame, sequence);
    }

    private static int Announced(ReadOnlySpan<byte> frame, Span<byte> room, long sequence, long sentAt)
    {
        var reader = FrameReader.Open(frame);
        if (!reader.TryRead(out Announcement entry)) return 0;
        var writer = FrameWriter.Announce(room, sequence, sentAt, entry.Stream);
        do
            if (!writer.TryAdd(entry)) return 0;
        while (reader.TryRead(out entry));
        return writer.Finish();
    }

    private static int Sampled(ReadOnlySpan<byte> frame, Span<byte> room, long sequence, long sentAt)
    {
        var reader = FrameReader.Open(frame);
        var writer = FrameWriter.Samples(room, sequence, sentAt, reader.Head.Units);
        var samples = new PowerSample[Limits.SamplesPerBlockMax];
        while (reader.TryRead(samples, out var block))
            if (!writer.TryAdd(block.Stream, samples.AsSpan(0, block.Count))) return 0;
        return writer.Finish();
    }
}
