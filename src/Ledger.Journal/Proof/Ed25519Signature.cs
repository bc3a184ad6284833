using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Math.EC.Rfc8032;

namespace Ledger.Journal.Proof;

/// <summary>Ed25519 of RFC 8032, which .NET does not have; the library's only place.
/// The same message gets the same signature.</summary>
internal static class Ed25519Signature
{
    // RFC 8032 §5.1.5 and §5.1.6.
    public const int SeedBytes = 32, PublicKeyBytes = 32, SignatureBytes = 64;

    public static byte[] PublicKeyOf(byte[] seed)
    {
        var publicKey = new byte[PublicKeyBytes];
        Ed25519.GeneratePublicKey(seed, 0, publicKey, 0);
        return publicKey;
    }

    public static byte[] Sign(byte[] seed, byte[] message)
    {
        var signature = new byte[SignatureBytes];
        Ed25519.Sign(seed, 0, message, 0, message.Length, signature, 0);
        return signature;
    }

    /// <summary>Whether the key is a point of the curve, in its one form, and of the large subgroup.</summary>
    public static bool IsPublicKey(byte[] key) => key.Length == PublicKeyBytes && Ed25519.ValidatePublicKeyFull(key, 0);

    public static bool Verify(byte[] publicKey, byte[] message, byte[] signature) =>
        signature.Length == SignatureBytes
        && new Ed25519PublicKeyParameters(publicKey)
            .Verify(Ed25519.Algorithm.Ed25519, null, message, 0, message.Length, signature, 0);
}
