using System.Collections.Concurrent;
using System.Threading.Channels;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Ledger.Stores.EventStoreDb.Wire;

namespace Ledger.Stores.EventStoreDb;

/// <summary>
/// The long call on which batches are appended: many at a time, each answered under the number that it was sent with.
/// When the call ends, whatever is not answered fails, and whether it was written is not known.
/// </summary>
internal sealed class BatchAppends : IDisposable
{
    private readonly AsyncDuplexStreamingCall<BatchAppendReq, BatchAppendResp> call;
    private readonly ConcurrentDictionary<long, TaskCompletionSource<BatchAppendResp>> waiting = new();
    private readonly Channel<Part> parts = Channel.CreateUnbounded<Part>(new() { SingleReader = true });
    private static readonly TimeSpan ReasonWithin = TimeSpan.FromSeconds(1);
    private Exception? ended;
    private long begun;

    /// <summary>Whether nothing can be appended on this call any more.</summary>
    public bool HasEnded => Volatile.Read(ref ended) is not null;

    public BatchAppends(Streams.StreamsClient streams)
    {
        call = streams.BatchAppend();
        var received = ReceiveAsync();
        _ = Task.Run(() => SendAsync(received));
    }

    /// <summary>Begins a batch; of many that are begun each is the server's when it is completed.</summary>
    public OpenBatch Begin(ExpectedOfStream expected, TimeSpan deadline)
    {
        var number = Interlocked.Increment(ref begun);
        var answer = waiting[number] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        if (Volatile.Read(ref ended) is { } before) answer.TrySetException(before);
        var options = new BatchAppendReq.Types.Options
        {
            StreamIdentifier = new() { StreamName = ByteString.CopyFromUtf8(expected.StreamName) },
            Deadline = Duration.FromTimeSpan(deadline),
        };
        expected.Write(options);
        return new OpenBatch(this, number, options, deadline, answer.Task);
    }

    /// <summary>What one message holds; the first of a batch has the options.</summary>
    private sealed record Part(long Batch, BatchAppendReq.Types.Options? Options, List<EventData> Events, bool IsFinal)
    {
        public BatchAppendReq ToMessage() => new()
        {
            CorrelationId = Id(Batch),
            Options = Options,
            ProposedMessages = { Events.Select(Proposed) },
            IsFinal = IsFinal,
        };
    }

    /// <summary>One batch while it is filled. It is sent part by part, so that the server reads it meanwhile; it writes
    /// nothing before the last part. For one thread at a time.</summary>
    internal sealed class OpenBatch(
        BatchAppends appends, long number, BatchAppendReq.Types.Options options, TimeSpan deadline,
        Task<BatchAppendResp> answer)
    {
        private const int PartBytesMax = 32 * 1024; // of one message, unless one event alone is larger
        private BatchAppendReq.Types.Options? notSent = options;
        private List<EventData> events = [];
        private int bytes;

        public void Add(EventData proposed)
        {
            var more = proposed.Data.Length + proposed.Metadata.Length;
            if (bytes > PartBytesMax - more && events.Count > 0) Send(isFinal: false);
            bytes += more;
            events.Add(proposed);
        }

        private void Send(bool isFinal)
        {
            // Where the call has ended it is not sent, and the batch has failed with the call.
            appends.parts.Writer.TryWrite(new(number, notSent, events, isFinal));
            (notSent, events, bytes) = (null, [], 0);
        }

        /// <summary>Sends what is left, and gives the server's answer.</summary>
        public async Task<BatchAppendResp> CompleteAsync(CancellationToken ct)
        {
            try
            {
                Send(isFinal: true);
                // The server keeps to the deadline by its own clock and answers; twice of it and the answer is lost.
                return await answer.WaitAsync(deadline * 2, ct).ConfigureAwait(false);
            }
            finally
            {
                appends.waiting.TryRemove(number, out _);
            }
        }
    }

    private static UUID Id(long number) => new() { Structured = new() { LeastSignificantBits = number } };

    private static BatchAppendReq.Types.ProposedMessage Proposed(EventData proposed)
    {
        var (most, least) = proposed.EventId.ToInt64();
        return new()
        {
            Id = new() { Structured = new() { MostSignificantBits = most, LeastSignificantBits = least } },
            Metadata = { ["type"] = proposed.Type, ["content-type"] = proposed.ContentType },
            CustomMetadata = UnsafeByteOperations.UnsafeWrap(proposed.Metadata),
            Data = UnsafeByteOperations.UnsafeWrap(proposed.Data),
        };
    }

    /// <summary>The call takes one message at a time, and whoever fills a batch does not wait for it.</summary>
    private async Task SendAsync(Task received)
    {
        try
        {
            await foreach (var part in parts.Reader.ReadAllAsync().ConfigureAwait(false))
                await call.RequestStream.WriteAsync(part.ToMessage()).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Mostly the call has ended, and why is said where its answers are awaited. Where these stay open, nothing
            // more is answered on a call that takes nothing more.
            parts.Writer.TryComplete();
            await Task.WhenAny(received, Task.Delay(ReasonWithin)).ConfigureAwait(false);
            End(new RpcException(new(StatusCode.Unavailable, "the call takes nothing more", e)));
        }
    }

    private async Task ReceiveAsync()
    {
        try
        {
            await foreach (var answer in call.ResponseStream.ReadAllAsync().ConfigureAwait(false))
                if (waiting.TryGetValue(answer.CorrelationId.Structured?.LeastSignificantBits ?? 0, out var asked))
                    asked.TrySetResult(answer);
            End(new RpcException(new(StatusCode.Unavailable, "the server ended the call")));
        }
        catch (RpcException e)
        {
            End(ServerErrors.Translate(e));
        }
        catch (Exception e)
        {
            End(new RpcException(new(StatusCode.Unavailable, "the connection was closed", e)));
        }
    }

    private void End(Exception why)
    {
        why = Interlocked.CompareExchange(ref ended, why, null) ?? why;
        parts.Writer.TryComplete();
        foreach (var asked in waiting.Values) asked.TrySetException(why);
    }

    public void Dispose() => call.Dispose();
}
