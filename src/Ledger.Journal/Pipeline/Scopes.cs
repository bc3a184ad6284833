namespace Ledger.Journal.Pipeline;

/// <summary>
/// What one may be allowed to do, as small as it is given: which role holds which is <see cref="Roles"/>'.
/// </summary>
public static class Scopes
{
    public const string PointsRead = "points:read", DispatchRead = "dispatch:read", SettlementRead = "settlement:read",
        TariffsRead = "tariffs:read", RefusalsRead = "refusals:read", AccessRead = "access:read";

    public const string ReadingsWrite = "readings:write", ReadingsCorrect = "readings:correct",
        CurvesWrite = "curves:write", ChargesWrite = "charges:write", EvidenceWrite = "evidence:write",
        MasterDataWrite = "master-data:write", MetersWrite = "meters:write", LimitsWrite = "limits:write",
        DispatchWrite = "dispatch:write", DispatchAnswer = "dispatch:answer", EnrolmentsWrite = "enrolments:write",
        AvailabilityWrite = "availability:write",
        ProgrammesWrite = "programmes:write", RulesWrite = "rules:write", TariffsWrite = "tariffs:write",
        SettlementRun = "settlement:run", SettlementPublish = "settlement:publish", DisputesWrite = "disputes:write",
        RefusalsWrite = "refusals:write", RefusalsRedrive = "refusals:redrive",
        EvidenceDisclose = "evidence:disclose", SubjectsWrite = "subjects:write", KeysWrite = "keys:write",
        RetentionWrite = "retention:write", AccessWrite = "access:write", WebhooksWrite = "webhooks:write";

    /// <summary>Every scope, which whoever may write the data folder itself holds.</summary>
    public static IReadOnlySet<string> All { get; } = new HashSet<string>
    {
        PointsRead, DispatchRead, SettlementRead, TariffsRead, RefusalsRead, AccessRead,
        ReadingsWrite, ReadingsCorrect, CurvesWrite, ChargesWrite, EvidenceWrite, MasterDataWrite, MetersWrite,
        LimitsWrite, DispatchWrite, DispatchAnswer, EnrolmentsWrite, AvailabilityWrite, ProgrammesWrite,
        RulesWrite, TariffsWrite, SettlementRun, SettlementPublish, DisputesWrite, RefusalsWrite, RefusalsRedrive,
        EvidenceDisclose, SubjectsWrite, KeysWrite, RetentionWrite, AccessWrite, WebhooksWrite,
    };
}
