using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Ledger.Stores.EventStoreDb.Wire;

namespace Ledger.Tests.EventStoreDb;

/// <summary>The streams of the double, as a server of version 24.2 speaks.</summary>
internal sealed class DoubleStreams(DoubleLog log, DoubleFaults faults) : Streams.StreamsBase
{
    public override async Task<AppendResp> Append(IAsyncStreamReader<AppendReq> requests, ServerCallContext context)
    {
        faults.See(context);
        if (!await requests.MoveNext() || requests.Current.Options is not { } options) throw Handler();
        var proposed = new List<DoubleProposal>();
        while (await requests.MoveNext())
        {
            var one = requests.Current.ProposedMessage;
            proposed.Add(Proposal(one.Id, one.Metadata, one.CustomMetadata, one.Data));
        }
        await faults.KeepSilentAsync(context, isAppend: true);
        var stream = options.StreamIdentifier.StreamName.ToStringUtf8();
        var expected = options.ExpectedStreamRevisionCase switch
        {
            AppendReq.Types.Options.ExpectedStreamRevisionOneofCase.Revision => checked((long)options.Revision),
            AppendReq.Types.Options.ExpectedStreamRevisionOneofCase.NoStream => DoubleLog.NoStream,
            AppendReq.Types.Options.ExpectedStreamRevisionOneofCase.StreamExists => DoubleLog.StreamExists,
            _ => DoubleLog.Any,
        };
        return log.Append(stream, expected, proposed) switch
        {
            DoubleAnswer.Success(var revision, var position) => new()
            { Success = DoubleMessages.Appended(revision, position) },
            DoubleAnswer.WrongVersion(var actual) => new()
            { WrongExpectedVersion = DoubleMessages.Wrong(expected, actual) },
            var refused => throw DoubleMessages.Refusal(refused, stream),
        };
    }

    public override async Task BatchAppend(IAsyncStreamReader<BatchAppendReq> requests,
        IServerStreamWriter<BatchAppendResp> responses, ServerCallContext context)
    {
        faults.See(context);
        var open = new Dictionary<UInt128, (BatchAppendReq.Types.Options Options, List<DoubleProposal> Proposed)>();
        await foreach (var chunk in requests.ReadAllAsync(context.CancellationToken))
        {
            faults.Parts++;
            var id = Id(chunk.CorrelationId);
            if (chunk.Options is { } begun) open[id] = (begun, []);
            var (options, proposed) = open[id];
            proposed.AddRange(chunk.ProposedMessages.Select(one =>
                Proposal(one.Id, one.Metadata, one.CustomMetadata, one.Data)));
            if (!chunk.IsFinal) continue;
            open.Remove(id);
            await faults.KeepSilentAsync(context, isAppend: true);
            var fault = faults.Next();
            fault?.BeforeWrite();
            var answer = fault?.NotHandledBecause is { } why
                ? new BatchAppendResp { Error = DoubleMessages.NotHandled(why) } : Batch(options, proposed);
            fault?.AfterWrite();
            answer.CorrelationId = DoubleMessages.Structured(id);
            answer.StreamIdentifier = options.StreamIdentifier;
            await responses.WriteAsync(answer, context.CancellationToken);
        }
    }

    private BatchAppendResp Batch(BatchAppendReq.Types.Options options, List<DoubleProposal> proposed)
    {
        var stream = options.StreamIdentifier.StreamName.ToStringUtf8();
        var expected = options.ExpectedStreamPositionCase switch
        {
            BatchAppendReq.Types.Options.ExpectedStreamPositionOneofCase.StreamPosition =>
                checked((long)options.StreamPosition),
            BatchAppendReq.Types.Options.ExpectedStreamPositionOneofCase.NoStream => DoubleLog.NoStream,
            BatchAppendReq.Types.Options.ExpectedStreamPositionOneofCase.StreamExists => DoubleLog.StreamExists,
            _ => DoubleLog.Any,
        };
        return log.Append(stream, expected, proposed) switch
        {
            DoubleAnswer.Success(var revision, var position) => new()
            { Success = DoubleMessages.BatchAppended(revision, position) },
            var refused => new() { Error = DoubleMessages.BatchRefusal(refused, stream, expected) },
        };
    }

    public override Task<DeleteResp> Delete(DeleteReq request, ServerCallContext context) =>
        Task.FromResult(new DeleteResp { Position = Deleted(request.Options, isForGood: false) });

    public override Task<TombstoneResp> Tombstone(TombstoneReq request, ServerCallContext context) =>
        Task.FromResult(new TombstoneResp { Position = Deleted(request.Options, isForGood: true) });

    private AllStreamPosition Deleted(DeleteReq.Types.Options options, bool isForGood)
    {
        var stream = options.StreamIdentifier.StreamName.ToStringUtf8();
        var expected = options.ExpectedStreamRevisionCase switch
        {
            DeleteReq.Types.Options.ExpectedStreamRevisionOneofCase.Revision => checked((long)options.Revision),
            DeleteReq.Types.Options.ExpectedStreamRevisionOneofCase.NoStream => DoubleLog.NoStream,
            DeleteReq.Types.Options.ExpectedStreamRevisionOneofCase.StreamExists => DoubleLog.StreamExists,
            _ => DoubleLog.Any,
        };
        return log.Delete(stream, expected, isForGood) switch
        {
            DoubleAnswer.Success(_, var position) => new()
            { CommitPosition = position ?? 0, PreparePosition = position ?? 0 },
            DoubleAnswer.WrongVersion(var actual) => throw DoubleMessages.WrongVersionStatus(stream, expected, actual),
            var refused => throw DoubleMessages.Refusal(refused, stream),
        };
    }

    public override async Task Read(ReadReq request, IServerStreamWriter<ReadResp> responses, ServerCallContext context)
    {
        faults.See(context);
        await faults.KeepSilentAsync(context);
        var options = request.Options;
        if (options.UuidOption is null) throw Handler();
        var isText = options.UuidOption.ContentCase == ReadReq.Types.UUIDOption.ContentOneofCase.String;
        var isSubscription = options.CountOptionCase == ReadReq.Types.Options.CountOptionOneofCase.Subscription;
        if (options.FilterOptionCase == ReadReq.Types.Options.FilterOptionOneofCase.None
            || (isSubscription && options.ReadDirection == ReadReq.Types.ReadDirection.Backwards)
            || (options.Filter is not null && options.Stream is not null))
            throw new RpcException(new(StatusCode.InvalidArgument, "The combination of options is invalid."));
        if (!isSubscription && options.Count == 0)
            throw new RpcException(new(StatusCode.Unknown, "Unexpected ReadStreamResult: Error"));
        if (options.Stream is { } of && log.IsTombstoned(of.StreamIdentifier.StreamName.ToStringUtf8()))
            throw DoubleMessages.Refusal(new DoubleAnswer.Deleted(), of.StreamIdentifier.StreamName.ToStringUtf8());
        if (isSubscription)
            await new DoubleSubscription(log, options, isText, responses).RunAsync(context.CancellationToken);
        else
            foreach (var content in Page(options, isText))
            {
                await responses.WriteAsync(content, context.CancellationToken);
                if (content.Event is not null) faults.EventsRead++;
            }
    }

    private IEnumerable<ReadResp> Page(ReadReq.Types.Options options, bool isText)
    {
        var isForward = options.ReadDirection == ReadReq.Types.ReadDirection.Forwards;
        IEnumerable<DoubleEvent> events;
        if (options.Stream is { } stream)
        {
            if (log.Of(stream.StreamIdentifier.StreamName.ToStringUtf8()) is not { } found)
            {
                yield return new() { StreamNotFound = new() { StreamIdentifier = stream.StreamIdentifier } };
                yield break;
            }
            var from = stream.RevisionOptionCase switch
            {
                ReadReq.Types.StreamOptions.RevisionOptionOneofCase.Revision =>
                    (long)Math.Min(stream.Revision, long.MaxValue),
                ReadReq.Types.StreamOptions.RevisionOptionOneofCase.Start => 0,
                _ => long.MaxValue,
            };
            events = isForward ? found.Where(one => one.Revision >= from)
                : Enumerable.Reverse(found).Where(one => one.Revision <= from);
        }
        else
        {
            var from = DoubleMessages.PositionOf(options.All, log);
            // Forwards the position is read too; backwards it is not.
            events = isForward ? log.All().Where(one => one.Position >= from)
                : Enumerable.Reverse(log.All()).Where(one => one.Position < from);
        }
        var filter = DoubleMessages.Filter(options);
        var count = options.Count;
        foreach (var one in events.Where(filter))
        {
            if (count == 0) yield break;
            count--;
            yield return DoubleMessages.Event(one, isText);
        }
    }

    private static DoubleProposal Proposal(
        UUID id, IDictionary<string, string> metadata, ByteString custom, ByteString data) =>
        new(Id(id), Value(metadata, "type"), Value(metadata, "content-type"),
            custom.ToByteArray(), data.ToByteArray());

    private static string? Value(IDictionary<string, string> metadata, string key) =>
        metadata.TryGetValue(key, out var value) ? value : null;

    public static UInt128 Id(UUID id) => id.ValueCase == UUID.ValueOneofCase.Structured
        ? new UInt128(unchecked((ulong)id.Structured.MostSignificantBits),
            unchecked((ulong)id.Structured.LeastSignificantBits))
        : Guid.TryParse(id.String, out var parsed)
            ? UInt128.Parse(parsed.ToString("N"), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
            : throw Handler();

    private static RpcException Handler() => new(new(StatusCode.Unknown, "Exception was thrown by handler."));
}
