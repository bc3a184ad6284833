using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using NodaTime;

namespace Ledger.Api.Webhooks;

/// <summary>
/// The signature of a delivery as Standard Webhooks (standardwebhooks.com, version 1.0.0) has it: HMAC-SHA256 over the
/// message's id, the second of the attempt and the body, with dots between. Who verifies refuses what is some minutes
/// old, so that a recorded delivery is of no use later.
/// </summary>
public static class WebhookSignature
{
    public const string IdHeader = "webhook-id", TimestampHeader = "webhook-timestamp",
        SignatureHeader = "webhook-signature";
    private const string SecretPrefix = "whsec_";
    private const int SecretBytes = 32;

    public static byte[] NewSecret() => RandomNumberGenerator.GetBytes(SecretBytes);

    /// <summary>The secret as it is shown, once.</summary>
    public static string Shown(byte[] secret) => SecretPrefix + Convert.ToBase64String(secret);

    public static string Timestamp(Instant at) => at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);

    public static string Of(byte[] secret, string id, Instant at, ReadOnlySpan<byte> body)
    {
        byte[] signed = [.. Encoding.ASCII.GetBytes($"{id}.{Timestamp(at)}."), .. body];
        return "v1," + Convert.ToBase64String(HMACSHA256.HashData(secret, signed));
    }
}
