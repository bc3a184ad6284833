using System.Text;
using Ledger.Api.Access;
using Ledger.Api.Tables;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>A refusal with its evidence, and the facts of its release and of taking it again.</summary>
/// <param name="Content">The evidence as text, cut; null where it names persons (its reading is a disclosure), is no
/// text, or is not there any more, as <paramref name="ContentStanding"/> says.</param>
public sealed record RefusalAnswer(
    RefusalsView.Refusal Refusal, string? ContentStanding, string? Content, string? ReleasedBy, string? ReleaseReason,
    int Attempts, int? StillRefused);

/// <summary>What counts nowhere, from a position on.</summary>
/// <param name="Next">The 'from' of the next rows; of a page, its cursor.</param>
public sealed record RefusalsAnswer(long? AsOf, IReadOnlyList<RefusalsView.Refusal> Refusals, long? Next);

/// <summary>
/// What was refused, quarantined or kept without being settled, and why: to look through, to look into, and to take
/// again. A release is posted as a fact, to <c>/v1/refusal-releases</c>.
/// </summary>
internal static class RefusedEvidence
{
    /// <summary>Rows of one page.</summary>
    private const int RowsMax = 1000;

    private const string CodeRule = "a rule's number or name, like 202 or UnknownSettlementPoint";

    private const string Redriven =
        "evidence (SHA-256) | code (of a rule), by (an identifier), reason, point?, zone?, subject?";

    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/refusals", async (HttpContext context) =>
        {
            var request = context.Request;
            var from = Asking.Optional<long>(request, "from", Asking.TryCount, Rejection.OutOfRange,
                "a position of the journal") ?? 0;
            var code = Asking.Optional<Rejection>(request, "code", ChoiceNames.TryRule, Rejection.OutOfRange, CodeRule);
            var day = Asking.Optional<LocalDate>(request, "day", Asking.TryDay, Rejection.InvalidTime, Asking.DayRule);
            var source = request.Query["source"] is { Count: > 0 } given ? given.ToString() : null;
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var most = MostOf(context);
            var rows = answers.Refusals(from, most + 1, code, source, day);
            long? next = rows.Count > most ? rows[most].Position : null;
            return Answering.Read(new RefusalsAnswer(position, [.. rows.Take(most)], next), position);
        }).Reads("refusals",
            $"What counts nowhere and why, {RowsMax} rows at a time; 'next' is the 'from' of the next page.",
            "from? (a position)", "code? (of the rule, by number or name)", "source? (how it begins)", "day? (UTC)");
        app.MapGet("/v1/refusals/{position:long}", async (HttpContext context, long position) =>
        {
            var (answers, asOf) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return answers.Refusal(position) is { } row
                ? Answering.Read(await RefusedParts.OfAsync(
                    row, ledger.Journal, ledger.Evidence, asOf, context.RequestAborted).ConfigureAwait(false), asOf)
                : throw new ProblemException(404, Rejection.UnknownEvidence, $"nothing was refused at position {position}");
        }).Reads("refusal", "One refusal with its evidence, its release, and what came of taking it again.")
            .Refuses(404);
        app.MapPost("/v1/redrives", async (HttpContext context) =>
        {
            var text = await Submissions.ReadAsync(context, "/v1/redrives").ConfigureAwait(false);
            var asked = Read(text.Bytes);
            var answers = await Redriving.TakeAsync(ledger, asked, context.By(), CancellationToken.None)
                .ConfigureAwait(false);
            // What could not be taken may be, when it is asked for again.
            if (answers.Redrives.Any(answer => answer.Outcome == RedriveAnswer.NotTaken || answer.Refused > 0))
                IdempotentRequests.KeepNot(context);
            return answers.Redrives.Count == 0
                ? Answering.Problem(404, Rejection.UnknownEvidence, "no refused evidence is so named")
                : (IResult)Answering.Read(answers, ledger.Journal.Length - 1);
        }).WithName("redrives").WithSummary("Takes refused evidence through the intake again.")
            .WithMetadata(new RequestBodyText(Redriven, null))
            .WithDescription($"One JSON object: {Redriven}. It is released first; what is settled already is "
                + "answered as that. 'left' is how many pieces of that code are left for another request.")
            .WithMetadata(new Microsoft.AspNetCore.Mvc.RequestSizeLimitAttribute(Submissions.FactBytesMax))
            .TakesHeaders(Parameters.IdempotencyKey)
            .RequireRateLimiting(Protection.FileRequests).Needing(Scopes.RefusalsRedrive)
            .TakesJson().Answers<RedrivesAnswer>(200)
            .Gives(200, Answering.PositionHeader, "of the last event").Refuses(400, 401, 403, 404, 413, 429, 503);
    }

    /// <summary>How many rows are read: whoever takes the table as a file has all of it, and who turns its pages by
    /// their cursor those up to the end of the page, and one that says whether there are more.</summary>
    private static int MostOf(HttpContext context)
    {
        var request = context.Request;
        if (PageCursor.LimitOf(request) is { } limit)
            return (int)Math.Min((PageCursor.Of(request)?.Row ?? 0) + (limit + 1L), int.MaxValue - 1);
        return TableForm.Of(request, context.GetEndpoint()!.Metadata.GetMetadata<ReadOperation>()) == TableForm.Json
            ? RowsMax : int.MaxValue - 1;
    }

    private static RedriveRequest Read(ReadOnlyMemory<byte> text)
    {
        try
        {
            using var document = InputValue.Parse(text);
            var asked = new InputValue("input", document.RootElement)
                .Object("evidence", "code", "by", "reason", "point", "zone", "subject");
            var code = asked.Optional("code") is { } named
                ? ChoiceNames.TryRule(named.Json.ValueKind == System.Text.Json.JsonValueKind.Number
                    ? named.Json.GetRawText() : named.Text(), out var read) ? read
                    : throw named.Refused(Rejection.OutOfRange, $"must be {CodeRule}")
                : (Rejection?)null;
            var evidence = asked.Optional("evidence") is { } digest
                ? EvidenceDigest.TryParse(digest.Text(), out var of) ? of
                    : throw digest.Refused(Rejection.InvalidIdentifier, "must be 64 lower-case hex digits")
                : (EvidenceDigest?)null;
            if (evidence is null == code is null)
                throw new InputRefusedException(Rejection.MissingField, "evidence", "", "or code is needed, and not both");
            DateTimeZone? zone = null;
            if (asked.Optional("zone") is { } place && !SettlementCalendar.TryZone(place.Text(), out zone))
                throw place.Refused(Rejection.UnknownZone, "must be an IANA time zone like Europe/Berlin");
            return new(evidence, code, asked.Required("by").Party().Value,
                asked.Required("reason").Line(RefusalToRelease.ReasonLengthMax),
                new IntakeHints(asked.Optional("point")?.Point(), zone,
                    Subject: asked.Optional("subject")?.Line(Limits.TextLengthMax)));
        }
        catch (InputRefusedException refused)
        {
            throw new QueryRefusedException(refused.Code, refused.Detail);
        }
    }
}

/// <summary>What a person looks at before releasing: the refused bytes, and what happened to them since.</summary>
public static class RefusedParts
{
    /// <summary>Characters of evidence that are shown; all of it is under its digest.</summary>
    private const int ShownMax = 4096;

    /// <param name="asOf">As known after the event at this position; null: as known now. What is there of the bytes
    /// is always of now.</param>
    public static async Task<RefusalAnswer> OfAsync(
        RefusalsView.Refusal row, IJournal journal, EvidenceArchive archive, long? asOf, CancellationToken ct)
    {
        if (row.Evidence is not { } hex) return new(row, null, null, null, null, 0, null);
        var digest = new EvidenceDigest(hex);
        var state = RefusalState.Empty;
        await foreach (var recorded in journal.ReadStreamAsync(Streams.Refusal(digest), 0, ct).ConfigureAwait(false))
            if (!(recorded.Position > asOf)) state = RefusalRelease.Evolve(state, EventCodec.Decode(recorded));
        var (standing, content) = Content(archive, digest);
        return new(row, standing, content, state.Released?.By, state.Released?.Reason, state.Latest?.Attempt ?? 0,
            state.Latest?.Refused);
    }

    private static (string Standing, string? Content) Content(EvidenceArchive archive, EvidenceDigest digest)
    {
        if (archive.PrunedBy(digest) is not null) return ("pruned", null);
        if (archive.Find(digest) is not { } piece) return ("not here", null);
        if (piece.IsGone) return ("erased", null);
        if (piece.DisclosesSomebody) return ("sealed: show evidence DIGEST --by WHO --why PURPOSE", null);
        var bytes = piece.Raw;
        return IntakeText.Decode(bytes, out var text) is null
            ? ("text", text.Length <= ShownMax ? text : text[..ShownMax])
            : ($"{PackedBytes.CodingOf(bytes) ?? "bytes"} beginning with "
                + Convert.ToHexStringLower(bytes.AsSpan(0, Math.Min(bytes.Length, 16))), null);
    }
}
