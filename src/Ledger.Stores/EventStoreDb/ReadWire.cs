using System.Globalization;
using Google.Protobuf;
using Ledger.Stores.EventStoreDb.Wire;
using NodaTime;

namespace Ledger.Stores.EventStoreDb;

/// <summary>The messages of reads and subscriptions.</summary>
internal static class ReadWire
{
    /// <summary>Filter and form of ids are said always, because a server refuses a read without them.</summary>
    public static ReadReq.Types.Options Options(string streamName, bool resolveLinks) => new()
    {
        Stream = new() { StreamIdentifier = new() { StreamName = ByteString.CopyFromUtf8(streamName) } },
        ResolveLinks = resolveLinks,
        NoFilter = new(),
        UuidOption = new() { Structured = new() },
    };

    public static ResolvedEvent Event(ReadResp.Types.ReadEvent read) =>
        new(read.Event is { } found ? Record(found) : null, read.Link is { } link ? Record(link) : null);

    private static EventRecord Record(ReadResp.Types.ReadEvent.Types.RecordedEvent read) => new(
        read.StreamIdentifier.StreamName.ToStringUtf8(), Id(read.Id), new(read.StreamRevision),
        read.Metadata["type"], read.Data.Memory, read.CustomMetadata.Memory,
        Instant.FromUnixTimeTicks(long.Parse(read.Metadata["created"], CultureInfo.InvariantCulture)),
        new(read.CommitPosition, read.PreparePosition), read.Metadata["content-type"]);

    private static Uuid Id(UUID id) => id.ValueCase == UUID.ValueOneofCase.Structured
        ? Uuid.FromInt64(id.Structured.MostSignificantBits, id.Structured.LeastSignificantBits)
        : new(UInt128.Parse(id.String.Replace("-", "", StringComparison.Ordinal), NumberStyles.AllowHexSpecifier,
            CultureInfo.InvariantCulture));
}
