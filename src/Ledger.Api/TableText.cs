using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ledger.Api;

/// <summary>A table as text, from the rows of its JSON.</summary>
public static class TableText
{
    public static string Lines(JsonArray rows) => string.Concat(rows.Select(row => row!.ToJsonString() + "\n"));

    /// <summary>RFC 4180: a header, CRLF, and a column for each single value; one that stands inside another has both
    /// names with a dot between, and a list is its JSON.</summary>
    public static string Csv(JsonArray rows)
    {
        var columns = new List<string>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        var cells = new List<Dictionary<string, string>>(rows.Count);
        foreach (var row in rows)
        {
            var flat = new Dictionary<string, string>(StringComparer.Ordinal);
            Flatten("", row, flat);
            foreach (var column in flat.Keys)
                if (known.Add(column)) columns.Add(column);
            cells.Add(flat);
        }
        var text = new StringBuilder();
        text.AppendJoin(',', columns.Select(Quoted)).Append("\r\n");
        foreach (var row in cells)
            text.AppendJoin(',', columns.Select(column => Quoted(row.GetValueOrDefault(column, "")))).Append("\r\n");
        return text.ToString();
    }

    private static void Flatten(string name, JsonNode? value, Dictionary<string, string> cells)
    {
        if (value is JsonObject parts && (parts.Count > 0 || name.Length == 0))
            foreach (var (part, inner) in parts) Flatten(name.Length == 0 ? part : $"{name}.{part}", inner, cells);
        else
            cells[name] = value switch
            {
                null => "",
                JsonValue single when single.GetValueKind() == JsonValueKind.String => single.GetValue<string>(),
                _ => value.ToJsonString(),
            };
    }

    /// <summary>A text that a spreadsheet would take for a formula gets an apostrophe before it, which shows it as
    /// text; a number keeps its sign.</summary>
    private static string Quoted(string cell)
    {
        if (cell is ['=' or '+' or '-' or '@' or '\t' or '\r', ..]
            && !decimal.TryParse(cell, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint,
                CultureInfo.InvariantCulture, out _)) cell = "'" + cell;
        return cell.AsSpan().IndexOfAny("\",\r\n") < 0 ? cell : $"\"{cell.Replace("\"", "\"\"")}\"";
    }
}
