using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api.Resources;

/// <summary>Programmes, enrolments with declared availability, plans and outages of points, and claims.</summary>
internal static class ProgrammeReads
{
    public static void Map(WebApplication app, OpenLedger ledger)
    {
        Read(app, ledger, "programmes", "Every published version of every programme.",
            (answers, _, position) => new { asOf = position, programmes = answers.Programmes() });
        Read(app, ledger, "enrolments", "Enrolments and declared availability, of all settlement points or of one.",
            (answers, point, position) => new
            {
                asOf = position,
                enrolments = answers.Enrolments(point),
                availabilities = answers.Availabilities(point),
            }, "point?");
        Read(app, ledger, "declared-schedules", "Declared schedules, of all settlement points or of one.",
            (answers, point, position) => new { asOf = position, schedules = answers.Schedules(point) }, "point?");
        Read(app, ledger, "session-requests", "What charging sessions asked for, at all settlement points or at one.",
            (answers, point, position) => new { asOf = position, sessions = answers.Sessions(point) }, "point?");
        Read(app, ledger, "outages", "When settlement points were out of service, all of them or one.",
            (answers, point, position) => new { asOf = position, outages = answers.Outages(point) }, "point?");
        Read(app, ledger, "delivery-claims", "Claims with what they hold and lost, on all settlement points or on one.",
            (answers, point, position) => new { asOf = position, claims = answers.Claims(point) }, "point?");
    }

    private static void Read(
        WebApplication app, OpenLedger ledger, string resource, string does,
        Func<Answers, SettlementPointId?, long?, object> found, params string[] parameters) =>
        app.MapGet($"/v1/{resource}", async (HttpContext context) =>
        {
            var point = Asking.Optional<SettlementPointId>(
                context.Request, "point", SettlementPointId.TryParse, Rejection.InvalidIdentifier,
                Asking.IdentifierRule);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(found(answers, point, position), position);
        }).Reads(resource, does, parameters);
}
