using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api.Resources;

/// <summary>A point of the account that a run would leave out, and why.</summary>
public sealed record LeftOutAnswer(string Point, string? Why);

/// <summary>What a run would come to, and the run that holds beside it.</summary>
/// <param name="Beside">The name of the run that holds; null where none does.</param>
/// <param name="BesideTotal">What is due by what holds: by that run and by what is booked on it.</param>
/// <param name="BesideCurrency">In which currency that is.</param>
/// <param name="BesideCorrections">The deltas and the credit that are booked on it, in order.</param>
/// <param name="ChangeFromBeside">The total less what is due by what holds; null also where the two are in two
/// currencies.</param>
public sealed record SettlementPreviewAnswer(
    long? AsOf, string Account, string Day, string Zone, string Tariff, int TariffVersion, Money Total,
    string Currency, bool Incomplete, string LinesRoot, string? Beside, Money? BesideTotal, string? BesideCurrency,
    IReadOnlyList<string> BesideCorrections, Money? ChangeFromBeside,
    IReadOnlyList<LeftOutAnswer> LeftOut, IReadOnlyList<LineAnswer> Lines, IReadOnlyList<ChargeAnswer> Charges,
    IReadOnlyList<FlexibilityAnswer> Flexibility)
{
    public static SettlementPreviewAnswer Of(SettlementCalculation.Calculated found, PartyId account, string day,
        NamedRun? holding, long? position)
    {
        var statement = found.Statement;
        return new(position, account.Value, day, found.Zone, statement.Tariff.Value, statement.TariffVersion,
            statement.Total, statement.Currency, statement.Incomplete, statement.LinesRoot.Hex, holding?.Run.Run,
            holding is null ? null : (Money)Money.With(statement.MoneyDecimals, holding.Total), holding?.Run.Currency,
            [.. holding?.Booked.Select(each => each.Run) ?? []],
            holding?.Run.Currency != statement.Currency ? null : (Money)(statement.Total - holding.Total),
            [.. found.LeftOut.Select(point => new LeftOutAnswer(point.Point.Value, point.WhyNot))],
            LineAnswer.Of(statement, found.Zone), [.. statement.Charges.Select(ChargeAnswer.From)],
            [.. statement.Flexibility.Select(FlexibilityAnswer.From)]);
    }
}

/// <summary>
/// What a settlement run of a day would come to, before anybody asks for one: the calculation of a run from the facts
/// as of a position, recorded nowhere, beside what holds: the run and what is booked on it. Whoever may have it run may
/// see it.
/// </summary>
internal static class SettlementPreviews
{
    public static void Map(WebApplication app, OpenLedger ledger) =>
        app.MapGet("/v1/settlement-previews", async (HttpContext context) =>
        {
            var account = Asking.Required<PartyId>(context.Request, "account", PartyId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var day = Asking.Day(context.Request);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            if (!context.By().Reach.Covers(account))
                throw new NotThereException($"there is no account {account}, or it is not yours");
            var before = (position ?? -1) + 1;
            var calculation = await Settlements.CalculateAsync(
                ledger.Journal, ledger.Views, account, day, before, context.RequestAborted).ConfigureAwait(false);
            return calculation switch
            {
                SettlementCalculation.Calculated found => Answering.Read(SettlementPreviewAnswer.Of(
                    found, account, RowJson.Day(day), answers.Standing(account, day), position), position),
                SettlementCalculation.NotPossible not => throw new ProblemException(422, not.Code, not.Detail),
                var other => throw new System.Diagnostics.UnreachableException($"{other}"),
            };
        }).Reads("settlement-preview",
            "What a run of an account's day would come to, beside the run that holds with what is booked on it; nothing is "
                + "recorded.", "account", "day")
            .RequireRateLimiting(Protection.HeavyRequests).Refuses(404, 422);
}
