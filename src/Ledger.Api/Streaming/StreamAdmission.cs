using Grpc.Core;
using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Journal.Pipeline;

namespace Ledger.Api.Streaming;

/// <summary>
/// Who may send frames, and of which points. A session names its points before any sample of them, in its Announce
/// frames, so those are what is looked at (<see cref="AnnouncedPoints"/>): what follows can be of no other point.
/// </summary>
internal sealed class StreamAdmission(Credentials credentials, Strangers strangers, Recorder recorder)
{
    /// <summary>A call of what there is not is a stranger's, whoever makes it.</summary>
    public Task AskedForNothingAsync(HttpContext context, RequestDelegate next)
    {
        if (context.GetEndpoint() is not null || !credentials.IsRequired || strangers.MayAsk(context))
            return next(context);
        context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
        return Task.CompletedTask;
    }

    /// <summary>Who calls; a call of nobody, or in a name that is not the caller's, ends.</summary>
    public async Task<Principal> AdmitAsync(ServerCallContext call, PartyId party)
    {
        var who = await RequireSenderAsync(call).ConfigureAwait(false);
        return who.Reach.Covers(party) ? who
            : throw new RpcException(new(StatusCode.PermissionDenied, "open.party must be the holder's"));
    }

    /// <summary>Who calls, by the headers of his call alone; a call of nobody, or of who may send no frames,
    /// ends.</summary>
    public async Task<Principal> RequireSenderAsync(ServerCallContext call)
    {
        var context = call.GetHttpContext();
        if (credentials.IsRequired && !credentials.AreBrought(context)) MayAsk(context);
        if (await HolderAsync(context).ConfigureAwait(false) is not { } who)
        {
            if (credentials.AreBrought(context)) MayAsk(context); // who brings nothing has been counted
            throw new RpcException(
                new(StatusCode.Unauthenticated, "an access key is needed: authorization: Bearer KEY"));
        }
        return who.Holds(Scopes.CurvesWrite) ? who
            : throw new RpcException(new(StatusCode.PermissionDenied, $"scope {Scopes.CurvesWrite} is needed"));
    }

    private async ValueTask<Principal?> HolderAsync(HttpContext context)
    {
        try
        {
            return await credentials.OfAsync(context).ConfigureAwait(false);
        }
        catch (IssuerAwayException)
        {
            throw new RpcException(new(StatusCode.Unavailable, IssuerAwayException.Told));
        }
    }

    private void MayAsk(HttpContext context)
    {
        if (!strangers.MayAsk(context))
            throw new RpcException(new(StatusCode.ResourceExhausted,
                "too much is asked from this address by who brings no key"));
    }

    /// <summary>How long a caller that was admitted is not asked again: what ends its key ends its call.</summary>
    public static readonly TimeSpan AskedEvery = TimeSpan.FromMilliseconds(500);

    /// <summary>What somebody announces, which has to be his own.</summary>
    public AnnouncedPoints PointsOf(Principal who, StreamEngine engine) => new(recorder, engine.PointChanges, who);
}
