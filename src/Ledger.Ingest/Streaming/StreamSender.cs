using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming.Wire;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// Brings frames to a ledger and keeps each until it is acknowledged. Where the connection breaks it connects again,
/// with a longer wait each time, asks how far the ledger has come, announces its streams anew, and sends what follows.
/// A frame may come twice then, which has no second effect. One caller at a time.
/// </summary>
public sealed class StreamSender : IAsyncDisposable
{
    /// <summary>The largest frame that is taken: in a later session its number may be longer.</summary>
    public const int FrameBytesMax = Limits.FrameBytesMax - FrameNumbering.GrowthBytesMax;

    private static readonly WriteOptions FollowedByAnother = new(WriteFlags.BufferHint);

    private readonly FrameStreams.FrameStreamsClient client;
    private readonly StreamSenderOptions options;
    private readonly Lock gate = new();
    private readonly UnacknowledgedFrames frames;
    private readonly CancellationTokenSource stopping = new();
    private readonly Task running;
    private TaskCompletionSource? more, changed;
    private Exception? fault;
    private bool isClosing, isDisposed;
    private Opened? session;
    private long progressAt = Stopwatch.GetTimestamp();

    internal StreamSender(FrameStreams.FrameStreamsClient client, StreamSenderOptions options)
    {
        (this.client, this.options, frames) = (client, options, new(options));
        running = Task.Run(RunAsync);
    }

    /// <summary>Frames acknowledged so far.</summary>
    public long Acknowledged { get; private set; }

    /// <summary>Frames among them whose samples the ledger gave up, because it was behind.</summary>
    public long GivenUp { get; private set; }

    /// <summary>How often it was connected.</summary>
    public int Sessions { get; private set; }

    /// <summary>
    /// Takes a frame to be sent, and waits while as many are under way as may be; its bytes are copied. Throws
    /// <see cref="FrameRefusedException"/> once a frame was refused, and <see cref="IOException"/> once the ledger
    /// could not be reached for as long as the options say.
    /// </summary>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> frame, CancellationToken ct = default)
    {
        if (frame.Length > FrameBytesMax)
            throw new InputRefusedException(Rejection.TooLarge, "frame.bytes",
                frame.Length.ToString(CultureInfo.InvariantCulture), $"at most {FrameBytesMax}");
        var copy = ByteString.CopyFrom(frame.Span);
        while (true)
        {
            Task wait;
            lock (gate)
            {
                if (fault is not null) throw fault;
                ObjectDisposedException.ThrowIf(isClosing, this);
                if (frames.HasRoomFor(copy.Length))
                {
                    frames.Add(copy);
                    Signal(ref more);
                    return;
                }
                wait = (changed ??= NewSignal()).Task;
            }
            await wait.WaitAsync(ct).ConfigureAwait(false);
        }
    }

    /// <summary>Waits until every frame that was taken is acknowledged; throws what <see cref="SendAsync"/> throws.
    /// </summary>
    public async Task FlushAsync(CancellationToken ct = default)
    {
        while (true)
        {
            Task wait;
            lock (gate)
            {
                if (fault is not null) throw fault;
                if (frames.Count == 0) return;
                wait = (changed ??= NewSignal()).Task;
            }
            await wait.WaitAsync(ct).ConfigureAwait(false);
        }
    }

    private async Task RunAsync()
    {
        var backoff = options.BackoffMin;
        while (!stopping.IsCancellationRequested)
        {
            var before = Acknowledged;
            try
            {
                await CallAsync().ConfigureAwait(false);
                return;
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception ended) when (ended is RpcException or HttpRequestException or IOException)
            {
                if (stopping.IsCancellationRequested || IsFinal(ended as RpcException
                    ?? new(new Status(StatusCode.Unavailable, ended.Message, ended)))) return;
            }
            catch (Exception unexpected) // a fault of this program: whoever sends has to know
            {
                Fail(unexpected);
                return;
            }
            if (Acknowledged > before) backoff = options.BackoffMin;
            await WaitAsync(backoff).ConfigureAwait(false);
            backoff = NodaTime.Duration.Min(backoff * 2, options.BackoffMax);
        }
    }

    /// <summary>Whether connecting again makes no sense.</summary>
    private bool IsFinal(RpcException ended)
    {
        lock (gate)
            if (FrameRefusedException.Of(ended, frames.OldestSequence) is { } refused)
                return Fail(refused);
        // Not found is a point that it announces: the answer names it, and its frames have to be made without it.
        var isHopeless = ended.StatusCode is StatusCode.InvalidArgument or StatusCode.Unimplemented
            or StatusCode.PermissionDenied or StatusCode.Unauthenticated or StatusCode.NotFound;
        var isLate = options.GiveUpAfter is { } patience
            && Stopwatch.GetElapsedTime(progressAt) > patience.ToTimeSpan();
        return (isHopeless || isLate) && Fail(new IOException(
            $"the ledger takes no frames: {ended.StatusCode}: {ended.Status.Detail}", ended));
    }

    private bool Fail(Exception cause)
    {
        lock (gate)
        {
            fault = cause;
            Signal(ref changed);
        }
        return true;
    }

    /// <summary>Waits before the next connection, senders of one ledger not all equally long.</summary>
    private async Task WaitAsync(NodaTime.Duration backoff)
    {
        var half = backoff.ToTimeSpan() / 2;
        var spread = (ulong)(session?.Session ?? 0) * 0x9E37_79B9UL % 1024;
        try
        {
            await Task.Delay(half + half * spread / 1024, stopping.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return; // the loop looks at the same token
        }
    }

    /// <summary>One call is one session: open, then send and be acknowledged at the same time, until all is
    /// done.</summary>
    private async Task CallAsync()
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stopping.Token);
        using var call = client.Send(cancellationToken: ending.Token);
        var open = new Open { Party = options.Party };
        if (session is not null) (open.Session, open.Token) = (session.Session, session.Token);
        // A call that cannot be opened says why when it is read from.
        await IgnoreEndAsync(call.RequestStream.WriteAsync(new FromSender { Open = open }, ending.Token))
            .ConfigureAwait(false);
        if (!await call.ResponseStream.MoveNext(ending.Token).ConfigureAwait(false)
            || call.ResponseStream.Current.Opened is not { } opened)
            throw new RpcException(new Status(StatusCode.Unavailable, "the ledger ended the call before it began"));
        lock (gate)
        {
            Acknowledged += frames.Begin(opened.HasLastDurable ? opened.LastDurable : null);
            (session, Sessions) = (opened, Sessions + 1);
            Signal(ref changed);
        }
        var writing = WriteAsync(call.RequestStream, ending.Token);
        var givenUpBefore = GivenUp;
        try
        {
            while (await call.ResponseStream.MoveNext(ending.Token).ConfigureAwait(false))
                if (call.ResponseStream.Current.Acknowledged is { } told)
                {
                    GivenUp = givenUpBefore + told.GivenUp;
                    Acknowledge(told.Frames);
                }
        }
        finally
        {
            await ending.CancelAsync().ConfigureAwait(false);
            await IgnoreEndAsync(writing).ConfigureAwait(false);
        }
        lock (gate)
            if (!isClosing || frames.Count > 0)
                throw new RpcException(new Status(StatusCode.Unavailable, "the ledger ended the call"));
    }

    private void Acknowledge(long acknowledged)
    {
        lock (gate)
        {
            var isNew = frames.Acknowledge(acknowledged);
            Acknowledged += isNew;
            progressAt = Stopwatch.GetTimestamp();
            Signal(ref changed);
        }
    }

    private async Task WriteAsync(IClientStreamWriter<FromSender> to, CancellationToken ct)
    {
        while (true)
        {
            FrameBatch? batch;
            Task wait = Task.CompletedTask;
            bool isDone, isMore;
            lock (gate)
            {
                batch = frames.Next();
                isMore = frames.IsMore;
                isDone = batch is null && isClosing;
                if (batch is null) wait = (more ??= NewSignal()).Task;
            }
            if (isDone)
            {
                await to.CompleteAsync().ConfigureAwait(false);
                return;
            }
            // A message that another follows at once need not be sent alone.
            to.WriteOptions = isMore ? FollowedByAnother : WriteOptions.Default;
            if (batch is null) await wait.WaitAsync(ct).ConfigureAwait(false);
            // The call itself ends by the token, which would else be listened to for each message.
            else await to.WriteAsync(new FromSender { Frames = batch }).ConfigureAwait(false);
        }
    }

    /// <summary>Whatever ends the writing ends the reading too, and that says why.</summary>
    private static async Task IgnoreEndAsync(Task writing)
    {
        try
        {
            await writing.ConfigureAwait(false);
        }
        catch (Exception ended) when (ended is RpcException or OperationCanceledException
            or InvalidOperationException or HttpRequestException or IOException)
        {
            Debug.WriteLine(ended);
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static void Signal(ref TaskCompletionSource? signal)
    {
        signal?.TrySetResult();
        signal = null;
    }

    /// <summary>Waits until all is acknowledged, and ends the session.</summary>
    public async Task CloseAsync(CancellationToken ct = default)
    {
        await FlushAsync(ct).ConfigureAwait(false);
        lock (gate)
        {
            isClosing = true;
            Signal(ref more);
        }
        await running.WaitAsync(ct).ConfigureAwait(false);
    }

    /// <summary>Ends at once; what is not acknowledged may not be in the ledger.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (gate)
        {
            if (isDisposed) return;
            isDisposed = isClosing = true;
        }
        await stopping.CancelAsync().ConfigureAwait(false);
        await running.ConfigureAwait(false);
        stopping.Dispose();
    }
}
