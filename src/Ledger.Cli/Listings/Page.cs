using System.Net;
using System.Text.Json.Nodes;

namespace Ledger.Cli.Listings;

/// <summary>
/// What a verb has to say, once: for people as lines and tables, for programs as one JSON object with the same figures
/// under stable names.
/// </summary>
public sealed class Page
{
    private abstract record Part
    {
        public sealed record Field(string? Name, string? Title, object? Value) : Part;
        public sealed record Table(string Name, string? Title, Listing Rows) : Part;
        public sealed record Note(string Text) : Part;
    }

    private readonly List<Part> parts = [];

    /// <summary>A figure with its name; without a title only programs get it.</summary>
    public Page Field(string? name, string? title, object? value) => Add(new Part.Field(name, title, value));

    /// <summary>A table with its title; without one only programs get it.</summary>
    public Page Table(string name, string? title, Listing rows) => Add(new Part.Table(name, title, rows));

    /// <summary>A sentence for people.</summary>
    public Page Note(string text) => Add(new Part.Note(text));

    private Page Add(Part part)
    {
        parts.Add(part);
        return this;
    }

    public void Write(TextWriter writer, bool json)
    {
        if (json) writer.WriteLine(ToJson().ToJsonString(Listing.Indented));
        else WriteText(writer);
    }

    /// <summary>The fields as one sheet, and a sheet for each table.</summary>
    public void WriteXlsx(Stream into) => ListingFile.WriteXlsx(into,
    [
        ("page", Listing.Of(parts.OfType<Part.Field>().Where(field => field.Name is not null),
            new("name", "name", field => field.Name), new("value", "value", field => Cell.Exact(field.Value)))),
        .. parts.OfType<Part.Table>().Select(table => (table.Name, table.Rows)),
    ]);

    /// <summary>The text as one HTML page to print: it needs no script and nothing from elsewhere.</summary>
    public void WriteHtml(TextWriter writer, string title)
    {
        writer.WriteLine($$"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>{{Encoded(title)}}</title><style>
            @page { margin: 14mm; }
            body { font: 10pt/1.4 sans-serif; max-width: 72em; margin: 2em auto; padding: 0 1em; }
            table { border-collapse: collapse; width: 100%; margin: 1.5em 0 1em; }
            thead { display: table-header-group; } tr { break-inside: avoid; } caption { break-after: avoid; }
            caption { text-align: left; font-weight: bold; padding-bottom: .3em; }
            th, td { text-align: left; vertical-align: top; border-top: 1px solid #999; padding: .2em 1em .2em 0; }
            th { vertical-align: bottom; } th:last-child, td:last-child { padding-right: 0; }
            th.figure, td.figure { text-align: right; font-variant-numeric: tabular-nums; }
            td.figure, td.whole { white-space: nowrap; }
            dl { display: grid; grid-template-columns: max-content 1fr; gap: .2em 1.5em; }
            dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
            @media print { body { font-size: 8pt; margin: 0; padding: 0; max-width: none; } }
            </style></head><body><h1>{{Encoded(title)}}</h1>
            """);
        writer.WriteLine("<dl>");
        foreach (var field in parts.OfType<Part.Field>().Where(field => field.Title is not null))
            writer.WriteLine($"<dt>{Encoded(field.Title!)}</dt><dd>{Encoded(Cell.Shown(field.Value))}</dd>");
        writer.WriteLine("</dl>");
        foreach (var part in parts)
            if (part is Part.Table { Title: { } caption } table) table.Rows.WriteHtml(writer, caption);
            else if (part is Part.Note note) writer.WriteLine($"<p>{Encoded(note.Text)}</p>");
        writer.WriteLine("</body></html>");
    }

    private static string Encoded(string text) => WebUtility.HtmlEncode(text);

    private JsonObject ToJson()
    {
        var json = new JsonObject();
        foreach (var part in parts)
            if (part is Part.Field { Name: { } name } field) json[name] = Cell.Json(field.Value);
            else if (part is Part.Table table) json[table.Name] = table.Rows.ToJson();
        return json;
    }

    private void WriteText(TextWriter writer)
    {
        var shown = parts.Where(part =>
            part is Part.Note or Part.Field { Title: not null } or Part.Table { Title: not null });
        var width = parts.OfType<Part.Field>().Max(field => field.Title?.Length) ?? 0;
        foreach (var part in shown)
            switch (part)
            {
                case Part.Field field:
                    // Canonical JSON stays in one piece, for a person to copy, and its control characters are escaped.
                    var value = field.Value is CanonicalJson json ? [json.Escaped]
                        : Cell.Shown(field.Value).ReplaceLineEndings("\n").Split('\n').SelectMany(line =>
                            TextTable.Wrapped(line, TextTable.WidthMax - width - 2)).ToList();
                    for (var i = 0; i < value.Count; i++)
                        writer.WriteLine($"{(i == 0 ? field.Title! : "").PadRight(width)}  {value[i]}");
                    break;
                case Part.Table table:
                    writer.WriteLine($"\n{table.Title}");
                    table.Rows.WriteText(writer);
                    break;
                case Part.Note note:
                    writer.WriteLine();
                    foreach (var line in TextTable.Wrapped(note.Text, TextTable.WidthMax)) writer.WriteLine(line);
                    break;
            }
    }
}
