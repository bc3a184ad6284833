using System.Reflection;
using System.Text.Json.Nodes;
using Ledger.Domain;

namespace Ledger.Ingest.Fleet;

/// <summary>
/// What was agreed before the day, all of it invented: two programmes with the rule packs that they are paid by, who is
/// enrolled, the limits of the shown station's connection, and the standards that it declares.
/// And what two participants claim afterwards, of which one energy can belong to one only.
/// </summary>
public static class FleetContracts
{
    /// <summary>Pays for export in the evening, and precedes the reserve.</summary>
    public static readonly ProgrammeId Export = new("evening-export");
    /// <summary>Pays an aggregator for energy from the same vehicles.</summary>
    public static readonly ProgrammeId Reserve = new("city-reserve");
    /// <summary>Who claims for the reserve.</summary>
    public static readonly PartyId Aggregator = new("aggregator-east");

    private const string BaselinePack = "baseline-zero", ExportPack = "band-80-120", ReservePack = "cliff-80";
    private const int Minute = 60, Hour = 3600;

    /// <summary>The packs come with the program; as facts they hold in this ledger,
    /// with their versions and sources.</summary>
    public static byte[] RulePacks(FleetPlan plan) => FleetText.Lines(
        new[] { BaselinePack, ExportPack, ReservePack }.Select(name =>
        {
            var pack = JsonNode.Parse(StandardPacks.Text(name)!)!.AsObject();
            pack["type"] = "rule-pack";
            pack["validFrom"] = FleetMasterData.ValidFrom(plan);
            return pack;
        }));

    public static byte[] Programmes(FleetPlan plan) => FleetText.Lines(
    [
        Programme(plan, Export, ServiceKind.Export, ExportPack, precedence: 2, 2.40m),
        Programme(plan, Reserve, ServiceKind.Reserve, ReservePack, precedence: 1, 0.80m),
        .. plan.Calls.Where(call => call.Kind == InstructionKind.Export).SelectMany(call => call.Targets)
            .Select(target => FleetPlan.ConnectorOf(target.Station, target.Connector)).Distinct()
            .Select(point => Enrolment(plan, Export, point)),
        Enrolment(plan, Reserve, Claimed(plan)),
        new JsonObject
        {
            ["type"] = "availability", ["programme"] = Export.Value, ["point"] = Claimed(plan).Value,
            ["declaredAt"] = FleetText.Time(plan, plan.At(-9 * Hour)),
            ["start"] = FleetText.Time(plan, plan.At(18 * Hour)),
            ["end"] = FleetText.Time(plan, plan.At(19 * Hour)), ["availableKw"] = 300,
        },
    ]);

    public static byte[] Limits(FleetPlan plan) => FleetText.Lines(
    [
        Limit(plan, StandingLimitKind.ConnectionLimit, Direction.Import, "connection agreement 2025/10", 3_400),
        Limit(plan, StandingLimitKind.ContractDemand, Direction.Import, "supply contract 10", 2_700),
        Limit(plan, StandingLimitKind.OperatingEnvelope, Direction.Export, "envelope of grid-operator, 2025-07", null),
    ]);

    /// <summary>Standards and certificates stand in a file of their own:
    /// which ones there are differs by market.</summary>
    public static byte[] Standards(FleetPlan plan)
    {
        using var file = Assembly.GetExecutingAssembly().GetManifestResourceStream("Fleet/declared-standards.json")!;
        return FleetText.Lines(JsonNode.Parse(file)!.AsArray()
            .Select(row => Standard(plan, (string)row!["standard"]!, (string?)row["certificate"])));
    }

    /// <summary>
    /// Both participants want the energy of one connector's call: the aggregator claims its second half,
    /// the operator all of it, and then the aggregator the first half too. Who claims, and the claim as a file.
    /// </summary>
    public static IEnumerable<(PartyId By, string Name, byte[] File)> Claims(FleetPlan plan) =>
    [
        (Aggregator, "claim-reserve-1.jsonl", Claim(plan, "reserve-1", Reserve, Aggregator, 30, 60, 150)),
        (FleetMasterData.Operator, "claim-export-1.jsonl",
            Claim(plan, "export-1", Export, FleetMasterData.Operator, 0, 60, 300)),
        (Aggregator, "claim-reserve-2.jsonl", Claim(plan, "reserve-2", Reserve, Aggregator, 0, 30, 150)),
    ];

    /// <summary>The connector whose energy two programmes claim.</summary>
    private static SettlementPointId Claimed(FleetPlan plan) => FleetPlan.ConnectorOf(plan.ShownStation, 1);

    private static JsonObject Programme(
        FleetPlan plan, ProgrammeId programme, ServiceKind service, string scoringPack, int precedence,
        decimal price) => new()
        {
            ["type"] = "programme",
            ["programme"] = programme.Value,
            ["version"] = 1,
            ["validFrom"] = FleetMasterData.ValidFrom(plan),
            ["service"] = FleetText.Word(service),
            ["baselinePack"] = BaselinePack,
            ["scoringPack"] = scoringPack,
            ["noticeSeconds"] = 600,
            ["rampSeconds"] = 60,
            ["tolerancePermille"] = 20,
            ["paidPer"] = FleetText.Word(PaymentLevel.SettlementPoint),
            ["precedence"] = precedence,
            ["currency"] = "CNY",
            ["pricePerKwh"] = price,
        };

    private static JsonObject Enrolment(FleetPlan plan, ProgrammeId programme, SettlementPointId point) => new()
    {
        ["type"] = "enrolment",
        ["programme"] = programme.Value,
        ["point"] = point.Value,
        ["prequalifiedKw"] = 350,
        ["from"] = FleetMasterData.ValidFrom(plan),
    };

    /// <summary>A limit of the shown station's connection; without a power,
    /// an envelope that is wider in the evening.</summary>
    private static JsonObject Limit(FleetPlan plan, StandingLimitKind kind, Direction direction, string source,
        int? kilowatts)
    {
        var limit = new JsonObject
        {
            ["type"] = "standing-limit",
            ["point"] = FleetPlan.GridOf(plan.ShownStation).Value,
            ["kind"] = FleetText.Word(kind),
            ["direction"] = FleetText.Word(direction),
            ["validFrom"] = FleetMasterData.ValidFrom(plan),
            ["source"] = source,
        };
        if (kilowatts is { } most) limit["kw"] = most;
        else
        {
            limit["zone"] = plan.Zone;
            limit["steps"] = new JsonArray(
                new JsonObject { ["daily"] = "00:00", ["kw"] = 600 },
                new JsonObject { ["daily"] = "17:00", ["kw"] = 800 },
                new JsonObject { ["daily"] = "22:00", ["kw"] = 600 });
        }
        return limit;
    }

    private static JsonObject Standard(FleetPlan plan, string standard, string? certificate)
    {
        var declared = new JsonObject
        {
            ["type"] = "standard",
            ["station"] = FleetPlan.StationOf(plan.ShownStation).Value,
            ["standard"] = standard,
            ["validFrom"] = FleetMasterData.ValidFrom(plan),
        };
        if (certificate is null) return declared;
        declared["certificate"] = certificate;
        declared["issuer"] = "invented certifier";
        declared["validTo"] = FleetText.Time(plan, plan.At(730 * FleetPlan.DaySeconds));
        return declared;
    }

    private static byte[] Claim(
        FleetPlan plan, string claim, ProgrammeId programme, PartyId by, int fromMinute, int toMinute,
        int kilowattHours) => FleetText.Lines(
    [
        new JsonObject
        {
            ["type"] = "delivery-claim", ["claim"] = claim, ["programme"] = programme.Value,
            ["point"] = Claimed(plan).Value,
            ["direction"] = FleetText.Word(Direction.Export),
            ["start"] = FleetText.Time(plan, plan.At(18 * Hour + fromMinute * Minute)),
            ["end"] = FleetText.Time(plan, plan.At(18 * Hour + toMinute * Minute)),
            ["energyKwh"] = kilowattHours, ["claimedBy"] = by.Value,
        },
    ]);
}
