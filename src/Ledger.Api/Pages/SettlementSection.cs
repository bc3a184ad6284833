using System.Globalization;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Pages;

/// <summary>The day's settlement runs; the lines of the run that holds, derived again,
/// by direction and tariff period.</summary>
internal static class SettlementSection
{
    public static async Task<Html> OfAsync(OpenLedger ledger, Answers answers, LocalDate day, CancellationToken ct)
    {
        var accounts = answers.Runs().Where(run => run.Day == RowJson.Day(day)).GroupBy(run => run.Account).ToList();
        if (accounts.Count == 0)
            return Html
                .Format($"<section><h2>Settlement</h2><p class=\"empty\">This day is not settled yet.</p></section>");
        var money = new MoneyDecimals(ledger.Journal, answers.Runs(), ct);
        var shown = new List<Html>();
        foreach (var account in accounts)
        {
            var holding = answers.Standing(new(account.Key), day)!;
            var again = await Settlements.RederiveAsync(ledger.Journal, ledger.Views, holding.Run, ct)
                .ConfigureAwait(false);
            // Each run with the decimals of the tariff that it was calculated by.
            var runs = await money.OfAsync(account).ConfigureAwait(false);
            var booked = await money.OfAsync(holding.Booked).ConfigureAwait(false);
            var held = (await money.OfAsync([holding.Run]).ConfigureAwait(false)).Single();
            shown.Add(Account(account.Key, runs, new(held, booked), again));
        }
        return Html.Format($"<section><h2>Settlement</h2>{Html.Join(shown)}</section>");
    }

    private static Html Account(
        string account, IReadOnlyList<TimeOfUseSettlement.RunRow> runs, NamedRun standing, RederivedRun again)
    {
        var (holding, booked, due) = (standing.Run, standing.Booked, standing.Total);
        var table = HtmlTable.Of("Settlement runs of this account, the last one holds",
            [
                new("Run"), new("Kind"), new("Facts", null, true), new("Lines", null, true),
                new("Total", holding.Currency, true), new("Change", holding.Currency, true),
            ],
            runs.Select(run => (IReadOnlyList<Html>)
            [
                Html.Of(run.Run), Html.Of(DayPage.Words(run.Kind) + (run.Incomplete ? ", incomplete" : "")),
                Html.Format($"{run.AtPosition}"), Html.Format($"{run.Lines}"), Paid(run.Total),
                run.ChangeFromSuperseded is { } change ? Paid(change) : Html.Of("–"),
            ]).Concat(booked.Select(deltas => (IReadOnlyList<Html>)
            [
                Html.Of(deltas.Run), Html.Of($"{DayPage.Words(deltas.Style)} on {deltas.Corrects}"),
                Html.Format($"{deltas.AtPosition}"), Html.Format($"{deltas.Lines}"), Html.Of("–"), Paid(deltas.Total),
            ])));
        var apart = booked.Count == 0 ? Html.Nothing
            : Html.Format($"<p>What follows is {holding.Run} as it was calculated, without what was booked on it since.</p>");
        return Html.Format($"""
            <article><h3>{account}</h3>
            <p class="figures"><span><b>{Paid(due)}</b> {holding.Currency}
            {(due < 0 ? "to be credited" : "to be paid")}</span></p>
            {table}{apart}{Derived(again, holding.Currency)}</article>
            """);
    }

    private static Html Derived(RederivedRun again, string currency)
    {
        if (again.Statement is not { } statement)
            return Html.Format($"<p class=\"mark broken\">{again.Differs ?? ""}</p>");
        var verdict = again.Differs is { } differs
            ? Html.Format($"<p><span class=\"mark broken\">does not come out again</span> {differs}</p>")
            : Html.Format($"<p><span class=\"mark kept\">comes out again</span> Total and lines, derived anew from the journal, are those that were recorded.</p>");
        var groups = statement.Lines.GroupBy(line => (line.Direction, line.TariffPeriod))
            .OrderBy(group => group.Key.Direction).ThenBy(group => group.Key.TariffPeriod).ToList();
        var decimals = statement.Lines.Select(line => (int)(line.BilledKwh ?? 0m).Scale).Append(EnergyDecimals).Max();
        var totals = HtmlTable.Of("By direction and tariff period",
            [new("Direction"), new("Period"), new("Lines", null, true), new("Energy", "kWh", true),
                new("Amount", currency, true)],
            groups.Select(group => (IReadOnlyList<Html>)
            [
                Html.Of(DayPage.Words(group.Key.Direction)), Html.Of(Period(group.Key.TariffPeriod)),
                Html.Format($"{group.Count()}"),
                Html.Of(DayPage.Grouped(group.Sum(line => line.BilledKwh ?? 0m), decimals)),
                Paid(Money.With(statement.MoneyDecimals, group.Sum(line => line.Amount ?? 0m))),
            ]));
        var lines = Html.Join(groups.Select(group => Opened(
            $"{DayPage.Words(group.Key.Direction)}, {Period(group.Key.TariffPeriod)}", [.. group],
            statement.Currency, decimals)));
        return Html.Format($"{verdict}{totals}{lines}");
    }

    /// <summary>Lines without energy and without a problem are counted, not shown: they come to nothing.</summary>
    private static Html Opened(string what, IReadOnlyList<StatementLine> lines, string currency, int decimals)
    {
        var shown = lines.Where(line => line.BilledKwh != 0 || line.Problem is not null).ToList();
        return shown.Count == 0 ? Html.Nothing : Html.Format(
            $"""
            <details><summary>{what}: {shown.Count} lines with energy, of {lines.Count}</summary>
            {Lines(shown, currency, decimals)}</details>
            """);
    }

    /// <param name="decimals">Of energies: to the Wh, or as finely as some line of the statement is billed.</param>
    private static Html Lines(IEnumerable<StatementLine> lines, string currency, int decimals) => HtmlTable.Of(
        "Statement lines",
        [
            new("Line", null, true), new("Point"), new("From"), new("Energy", "kWh", true),
            new("Price", $"{currency}/kWh", true),
            new("Amount", currency, true), new("Source"),
        ],
        lines.Select(line => (IReadOnlyList<Html>)
        [
            Html.Format($"{line.Number}"), Html.Of(line.Point.Value),
            Html.Of(line.Period.Start.InUtc().ToString("HH:mm'Z'", CultureInfo.InvariantCulture)),
            Html.Of(line.BilledKwh is { } energy ? DayPage.Grouped(energy, decimals) : "missing"),
            Html.Of(line.PricePerKwh?.ToString(CultureInfo.InvariantCulture) ?? "missing"),
            line.Amount is { } amount ? Paid(amount) : Html.Of("–"), Html.Of(line.Problem ?? line.Source),
        ]));

    /// <summary>Rounded by a statement, with the decimals to which it is rounded.</summary>
    private static Html Paid(decimal amount) => Html.Of(DayPage.Grouped(amount, amount.Scale));

    private const int EnergyDecimals = 3; // at least

    private static string Period(TariffPeriod? period) => period is { } known ? DayPage.Words(known) : "no period";
}
