using System.Text.Json.Nodes;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest.Fleet;

/// <summary>What is written about a call: the instruction, its clocks, what chargers observed,
/// and what is only claimed.</summary>
public static class FleetDispatch
{
    public static byte[] Instruction(FleetPlan plan, FleetCall call)
    {
        var order = new JsonObject
        {
            ["type"] = "instruction",
            ["instruction"] = call.Instruction.Value,
            ["kind"] = FleetText.Word(call.Kind),
            ["issuedBy"] = FleetMasterData.GridOperator.Value,
            ["issuedAt"] = FleetText.Time(plan, IssuedAt(plan, call)),
            ["start"] = FleetText.Time(plan, plan.At(call.FromSecond)),
            ["end"] = FleetText.Time(plan, plan.At(call.ToSecond)),
            ["targets"] = new JsonArray([.. call.Targets.Select(target => new JsonObject
            {
                ["point"] = FleetPlan.ConnectorOf(target.Station, target.Connector).Value,
                ["kw"] = call.Quantity.Kilowatts,
            })]),
            ["toleranceKw"] = call.Tolerance.Kilowatts,
            ["rampSeconds"] = call.RampAllowanceMs / 1000m,
            ["pricePerKwh"] = call.PricePerKwh,
            ["penaltyPerKwh"] = call.PenaltyPerKwh,
        };
        if (call.Kind == InstructionKind.Export) order["programme"] = FleetContracts.Export.Value;
        if (call.Test is { } test)
            order["test"] = new JsonObject
            {
                ["deliveredPermilleMin"] = test.DeliveredPermilleMin,
                ["t90MsMax"] = test.T90MsMax
            };
        return FleetText.Lines([order]);
    }

    public static Instant IssuedAt(FleetPlan plan, FleetCall call) => At(plan, CallClocks.IssuedAtMs(call));

    /// <summary>The clocks of every target that reports any, in order of time.</summary>
    public static byte[] Clocks(FleetPlan plan, FleetCall call, IReadOnlyList<StationDay> days) => FleetText.Lines(
        from clock in days.SelectMany(day => CallClocks.Of(day, call)).OrderBy(clock => clock.AtMs)
            .ThenBy(clock => clock.Point)
        select new JsonObject
        {
            ["type"] = "instruction-clock",
            ["instruction"] = clock.Instruction.Value,
            ["point"] = clock.Point.Value,
            ["clock"] = FleetText.Word(clock.Clock),
            ["at"] = FleetText.Time(plan, At(plan, clock.AtMs)),
            ["source"] = clock.Clock switch
            {
                InstructionClock.Relayed => "aggregator",
                <= InstructionClock.Acknowledged => "charger",
                _ => "meter",
            },
        });

    /// <summary>What chargers observed during a call: the facts that can excuse.</summary>
    public static byte[] ChargingFacts(FleetPlan plan, FleetCall call, IReadOnlyList<StationDay> days) =>
        FleetText.Lines(
        from day in days
        from seen in day.Observations
        where seen.FromSecond >= call.FromSecond && seen.ToSecond <= call.ToSecond
        select new JsonObject
        {
            ["type"] = "charging-fact",
            ["point"] = seen.Point.Value,
            ["start"] = FleetText.Time(plan, plan.At(seen.FromSecond)),
            ["end"] = FleetText.Time(plan, plan.At(seen.ToSecond)),
            ["reason"] = FleetText.Word(seen.Reason),
            ["source"] = "charger",
        });

    /// <summary>
    /// What the operator claims afterwards: a vehicle's limit, of which there is no evidence, and a safety stop,
    /// which the charger recorded as well.
    /// </summary>
    public static byte[] Claims(FleetCall call) => FleetText.Lines(
        from target in call.Targets
        where target.Conduct is CallConduct.ClaimsOnly or CallConduct.Safety
        select new JsonObject
        {
            ["type"] = "reason-claim",
            ["instruction"] = call.Instruction.Value,
            ["point"] = FleetPlan.ConnectorOf(target.Station, target.Connector).Value,
            ["reason"] = FleetText.Word(
                target.Conduct == CallConduct.Safety ? ShortfallReason.Safety : ShortfallReason.VehicleLimit),
            ["claimedBy"] = FleetMasterData.Operator.Value,
        });

    private static Instant At(FleetPlan plan, int milliseconds) => plan.Start + Duration.FromMilliseconds(milliseconds);
}
