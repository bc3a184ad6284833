using System.Buffers.Text;
using System.Text;
using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>
/// The payload of a register reading, of which a journal has the most, read as this program writes it: members in their
/// order, without blanks and escapes. Any other text that is a reading too, and all that is none, is left to the
/// codec's JSON reader: what is accepted and what is refused is the same. No value that is read here has a quote or a
/// backslash in it, so the next quote ends it.
/// </summary>
internal static class WrittenReading
{
    private const int TickDecimals = 7;
    private static readonly int InstantBytes = UtcText.LengthOf(TickDecimals);

    /// <summary>Null where the payload is not in the form in which it is written.</summary>
    public static RegisterReadingRecorded? Read(ReadOnlySpan<byte> json)
    {
        var texts = RecentTexts.OfThread;
        if (!Passed(ref json, "{\"register\":\""u8) || !Text(ref json, out var name)
            || !PayloadText.TryRegister(name, texts, out var register)
            || !Passed(ref json, ",\"readAt\":\""u8) || json.Length < InstantBytes
            || !UtcText.TryRead(json[..InstantBytes], TickDecimals, out var readAt)) return null;
        json = json[InstantBytes..];
        if (!Passed(ref json, "\",\"indexSteps\":\""u8) || !Utf8Parser.TryParse(json, out long steps, out var used))
            return null;
        json = json[used..];
        return Passed(ref json, "\",\"quality\":\""u8) && QualityOf(ref json) is { } quality
            && TryEvidence(json, texts, out var evidence)
            ? new RegisterReadingRecorded(register, readAt, steps, quality, evidence) : null;
    }

    /// <summary>The last member, and the end.</summary>
    private static bool TryEvidence(ReadOnlySpan<byte> json, RecentTexts texts, out EvidenceDigest? evidence)
    {
        evidence = null;
        if (!Passed(ref json, ",\"evidence\":"u8)) return false;
        if (json.SequenceEqual("null}"u8)) return true;
        if (!Passed(ref json, "\""u8) || !Text(ref json, out var hex) || !json.SequenceEqual("}"u8)
            || !texts.Digests.TryGet(hex, out var digest)) return false;
        evidence = digest;
        return true;
    }

    /// <summary>Goes on behind what stands here, where it is this.</summary>
    private static bool Passed(ref ReadOnlySpan<byte> json, ReadOnlySpan<byte> expected)
    {
        if (!json.StartsWith(expected)) return false;
        json = json[expected.Length..];
        return true;
    }

    /// <summary>Goes on behind the next quote.</summary>
    private static bool Text(ref ReadOnlySpan<byte> json, out ReadOnlySpan<byte> text)
    {
        var end = json.IndexOf((byte)'"');
        text = json[..Math.Max(0, end)];
        json = json[(end + 1)..];
        return end >= 0;
    }

    private static readonly (byte[] Written, ReadingQuality Quality)[] Qualities =
        [.. Enum.GetValues<ReadingQuality>().Select(quality => (Encoding.ASCII.GetBytes($"{quality}\""), quality))];

    private static ReadingQuality? QualityOf(ref ReadOnlySpan<byte> json)
    {
        foreach (var (written, quality) in Qualities)
            if (Passed(ref json, written)) return quality;
        return null;
    }
}
