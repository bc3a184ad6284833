using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Ledger.Stores.EventStoreDb.Wire;

using ShortEmpty = Ledger.Stores.EventStoreDb.Wire.Empty;

namespace Ledger.Stores.EventStoreDb;

/// <summary>What an append expects of its stream.</summary>
internal sealed record ExpectedOfStream(string StreamName, StreamState? State, StreamRevision Revision)
{
    public override string ToString() => State?.ToString() ?? Revision.Value.ToString(CultureInfo.InvariantCulture);

    public void Write(BatchAppendReq.Types.Options options)
    {
        switch (State)
        {
            case null: options.StreamPosition = Revision.Value; break;
            case StreamState.NoStream: options.NoStream = new(); break;
            case StreamState.StreamExists: options.StreamExists = new(); break;
            default: options.Any = new(); break;
        }
    }

    public AppendReq.Types.Options ToOptions()
    {
        var options = new AppendReq.Types.Options
        { StreamIdentifier = new() { StreamName = ByteString.CopyFromUtf8(StreamName) } };
        switch (State)
        {
            case null: options.Revision = Revision.Value; break;
            case StreamState.NoStream: options.NoStream = new ShortEmpty(); break;
            case StreamState.StreamExists: options.StreamExists = new ShortEmpty(); break;
            default: options.Any = new ShortEmpty(); break;
        }
        return options;
    }

    /// <summary>The result, or the exception that it stands for.</summary>
    public IWriteResult Checked(AppendAnswer answer, bool throwOnFailure) => answer switch
    {
        { IsWrong: false } => new SuccessResult(new(answer.Revision ?? ulong.MaxValue), answer.Position),
        _ when throwOnFailure =>
            throw new WrongExpectedVersionException(StreamName, ToString(), checked((long?)answer.Revision)),
        _ => new WrongExpectedVersionResult(StreamName, new(answer.Revision ?? ulong.MaxValue)),
    };
}

/// <summary>What a server answered to an append, on either of its two ways.</summary>
/// <param name="Revision">That of the stream; null where there is none.</param>
internal readonly record struct AppendAnswer(bool IsWrong, ulong? Revision, Position Position);

/// <summary>The messages of appends. A wrong expected revision comes inside an answer, and not as a status.</summary>
internal static class AppendWire
{
    /// <summary>The older way: one call for each append.</summary>
    public static async Task<AppendResp> SendAsync(Streams.StreamsClient streams, ExpectedOfStream expected,
        IEnumerable<EventData> events, TimeSpan deadline, CancellationToken ct)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limited.CancelAfter(deadline);
        using var call = streams.Append(cancellationToken: limited.Token);
        try
        {
            await call.RequestStream.WriteAsync(new AppendReq { Options = expected.ToOptions() }, limited.Token)
                .ConfigureAwait(false);
            foreach (var proposed in events)
                await call.RequestStream.WriteAsync(Proposed(proposed), limited.Token).ConfigureAwait(false);
            await call.RequestStream.CompleteAsync().ConfigureAwait(false);
            return await call.ResponseAsync.ConfigureAwait(false);
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException)
        {
            ct.ThrowIfCancellationRequested();
            if (limited.IsCancellationRequested) throw NotAnswered(e);
            throw;
        }
    }

    /// <summary>A node that says nothing any more is of no use, however its connection is; another one may lead by now.
    /// A server that says that it did not write in time is one that answers.</summary>
    public static RpcException NotAnswered(Exception cause) =>
        new(new(StatusCode.Unavailable, "the node did not answer in time", cause));

    private static AppendReq Proposed(EventData proposed)
    {
        var (most, least) = proposed.EventId.ToInt64();
        return new()
        {
            ProposedMessage = new()
            {
                Id = new() { Structured = new() { MostSignificantBits = most, LeastSignificantBits = least } },
                Metadata = { ["type"] = proposed.Type, ["content-type"] = proposed.ContentType },
                CustomMetadata = UnsafeByteOperations.UnsafeWrap(proposed.Metadata),
                Data = UnsafeByteOperations.UnsafeWrap(proposed.Data),
            },
        };
    }

    public static AppendAnswer Read(ExpectedOfStream expected, AppendResp answer)
    {
        if (answer.ResultCase == AppendResp.ResultOneofCase.WrongExpectedVersion)
        {
            var wrong = answer.WrongExpectedVersion;
            return new(true, wrong.CurrentRevisionOptionCase
                == AppendResp.Types.WrongExpectedVersion.CurrentRevisionOptionOneofCase.CurrentRevision
                    ? wrong.CurrentRevision : null, default);
        }
        var success = answer.Success ?? throw Unreadable(expected);
        return new(false,
            success.CurrentRevisionOptionCase == AppendResp.Types.Success.CurrentRevisionOptionOneofCase.CurrentRevision
                ? success.CurrentRevision : null,
            success.Position is { } at ? new(at.CommitPosition, at.PreparePosition) : default);
    }

    public static AppendAnswer Read(ExpectedOfStream expected, BatchAppendResp answer)
    {
        if (answer.ResultCase == BatchAppendResp.ResultOneofCase.Error) return Error(expected, answer.Error);
        var success = answer.Success ?? throw Unreadable(expected);
        return new(false,
            success.CurrentRevisionOptionCase
                == BatchAppendResp.Types.Success.CurrentRevisionOptionOneofCase.CurrentRevision
                    ? success.CurrentRevision : null,
            success.Position is { } at ? new(at.CommitPosition, at.PreparePosition) : default);
    }

    /// <summary>What the one detail of the error is decides, and where there is none the code.</summary>
    private static AppendAnswer Error(ExpectedOfStream expected, Wire.Status error)
    {
        var detail = error.Details ?? new Any();
        if (detail.TryUnpack<WrongExpectedVersion>(out var wrong))
            return new(true, wrong.CurrentStreamRevisionOptionCase
                == WrongExpectedVersion.CurrentStreamRevisionOptionOneofCase.CurrentStreamRevision
                    ? wrong.CurrentStreamRevision : null, default);
        if (detail.Is(StreamDeleted.Descriptor)) throw new StreamDeletedException(expected.StreamName);
        if (detail.Is(AccessDenied.Descriptor)) throw new AccessDeniedException();
        if (detail.Is(InvalidTransaction.Descriptor)) throw new InvalidTransactionException();
        if (detail.Is(Wire.Timeout.Descriptor)) throw new TimeoutException("the server did not write in time");
        if (detail.TryUnpack<MaximumAppendSizeExceeded>(out var size))
            throw new MaximumAppendSizeExceededException(size.MaxAppendSize);
        var message = detail.TryUnpack<BadRequest>(out var bad) ? bad.Message : error.Message;
        // Without a code it is no error of the append: the server starts, is busy or has no leader, and wrote nothing.
        throw new RpcException(new(error.Code == 0 ? StatusCode.Unavailable : (StatusCode)error.Code, message));
    }

    private static InvalidDataException Unreadable(ExpectedOfStream expected) =>
        new($"the server's answer to an append to {expected.StreamName} has no result");
}
