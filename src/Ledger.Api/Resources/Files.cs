using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using Microsoft.Net.Http.Headers;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Api.Resources;

/// <summary>
/// The resources that take bytes of any format that the intake reads: <c>/v1/imports</c> a file with a name, which is
/// answered with a report whatever became of its parts; <c>/v1/curves</c> a batch of samples, whose status says
/// whether the sender may forget it.
/// </summary>
internal static class Files
{
    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapPost("/v1/imports", async (HttpContext context) =>
        {
            var (answer, _) = await TakeAsync(ledger, context, Name(context.Request)).ConfigureAwait(false);
            // What was refused or not taken may be recorded when the same file comes again.
            if (answer.Uncounted.Any(part =>
                part.Standing is UncountedPart.RefusedStanding or UncountedPart.NotTakenStanding))
                IdempotentRequests.KeepNot(context);
            return Answering.Read(answer, Last(ledger));
        }).Needing(Scopes.EvidenceWrite).TakesFile("import", "Takes a file of any format that is read here, and reports part by part.",
                ["name (the file's)", .. Hinted])
            .Answers<FileAnswer>(200).Refuses(400, 401, 403, 408, 413, 415, 429, 503);
        app.MapPost("/v1/curves", async (HttpContext context) =>
        {
            var (answer, report) = await TakeAsync(ledger, context, "/v1/curves").ConfigureAwait(false);
            return Of(answer, report, Last(ledger));
        }).Needing(Scopes.CurvesWrite).TakesFile("curves", "Takes a batch of power samples: CSV, NDJSON or Parquet, packed or not.",
                Hinted)
            .Answers<FileAnswer>(200, 201)
            .Refuses(400, 401, 403, 404, 408, 413, 415, 422, 429, 503);
    }

    private static readonly string[] Hinted =
    [
        "point? (of a curve that names none)", "zone? (IANA, of local times)",
        "sentAt? (the sender's clock; also the header Ledger-Sent-At)",
    ];

    private static RouteHandlerBuilder TakesFile(
        this RouteHandlerBuilder route, string name, string does, string[] parameters) => route
        .WithName(name).WithSummary(does)
        .TakesParameters(parameters, Parameters.IdempotencyKey,
            RequestParameter.Header(FileAnswer.SentAtHeader, "the sender's clock"),
            RequestParameter.Header(FileAnswer.SubjectHeader, "the person whom all of it is about, escaped as in an address"))
        .WithDescription($"Query: {string.Join(", ", parameters)}. "
            + "Header Content-Encoding: gzip or zstd; the packed bytes are the evidence. "
            + "Header Ledger-Subject: the person whom all of it is about; evidence is then sealed under their key.")
        .RequireRateLimiting(Protection.FileRequests)
        .AddEndpointFilter(ContentCoding.RequireKnown).WithMetadata(new TakenFile())
        .Gives(415, HeaderNames.AcceptEncoding, "the codings that are read")
        .Accepts<IFormFile>("*/*"); // the format is found by the content, never by what the sender calls it

    private static async Task<(FileAnswer Answer, IntakeReport Report)> TakeAsync(
        OpenLedger ledger, HttpContext context, string name)
    {
        var hints = Hints(context.Request);
        var file = await Submissions.ReadAsync(context, name).ConfigureAwait(false);
        ContentCoding.RequireTrue(context.Request, file.Bytes.Span);
        // Once read it is taken to its end, even where the caller does not wait for the answer.
        return await FileAnswer.ReportAsync(ledger, file, hints, context.By(), CancellationToken.None)
            .ConfigureAwait(false);
    }

    // The name of a resource says how what was posted there is read again, so no file may bear one.
    private static string Name(HttpRequest request) =>
        request.Query["name"] is not [{ Length: > 0 and <= Limits.TextLengthMax } name]
            || name.StartsWith("/v1", StringComparison.Ordinal)
        ? throw new QueryRefusedException(Rejection.MissingField,
            $"name is needed: the file's name, at most {Limits.TextLengthMax} characters, and not of a resource")
        : name.Any(char.IsControl)
        ? throw new QueryRefusedException(Rejection.ForbiddenCharacter, "name must not hold control characters")
        : name;

    private static IntakeHints Hints(HttpRequest request)
    {
        var sent = Asking.Optional<Instant>(request, "sentAt", TryInstant, Rejection.InvalidTime, InstantRule);
        if (sent is null && request.Headers[FileAnswer.SentAtHeader] is { Count: > 0 } header)
            sent = TryInstant(header.ToString(), out var at)
                ? at
                : throw new QueryRefusedException(Rejection.InvalidTime,
                    $"Ledger-Sent-At is '{header}': must be {InstantRule}");
        DateTimeZone? zone = null;
        if (request.Query["zone"] is { Count: > 0 } named && !SettlementCalendar.TryZone(named.ToString(), out zone))
            throw new QueryRefusedException(Rejection.UnknownZone,
                $"zone is '{named}': must be an IANA time zone like Europe/Berlin");
        return new IntakeHints(
            Asking.Optional<SettlementPointId>(request, "point", SettlementPointId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule),
            zone, sent, Subject: Subject(request));
    }

    /// <summary>The person whom the file is about, in a header and not in the query, which others may log; escaped as
    /// in a URL, because a header is ASCII.</summary>
    private static string? Subject(HttpRequest request)
    {
        if (request.Headers[FileAnswer.SubjectHeader] is not { Count: > 0 } header) return null;
        var subject = Uri.UnescapeDataString(header.ToString());
        return subject.Trim().Length is > 0 and <= Limits.TextLengthMax
            ? subject
            : throw new QueryRefusedException(Rejection.InvalidIdentifier,
                $"{FileAnswer.SubjectHeader} must have 1 to {Limits.TextLengthMax} characters");
    }

    private const string InstantRule = "an instant like 2026-06-02T08:00:00Z";

    private static bool TryInstant(string? text, out Instant at) =>
        InstantPattern.ExtendedIso.Parse(text ?? "").TryGetValue(default, out at);

    /// <summary>A sender may forget a batch of which nothing has to be sent again or mended.</summary>
    private static IResult Of(FileAnswer answer, IntakeReport report, long? position) =>
        report.Outcomes.OfType<RecordOutcome.Unkept>().FirstOrDefault() is { } unkept ? Answering.Of(unkept)
        : answer.Uncounted.FirstOrDefault(part => part.Standing == UncountedPart.NotTakenStanding) is { } left
            ? Answering.Busy($"{left.Part}: {left.Detail}")
        : answer.Refused > 0
            && answer.Uncounted.First(part => part.Standing == UncountedPart.RefusedStanding)
                is { Code: { } code } first
            ? Answering.Problem(Answering.StatusOf((Rejection)code), (Rejection)code, $"{first.Part}: {first.Detail}")
        : Answering.Read(answer, position, answer.Recorded > 0 ? 201 : 200);

    private static long? Last(OpenLedger ledger) => ledger.Journal.Length is > 0 and var length ? length - 1 : null;
}
