using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>What a header says behind its times: who recorded the event, for whom, why, and in which form it is.
/// </summary>
internal sealed record HeaderOrigin(
    string Actor, PartyId Tenant, EventId? Causation, IReadOnlyList<SealedField> Sealed, string ContentType);

/// <summary>
/// The ends of headers that were read lately: most headers of a journal end as one of those before them, and the same
/// bytes say the same. For one thread at a time.
/// </summary>
internal sealed class RecentOrigins
{
    private const int Places = 64; // a power of two
    private const int BytesMax = 256;
    private readonly (byte[]? Bytes, HeaderOrigin? Origin)[] known = new (byte[]?, HeaderOrigin?)[Places];

    /// <summary>What was read of the same bytes; null where that is not known.</summary>
    public HeaderOrigin? Find(ReadOnlySpan<byte> bytes)
    {
        ref var place = ref PlaceOf(bytes);
        return place.Bytes is { } before && bytes.SequenceEqual(before) ? place.Origin : null;
    }

    /// <summary>Keeps what was read. What has a cause or sealed fields hardly comes again.</summary>
    public void Keep(ReadOnlySpan<byte> bytes, HeaderOrigin origin)
    {
        if (bytes.Length > BytesMax || origin.Causation is not null || origin.Sealed.Count > 0) return;
        ref var place = ref PlaceOf(bytes);
        if (place.Bytes?.Length == bytes.Length) bytes.CopyTo(place.Bytes);
        else place.Bytes = bytes.ToArray();
        place.Origin = origin;
    }

    /// <summary>Headers that end in forms of different names differ in length.</summary>
    private ref (byte[]? Bytes, HeaderOrigin? Origin) PlaceOf(ReadOnlySpan<byte> bytes) =>
        ref known[bytes.Length & (Places - 1)];
}
