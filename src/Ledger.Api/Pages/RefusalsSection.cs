using Ledger.Projections;

namespace Ledger.Api.Pages;

/// <summary>What counts nowhere, and why: evidence that was refused, quarantined,
/// or kept without being settled.</summary>
internal static class RefusalsSection
{
    private const int RowsMax = 200; // what a person looks at; the rest is under /v1/refusals

    public static Html Of(Answers answers)
    {
        var rows = answers.Refusals(0, RowsMax);
        if (rows.Count == 0)
            return Html.Format(
                $"<section><h2>Refused evidence</h2><p class=\"empty\">Nothing was refused.</p></section>");
        var table = HtmlTable.Of("Evidence that does not count",
            [new("Position", null, true), new("Standing"), new("Rule"), new("Source"), new("Why")],
            rows.Select(row => (IReadOnlyList<Html>)
            [
                Html.Format($"{row.Position}"),
                Html.Format($"<span class=\"mark {row.Standing}\">{row.Standing}</span>"),
                row.Code is { } code ? Html.Format($"{code} {DayPage.Words(row.Name ?? "")}") : Html.Of("–"),
                Html.Of(row.Source), Html.Of(row.Detail),
            ]));
        var more = rows.Count < RowsMax ? Html.Nothing : Html.Format(
            $"<p>The first {RowsMax}; all of them: <a href=\"/v1/refusals\">/v1/refusals</a>.</p>");
        return Html.Format($"<section><h2>Refused evidence</h2>{table}{more}</section>");
    }
}
