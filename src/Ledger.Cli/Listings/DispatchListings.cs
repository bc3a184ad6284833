using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using static Ledger.Projections.CurtailmentCompliance;

namespace Ledger.Cli.Listings;

/// <summary>Dispatch instructions and what their targets did.</summary>
public static class DispatchListings
{
    /// <param name="instructions">As they are read; only where one is not over people have a column of that.</param>
    public static Listing Instructions(IReadOnlyList<InstructionRow> instructions) => Listing.Of(instructions,
        new("instruction", "instruction", row => row.Instruction),
        new("kind", "kind", row => row.Kind),
        new("issuedBy", null, row => row.IssuedBy),
        new("issuedAt", null, row => row.IssuedAt),
        new("start", null, row => row.Start),
        new("end", null, row => row.End),
        new("withdrawnAt", null, row => row.WithdrawnAt),
        new("programme", null, row => row.Programme),
        new("testDeliveredPermilleMin", null, row => row.Test?.DeliveredPermilleMin),
        new("testT90MsMax", null, row => row.Test?.T90MsMax),
        new("activationPermille", null, row => row.ActivationPermille),
        new("toleranceKw", null, row => new Power(row.ToleranceMilliwatts)),
        new("instructed", "targets", row => row.Tally.Instructed),
        new("eligible", null, row => row.Tally.Eligible),
        new("eligibleKw", null, row => row.Tally.EligiblePower),
        new("connectedAtNotice", null, row => row.Tally.ConnectedAtNotice),
        new("connectedAtStart", null, row => row.Tally.ConnectedAtStart),
        new("arrivals", null, row => row.Tally.Arrivals),
        new("kept", "kept", row => row.Tally.Kept),
        new("partlyKept", "partly kept", row => row.Tally.PartlyKept),
        new("broken", "broken", row => row.Tally.Broken),
        new("excused", "excused", row => row.Tally.Excused),
        new("unproven", "unproven", row => row.Tally.Unproven),
        new("notOverYet", instructions.Any(row => row.NotOverYet is not null) ? CallTime.NotOverYet : null,
            row => row.NotOverYet ?? 0),
        new("orderedKwh", null, row => row.Tally.Ordered),
        new("deliveredKwh", "delivered kWh", row => row.Tally.Delivered),
        new("deficiencyKwh", null, row => row.Tally.Deficiency),
        new("excessKwh", "excess kWh", row => row.Tally.Excess),
        new("lowerKwh", null, row => row.Tally.Lower),
        new("upperKwh", null, row => row.Tally.Upper),
        new("payment", null, row => row.Tally.Payment),
        new("penalty", null, row => row.Tally.Penalty),
        new("net", null, row => row.Tally.Net));

    public static Listing Targets(IEnumerable<TargetRow> targets) => Listing.Of(targets,
        new("instruction", null, row => row.Instruction),
        new("point", "point", row => row.Point),
        new("quantityKw", "ordered kW", row => new Power(row.QuantityMilliwatts)),
        new("verdict", "verdict", row => row.Verdict),
        new("orderedKwh", null, row => row.Ordered),
        new("deliveredKwh", "delivered kWh", row => row.Delivered),
        new("deficiencyKwh", "deficiency kWh", row => row.Deficiency),
        new("excessKwh", "excess kWh", row => row.Excess),
        new("lowerKwh", null, row => row.Bounds.Lower),
        new("upperKwh", null, row => row.Bounds.Upper),
        new("eligibleKw", null, row => new Power(row.EligibleMilliwatts)),
        new("reach", null, row => row.Reach),
        new("connectedAtNotice", null, row => row.Connection.AtNotice),
        new("connectedAtStart", null, row => row.Connection.AtStart),
        new("arrivals", null, row => row.Connection.Arrivals),
        new("rampExcludedSeconds", null, row => EnergyListings.Seconds(row.RampExcludedMicroseconds)),
        new("unmeasuredSeconds", null, row => EnergyListings.Seconds(row.UnmeasuredMicroseconds)),
        new("payment", null, row => row.Payment),
        new("penalty", null, row => row.Penalty),
        new("net", null, row => row.Net),
        new(null, "net", row => Cell.RoundedMoney(row.Net)),
        new("reasons", "reasons", row => row.Reasons),
        new("supported", null, row => row.Supported.Select(reason => Cell.Exact(reason)).ToList()),
        new("claimed", null, row =>
            row.Claimed.Select(claim => $"{Cell.Exact(claim.Reason)} by {claim.ClaimedBy}").ToList()),
        new("clocks", null, row => row.Clocks
            .Select(clock => $"{Cell.Exact(clock.Clock)} {Cell.Exact(clock.At)} by {clock.Source}"
                + (clock.BoundMicroseconds is { } bound ? $" ± {Cell.Exact(EnergyListings.Seconds(bound))} s" : ""))
                    .ToList()));

    /// <summary>When each target was reached and when it moved; programs have all of it in the targets.</summary>
    public static Listing Clocks(InstructionRow order, IEnumerable<TargetRow> targets)
    {
        return Listing.Of(targets.Where(target => target.Clocks.Count > 0),
            new("point", "point", row => row.Point),
            After("received", InstructionClock.Received, order.IssuedAt),
            After("acknowledged", InstructionClock.Acknowledged, order.IssuedAt),
            After("first movement", InstructionClock.FirstMovement, order.Start),
            After("10 %", InstructionClock.TenPercent, order.Start),
            After("90 %", InstructionClock.NinetyPercent, order.Start),
            After("settled", InstructionClock.Settled, order.Start)) with
        {
            WhenEmpty = "nobody reported a clock of this call",
        };

        static Column<TargetRow> After(string title, InstructionClock clock, Instant since) =>
            new($"{Cell.Exact(clock)}Seconds", $"{title} s", row =>
                row.Clocks.FirstOrDefault(each => each.Clock == clock) is { } reached
                    ? (decimal)(reached.At - since).ToInt64Nanoseconds() / 1_000_000_000m : null);
    }
}
