using System.Threading;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Microsoft.AspNetCore.Http.Features;

namespace Ledger.Api;

/// <summary>What a request hands in: its body whole, where it came from, and the sender's key.</summary>
internal static class Submissions
{
    /// <summary>The largest body with one fact, in bytes;
    /// a tariff of a year's rules and prices is some tens of kilobytes.</summary>
    public const int FactBytesMax = 1024 * 1024;
    /// <summary>The longest sender's key, in characters.</summary>
    public const int KeyLengthMax = 128;
    public const string KeyHeader = "Idempotency-Key";

    private static long attempts;

    public static async Task<Submission> ReadAsync(HttpContext context, string source)
    {
        var declared = context.Request.ContentLength ?? 0;
        var most = context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize ?? Limits.ImportBytesMax;
        using var body = new MemoryStream((int)Math.Min(declared, most));
        await context.Request.Body.CopyToAsync(body, context.RequestAborted).ConfigureAwait(false);
        return new Submission(body.ToArray(), source);
    }

    /// <summary>
    /// The sender's key, apart for each resource. A request without one is another attempt: the fact's own id then
    /// says whether it was recorded before.
    /// </summary>
    public static IdempotencyKey Key(HttpContext context, string source)
    {
        if (context.Request.Headers[KeyHeader] is not { Count: > 0 } given)
            return Attempt();
        var key = given.ToString();
        if (given.Count > 1 || key.Length is 0 or > KeyLengthMax
            || !key.All(character => character is > ' ' and <= '~'))
            throw new QueryRefusedException(Rejection.InvalidIdentifier,
                $"{KeyHeader} must be 1 to {KeyLengthMax} visible ASCII characters without blanks");
        return new IdempotencyKey($"{source} {key}");
    }

    /// <summary>Another attempt; no sender's key begins with a blank.</summary>
    public static IdempotencyKey Attempt() => new($" http {Interlocked.Increment(ref attempts)}");
}
