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
    private readonly Channel<BatchAppendReq> parts = Channel.CreateUnbounded<BatchAppendReq>(
        new() { SingleReader = true });
    private Exception? ended;
    private long begun;

    /// <summary>Whether nothing can be appended on this call any more.</summary>
    public bool HasEnded => Volatile.Read(ref ended) is not null;

    public BatchAppends(Streams.StreamsClient streams)
    {
        call = streams.BatchAppend();
        _ = Task.Run(SendAsync);
        _ = ReceiveAsync();
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
        return new OpenBatch(this, number, options, answer.Task);
    }

    /// <summary>One batch while it is filled. It is sent part by part, so that the server reads it meanwhile; it writes
    /// nothing before the last part. For one thread at a time.</summary>
    internal sealed class OpenBatch(
        BatchAppends appends, long number, BatchAppendReq.Types.Options options, Task<BatchAppendResp> answer)
    {
        private const int PartBytesMax = 64 * 1024; // of one message, unless one event alone is larger
        private BatchAppendReq part = new() { CorrelationId = Id(number), Options = options };
        private int bytes;

        public void Add(EventData proposed)
        {
            var more = proposed.Data.Length + proposed.Metadata.Length;
            if (bytes > PartBytesMax - more && part.ProposedMessages.Count > 0)
            {
                appends.Send(part);
                part = new BatchAppendReq { CorrelationId = Id(number) };
                bytes = 0;
            }
            bytes += more;
            part.ProposedMessages.Add(Proposed(proposed));
        }

        /// <summary>Sends what is left, and gives the server's answer.</summary>
        public async Task<BatchAppendResp> CompleteAsync(CancellationToken ct)
        {
            try
            {
                part.IsFinal = true;
                appends.Send(part);
                // The server keeps to the deadline by its own clock and answers; twice of it and the answer is lost.
                return await answer.WaitAsync(options.Deadline.ToTimeSpan() * 2, ct).ConfigureAwait(false);
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

    // Where the call has ended it is not sent, and its batch has failed with the call.
    private void Send(BatchAppendReq part) => parts.Writer.TryWrite(part);

    /// <summary>The call takes one message at a time, and whoever fills a batch does not wait for it.</summary>
    private async Task SendAsync()
    {
        try
        {
            await foreach (var part in parts.Reader.ReadAllAsync().ConfigureAwait(false))
                await call.RequestStream.WriteAsync(part).ConfigureAwait(false);
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
