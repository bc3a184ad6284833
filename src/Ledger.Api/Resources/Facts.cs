using Ledger.Api.Access;
using Ledger.Domain;
using Microsoft.AspNetCore.Mvc;
using static Ledger.Api.Resources.RequestMembers;

namespace Ledger.Api.Resources;

/// <summary>
/// The resources that take one fact as strict JSON: its members are those of the same fact in a file of facts, and the
/// resource's name says its type. Every answer is given after the fact, or its refusal, is durable.
/// </summary>
internal static class Facts
{
    /// <summary>Where each fact is posted, how its text names it, and what its members are.</summary>
    private static readonly (string Path, string Type, string Does, string Members)[] Resources =
    [
        ("settlement-points", "settlement-point", "Registers a settlement point.",
            $"point, station, kind: {OneOf<SettlementPointKind>()}, owner, zone (IANA), periodMinutes (5, 15, 30 or 60), ratedKw, bidirectional, gridOperator? (the party whose grid it is on), validFrom"),
        ("registers", "register", "Installs a register at a settlement point.",
            $"point, {OfDirection}, meterSerial, digits, decimals, factor?, modulusKwh?, validFrom"),
        ("register-readings", "register-reading", "Records the index that a register showed at an instant.",
            $"point, {OfDirection}, readAt, kwh, quality?"),
        ("register-reading-corrections", "register-reading-correction",
            "Corrects a register reading; the old version stays.",
            $"point, {OfDirection}, readAt, supersedes (the version that it takes the place of), indexSteps, quality?, reason"),
        ("interval-reading-corrections", "interval-reading-correction",
            "Corrects an interval reading; the old version stays.",
            $"point, {OfDirection}, start, end, supersedes (the version that it takes the place of), kwh, quality?, method?, reason"),
        ("interval-estimates", "interval-estimate", "Records an estimate of an interval that nobody measured.",
            $"point, {OfDirection}, start, end, kwh, method: {OneOf<EstimationMethod>()}, basis"),
        ("instructions", "instruction", "Records a dispatch instruction.",
            $"instruction, kind: {OneOf<InstructionKind>()}, issuedBy, issuedAt, start, end, targets: [{{point, kw, offeredKw?}}], toleranceKw?, rampSeconds?, "
            + "pricePerKwh?, penaltyPerKwh?, programme?, test?: {deliveredPermilleMin, t90MsMax}, activationPermille?"),
        ("instruction-clocks", "instruction-clock", "Records when a step of an instruction happened.",
            $"instruction, point, clock: {OneOf<InstructionClock>()}, at, source"),
        ("withdrawals", "instruction-withdrawal", "Withdraws an instruction.", "instruction, at, reason"),
        ("charging-facts", "charging-fact",
            "Records what was observed at a settlement point and may excuse a shortfall.",
            $"point, start, end, reason: {OneOf<ShortfallReason>()}, source"),
        ("charging-states", "charging-state",
            "Records whether a vehicle is connected, and what it can do, from an instant on.",
            "point, at, connected, stateOfChargePercent?, vehicleImportKw?, vehicleExportKw?, fault?, source"),
        ("reason-claims", "reason-claim", "Records a claimed reason; it improves no verdict by itself.",
            $"instruction, point, reason: {OneOf<ShortfallReason>()}, claimedBy"),
        ("programmes", "programme", "Publishes a version of a programme.",
            $"programme, version, validFrom, service: {OneOf<ServiceKind>()}, baselinePack, scoringPack, noticeSeconds?, rampSeconds?, "
            + $"paidPer: {OneOf<PaymentLevel>()}, "
            + "tolerancePermille?, precedence, sharesWith?, currency, pricePerKwh, activationPermilleMin?, "
            + $"redistribution?: {OneOf<RedistributionWeight>()}, payer?, payee?, availabilityPerKwHour?"),
        ("enrolments", "enrolment", "Enrols a settlement point in a programme.",
            "programme, point, prequalifiedKw, from, to?"),
        ("enrolment-ends", "enrolment-end", "Ends an enrolment.", "programme, point, at, reason"),
        ("availabilities", "availability", "Declares what a settlement point has ready for a programme.",
            "programme, point, declaredAt, start, end, availableKw"),
        ("delivery-claims", "delivery-claim", "Claims delivered energy for a programme; one kWh counts once.",
            $"claim, programme, point, {OfDirection}, start, end, energyKwh, claimedBy"),
        ("frozen-baselines", "baseline-freeze",
            "Freezes the baselines of an instruction's targets as of its notice, or completes them.",
            "instruction, point?, atPosition?, complete? (what awaits meter values), holidays?: [day]"),
        ("standing-limits", "standing-limit", "Sets a standing limit of a settlement point.",
            $"point, kind: {OneOf<StandingLimitKind>()}, {OfDirection}, kw | steps ([{{start | daily, kw}}]), zone?, validFrom, validTo?, source"),
    ];

    /// <summary>The same of what is settled and metered by.</summary>
    private static readonly (string Path, string Type, string Does, string Members)[] Terms =
    [
        ("tariffs", "tariff", "Publishes a version of a tariff.",
            "tariff, version, currency, zone, validFrom, rules, prices, holidays?, energyDecimals?, moneyDecimals?, exportRules?, "
            + "demandCharges?, useBy?, fees?, taxPercent?, bounds?, ratios?"),
        ("rule-packs", "rule-pack", "Publishes a version of a rule pack; docs/rules.md has the members of a rule.",
            "pack, version, provisional, source, validFrom, baseline | scoring"),
        ("tariff-assignments", "tariff-assignment", "Assigns a tariff to an account.", "account, tariff, seller? (the party in whose books its sales are), validFrom"),
        ("meter-classes", "meter-class", "Declares the accuracy class of a meter.",
            "meterSerial, accuracyClass, validFrom"),
        ("meter-keys", "meter-key", "Registers the public key with which a meter signs.",
            "meterSerial, publicKey, validFrom"),
        ("signing-keys", "signing-key", "Registers the key with which the ledger signs its checkpoints from now on.",
            "key, handover? (a note in which the key before names this one; needed for every key but the first)"),
        ("point-places", "point-place", "Places a settlement point behind another.", "point, parent, validFrom"),
        ("loss-factors", "loss-factor", "Declares losses between a settlement point and its parent.",
            "point, lossFactor, fixedKw?, validFrom"),
    ];

    /// <summary>The same of what is planned at a point, and of its outages.</summary>
    private static readonly (string Path, string Type, string Does, string Members)[] Plans =
    [
        ("declared-schedules", "declared-schedule",
            "Declares what a settlement point will draw in periods of a day to come.",
            "point, declaredBy, declaredAt, start, periodMinutes, kw (one a period, below zero it exports) | kwh (the same in energy)"),
        ("session-requests", "session-request",
            "Records what a charging session asks for: when it comes and leaves, and how much.",
            "point, requestedAt, arrival, departure, requestedKwh, vehicleMaxKw?, source"),
        ("charge-records", "charge-record", "Records what an operator bills for a stay.",
            "a charge detail record of OCPI 2.1.1, 2.2.1 or 2.3.0; its place is a settlement point by evse_id or evse_uid"),
        ("outages", "outage", "Records that a settlement point was out of service.", "point, start, end, source"),
    ];

    /// <summary>The same of what is said of settlement runs.</summary>
    private static readonly (string Path, string Type, string Does, string Members)[] OfRuns =
    [
        ("run-publications", "run-publication", "Publishes a calculated run; another person than who calculated it does.",
            "run, account, day, by"),
        ("month-closes", "month-close", "Closes an account's month; after it only corrections follow.",
            "account, month (like 2026-06), by"),
        ("disputes", "dispute", "Disputes lines of a run, or all of it.",
            "dispute, run, account, day, openedBy, lines?: [number], amount, reason, evidence?: [SHA-256]"),
        ("dispute-answers", "dispute-answer", "Answers a dispute, which stays open.",
            "dispute, answeredBy, answer, evidence?: [SHA-256]"),
        ("dispute-closures", "dispute-closure", "Ends a dispute: resolved by a run, or rejected.",
            $"dispute, outcome: {OneOf<DisputeOutcome>()}, closedBy, resolvedBy? (of what is resolved), reason"),
    ];

    // Not a field, because the fields above are made first.
    private static string OfDirection => $"direction: {OneOf<Direction>()}";

    private static IEnumerable<(string Path, string Type, string Does, string Members)> All =>
        Resources.Concat(Terms).Concat(Plans).Concat(OfRuns)
            .Concat(SubjectFacts.Resources).Concat(AccessReads.Resources);

    /// <summary>The type of the facts that a resource takes; null where no resource of facts has this path. A ledger of
    /// before may have kept it as it was asked for, in any case and with a stroke at its end.</summary>
    public static string? TypeOf(string path) => All.FirstOrDefault(resource =>
        $"/v1/{resource.Path}".Equals(path.TrimEnd('/'), StringComparison.OrdinalIgnoreCase)).Type;

    public static void Map(WebApplication app, OpenLedger ledger)
    {
        foreach (var (path, type, does, members) in All)
            app.MapPost($"/v1/{path}", async (HttpContext context) =>
            {
                var source = $"/v1/{path}"; // and not as it was asked for: it says how it is taken again
                var key = Submissions.Key(context, source);
                var text = await Submissions.ReadAsync(context, source).ConfigureAwait(false);
                // Once read it is recorded, even where the caller does not wait for the answer.
                return Answering.Of(await ledger.Intake.TakeFactAsync(
                    text, type, context.By(), key, CancellationToken.None).ConfigureAwait(false));
            }).TakesFact(type, does, $"One JSON object: {members}. A '?' marks what may be left out.",
                type == "charge-record" ? null : members);
    }

    /// <summary>What every resource that takes one fact has in common.</summary>
    /// <param name="members">The members of the body, as <see cref="RequestMembers"/> reads them; null where another
    /// standard says them.</param>
    /// <param name="scope">Where it is not the scope of a fact of this name.</param>
    public static RouteHandlerBuilder TakesFact(this RouteHandlerBuilder route, string name, string does, string body,
        string? members = null, string? scope = null) => route
        .WithName(name).WithSummary(does)
        .TakesHeaders(Parameters.IdempotencyKey)
        .WithMetadata(new NeededScope(scope ?? FactDocument.ScopeOf(name)),
            new RequestBodyText(members, scope is null ? FactDocument.ExampleOf(name) : null))
        .WithDescription($"{body} Send an Idempotency-Key to get the first answer again after a lost one.")
        .WithMetadata(new RequestSizeLimitAttribute(Submissions.FactBytesMax))
        .RequireRateLimiting(Protection.FactRequests).NeedingToBeKnown()
        .TakesJson()
        .Answers<FactAnswer>(201, 200, 202)
        .Refuses(400, 401, 403, 404, 408, 409, 413, 422, 429, 503);

    /// <summary>Takes a body of JSON; one that says to be something else is answered 415.</summary>
    public static RouteHandlerBuilder TakesJson(this RouteHandlerBuilder route) =>
        route.Accepts<object>("application/json").Refuses(415);

    /// <summary>The problems that a resource may answer.</summary>
    public static RouteHandlerBuilder Refuses(this RouteHandlerBuilder route, params int[] statuses)
    {
        foreach (var status in statuses) route.AnswersIn(status, "application/problem+json");
        return route;
    }

    private const string AsOf = "asOf? (as known after the event at this position)";

    /// <summary>What every read has in common.</summary>
    /// <param name="parameters">Each as <see cref="RequestParameter.Of"/> reads it.</param>
    public static RouteHandlerBuilder Reads(this RouteHandlerBuilder route, string name, string does,
        params string[] parameters) => route
        .ReadsAs("application/json", name, does, parameters)
        .WithDescription($"{QueryOf(name, parameters)} The ETag of an answer can be sent as If-None-Match.")
        .TakesHeaders(Parameters.IfNoneMatch).Produces(304);

    /// <summary>What every read of another form has in common: it is written while it is read, and has no
    /// tag.</summary>
    public static RouteHandlerBuilder ReadsAs(this RouteHandlerBuilder route, string media, string name, string does,
        params string[] parameters) => route
        .WithName(name).WithSummary(does).WithDescription(QueryOf(name, parameters))
        .TakesParameters([.. parameters, AsOf, .. ReadOperations.ParametersOf(name)])
        .RequireRateLimiting(Protection.ReadRequests).AsRead(name)
        .AnswersIn(200, media).Refuses(400, 401, 403, 406, 429, 503);

    private static string QueryOf(string name, string[] parameters) =>
        $"Query: {string.Join(", ", [.. parameters, AsOf, .. ReadOperations.ParametersOf(name)])}.";
}
