using System.Text.Json.Nodes;
using Ledger.Api.Access;
using Ledger.Api.Exchange;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using Microsoft.AspNetCore.Mvc;

namespace Ledger.Api.Resources;

/// <summary>What became of one fact of an event.</summary>
public sealed record EventPartAnswer(
    string What, [property: Choices("recorded", "alreadyRecorded")] string Outcome, long? Position);

/// <summary>What became of an event.</summary>
public sealed record EventAnswer(
    [property: Choices("recorded", "alreadyRecorded")] string Outcome, IReadOnlyList<EventPartAnswer> Parts);

/// <summary>
/// OpenADR 3 (3.1): events in, as orders and limits of the ledger; programs, events and reports out. The objects are
/// OpenADR's, the answers to a request are ours as everywhere.
/// </summary>
internal static class OpenAdr
{
    private const int ObjectsMax = 50; // of one page (searchAllEvents and searchAllPrograms, limit)
    private static readonly string[] Pages = ["skip? (so many of them)", $"limit? (at most {ObjectsMax})"];

    private const string EventExample = """{"id":"EV1","createdDateTime":"2026-03-01T09:00:00Z","programID":"evening-export","targets":["CP1"],"payloadDescriptors":[{"objectType":"EVENT_PAYLOAD_DESCRIPTOR","payloadType":"DISPATCH_SETPOINT","units":"KW"}],"intervals":[{"id":0,"intervalPeriod":{"start":"2026-03-03T10:00:00Z","duration":"PT1H"},"payloads":[{"type":"DISPATCH_SETPOINT","values":[-500]}]}]}""";

    public static void Map(WebApplication app, OpenLedger ledger)
    {
        MapPrograms(app, ledger);
        MapReports(app, ledger);
        app.MapPost("/v1/openadr/events", async (HttpContext context) =>
        {
            var text = await Submissions.ReadAsync(context, context.Request.Path.Value!).ConfigureAwait(false);
            // Once read it is recorded, even where the caller does not wait for the answer.
            var report = await ledger.Intake.TakeEventAsync(text, context.By(), CancellationToken.None)
                .ConfigureAwait(false);
            return Of(report.Parts.Select(part => (part.What, part.Outcome)).ToList());
        }).WithName("openadr-event").WithSummary("Records an event of OpenADR 3 as instructions and standing limits.")
            .WithDescription("An event object with id and createdDateTime, as a VTN gives it: targets are settlement "
                + "points; payloads IMPORT_CAPACITY_LIMIT, EXPORT_CAPACITY_LIMIT, DISPATCH_SETPOINT and EXPORT_SETPOINT in KW. An event "
                + "that comes again is answered as already recorded.")
            .WithMetadata(new RequestSizeLimitAttribute(Submissions.FactBytesMax))
            .WithMetadata(new RequestBodyText(null, EventExample), new NeededScope(Scopes.DispatchWrite))
            .TakesHeaders(Parameters.IdempotencyKey)
            .RequireRateLimiting(Protection.FactRequests).NeedingToBeKnown().TakesJson()
            .Answers<EventAnswer>(201, 200).Refuses(400, 401, 403, 404, 409, 413, 422, 429, 503);

        app.MapGet("/v1/openadr/events", async (HttpContext context) =>
        {
            var request = context.Request;
            var programme = ProgrammeOf(request);
            var (skip, limit) = PageOf(request);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var events = new JsonArray();
            foreach (var happened in OpenAdrObjects.Events(answers, programme, null).Skip(skip).Take(limit))
                events.Add((JsonNode)await WriteAsync(ledger, happened, context.RequestAborted).ConfigureAwait(false));
            return Answering.Read(events, position);
        }).Reads("openadr-events", "The events of OpenADR 3 that aim at points of the reader, and its instructions as such "
            + "events.", ["programID?", .. Pages]).AnswersAs(ForeignSchemas.List(ForeignSchemas.Event));

        app.MapGet("/v1/openadr/events/{eventID}", async (HttpContext context, string eventID) =>
        {
            var programme = ProgrammeOf(context.Request);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return OpenAdrObjects.Events(answers, programme, eventID) switch
            {
                [var happened] => Answering.Read(
                    await WriteAsync(ledger, happened, context.RequestAborted).ConfigureAwait(false), position),
                [] => throw new NotThereException($"there is no event {eventID}, or it is not yours, or it has other "
                    + "powers for other targets: see its instructions and standing limits"),
                var several => throw new ProblemException(400, Rejection.MissingField, $"programID: {eventID} is an event "
                    + $"of {string.Join(", ", several.Select(each => each.Programme))}; name one"),
            };
        }).Reads("openadr-event-read", "One event of OpenADR 3 by its id, and by its program where several have one of "
            + "that id.", "programID?").AnswersAs(ForeignSchemas.Event).Refuses(404);
    }

    private static void MapReports(WebApplication app, OpenLedger ledger) =>
        app.MapGet("/v1/openadr/reports", async (HttpContext context) =>
        {
            var named = Asking.Required<InstructionId>(context.Request, "eventID", InstructionId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var reports = new JsonArray();
            foreach (var happened in OpenAdrObjects.Events(answers, null, named.Value))
                reports.Add((JsonNode)await OpenAdrReports.OfAsync(ledger.Journal, answers, happened,
                    (position ?? -1) + 1, await KnownWhen.OfAsync(ledger, position, context.RequestAborted)
                        .ConfigureAwait(false), context.RequestAborted).ConfigureAwait(false));
            return Answering.Read(reports, position);
        }).Reads("openadr-reports", "What came of an event as a report of OpenADR 3: usage, export, baseline and change in "
            + "kWh with their quality, by resource and settlement period.", "eventID")
            .AnswersAs(ForeignSchemas.List(ForeignSchemas.Report));

    /// <summary>Programs, which are published as programmes: OpenADR has no word for what of them is paid.</summary>
    private static void MapPrograms(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/openadr/programs", async (HttpContext context) =>
        {
            var (skip, limit) = PageOf(context.Request);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var programs = new JsonArray();
            foreach (var named in OpenAdrPrograms.Of(answers).Skip(skip).Take(limit))
                programs.Add((JsonNode)await OpenAdrPrograms.WriteAsync(
                    ledger.Journal, named, (position ?? -1) + 1, context.RequestAborted).ConfigureAwait(false));
            return Answering.Read(programs, position);
        }).Reads("openadr-programs", "The programmes as programs of OpenADR 3; they are published as programmes.", Pages)
            .AnswersAs(ForeignSchemas.List(ForeignSchemas.Program));

        app.MapGet("/v1/openadr/programs/{programID}", async (HttpContext context, string programID) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return OpenAdrPrograms.Of(answers).Where(each => each.Value == programID).ToList() is [var named]
                ? Answering.Read(await OpenAdrPrograms.WriteAsync(ledger.Journal, named, (position ?? -1) + 1,
                    context.RequestAborted).ConfigureAwait(false), position)
                : throw new ProblemException(404, Rejection.UnknownProgramme, $"there is no program {programID}");
        }).Reads("openadr-program", "One program of OpenADR 3 by its id.").AnswersAs(ForeignSchemas.Program)
            .Refuses(404);
    }

    private static ProgrammeId? ProgrammeOf(HttpRequest request) => Asking.Optional<ProgrammeId>(
        request, "programID", ProgrammeId.TryParse, Rejection.InvalidIdentifier, Asking.IdentifierRule);

    private static (int Skip, int Limit) PageOf(HttpRequest request)
    {
        var skip = Asking.Optional<long>(request, "skip", Asking.TryCount, Rejection.OutOfRange, "a number") ?? 0;
        var limit = Asking.Optional<long>(request, "limit", (string? text, out long count) =>
            Asking.TryCount(text, out count) && count is >= 1 and <= ObjectsMax, Rejection.OutOfRange,
            $"a number from 1 to {ObjectsMax}") ?? ObjectsMax;
        return ((int)Math.Min(skip, int.MaxValue), (int)limit);
    }

    private static async Task<JsonObject> WriteAsync(OpenLedger ledger, OpenAdrEvent happened, CancellationToken ct) =>
        OpenAdrObjects.Write(
            happened, await KnownWhen.OfAsync(ledger, happened.LimitPosition, ct).ConfigureAwait(false));

    /// <summary>The first part that is refused is the answer, in its own words: what was recorded beside it is known
    /// when the event comes again.</summary>
    private static IResult Of(IReadOnlyList<(string What, RecordOutcome Outcome)> parts)
    {
        foreach (var (what, outcome) in parts)
            if (outcome is RecordOutcome.Refused refused)
                return Answering.Problem(Answering.StatusOf(refused.Code), refused.Code, $"{what}: {refused.Detail}");
            else if (outcome is not (RecordOutcome.Recorded or RecordOutcome.AlreadyRecorded))
                return Answering.Of(outcome);
        var answered = parts.Select(part => part.Outcome is RecordOutcome.Recorded recorded
            ? new EventPartAnswer(part.What, "recorded", recorded.Position)
            : new EventPartAnswer(part.What, "alreadyRecorded",
                ((RecordOutcome.AlreadyRecorded)part.Outcome).Position)).ToList();
        var isNew = answered.Exists(part => part.Outcome == "recorded");
        return Answering.Read(new EventAnswer(isNew ? "recorded" : "alreadyRecorded", answered),
            answered.Max(part => part.Position), isNew ? 201 : 200);
    }
}
