using System.Net;
using System.Net.Sockets;

namespace Ledger.Api.Webhooks;

/// <summary>An address that nothing is sent to.</summary>
public sealed class TargetRefusedException(string why) : Exception(why);

/// <summary>
/// Where a delivery may go. A subscriber names an address, and this machine reaches others than the subscriber does, so
/// only public addresses are connected to, and those that the configuration allows. What a name means is asked when it
/// is connected to, and the address that was judged is the one that is taken: a name cannot mean another one in
/// between. Nothing is followed elsewhere, and no proxy is asked.
/// </summary>
public static class WebhookTargets
{
    /// <summary>Ranges that are not the public internet (IANA special-purpose address registries, RFC 6890).</summary>
    private static readonly IPNetwork[] NotPublic =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
            "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
            "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10",
            "ff00::/8",
        }.Select(IPNetwork.Parse),
    ];

    /// <summary>Why an address is not sent to; null where it is.</summary>
    /// <param name="name">By which it was found: a subscriber is told of that, and not of what it means within.</param>
    public static string? WhyNot(
        IPAddress address, bool isSecure, IReadOnlyList<IPNetwork> allowed, string? name = null)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        return allowed.Any(network => network.Contains(address)) ? null
            : NotPublic.Any(network => network.Contains(address)) ? $"{name ?? $"{address}"} is no public address"
            : isSecure ? null : "a public address is sent to with https alone";
    }

    /// <summary>Why a subscriber cannot name an address; null where it can. What a name means is not asked yet.
    /// </summary>
    public static string? WhyNot(Uri url, IReadOnlyList<IPNetwork> allowed) =>
        url.Scheme != Uri.UriSchemeHttps && url.Scheme != Uri.UriSchemeHttp ? "it is https, or http within an allowed network"
        : url.UserInfo.Length > 0 || url.Fragment.Length > 0 ? "it has no user and no fragment"
        : url.Scheme == Uri.UriSchemeHttp && allowed.Count == 0 ? "a public address is sent to with https alone"
        : IPAddress.TryParse(url.DnsSafeHost, out var address)
            ? WhyNot(address, url.Scheme == Uri.UriSchemeHttps, allowed) : null;

    /// <summary>A client that connects to what may be sent to, and to nothing else.</summary>
    public static HttpClient Client(WebhookOptions options) => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseProxy = false,
        UseCookies = false,
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        MaxResponseHeadersLength = 16, // KiB; no answer needs more
        ConnectCallback = async (context, ct) =>
        {
            var isSecure = context.InitialRequestMessage.RequestUri!.Scheme == Uri.UriSchemeHttps;
            var host = context.DnsEndPoint.Host;
            var isLiteral = IPAddress.TryParse(host, out var literal);
            var addresses = isLiteral ? [literal!]
                : await Dns.GetHostAddressesAsync(host, ct).ConfigureAwait(false);
            // One address that is not public says that the name is not to be trusted with the others either.
            foreach (var address in addresses)
                if (WhyNot(address, isSecure, options.AllowedNetworks, isLiteral ? null : host) is { } why)
                    throw new TargetRefusedException(why);
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, ct).ConfigureAwait(false);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    })
    {
        Timeout = options.Patience.ToTimeSpan(),
    };
}
