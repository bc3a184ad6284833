using System.Text.RegularExpressions;
using Ledger.Domain;
using Microsoft.AspNetCore.WebUtilities;

namespace Ledger.Api.Resources;

/// <summary>One parameter of a request: behind the '?' of its address, or a header.</summary>
/// <param name="Does">What it is; empty where its name says it.</param>
internal sealed partial record RequestParameter(string Name, bool IsRequired, string Does, bool IsHeader = false)
{
    /// <summary>From <c>name</c>, <c>name?</c> where it may be left out, or <c>name? (what it is)</c>.</summary>
    public static RequestParameter Of(string text) => Written().Match(text) is { Success: true } match
        ? new(match.Groups["name"].Value, !match.Groups["may"].Success, match.Groups["does"].Value)
        : throw new ArgumentException($"'{text}' is no parameter", nameof(text));

    public static RequestParameter Header(string name, string does) => new(name, false, does, IsHeader: true);

    [GeneratedRegex(@"^(?<name>\w+)(?<may>\?)?( \((?<does>.+)\))?$")]
    private static partial Regex Written();
}

/// <summary>What a request may ask with, for the document.</summary>
internal sealed record RequestParameters(IReadOnlyList<RequestParameter> All);

/// <summary>
/// The names that an address may ask with. Another one is refused: a misspelt one would else be answered as if nothing
/// had been asked. It is seen before the operation, for all of them at one place, and costs no memory where all is
/// known.
/// </summary>
internal sealed class KnownNames(string[] names)
{
    /// <summary>Throws where a request asks with a name that its operation does not know.</summary>
    public static Task RequireAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Request.QueryString.HasValue
            && context.GetEndpoint()?.Metadata.GetMetadata<KnownNames>() is { } known) known.Require(context.Request);
        return next(context);
    }

    private void Require(HttpRequest request)
    {
        // As it was sent, because nearly every name is; what is not known so is looked at as it was meant.
        foreach (var part in new QueryStringEnumerable(request.QueryString.Value))
            if (!IsKnown(part.EncodedName.Span))
            {
                RequireMeant(request);
                return;
            }
    }

    private void RequireMeant(HttpRequest request)
    {
        foreach (var name in request.Query.Keys)
            if (!IsKnown(name))
                throw new QueryRefusedException(Rejection.UnknownField,
                    $"{name} is no parameter of this resource: known here: {(names.Length == 0 ? "none" : string.Join(", ", names))}");
    }

    private bool IsKnown(ReadOnlySpan<char> name)
    {
        foreach (var known in names)
            if (name.Equals(known, StringComparison.OrdinalIgnoreCase)) return true;
        // Which forms there are, the answer itself says: it knows whether it is a table.
        return name.SequenceEqual("format");
    }
}

/// <summary>How an operation says what it may be asked with.</summary>
internal static class Parameters
{
    /// <summary>A key of the caller's for an attempt, which every order and fact takes.</summary>
    public static readonly RequestParameter IdempotencyKey = RequestParameter.Header(Submissions.KeyHeader,
        "1 to 128 visible ASCII characters: the same request with the same key gets the first answer again");

    /// <summary>The tag of an answer that the caller has.</summary>
    public static readonly RequestParameter IfNoneMatch = RequestParameter.Header("If-None-Match",
        "the ETag of an answer that the caller has: 304 where it is still that one");

    /// <summary>Takes these parameters of the address and no others, and says so in the document.</summary>
    public static RouteHandlerBuilder TakesParameters(this RouteHandlerBuilder route, IEnumerable<string> address,
        params RequestParameter[] headers)
    {
        var parameters = new RequestParameters([.. address.Select(RequestParameter.Of), .. headers]);
        return route.RefusesAttempts(headers).WithMetadata(parameters, new KnownNames(
            [.. parameters.All.Where(parameter => !parameter.IsHeader).Select(parameter => parameter.Name)]));
    }

    /// <summary>Says in the document which headers it takes.</summary>
    public static RouteHandlerBuilder TakesHeaders(this RouteHandlerBuilder route, params RequestParameter[] headers) =>
        route.RefusesAttempts(headers).WithMetadata(new RequestParameters(headers));

    /// <summary>What an attempt is answered whose key came before with another body, or is under way; said after what
    /// the resource itself says.</summary>
    private static RouteHandlerBuilder RefusesAttempts(this RouteHandlerBuilder route, RequestParameter[] headers)
    {
        if (!headers.Contains(IdempotencyKey)) return route;
        route.Finally(endpoint =>
        {
            foreach (var status in new[] { 409, 422 })
            {
                endpoint.Metadata.Add(new ProducesResponseTypeMetadata(status, typeof(void)));
                endpoint.Metadata.Add(new AnswerForm(status, "application/problem+json"));
            }
        });
        return route;
    }
}
