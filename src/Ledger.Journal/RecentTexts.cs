using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;
using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>
/// Texts that were read lately, so that of those which come again and again (a ledger's name, wire names, actors,
/// streams) one string is made and not one for each event. For one thread at a time.
/// </summary>
public sealed class RecentTexts
{
    private const int Places = 1024; // a power of two
    private const int FewPlaces = 64; // of what a journal has few of
    private const int KeptBytesMax = 256; // a longer text is made and not kept
    [ThreadStatic] private static RecentTexts? ofThread;

    /// <summary>Those that this thread has decoded.</summary>
    public static RecentTexts OfThread => ofThread ??= new();

    private readonly string?[] texts = new string?[Places];

    private RecentValues<SettlementPointId>? points; // payloads have them, and headers have not
    private RecentValues<EvidenceDigest>? digests;

    internal RecentValues<SettlementPointId> Points => points ??= new(SettlementPointId.TryParse, Places);
    internal RecentValues<EvidenceDigest> Digests => digests ??= new(EvidenceDigest.TryParse, Places);
    internal RecentValues<LedgerId> Ledgers { get; } = new(LedgerId.TryParse, FewPlaces);
    internal RecentValues<PartyId> Parties { get; } = new(PartyId.TryParse, FewPlaces);
    internal RecentOrigins Origins { get; } = new();

    /// <summary>The text of these bytes; null where they are no UTF-8.</summary>
    public string? Of(ReadOnlySpan<byte> bytes)
    {
        ref var text = ref texts[PlaceOf(bytes, Places)];
        if (text is not null && Ascii.Equals(bytes, text)) return text;
        if (!Utf8.IsValid(bytes)) return null;
        var made = JournalBytes.Utf8.GetString(bytes);
        return bytes.Length > KeptBytesMax ? made : text = made;
    }

    /// <summary>Eight bytes at a time, the last ones together with some before them; only how often a text is made anew
    /// depends on it.</summary>
    /// <param name="places">A power of two.</param>
    internal static int PlaceOf(ReadOnlySpan<byte> bytes, int places)
    {
        var hash = (ulong)bytes.Length;
        if (bytes.Length < sizeof(ulong))
        {
            foreach (var b in bytes) hash = (hash << 8) ^ b;
            return (int)(Mixed(hash) & (ulong)(places - 1));
        }
        var last = bytes[^sizeof(ulong)..];
        for (; bytes.Length > sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            hash = Mixed(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        return (int)(Mixed(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(last)) & (ulong)(places - 1));
    }

    private static ulong Mixed(ulong hash)
    {
        hash = unchecked(hash * 0x9e37_79b9_7f4a_7c15); // 2^64 over the golden ratio: its bits are evenly mixed
        return hash ^ (hash >> 32);
    }
}
