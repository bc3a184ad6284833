using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api.Pages;

/// <summary>What an instruction is worth by its programme, where its baselines are frozen: who is paid, and for what
/// nothing is settled yet.</summary>
internal static class DeliverySection
{
    public static async Task<Html> OfAsync(OpenLedger ledger, InstructionAnswer seen, long before,
        CancellationToken ct)
    {
        var derived = await Deliveries.PaidAsync(ledger.Journal, new(ledger.Views, before - 1),
            new(seen.Instruction.Instruction), before, ct).ConfigureAwait(false);
        var found = derived is null ? null : ReachedDelivery.Of(derived, seen);
        return found is { Baselines.Count: > 0, Terms.Programme: var programme }
            ? Worth(found, programme) : Html.Nothing;
    }

    private static Html Worth(Delivered found, ProgrammePublished programme)
    {
        var net = found.Net is { } known
            ? Html.Format($"<span><b>{Money(known)}</b> {programme.Currency} net</span>")
            : Html.Format($"<span><b>unknown</b>: something of it is unproven or not scored</span>");
        var provisional = found.Provisional
            ? Html.Format($" <span class=\"mark\">numbers not read in the rule itself</span>") : Html.Nothing;
        return Html.Format($"""
            <p>By programme {programme.Programme} version {programme.Version}, baseline
            {found.Terms!.Baseline.Pack.Value}, scored by {found.Terms.Scoring?.Pack.Value}{provisional}</p>
            <p class="figures">{net}</p>
            <details><summary>Paid per {DayPage.Words(programme.PaidPer)}: {found.Shares.Count}</summary>
            {Shares(found, programme)}</details>
            """);
    }

    private static Html Shares(Delivered found, ProgrammePublished programme) => HtmlTable.Of(
        "Payment less penalty is net",
        [
            new("Paid"), new("Delivered", "kWh", true), new("Payment", programme.Currency, true),
            new("Penalty", programme.Currency, true), new("Net", programme.Currency, true), new("Not settled"),
        ],
        found.Shares.Select(share => (IReadOnlyList<Html>)
        [
            Html.Of(share.Paid), Sum(share, line => line.DeliveredKwh, 3), Sum(share, line => line.Payment, 2),
            Sum(share, line => line.Penalty, 2), Html.Of(share.Statement?.Net is { } net ? Money(net) : "–"),
            Html.Of(share.WhyNot ?? (share.Statement is { Unproven.Count: > 0 and var gaps }
                ? $"{gaps} intervals are unproven" : "–")),
        ]));

    private static Html Sum(DeliveryShare share, Func<FlexStatementLine, decimal> amount, int decimals) =>
        Html.Of(share.Statement is { } statement ? DayPage.Grouped(statement.Lines.Sum(amount), decimals) : "–");

    private static string Money(decimal amount) => DayPage.Grouped(amount, Deliveries.MoneyDecimals);
}
