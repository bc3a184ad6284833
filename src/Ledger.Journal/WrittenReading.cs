using System.Buffers.Text;
using System.Text;
using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>
/// The payload of a register reading, of which a journal has the most, read as this program writes it: members in their
/// order, without blanks and escapes. Any other text that is a reading too, and all that is none, is left to the
/// codec's JSON reader: what is accepted and what is refused is the same.
/// </summary>
internal static class WrittenReading
{
    private const int TickDecimals = 7;

    /// <summary>Null where the payload is not in the form in which it is written.</summary>
    public static RegisterReadingRecorded? Read(ReadOnlySpan<byte> json)
    {
        if (!Text(ref json, "{\"register\":\""u8, out var register) || !Text(ref json, ",\"readAt\":\""u8, out var readAt)
            || !Text(ref json, ",\"indexSteps\":\""u8, out var index)
            || !Text(ref json, ",\"quality\":\""u8, out var quality)) return null;
        EvidenceDigest? evidence = null;
        if (!json.SequenceEqual(",\"evidence\":null}"u8))
        {
            if (!Text(ref json, ",\"evidence\":\""u8, out var hex) || !json.SequenceEqual("}"u8)
                || !EvidenceDigest.TryParse(Encoding.ASCII.GetString(hex), out var digest)) return null;
            evidence = digest;
        }
        return PayloadText.TryRegister(register, out var read)
            && UtcText.TryRead(readAt, TickDecimals, out var at)
            && Utf8Parser.TryParse(index, out long steps, out var used) && used == index.Length
            && QualityOf(quality) is { } known
            ? new RegisterReadingRecorded(read, at, steps, known, evidence) : null;
    }

    /// <summary>A text behind what comes before it, as far as it is ASCII without an escape.</summary>
    private static bool Text(ref ReadOnlySpan<byte> json, ReadOnlySpan<byte> before, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (!json.StartsWith(before)) return false;
        var end = json[before.Length..].IndexOf((byte)'"');
        if (end < 0) return false;
        text = json.Slice(before.Length, end);
        json = json[(before.Length + end + 1)..];
        return text.IndexOf((byte)'\\') < 0 && Ascii.IsValid(text);
    }

    private static readonly (byte[] Name, ReadingQuality Quality)[] Qualities =
        [.. Enum.GetValues<ReadingQuality>().Select(quality => (Encoding.ASCII.GetBytes($"{quality}"), quality))];

    private static ReadingQuality? QualityOf(ReadOnlySpan<byte> name)
    {
        foreach (var (written, quality) in Qualities)
            if (name.SequenceEqual(written)) return quality;
        return null;
    }
}
