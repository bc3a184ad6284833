using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest.Fleet;

/// <summary>A file of the simulated day, who hands it in, and when.</summary>
public sealed record FleetFile(Instant HandedInAt, PartyId By, string Name, ReadOnlyMemory<byte> Bytes);

/// <summary>
/// The simulated day as its parties would hand it in, in order of time: master data the day before, instructions and
/// what is said about them when they happen, curves and register readings after midnight, bad input among them, and
/// the late reading in the morning. Everything in it comes from the plan, to the last byte.
/// </summary>
public static class FleetEvidence
{
    private const int Minute = 60, Hour = 3600;

    /// <summary>When the first run is made: half an hour after the day, with all that came by then.</summary>
    public static Instant InitialRunAt(FleetPlan plan) => plan.At(FleetPlan.DaySeconds + 30 * Minute);

    /// <summary>When the second run is made, after the late reading.</summary>
    public static Instant CorrectionRunAt(FleetPlan plan) => plan.At(FleetPlan.DaySeconds + 9 * Hour + 5 * Minute);

    /// <summary>What is handed in before the first run.</summary>
    public static IEnumerable<FleetFile> UntilInitialRun(FleetPlan plan, IReadOnlyList<StationDay> days) =>
        MasterData(plan, days)
            .Concat(plan.Calls.OrderBy(call => call.FromSecond).SelectMany(call => Call(plan, call, days)))
            .Concat(AfterMidnight(plan, days));

    /// <summary>What comes the next morning.</summary>
    public static IEnumerable<FleetFile> Late(FleetPlan plan, IReadOnlyList<StationDay> days)
    {
        foreach (var day in days)
            if (FleetReadings.TryLate(day, out var file))
                yield return ByOperator(plan.At(FleetPlan.DaySeconds + 9 * Hour),
                    $"readings-{FleetPlan.StationOf(day.Station)}-late.csv", file);
    }

    private static IEnumerable<FleetFile> MasterData(FleetPlan plan, IReadOnlyList<StationDay> days)
    {
        var dayBefore = plan.At(-8 * Hour);
        yield return ByOperator(dayBefore, "settlement-points.jsonl", FleetMasterData.Points(plan, days));
        yield return ByOperator(dayBefore, "registers.jsonl", FleetMasterData.Registers(plan, days));
        yield return ByOperator(dayBefore, "tariff.jsonl", FleetMasterData.TariffAndAssignment(plan));
        yield return new(dayBefore, FleetMasterData.GridOperator, "rule-packs.jsonl", FleetContracts.RulePacks(plan));
        yield return new(dayBefore, FleetMasterData.GridOperator, "programmes.jsonl", FleetContracts.Programmes(plan));
        yield return new(dayBefore, FleetMasterData.GridOperator, "standing-limits.jsonl", FleetContracts.Limits(plan));
        yield return ByOperator(dayBefore, "standards.jsonl", FleetContracts.Standards(plan));
    }

    private static IEnumerable<FleetFile> Call(FleetPlan plan, FleetCall call, IReadOnlyList<StationDay> days)
    {
        var issued = FleetDispatch.IssuedAt(plan, call) + Duration.FromSeconds(1);
        yield return new(issued, FleetMasterData.GridOperator, $"{call.Instruction}.jsonl",
            FleetDispatch.Instruction(plan, call));
        var after = plan.At(call.ToSecond + 5 * Minute);
        foreach (var (what, file) in new[]
        {
            ("clocks", FleetDispatch.Clocks(plan, call, days)),
            ("charging-facts", FleetDispatch.ChargingFacts(plan, call, days)),
            ("claims", FleetDispatch.Claims(call)),
        })
            if (file.Length > 0) yield return ByOperator(after, $"{call.Instruction}-{what}.jsonl", file);
    }

    private static IEnumerable<FleetFile> AfterMidnight(FleetPlan plan, IReadOnlyList<StationDay> days)
    {
        var curvesAt = plan.At(FleetPlan.DaySeconds + 10 * Minute);
        byte[]? firstCurves = null;
        foreach (var (day, curves) in FleetCurves.Of(days, curvesAt))
        {
            firstCurves ??= curves;
            yield return ByOperator(curvesAt, $"curves-{FleetPlan.StationOf(day.Station)}.parquet", curves);
        }
        var readingsAt = plan.At(FleetPlan.DaySeconds + 20 * Minute);
        foreach (var day in days)
            yield return ByOperator(readingsAt, $"readings-{FleetPlan.StationOf(day.Station)}.csv",
                FleetReadings.OfStation(day));
        yield return ByOperator(readingsAt, $"charging-states-{FleetPlan.StationOf(plan.ShownStation)}.jsonl",
            FleetStays.States(days[plan.ShownStation - 1]));
        foreach (var (by, name, file) in FleetContracts.Claims(plan)) yield return new(readingsAt, by, name, file);
        var mistakesAt = plan.At(FleetPlan.DaySeconds + 25 * Minute);
        foreach (var (name, bytes) in FleetMistakes.Of(plan, firstCurves!, FleetReadings.OfStation(days[0])))
            yield return ByOperator(mistakesAt, name, bytes);
    }

    private static FleetFile ByOperator(Instant at, string name, byte[] bytes) =>
        new(at, FleetMasterData.Operator, name, bytes);
}
