using System.Text;

namespace Ledger.Journal;

/// <summary>
/// Texts that were read lately, so that of those which come again and again (a ledger's name, wire names, actors,
/// streams) one string is made and not one for each event. For one thread at a time.
/// </summary>
public sealed class RecentTexts
{
    private const int Places = 256; // a power of two
    private readonly string?[] texts = new string?[Places];

    /// <summary>The text of valid UTF-8 bytes.</summary>
    public string Of(ReadOnlySpan<byte> utf8)
    {
        var hash = 2_166_136_261u; // FNV-1a
        foreach (var b in utf8) hash = unchecked((hash ^ b) * 16_777_619u);
        ref var text = ref texts[hash & (Places - 1)];
        return text is not null && Ascii.Equals(utf8, text) ? text : text = JournalBytes.Utf8.GetString(utf8);
    }
}
