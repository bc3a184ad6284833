using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ledger.Domain;
using Ledger.Journal.Pipeline;
using NodaTime;

namespace Ledger.Api.Access;

/// <summary>
/// Stations that come with a certificate, as OCPP's security profile 3 names them: the common name is the station, the
/// organisation is its operator. The certificate must be signed by the operators' authority and be for clients.
/// </summary>
internal static class StationCertificates
{
    private const string CommonName = "2.5.4.3", Organisation = "2.5.4.10", ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <summary>Whether the authority signed the certificate, for a client, and it is of now.</summary>
    public static bool IsSignedBy(X509Certificate2 authority, X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        // Nothing is asked of anybody else: a station is taken back by its operator, with the authority's certificate.
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new(ClientAuthentication));
        return IsForClients(certificate) && chain.Build(certificate);
    }

    /// <summary>Whether it says that it is for clients. The policy of a chain passes one that does not say what it is
    /// for, and so a server's or a mail signer's of the same authority would be a station's.</summary>
    private static bool IsForClients(X509Certificate2 certificate) => certificate.Extensions
        .OfType<X509EnhancedKeyUsageExtension>().SelectMany(usage => usage.EnhancedKeyUsages.Cast<Oid>())
        .Any(usage => usage.Value == ClientAuthentication);

    /// <summary>Whether it holds at an instant: a connection may last longer than the certificate that it was made
    /// with.</summary>
    public static bool IsOfNow(X509Certificate2 certificate, Instant now) =>
        now >= Instant.FromDateTimeUtc(certificate.NotBefore.ToUniversalTime())
        && now < Instant.FromDateTimeUtc(certificate.NotAfter.ToUniversalTime());

    /// <summary>The station; null where the subject does not name one and its operator, once each.</summary>
    public static Principal? HolderOf(X509Certificate2 certificate)
    {
        string? name = null, organisation = null;
        foreach (var part in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            if (part.HasMultipleElements) return null;
            switch (part.GetSingleElementType().Value)
            {
                case CommonName when name is null: name = part.GetSingleElementValue(); break;
                case Organisation when organisation is null: organisation = part.GetSingleElementValue(); break;
                case CommonName or Organisation: return null;
            }
        }
        return StationId.TryParse(name, out var station) && PartyId.TryParse(organisation, out var party)
            ? Roles.Principal(station.Value, Role.Station, party, [station]) : null;
    }
}
