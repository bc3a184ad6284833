using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Pages;

/// <summary>What an instruction is worth by its programme, where its baselines are frozen: who is paid, and for what
/// nothing is settled yet.</summary>
internal static class DeliverySection
{
    public static async Task<Html> OfAsync(OpenLedger ledger, InstructionAnswer seen, long before, Instant at,
        CancellationToken ct)
    {
        var derived = await Deliveries.PaidAsync(ledger.Journal, new(ledger.Views, before - 1),
            new(seen.Instruction.Instruction), before, ct).ConfigureAwait(false);
        var found = derived is null ? null : ReachedDelivery.Of(derived, seen).ReadAt(at);
        return found is { Baselines.Count: > 0, Terms.Programme: var programme }
            ? Worth(found, programme) : Html.Nothing;
    }

    private static Html Worth(Delivered found, ProgrammePublished programme)
    {
        var net = found.Net is { } known
            ? Html.Format($"<span><b>{Money(known)}</b> {programme.Currency} net</span>")
            : found.NotOverAt is not null ? Html.Format($"<span><b>unknown</b>: the call is not over yet</span>")
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
            Html.Of(share.WhyNot ?? (share.WhyNoPenalty is { } why ? $"no penalty: {why}" : Unsettled(found, share))),
        ]));

    private static string Unsettled(Delivered found, DeliveryShare share)
    {
        var gaps = share.Statement?.Unproven ?? [];
        var toCome = gaps.Count(found.IsToCome);
        return gaps.Count == 0 ? "–" : string.Join(", ",
            new[] { (Count: gaps.Count - toCome, Are: "are unproven"), (Count: toCome, Are: "are not over yet") }
                .Where(each => each.Count > 0).Select(each => $"{each.Count} intervals {each.Are}"));
    }

    private static Html Sum(DeliveryShare share, Func<FlexStatementLine, decimal> amount, int decimals) =>
        Html.Of(share.Statement is { } statement ? DayPage.Grouped(statement.Lines.Sum(amount), decimals) : "–");

    private static string Money(decimal amount) => DayPage.Grouped(amount, Deliveries.MoneyDecimals);
}
