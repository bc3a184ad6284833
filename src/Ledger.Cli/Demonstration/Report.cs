using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli.Demonstration;

/// <summary>A table of a report; a title that begins with '>' stands over figures.</summary>
internal sealed record ReportTable(IReadOnlyList<string> Titles, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    public IReadOnlyList<TextColumn> Columns =>
        [.. Titles.Select(title => title.StartsWith('>')
            ? new TextColumn(title[1..], true) : new TextColumn(title, false))];
}

/// <summary>A reader's question and its answer: what is said first, the tables, and what is said after them.</summary>
/// <param name="Key">The section's name in JSON.</param>
internal sealed record Section(
    string Key, string Title, IReadOnlyList<string> Before, IReadOnlyList<ReportTable> Tables,
    IReadOnlyList<string> After);

/// <summary>Sections as text of at most 100 columns for people, or as JSON for programs: the same content.</summary>
internal static class Report
{
    public static string Text(IEnumerable<Section> sections)
    {
        var text = new StringBuilder();
        foreach (var section in sections)
        {
            text.Append('\n').Append(section.Title).Append('\n').Append('=', section.Title.Length).Append('\n');
            Paragraphs(text, section.Before);
            foreach (var table in section.Tables)
            {
                text.Append('\n');
                foreach (var line in TextTable.Lines(table.Columns, table.Rows)) text.Append(line).Append('\n');
            }
            if (section.After.Count > 0 && section.Tables.Count > 0) text.Append('\n');
            Paragraphs(text, section.After);
        }
        return text.ToString();
    }

    public static JsonObject Json(IEnumerable<Section> sections)
    {
        var answer = new JsonObject();
        foreach (var section in sections)
            answer[section.Key] = new JsonObject
            {
                ["says"] = Strings([.. section.Before, .. section.After]),
                ["tables"] = new JsonArray([.. section.Tables.Select(table => (JsonNode)new JsonObject
                {
                    ["columns"] = Strings(table.Columns.Select(column => column.Title)),
                    ["rows"] = new JsonArray([.. table.Rows.Select(row => (JsonNode)Strings(row))]),
                })]),
            };
        return answer;
    }

    private static JsonArray Strings(IEnumerable<string> values) => new([.. values.Select(value => (JsonNode)value)]);

    private static void Paragraphs(StringBuilder text, IEnumerable<string> paragraphs)
    {
        foreach (var line in paragraphs.SelectMany(paragraph => TextTable.Wrapped(paragraph, TextTable.WidthMax)))
            text.Append(line).Append('\n');
    }
}

/// <summary>Figures as people read them: digits in groups of three, a point before the decimals.</summary>
internal static class Shown
{
    private static readonly LocalTimePattern Minute = LocalTimePattern.CreateWithInvariantCulture("HH':'mm");

    public static string Kwh(Energy energy, int decimals = 3)
    {
        var kwh = energy.ToKwh(decimals);
        var point = kwh.IndexOf('.');
        return point < 0 ? Grouped(kwh) : Grouped(kwh[..point]) + kwh[point..];
    }

    public static string Kwh(decimal billed) => Fixed(billed, "0.000");

    /// <summary>To a watt, as it is measured.</summary>
    public static string Kw(Power power) => Fixed(power.Kilowatts, "0.000");

    public static string Money(decimal amount) => Fixed(amount, "0.00");

    public static string Price(decimal? perKwh) => perKwh?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "–";

    public static string Count(long count) => Grouped(count.ToString(CultureInfo.InvariantCulture));

    /// <summary>A word of the vocabulary from its name in code: "SharpPeak" is "sharp peak".</summary>
    public static string Words<T>(T choice) where T : struct, Enum =>
        string.Concat($"{choice}".Select((c, i) =>
            (char.IsAsciiLetterUpper(c) && i > 0 ? " " : "") + char.ToLowerInvariant(c)));

    /// <summary>The time of day at a place: "18:30".</summary>
    public static string Local(Instant at, DateTimeZone zone) => Minute.Format(at.InZone(zone).TimeOfDay);

    /// <summary>"1 connector", "2 connectors".</summary>
    public static string Of(long count, string thing) => $"{Count(count)} {thing}{(count == 1 ? "" : "s")}";

    private static string Fixed(decimal value, string format)
    {
        var text = value.ToString(format, CultureInfo.InvariantCulture);
        var point = text.IndexOf('.');
        return Grouped(text[..point]) + text[point..];
    }

    private static string Grouped(string whole)
    {
        var grouped = new StringBuilder(whole.TrimStart('-'));
        for (var at = grouped.Length - 3; at > 0; at -= 3) grouped.Insert(at, ' ');
        return whole.StartsWith('-') ? "-" + grouped : grouped.ToString();
    }
}
