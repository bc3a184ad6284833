using Ledger.Domain;

namespace Ledger.Ingest.Fleet;

/// <summary>A clock of a call at a target, in milliseconds of the day.</summary>
public sealed record SimulatedClock(InstructionId Instruction, SettlementPointId Point, InstructionClock Clock,
    int AtMs);

/// <summary>
/// The clocks that targets report: when the instruction was relayed, received and acknowledged, and, read off the
/// simulated power, when the connector first moved and had gone a tenth and nine tenths of its way. Who ignores a call
/// still acknowledges it; who is silent reports nothing.
/// </summary>
public static class CallClocks
{
    private const int IssuedBeforeMs = 10 * 60 * 1000;

    /// <summary>When the call was issued: ten minutes before it begins, in milliseconds of the day.</summary>
    public static int IssuedAtMs(FleetCall call) => call.FromSecond * 1000 - IssuedBeforeMs;

    public static IEnumerable<SimulatedClock> Of(StationDay day, FleetCall call)
    {
        foreach (var target in call.Targets.Where(target =>
            target.Station == day.Station && target.Conduct != CallConduct.Silent))
        {
            var curve = day.Curves[target.Connector - 1];
            var chance = FleetChance.Of(day.Plan.Seed, $"clocks {call.Instruction} {curve.Point}");
            var at = IssuedAtMs(call);
            foreach (var clock in new[] { InstructionClock.Relayed, InstructionClock.Received,
                InstructionClock.Acknowledged })
                yield return new(call.Instruction, curve.Point, clock, at += chance.Number(40, 900));
            foreach (var (clock, second) in Movement(day.Plan, call, curve))
                yield return new(call.Instruction, curve.Point, clock, second * 1000);
        }
    }

    /// <summary>Seconds at which the power had left where it was,
    /// and had gone 10 % and 90 % of the way to the order.</summary>
    private static IEnumerable<(InstructionClock Clock, int Second)> Movement(FleetPlan plan, FleetCall call,
        SimulatedCurve curve)
    {
        var first = call.FromSecond / plan.StepSeconds;
        var from = curve.Milliwatts[first];
        var to = call.Kind == InstructionKind.Export
            ? -call.Quantity.Milliwatts : Math.Min(from, call.Quantity.Milliwatts);
        var way = from - to;
        if (way <= 0) yield break; // already where the order wants it
        foreach (var (clock, percent) in new[]
        {
            (InstructionClock.FirstMovement, 2), (InstructionClock.TenPercent, 10),
            (InstructionClock.NinetyPercent, 90),
        })
        {
            var step = first;
            while (step <= call.ToSecond / plan.StepSeconds && from - curve.Milliwatts[step] < way / 100 * percent)
                step++;
            if (step > call.ToSecond / plan.StepSeconds) yield break;
            yield return (clock, step * plan.StepSeconds);
        }
    }
}
