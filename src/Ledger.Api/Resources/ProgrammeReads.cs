using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api.Resources;

/// <summary>Versions of programmes.</summary>
public sealed record ProgrammesAnswer(long? AsOf, IReadOnlyList<ProgrammesView.ProgrammeRow> Programmes);

/// <summary>Who takes part in what, and what was declared to be ready.</summary>
public sealed record EnrolmentsAnswer(
    long? AsOf, IReadOnlyList<ProgrammesView.EnrolmentRow> Enrolments,
    IReadOnlyList<ProgrammesView.AvailabilityRow> Availabilities);

/// <summary>Declared schedules.</summary>
public sealed record DeclaredSchedulesAnswer(long? AsOf, IReadOnlyList<ProgrammesView.ScheduleRow> Schedules);

/// <summary>What charging sessions asked for.</summary>
public sealed record SessionRequestsAnswer(long? AsOf, IReadOnlyList<ProgrammesView.SessionRow> Sessions);

/// <summary>When points were out of service.</summary>
public sealed record OutagesAnswer(long? AsOf, IReadOnlyList<ProgrammesView.OutageRow> Outages);

/// <summary>Claims of delivered energy.</summary>
public sealed record DeliveryClaimsAnswer(long? AsOf, IReadOnlyList<ProgrammesView.ClaimRow> Claims);

/// <summary>Programmes, enrolments with declared availability, plans and outages of points, and claims.</summary>
internal static class ProgrammeReads
{
    public static void Map(WebApplication app, OpenLedger ledger)
    {
        Read(app, ledger, "programmes", "Every published version of every programme.",
            (answers, _, position) => new ProgrammesAnswer(position, answers.Programmes()));
        Read(app, ledger, "enrolments", "Enrolments and declared availability, of all settlement points or of one.",
            (answers, point, position) =>
                new EnrolmentsAnswer(position, answers.Enrolments(point), answers.Availabilities(point)), "point?");
        Read(app, ledger, "declared-schedules", "Declared schedules, of all settlement points or of one.",
            (answers, point, position) => new DeclaredSchedulesAnswer(position, answers.Schedules(point)), "point?");
        Read(app, ledger, "session-requests", "What charging sessions asked for, at all settlement points or at one.",
            (answers, point, position) => new SessionRequestsAnswer(position, answers.Sessions(point)), "point?");
        Read(app, ledger, "outages", "When settlement points were out of service, all of them or one.",
            (answers, point, position) => new OutagesAnswer(position, answers.Outages(point)), "point?");
        Read(app, ledger, "delivery-claims", "Claims with what they hold and lost, on all settlement points or on one.",
            (answers, point, position) => new DeliveryClaimsAnswer(position, answers.Claims(point)), "point?");
    }

    private static void Read<T>(
        WebApplication app, OpenLedger ledger, string resource, string does,
        Func<Answers, SettlementPointId?, long?, T> found, params string[] parameters) where T : class =>
        app.MapGet($"/v1/{resource}", async Task<IResult> (HttpContext context) =>
        {
            var point = Asking.Optional<SettlementPointId>(
                context.Request, "point", SettlementPointId.TryParse, Rejection.InvalidIdentifier,
                Asking.IdentifierRule);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(found(answers, point, position), position);
        }).Reads(resource, does, parameters)
            .WithMetadata(new AnswerType(null, typeof(T))); // said here: what the compiler makes can name no T
}
