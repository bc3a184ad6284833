using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;

namespace Ledger.Api.Tables;

/// <summary>
/// What the writer of sheets leaves that readers refuse or lose: a fill of nothing and a list of nothing, which the
/// schema does not have and openpyxl refuses; a character beyond U+FFFF as two escaped halves, which no reader puts
/// together; and spaces at the edges of a text, which stay only where the element that has them says so. And money is
/// shown with all its decimals.
/// </summary>
internal static partial class SpreadsheetXml
{
    private const string RowEnd = "</x:row>";

    private const int FormatFirst = 164; // those before are the schema's own

    /// <summary>The part of the styles, and the number of the first that has decimals.</summary>
    /// <param name="Decimals">One more style for each.</param>
    public sealed record CellStyles(string Text, int First, IReadOnlyList<int> Decimals)
    {
        public int Of(int decimals) => First + Decimals.ToList().IndexOf(decimals);
    }

    public static CellStyles StylesOf(ZipArchiveEntry part, IEnumerable<int> decimals)
    {
        using var reader = new StreamReader(part.Open(), Encoding.UTF8);
        var text = EmptyList().Replace(reader.ReadToEnd(), "").Replace(
            "<x:fill></x:fill>", "<x:fill><x:patternFill patternType=\"none\" /></x:fill>", StringComparison.Ordinal);
        var first = int.Parse(CellStyleCount().Match(text).Groups[1].Value, CultureInfo.InvariantCulture);
        List<int> shown = [.. decimals.Where(each => each > 0).Distinct().Order()];
        if (shown.Count == 0) return new(text, first, shown);
        var formats = string.Concat(shown.Select(each => string.Create(CultureInfo.InvariantCulture,
            $"<x:numFmt numFmtId=\"{FormatFirst + each}\" formatCode=\"0.{new string('0', each)}\" />")));
        var cells = string.Concat(shown.Select(each => string.Create(CultureInfo.InvariantCulture,
            $"<x:xf numFmtId=\"{FormatFirst + each}\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" "
            + $"applyNumberFormat=\"1\" />")));
        text = CellStyleCount().Replace(text, string.Create(CultureInfo.InvariantCulture,
                $"<x:cellXfs count=\"{first + shown.Count}\">"))
            .Replace("</x:cellXfs>", $"{cells}</x:cellXfs>", StringComparison.Ordinal)
            .Replace("<x:fonts ", string.Create(CultureInfo.InvariantCulture,
                $"<x:numFmts count=\"{shown.Count}\">{formats}</x:numFmts><x:fonts "), StringComparison.Ordinal);
        return new(text, first, shown);
    }

    /// <summary>Some rows at a time, so that a long sheet needs no room.</summary>
    /// <param name="decimals">Of each column; 0 where it is as it was written.</param>
    public static void CopySheet(Stream source, Stream target, CellStyles styles, int[] decimals)
    {
        var shown = Enumerable.Range(0, decimals.Length).Where(i => decimals[i] > 0)
            .ToDictionary(LettersOf, i => styles.Of(decimals[i]), StringComparer.Ordinal);
        using var reader = new StreamReader(source, Encoding.UTF8);
        using var writer = new StreamWriter(target, new UTF8Encoding(false), leaveOpen: true);
        var (rows, some) = (new StringBuilder(), new char[1 << 16]);
        while (reader.ReadBlock(some) is > 0 and var read)
        {
            rows.Append(some, 0, read);
            var text = rows.ToString();
            var end = text.LastIndexOf(RowEnd, StringComparison.Ordinal);
            if (end < 0) continue;
            writer.Write(WithDecimals(WithWholeTexts(text[..(end + RowEnd.Length)]), shown));
            rows.Clear().Append(text, end + RowEnd.Length, text.Length - end - RowEnd.Length);
        }
        writer.Write(WithWholeTexts(rows.ToString()));
    }

    private static string LettersOf(int column) =>
        column < 26 ? $"{(char)('A' + column)}" : LettersOf((column / 26) - 1) + LettersOf(column % 26);

    private static string WithDecimals(string rows, Dictionary<string, int> shown) => shown.Count == 0 ? rows
        : NumberCell().Replace(rows, match => shown.TryGetValue(match.Groups[1].Value, out var style)
            ? string.Create(CultureInfo.InvariantCulture,
                $"<x:c r=\"{match.Groups[1]}{match.Groups[2]}\" t=\"n\" s=\"{style}\">")
            : match.Value);

    private static string WithWholeTexts(string rows) => SpacedCell().Replace(
        Halves().Replace(rows, match => $"{Half(match.Groups[1].Value)}{Half(match.Groups[2].Value)}"),
        "<x:c$1 t=\"inlineStr\"$2><x:is><x:t xml:space=\"preserve\">$3</x:t></x:is></x:c>");

    private static char Half(string hex) =>
        (char)ushort.Parse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    [GeneratedRegex("""<x:\w+ count="0"\s*(/>|></x:\w+>)\s*""")]
    private static partial Regex EmptyList();

    [GeneratedRegex("""<x:cellXfs count="(\d+)">""")]
    private static partial Regex CellStyleCount();

    [GeneratedRegex("""<x:c r="([A-Z]+)([0-9]+)" t="n" s="[0-9]+">""")]
    private static partial Regex NumberCell();

    // A text that looks like an escape is escaped itself, by an underscore as _x005F_.
    [GeneratedRegex("(?<!_x005F)_x([Dd][89ABab][0-9A-Fa-f]{2})__x([Dd][C-Fc-f][0-9A-Fa-f]{2})_")]
    private static partial Regex Halves();

    [GeneratedRegex("""<x:c( r="[A-Z0-9]+") t="str"( s="\d+")? xml:space="preserve"><x:v>([^<]*)</x:v></x:c>""")]
    private static partial Regex SpacedCell();
}
