using System.Runtime.CompilerServices;
using System.Text.Json;
using Grpc.Core;
using Ledger.Stores.EventStoreDb.Wire;

namespace Ledger.Stores.EventStoreDb;

/// <summary>
/// What the journal needs of an EventStoreDB or KurrentDB server, over its public gRPC protocol. Names and shapes are
/// those of the official client, so that it can take this one's place. Nothing is sent twice: who knows what may be,
/// calls again, and the next call finds a node that answers.
/// </summary>
public sealed class EventStoreClient(EventStoreClientSettings settings) : IAsyncDisposable
{
    private readonly ServerConnections connections = new(settings);

    /// <summary>Appends events as one: all become durable, in order, or none.</summary>
    /// <returns>A repeat of the same ids at the same place is answered as its first.</returns>
    public Task<IWriteResult> AppendToStreamAsync(string streamName, StreamRevision expectedRevision,
        IEnumerable<EventData> eventData, TimeSpan? deadline = null, CancellationToken cancellationToken = default) =>
        AppendAsync(new(streamName, null, expectedRevision), eventData, deadline, cancellationToken);

    /// <inheritdoc cref="AppendToStreamAsync(string, StreamRevision, IEnumerable{EventData}, TimeSpan?,
    /// CancellationToken)"/>
    public Task<IWriteResult> AppendToStreamAsync(string streamName, StreamState expectedState,
        IEnumerable<EventData> eventData, TimeSpan? deadline = null, CancellationToken cancellationToken = default) =>
        AppendAsync(new(streamName, expectedState, default), eventData, deadline, cancellationToken);

    /// <summary>
    /// Begins an append whose events are sent while the caller still makes the next ones. Null where it cannot be begun
    /// at once: before the first append to a server, after a failure, and where a server knows no batches; what is
    /// appended is then appended whole. Who waits for its answer must not block. The official client has no such call.
    /// </summary>
    internal StartedAppend? TryBegin(string streamName, StreamState? expectedState, StreamRevision expectedRevision)
    {
        if (connections.Current is not { HasBatchesNow: true } connection) return null;
        var expected = new ExpectedOfStream(streamName, expectedState, expectedRevision);
        try
        {
            return new(this, connection, expected,
                connection.Batches.Begin(expected, settings.DefaultDeadline, goesOnAtOnce: true));
        }
        catch (RpcException)
        {
            return null; // the connection has just gone
        }
    }

    /// <summary>An append that was begun. Nothing of it is written before it is completed.</summary>
    internal sealed class StartedAppend(EventStoreClient client, ServerConnection connection,
        ExpectedOfStream expected, BatchAppends.OpenBatch batch)
    {
        /// <summary>Adds the event that comes next; its bytes stay as they are.</summary>
        /// <param name="header">Of which its metadata is made: <see cref="HeaderMetadata"/>.</param>
        public void AddWithHeader(Uuid id, string type, string contentType, byte[] header, byte[] data) =>
            batch.AddWithHeader(id, type, contentType, header, data);

        public Task<IWriteResult> CompleteAsync(CancellationToken ct) => client.AnsweredAsync(connection, expected,
            async () => AppendWire.Read(expected, await batch.CompleteAsync(ct).ConfigureAwait(false)));
    }

    /// <summary>Reads a stream; enumerating throws <see cref="StreamNotFoundException"/> where there is none.</summary>
    /// <param name="revision">The first to read.</param>
    public IAsyncEnumerable<ResolvedEvent> ReadStreamAsync(Direction direction, string streamName,
        StreamPosition revision, long maxCount = long.MaxValue, bool resolveLinkTos = false,
        CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxCount);
        var options = ReadWire.Options(streamName, resolveLinkTos);
        options.ReadDirection = direction == Direction.Forwards
            ? ReadReq.Types.ReadDirection.Forwards
            : ReadReq.Types.ReadDirection.Backwards;
        options.Count = (ulong)maxCount;
        if (revision == StreamPosition.Start) options.Stream.Start = new();
        else if (revision == StreamPosition.End) options.Stream.End = new();
        else options.Stream.Revision = revision.Value;
        return EventsAsync(streamName, options, cancellationToken);
    }

    /// <summary>Follows a stream: what is there, then what comes, until cancelled.</summary>
    public IAsyncEnumerable<StreamMessage> SubscribeToStream(string streamName, FromStream start,
        bool resolveLinkTos = false, CancellationToken cancellationToken = default)
    {
        var options = ReadWire.Options(streamName, resolveLinkTos);
        options.Subscription = new();
        if (start.Last is { } last) options.Stream.Revision = last.Value;
        else if (start.IsEnd) options.Stream.End = new();
        else options.Stream.Start = new();
        return MessagesAsync(options, cancellationToken);
    }

    /// <summary>What bounds the life of a stream's events; empty where nobody set anything.</summary>
    public async Task<StreamMetadata> GetStreamMetadataAsync(string streamName,
        CancellationToken cancellationToken = default)
    {
        try
        {
            await foreach (var last in ReadStreamAsync(Direction.Backwards, "$$" + streamName, StreamPosition.End, 1,
                cancellationToken: cancellationToken).ConfigureAwait(false))
            {
                using var json = JsonDocument.Parse(last.OriginalEvent.Data);
                return new(Bound(json, "$maxAge"), Bound(json, "$tb"), Bound(json, "$maxCount"));
            }
        }
        catch (StreamNotFoundException)
        {
            return new(null, null, null);
        }
        return new(null, null, null);

        static long? Bound(JsonDocument json, string name) =>
            json.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
                ? value.TryGetInt64(out var bound) ? bound : long.MaxValue
                : null;
    }

    private async Task<IWriteResult> AppendAsync(ExpectedOfStream expected, IEnumerable<EventData> events,
        TimeSpan? deadline, CancellationToken ct)
    {
        var connection = await connections.GetAsync(ct).ConfigureAwait(false);
        var within = deadline ?? settings.DefaultDeadline;
        return await AnsweredAsync(connection, expected, async () =>
        {
            if (!await connection.HasBatches.WaitAsync(ct).ConfigureAwait(false))
                return AppendWire.Read(expected, await AppendWire.SendAsync(
                    connection.Streams, expected, events, within, ct).ConfigureAwait(false));
            var batch = connection.Batches.Begin(expected, within);
            foreach (var proposed in events) batch.Add(proposed);
            return AppendWire.Read(expected, await batch.CompleteAsync(ct).ConfigureAwait(false));
        }).ConfigureAwait(false);
    }

    private async Task<IWriteResult> AnsweredAsync(
        ServerConnection connection, ExpectedOfStream expected, Func<Task<AppendAnswer>> append)
    {
        try
        {
            return expected.Checked(await append().ConfigureAwait(false), settings.ThrowOnAppendFailure);
        }
        catch (Exception e) when (e is RpcException or NotLeaderException or ObjectDisposedException)
        {
            throw Failed(connection, e);
        }
    }

    private async IAsyncEnumerable<ResolvedEvent> EventsAsync(string streamName, ReadReq.Types.Options options,
        [EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var content in ContentsAsync(options, ct).ConfigureAwait(false))
        {
            switch (content.ContentCase)
            {
                case ReadResp.ContentOneofCase.StreamNotFound: throw new StreamNotFoundException(streamName);
                case ReadResp.ContentOneofCase.Event: yield return ReadWire.Event(content.Event); break;
                default: break; // what later servers also say
            }
        }
    }

    private async IAsyncEnumerable<StreamMessage> MessagesAsync(ReadReq.Types.Options options,
        [EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var content in ContentsAsync(options, ct).ConfigureAwait(false))
        {
            switch (content.ContentCase)
            {
                case ReadResp.ContentOneofCase.Confirmation:
                    yield return new StreamMessage.SubscriptionConfirmation(content.Confirmation.SubscriptionId);
                    break;
                case ReadResp.ContentOneofCase.Event:
                    yield return new StreamMessage.Event(ReadWire.Event(content.Event));
                    break;
                case ReadResp.ContentOneofCase.CaughtUp: yield return new StreamMessage.CaughtUp(); break;
                case ReadResp.ContentOneofCase.FellBehind: yield return new StreamMessage.FellBehind(); break;
                default: break;
            }
        }
    }

    private async IAsyncEnumerable<ReadResp> ContentsAsync(ReadReq.Types.Options options,
        [EnumeratorCancellation] CancellationToken ct)
    {
        var connection = await connections.GetAsync(ct).ConfigureAwait(false);
        using var silence = new Silence(settings.DefaultDeadline * 2, ct);
        AsyncServerStreamingCall<ReadResp>? call = null;
        try
        {
            for (var isFirst = true; ; isFirst = false)
            {
                try
                {
                    call ??= connection.Streams.Read(new ReadReq { Options = options },
                        cancellationToken: silence.Token);
                    var next = call.ResponseStream.MoveNext(CancellationToken.None); // the call has the token
                    // Of what is followed only the first message has its time: nothing may come for ever.
                    if (!next.IsCompleted && (isFirst || options.Subscription is null)) silence.Begins();
                    if (!await next.ConfigureAwait(false)) yield break;
                    silence.Ends();
                }
                catch (Exception e) when (e is RpcException or ObjectDisposedException or OperationCanceledException)
                {
                    ct.ThrowIfCancellationRequested();
                    throw Failed(connection, silence.HasLasted
                        ? new RpcException(new(StatusCode.Unavailable, "the node did not answer in time", e)) : e);
                }
                yield return call.ResponseStream.Current;
            }
        }
        finally
        {
            call?.Dispose();
        }
    }

    private Exception Failed(ServerConnection used, Exception failure)
    {
        var translated = failure switch
        {
            RpcException rpc => ServerErrors.Translate(rpc),
            // Another call failed on this connection, and dropped it.
            ObjectDisposedException =>
                new RpcException(new(StatusCode.Unavailable, "the connection was closed", failure)),
            _ => failure,
        };
        connections.Failed(used, translated);
        return translated;
    }

    public ValueTask DisposeAsync()
    {
        connections.Dispose();
        return ValueTask.CompletedTask;
    }
}
