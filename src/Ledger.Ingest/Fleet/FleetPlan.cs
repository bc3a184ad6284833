using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest.Fleet;

/// <summary>What a connector makes of a call to export or to curtail.</summary>
public enum CallConduct
{
    /// <summary>Follows within seconds and holds the order to the end.</summary>
    Complies = 1,
    /// <summary>Follows with too little (export), or twenty minutes late (curtailment).</summary>
    FallsShort = 2,
    /// <summary>Goes on as if there were no call, and says nothing.</summary>
    Ignores = 3,
    /// <summary>No vehicle is plugged in, which the charger records.</summary>
    NoVehicle = 4,
    /// <summary>The vehicle is, or comes, to the floor of its state of charge, which the charger records.</summary>
    StateOfChargeFloor = 5,
    /// <summary>The charger has to break off for safety, and records it.</summary>
    Safety = 6,
    /// <summary>Does nothing and gives a reason that no fact supports.</summary>
    ClaimsOnly = 7,
    /// <summary>Sends neither clocks nor a curve.</summary>
    Silent = 8,
}

/// <summary>A connector, by its number (from 1) at a station, by its number (from 1);
/// and what it makes of the call.</summary>
public sealed record CallTarget(int Station, int Connector, CallConduct Conduct);

/// <summary>A dispatch instruction as the grid operator will give it;
/// seconds count from the day's local midnight.</summary>
public sealed record FleetCall(
    InstructionId Instruction, InstructionKind Kind, int FromSecond, int ToSecond, Power Quantity, Power Tolerance,
    int RampAllowanceMs, decimal PricePerKwh, decimal PenaltyPerKwh, IReadOnlyList<CallTarget> Targets)
{
    /// <summary>What passes it, where it is a test dispatch; null for a real call.</summary>
    public TestRule? Test { get; init; }

    /// <summary>What a connector makes of this call; null where it is no target of it.</summary>
    public CallConduct? ConductOf(int station, int connector) =>
        Targets.FirstOrDefault(target => target.Station == station && target.Connector == connector)?.Conduct;
}

/// <summary>
/// What goes wrong on the day, so that the ledger has something to prove: a station whose clock is ahead; a grid
/// connection whose curve misses a stretch and whose last register reading comes late; a grid connection whose import
/// register passes its modulus; a connector that nobody hears from some second on. Stations count from 1.
/// </summary>
public sealed record FleetDisturbances(
    int ClockStation, int ClockAheadMs, int LateStation, int GapFromSecond, int GapSeconds, int RolloverStation,
    int SilentStation, int SilentConnector, int SilentFromSecond);

/// <summary>
/// A city's charging day: what there is, what will be called for, and what goes wrong. Everything else (who comes
/// when, with which vehicle) is chance, and all chance comes from the seed.
/// </summary>
public sealed record FleetPlan(
    int Seed, LocalDate Day, string Zone, int PeriodMinutes, int Stations, int Connectors, int StepSeconds,
    IReadOnlyList<FleetCall> Calls, FleetDisturbances Disturbances)
{
    private const int Minute = 60, Hour = 3600;

    /// <summary>
    /// The station that is looked at closely: it has limits, declared standards and, in the city, many short calls.
    /// Stations count from 1.
    /// </summary>
    public int ShownStation { get; init; } = 1;

    /// <summary>Seconds of the simulated day. Asia/Shanghai knows no daylight saving time:
    /// every day has 24 hours.</summary>
    public const int DaySeconds = 24 * Hour;

    /// <summary>The last sample's number; sample 0 is at midnight, the last one at the midnight after.</summary>
    public int Steps => DaySeconds / StepSeconds;

    /// <summary>The day's midnight in its zone.</summary>
    public Instant Start => Day.AtStartOfDayInZone(DateTimeZoneProviders.Tzdb[Zone]).ToInstant();

    /// <summary>The instant of a second of the day.</summary>
    public Instant At(int second) => Start + Duration.FromSeconds(second);

    public static StationId StationOf(int station) => new($"st{station:00}");
    public static SettlementPointId ConnectorOf(int station, int connector) => new($"st{station:00}-c{connector}");
    public static SettlementPointId StorageOf(int station) => new($"st{station:00}-storage");
    public static SettlementPointId GridOf(int station) => new($"st{station:00}-grid");

    /// <summary>Fourteen stations with eight connectors each, sampled every second.</summary>
    public static FleetPlan City(int seed) => new(
        seed, new LocalDate(2025, 7, 16), "Asia/Shanghai", 15, 14, 8, 1,
        [
            Curtailment([
                .. from station in Enumerable.Range(1, 5)
                   from connector in Enumerable.Range(1, 8)
                   select new CallTarget(station, connector, (station, connector) switch
                   {
                       (1, 3) => CallConduct.Safety,
                       (2, 4) => CallConduct.StateOfChargeFloor,
                       (3, 5) => CallConduct.FallsShort,
                       (4, 6) => CallConduct.ClaimsOnly,
                       (5, 7) => CallConduct.Ignores,
                       _ => CallConduct.Complies,
                   }),
            ]),
            Export([
                .. from station in Enumerable.Range(1, 14)
                   from connector in Enumerable.Range(1, 2)
                   select new CallTarget(station, connector, (station, connector) switch
                   {
                       (2, 1) => CallConduct.NoVehicle,
                       (3, 1) => CallConduct.StateOfChargeFloor,
                       (4, 2) => CallConduct.Safety,
                       (5, 1) => CallConduct.FallsShort,
                       (6, 2) => CallConduct.ClaimsOnly,
                       (7, 1) => CallConduct.Silent,
                       (8, 2) => CallConduct.NoVehicle,
                       _ => CallConduct.Complies,
                   }),
            ]),
            .. ShortExports(station: 10),
        ],
        new FleetDisturbances(
            ClockStation: 9, ClockAheadMs: 4_000, LateStation: 12, GapFromSecond: 23 * Hour + 50 * Minute,
            GapSeconds: 30, RolloverStation: 11, SilentStation: 7, SilentConnector: 1,
            SilentFromSecond: 17 * Hour + 30 * Minute))
    { ShownStation = 10 };

    /// <summary>
    /// The same day small enough for a test: two stations with eight connectors, sampled every ten seconds, with every
    /// conduct and every disturbance.
    /// </summary>
    public static FleetPlan TwoStations(int seed) => new(
        seed, new LocalDate(2025, 7, 16), "Asia/Shanghai", 15, 2, 8, 10,
        [
            Curtailment([
                new(1, 3, CallConduct.Safety), new(1, 4, CallConduct.StateOfChargeFloor),
                new(1, 5, CallConduct.FallsShort),
                new(1, 6, CallConduct.ClaimsOnly), new(1, 7, CallConduct.Ignores), new(1, 8, CallConduct.Complies),
            ]),
            Export([
                new(1, 1, CallConduct.Complies), new(1, 2, CallConduct.NoVehicle),
                new(1, 3, CallConduct.StateOfChargeFloor),
                new(1, 4, CallConduct.Safety), new(2, 1, CallConduct.FallsShort), new(2, 2, CallConduct.ClaimsOnly),
                new(2, 3, CallConduct.Silent), new(2, 4, CallConduct.Complies),
            ]),
        ],
        new FleetDisturbances(
            ClockStation: 2, ClockAheadMs: 4_000, LateStation: 1, GapFromSecond: 23 * Hour + 50 * Minute,
            GapSeconds: 50, RolloverStation: 1, SilentStation: 2, SilentConnector: 3,
            SilentFromSecond: 17 * Hour + 30 * Minute));

    // Quantities, tolerances and prices of both calls are invented.
    private static FleetCall Curtailment(IReadOnlyList<CallTarget> targets) => new(
        new("curtail-2025-07-16-1400"), InstructionKind.Curtail, 14 * Hour, 15 * Hour, Power.FromKilowatts(120),
        Power.FromKilowatts(6), RampAllowanceMs: 60_000, PricePerKwh: 0.80m, PenaltyPerKwh: 0.40m, targets);

    private static FleetCall Export(IReadOnlyList<CallTarget> targets) => new(
        new("export-2025-07-16-1800"), InstructionKind.Export, 18 * Hour, 19 * Hour, Power.FromKilowatts(300),
        Power.FromKilowatts(6), RampAllowanceMs: 60_000, PricePerKwh: 2.40m, PenaltyPerKwh: 1.20m, targets);

    /// <summary>
    /// A test dispatch in the morning, and five calls of a quarter of an hour,
    /// so that with the evening's there are enough calls to say what may be promised of the station.
    /// In one of them a vehicle gives too little.
    /// </summary>
    private static IEnumerable<FleetCall> ShortExports(int station)
    {
        (int FromMinute, int Minutes)[] calls = [(7 * 60, 30), (9 * 60, 15), (10 * 60 + 45, 15), (16 * 60 + 15, 15),
            (20 * 60 + 30, 15), (22 * 60 + 15, 15)];
        return calls.Select((call, i) => Export(
            [
                new(station, 1, CallConduct.Complies),
                new(station, 2, i == 3 ? CallConduct.FallsShort : CallConduct.Complies),
            ]) with
        {
            Instruction =
                new($"{(i == 0 ? "test" : "export")}-2025-07-16-{call.FromMinute / 60:00}{call.FromMinute % 60:00}"),
            FromSecond = call.FromMinute * Minute,
            ToSecond = (call.FromMinute + call.Minutes) * Minute,
            Test = i == 0 ? new TestRule(DeliveredPermilleMin: 950, T90MsMax: 60_000) : null,
        });
    }
}
