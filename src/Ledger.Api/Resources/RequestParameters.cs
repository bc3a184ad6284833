using System.Text.RegularExpressions;
using Ledger.Domain;

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

/// <summary>
/// What a request may ask with, for the document and for the check. A parameter that is not in it is refused: a
/// misspelt one would else be answered as if nothing had been asked.
/// </summary>
internal sealed record RequestParameters(IReadOnlyList<RequestParameter> All)
{
    public async ValueTask<object?> RequireKnownAsync(
        EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        foreach (var name in context.HttpContext.Request.Query.Keys)
            // Which forms there are, the answer itself says: it knows whether it is a table.
            if (name != "format" && !All.Any(known => !known.IsHeader && known.Name.Equals(name, StringComparison.OrdinalIgnoreCase)))
                throw new QueryRefusedException(Rejection.UnknownField, $"{name} is no parameter of this resource: "
                    + $"known here: {string.Join(", ", All.Where(known => !known.IsHeader).Select(known => known.Name))}");
        return await next(context).ConfigureAwait(false);
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
        return route.WithMetadata(parameters).AddEndpointFilter(parameters.RequireKnownAsync);
    }

    /// <summary>Says in the document which headers it takes.</summary>
    public static RouteHandlerBuilder TakesHeaders(this RouteHandlerBuilder route, params RequestParameter[] headers) =>
        route.WithMetadata(new RequestParameters(headers));
}
