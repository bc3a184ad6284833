using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// 64 bits by which a frame that a sender sends again is told from another one, in a fraction of the time of a digest.
/// They are kept for a moment, are compared within one session only, and prove nothing: the digest of the block does.
/// Words are mixed by multiplying to 128 bits and folding the halves, from a seed that no sender knows.
/// </summary>
internal static class FrameFingerprint
{
    private const ulong Odd = 0x9E37_79B9_7F4A_7C15; // 2^64 divided by the golden ratio, made odd

    private static readonly ulong Seed =
        BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(ulong)));

    public static ulong Of(ReadOnlySpan<byte> frame)
    {
        unchecked
        {
            var mixed = Mix(Seed ^ (ulong)frame.Length, Odd);
            for (; frame.Length >= sizeof(ulong); frame = frame[sizeof(ulong)..])
                mixed = Mix(mixed ^ BinaryPrimitives.ReadUInt64LittleEndian(frame), Seed | Odd);
            Span<byte> rest = stackalloc byte[sizeof(ulong)];
            rest.Clear();
            frame.CopyTo(rest);
            return Mix(mixed ^ BinaryPrimitives.ReadUInt64LittleEndian(rest), Odd);
        }
    }

    private static ulong Mix(ulong one, ulong other)
    {
        var high = Math.BigMul(one, other, out var low);
        return high ^ low;
    }
}
