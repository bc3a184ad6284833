using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api.Resources;

/// <summary>The readings of a point's registers on a day.</summary>
public sealed record RegisterReadingsAnswer(
    string Point, string Day, long? AsOf, IReadOnlyList<RegisterReadingRow> Readings);

/// <summary>What registers showed, with the versions that whoever corrects has to name.</summary>
internal static class ReadingReads
{
    public static void Map(WebApplication app, OpenLedger ledger) =>
        app.MapGet("/v1/register-readings", async (HttpContext context) =>
        {
            var point = Asking.Required<SettlementPointId>(context.Request, "point", SettlementPointId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var day = Asking.Day(context.Request);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            ReachedPoint.Demand(answers, point);
            return Answering.Read(new RegisterReadingsAnswer(
                point.Value, RowJson.Day(day), position, answers.Readings(point, day)), position);
        }).Reads("register-readings", "The register readings of a settlement point on a day of its zone, both of its edges "
            + "too, each as its latest version has it.", "point", "day").Refuses(404);
}
