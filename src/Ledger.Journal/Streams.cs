using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Journal;

/// <summary>
/// The names of all streams. A stream holds what one decision must read, and no more: readings of one register, the
/// interval records of one point and settlement day. Parts are parted by '/', the last part never holds one.
/// </summary>
public static class Streams
{
    public static string Point(SettlementPointId point) => $"point/{point}";
    public static string Meter(string meterSerial) => $"meter/{meterSerial}";
    public static string LossFactor(SettlementPointId point) => $"loss-factor/{point}";
    /// <summary>The places of all points: a new one must not close a circle with any other.</summary>
    public const string StationTree = "station-tree";
    public static string Register(RegisterId register) => $"register/{register}";
    /// <param name="settlementDay">The local day in the point's own zone.</param>
    public static string Curve(SettlementPointId point, LocalDate settlementDay) =>
        $"curve/{point}/{Iso(settlementDay)}";
    /// <param name="utcDay">The UTC date at which the interval starts.</param>
    public static string IntervalReadings(RegisterId register, LocalDate utcDay) =>
        $"interval-reading/{register}/{Iso(utcDay)}";
    public static string Instruction(InstructionId instruction) => $"instruction/{instruction}";
    /// <param name="utcDay">The UTC date at which the observed interval starts.</param>
    public static string ChargingFacts(SettlementPointId point, LocalDate utcDay) =>
        $"charging-fact/{point}/{Iso(utcDay)}";
    /// <param name="utcDay">The UTC date from which the state holds.</param>
    public static string ChargingStates(SettlementPointId point, LocalDate utcDay) =>
        $"charging-state/{point}/{Iso(utcDay)}";
    /// <param name="utcDay">The UTC date at which the declared periods begin.</param>
    public static string Schedules(SettlementPointId point, LocalDate utcDay) => $"schedule/{point}/{Iso(utcDay)}";
    /// <param name="utcDay">The UTC date of the session's arrival.</param>
    public static string SessionRequests(SettlementPointId point, LocalDate utcDay) =>
        $"session-request/{point}/{Iso(utcDay)}";
    public static string Outages(SettlementPointId point) => $"outage/{point}";
    public static string Programme(ProgrammeId programme) => $"programme/{programme}";
    /// <summary>A point's enrolments and declared availability, in all programmes:
    /// they are judged by each other.</summary>
    public static string Enrolment(SettlementPointId point) => $"enrolment/{point}";
    /// <summary>All claims on a point's energy: a claim may overlap another across any midnight.</summary>
    public static string Claims(SettlementPointId point) => $"claim/{point}";
    /// <summary>The frozen baselines of all targets of an instruction.</summary>
    public static string Baselines(InstructionId instruction) => $"baseline/{instruction}";
    /// <summary>The standing limits of one point.</summary>
    public static string Limits(SettlementPointId point) => $"limit/{point}";
    public static string Tariff(TariffId tariff) => $"tariff/{tariff}";
    public static string RulePack(RulePackId pack) => $"rule-pack/{pack}";
    public static string Standards(StationId station) => $"standard/{station}";
    public static string Assignment(PartyId account) => $"assignment/{account}";
    /// <summary>A charge and what credits it; a credit is judged by its charge.</summary>
    public static string ChargeRecord(PartyId issuer, ChargeRecordId charge) => $"{ChargeRecords}{issuer}/{charge}";
    /// <summary>The same in the name of whose point the charge is at: OCPI's names of issuers belong to nobody here, so
    /// whoever uses another's takes none of his numbers. Parted by what no name holds. OCPI's names are the same in any
    /// case of their letters; of new streams they are in upper case.</summary>
    public static string ChargeRecord(PartyId owner, PartyId issuer, ChargeRecordId charge) =>
        $"{OwnChargeRecords}{owner}|{issuer}|{charge}";
    /// <summary>How the streams of charge records began before they were apart by owner, and how they begin now.
    /// </summary>
    public const string ChargeRecords = "charge-record/", OwnChargeRecords = "cdr/";
    public static string Settlement(PartyId account, LocalDate day) => $"settlement/{account}/{Iso(day)}";
    /// <param name="month">The first day of the month.</param>
    public static string SettlementMonth(PartyId account, LocalDate month) =>
        $"settlement-month/{account}/{Iso(month)}";
    public static string Dispute(DisputeId dispute) => $"dispute/{dispute}";
    /// <param name="utcDay">The UTC date on which the evidence was refused or kept.</param>
    public static string Refusals(LocalDate utcDay) => $"refusals/{Iso(utcDay)}";
    /// <summary>The release of one piece of refused evidence, and what came of taking it again.</summary>
    public static string Refusal(EvidenceDigest evidence) => $"refusal/{evidence}";
    /// <summary>
    /// Erasures and legal holds of all subjects: few, and whoever opens the ledger reads them to finish what a crash
    /// interrupted.
    /// </summary>
    public const string Subjects = "subject";
    /// <param name="utcDay">The UTC date on which sealed evidence was read.</param>
    public static string Disclosures(LocalDate utcDay) => $"disclosure/{Iso(utcDay)}";
    /// <summary>Every month that was pruned: whoever opens the ledger finishes what a crash interrupted.</summary>
    public const string Pruning = "pruning";
    /// <summary>Every dropping of frames: whoever opens the ledger finishes what a crash interrupted.</summary>
    public const string FrameDropping = "frame-dropping";
    /// <summary>The keys with which the ledger signs: a new one is judged by the one before.</summary>
    public const string SigningKeys = "signing-key";
    /// <summary>Every access key: the server reads them all, and has each one at hand.</summary>
    public const string AccessKeys = "access-key";
    /// <param name="utcDay">The UTC date on which the data was read.</param>
    public static string DataReads(LocalDate utcDay) => $"data-read/{Iso(utcDay)}";
    /// <summary>Facts about the ledger itself.</summary>
    public const string Ledger = "ledger";

    private static string Iso(LocalDate day) => LocalDatePattern.Iso.Format(day);
}
