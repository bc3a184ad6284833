using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Ledger.Api.Access;

/// <summary>With what a server proves who it is, and whose certificates of stations it believes.</summary>
/// <param name="Server">The certificate with its private key.</param>
/// <param name="StationAuthority">Who signs stations' certificates; null: stations come with keys.</param>
public sealed record TlsOptions(X509Certificate2 Server, X509Certificate2? StationAuthority)
{
    /// <summary>Reads them from PEM files, each of which a person can look at.</summary>
    public static TlsOptions Read(string certificatePath, string keyPath, string? authorityPath) => new(
        X509Certificate2.CreateFromPemFile(certificatePath, keyPath),
        authorityPath is null ? null : X509Certificate2.CreateFromPem(File.ReadAllText(authorityPath)));
}

/// <summary>Whether those who come must say who they are, and how they may.</summary>
/// <param name="IsRequired">Without it whoever reaches the address acts as the ledger's operator, so it is for loopback
/// addresses alone.</param>
/// <param name="Tls">Null: plain HTTP, which is for loopback addresses alone.</param>
/// <param name="Tokens">Tokens of an identity provider; null: none are taken.</param>
public sealed record AccessOptions(bool IsRequired, TlsOptions? Tls = null, TokenOptions? Tokens = null)
{
    /// <summary>
    /// Nothing is fetched from another machine or sent to one, and every table that is taken away as a file is written
    /// down, whoever takes it: for data that a law keeps in one place.
    /// </summary>
    public bool KeepsDataHere { get; init; }

    /// <summary>Whoever reaches a loopback address of this machine is its operator.</summary>
    public static readonly AccessOptions Open = new(IsRequired: false);

    /// <summary>Why an address cannot be listened on so; null where it can.</summary>
    public string? WhyNot(IPAddress address) =>
        KeepsDataHere && Tokens is { IsFetched: true }
            ? $"the keys of tokens are fetched from {Tokens.Keys}, and data is kept here: name a file"
        : IPAddress.IsLoopback(address) || (IsRequired && Tls is not null) ? null
        : $"{address} can be reached from other machines: it needs access keys (--access keys) and TLS "
            + "(--tls-certificate, --tls-key); without them a server listens on 127.0.0.1 or ::1 only";
}
