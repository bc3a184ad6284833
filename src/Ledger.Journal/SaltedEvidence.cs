using System.Security.Cryptography;
using System.Text;

namespace Ledger.Journal;

/// <summary>
/// Evidence that names somebody, as its digest is taken and as it is handed out: the line
/// <c>ledger-salted-evidence/1</c>, a line with 64 hex digits of salt, then the raw bytes. Without the salt nobody can
/// try from the digest, which stays after an erasure, what the evidence said. The salt is
/// HMAC-SHA256(HKDF(secret, "ledger evidence salt"), SHA-256(raw)): the same bytes have the same digest for ever, so a
/// retry is recognised after an erasure too. Whoever holds the ledger's secret can still try a guess of all the bytes.
/// </summary>
public static class SaltedEvidence
{
    private const int HashBytes = 32;

    private static ReadOnlySpan<byte> Head => "ledger-salted-evidence/1\n"u8;

    /// <summary>Where the raw bytes begin.</summary>
    private static int RawAt => Head.Length + 2 * HashBytes + 1;

    /// <summary>The key of all salts of a ledger.</summary>
    internal static byte[] SaltKey(byte[] secret) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, HashBytes, info: "ledger evidence salt"u8.ToArray());

    internal static byte[] Of(ReadOnlySpan<byte> saltKey, ReadOnlySpan<byte> raw)
    {
        var salted = new byte[RawAt + raw.Length];
        Head.CopyTo(salted);
        Encoding.ASCII.GetBytes(
            Convert.ToHexStringLower(HMACSHA256.HashData(saltKey, SHA256.HashData(raw))), salted.AsSpan(Head.Length));
        salted[RawAt - 1] = (byte)'\n';
        raw.CopyTo(salted.AsSpan(RawAt));
        return salted;
    }

    /// <summary>The raw bytes of evidence as it was handed out, salted or not.</summary>
    public static byte[] Raw(byte[] disclosed) =>
        disclosed.AsSpan().StartsWith(Head) && disclosed.Length >= RawAt && disclosed[RawAt - 1] == (byte)'\n'
            ? disclosed[RawAt..] : disclosed;
}
