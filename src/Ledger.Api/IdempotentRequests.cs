using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ledger.Api.Access;
using Ledger.Api.Resources;
using Ledger.Domain;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Ledger.Api;

/// <summary>
/// The header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): the same key with the same body gets the
/// stored answer, with <c>Idempotency-Hit</c>; with another body 422; while the first one is under way 409. Only
/// answers of what is durable are stored, because a refusal or a full queue may end otherwise next time; an answer that
/// tells of many parts is stored where each of them is. They are bounded: a fact is recognised for ever by its own id,
/// and this spares the second one its way.
/// </summary>
internal sealed class IdempotentRequests
{
    public const string HitHeader = "Idempotency-Hit";
    private const int KeptMax = 16_384, BodyBytesMax = 8 * 1024; // of an answer; 130 MB at the very worst

    private sealed class Attempt(byte[] fingerprint)
    {
        public byte[] Fingerprint => fingerprint;
        public Stored? Answer { get; set; }
    }

    /// <param name="Headers">What the answer said beside it, of that which its operation declares.</param>
    private sealed record Stored(
        int Status, string? Media, IReadOnlyList<(string Name, StringValues Value)> Headers, byte[] Body);

    private sealed record NotToBeKept;

    /// <summary>Says of an answer that not all of what it tells is durable, so that the same request is done again.
    /// </summary>
    public static void KeepNot(HttpContext context) => context.Features.Set(new NotToBeKept());

    private readonly Lock gate = new();
    private readonly Dictionary<string, Attempt> attempts = new(StringComparer.Ordinal);
    private readonly Queue<string> order = [];

    public async Task AnswerAsync(HttpContext context, RequestDelegate next)
    {
        if (!HttpMethods.IsPost(context.Request.Method) || context.Features.Get<Asker>() is null
            || !context.Request.Headers.ContainsKey(Submissions.KeyHeader))
        {
            await next(context).ConfigureAwait(false);
            return;
        }
        var by = context.By();
        var key = $"{by.Party} {by.Actor} {Submissions.Key(context, context.Request.Path.Value!).Value}";
        var body = await BodyAsync(context).ConfigureAwait(false);
        var attempt = new Attempt(Fingerprint(context.Request, body));
        if (Before(key, attempt) is { } before) await AgainAsync(context, before, attempt).ConfigureAwait(false);
        else await FirstAsync(context, next, key, attempt).ConfigureAwait(false);
    }

    /// <summary>The attempt that came before with this key; null where this is the first.</summary>
    private Attempt? Before(string key, Attempt attempt)
    {
        lock (gate) return attempts.TryAdd(key, attempt) ? null : attempts[key];
    }

    private static Task AgainAsync(HttpContext context, Attempt before, Attempt attempt)
    {
        if (!before.Fingerprint.AsSpan().SequenceEqual(attempt.Fingerprint))
            return Answering.Problem(422, Rejection.EvidenceConflict,
                "the idempotency key came before with other content").ExecuteAsync(context);
        if (before.Answer is not { } stored)
            return Answering.Problem(409, ProblemName.InFlight, "the request with this idempotency key is under way")
                .ExecuteAsync(context);
        var response = context.Response;
        (response.StatusCode, response.ContentType) = (stored.Status, stored.Media);
        response.ContentLength = stored.Body.Length;
        response.Headers[HitHeader] = "true";
        foreach (var (name, value) in stored.Headers) response.Headers[name] = value;
        return response.Body.WriteAsync(stored.Body, context.RequestAborted).AsTask();
    }

    private async Task FirstAsync(HttpContext context, RequestDelegate next, string key, Attempt attempt)
    {
        var sent = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        using var written = new MemoryStream();
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(written));
        try
        {
            await next(context).ConfigureAwait(false);
        }
        finally
        {
            context.Features.Set(sent);
            Keep(key, attempt, context, written);
        }
        written.Position = 0;
        await written.CopyToAsync(context.Response.Body, context.RequestAborted).ConfigureAwait(false);
    }

    private void Keep(string key, Attempt attempt, HttpContext context, MemoryStream written)
    {
        var response = context.Response;
        var declared = (context.GetEndpoint()?.Metadata.GetOrderedMetadata<AnswerHeader>() ?? [])
            .Where(header => header.Status == response.StatusCode).Select(header => header.Name);
        lock (gate)
        {
            if (response.StatusCode is < 200 or >= 300 || written.Length is 0 or > BodyBytesMax
                || context.Features.Get<NotToBeKept>() is not null)
            {
                attempts.Remove(key);
                return;
            }
            attempt.Answer = new(response.StatusCode, response.ContentType,
                [.. declared.Append(Answering.PositionHeader).Distinct().Where(response.Headers.ContainsKey)
                    .Select(name => (name, response.Headers[name]))], written.ToArray());
            order.Enqueue(key);
            if (order.Count > KeptMax) attempts.Remove(order.Dequeue());
        }
    }

    /// <summary>The body whole, within the limit of its resource; the resource reads it again from memory.</summary>
    private static async Task<byte[]> BodyAsync(HttpContext context)
    {
        var body = (await Submissions.ReadAsync(context, "").ConfigureAwait(false)).Bytes.ToArray();
        context.Request.Body = new MemoryStream(body, writable: false);
        return body;
    }

    private static byte[] Fingerprint(HttpRequest request, byte[] body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"{request.Path}{request.QueryString}\n")));
        // What a request says beside its body: whom it is about, and when it was sent.
        foreach (var header in new[] { FileAnswer.SubjectHeader, FileAnswer.SentAtHeader })
            hash.AppendData(Encoding.UTF8.GetBytes($"{header}: {request.Headers[header]}\n"));
        hash.AppendData(body);
        return hash.GetHashAndReset();
    }
}
