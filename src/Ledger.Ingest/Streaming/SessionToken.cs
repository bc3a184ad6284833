using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Ledger.Ingest.Streaming;

/// <summary>What shows that a sender's earlier session was its own: it is derived from the ledger's secret, so nothing
/// has to be kept.</summary>
internal static class SessionToken
{
    private const int Bytes = 16;

    public static byte[] KeyOf(byte[] secret) => HMACSHA256.HashData(secret, "ledger stream session"u8);

    public static string Of(byte[] key, long session)
    {
        Span<byte> number = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(number, session);
        return Convert.ToHexStringLower(HMACSHA256.HashData(key, number).AsSpan(0, Bytes));
    }

    public static bool Fits(byte[] key, long session, string token) => CryptographicOperations.FixedTimeEquals(
        Encoding.ASCII.GetBytes(Of(key, session)), Encoding.ASCII.GetBytes(token));
}
