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
        var shown = parts.Where(part => part is Part.Note or Part.Field { Title: not null } or Part.Table { Title: not null });
        var width = parts.OfType<Part.Field>().Max(field => field.Title?.Length) ?? 0;
        foreach (var part in shown)
            switch (part)
            {
                case Part.Field field:
                    // Canonical JSON stays in one piece, for a person to copy.
                    var value = field.Value is CanonicalJson json ? [json.Text]
                        : TextTable.Wrapped(Cell.Shown(field.Value), TextTable.WidthMax - width - 2);
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
