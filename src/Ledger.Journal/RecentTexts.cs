using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Ledger.Journal;

/// <summary>
/// Texts that were read lately, so that of those which come again and again (a ledger's name, wire names, actors,
/// streams) one string is made and not one for each event. For one thread at a time.
/// </summary>
public sealed class RecentTexts
{
    private const int Places = 1024; // a power of two
    [ThreadStatic] private static RecentTexts? ofThread;

    /// <summary>Those of payloads that this thread has decoded.</summary>
    public static RecentTexts OfThread => ofThread ??= new();

    private readonly string?[] texts = new string?[Places];

    /// <summary>The text of these bytes; null where they are no UTF-8.</summary>
    public string? Of(ReadOnlySpan<byte> bytes)
    {
        ref var text = ref texts[PlaceOf(bytes)];
        if (text is not null && Ascii.Equals(bytes, text)) return text;
        return Utf8.IsValid(bytes) ? text = JournalBytes.Utf8.GetString(bytes) : null;
    }

    /// <summary>Eight bytes at a time; only how often a text is made anew depends on it.</summary>
    private static int PlaceOf(ReadOnlySpan<byte> bytes)
    {
        var hash = (ulong)bytes.Length;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            hash = Mixed(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var b in bytes) hash = Mixed(hash ^ b);
        return (int)(hash & (Places - 1));
    }

    private static ulong Mixed(ulong hash)
    {
        hash = unchecked(hash * 0x9e37_79b9_7f4a_7c15); // 2^64 over the golden ratio: its bits are evenly mixed
        return hash ^ (hash >> 32);
    }
}
