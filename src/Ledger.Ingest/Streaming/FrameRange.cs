using System.Globalization;
using System.Text;
using Ledger.Domain;
using Ledger.Ingest.Frames;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// A stretch of the frame log: its blocks from one address to another, both included, with the chain before the first
/// and after the last, so that it is these bytes and no others.
/// </summary>
public sealed record FrameStretch(FrameAddress First, string ChainBefore, FrameAddress Last, string ChainAfter);

/// <summary>
/// The evidence of records that rest on the frame log: a text, the line <c>ledger-frame-range/1</c>, then a line for
/// each stretch in order: first block, chain before it, last block, chain after it. What it says of a settlement point
/// is
/// every sample that a frame of those blocks has of it.
/// </summary>
public sealed record FrameRange(IReadOnlyList<FrameStretch> Stretches)
{
    private const string Header = "ledger-frame-range/1\n";
    private const int DigestCharacters = 64, FieldsOfALine = 4;

    /// <summary>The latest block: of two ranges of one period the one that ends later knows more.</summary>
    public FrameAddress Last => Stretches[^1].Last;

    /// <summary>This range and a later stretch.</summary>
    public FrameRange With(FrameStretch later) =>
        later.Last <= Last ? this
        : later.First <= Last ? Extended(later)
        : new([.. Stretches, later]);

    public byte[] ToBytes() => Encoding.ASCII.GetBytes(Header + string.Concat(Stretches.Select(stretch =>
        $"{stretch.First} {stretch.ChainBefore} {stretch.Last} {stretch.ChainAfter}\n")));

    /// <summary>Whether evidence is a range of frames.</summary>
    public static bool Is(ReadOnlySpan<byte> evidence) => evidence.StartsWith("ledger-frame-range/1\n"u8);

    /// <summary>Reads a range; throws <see cref="InvalidDataException"/> for anything but its one form.</summary>
    public static FrameRange Read(ReadOnlySpan<byte> evidence)
    {
        var lines = Encoding.ASCII.GetString(evidence)[Header.Length..].Split('\n');
        if (lines.Length < 2 || lines[^1].Length > 0)
            throw new InvalidDataException("a range of frames has a stretch and ends with a line end");
        var range = new FrameRange([.. lines[..^1].Select(Stretch)]);
        return range.ToBytes().AsSpan().SequenceEqual(evidence) ? range
            : throw new InvalidDataException("a range of frames has one form, and this is another");
    }

    private FrameRange Extended(FrameStretch later) =>
        new([.. Stretches.Take(Stretches.Count - 1), Stretches[^1] with { Last = later.Last, ChainAfter = later.ChainAfter }]);

    private static FrameStretch Stretch(string line)
    {
        var fields = line.Split(' ');
        return fields.Length == FieldsOfALine && FrameAddress.TryParse(fields[0], out var first)
            && FrameAddress.TryParse(fields[2], out var last) && first <= last && IsDigest(fields[1])
            && IsDigest(fields[3])
            ? new(first, fields[1], last, fields[3])
            : throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                $"a stretch of frames is two blocks with their chains, not '{line}'"));
    }

    private static bool IsDigest(string text) =>
        text.Length == DigestCharacters && text.All(char.IsAsciiHexDigitLower);
}
