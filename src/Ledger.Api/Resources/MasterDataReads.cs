using Ledger.Domain;

namespace Ledger.Api.Resources;

/// <summary>Settlement points, registers and tariffs as they were registered.</summary>
internal static class MasterDataReads
{
    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/settlement-points", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(new { asOf = position, points = answers.Points() }, position);
        }).Reads("settlement-points", "The settlement points, each as last registered.");

        app.MapGet("/v1/registers", async (HttpContext context) =>
        {
            var point = Asking.Optional<SettlementPointId>(
                context.Request, "point", SettlementPointId.TryParse, Rejection.InvalidIdentifier,
                Asking.IdentifierRule);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(new { asOf = position, registers = answers.Registers(point) }, position);
        }).Reads("registers", "Every installation of every register, or of one settlement point's.", "point?");

        app.MapGet("/v1/rule-packs", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(new { asOf = position, rulePacks = answers.RulePacks() }, position);
        }).Reads("rule-packs",
            "Every published version of every rule pack, with its source and whether it is provisional.");

        app.MapGet("/v1/meters", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(
                new { asOf = position, classes = answers.MeterClasses(), keys = answers.MeterKeys() }, position);
        }).Reads("meters", "The declared accuracy classes and the registered public keys of meters.");

        app.MapGet("/v1/station-tree", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(
                new { asOf = position, places = answers.Places(), lossFactors = answers.LossFactors() }, position);
        }).Reads("station-tree", "The points behind which points lie, and the losses declared between them.");

        app.MapGet("/v1/tariffs", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(new
            {
                asOf = position,
                tariffs = answers.Tariffs(),
                assignments = answers.Assignments()
            }, position);
        }).Reads("tariffs", "Every published tariff version, and the assignments to accounts.");
    }
}
