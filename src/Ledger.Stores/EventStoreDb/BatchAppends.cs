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
    // The protocol's own method, but for the class of what is sent.
    private static readonly Method<AppendPart, BatchAppendResp> Appending = new(MethodType.DuplexStreaming,
        Streams.Descriptor.FullName, nameof(Streams.StreamsClient.BatchAppend), AppendPart.Marshaller,
        Marshallers.Create((answer, context) => context.Complete(answer.ToByteArray()),
            context => BatchAppendResp.Parser.ParseFrom(context.PayloadAsReadOnlySequence())));

    private readonly AsyncDuplexStreamingCall<AppendPart, BatchAppendResp> call;
    private readonly ConcurrentDictionary<long, TaskCompletionSource<BatchAppendResp>> waiting = new();
    private readonly Channel<AppendPart> parts = Channel.CreateUnbounded<AppendPart>(new() { SingleReader = true });
    private static readonly TimeSpan ReasonWithin = TimeSpan.FromSeconds(1);
    private Exception? ended;
    private long begun;

    /// <summary>Whether nothing can be appended on this call any more.</summary>
    public bool HasEnded => Volatile.Read(ref ended) is not null;

    public BatchAppends(CallInvoker calls)
    {
        call = calls.AsyncDuplexStreamingCall(Appending, null, default);
        var received = ReceiveAsync();
        _ = Task.Run(() => SendAsync(received));
    }

    /// <summary>Begins a batch; of many that are begun each is the server's when it is completed.</summary>
    /// <param name="goesOnAtOnce">Whether who waits for the answer goes on where it is read, and lets the next one be
    /// read soon; else a thread is woken for him.</param>
    public OpenBatch Begin(ExpectedOfStream expected, TimeSpan deadline, bool goesOnAtOnce = false)
    {
        var number = Interlocked.Increment(ref begun);
        var answer = waiting[number] = new(goesOnAtOnce
            ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
        if (Volatile.Read(ref ended) is { } before) answer.TrySetException(before);
        var options = new BatchAppendReq.Types.Options
        {
            StreamIdentifier = new() { StreamName = ByteString.CopyFromUtf8(expected.StreamName) },
            Deadline = Duration.FromTimeSpan(deadline),
        };
        expected.Write(options);
        return new OpenBatch(this, number, options, deadline, answer.Task);
    }

    /// <summary>One batch while it is filled. It is sent part by part, so that the server reads it meanwhile; it writes
    /// nothing before the last part. For one thread at a time.</summary>
    internal sealed class OpenBatch(
        BatchAppends appends, long number, BatchAppendReq.Types.Options options, TimeSpan deadline,
        Task<BatchAppendResp> answer)
    {
        private AppendPart part = new(number, options);
        private (string? Type, string? ContentType, byte[] Fields) kind = (null, null, []); // of the last event

        public void Add(EventData proposed) => RoomFor(proposed.Metadata.Length + proposed.Data.Length).Add(
            proposed.EventId, KindOf(proposed.Type, proposed.ContentType), proposed.Metadata.Span, proposed.Data.Span);

        /// <summary>Adds an event whose metadata is made of a header when it is sent, on the thread that sends: the
        /// caller makes the next events meanwhile.</summary>
        public void AddWithHeader(Uuid id, string type, string contentType, byte[] header, byte[] data) =>
            RoomFor(HeaderMetadata.LengthOf(header) + data.Length)
                .AddWithHeader(id, KindOf(type, contentType), header, data);

        private AppendPart RoomFor(int bytes)
        {
            if (part.HasRoomFor(bytes)) return part;
            Send();
            return part = new(number, null);
        }

        private byte[] KindOf(string type, string contentType)
        {
            if (type != kind.Type || contentType != kind.ContentType)
                kind = (type, contentType, AppendPart.KindOf(type, contentType));
            return kind.Fields;
        }

        // Where the call has ended it is not sent, and the batch has failed with the call.
        private void Send() => appends.parts.Writer.TryWrite(part);

        /// <summary>Sends what is left, and gives the server's answer.</summary>
        public async Task<BatchAppendResp> CompleteAsync(CancellationToken ct)
        {
            try
            {
                part.End();
                Send();
                // The server keeps to the deadline by its own clock and answers; twice of it and the answer is lost.
                return await answer.WaitAsync(deadline * 2, ct).ConfigureAwait(false);
            }
            catch (TimeoutException e)
            {
                throw AppendWire.NotAnswered(e);
            }
            finally
            {
                appends.waiting.TryRemove(number, out _);
            }
        }
    }

    /// <summary>The call takes one message at a time, and whoever fills a batch does not wait for it.</summary>
    private async Task SendAsync(Task received)
    {
        try
        {
            await foreach (var part in parts.Reader.ReadAllAsync().ConfigureAwait(false))
            {
                await call.RequestStream.WriteAsync(part).ConfigureAwait(false);
                part.Release();
            }
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
