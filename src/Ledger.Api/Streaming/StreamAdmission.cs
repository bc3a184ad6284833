using Grpc.Core;
using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Ledger.Journal.Pipeline;

namespace Ledger.Api.Streaming;

/// <summary>
/// Who may send frames, and of which points. A session names its points before any sample of them, in its Announce
/// frames, so those are what is looked at: what follows can be of no other point.
/// </summary>
internal sealed class StreamAdmission(Credentials credentials, Recorder recorder)
{
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
        var who = await credentials.OfAsync(call.GetHttpContext()).ConfigureAwait(false)
            ?? throw new RpcException(new(StatusCode.Unauthenticated, "an access key is needed: authorization: Bearer KEY"));
        return who.Holds(Scopes.CurvesWrite) ? who
            : throw new RpcException(new(StatusCode.PermissionDenied, $"scope {Scopes.CurvesWrite} is needed"));
    }

    /// <summary>How long a caller that was admitted is not asked again: what ends its key ends its call.</summary>
    public static readonly TimeSpan AskedEvery = TimeSpan.FromMilliseconds(500);

    public async ValueTask RequireReachedAsync(CheckedFrame frame, Principal who, CancellationToken ct)
    {
        if (await NotReachedAsync(frame, who, recorder, ct).ConfigureAwait(false) is { } why)
            throw new RpcException(new(StatusCode.NotFound, why));
    }

    /// <summary>Why a frame may not be taken of somebody; null where it may.</summary>
    public static async ValueTask<string?> NotReachedAsync(
        CheckedFrame frame, Principal who, Recorder recorder, CancellationToken ct)
    {
        if (who.Reach.IsEverything || frame.Head.Kind != FrameKind.Announce) return null;
        foreach (var point in Announced(frame))
            if (!await Reaching.CoversAsync(who.Reach, point, recorder, ct).ConfigureAwait(false))
                return $"there is no settlement point {point}, or it is not yours";
        return null;
    }

    private static List<SettlementPointId> Announced(CheckedFrame frame)
    {
        var points = new List<SettlementPointId>();
        var reader = FrameReader.Open(frame.Bytes.Span);
        while (reader.TryRead(out Announcement announced)) points.Add(announced.Point);
        return points;
    }
}
