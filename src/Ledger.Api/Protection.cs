using System.Threading.RateLimiting;
using Ledger.Api.Access;
using Ledger.Domain;
using Microsoft.AspNetCore.RateLimiting;

namespace Ledger.Api;

/// <summary>
/// What stands before every resource. A loopback address is no protection from a browser on the same machine: a page
/// of any origin may send to it, and a name that resolves to 127.0.0.1 may read from it. So the host must be this
/// machine's own name, and the origin, where a browser states one, must be this server.
/// </summary>
internal static class Protection
{
    public const string FactRequests = "facts", FileRequests = "files", FrameRequests = "frames",
        ReadRequests = "reads", LiveRequests = "live", HeavyRequests = "heavy";

    /// <summary>So many holders at least find a place of each kind at once.</summary>
    private const int HoldersAtLeast = 4;

    private static readonly string[] OwnHosts = ["127.0.0.1", "localhost", "[::1]"];

    /// <summary>What a proxy adds (RFC 7239, RFC 9110 clause 7.6.3).</summary>
    private static readonly string[] ProxyHeaders =
        ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"];

    public static Task Headers(HttpContext context, RequestDelegate next)
    {
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers.ContentSecurityPolicy =
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        return next(context);
    }

    /// <summary>Where keys are asked for no name need be this machine's own: who comes by another brings no key. Where
    /// none are, who comes through a proxy is somebody else, whatever address the proxy has.</summary>
    public static Task OwnOriginOnly(HttpContext context, RequestDelegate next, AccessOptions access)
    {
        var request = context.Request;
        var foreign = !access.IsRequired && !OwnHosts.Contains(request.Host.Host, StringComparer.OrdinalIgnoreCase)
            ? $"host {request.Host.Host}"
            : !access.IsRequired && ProxyHeaders.FirstOrDefault(request.Headers.ContainsKey) is { } proxy
                ? $"a request through a proxy ({proxy})"
            : request.Headers.Origin is { Count: > 0 } origin && origin != $"{request.Scheme}://{request.Host}"
                ? $"origin {origin}"
            : null;
        return foreign is null
            ? next(context)
            : Answering.Problem(403, Rejection.NotAuthorised, $"{foreign} is not this server's own")
                .ExecuteAsync(context);
    }

    /// <summary>Queues are bounded and refuse when full: what cannot be served now is answered 429 at once.</summary>
    public static IServiceCollection AddBoundedRequests(this IServiceCollection services, ServerOptions options) =>
        services.AddRateLimiter(limits =>
        {
            foreach (var (name, most) in new[]
            {
                (FactRequests, options.FactRequestsMax), (FileRequests, options.FileRequestsMax),
                (FrameRequests, options.FileRequestsMax), (ReadRequests, options.ReadRequestsMax),
                (LiveRequests, options.LiveRequestsMax), (HeavyRequests, options.HeavyRequestsMax),
            })
                limits.AddConcurrencyLimiter(name, limit =>
                {
                    (limit.PermitLimit, limit.QueueLimit) = (most, 0);
                    limit.QueueProcessingOrder = QueueProcessingOrder.OldestFirst;
                });
            limits.GlobalLimiter = PartitionedRateLimiter.CreateChained(
                PartitionedRateLimiter.Create<HttpContext, string>(context => OfHolder(context, options)),
                PartitionedRateLimiter.Create<HttpContext, string>(context => PlacesOfHolder(context, options)));
            limits.OnRejected = async (rejected, _) =>
                await Answering.Busy("as many requests as can be served are under way")
                    .ExecuteAsync(rejected.HttpContext).ConfigureAwait(false);
        });

    /// <summary>What each holder may ask in a second, so that one who asks without end leaves room for the others;
    /// whoever may write the data folder has no limit of its own.</summary>
    private static RateLimitPartition<string> OfHolder(HttpContext context, ServerOptions options)
    {
        if (context.Features.Get<Asker>()?.Principal is not { Role: not null } who)
            return RateLimitPartition.GetNoLimiter("");
        var isRead = HttpMethods.IsGet(context.Request.Method);
        var most = isRead ? options.ReadsPerSecondMax : options.FactsPerSecondMax;
        return RateLimitPartition.GetTokenBucketLimiter($"{isRead} {who.Party} {who.Actor}", _ => new()
        {
            TokenLimit = 2 * most, // what may come at once
            TokensPerPeriod = most,
            ReplenishmentPeriod = TimeSpan.FromSeconds(1),
            QueueLimit = 0,
            AutoReplenishment = true,
        });
    }

    /// <summary>How many places of a kind one holder may have at once: a slow sender or a reader without end leaves the
    /// others theirs.</summary>
    private static RateLimitPartition<string> PlacesOfHolder(HttpContext context, ServerOptions options)
    {
        if (context.Features.Get<Asker>()?.Principal is not { Role: not null } who
            || context.GetEndpoint()?.Metadata.GetMetadata<EnableRateLimitingAttribute>()?.PolicyName is not { } kind)
            return RateLimitPartition.GetNoLimiter("");
        var most = kind switch
        {
            FactRequests => options.FactRequestsMax,
            FileRequests or FrameRequests => options.FileRequestsMax,
            LiveRequests => options.LiveRequestsMax,
            HeavyRequests => options.HeavyRequestsMax,
            _ => options.ReadRequestsMax,
        };
        return RateLimitPartition.GetConcurrencyLimiter($"{kind} {who.Party} {who.Actor}", _ => new()
        {
            PermitLimit = Math.Max(1, most / HoldersAtLeast),
            QueueLimit = 0,
        });
    }
}
