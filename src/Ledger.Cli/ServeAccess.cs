using System.Net;
using System.Security.Cryptography;
using Ledger.Api;
using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli;

/// <summary>
/// Who may do what at a served ledger. A ledger that has given a key to anybody asks everybody for one; until then
/// whoever reaches a loopback address of this machine is its operator. An address that other machines reach is served
/// with keys and TLS alone. Who gives a certificate or says whose tokens are taken means to let others in, perhaps
/// through a proxy on this machine, so from then on nobody comes without showing who he is.
/// </summary>
internal static class ServeAccess
{
    /// <summary>How the choice is made where the command line makes none.</summary>
    private enum Asked { Open = 1, Keys = 2 }

    private enum Residency { Anywhere = 1, Here = 2 }

    public static IReadOnlyList<Option> Options { get; } =
    [
        new("--access", "open|keys", "whether everybody who comes needs an access key; keys where the ledger has given "
            + "one, where tokens or certificates are given, or where other machines reach the address, else open"),
        new("--tls-certificate", "FILE", "the server's certificate, as PEM"),
        new("--tls-key", "FILE", "its private key, as PEM"),
        new("--station-ca", "FILE", "who signs certificates of stations (CN station, O operator), as PEM"),
        new("--residency", "here|anywhere", "here: nothing is fetched from another machine or sent to one, and every "
            + "table that is taken as a file is recorded; anywhere where it is not given"),
        new("--webhook-networks", "LIST", "networks like 10.1.0.0/16, with commas between them, that webhooks may be sent to "
            + "though they are not public, also without TLS; none where it is not given"),
        new("--tokens", "FILE", "whose OpenID Connect tokens are taken: JSON with issuer, audience, algorithms, keys"),
    ];

    public static async Task<AccessOptions> OfAsync(
        CommandLine line, OpenLedger ledger, IPAddress address, CancellationToken ct)
    {
        var hasKeys = await AdministratorKey.IsAnyKnownAsync(ledger, ct).ConfigureAwait(false);
        return Of(line, hasKeys, address);
    }

    /// <param name="hasKeys">Whether the ledger has ever given a key to anybody.</param>
    public static AccessOptions Of(CommandLine line, bool hasKeys, IPAddress address)
    {
        var (tls, tokens) = (Tls(line), Tokens(line));
        var why = hasKeys ? "this ledger has given keys" : tokens is not null ? "tokens are taken"
            : tls is not null ? "a certificate is given" : null;
        var asked = Choices.Of<Asked>(line, "--access")
            ?? (why is not null || !IPAddress.IsLoopback(address) ? Asked.Keys : Asked.Open);
        if (asked == Asked.Open && why is not null) throw new UsageException($"--access is keys, because {why}");
        return new AccessOptions(asked == Asked.Keys, tls, tokens)
        {
            KeepsDataHere = Choices.Of<Residency>(line, "--residency") == Residency.Here,
        };
    }

    /// <summary>Where nobody has a key yet an administrator gets one, which is shown once.</summary>
    public static async Task ShowFirstKeyAsync(OpenLedger ledger, Shell shell, CancellationToken ct)
    {
        if (await AdministratorKey.CreateFirstAsync(ledger, ct).ConfigureAwait(false) is not { } key) return;
        shell.Output.WriteLine($"the administrator's first key, shown once and kept nowhere: {key.Shown}");
    }

    public static IReadOnlyList<IPNetwork> WebhookNetworks(CommandLine line) =>
        [.. (line.Option("--webhook-networks") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(text => IPNetwork.TryParse(text, out var network) ? network
                : throw new UsageException($"--webhook-networks has networks like 10.1.0.0/16, not '{text}'"))];

    private static TlsOptions? Tls(CommandLine line)
    {
        var (certificate, key) = (line.Option("--tls-certificate"), line.Option("--tls-key"));
        if (certificate is null != key is null) throw new UsageException("--tls-certificate and --tls-key go together");
        if (certificate is null)
            return line.Option("--station-ca") is null ? null
                : throw new UsageException("--station-ca needs --tls-certificate and --tls-key");
        try
        {
            return TlsOptions.Read(certificate, key!, line.Option("--station-ca"));
        }
        catch (Exception unusable) when (unusable is CryptographicException or IOException)
        {
            throw new CouldNotException($"the certificate, its key or the station authority: {unusable.Message}");
        }
    }

    private static TokenOptions? Tokens(CommandLine line)
    {
        if (line.Option("--tokens") is not { } path) return null;
        try
        {
            return TokenOptions.Read(path);
        }
        catch (Exception unusable) when (unusable is InputRefusedException or IOException)
        {
            throw new CouldNotException($"{path}: {(unusable as InputRefusedException)?.Detail ?? unusable.Message}");
        }
    }
}
