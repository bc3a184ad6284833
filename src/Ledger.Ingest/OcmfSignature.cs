using System.Security.Cryptography;
using System.Text;

namespace Ledger.Ingest;

/// <summary>What the signature of a signed meter value says; conformity and plausibility are judged apart.</summary>
public enum SignatureVerdict { Valid = 1, Invalid = 2, NoKey = 3, UnknownAlgorithm = 4, UnreadableKey = 5 }

/// <summary>
/// ECDSA over the exact payload bytes of an OCMF value (OCMF 1.0–1.4, table "signature algorithms"): seven curves,
/// always SHA-256. Keys and signatures are read in every form that stations were seen to send.
/// </summary>
public static class OcmfSignature
{
    /// <summary>A curve by OCMF's name, its object identifier and the bytes of one coordinate.</summary>
    public sealed record Curve(string Name, string Oid, int Bytes);

    /// <summary>The algorithm where the value names none (OCMF, field SA).</summary>
    public const string DefaultAlgorithm = "ECDSA-secp256r1-SHA256";

    public static readonly IReadOnlyList<Curve> Curves =
    [
        new("secp192k1", "1.3.132.0.31", 24),
        new("secp192r1", "1.2.840.10045.3.1.1", 24),
        new("secp256k1", "1.3.132.0.10", 32),
        new("secp256r1", "1.2.840.10045.3.1.7", 32),
        new("brainpool256r1", "1.3.36.3.3.2.8.1.1.7", 32),
        new("secp384r1", "1.3.132.0.34", 48),
        new("brainpool384r1", "1.3.36.3.3.2.8.1.1.11", 48),
    ];

    /// <summary>The curve of an algorithm name; null where OCMF has no such algorithm.</summary>
    public static Curve? CurveOf(string algorithm)
    {
        var parts = algorithm.Split('-');
        if (parts is not [var scheme, var name, var hash]) return null;
        if (!scheme.Equals("ECDSA", StringComparison.OrdinalIgnoreCase)) return null;
        if (!hash.Equals("SHA256", StringComparison.OrdinalIgnoreCase)) return null;
        // Stations also write the standard's own brainpoolP256r1.
        var plain = name.Replace("brainpoolP", "brainpool", StringComparison.OrdinalIgnoreCase);
        return Curves.FirstOrDefault(c => c.Name.Equals(plain, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Judges the signature; each deviation of form is added to <paramref name="deviations"/>.</summary>
    public static SignatureVerdict Verify(
        ReadOnlySpan<byte> payload, string? algorithm, string? encoding, string signature, string? key,
        ICollection<string> deviations)
    {
        if (string.IsNullOrWhiteSpace(key)) return SignatureVerdict.NoKey;
        var named = CurveOf(algorithm ?? DefaultAlgorithm);
        if (named is null) return SignatureVerdict.UnknownAlgorithm;
        if (algorithm?.Contains("brainpoolP", StringComparison.OrdinalIgnoreCase) == true)
            deviations.Add($"SA: {IntakeText.Quote(algorithm)} is spelt {named.Name} in OCMF");
        if (DecodeBytes(signature, encoding) is not { Length: > 0 } signatureBytes)
        {
            deviations.Add("SD: neither hexadecimal nor base64");
            return SignatureVerdict.Invalid;
        }
        if (key.Any(char.IsWhiteSpace)) key = string.Concat(key.Where(c => !char.IsWhiteSpace(c)));
        if (DecodeKey(key) is not { } keyBytes || MeterPublicKey.Read(keyBytes) is not { } read)
            return SignatureVerdict.UnreadableKey;
        // The key's own curve rules over the one that SA names.
        if (read.Curve is null) deviations.Add("public key: a bare point x‖y, not a SubjectPublicKeyInfo");
        else if (read.Curve != named) deviations.Add($"SA names {named.Name}, the key is on {read.Curve.Name}");
        try
        {
            using var ecdsa = read.OnCurve(named);
            return VerifyBytes(ecdsa, payload, signatureBytes, (read.Curve ?? named).Bytes, deviations)
                ? SignatureVerdict.Valid : SignatureVerdict.Invalid;
        }
        catch (CryptographicException)
        {
            return SignatureVerdict.UnreadableKey; // no point of the curve
        }
    }

    private static bool VerifyBytes(
        ECDsa ecdsa, ReadOnlySpan<byte> payload, byte[] signature, int coordinateBytes, ICollection<string> deviations)
    {
        if (signature.Length == 2 * coordinateBytes
            && ecdsa.VerifyData(payload, signature, HashAlgorithmName.SHA256,
                DSASignatureFormat.IeeeP1363FixedFieldConcatenation))
        {
            deviations.Add("SD: a bare r‖s, not DER");
            return true;
        }
        return signature[0] == 0x30
            && ecdsa.VerifyData(payload, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
    }

    /// <summary>The bytes of a key, in whatever form it came, as lower-case hexadecimal;
    /// null where it is in none.</summary>
    public static string? KeyHex(string key) =>
        DecodeKey(key) is { Length: > 0 } bytes ? Convert.ToHexStringLower(bytes) : null;

    private static byte[]? DecodeKey(string key)
    {
        // OCA application note 1.0: publicKey = base64("oca:base16|base64:asn1:<key>").
        if (DecodeBytes(key, null) is not { } bytes) return null;
        if (!bytes.AsSpan().StartsWith("oca:"u8)) return bytes;
        var parts = Encoding.ASCII.GetString(bytes).Split(':', 4);
        return parts is ["oca", var form, "asn1", var inner]
            ? DecodeBytes(inner, form == "base64" ? "base64" : "hex") : null;
    }

    /// <summary>Hexadecimal unless said or seen otherwise; spaces do not count. Null where it is neither.</summary>
    private static byte[]? DecodeBytes(string text, string? encoding)
    {
        var plain = string.Concat(text.Where(c => !char.IsWhiteSpace(c)));
        var isHex = plain.Length % 2 == 0 && plain.All(char.IsAsciiHexDigit);
        if (isHex && encoding != "base64") return Convert.FromHexString(plain);
        var buffer = new byte[plain.Length];
        if (Convert.TryFromBase64String(plain, buffer, out var written)) return buffer[..written];
        return isHex ? Convert.FromHexString(plain) : null;
    }
}
