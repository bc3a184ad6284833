using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Ledger.Api.Tables;

/// <summary>
/// What the writer of sheets leaves that readers refuse or lose: a fill of nothing and a list of nothing, which the
/// schema does not have and openpyxl refuses; a character beyond U+FFFF as two escaped halves, which no reader puts
/// together; and spaces at the edges of a text, which stay only where the element that has them says so.
/// </summary>
internal static partial class SpreadsheetXml
{
    private const string RowEnd = "</x:row>";

    public static string WithValidStyles(string styles) => EmptyList().Replace(styles, "").Replace(
        "<x:fill></x:fill>", "<x:fill><x:patternFill patternType=\"none\" /></x:fill>", StringComparison.Ordinal);

    /// <summary>Some rows at a time, so that a long sheet needs no room.</summary>
    public static void CopySheet(Stream source, Stream target)
    {
        using var reader = new StreamReader(source, Encoding.UTF8);
        using var writer = new StreamWriter(target, new UTF8Encoding(false), leaveOpen: true);
        var (rows, some) = (new StringBuilder(), new char[1 << 16]);
        while (reader.ReadBlock(some) is > 0 and var read)
        {
            rows.Append(some, 0, read);
            var text = rows.ToString();
            var end = text.LastIndexOf(RowEnd, StringComparison.Ordinal);
            if (end < 0) continue;
            writer.Write(WithWholeTexts(text[..(end + RowEnd.Length)]));
            rows.Clear().Append(text, end + RowEnd.Length, text.Length - end - RowEnd.Length);
        }
        writer.Write(WithWholeTexts(rows.ToString()));
    }

    private static string WithWholeTexts(string rows) => SpacedCell().Replace(
        Halves().Replace(rows, match => $"{Half(match.Groups[1].Value)}{Half(match.Groups[2].Value)}"),
        "<x:c$1 t=\"inlineStr\"$2><x:is><x:t xml:space=\"preserve\">$3</x:t></x:is></x:c>");

    private static char Half(string hex) =>
        (char)ushort.Parse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    [GeneratedRegex("""<x:\w+ count="0"\s*(/>|></x:\w+>)\s*""")]
    private static partial Regex EmptyList();

    // A text that looks like an escape is escaped itself, by an underscore as _x005F_.
    [GeneratedRegex("(?<!_x005F)_x([Dd][89ABab][0-9A-Fa-f]{2})__x([Dd][C-Fc-f][0-9A-Fa-f]{2})_")]
    private static partial Regex Halves();

    [GeneratedRegex("""<x:c( r="[A-Z0-9]+") t="str"( s="\d+")? xml:space="preserve"><x:v>([^<]*)</x:v></x:c>""")]
    private static partial Regex SpacedCell();
}
