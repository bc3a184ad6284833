using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api.Resources;

/// <summary>
/// What a settlement run of a day would come to, before anybody asks for one: the calculation of a run from the facts
/// as of a position, recorded nowhere, beside the run that holds. Whoever may have it run may see it.
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
                SettlementCalculation.Calculated found => Answering.Read(
                    Answer(found, account, RowJson.Day(day), answers.HoldingRun(account, day), position), position),
                SettlementCalculation.NotPossible not => Answering.Problem(422, not.Code, not.Detail),
                var other => throw new System.Diagnostics.UnreachableException($"{other}"),
            };
        }).Reads("settlement-preview",
            "What a run of an account's day would come to, beside the run that holds; nothing is recorded.", "account", "day")
            .Refuses(404, 422);

    private static object Answer(SettlementCalculation.Calculated found, PartyId account, string day,
        TimeOfUseSettlement.RunRow? holding, long? position)
    {
        var statement = found.Statement;
        return new
        {
            asOf = position,
            account = account.Value,
            day,
            zone = found.Zone,
            tariff = statement.Tariff.Value,
            tariffVersion = statement.TariffVersion,
            total = statement.Total,
            currency = statement.Currency,
            incomplete = statement.Incomplete,
            linesRoot = statement.LinesRoot.Hex,
            beside = holding?.Run,
            changeFromBeside = holding is null ? (decimal?)null : statement.Total - holding.Total,
            leftOut = found.LeftOut.Select(point => new { point = point.Point.Value, why = point.WhyNot }).ToList(),
            lines = LineAnswer.Of(statement, found.Zone),
            charges = statement.Charges.Select(ChargeAnswer.From).ToList(),
            flexibility = statement.Flexibility.Select(FlexibilityAnswer.From).ToList(),
        };
    }
}
