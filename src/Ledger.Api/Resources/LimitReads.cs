using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api.Resources;

/// <summary>Standing limits in the order of recording; of an event of OpenADR what its last version says.</summary>
public sealed record StandingLimitsAnswer(long? AsOf, IReadOnlyList<MasterData.LimitRow> Limits);

/// <summary>The limits of a day against its records.</summary>
public sealed record LimitComplianceAnswer(string Day, long? AsOf, IReadOnlyList<LimitAnswer> Limits);

/// <summary>Standing limits, and what the interval records of a day say of them.</summary>
internal static class LimitReads
{
    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/standing-limits", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(new StandingLimitsAnswer(position, answers.StandingLimits(Point(context))), position);
        }).Reads("standing-limits", "Every standing limit, or one settlement point's, in the order of recording; "
            + "of an event of OpenADR what its last version says.",
            "point?");

        app.MapGet("/v1/limit-compliance", async (HttpContext context) =>
        {
            var (day, point) = (Asking.Day(context.Request), Point(context));
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(
                new LimitComplianceAnswer(RowJson.Day(day), position, answers.Limits(day, point)), position);
        }).Reads("limit-compliance",
            "Each limit of a settlement day with its summary, and its periods above, near or unproven.",
            "day", "point?");
    }

    private static SettlementPointId? Point(HttpContext context) => Asking.Optional<SettlementPointId>(
        context.Request, "point", SettlementPointId.TryParse, Rejection.InvalidIdentifier, Asking.IdentifierRule);
}
