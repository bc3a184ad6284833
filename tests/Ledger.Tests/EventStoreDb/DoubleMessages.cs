using System.Globalization;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Ledger.Stores.EventStoreDb.Wire;
using GoogleEmpty = Google.Protobuf.WellKnownTypes.Empty;

namespace Ledger.Tests.EventStoreDb;

/// <summary>The messages of the double: what a server of version 24.2 was seen to send.</summary>
internal static class DoubleMessages
{
    private const string SizeMessage = "Maximum Append Size Exceeded.";

    public static UUID Structured(UInt128 id) => new()
    {
        Structured = new()
        {
            MostSignificantBits = unchecked((long)(ulong)(id >> 64)),
            LeastSignificantBits = unchecked((long)(ulong)id),
        },
    };

    private static string Text(UInt128 id) =>
        Guid.ParseExact(id.ToString("x32", CultureInfo.InvariantCulture), "N").ToString();

    public static ReadResp Event(DoubleEvent one, bool isText) => new()
    {
        Event = new()
        {
            CommitPosition = one.Position,
            Event = new()
            {
                Id = isText ? new() { String = Text(one.Id) } : Structured(one.Id),
                StreamIdentifier = new() { StreamName = ByteString.CopyFromUtf8(one.Stream) },
                StreamRevision = (ulong)one.Revision,
                CommitPosition = one.Position,
                PreparePosition = one.Position,
                Metadata =
                {
                    ["type"] = one.Type,
                    ["created"] = one.Created.ToUnixTimeTicks().ToString(CultureInfo.InvariantCulture),
                    ["content-type"] = one.ContentType,
                },
                CustomMetadata = ByteString.CopyFrom(one.Metadata),
                Data = ByteString.CopyFrom(one.Data),
            },
        },
    };

    public static AppendResp.Types.Success Appended(long revision, ulong? position)
    {
        var success = new AppendResp.Types.Success();
        if (revision < 0) success.NoStream = new();
        else success.CurrentRevision = (ulong)revision;
        if (position is { } at) success.Position = new() { CommitPosition = at, PreparePosition = at };
        else success.NoPosition = new();
        return success;
    }

    public static BatchAppendResp.Types.Success BatchAppended(long revision, ulong? position)
    {
        var success = new BatchAppendResp.Types.Success();
        if (revision < 0) success.NoStream = new();
        else success.CurrentRevision = (ulong)revision;
        if (position is { } at) success.Position = new() { CommitPosition = at, PreparePosition = at };
        else success.NoPosition = new();
        return success;
    }

    public static AppendResp.Types.WrongExpectedVersion Wrong(long expected, long actual)
    {
        var wrong = new AppendResp.Types.WrongExpectedVersion();
        switch (expected)
        {
            case DoubleLog.NoStream:
                (wrong.ExpectedNoStream, wrong.ExpectedRevision2060) = (new(), ulong.MaxValue);
                break;
            case DoubleLog.StreamExists: (wrong.ExpectedStreamExists, wrong.StreamExists2060) = (new(), new()); break;
            case DoubleLog.Any: (wrong.ExpectedAny, wrong.Any2060) = (new(), new()); break;
            default: wrong.ExpectedRevision = wrong.ExpectedRevision2060 = (ulong)expected; break;
        }
        if (actual < 0) (wrong.CurrentNoStream, wrong.NoStream2060) = (new(), new());
        else wrong.CurrentRevision = wrong.CurrentRevision2060 = (ulong)actual;
        return wrong;
    }

    public static Ledger.Stores.EventStoreDb.Wire.Status BatchRefusal(
        DoubleAnswer refused, string stream, long expected)
    {
        var (code, message, detail) = refused switch
        {
            DoubleAnswer.WrongVersion(var actual) => (StatusCode.AlreadyExists, "WrongExpectedVersion",
                (IMessage)BatchWrong(expected, actual)),
            DoubleAnswer.Deleted => (StatusCode.NotFound, "StreamDeleted", new StreamDeleted
            { StreamIdentifier = new() { StreamName = ByteString.CopyFromUtf8(stream) } }),
            DoubleAnswer.TooLarge(var most) => (StatusCode.InvalidArgument, SizeMessage,
                new MaximumAppendSizeExceeded { MaxAppendSize = most }),
            _ => (StatusCode.InvalidArgument, "Bad Request", new BadRequest { Message = "Required Metadata Property Missing" }),
        };
        return new() { Code = (int)code, Message = message, Details = Any.Pack(detail) };
    }

    /// <summary>A batch that a server which starts, is busy or has no leader did not handle; it has no code.</summary>
    public static Ledger.Stores.EventStoreDb.Wire.Status NotHandled(string why) =>
        new() { Message = why, Details = Any.Pack(new GoogleEmpty()) };

    private static WrongExpectedVersion BatchWrong(long expected, long actual)
    {
        var wrong = new WrongExpectedVersion();
        switch (expected)
        {
            case DoubleLog.NoStream: wrong.ExpectedNoStream = new GoogleEmpty(); break;
            case DoubleLog.StreamExists: wrong.ExpectedStreamExists = new GoogleEmpty(); break;
            case DoubleLog.Any: wrong.ExpectedAny = new GoogleEmpty(); break;
            default: wrong.ExpectedStreamPosition = (ulong)expected; break;
        }
        if (actual < 0) wrong.CurrentNoStream = new GoogleEmpty();
        else wrong.CurrentStreamRevision = (ulong)actual;
        return wrong;
    }

    public static RpcException Refusal(DoubleAnswer refused, string stream) => refused switch
    {
        DoubleAnswer.Deleted => Status(StatusCode.FailedPrecondition, $"Event stream '{stream}' is deleted.",
            ("exception", "stream-deleted"), ("stream-name", stream)),
        DoubleAnswer.TooLarge(var most) => Status(StatusCode.InvalidArgument, SizeMessage,
            ("exception", "maximum-append-size-exceeded"),
            ("maximum-append-size", most.ToString(CultureInfo.InvariantCulture))),
        _ => Status(StatusCode.InvalidArgument, "Required Metadata Property Missing",
            ("exception", "missing-required-metadata-property"),
            ("required-metadata-properties", "type,content-type")),
    };

    public static RpcException WrongVersionStatus(string stream, long expected, long actual) =>
        Status(StatusCode.FailedPrecondition, "wrong expected version", ("exception", "wrong-expected-version"),
            ("stream-name", stream), ("expected-version", expected.ToString(CultureInfo.InvariantCulture)),
            ("actual-version", actual < 0 ? "" : actual.ToString(CultureInfo.InvariantCulture)));

    public static RpcException Status(StatusCode code, string message, params (string Key, string Value)[] trailers)
    {
        var metadata = new Metadata();
        foreach (var (key, value) in trailers) metadata.Add(key, value);
        return new(new(code, message), metadata);
    }

    /// <summary>A place in the log; one between two records is refused.</summary>
    public static ulong PositionOf(ReadReq.Types.AllOptions all, DoubleLog log)
    {
        switch (all.AllOptionCase)
        {
            case ReadReq.Types.AllOptions.AllOptionOneofCase.Start: return 0;
            case ReadReq.Types.AllOptions.AllOptionOneofCase.End: return ulong.MaxValue;
            default:
                var position = all.Position.CommitPosition;
                return position is 0 or ulong.MaxValue || log.All().Any(one => one.Position == position)
                    ? position
                    : throw new RpcException(new(StatusCode.Unknown, "Unexpected ReadAllResult: InvalidPosition"));
        }
    }

    public static Func<DoubleEvent, bool> Filter(ReadReq.Types.Options options)
    {
        if (options.Filter is not { } filter) return _ => true;
        var isType = filter.FilterCase == ReadReq.Types.FilterOptions.FilterOneofCase.EventType;
        var expression = isType ? filter.EventType : filter.StreamIdentifier;
        string Subject(DoubleEvent one) => isType ? one.Type : one.Stream;
        if (expression.Regex.Length == 0)
            return one => expression.Prefix.Any(prefix => Subject(one).StartsWith(prefix, StringComparison.Ordinal));
        var regex = new Regex(expression.Regex, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        return one => regex.IsMatch(Subject(one));
    }
}
