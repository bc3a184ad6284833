using Ledger.Projections;

namespace Ledger.Api.Pages;

/// <summary>What counts nowhere, and why: evidence that was refused, quarantined,
/// or kept without being settled.</summary>
internal static class RefusalsSection
{
    private const int RowsMax = 200; // what a person looks at; the rest is under /v1/refusals
    private const long FirstPositions = 1024;

    public static Html Of(Answers answers)
    {
        var rows = Latest(answers);
        if (rows.Count == 0)
            return Html.Format(
                $"<section><h2>Refused evidence</h2><p class=\"empty\">Nothing was refused.</p></section>");
        var table = HtmlTable.Of("Evidence that does not count, of the whole ledger, whatever the day",
            [new("Position", null, true), new("Standing"), new("Rule"), new("Source"), new("Why")],
            rows.Select(row => (IReadOnlyList<Html>)
            [
                Html.Format($"{row.Position}"),
                Html.Format($"<span class=\"mark {row.Standing}\">{row.Standing}</span>"),
                row.Code is { } code ? Html.Format($"{code} {DayPage.Words(row.Name ?? "")}") : Html.Of("–"),
                Html.Of(row.Source), Html.Of(row.Detail),
            ]));
        var more = rows.Count < RowsMax ? Html.Nothing : Html.Format(
            $"<p>The latest {RowsMax}; all of them: <a href=\"/v1/refusals\">/v1/refusals</a>.</p>");
        return Html.Format($"<section><h2>Refused evidence</h2>{table}{more}</section>");
    }

    /// <summary>Those of the last positions, of twice as many until there are enough: most ledgers have few, and some
    /// very many.</summary>
    private static List<RefusalsView.Refusal> Latest(Answers answers)
    {
        for (var positions = FirstPositions; ; positions *= 2)
        {
            var from = Math.Max(0, answers.KnownBefore - positions);
            var rows = answers.Refusals(from);
            if (rows.Count >= RowsMax || from == 0) return [.. rows.TakeLast(RowsMax)];
        }
    }
}
