using System.Text;
using System.Text.Json.Nodes;
using Ledger.Api.Exchange;
using Ledger.Cli.Listings;
using Ledger.Cli.Months;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli.Exchange;

/// <summary>
/// <c>ledger export cdr PARTY DAY</c>: the charging sessions of a party's connectors that ended on a day as charge
/// detail records of OCPI. With <c>--issued FILE</c> only what is not billed so yet: a session that is new, for one
/// whose facts changed a credit and a new record, and for one that is not proven any more a credit. The same facts give
/// the same file.
/// </summary>
static class ExportRecords
{
    public const string Name = "cdr";
    const int depthMax = 64; // an issued record holds its tariff, and what a header adds to it

    public static IReadOnlyList<Option> Options { get; } =
    [
        new("--tariff", "FILE", "cdr: the OCPI tariff by which the sessions are priced"),
        new("--header", "FILE", "cdr: a JSON object with what the ledger does not hold, as cdr_location"),
        new("--issued", "FILE", "cdr: what was issued before; only what differs is written, with credits"),
        new("--ocpi", "VERSION", "cdr: 2.2.1 or 2.3.0; 2.3.0 without it"),
        new("--signed", null, "cdr: with the signed meter values and the token in them, which names somebody"),
        PrunedEvidence.ArchiveOption, .. Disclosing.Options,
    ];

    public static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        var (party, day) = PartyAndDay(line, Name);
        var version = line.Option("--ocpi") switch
        {
            null or "2.3.0" => OcpiVersion.V230,
            "2.2.1" => OcpiVersion.V221,
            var other => throw new UsageException($"--ocpi is 2.2.1 or 2.3.0, not '{other}'"),
        };
        var (tariffText, tariff) = Read(line.Required("--tariff"), OcpiText.Tariff);
        var header = line.Option("--header") is { } path ? Read(path, OcpiRecords.Header).Json.AsObject() : [];
        var issued = line.Option("--issued") is { } before
            ? Read(before, IssuedBefore).Json.AsArray().Select(record => record!.AsObject()).ToList() : [];
        IReadOnlyList<MeteredSession> sessions;
        var signed = new Dictionary<MeteredSession, SessionSignatures>();
        var zones = new Dictionary<SettlementPointId, DateTimeZone>();
        await using (var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false))
        {
            if (!ledger.Answers(null).IsAccount(party))
                throw new CouldNotException($"there is no account {party}: no settlement point and no tariff is its own");
            sessions = await GatherAsync(ledger, party, day,
                await PositionAsync(ledger, line, ct).ConfigureAwait(false), issued, ct).ConfigureAwait(false);
            var answers = ledger.Answers(null);
            foreach (var point in sessions.Select(session => session.Session.Point).Distinct())
                zones[point] = DateTimeZoneProviders.Tzdb[answers.PointOn(point, day)!.Zone];
        }
        if (line.Flag("--signed"))
        {
            await DiscloseAsync(line, shell, sessions, ct).ConfigureAwait(false);
            await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
            foreach (var session in sessions)
            {
                var of = signed[session] = SessionSignatures.Of(session, ledger.Evidence);
                foreach (var why in of.Missing) Say(shell, "signed value", session, why);
                if (of.NoToken is { } noToken) Say(shell, "token", session, noToken);
            }
        }
        var now = shell.Clock.GetCurrentInstant();
        var known = issued.SelectMany(OcpiRecords.SessionsOf, (record, session) => (record, session))
            .ToLookup(of => of.session, of => of.record, StringComparer.OrdinalIgnoreCase);
        var priced = sessions.Where(session => session.Why is null).ToDictionary(session => session,
            session => OcpiSession.Of(session, tariff, zones[session.Session.Point]));
        // What has no price is named and not credited: its energy is as proven as before.
        var records = sessions.Except(priced.Keys.Where(session => priced[session].Unpriced is not null))
            .SelectMany(session => OcpiRecords.ToIssue(session.Why is not null ? null
                : OcpiRecords.Write(priced[session], tariffText.AsObject(), header,
                    signed.GetValueOrDefault(session)?.Values, signed.GetValueOrDefault(session)?.Token,
                    tariff.Currency, now, version),
                [.. OcpiRecords.IdsOf(session.Session).SelectMany(id => known[id]).Distinct()], now));
        var written = new JsonArray([.. records]);
        sessions = [.. sessions.Select(session => session with
        {
            Why = session.Why ?? priced[session].Unpriced,
        })];
        await WriteAsync(line, shell, written, sessions, ct).ConfigureAwait(false);
        return sessions.All(session => session.Why is null) ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    /// <summary>The sessions of the day, and those that a file bills and nobody knows any more.</summary>
    static async Task<IReadOnlyList<MeteredSession>> GatherAsync(LedgerReader ledger, PartyId party, LocalDate day,
        long position, IReadOnlyCollection<JsonObject> issued, CancellationToken ct)
    {
        var sessions = await EndedSessions.GatherAsync(ledger.Journal, ledger.Views, party, day, position, ct)
            .ConfigureAwait(false);
        var standing = Standing(issued).ToLookup(stay => stay.Point);
        return [.. sessions, .. VanishedStays.Of(new Answers(ledger.Views, position - 1), party, day,
            (point, ended) => standing[point].Where(stay => stay.End >= ended.Start && stay.End <= ended.End))];
    }

    internal static (PartyId Party, LocalDate Day) PartyAndDay(CommandLine line, string name)
    {
        if (line.Words.Count != 3) throw new UsageException($"export {name} needs PARTY and DAY");
        return (CommandLine.Read<PartyId>(line.Words[1], PartyId.TryParse, "PARTY is an identifier"),
            CommandLine.Read<LocalDate>(line.Words[2], CommandLine.TryDay, "DAY is a day like 2026-06-02"));
    }

    /// <summary>The position before which facts count.</summary>
    internal static async Task<long> PositionAsync(LedgerReader ledger, CommandLine line, CancellationToken ct) =>
        ledger.Answers(await ledger.AsOfAsync(line, ct).ConfigureAwait(false)).KnownBefore;

    /// <summary>The file, or standard output; what is not proven is named beside it.</summary>
    internal static async Task WriteAsync(CommandLine line, Shell shell, JsonNode written,
        IReadOnlyList<MeteredSession> sessions, CancellationToken ct)
    {
        foreach (var session in sessions)
            if (session.Why is { } why) Say(shell, "record", session, why);
        var text = written.ToJsonString(Listing.Indented);
        if (line.Option("--out") is { } path)
            await OutFile.WriteAsync(path, Encoding.UTF8.GetBytes(text + "\n"), ct).ConfigureAwait(false);
        else shell.Output.WriteLine(text);
    }

    static void Say(Shell shell, string what, MeteredSession session, string why) =>
        shell.Errors.WriteLine($"ledger export: no {what} for {session.Session.Point} from {session.Session.Start} "
            + $"to {session.Session.End}: {why}");

    static async Task DiscloseAsync(
        CommandLine line, Shell shell, IReadOnlyList<MeteredSession> sessions, CancellationToken ct)
    {
        List<EvidenceDigest> named;
        await using (var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false))
            named = [.. sessions.SelectMany(SessionSignatures.Evidence).Distinct()
                // What was pruned names nobody, and nothing is written of what was erased in part.
                .Where(piece => ledger.Evidence.PrunedBy(piece) is null
                    && ledger.Evidence.Find(piece) is { Missing.Count: 0, DisclosesSomebody: true })];
        await Disclosing.RecordAsync(line, shell, "export cdr", named, ct).ConfigureAwait(false);
    }

    /// <summary>A file of JSON, and what a reader makes of it; what breaks a rule is named with the file.</summary>
    static (JsonNode Json, T Value) Read<T>(string path, Func<InputValue, T> read)
    {
        try
        {
            var text = File.ReadAllBytes(path);
            using var document = InputValue.Parse(text, depthMax);
            return (JsonNode.Parse(text)!, read(new InputValue("input", document.RootElement)));
        }
        catch (InputRefusedException refused)
        {
            throw new CouldNotException($"{path}: {refused.Message}");
        }
    }

    /// <summary>The charges of a file that none of its credits has taken back; one that does not say of which stay it
    /// is, is none of ours.</summary>
    static IEnumerable<BilledStay> Standing(IReadOnlyCollection<JsonObject> issued)
    {
        foreach (var record in OcpiRecords.Standing(issued))
            if (SettlementPointId.TryParse(
                    OcpiRecords.Text((record["cdr_location"] as JsonObject)?["evse_id"]), out var point)
                && OcpiText.TryTime(OcpiRecords.Text(record["start_date_time"]), out var start)
                && OcpiText.TryTime(OcpiRecords.Text(record["end_date_time"]), out var end))
                foreach (var session in OcpiRecords.SessionsOf(record)) yield return new(point, start, end, session);
    }

    /// <summary>By what a record is told apart and taken back.</summary>
    static bool IssuedBefore(InputValue input)
    {
        foreach (var record in input.Array().Select(one => one.OpenObject()))
        {
            _ = record.Required("id").Text();
            _ = record.Optional("session_id")?.Text();
            _ = record.Optional(OcpiRecords.CreditReference)?.Text();
            var cost = record.Required("total_cost");
            _ = (cost.OpenObject(), OcpiText.Amount(cost));
        }
        return true;
    }
}
