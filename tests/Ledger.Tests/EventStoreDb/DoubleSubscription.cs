using System.Globalization;
using Grpc.Core;
using Ledger.Stores.EventStoreDb.Wire;

namespace Ledger.Tests.EventStoreDb;

/// <summary>
/// A catch-up subscription to a stream or to all: a confirmation, what is there after the given place, a word that the
/// subscriber has caught up, and what comes. With a filter, checkpoints for what was passed over.
/// </summary>
internal sealed class DoubleSubscription(DoubleLog log, ReadReq.Types.Options options, bool isText,
    IServerStreamWriter<ReadResp> responses)
{
    private const int WindowDefault = 32; // what a server reads at once
    private static long made;
    private readonly Func<DoubleEvent, bool> filter = DoubleMessages.Filter(options);
    private long considered;
    private int next;

    public async Task RunAsync(CancellationToken ct)
    {
        if (options.Filter is { CheckpointIntervalMultiplier: 0 })
            throw new RpcException(new(StatusCode.InvalidArgument, "The checkpoint interval must be greater than 0."));
        var isAfter = Start();
        await responses.WriteAsync(new()
        {
            Confirmation = new()
            { SubscriptionId = Interlocked.Increment(ref made).ToString("x8", CultureInfo.InvariantCulture) },
        }, ct);
        var isLive = false;
        while (!ct.IsCancellationRequested)
        {
            var grown = log.Grown;
            foreach (var one in log.All(next))
            {
                next++;
                if (isAfter(one)) await SeeAsync(one, ct);
            }
            if (!isLive)
            {
                isLive = true;
                if (options.Filter is not null && log.All() is [.., var last]) await CheckpointAsync(last, ct);
                await responses.WriteAsync(new() { CaughtUp = new() }, ct);
            }
            await grown.WaitAsync(ct);
        }
    }

    /// <summary>What is after the place from which to follow.</summary>
    private Func<DoubleEvent, bool> Start()
    {
        if (options.All is { } all)
        {
            if (all.AllOptionCase == ReadReq.Types.AllOptions.AllOptionOneofCase.End) next = log.All().Count;
            var after = all.AllOptionCase == ReadReq.Types.AllOptions.AllOptionOneofCase.Position
                ? all.Position.CommitPosition : 0;
            return one => one.Position > after;
        }
        var stream = options.Stream.StreamIdentifier.StreamName.ToStringUtf8();
        if (options.Stream.RevisionOptionCase == ReadReq.Types.StreamOptions.RevisionOptionOneofCase.End)
            next = log.All().Count;
        var last = options.Stream.RevisionOptionCase == ReadReq.Types.StreamOptions.RevisionOptionOneofCase.Revision
            ? (long)options.Stream.Revision : -1;
        return one => one.Stream == stream && one.Revision > last;
    }

    private async Task SeeAsync(DoubleEvent one, CancellationToken ct)
    {
        if (filter(one)) await responses.WriteAsync(DoubleMessages.Event(one, isText), ct);
        if (options.Filter is not { } filtered) return;
        var window = filtered.WindowCase == ReadReq.Types.FilterOptions.WindowOneofCase.Max
            ? (int)filtered.Max : WindowDefault;
        if (++considered % (window * (int)filtered.CheckpointIntervalMultiplier) == 0) await CheckpointAsync(one, ct);
    }

    private Task CheckpointAsync(DoubleEvent at, CancellationToken ct) => responses.WriteAsync(new()
    { Checkpoint = new() { CommitPosition = at.Position, PreparePosition = at.Position } }, ct);
}
