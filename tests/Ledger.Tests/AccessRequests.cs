namespace Ledger.Tests;

/// <summary>
/// One request for every operation of the interface, with the names of one side left open. What is posted is recorded
/// before, so that a role that may post it finds it there; a few are judged by a rule first, and told so.
/// </summary>
internal static class AccessRequests
{
    private const string Zone = "Asia/Shanghai", From = "2026-01-01T00:00:00Z", Day = "2026-02-27";

    /// <summary>What is there before, and posted by no role here: the connection of the station, an order that is
    /// withdrawn, a rule of baselines, and an order whose baselines are frozen by it. The connection is older by a day,
    /// which makes a month that can be closed.</summary>
    public static readonly string[] Before =
    [
        $$"""{"type":"settlement-point","point":"G{number}","station":"{station}","kind":"gridConnection","owner":"{owner}","zone":"{{Zone}}","periodMinutes":15,"ratedKw":2000,"bidirectional":true,"validFrom":"2025-12-30T16:00:00Z"}""",
        """{"type":"instruction","instruction":"{withdrawn}","kind":"curtail","issuedBy":"{grid}","issuedAt":"2026-03-01T09:00:00Z","start":"2026-03-03T10:00:00Z","end":"2026-03-03T11:00:00Z","targets":[{"point":"{point}","kw":500}]}""",
        $$$"""{"type":"rule-pack","pack":"{zero}","version":1,"provisional":false,"source":"a contract","validFrom":"{{{From}}}","baseline":{"method":"zero"}}""",
        """{"type":"instruction","instruction":"{frozen}","kind":"export","issuedBy":"{grid}","issuedAt":"2026-03-01T09:00:00Z","start":"2026-03-03T10:00:00Z","end":"2026-03-03T11:00:00Z","targets":[{"point":"{point}","kw":500}],"programme":"{programme}"}""",
    ];

    /// <summary>A month of one day, run and published so that it can be closed.</summary>
    public static readonly (string Operation, string Body)[] OfClosedMonth =
    [
        ("settlement-run", """{"run":"{closed}","account":"{account}","day":"2025-12-31"}"""),
        ("run-publication", """{"run":"{closed}","account":"{account}","day":"2025-12-31","by":"publisher"}"""),
    ];

    /// <summary>What follows late data: a run in place of the one before, and deltas on that one.</summary>
    public static readonly string[] Corrections =
    [
        $$"""{"run":"{correction}","account":"{account}","day":"{{Day}}","kind":"correction","supersedes":"{run}"}""",
        $$"""{"run":"{deltas}","account":"{account}","day":"{{Day}}","kind":"correction","style":"deltas"}""",
    ];

    /// <summary>A reading of a register that is not there.</summary>
    public const string Refused =
        """{"point":"{point}","direction":"export","readAt":"2026-02-26T16:00:00Z","kwh":"1.000"}""";

    /// <summary>Long work that a side asks for.</summary>
    public const string Job =
        $$"""{"kind":"settlement-run","run":"{run}","account":"{account}","day":"{{Day}}"}""";

    /// <summary>What is asked of the server, and records nothing of a side.</summary>
    public static readonly string[] OfServer = ["import", "curves", "redrives", "refusal-release", "webhook",
        "webhook-ending", "webhook-redrive", "job", "job-cancellation", "ocpi-cdr-received", "ocpi-issue"];

    /// <summary>What is posted, by operation, in the order in which it can be recorded.</summary>
    public static readonly (string Operation, string Path, string Body)[] Posts =
    [
        ("settlement-point", "settlement-points", $$"""{"point":"{point}","station":"{station}","kind":"connector","owner":"{owner}","zone":"{{Zone}}","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"{{From}}"}"""),
        ("register", "registers", $$"""{"point":"{point}","direction":"import","meterSerial":"{meter}","digits":9,"decimals":3,"validFrom":"{{From}}"}"""),
        ("register-reading", "register-readings", """{"point":"{point}","direction":"import","readAt":"2026-02-26T16:00:00Z","kwh":"1.000"}"""),
        ("register-reading-correction", "register-reading-corrections", """{"point":"{point}","direction":"import","readAt":"2026-02-26T16:00:00Z","supersedes":1,"indexSteps":1100,"reason":"misread"}"""),
        ("interval-reading-correction", "interval-reading-corrections", """{"point":"{point}","direction":"import","start":"2026-02-26T16:00:00Z","end":"2026-02-26T16:15:00Z","supersedes":1,"kwh":"1","reason":"misread"}"""),
        ("interval-estimate", "interval-estimates", """{"point":"{point}","direction":"import","start":"2026-02-26T16:00:00Z","end":"2026-02-26T16:15:00Z","kwh":"1","method":"linear","basis":"neighbours"}"""),
        ("meter-class", "meter-classes", $$"""{"meterSerial":"{meter}","accuracyClass":"0.5S","validFrom":"{{From}}"}"""),
        ("meter-key", "meter-keys", $$"""{"meterSerial":"{meter}","publicKey":"30AB","validFrom":"{{From}}"}"""),
        ("point-place", "point-places", $$"""{"point":"{point}","parent":"G{number}","validFrom":"{{From}}"}"""),
        ("loss-factor", "loss-factors", $$"""{"point":"{point}","lossFactor":"0.02","fixedKw":1,"validFrom":"{{From}}"}"""),
        ("standing-limit", "standing-limits", $$"""{"point":"{point}","kind":"connectionLimit","direction":"import","kw":500,"validFrom":"{{From}}","source":"DSO 2026-7"}"""),
        ("rule-pack", "rule-packs", $$$"""{"pack":"{pack}","version":1,"provisional":false,"source":"a contract","validFrom":"{{{From}}}","scoring":{"level":"hour","bands":[{"slope":"0.5"}],"payment":[{"quantity":"effective","price":"price"}]}}"""),
        ("programme", "programmes", $$"""{"programme":"{programme}","version":1,"validFrom":"{{From}}","service":"export","baselinePack":"{zero}","scoringPack":"uftp","noticeSeconds":3600,"tolerancePermille":50,"paidPer":"station","precedence":2,"currency":"CNY","pricePerKwh":"1.5"}"""),
        ("enrolment", "enrolments", $$"""{"programme":"{programme}","point":"{point}","prequalifiedKw":800,"from":"{{From}}"}"""),
        ("availability", "availabilities", """{"programme":"{programme}","point":"{point}","declaredAt":"2026-02-01T00:00:00Z","start":"2026-03-02T10:00:00Z","end":"2026-03-02T12:00:00Z","availableKw":"750.5"}"""),
        ("declared-schedule", "declared-schedules", """{"point":"{point}","declaredBy":"{account}","declaredAt":"2026-02-28T02:00:00Z","start":"2026-03-01T10:00:00Z","periodMinutes":15,"kw":[700,"-20.5"]}"""),
        ("session-request", "session-requests", """{"point":"{point}","requestedAt":"2026-03-01T09:00:00Z","arrival":"2026-03-01T10:00:00Z","departure":"2026-03-01T12:00:00Z","requestedKwh":"40.5","vehicleMaxKw":50,"source":"csms"}"""),
        ("outage", "outages", """{"point":"{point}","start":"2026-02-01T10:00:00Z","end":"2026-02-01T12:00:00Z","source":"csms"}"""),
        ("instruction", "instructions", """{"instruction":"{order}","kind":"export","issuedBy":"{grid}","issuedAt":"2026-03-01T09:00:00Z","start":"2026-03-03T10:00:00Z","end":"2026-03-03T11:00:00Z","targets":[{"point":"{point}","kw":500}],"toleranceKw":"10","rampSeconds":60,"pricePerKwh":"2","penaltyPerKwh":"0.5"}"""),
        ("instruction-clock", "instruction-clocks", """{"instruction":"{order}","point":"{point}","clock":"received","at":"2026-03-01T09:00:02Z","source":"csms"}"""),
        ("charging-fact", "charging-facts", """{"point":"{point}","start":"2026-03-01T10:00:00Z","end":"2026-03-01T10:30:00Z","reason":"noVehicle","source":"csms"}"""),
        ("charging-state", "charging-states", """{"point":"{point}","at":"2026-03-01T10:30:00Z","connected":true,"stateOfChargePercent":"62.5","vehicleExportKw":400,"source":"csms"}"""),
        ("reason-claim", "reason-claims", """{"instruction":"{order}","point":"{point}","reason":"safety","claimedBy":"{account}"}"""),
        ("instruction-withdrawal", "withdrawals", """{"instruction":"{withdrawn}","at":"2026-03-02T00:00:00Z","reason":"no need"}"""),
        ("delivery-claim", "delivery-claims", """{"claim":"{claim}","programme":"{programme}","point":"{point}","direction":"export","start":"2026-03-01T10:00:00Z","end":"2026-03-01T10:15:00Z","energyKwh":"187.625","claimedBy":"{account}"}"""),
        ("enrolment-end", "enrolment-ends", """{"programme":"{programme}","point":"{point}","at":"2026-04-01T00:00:00Z","reason":"sold"}"""),
        ("baseline-freeze", "frozen-baselines", """{"instruction":"{frozen}"}"""),
        ("charge-record", "charge-records", """{"country_code":"CN","party_id":"ABC","id":"CDR{number}","start_date_time":"2026-02-01T10:00:00Z","end_date_time":"2026-02-01T12:00:00Z","cdr_token":{"uid":"#NA","contract_id":"#NA"},"cdr_location":{"evse_id":"{point}"},"currency":"CNY","charging_periods":[],"total_cost":{"excl_vat":5},"total_energy":10}"""),
        ("openadr-event", "openadr/events", """{"id":"EV{number}","createdDateTime":"2026-03-01T09:00:00Z","programID":"{programme}","targets":["{point}"],"payloadDescriptors":[{"objectType":"EVENT_PAYLOAD_DESCRIPTOR","payloadType":"DISPATCH_SETPOINT","units":"KW"}],"intervals":[{"id":0,"intervalPeriod":{"start":"2026-03-03T10:00:00Z","duration":"PT1H"},"payloads":[{"type":"DISPATCH_SETPOINT","values":[-500]}]}]}"""),
        ("ocpi-cdr-received", "ocpi/cdrs", """{"country_code":"CN","party_id":"ABC","id":"RECEIVED{number}","start_date_time":"2026-02-01T10:00:00Z","end_date_time":"2026-02-01T12:00:00Z","cdr_token":{"uid":"#NA","contract_id":"#NA"},"cdr_location":{"evse_id":"{point}"},"currency":"CNY","charging_periods":[],"total_cost":{"excl_vat":5},"total_energy":10}"""),
        ("ocpi-issue", "ocpi/cdr-issues", $$$"""{"account":"{account}","day":"{{{Day}}}","header":{"country_code":"CN","party_id":"ABC"},"tariff":{"id":"T","currency":"CNY","elements":[{"price_components":[{"type":"ENERGY","price":1,"step_size":1}]}]}}"""),
        ("tariff", "tariffs", $$"""{"tariff":"{tariff}","version":1,"currency":"CNY","zone":"{{Zone}}","validFrom":"2025-12-01T00:00:00Z","rules":[{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"00:00","to":"24:00","period":"flat"}],"prices":[{"period":"flat","importPerKwh":"0.7","exportPerKwh":"0.6"}]}"""),
        ("tariff-assignment", "tariff-assignments", """{"account":"{account}","tariff":"{tariff}","validFrom":"2025-12-01T00:00:00Z"}"""),
        ("settlement-run", "settlement-runs", $$"""{"run":"{run}","account":"{account}","day":"{{Day}}"}"""),
        ("run-publication", "run-publications", $$"""{"run":"{run}","account":"{account}","day":"{{Day}}","by":"{holder}"}"""),
        ("month-close", "month-closes", """{"account":"{account}","month":"2025-12","by":"{holder}"}"""),
        ("dispute", "disputes", $$"""{"dispute":"{dispute}","run":"{run}","account":"{account}","day":"{{Day}}","openedBy":"{account}","amount":"1","reason":"too much"}"""),
        ("dispute-answer", "dispute-answers", """{"dispute":"{dispute}","answeredBy":"{account}","answer":"we look"}"""),
        ("dispute-closure", "dispute-closures", """{"dispute":"{dispute}","outcome":"rejected","closedBy":"{account}","reason":"it is right"}"""),
        ("refusal-release", "refusal-releases", """{"position":"{refusal}","by":"{holder}","reason":"the meter was installed"}"""),
        ("disclosure", "disclosures", """{"evidence":["0000000000000000000000000000000000000000000000000000000000000000"],"by":"{holder}","what":"show","purpose":"audit"}"""),
        ("subject-erasure", "erasures", """{"subject":"DE-ABC-C1","reason":"requested"}"""),
        ("legal-hold", "legal-holds", """{"subject":"DE-ABC-C1","case":"2026-17"}"""),
        ("frame-dropping", "frame-droppings", """{"retention":"RP-9","afterDays":400}"""),
        ("signing-key", "signing-keys", """{"key":"ledger.example/test+7a864099+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"}"""),
        ("access-key", "access-keys", """{"key":"posted","secretSha256":"1111111111111111111111111111111111111111111111111111111111111111","holder":"kim","role":"auditor","party":"office","expires":"2026-04-01T00:00:00Z"}"""),
        ("access-key-revocation", "access-key-revocations", """{"key":"posted","reason":"lost"}"""),
        ("redrives", "redrives", """{"code":"UnknownRegister","by":"kim","reason":"the meter was installed"}"""),
        ("webhook", "webhooks", """{"url":"https://hooks.example/{number}","events":["run.published"],"afterSeconds":30}"""),
        ("webhook-ending", "webhook-endings", """{"webhook":"{webhook}","reason":"moved"}"""),
        ("webhook-redrive", "webhook-redrives", """{"webhook":"{webhook}"}"""),
        ("job", "jobs", Job),
        ("job-cancellation", "job-cancellations", """{"job":"{job}"}"""),
        ("import", "imports?name=facts.jsonl", """{"type":"register-reading","point":"{point}","direction":"import","readAt":"2026-02-26T17:00:00Z","kwh":"2.000"}"""),
        ("curves", "curves?point={point}", "time,kw\n2026-02-26T16:00:00Z,10\n2026-02-26T16:30:00Z,10\n"),
    ];

    /// <summary>What is read, by operation.</summary>
    public static readonly (string Operation, string Path)[] Gets =
    [
        ("settlement-points", "/v1/settlement-points"), ("registers", "/v1/registers"),
        ("register-readings", $"/v1/register-readings?point={{point}}&day={Day}"),
        ("rule-packs", "/v1/rule-packs"), ("meters", "/v1/meters"), ("station-tree", "/v1/station-tree"),
        ("tariffs", "/v1/tariffs"),
        ("tariff-terms", "/v1/tariff-terms?tariff={tariff}"), ("rule-pack-terms", "/v1/rule-pack-terms?pack={pack}"),
        ("exports", $"/v1/exports?day={Day}"),
        ("balances", $"/v1/balances?station={{station}}&day={Day}"),
        ("interval-records", $"/v1/interval-records?point={{point}}&day={Day}"),
        ("curve", "/v1/curves?point={point}&start=2026-02-26T16:00:00Z&end=2026-02-26T17:00:00Z"),
        ("credible-windows", "/v1/credible-windows?station={station}"),
        ("station-reports", $"/v1/station-reports?station={{station}}&from={Day}&to=2026-03-03"), ("projections", "/v1/projections"),
        ("standing-limits", "/v1/standing-limits"), ("limit-compliance", $"/v1/limit-compliance?day={Day}"),
        ("programmes", "/v1/programmes"), ("enrolments", "/v1/enrolments"),
        ("declared-schedules", "/v1/declared-schedules"), ("session-requests", "/v1/session-requests"),
        ("outages", "/v1/outages"), ("delivery-claims", "/v1/delivery-claims"),
        ("instructions", "/v1/instructions"), ("compliance", "/v1/compliance?instruction={order}"),
        ("frozen-baselines", "/v1/frozen-baselines?instruction={frozen}"),
        ("deliveries", "/v1/deliveries?instruction={order}"),
        ("call-responses", "/v1/call-responses?instruction={order}"),
        ("instruction-events", "/v1/instruction-events?instruction={order}"),
        ("peaks", $"/v1/peaks?station={{station}}&day={Day}"),
        ("eligibilities", $"/v1/eligibilities?point={{point}}&day={Day}"),
        ("settlement-preview", $"/v1/settlement-previews?account={{account}}&day={Day}"),
        ("settlement-runs", "/v1/settlement-runs"), ("statement-lines", "/v1/statement-lines?run={run}"),
        ("statement-entries", "/v1/statement-entries?run={run}"), ("statement-rows", "/v1/statement-rows?run={run}"),
        ("run-publications", "/v1/run-publications"), ("run-deltas", "/v1/run-deltas"),
        ("month-closes", "/v1/month-closes"), ("disputes", "/v1/disputes"),
        ("explanations", "/v1/explanations?run={run}"),
        ("run-differences", "/v1/run-differences?before={run}&after={correction}"),
        ("fact-uses", "/v1/fact-uses?position={fact}"), ("inclusion-proofs", "/v1/inclusion-proofs?position={fact}"),
        ("refusals", "/v1/refusals"), ("refusal", "/v1/refusals/{refusal}"),
        ("openadr-programs", "/v1/openadr/programs"), ("openadr-program", "/v1/openadr/programs/{programme}"),
        ("openadr-events", "/v1/openadr/events"), ("openadr-event-read", "/v1/openadr/events/EV{number}"),
        ("openadr-reports", "/v1/openadr/reports?eventID=EV{number}"),
        ("green-button", $"/v1/green-button?point={{point}}&from={Day}&to={Day}"),
        ("flex-settlement", "/v1/flex-settlements?issuer={grid}&account={owner}&month=2026-03&senderDomain=dso.example"
            + "&recipientDomain=cpo.example&domainSince=2020-01"),
        ("ocpi-cdrs", "/v1/ocpi/cdrs"), ("ocpi-cdr", "/v1/ocpi/cdrs/CDR{number}"),
        ("access-keys", "/v1/access-keys"), ("data-reads", "/v1/data-reads?day=2026-03-02"),
        ("webhooks", "/v1/webhooks"), ("webhook-deliveries", "/v1/webhook-deliveries?webhook={webhook}"),
        ("jobs", "/v1/jobs"), ("job-state", "/v1/jobs/{job}"), ("job-result", "/v1/jobs/{job}/result"),
        ("journal", "/v1/journal"), ("checkpoint", "/checkpoint"), ("tile", "/tile/0/000"),
        ("live", "/health/live"), ("ready", "/health/ready"),
    ];
}
