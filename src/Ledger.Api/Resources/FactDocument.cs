using Ledger.Journal.Pipeline;

namespace Ledger.Api.Resources;

/// <summary>
/// What the document says of each fact beside its members: the scope that its sender needs, and an example that a
/// ledger takes. The scope is the one that the pipeline asks for (<see cref="StandardRoutes"/>); a test holds both
/// against each other, role by role. The examples are of one small town, and a test hands them in.
/// </summary>
internal static class FactDocument
{
    private static readonly (string Type, string Scope, string Example)[] Known =
    [
        ("settlement-point", Scopes.MasterDataWrite, """{"point":"CP1","station":"S1","kind":"connector","owner":"ACME","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}"""),
        ("register", Scopes.MasterDataWrite, """{"point":"CP1","direction":"import","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00Z"}"""),
        ("meter-class", Scopes.MetersWrite, """{"meterSerial":"M1","accuracyClass":"0.5S","validFrom":"2026-01-01T00:00:00Z"}"""),
        ("meter-key", Scopes.MetersWrite, """{"meterSerial":"M1","publicKey":"30AB","validFrom":"2026-01-01T00:00:00Z"}"""),
        ("point-place", Scopes.MasterDataWrite, """{"point":"CP1","parent":"GRID-1","validFrom":"2026-01-01T00:00:00Z"}"""),
        ("loss-factor", Scopes.MasterDataWrite, """{"point":"CP1","lossFactor":"0.02","fixedKw":"0.5","validFrom":"2026-01-01T00:00:00Z"}"""),
        ("register-reading", Scopes.ReadingsWrite, """{"point":"CP1","direction":"import","readAt":"2026-02-26T16:00:00Z","kwh":"1.000"}"""),
        ("register-reading-correction", Scopes.ReadingsCorrect, """{"point":"CP1","direction":"import","readAt":"2026-02-26T16:00:00Z","supersedes":1,"indexSteps":1100,"reason":"misread"}"""),
        ("interval-reading-correction", Scopes.ReadingsCorrect, """{"point":"CP1","direction":"import","start":"2026-02-26T16:00:00Z","end":"2026-02-26T16:15:00Z","supersedes":1,"kwh":"1","reason":"misread"}"""),
        ("interval-estimate", Scopes.ReadingsCorrect, """{"point":"CP1","direction":"import","start":"2026-02-26T16:00:00Z","end":"2026-02-26T16:15:00Z","kwh":"1","method":"linear","basis":"neighbours"}"""),
        ("standing-limit", Scopes.LimitsWrite, """{"point":"CP1","kind":"connectionLimit","direction":"import","kw":500,"validFrom":"2026-01-01T00:00:00Z","source":"connection contract 2026-7"}"""),
        ("rule-pack", Scopes.RulesWrite, """{"pack":"nothing-without-an-order","version":1,"provisional":false,"source":"contract 2026-8","validFrom":"2026-01-01T00:00:00Z","baseline":{"method":"zero"}}"""),
        ("programme", Scopes.ProgrammesWrite, """{"programme":"evening-export","version":1,"validFrom":"2026-01-01T00:00:00Z","service":"export","baselinePack":"nothing-without-an-order","scoringPack":"as-delivered","noticeSeconds":3600,"tolerancePermille":50,"paidPer":"station","precedence":2,"currency":"CNY","pricePerKwh":"1.5"}"""),
        ("enrolment", Scopes.EnrolmentsWrite, """{"programme":"evening-export","point":"CP1","prequalifiedKw":800,"from":"2026-01-01T00:00:00Z"}"""),
        ("availability", Scopes.AvailabilityWrite, """{"programme":"evening-export","point":"CP1","declaredAt":"2026-02-01T00:00:00Z","start":"2026-03-03T10:00:00Z","end":"2026-03-03T12:00:00Z","availableKw":"750.5"}"""),
        ("declared-schedule", Scopes.AvailabilityWrite, """{"point":"CP1","declaredBy":"ACME","declaredAt":"2026-02-28T02:00:00Z","start":"2026-03-01T10:00:00Z","periodMinutes":15,"kw":[700,"-20.5"]}"""),
        ("session-request", Scopes.DispatchAnswer, """{"point":"CP1","requestedAt":"2026-03-01T09:00:00Z","arrival":"2026-03-01T10:00:00Z","departure":"2026-03-01T12:00:00Z","requestedKwh":"40.5","vehicleMaxKw":50,"source":"csms"}"""),
        ("outage", Scopes.DispatchAnswer, """{"point":"CP1","start":"2026-02-01T10:00:00Z","end":"2026-02-01T12:00:00Z","source":"csms"}"""),
        ("instruction", Scopes.DispatchWrite, """{"instruction":"I1","kind":"export","issuedBy":"GRID","issuedAt":"2026-03-01T09:00:00Z","start":"2026-03-03T10:00:00Z","end":"2026-03-03T11:00:00Z","targets":[{"point":"CP1","kw":500}],"toleranceKw":"10","rampSeconds":60,"pricePerKwh":"2","penaltyPerKwh":"0.5","programme":"evening-export"}"""),
        ("instruction-clock", Scopes.DispatchAnswer, """{"instruction":"I1","point":"CP1","clock":"acknowledged","at":"2026-03-01T09:00:02Z","source":"csms"}"""),
        ("charging-fact", Scopes.DispatchAnswer, """{"point":"CP1","start":"2026-03-01T10:00:00Z","end":"2026-03-01T10:30:00Z","reason":"noVehicle","source":"csms"}"""),
        ("charging-state", Scopes.DispatchAnswer, """{"point":"CP1","at":"2026-03-01T10:30:00Z","connected":true,"stateOfChargePercent":"62.5","vehicleExportKw":400,"source":"csms"}"""),
        ("reason-claim", Scopes.DispatchAnswer, """{"instruction":"I1","point":"CP1","reason":"safety","claimedBy":"ACME"}"""),
        ("baseline-freeze", Scopes.DispatchWrite, """{"instruction":"I1"}"""),
        ("delivery-claim", Scopes.AvailabilityWrite, """{"claim":"C1","programme":"evening-export","point":"CP1","direction":"export","start":"2026-03-01T10:00:00Z","end":"2026-03-01T10:15:00Z","energyKwh":"187.625","claimedBy":"ACME"}"""),
        ("instruction-withdrawal", Scopes.DispatchWrite, """{"instruction":"I1","at":"2026-03-02T00:00:00Z","reason":"no need"}"""),
        ("enrolment-end", Scopes.EnrolmentsWrite, """{"programme":"evening-export","point":"CP1","at":"2026-04-01T00:00:00Z","reason":"sold"}"""),
        ("tariff", Scopes.TariffsWrite, """{"tariff":"flat","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00Z","rules":[{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"00:00","to":"24:00","period":"flat"}],"prices":[{"period":"flat","importPerKwh":"0.7","exportPerKwh":"0.6"}]}"""),
        ("tariff-assignment", Scopes.TariffsWrite, """{"account":"ACME","tariff":"flat","validFrom":"2026-01-01T00:00:00Z"}"""),
        ("charge-record", Scopes.ChargesWrite, """{"country_code":"CN","party_id":"ABC","id":"CDR1","start_date_time":"2026-02-01T10:00:00Z","end_date_time":"2026-02-01T12:00:00Z","cdr_token":{"uid":"#NA","contract_id":"#NA"},"cdr_location":{"evse_id":"CP1"},"currency":"CNY","charging_periods":[],"total_cost":{"excl_vat":5},"total_energy":10}"""),
        ("settlement-run", Scopes.SettlementRun, """{"run":"R1","account":"ACME","day":"2026-02-27"}"""),
        ("run-publication", Scopes.SettlementPublish, """{"run":"R1","account":"ACME","day":"2026-02-27","by":"lee"}"""),
        ("month-close", Scopes.SettlementPublish, """{"account":"ACME","month":"2026-02","by":"lee"}"""),
        ("dispute", Scopes.DisputesWrite, """{"dispute":"D1","run":"R1","account":"ACME","day":"2026-02-27","openedBy":"ACME","lines":[1],"amount":"1","reason":"read late"}"""),
        ("dispute-answer", Scopes.DisputesWrite, """{"dispute":"D1","answeredBy":"ACME","answer":"we look at it"}"""),
        ("dispute-closure", Scopes.DisputesWrite, """{"dispute":"D1","outcome":"rejected","closedBy":"ACME","reason":"it was read in time"}"""),
        ("refusal-release", Scopes.RefusalsWrite, """{"position":"17","by":"kim","reason":"the meter was installed"}"""),
        ("legal-hold", Scopes.SubjectsWrite, """{"subject":"DE-ABC-C12345678-9","case":"2026-17"}"""),
        ("subject-erasure", Scopes.SubjectsWrite, """{"subject":"DE-ABC-C12345678-9","reason":"requested"}"""),
        ("disclosure", Scopes.EvidenceDisclose, """{"evidence":["a9699a5c49bb5d7be9cfe451bbd1ef4ea963a1b5897bb71ff9696b1cc5872697"],"by":"otto","what":"show evidence","purpose":"audit"}"""),
        ("frame-dropping", Scopes.RetentionWrite, """{"retention":"meter-data-13-months","afterDays":400}"""),
        ("signing-key", Scopes.KeysWrite, """{"key":"ledger.example/test+7a864099+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"}"""),
        ("access-key", Scopes.AccessWrite, """{"key":"k1","secretSha256":"1111111111111111111111111111111111111111111111111111111111111111","holder":"kim","role":"auditor","party":"audit-office","expires":"2026-04-01T00:00:00Z"}"""),
        ("access-key-revocation", Scopes.AccessWrite, """{"key":"k1","reason":"left the office"}"""),
    ];

    private static (string Type, string Scope, string Example) Of(string type) =>
        Known.Single(known => known.Type == type);

    public static string ScopeOf(string type) => Of(type).Scope;

    public static string ExampleOf(string type) => Of(type).Example;
}
