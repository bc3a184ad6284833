using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;

namespace Ledger.Api.Streaming;

/// <summary>
/// The points that a session has announced. Each has to be its sender's when it is announced, and to stay so for as
/// long as the session goes on: a point may be sold, and a key may come to reach less. That is asked when one of both
/// changes, and nothing is asked for the samples in between.
/// </summary>
internal sealed class AnnouncedPoints(Recorder recorder, PointChanges changes, Principal who)
{
    private readonly HashSet<SettlementPointId> points = [];
    private Reach reach = who.Reach;
    private long seen = changes.Count;
    private Instant until = Instant.MaxValue; // then master data begin to hold that were recorded before

    /// <summary>Why a frame may not be taken; null where it may. A point that was announced before is not asked for
    /// again.</summary>
    public async ValueTask<string?> WhyNotAsync(CheckedFrame frame, CancellationToken ct)
    {
        if (reach.IsEverything || frame.Head.Kind != FrameKind.Announce) return null;
        foreach (var point in Named(frame))
        {
            if (points.Contains(point)) continue;
            if (!await IsReachedAsync(point, ct).ConfigureAwait(false)) return NotReached(point);
            points.Add(point);
        }
        return null;
    }

    /// <summary>Why the session may not go on; null where it may.</summary>
    /// <param name="now">Who its sender is now, by the same key.</param>
    public async ValueTask<string?> WhyNoLongerAsync(Principal now, CancellationToken ct)
    {
        var count = changes.Count;
        var isOther = !reach.IsAs(now.Reach);
        if (!isOther && count == seen && recorder.Now < until) return null;
        reach = now.Reach;
        if (reach.IsEverything) return null;
        var changed = isOther || recorder.Now >= until ? null : changes.Since(seen);
        seen = count;
        if (changed is null) until = Instant.MaxValue;
        foreach (var point in changed is null ? points : changed.Where(points.Contains))
            if (!await IsReachedAsync(point, ct).ConfigureAwait(false)) return NotReached(point);
        return null;
    }

    private async ValueTask<bool> IsReachedAsync(SettlementPointId point, CancellationToken ct)
    {
        var (isCovered, next) = await Reaching.CoversUntilAsync(reach, point, recorder, ct).ConfigureAwait(false);
        if (next is { } later && later < until) until = later;
        return isCovered;
    }

    private static string NotReached(SettlementPointId point) =>
        $"there is no settlement point {point}, or it is not yours";

    private static List<SettlementPointId> Named(CheckedFrame frame)
    {
        var named = new List<SettlementPointId>();
        var reader = frame.Open();
        while (reader.TryRead(out Announcement announced)) named.Add(announced.Point);
        return named;
    }
}
