using Ledger.Domain;

namespace Ledger.Ingest.Fleet;

/// <summary>
/// The power of one settlement point at every step of the day, in mW, import positive: what an ideal meter would have
/// seen. What the meter sends of it is for <see cref="StationDay.Sent"/> to say.
/// </summary>
public sealed record SimulatedCurve(SettlementPointId Point, SettlementPointKind Kind, Power Rated,
    IReadOnlyList<long> Milliwatts);

/// <summary>
/// A simulated day of one station: its connectors, its storage unit and its grid connection, in that order, and the
/// auxiliary load (cooling, light) that has no meter of its own. At every step the grid connection is the sum of all.
/// </summary>
public sealed record StationDay(
    FleetPlan Plan, int Station, IReadOnlyList<SimulatedCurve> Curves, IReadOnlyList<long> AuxiliaryMilliwatts,
    IReadOnlyList<ChargingObservation> Observations, IReadOnlyList<IReadOnlyList<ChargingSession>> Sessions)
{
    private const long BaseLoadMilliwatts = 14_000_000;

    /// <summary>Simulates one station; a pure function of the plan and the station's number.</summary>
    public static StationDay Simulate(FleetPlan plan, int station)
    {
        var curves = new List<SimulatedCurve>();
        var observations = new List<ChargingObservation>();
        var sessions = new List<IReadOnlyList<ChargingSession>>();
        var grid = new long[plan.Steps + 1];
        for (var connector = 1; connector <= plan.Connectors; connector++)
        {
            var rated = RatedOf(connector);
            sessions.Add(Arrivals.At(plan, station, connector, rated));
            var (milliwatts, observed) = ConnectorDay.Simulate(plan, station, connector, sessions[^1]);
            curves.Add(new(FleetPlan.ConnectorOf(station, connector), SettlementPointKind.Connector, rated,
                milliwatts));
            observations.AddRange(observed);
        }
        curves.Add(new(FleetPlan.StorageOf(station), SettlementPointKind.Storage, StorageDay.Rated,
            StorageDay.Simulate(plan, station)));
        var auxiliary = Auxiliary(plan, station, curves);
        for (var step = 0; step < grid.Length; step++)
        {
            grid[step] = auxiliary[step];
            foreach (var curve in curves) grid[step] += curve.Milliwatts[step];
        }
        curves.Add(new(FleetPlan.GridOf(station), SettlementPointKind.GridConnection, GridRated(plan), grid));
        return new StationDay(plan, station, curves, auxiliary, observations, sessions);
    }

    /// <summary>Connectors 1 and 2 have 1 MW, the next three 600 kW, the others 400 kW.</summary>
    public static Power RatedOf(int connector) =>
        Power.FromKilowatts(connector switch { <= 2 => 1_000, <= 5 => 600, _ => 400 });

    /// <summary>The connection of a station: all its connectors and its storage at once.</summary>
    public static Power GridRated(FleetPlan plan) =>
        Enumerable.Range(1, plan.Connectors).Aggregate(StorageDay.Rated, (sum, connector) => sum + RatedOf(connector));

    /// <summary>The samples of a curve that reach us, with the time that the station's own clock gives them,
    /// in Unix µs.</summary>
    public IEnumerable<PowerSample> Sent(SimulatedCurve curve)
    {
        var ahead = Station == Plan.Disturbances.ClockStation ? Plan.Disturbances.ClockAheadMs * 1000L : 0;
        var start = Plan.Start.ToUnixTimeTicks() / 10 + ahead;
        for (var step = 0; step < curve.Milliwatts.Count; step++)
            if (!IsHidden(curve.Point, step * Plan.StepSeconds))
                yield return new PowerSample(start + step * Plan.StepSeconds * 1_000_000L, curve.Milliwatts[step]);
    }

    /// <summary>Whether a sample never reaches us: inside the gap of a grid connection,
    /// or after a connector fell silent.</summary>
    public bool IsHidden(SettlementPointId point, int second)
    {
        var wrong = Plan.Disturbances;
        return (point == FleetPlan.GridOf(wrong.LateStation)
                && second > wrong.GapFromSecond && second < wrong.GapFromSecond + wrong.GapSeconds)
            || (point == FleetPlan.ConnectorOf(wrong.SilentStation, wrong.SilentConnector)
            && second > wrong.SilentFromSecond);
    }

    /// <summary>Light and control all day, cooling with the load:
    /// 14 kW and one per cent of what the connectors move.</summary>
    private static long[] Auxiliary(FleetPlan plan, int station, List<SimulatedCurve> curves)
    {
        var noise = FleetChance.Of(plan.Seed, $"auxiliary {station}").Number(0, int.MaxValue - 1);
        var milliwatts = new long[plan.Steps + 1];
        for (var step = 0; step < milliwatts.Length; step++)
        {
            var load = 0L;
            foreach (var curve in curves) load += Math.Abs(curve.Milliwatts[step]);
            milliwatts[step] = FleetChance.Noisy(BaseLoadMilliwatts + load / 100, 5_000, noise, step);
        }
        return milliwatts;
    }
}
