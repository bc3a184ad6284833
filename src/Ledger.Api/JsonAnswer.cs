using System.Buffers;
using System.Globalization;
using System.Reflection;
using Ledger.Projections;
using Microsoft.AspNetCore.Http.Metadata;

namespace Ledger.Api;

/// <summary>The type that the JSON of an operation's answer is written from, for the document.</summary>
/// <param name="Status">Of which answer; null: of all of the operation's that say nothing else and are no problem. Of
/// one status there may be several, and an answer is then one of them.</param>
internal sealed record AnswerType(int? Status, Type Type);

/// <summary>
/// JSON with the rules of the views' rows: members in order, decimals and integers beyond 32 bits as strings, energies
/// as whole half nanojoules beside their kWh. An operation that returns it says by the type alone what it answers, so
/// that the document cannot say otherwise.
/// </summary>
internal sealed class JsonAnswer<T>(int status, T content, long? position, int retryAfterSeconds)
    : IResult, IEndpointMetadataProvider where T : class
{
    static void IEndpointMetadataProvider.PopulateMetadata(MethodInfo method, EndpointBuilder builder) =>
        builder.Metadata.Add(new AnswerType(null, typeof(T)));

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = status;
        response.ContentType = content is ProblemAnswer ? "application/problem+json" : "application/json";
        if (status is 429 or 503)
            response.Headers.RetryAfter = retryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        if (position is { } at)
            response.Headers[Answering.PositionHeader] = at.ToString(CultureInfo.InvariantCulture);
        if (status == 200 && HttpMethods.IsGet(httpContext.Request.Method))
            return Representation.WriteAsync(httpContext, content, position);
        var json = new ArrayBufferWriter<byte>();
        RowJson.Write(json, content);
        response.ContentLength = json.WrittenCount;
        return response.Body.WriteAsync(json.WrittenMemory, httpContext.RequestAborted).AsTask();
    }
}
