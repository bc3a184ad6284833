using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Exchange;

/// <summary>For which sessions records are issued, and with what the ledger does not hold.</summary>
/// <param name="Tariff">The OCPI tariff by which they are priced, read and as it came.</param>
/// <param name="Header">Members of every record, of which <c>country_code</c> and <c>party_id</c> say who
/// issues.</param>
public sealed record OcpiIssue(
    PartyId Account, LocalDate Day, OcpiTariff Tariff, JsonObject TariffText, JsonObject Header, OcpiVersion Version)
{
    /// <summary>Who issues, as OCPI writes parties.</summary>
    public PartyId Issuer { get; } = ChargeRecords.Issuer(new($"{Header["country_code"]}*{Header["party_id"]}"));

    /// <summary>Reads a request; a fault is thrown as <see cref="InputRefusedException"/>.</summary>
    public static OcpiIssue Read(ReadOnlyMemory<byte> text)
    {
        using var document = InputValue.Parse(text);
        var asked = new InputValue("input", document.RootElement)
            .Object("account", "day", "tariff", "header", "ocpi");
        var header = asked.Required("header");
        var members = OcpiRecords.Header(header);
        foreach (var (name, length) in new[] { ("country_code", 2), ("party_id", 3) })
            if (members.Required(name) is var code
                && (code.Text().Length != length || !code.Text().All(char.IsAsciiLetterOrDigit)))
                throw code.Refused(Rejection.InvalidIdentifier, $"must have {length} letters or digits");
        return new(asked.Required("account").Party(), asked.Required("day").Day(),
            OcpiText.Tariff(asked.Required("tariff")), Node(asked.Required("tariff")), Node(header),
            asked.Optional("ocpi") is not { } version ? OcpiVersion.V230 : version.Text() switch
            {
                "2.3.0" => OcpiVersion.V230,
                "2.2.1" => OcpiVersion.V221,
                _ => throw version.Refused(Rejection.UnknownFormat, "must be 2.2.1 or 2.3.0"),
            });
    }

    private static JsonObject Node(InputValue value) => JsonNode.Parse(value.Json.GetRawText())!.AsObject();
}

/// <summary>What became of one session: the record that was issued of it, or why there is none.</summary>
public sealed record IssuedRecordAnswer(
    string Point, Instant Start, Instant End, string? Record, string Outcome, long? Position, string? Why);

/// <summary>
/// Charge detail records that the ledger issues itself. An issued record is a fact with the record as its evidence, so
/// it is never changed: where the facts of its session changed, the next issue credits it and issues a new one, if what
/// the session took is proven. A session of which the tariff asks what no record of it could say gets none, and what
/// stands of it is left. Beside a record that could not be credited no other is issued: both would be billed.
/// </summary>
public static class OcpiIssuing
{
    /// <summary>Issues what is not issued yet of the sessions that ended on a day.</summary>
    /// <param name="answers">Of whoever issues: sessions at points that are not reached are passed over.</param>
    public static async Task<IReadOnlyList<IssuedRecordAnswer>> IssueAsync(OpenLedger ledger, Answers answers,
        OcpiIssue asked, Principal by, Func<IdempotencyKey> attempt, CancellationToken ct)
    {
        var sessions = (await EndedSessions.GatherAsync(ledger.Journal, ledger.Views, asked.Account, asked.Day,
            answers.KnownBefore, ct).ConfigureAwait(false)).Where(session => answers.Reaches(session.Session.Point))
            .Concat(VanishedStays.Of(answers, asked.Account, asked.Day,
                (point, day) => Standing(answers, asked, answers.ChargeRecordsEnded(point, day))).ToList());
        var answered = new List<IssuedRecordAnswer>();
        foreach (var session in sessions)
        {
            var priced = session.Why is not null ? null
                : OcpiSession.Of(session, asked.Tariff,
                    DateTimeZoneProviders.Tzdb[answers.PointOn(session.Session.Point, asked.Day)!.Zone]);
            if (session.Why is { } why) answered.Add(Answer(session, null, "unproven", null, why));
            if (priced?.Unpriced is { } unpriced) answered.Add(Answer(session, null, "unpriced", null, unpriced));
            else if (Issued(ledger, answers, asked, session, out var kept) is not { } issued)
                answered.Add(Answer(session, null, "sealed", null, kept));
            else
                answered.AddRange(await RecordAsync(ledger, session, OcpiRecords.ToIssue(
                    priced is null ? null : RecordOf(ledger, asked, priced), issued, ledger.Clock.GetCurrentInstant()),
                    by, attempt, ct).ConfigureAwait(false));
        }
        return answered;
    }

    /// <summary>Records a session's credits, and what is issued anew if all of them were recorded.</summary>
    private static async Task<IReadOnlyList<IssuedRecordAnswer>> RecordAsync(OpenLedger ledger, MeteredSession session,
        IEnumerable<JsonObject> records, Principal by, Func<IdempotencyKey> attempt, CancellationToken ct)
    {
        var (answered, isTakenBack) = (new List<IssuedRecordAnswer>(), true);
        foreach (var record in records)
        {
            var isCredit = record[OcpiRecords.CreditReference] is not null;
            if (!isCredit && !isTakenBack) continue;
            var answer = await RecordAsync(ledger, session, record, by, attempt(), ct).ConfigureAwait(false);
            isTakenBack &= !isCredit || answer.Outcome is "recorded" or "alreadyRecorded";
            answered.Add(answer);
        }
        return answered;
    }

    /// <summary>Whether a record may be served: it is there, and names nobody. The rows of a table each name a session.
    /// </summary>
    public static bool IsServed(EvidenceArchive archive, ChargeRecordsView.RecordRow row) =>
        row.Evidence is { } hex && archive.NamesNobody(new(hex));

    /// <summary>A record as it came; null where it names somebody, is not there any more, or is no record of OCPI.
    /// </summary>
    public static JsonObject? Kept(EvidenceArchive archive, ChargeRecordsView.RecordRow row)
    {
        if (!IsServed(archive, row) || archive.Find(new(row.Evidence!)) is not { } piece) return null;
        try
        {
            return Parsed(piece.Raw);
        }
        catch (JsonException)
        {
            return null; // a line among others
        }
    }

    /// <summary>Whether a record went with its month, before it was known that records are needed.</summary>
    public static bool IsPruned(EvidenceArchive archive, ChargeRecordsView.RecordRow row) =>
        row.Evidence is { } hex && archive.PrunedBy(new(hex)) is not null;

    /// <summary>A record from its bytes, which may begin with a mark of their order.</summary>
    public static JsonObject? Parsed(ReadOnlyMemory<byte> bytes) =>
        JsonNode.Parse(IntakeText.WithoutByteOrderMark(bytes).Span) as JsonObject;

    /// <summary>The charges of an issuer among records that no credit of his has taken back.</summary>
    private static IEnumerable<BilledStay> Standing(
        Answers answers, OcpiIssue asked, IEnumerable<ChargeRecordsView.RecordRow> records) =>
        from row in records
        where row.Credits is null && ChargeRecords.IsSameIssuer(new(row.Operator), asked.Issuer)
            && OcpiRecords.SessionOf(row.Record) is { } session
            && !answers.ChargeRecordsFrom(new(session)).Any(credit => credit.Credits is { } taken
                && new ChargeRecordId(taken) == new ChargeRecordId(row.Record) && credit.Point == row.Point
                && ChargeRecords.IsSameIssuer(new(credit.Operator), asked.Issuer))
        select new BilledStay(new(row.Point), row.Start, row.End, row.Record);

    private static JsonObject RecordOf(OpenLedger ledger, OcpiIssue asked, OcpiSession priced) => OcpiRecords.Write(
        priced, asked.TariffText, asked.Header, null, null, asked.Tariff.Currency,
        ledger.Clock.GetCurrentInstant(), asked.Version);

    /// <summary>What was issued of a session; null where a part of it cannot be read, and why. A number belongs to
    /// nobody, so another's record may have it: what was issued of a session is at its point.</summary>
    private static List<JsonObject>? Issued(
        OpenLedger ledger, Answers answers, OcpiIssue asked, MeteredSession session, out string? why)
    {
        var rows = OcpiRecords.IdsOf(session.Session).SelectMany(id => answers.ChargeRecordsFrom(new(id)))
            .Where(row => row.Point == session.Session.Point.Value
                && ChargeRecords.IsSameIssuer(new(row.Operator), asked.Issuer)).OrderBy(row => row.Position).ToList();
        var records = rows.ConvertAll(row => Kept(ledger.Evidence, row));
        why = rows.Exists(row => IsPruned(ledger.Evidence, row))
            ? "what was issued of it lies in a month's archive, and is not compared"
            : "what was issued of it names somebody, and is compared at the ledger's own machine alone";
        return records.Contains(null) ? null : records.ConvertAll(record => record!);
    }

    private static async Task<IssuedRecordAnswer> RecordAsync(OpenLedger ledger, MeteredSession session,
        JsonObject record, Principal by, IdempotencyKey key, CancellationToken ct)
    {
        var text = new Submission(Encoding.UTF8.GetBytes(record.ToJsonString()), "/v1/ocpi/cdrs");
        var id = (string)record["id"]!;
        return await ledger.Intake.TakeFactAsync(text, "charge-record", by, key, ct).ConfigureAwait(false) switch
        {
            RecordOutcome.Recorded recorded => Answer(session, id, "recorded", recorded.Position, null),
            RecordOutcome.AlreadyRecorded before => Answer(session, id, "alreadyRecorded", before.Position, null),
            // By a credit of another number, which somebody handed in.
            RecordOutcome.Refused { Code: Rejection.AlreadyCredited } taken =>
                Answer(session, id, "alreadyRecorded", null, taken.Detail),
            RecordOutcome.Refused refused => Answer(session, id, "refused", null, refused.Detail),
            RecordOutcome.Unkept unkept => Answer(session, id, "busy", null, unkept.Said),
            RecordOutcome.Busy => Answer(session, id, "busy", null, "send the request again"),
            var other => Answer(session, id, "refused", null, $"{other}"),
        };
    }

    private static IssuedRecordAnswer Answer(
        MeteredSession session, string? record, string outcome, long? position, string? why) => new(
        session.Session.Point.Value, session.Session.Start, session.Session.End, record, outcome, position, why);
}
