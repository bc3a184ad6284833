using System.Collections.Concurrent;
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
    private const int ChunkBytesMax = 3 * 1024 * 1024; // of one message, as the official clients
    private readonly AsyncDuplexStreamingCall<BatchAppendReq, BatchAppendResp> call;
    private readonly ConcurrentDictionary<long, TaskCompletionSource<BatchAppendResp>> waiting = new();
    private readonly SemaphoreSlim writing = new(1, 1);
    private volatile Exception? ended;
    private long sent;

    /// <summary>Whether nothing can be appended on this call any more.</summary>
    public bool HasEnded => ended is not null;

    public BatchAppends(Streams.StreamsClient streams)
    {
        call = streams.BatchAppend();
        _ = ReceiveAsync();
    }

    /// <param name="expect">Says in the options what is expected of the stream.</param>
    public async Task<BatchAppendResp> AppendAsync(string streamName, Action<BatchAppendReq.Types.Options> expect,
        IEnumerable<EventData> events, TimeSpan deadline, CancellationToken ct)
    {
        var number = Interlocked.Increment(ref sent);
        var answer = waiting[number] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            if (ended is { } before) throw before;
            await SendAsync(number, streamName, expect, events, deadline, ct).ConfigureAwait(false);
            // The server keeps to the deadline by its own clock and answers; twice of it and the answer is lost.
            return await answer.Task.WaitAsync(deadline * 2, ct).ConfigureAwait(false);
        }
        catch (InvalidOperationException e) when (ended is not null || e is ObjectDisposedException)
        {
            throw ended ?? new RpcException(new(StatusCode.Unavailable, "the connection was closed", e));
        }
        finally
        {
            waiting.TryRemove(number, out _);
        }
    }

    private async Task SendAsync(long number, string streamName, Action<BatchAppendReq.Types.Options> expect,
        IEnumerable<EventData> events, TimeSpan deadline, CancellationToken ct)
    {
        var options = new BatchAppendReq.Types.Options
        {
            StreamIdentifier = new() { StreamName = ByteString.CopyFromUtf8(streamName) },
            Deadline = Duration.FromTimeSpan(deadline),
        };
        expect(options);
        var chunk = new BatchAppendReq { CorrelationId = Id(number), Options = options };
        await writing.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            var bytes = 0;
            foreach (var proposed in events)
            {
                bytes += proposed.Data.Length + proposed.Metadata.Length;
                if (bytes > ChunkBytesMax && chunk.ProposedMessages.Count > 0)
                {
                    await call.RequestStream.WriteAsync(chunk, CancellationToken.None).ConfigureAwait(false);
                    chunk = new BatchAppendReq { CorrelationId = Id(number) };
                    bytes = proposed.Data.Length + proposed.Metadata.Length;
                }
                chunk.ProposedMessages.Add(Proposed(proposed));
            }
            chunk.IsFinal = true;
            await call.RequestStream.WriteAsync(chunk, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            writing.Release();
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

    private async Task ReceiveAsync()
    {
        try
        {
            await foreach (var answer in call.ResponseStream.ReadAllAsync().ConfigureAwait(false))
                if (waiting.TryGetValue(answer.CorrelationId.Structured?.LeastSignificantBits ?? 0, out var asked))
                    asked.TrySetResult(answer);
            ended = new RpcException(new(StatusCode.Unavailable, "the server ended the call"));
        }
        catch (RpcException e)
        {
            ended = ServerErrors.Translate(e);
        }
        catch (Exception e)
        {
            ended = new RpcException(new(StatusCode.Unavailable, "the connection was closed", e));
        }
        foreach (var asked in waiting.Values) asked.TrySetException(ended);
    }

    public void Dispose() => call.Dispose();
}
