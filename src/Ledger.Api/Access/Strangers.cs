using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;

namespace Ledger.Api.Access;

/// <summary>
/// What may be asked in a second from one address by those who have not said who they are: what is for anybody, what is
/// not there, and what brings nothing or nothing true. It stands before everything else that is done for a request.
/// Whoever brings a good key is not refused for what others do from his address.
/// </summary>
internal sealed class Strangers(int perSecond) : IDisposable
{
    /// <summary>Bytes of an IPv6 address that are one customer's (RFC 6177): the rest he may choose anew each
    /// time.</summary>
    private const int NetworkBytes = 8;

    private readonly PartitionedRateLimiter<HttpContext> buckets =
        PartitionedRateLimiter.Create<HttpContext, IPAddress>(context =>
            RateLimitPartition.GetTokenBucketLimiter(PlaceOf(context.Connection.RemoteIpAddress), _ => new()
            {
                TokenLimit = 2 * perSecond, // what may come at once
                TokensPerPeriod = perSecond,
                ReplenishmentPeriod = TimeSpan.FromSeconds(1),
                QueueLimit = 0,
                AutoReplenishment = true,
            }));

    public bool MayAsk(HttpContext context)
    {
        using var lease = buckets.AttemptAcquire(context);
        return lease.IsAcquired;
    }

    internal static IPAddress PlaceOf(IPAddress? address)
    {
        if (address is null) return IPAddress.None;
        if (address.IsIPv4MappedToIPv6) return address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address;
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(NetworkBytes).Clear();
        return new(bytes);
    }

    public void Dispose() => buckets.Dispose();
}
