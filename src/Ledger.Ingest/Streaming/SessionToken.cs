using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Ledger.Journal;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// What shows that a sender's earlier session was its own, derived from the ledger's secret and from random bytes that
/// are this folder's alone: no copy of it has them. A copy that is put in place goes on with numbers that the ledger
/// gave after it was made, and one whose number another has there must not be told how far that one came.
/// </summary>
internal static class SessionToken
{
    /// <summary>In the folder of the frame log.</summary>
    private const string FileName = "streams.tokens";
    private const int Bytes = 16, OwnBytes = 32;

    /// <summary>The key of the tokens of a folder, whose owner the caller is.</summary>
    public static byte[] KeyOf(byte[] secret, string folder)
    {
        var path = Path.Combine(folder, FileName);
        var own = File.Exists(path) ? File.ReadAllBytes(path) : [];
        if (own.Length != OwnBytes)
            DurableFiles.Replace(path, own = RandomNumberGenerator.GetBytes(OwnBytes), DurableFiles.OwnerOnly);
        return HMACSHA256.HashData(secret, (byte[])[.. "ledger stream session"u8, .. own]);
    }

    public static string Of(byte[] key, long session)
    {
        Span<byte> number = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(number, session);
        return Convert.ToHexStringLower(HMACSHA256.HashData(key, number).AsSpan(0, Bytes));
    }

    public static bool Fits(byte[] key, long session, string token) => CryptographicOperations.FixedTimeEquals(
        Encoding.ASCII.GetBytes(Of(key, session)), Encoding.ASCII.GetBytes(token));
}
