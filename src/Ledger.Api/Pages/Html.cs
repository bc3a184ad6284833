using System.Globalization;
using System.Text.Encodings.Web;

namespace Ledger.Api.Pages;

/// <summary>A piece of HTML. Text becomes one only by <see cref="Of(string)"/>, which encodes it.</summary>
internal readonly record struct Html(string Markup)
{
    public static readonly Html Nothing = new("");

    public static Html Of(string? text) => new(HtmlEncoder.Default.Encode(text ?? ""));

    /// <summary>Markup around pieces that are already HTML; what is interpolated as a string is encoded.</summary>
    public static Html Format(FormattableString markup) =>
        new(string.Format(CultureInfo.InvariantCulture, markup.Format, [.. markup.GetArguments().Select(Encoded)]));

    public static Html Join(IEnumerable<Html> pieces) => new(string.Concat(pieces.Select(piece => piece.Markup)));

    private static object Encoded(object? argument) => argument switch
    {
        Html html => html.Markup,
        IFormattable value => HtmlEncoder.Default.Encode(value.ToString(null, CultureInfo.InvariantCulture)),
        _ => HtmlEncoder.Default.Encode(argument?.ToString() ?? ""),
    };

    public override string ToString() => Markup;
}

/// <summary>A column: its heading, its unit where it has one, and whether its cells are numbers,
/// which stand right.</summary>
internal sealed record Column(string Heading, string? Unit = null, bool Number = false);

/// <summary>A table that a screen reader can follow: a caption, headings with scopes,
/// the first cell names the row.</summary>
internal static class HtmlTable
{
    public static Html Of(string caption, IReadOnlyList<Column> columns, IEnumerable<IReadOnlyList<Html>> rows)
    {
        var head = Html.Join(columns.Select(column => Html.Format(
            $"<th scope=\"col\" class=\"{Side(column)}\">{column.Heading}{Unit(column)}</th>")));
        var body = Html.Join(rows.Select(row =>
            Html.Format($"<tr>{Html.Join(row.Select((cell, i) => Cell(columns[i], i, cell)))}</tr>")));
        return Html.Format($"""
            <div class="scroll" tabindex="0" role="region" aria-label="{caption}"><table><caption>{caption}</caption>
            <thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>
            """);
    }

    private static Html Cell(Column column, int place, Html content) => place == 0
        ? Html.Format($"<th scope=\"row\" class=\"{Side(column)}\">{content}</th>")
        : Html.Format($"<td class=\"{Side(column)}\">{content}</td>");

    private static string Side(Column column) => column.Number ? "number" : "text";

    private static Html Unit(Column column) =>
        column.Unit is { } unit ? Html.Format($" <span class=\"unit\">{unit}</span>") : Html.Nothing;
}
