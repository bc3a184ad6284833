using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Api.Access;
using Ledger.Api.Exchange;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>What became of the sessions of a day.</summary>
public sealed record IssuedRecordsAnswer(string Account, string Day, IReadOnlyList<IssuedRecordAnswer> Records);

/// <summary>
/// Charge detail records of OCPI (2.2.1 and 2.3.0, module CDRs): the sender's interface with its envelope and pages,
/// the receiver's, and the issuing of what the ledger has metered. A record is served as the bytes that were issued or
/// received; one that names somebody is sealed, and is not served.
/// </summary>
internal static class OcpiCdrs
{
    private const string Path = "/v1/ocpi/cdrs";
    private const int LimitDefault = 100, LimitMax = 1_000;
    private const int Success = 1000, InvalidParameters = 2001; // OCPI status codes

    /// <summary>What OCPI says of a page beside it.</summary>
    public const string TotalHeader = "X-Total-Count", LimitHeader = "X-Limit";

    private const string IssueMembers = "account, day, tariff (an OCPI tariff), header (country_code, party_id, and what "
        + "else the ledger does not hold), ocpi?: 2.3.0 | 2.2.1";

    private const string IssueExample = """{"account":"ACME","day":"2026-02-27","header":{"country_code":"CN","party_id":"ABC"},"tariff":{"id":"T","currency":"CNY","elements":[{"price_components":[{"type":"ENERGY","price":1,"step_size":1}]}]}}""";

    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet(Path, async (HttpContext context) =>
        {
            return await ListAsync(ledger, context).ConfigureAwait(false);
        }).Reads("ocpi-cdrs", "Charge detail records in the order in which the ledger learned of them, as OCPI pages "
                + "them: headers Link, X-Total-Count and X-Limit.", "date_from? (when the ledger "
                + "learned of them: a record never changes afterwards)", "date_to? (the same)", "offset? (so many of them)", $"limit? ({LimitDefault}, at most {LimitMax})")
            .AnswersAs(ForeignSchemas.ChargeRecords).Gives(200, HeaderNames.Link, "where the next page is (RFC 8288)")
            .Gives(200, TotalHeader, "how many there are").Gives(200, LimitHeader, "how many a page has at most")
            .Gives(304, TotalHeader, "how many there are").Gives(304, LimitHeader, "how many a page has at most")
            .Gives(304, HeaderNames.Link, "where the next page is (RFC 8288)");

        app.MapGet(Path + "/{**record}", async (HttpContext context, string record) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(Envelope(ledger, Named(ledger, answers, context.Request, record), Success, "Success"),
                position);
        }).Reads("ocpi-cdr", "One charge detail record by its id, in whatever case it is written.",
                "account? (whose point it is at, where several that are reached have the id)",
                "issuer? (country and party as CN*ABC, where it is of several)")
            .AnswersAs(ForeignSchemas.ChargeRecord).Refuses(404);

        app.MapPost(Path, async (HttpContext context) =>
        {
            return await ReceiveAsync(ledger, context).ConfigureAwait(false);
        }).TakesFact("ocpi-cdr-received", "Records a charge detail record of OCPI, a credit too.",
                "A CDR object; it is compared with registers and settlement by ledger reconcile.",
                scope: Scopes.ChargesWrite).AnswersAs(ForeignSchemas.Received)
            .AnswersIn(403, "application/json").AnswersIn(404, "application/json")
            .AnswersIn(409, "application/json").AnswersIn(422, "application/json")
            .Gives(201, HeaderNames.Location, "where it is read").Gives(200, HeaderNames.Location, "where it is read");

        app.MapPost("/v1/ocpi/cdr-issues", async (HttpContext context) =>
        {
            return await IssueAsync(ledger, context).ConfigureAwait(false);
        }).WithName("ocpi-issue")
            .WithSummary("Issues the charge detail records of a day's sessions: what is new, and a credit and a new "
                + "record where facts changed.")
            .WithDescription($"One JSON object: {IssueMembers}.")
            .WithMetadata(new RequestBodyText(IssueMembers, IssueExample))
            .WithMetadata(new RequestSizeLimitAttribute(Submissions.FactBytesMax))
            .TakesParameters([], Parameters.IdempotencyKey).Gives(200, Answering.PositionHeader, "of the last event")
            .RequireRateLimiting(Protection.FactRequests).Needing(Scopes.ChargesWrite)
            .TakesJson().Answers<IssuedRecordsAnswer>(200)
            .Refuses(400, 401, 403, 404, 413, 422, 429, 503);
    }

    private static async Task<IResult> ListAsync(OpenLedger ledger, HttpContext context)
    {
        var request = context.Request;
        var from = Time(request, "date_from") ?? Instant.FromUnixTimeTicks(0);
        var before = Time(request, "date_to");
        var offset = (int)(Asking.Optional<long>(request, "offset", (string? text, out long count) =>
            Asking.TryCount(text, out count) && count <= int.MaxValue, Rejection.OutOfRange, "a number") ?? 0);
        var limit = (int)(Asking.Optional<long>(request, "limit", (string? text, out long count) =>
            Asking.TryCount(text, out count) && count is >= 1 and <= LimitMax, Rejection.OutOfRange,
            $"a number from 1 to {LimitMax}") ?? LimitDefault);
        var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
        var served = answers.ChargeRecords(from, before)
            .Where(row => OcpiIssuing.IsServed(ledger.Evidence, row)).ToList();
        var page = new JsonArray();
        foreach (var row in served.Skip(offset).Take(limit))
        {
            context.RequestAborted.ThrowIfCancellationRequested();
            if (OcpiIssuing.Kept(ledger.Evidence, row) is { } record) page.Add((JsonNode)record);
        }
        var headers = context.Response.Headers;
        headers[TotalHeader] = served.Count.ToString(CultureInfo.InvariantCulture);
        headers[LimitHeader] = limit.ToString(CultureInfo.InvariantCulture);
        if ((long)offset + limit < served.Count)
        {
            var others = request.Query.Where(part => part.Key is not ("offset" or "limit"))
                .Select(part => $"{Uri.EscapeDataString(part.Key)}={Uri.EscapeDataString(part.Value.ToString())}");
            headers.Link = string.Create(CultureInfo.InvariantCulture, $"<{request.Scheme}://{request.Host}{Path}?")
                + string.Join('&', others.Append(string.Create(CultureInfo.InvariantCulture,
                    $"offset={offset + limit}&limit={limit}"))) + ">; rel=\"next\"";
        }
        return Answering.Read(Envelope(ledger, page, Success, "Success"), position);
    }

    /// <summary>The record that a request names, of those that are reached: an id belongs to no account and no issuer.
    /// </summary>
    private static JsonObject Named(OpenLedger ledger, Answers answers, HttpRequest request, string record)
    {
        var account = Asking.Optional<PartyId>(
            request, "account", PartyId.TryParse, Rejection.InvalidIdentifier, Asking.IdentifierRule);
        var issuer = Asking.Optional<PartyId>(
            request, "issuer", PartyId.TryParse, Rejection.InvalidIdentifier, Asking.IdentifierRule);
        var named = !ChargeRecordId.TryParse(record, out var id) ? []
            : answers.ChargeRecordsNumbered(id)
                .Select(row => (Row: row, Account: answers.HolderOf(row.Point)?.Owner,
                    Issuer: ChargeRecords.Issuer(new(row.Operator))))
                .Where(each => (account is not { } whose || each.Account == whose.Value)
                    && (issuer is not { } by || each.Issuer == ChargeRecords.Issuer(by))).ToList();
        var kept = named.ConvertAll(each =>
                (each.Account, each.Issuer, Record: OcpiIssuing.Kept(ledger.Evidence, each.Row)))
            .FindAll(each => each.Record is not null);
        var several = kept.Select(each => (each.Account, each.Issuer)).Distinct().ToList();
        if (several.Count > 1)
            throw new QueryRefusedException(Rejection.MissingField, $"record {id} is of several: "
                + string.Join(", ", several.Select(each => $"account {each.Account} and issuer {each.Issuer}")));
        return kept.Count > 0 ? kept[0].Record!
            : throw new NotThereException(named.Exists(each => OcpiIssuing.IsPruned(ledger.Evidence, each.Row))
                ? $"record {id} lies in a month's archive" : "there is no such record to be read, or it is not yours");
    }

    private static async Task<IResult> ReceiveAsync(OpenLedger ledger, HttpContext context)
    {
        var key = Submissions.Key(context, Path);
        var text = await Submissions.ReadAsync(context, Path).ConfigureAwait(false);
        var outcome = await ledger.Intake.TakeFactAsync(text, "charge-record", context.By(), key, CancellationToken.None)
            .ConfigureAwait(false);
        var (status, position) = outcome switch
        {
            RecordOutcome.Recorded recorded => (201, recorded.Position),
            RecordOutcome.AlreadyRecorded before => (200, before.Position),
            RecordOutcome.Refused refused => (Answering.StatusOf(refused.Code), (long?)null),
            RecordOutcome.Conflict => (409, null),
            _ => (0, null),
        };
        if (status == 0) return Answering.Of(outcome);
        if (status is 200 or 201 && OcpiIssuing.Parsed(text.Bytes)?["id"] is { } id)
            context.Response.Headers.Location = $"{Path}/{id}";
        return Answering.Read(outcome switch
        {
            RecordOutcome.Refused refused => Envelope(ledger, null, InvalidParameters,
                $"{(int)refused.Code} {refused.Code}: {refused.Detail}"),
            RecordOutcome.Conflict conflict => Envelope(ledger, null, InvalidParameters,
                $"{(int)Rejection.EvidenceConflict} {Rejection.EvidenceConflict}: {conflict.Differs}"),
            _ => Envelope(ledger, null, Success, "Success"),
        }, position, status);
    }

    private static async Task<IResult> IssueAsync(OpenLedger ledger, HttpContext context)
    {
        var text = await Submissions.ReadAsync(context, "/v1/ocpi/cdr-issues").ConfigureAwait(false);
        var by = context.By();
        try
        {
            var asked = OcpiIssue.Read(text.Bytes);
            var (answers, _) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            if (!by.Reach.Covers(asked.Account))
                return Answering.Problem(404, Rejection.NotReached,
                    $"there is no account {asked.Account}, or it is not yours");
            var records = await OcpiIssuing.IssueAsync(ledger, answers, asked, by, Submissions.Attempt,
                CancellationToken.None).ConfigureAwait(false);
            // What has no record yet may have one, when it is asked for again.
            if (records.Any(record => record.Position is null)) IdempotentRequests.KeepNot(context);
            return Answering.Read(new IssuedRecordsAnswer(asked.Account.Value, RowJson.Day(asked.Day), records),
                ledger.Journal.Length is > 0 and var length ? length - 1 : null);
        }
        catch (InputRefusedException refused)
        {
            return Answering.Problem(Answering.StatusOf(refused.Code), refused.Code, refused.Detail);
        }
    }

    /// <summary>What every answer of OCPI is in (transport and format, response format).</summary>
    private static JsonObject Envelope(OpenLedger ledger, JsonNode? data, int status, string message)
    {
        var envelope = new JsonObject();
        if (data is not null) envelope["data"] = data;
        envelope["status_code"] = status;
        envelope["status_message"] = message;
        envelope["timestamp"] = OcpiText.Time(ledger.Clock.GetCurrentInstant());
        return envelope;
    }

    private static Instant? Time(HttpRequest request, string name) => Asking.Optional<Instant>(
        request, name, OcpiText.TryTime, Rejection.InvalidTime, "a time as RFC 3339, in UTC");
}
