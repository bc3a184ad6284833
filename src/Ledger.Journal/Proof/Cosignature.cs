using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Ledger.Journal.Proof;

/// <summary>
/// cosignature/v1 of c2sp.org/tlog-cosignature: a witness says when it saw a checkpoint that continues all it had seen.
/// The signature is u64 Unix seconds, big-endian, and Ed25519 over the time and the note's text.
/// </summary>
public static class Cosignature
{
    private const int TimeBytes = 8;

    internal static byte[] Message(long unixSeconds, string text) => Encoding.UTF8.GetBytes(
        string.Create(CultureInfo.InvariantCulture, $"cosignature/v1\ntime {unixSeconds}\n") + text);

    internal static byte[] Bytes(long unixSeconds, byte[] ed25519)
    {
        var bytes = new byte[TimeBytes + ed25519.Length];
        BinaryPrimitives.WriteInt64BigEndian(bytes, unixSeconds);
        ed25519.CopyTo(bytes, TimeBytes);
        return bytes;
    }

    /// <summary>The time and the Ed25519 signature; false where the bytes are no such signature.</summary>
    public static bool TryRead(byte[] signature, out long unixSeconds, out byte[] ed25519)
    {
        (unixSeconds, ed25519) = (0, []);
        if (signature.Length != TimeBytes + Ed25519Signature.SignatureBytes) return false;
        (unixSeconds, ed25519) = (BinaryPrimitives.ReadInt64BigEndian(signature), signature[TimeBytes..]);
        return unixSeconds >= 0;
    }
}
