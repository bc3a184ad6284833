using System.Globalization;
using System.Net;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Api.Tables;
using Ledger.Domain;

namespace Ledger.Cli.Listings;

/// <summary>A column: its value of a row, and how it is called.</summary>
/// <param name="Name">For programs, in JSON and CSV, with the unit last; null where it is for people only.</param>
/// <param name="Title">For people, with the unit; null where it would be too much to read,
/// and only programs get it.</param>
public sealed record Column<TRow>(string? Name, string? Title, Func<TRow, object?> Value);

/// <summary>What the rows of a listing come to.</summary>
/// <param name="Name">For programs.</param>
public sealed record SummaryField(string Name, string Title, object? Value);

/// <summary>Rows of the ledger as they are shown and exported: once defined, the same figures in text, JSON, CSV, XLSX
/// and Parquet.</summary>
public sealed record Listing
{
    /// <summary>Text as it is, not escaped for a web page that nobody puts it into.</summary>
    public static readonly JsonSerializerOptions Indented =
        new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions OneLine =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly IReadOnlyList<string?> names;
    private readonly IReadOnlyList<string?> titles;
    private bool isPlain;

    private Listing(IReadOnlyList<string?> names, IReadOnlyList<string?> titles,
        IEnumerable<IReadOnlyList<object?>> rows) =>
        (this.names, this.titles, Rows) = (names, titles, rows);

    public IEnumerable<IReadOnlyList<object?>> Rows { get; private init; }

    /// <summary>Of each column, for programs; null of one that is for people only.</summary>
    public IReadOnlyList<string?> Names => names;

    /// <summary>What it means that there are no rows; null where the title says it.</summary>
    public string? WhenEmpty { get; init; }

    /// <summary>What the rows come to; empty where nothing is to be summed.</summary>
    public IReadOnlyList<SummaryField> Summary { get; init; } = [];

    /// <summary>What of it is not as it was recorded; null where all of it is, or nothing is recorded of it.</summary>
    public string? Differs { get; private init; }

    /// <summary>Whether the rows, derived again, are those that were recorded, is in the summary.</summary>
    public Listing DerivedAgain(string? differs) => this with
    {
        Differs = differs,
        Summary = [.. Summary, new("differs", "derived again", differs ?? "the same lines and total")],
    };

    /// <summary>The summary as rows.</summary>
    public Listing SummaryListing() => Of(Summary, new("name", "name", row => row.Name),
        new("value", "value", row => row.Value));

    public static Listing Of<TRow>(IEnumerable<TRow> rows, params IReadOnlyList<Column<TRow>> columns) => new(
        [.. columns.Select(column => column.Name)], [.. columns.Select(column => column.Title)],
        rows.Select(row => (IReadOnlyList<object?>)[.. columns.Select(column => column.Value(row))]));

    /// <summary>The same with amounts as facts have them, without zeros at their end, and texts without an apostrophe:
    /// as a bundle's files are compared.</summary>
    public Listing Plain() => this with
    {
        isPlain = true,
        Rows = Rows.Select(row => (IReadOnlyList<object?>)[.. row.Select(value =>
            value is Money money ? money.Amount : value)]),
    };

    /// <summary>For people: the columns that have a title.</summary>
    public void WriteText(TextWriter writer)
    {
        var rows = Rows.ToList();
        if (rows.Count == 0 && WhenEmpty is { } nothing)
        {
            writer.WriteLine(nothing);
            return;
        }
        var shown = Enumerable.Range(0, titles.Count).Where(i => titles[i] is not null).Select(i => Shown(i, rows))
            .ToList();
        var cells = rows.Select((_, row) => shown.Select(column => column.Cells[row]).ToArray()).ToList();
        foreach (var line in TextTable.Lines([.. shown.Select(column => column.Column)], cells)) writer.WriteLine(line);
    }

    /// <summary>The same columns and texts as a table of HTML.</summary>
    public void WriteHtml(TextWriter writer, string caption)
    {
        var rows = Rows.ToList();
        var shown = Enumerable.Range(0, titles.Count).Where(i => titles[i] is not null).Select(i => Shown(i, rows))
            .ToList();
        string Cells(string tag, Func<(TextColumn Column, IReadOnlyList<string> Cells), string> text) =>
            string.Concat(shown.Select(column =>
                $"<{tag}{Class(column.Column, text(column))}>{WebUtility.HtmlEncode(text(column))}</{tag}>"));
        writer.WriteLine($"<table><caption>{WebUtility.HtmlEncode(caption)}</caption>");
        writer.WriteLine($"<thead><tr>{Cells("th", column => column.Column.Title)}</tr></thead><tbody>");
        for (var i = 0; i < rows.Count; i++) writer.WriteLine($"<tr>{Cells("td", column => column.Cells[i])}</tr>");
        if (rows.Count == 0) writer.WriteLine($"<tr><td colspan=\"{shown.Count}\">{WebUtility.HtmlEncode(WhenEmpty ?? "none")}</td></tr>");
        writer.WriteLine("</tbody></table>");
    }

    // An instant or a name is read whole: a browser would break it at its hyphens.
    private static string Class(TextColumn column, string text) =>
        column.Right ? " class=\"figure\"" : TextTable.IsWhole(text) ? " class=\"whole\"" : "";

    // Decimals and powers of one column have one number of places, so that their points stand below each other.
    private (TextColumn Column, IReadOnlyList<string> Cells) Shown(int i, List<IReadOnlyList<object?>> rows)
    {
        decimal? At(int row) => rows[row][i] switch
        {
            Power power => Exact(Cell.Rounded(power)),
            decimal kwh when IsEnergy(names[i]) => Exact(Cell.Rounded(kwh)),
            decimal number => Exact(number),
            // Money has the decimals of its statement, also where they are zeros.
            Money money => money.Amount == 0m ? Math.Abs(money.Amount) : money.Amount,
            _ => null,
        };
        var places = Enumerable.Range(0, rows.Count).Select(row => (int?)At(row)?.Scale ?? 0).DefaultIfEmpty().Max();
        var figures = rows.Any(row => Cell.IsFigure(row[i]))
            && rows.All(row => row[i] is null || Cell.IsFigure(row[i]));
        return (new TextColumn(titles[i]!, figures), [.. rows.Select((_, row) => At(row) is { } number
            ? number.ToString($"F{places}", CultureInfo.InvariantCulture) : Cell.Shown(rows[row][i]))]);
    }

    // A primitive bears its unit last in its name; what a kWh costs is no energy.
    private static bool IsEnergy(string? name) => name is "kwh" || (name is not null
        && name.EndsWith("Kwh", StringComparison.Ordinal) && !name.EndsWith("PerKwh", StringComparison.Ordinal));

    private static decimal Exact(decimal number) => number / 1.000000000000000000000000000000m;

    public JsonArray ToJson() => new([.. Rows.Select(row => (JsonNode)ToJson(row))]);

    private JsonObject ToJson(IReadOnlyList<object?> row) =>
        new(row.Select((value, i) => KeyValuePair.Create(names[i]!, Cell.Json(value)))
            .Where(member => member.Key is not null));

    /// <summary>One JSON object a line, each as soon as its row is there.</summary>
    public void WriteLines(TextWriter writer)
    {
        foreach (var row in Rows) writer.WriteLine(ToJson(row).ToJsonString(OneLine));
    }

    /// <summary>One JSON array, a row on each line, each as soon as it is there.</summary>
    public void WriteJson(TextWriter writer)
    {
        var before = "[";
        foreach (var row in Rows)
        {
            writer.Write($"{before}\n{ToJson(row).ToJsonString(OneLine)}");
            before = ",";
        }
        writer.Write(before == "[" ? "[]\n" : "\n]\n");
    }

    /// <summary>CSV after RFC 4180: a header with the names, CRLF, and quotes only where they are needed. What a
    /// spreadsheet would run gets an apostrophe, as in the tables of the HTTP interface.</summary>
    public void WriteCsv(TextWriter writer)
    {
        var columns = Enumerable.Range(0, names.Count).Where(i => names[i] is not null).ToList();
        foreach (var record in Rows.Select(row => columns.Select(i => Cell.Exact(row[i])))
            .Prepend(columns.Select(i => names[i]!)))
            writer.Write(string.Join(',', record.Select(Field)) + "\r\n");
    }

    private string Field(string value)
    {
        var text = !isPlain && TableCell.IsFormula(value) ? $"'{value}" : value;
        return text.AsSpan().IndexOfAny(",\"\r\n") < 0 ? text
            : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }
}
