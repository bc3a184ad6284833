using Ledger.Api.Tables;
using Ledger.Domain;

namespace Ledger.Api.Access;

/// <summary>What an operation asks of whoever calls it.</summary>
/// <param name="Scope">The scope that is needed; null: the input says which, or being known is enough.</param>
/// <param name="IsPublic">Anybody may call it, and nothing of it says anything of anybody.</param>
internal sealed record Need(string? Scope, bool IsPublic = false)
{
    /// <summary>Whether its answer has data that may be of others, so that who reads it is written down.</summary>
    public bool GivesData { get; init; } = Scope is not null;
}

/// <summary>
/// Stands before every operation: says who comes, and lets pass who may. An operation that says nothing of what it
/// needs is closed where access is asked for.
/// </summary>
internal sealed class Admission(Credentials credentials, Strangers strangers, ReadLog reads, bool keepsDataHere)
{
    public async Task AdmitAsync(HttpContext context, RequestDelegate next)
    {
        // What is no operation (an address or a method that there is not) is answered as such to anybody.
        var endpoint = context.GetEndpoint() as RouteEndpoint;
        var isForAnybody = endpoint is null || endpoint.Metadata.GetMetadata<Need>() is { IsPublic: true };
        if (credentials.IsRequired && (isForAnybody || !credentials.AreBrought(context)) && !strangers.MayAsk(context))
        {
            await TooMany(context).ConfigureAwait(false);
            return;
        }
        if (isForAnybody)
        {
            await next(context).ConfigureAwait(false);
            return;
        }
        if (await credentials.OfAsync(context).ConfigureAwait(false) is not { } who)
        {
            // Who brings nothing has been counted.
            await (credentials.AreBrought(context) && !strangers.MayAsk(context) ? TooMany(context) : NotKnown(context))
                .ConfigureAwait(false);
            return;
        }
        await AdmitAsync(context, endpoint!, who, next).ConfigureAwait(false);
    }

    private async Task AdmitAsync(HttpContext context, RouteEndpoint endpoint, Principal who, RequestDelegate next)
    {
        var need = endpoint.Metadata.GetMetadata<Need>();
        if (who.Role is not null && (need is null || (need.Scope is { } scope && !who.Holds(scope))))
        {
            await Answering.Problem(403, Rejection.NotAuthorised, need?.Scope is { } missing
                ? $"scope {missing} is needed" : "this is done at the ledger's own machine alone")
                .ExecuteAsync(context).ConfigureAwait(false);
            return;
        }
        context.Features.Set(new Asker(who));
        if (need is { GivesData: true } && HttpMethods.IsGet(context.Request.Method)
            && (ReadLog.IsOfOthers(who) || (keepsDataHere && who.Role is not null)))
        {
            if (!await reads.HasRoomAsync(who).ConfigureAwait(false))
            {
                await Answering.Busy("who has read what cannot be recorded now").ExecuteAsync(context)
                    .ConfigureAwait(false);
                return;
            }
            // As it starts: whoever breaks off amid the answer has read, and a live one has no end.
            context.Response.OnStarting(() =>
            {
                var file = ReadLog.FileOf(context.Response.ContentType);
                if (context.Response.StatusCode == 200 && (ReadLog.IsOfOthers(who) || file is not null))
                    reads.Note(who, endpoint, context.Request, file);
                return Task.CompletedTask;
            });
        }
        await next(context).ConfigureAwait(false);
    }

    private static Task TooMany(HttpContext context) =>
        Answering.Busy("too much is asked from this address by who brings no key").ExecuteAsync(context);

    private static Task NotKnown(HttpContext context)
    {
        // RFC 9110, 11.6.1. A browser that asks for a page gets its own dialog, and the key is the password.
        context.Response.Headers.WWWAuthenticate = context.Request.Headers.Accept.ToString()
            .Contains("text/html", StringComparison.OrdinalIgnoreCase)
            ? "Basic realm=\"ledger\", charset=\"UTF-8\"" : "Bearer realm=\"ledger\"";
        return Answering.Problem(401, ProblemName.NotKnown,
            "an access key or a token is needed: Authorization: Bearer KEY; one that has ended is as none")
            .ExecuteAsync(context);
    }
}

/// <summary>Who calls, once it is admitted.</summary>
internal sealed record Asker(Principal Principal);

/// <summary>How operations say what they need, and how they ask who calls.</summary>
internal static class Needs
{
    public static TBuilder Needing<TBuilder>(this TBuilder route, string scope)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(new Need(scope));

    /// <summary>For everybody who is known; of a fact, its type says which scope it needs.</summary>
    public static TBuilder NeedingToBeKnown<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(new Need(null));

    /// <summary>For anybody.</summary>
    public static TBuilder ForAnybody<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(new Need(null, IsPublic: true));

    /// <summary>Who calls; an operation for anybody does not ask.</summary>
    public static Principal By(this HttpContext context) => context.Features.Get<Asker>()?.Principal
        ?? throw new InvalidOperationException($"nobody was admitted to {context.Request.Path}");
}
