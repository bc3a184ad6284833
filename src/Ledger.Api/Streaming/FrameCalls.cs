using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Google.Protobuf;
using Grpc.Core;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Ingest.Streaming.Wire;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Api.Streaming;

/// <summary>
/// The calls of senders (<c>streams.proto</c>). One call is one session. What cannot be taken yet is not read, so a
/// sender is slowed down by the connection itself before it is refused; what is acknowledged is on the disk.
/// </summary>
internal sealed class FrameCalls(
    StreamEngine engine, StreamServerOptions options, StreamAdmission? admission, CancellationToken stopping)
    : FrameStreams.FrameStreamsBase
{
    /// <summary>How long a sender that was refused for want of room should wait, in ms (gRPC retry design,
    /// A6).</summary>
    private const string PushbackName = "grpc-retry-pushback-ms", PushbackMs = "1000";
    /// <summary>How often the patience with a sender that sends is extended: not with each of many messages.</summary>
    private const int ExtendedEveryMs = 50;
    private const int FirstPauseMs = 1, LastPauseMs = 16;

    private readonly CallQuota quota = new(options.CallsMax, options.CallsPerPartyMax);

    /// <summary>Who sends in this call; nobody is asked where the server takes frames of anybody.</summary>
    private readonly record struct Sender(
        ServerCallContext Call, PartyId Party, Principal? Who, AnnouncedPoints? Announced);

    private readonly record struct Pending(long Sequence, ValueTask<FrameAddress> Durable, bool IsGivenUp = false);

    public override async Task Send(
        IAsyncStreamReader<FromSender> from, IServerStreamWriter<FromLedger> to, ServerCallContext context)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, stopping);
        try
        {
            await SendAsync(from, to, context, patience).ConfigureAwait(false);
        }
        catch (Exception stopped) when (stopped is FrameLogStoppedException or JournalFaultedException
            || engine.Faulted.IsFaulted)
        {
            throw Ended(StatusCode.Unavailable, "the ledger has met a storage error and stops; what is not acknowledged "
                + "may not be durable");
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            throw Ended(StatusCode.Unavailable, "the ledger stops; connect again later");
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw Ended(StatusCode.DeadlineExceeded, "nothing went on for as long as may be");
        }
    }

    private async Task SendAsync(
        IAsyncStreamReader<FromSender> from, IServerStreamWriter<FromLedger> to, ServerCallContext context,
        CancellationTokenSource patience)
    {
        // Nobody's message is waited for before it is known who he is and that he may send; and nobody has a place
        // for long without saying for whom he sends.
        if (admission is not null) await admission.RequireSenderAsync(context).ConfigureAwait(false);
        patience.CancelAfter(options.OpenMax.ToTimeSpan());
        if (!await from.MoveNext(patience.Token).ConfigureAwait(false)) return;
        patience.CancelAfter(options.IdleMax.ToTimeSpan());
        if (from.Current.Open is not { } open) throw Ended(StatusCode.InvalidArgument, "a call begins with open");
        if (!PartyId.TryParse(open.Party, out var party))
            throw Ended(StatusCode.InvalidArgument, $"open.party must be {Asking.IdentifierRule}");
        var who = admission is null ? null : await admission.AdmitAsync(context, party).ConfigureAwait(false);
        using var place = quota.Take(party.Value, out var whyNot) ?? throw Exhausted(whyNot);
        var last = open.HasSession
            ? await engine.LastSequenceAsync(open.Session, open.Token, patience.Token).ConfigureAwait(false) : null;
        using var door = engine.Connect(who);
        await to.WriteAsync(new FromLedger { Opened = Answer(door, last) }, patience.Token).ConfigureAwait(false);
        var pending = Channel.CreateBounded<Pending>(
            new BoundedChannelOptions(options.FramesInFlightMax) { SingleReader = true, SingleWriter = true });
        var acknowledging = AcknowledgeAsync(pending.Reader, to, patience);
        Exception? why = null;
        try
        {
            var announced = who is null ? null : admission!.PointsOf(who, engine);
            await TakeAsync(door, from, pending.Writer, new(context, party, who, announced), patience)
                .ConfigureAwait(false);
        }
        catch (Exception ended)
        {
            why = ended;
        }
        // However the call ends, the sender is told first what of it is durable; a refusal waits only so long for that.
        pending.Writer.Complete();
        if (why is RpcException) patience.CancelAfter(options.FullMax.ToTimeSpan());
        try
        {
            await acknowledging.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (why is not null)
        {
            ExceptionDispatchInfo.Throw(why);
        }
        if (why is not null) ExceptionDispatchInfo.Throw(why);
    }

    private Opened Answer(StreamDoor door, long? last)
    {
        var opened = new Opened
        {
            Session = door.Session,
            Token = door.Token,
            FramesInFlightMax = options.FramesInFlightMax,
            MessageBytesMax = options.MessageBytesMax,
        };
        if (last is { } known) opened.LastDurable = known;
        return opened;
    }

    private async Task TakeAsync(StreamDoor door, IAsyncStreamReader<FromSender> from, ChannelWriter<Pending> pending,
        Sender sender, CancellationTokenSource patience)
    {
        var (taken, extended, asked) = (0L, Environment.TickCount64, Stopwatch.GetTimestamp());
        var giveUpAt = long.MaxValue; // only of a sender whose frames have all had to wait for so long
        while (await from.MoveNext(patience.Token).ConfigureAwait(false))
        {
            if (Environment.TickCount64 - extended >= ExtendedEveryMs)
            {
                patience.CancelAfter(options.IdleMax.ToTimeSpan());
                extended = Environment.TickCount64;
            }
            if (admission is not null && Stopwatch.GetElapsedTime(asked) > StreamAdmission.AskedEvery)
            {
                asked = Stopwatch.GetTimestamp();
                var who = await admission.AdmitAsync(sender.Call, sender.Party).ConfigureAwait(false);
                if (sender.Announced is { } points
                    && await points.WhyNoLongerAsync(who, patience.Token).ConfigureAwait(false) is { } lost)
                    throw Ended(StatusCode.NotFound, lost);
            }
            if (from.Current.Frames is not { } batch)
                throw Ended(StatusCode.InvalidArgument, "after open a message has frames");
            foreach (var frame in batch.Frame)
            {
                try
                {
                    // The bytes were read into memory of their own; they are copied once more, into the log's block.
                    var read = CheckedFrame.Check(frame.Memory);
                    if (sender.Announced is { } announced
                        && await announced.WhyNotAsync(read, patience.Token).ConfigureAwait(false) is { } foreign)
                        throw Ended(StatusCode.NotFound, foreign);
                    var one = new Pending(read.Head.Sequence, default);
                    if (door.Take(read, out var durable) != FrameTaken.Full)
                        (one, giveUpAt) = (one with { Durable = durable }, long.MaxValue);
                    else
                    {
                        giveUpAt = Math.Min(giveUpAt, options.GivesUpAfter is { } after
                            ? Environment.TickCount64 + (long)after.TotalMilliseconds : long.MaxValue);
                        one = await TakeWhenFreeAsync(door, read, giveUpAt, patience.Token).ConfigureAwait(false);
                    }
                    if (!pending.TryWrite(one)) await pending.WriteAsync(one, patience.Token).ConfigureAwait(false);
                }
                catch (InputRefusedException refused)
                {
                    throw await RefusedAsync(frame.Memory, refused, sender.Who, taken, patience.Token)
                        .ConfigureAwait(false);
                }
                taken++;
            }
        }
    }

    /// <summary>Waits for room in the log, and reads nothing meanwhile; from a time on raw samples are given
    /// up.</summary>
    private async Task<Pending> TakeWhenFreeAsync(
        StreamDoor door, CheckedFrame frame, long giveUpAt, CancellationToken ct)
    {
        using var most = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var patience = options.FullMax + (options.GivesUpAfter ?? Duration.Zero);
        most.CancelAfter(patience.ToTimeSpan());
        var pause = FirstPauseMs;
        ValueTask<FrameAddress> durable;
        do
        {
            if (Environment.TickCount64 >= giveUpAt && door.GiveUp(frame, out durable) == FrameTaken.GivenUp)
                return new(frame.Head.Sequence, durable, IsGivenUp: true);
            try
            {
                await Task.Delay(pause, most.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                throw Exhausted($"the log has been full for {patience.TotalMilliseconds:0} ms");
            }
            pause = Math.Min(pause * 2, LastPauseMs);
        }
        while (door.Take(frame, out durable) == FrameTaken.Full);
        return new(frame.Head.Sequence, durable);
    }

    private async Task<RpcException> RefusedAsync(
        ReadOnlyMemory<byte> frame, InputRefusedException refused, Principal? who, long before,
        CancellationToken ct)
    {
        var outcome = await engine.RefuseAsync(frame, refused, "stream frame", who, ct).ConfigureAwait(false);
        if (outcome is not RecordOutcome.Refused)
            return Exhausted(outcome is RecordOutcome.Unkept unkept ? unkept.Said
                : "the ledger has as much to write as it can hold");
        var why = new Refused
        {
            Code = (int)refused.Code,
            Name = $"{refused.Code}",
            Field = refused.Field,
            Value = refused.Value,
            Rule = refused.Rule,
            Frames = before,
        };
        return new(new Status(StatusCode.InvalidArgument, $"{refused.Code} ({(int)refused.Code}): {refused.Detail}"),
            new Metadata { { FrameRefusedException.TrailerName, why.ToByteArray() } });
    }

    /// <summary>Says of many frames at once that they are durable: those of a block become so together.</summary>
    private static async Task AcknowledgeAsync(
        ChannelReader<Pending> pending, IServerStreamWriter<FromLedger> to, CancellationTokenSource patience)
    {
        var (frames, told, sequence, givenUp) = (0L, 0L, -1L, 0L);

        async Task TellAsync()
        {
            if (frames == told) return;
            told = frames;
            var acknowledged = new Acknowledgement { Frames = frames, Sequence = sequence, GivenUp = givenUp };
            await to.WriteAsync(new FromLedger { Acknowledged = acknowledged }, patience.Token).ConfigureAwait(false);
        }

        try
        {
            while (await pending.WaitToReadAsync().ConfigureAwait(false))
            {
                while (pending.TryRead(out var one))
                {
                    if (!one.Durable.IsCompleted)
                    {
                        await TellAsync().ConfigureAwait(false);
                        await one.Durable.AsTask().WaitAsync(patience.Token).ConfigureAwait(false);
                    }
                    else await one.Durable.ConfigureAwait(false);
                    (frames, sequence) = (frames + 1, one.Sequence);
                    if (one.IsGivenUp) givenUp++;
                }
                await TellAsync().ConfigureAwait(false);
            }
        }
        catch
        {
            // A sender that waits for this answer sends nothing more: nothing would wake the reading else.
            await patience.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static RpcException Ended(StatusCode code, string detail) => new(new Status(code, detail));

    private static RpcException Exhausted(string detail) =>
        new(new Status(StatusCode.ResourceExhausted, detail), new Metadata { { PushbackName, PushbackMs } });
}
