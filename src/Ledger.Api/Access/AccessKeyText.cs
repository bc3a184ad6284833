using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;

namespace Ledger.Api.Access;

/// <summary>
/// An access key as its holder has it: <c>ledger_KEY_SECRET</c>, where the secret is 64 lower-case hex digits of 256
/// random bits. The prefix lets a scanner of published texts know it for what it is.
/// </summary>
public readonly record struct AccessKeyText(AccessKeyId Key, string Secret)
{
    private const string Prefix = "ledger_";
    private const int SecretBytes = 32, NameBytes = 4;

    /// <summary>A new one with a name of its own.</summary>
    public static AccessKeyText Create() => new(
        new($"k{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(NameBytes))}"),
        Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SecretBytes)));

    /// <summary>What the ledger keeps of the secret.</summary>
    public EvidenceDigest Digest => new(Convert.ToHexStringLower(Hash(Secret)));

    public static bool TryParse([NotNullWhen(true)] string? text, out AccessKeyText key)
    {
        key = default;
        if (text is null || !text.StartsWith(Prefix, StringComparison.Ordinal)) return false;
        var at = text.LastIndexOf('_');
        if (at < Prefix.Length || !AccessKeyId.TryParse(text[Prefix.Length..at], out var id)) return false;
        var secret = text[(at + 1)..];
        if (secret.Length != 2 * SecretBytes || !secret.All(char.IsAsciiHexDigitLower)) return false;
        key = new(id, secret);
        return true;
    }

    /// <summary>Whether the secret is the one with this hash; takes as long whatever differs.</summary>
    public bool Fits(EvidenceDigest digest) =>
        CryptographicOperations.FixedTimeEquals(Hash(Secret), Convert.FromHexString(digest.Hex));

    private static byte[] Hash(string secret) => SHA256.HashData(Encoding.ASCII.GetBytes(secret));

    /// <summary>The whole key, secret and all: shown once, to its holder.</summary>
    public string Shown => $"{Prefix}{Key}_{Secret}";

    /// <summary>Nothing that could be in a log says the secret.</summary>
    public override string ToString() => $"{Prefix}{Key}_…";
}
