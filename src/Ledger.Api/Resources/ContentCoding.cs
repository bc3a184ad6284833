using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Api.Resources;

/// <summary>
/// The header Content-Encoding of a file (RFC 9110, 8.4). The server never unpacks for it: the body as received is the
/// evidence, and the intake sees by its first bytes how it is packed. So the header only has to say what is true, and
/// one coding that is known.
/// </summary>
internal static class ContentCoding
{
    private const string Accepted = "gzip, zstd, identity";

    /// <summary>RFC 9110, 15.5.16: a coding that is not known is answered 415, with the ones that are.</summary>
    public static async ValueTask<object?> RequireKnown(
        EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        if (IsKnown(invocation.HttpContext.Request)) return await next(invocation).ConfigureAwait(false);
        invocation.HttpContext.Response.Headers.AcceptEncoding = Accepted;
        return Answering.Problem(415, Rejection.UnknownFormat,
            $"Content-Encoding is '{invocation.HttpContext.Request.Headers.ContentEncoding}': "
            + $"one of {Accepted} is read here");
    }

    /// <summary>Throws where the body is not packed as the header says.</summary>
    public static void RequireTrue(HttpRequest request, ReadOnlySpan<byte> body)
    {
        if (Named(request) is { } coding && PackedBytes.CodingOf(body) != coding)
            throw new QueryRefusedException(Rejection.Malformed,
                $"Content-Encoding says {coding}, and the body is not");
    }

    private static bool IsKnown(HttpRequest request) =>
        request.Headers.ContentEncoding.Count == 0 || request.Headers.ContentEncoding.ToString() is "identity"
        || Named(request) is not null;

    /// <summary>x-gzip is another name of gzip (RFC 9110, 8.4.1.3).</summary>
    private static string? Named(HttpRequest request) =>
        request.Headers.ContentEncoding.ToString().Trim().ToLowerInvariant() switch
        {
            "gzip" or "x-gzip" => "gzip",
            "zstd" => "zstd",
            _ => null,
        };
}
