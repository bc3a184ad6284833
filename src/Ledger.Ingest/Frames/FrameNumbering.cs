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
}
