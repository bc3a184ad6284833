namespace Ledger.Ingest;

/// <summary>The lines of a text as slices of its own bytes, numbered from 1, without their ends.</summary>
internal static class TextLines
{
    public static IEnumerable<(int Number, ReadOnlyMemory<byte> Bytes)> Of(ReadOnlyMemory<byte> text)
    {
        for (var number = 1; text.Length > 0; number++)
        {
            var end = text.Span.IndexOf((byte)'\n');
            var line = end < 0 ? text : text[..end];
            text = end < 0 ? default : text[(end + 1)..];
            yield return (number, line.Span is [.., (byte)'\r'] ? line[..^1] : line);
        }
    }
}
