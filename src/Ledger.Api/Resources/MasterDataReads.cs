using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api.Resources;

/// <summary>Settlement points as last registered.</summary>
public sealed record SettlementPointsAnswer(long? AsOf, IReadOnlyList<MasterData.PointRow> Points);

/// <summary>Installations of registers.</summary>
public sealed record RegistersAnswer(long? AsOf, IReadOnlyList<MasterData.RegisterRow> Registers);

/// <summary>Versions of rule packs.</summary>
public sealed record RulePacksAnswer(long? AsOf, IReadOnlyList<MasterData.RulePackRow> RulePacks);

/// <summary>What is declared and registered of meters.</summary>
public sealed record MetersAnswer(
    long? AsOf, IReadOnlyList<MasterData.MeterClassRow> Classes, IReadOnlyList<MasterData.MeterKeyRow> Keys);

/// <summary>How points lie behind one another.</summary>
public sealed record StationTreeAnswer(
    long? AsOf, IReadOnlyList<MasterData.PlaceRow> Places, IReadOnlyList<MasterData.LossFactorRow> LossFactors);

/// <summary>Versions of tariffs, and who pays by which.</summary>
public sealed record TariffsAnswer(
    long? AsOf, IReadOnlyList<MasterData.TariffRow> Tariffs, IReadOnlyList<MasterData.AssignmentRow> Assignments);

/// <summary>Settlement points, registers and tariffs as they were registered.</summary>
internal static class MasterDataReads
{
    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/settlement-points", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(new SettlementPointsAnswer(position, answers.Points()), position);
        }).Reads("settlement-points", "The settlement points, each as last registered.");

        app.MapGet("/v1/registers", async (HttpContext context) =>
        {
            var point = Asking.Optional<SettlementPointId>(
                context.Request, "point", SettlementPointId.TryParse, Rejection.InvalidIdentifier,
                Asking.IdentifierRule);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(new RegistersAnswer(position, answers.Registers(point)), position);
        }).Reads("registers", "Every installation of every register, or of one settlement point's.", "point?");

        app.MapGet("/v1/rule-packs", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(new RulePacksAnswer(position, answers.RulePacks()), position);
        }).Reads("rule-packs",
            "Every published version of every rule pack, with its source and whether it is provisional.");

        app.MapGet("/v1/meters", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(
                new MetersAnswer(position, answers.MeterClasses(), answers.MeterKeys()), position);
        }).Reads("meters", "The declared accuracy classes and the registered public keys of meters.");

        app.MapGet("/v1/station-tree", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(
                new StationTreeAnswer(position, answers.Places(), answers.LossFactors()), position);
        }).Reads("station-tree", "The points behind which points lie, and the losses declared between them.");

        app.MapGet("/v1/tariffs", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(
                new TariffsAnswer(position, answers.Tariffs(), answers.Assignments()), position);
        }).Reads("tariffs", "Every published tariff version, and the assignments to accounts.");
    }
}
