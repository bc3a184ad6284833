namespace Ledger.Domain;

/// <summary>Whether flexibility means less load (reduce, also export) or more load (increase).</summary>
public enum FlexDirection { Reduce = 1, Increase = 2 }

/// <summary>One period's delivery in kW, and its money: payment less penalty is net.</summary>
public sealed record DeliveryPeriod(
    decimal Delivered, decimal Deficiency, decimal Payment, decimal Penalty, decimal Net);

/// <summary>One meter's baseline and actual power in kW.</summary>
public readonly record struct MeteredResponse(decimal BaselineKw, decimal ActualKw);

/// <summary>
/// A delivery summed over meters: <paramref name="Clamped"/> counts only meters that helped,
/// <paramref name="Netted"/> also those that worked against it. Both are published: the clamp hides over-consumption.
/// </summary>
public sealed record ClampedDelivery(
    decimal Clamped, decimal Netted, decimal Eligible, decimal Payment, decimal Penalty, decimal Net);

/// <summary>
/// What was ordered and delivered, and what it is worth. Every product and sum in <see cref="decimal"/> is exact;
/// nothing is rounded here. Sources: UFTP 3 settle phase; beckn DEG demand flexibility.
/// </summary>
public static class Delivery
{
    /// <summary>
    /// UFTP settle phase: delivered = clamp(baseline − actual, 0, ordered); deficiency = max(0, actual − (baseline −
    /// ordered)). Increase mirrors the signs. A deficiency may exceed the order: load rose instead of falling.
    /// </summary>
    public static DeliveryPeriod OneSided(
        FlexDirection direction, decimal baselineKw, decimal actualKw, decimal orderedKw, decimal hours,
        decimal pricePerKwh, decimal penaltyPerKwh)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(orderedKw);
        ArgumentOutOfRangeException.ThrowIfNegative(hours);
        var response = Response(direction, new(baselineKw, actualKw));
        var delivered = Math.Clamp(response, 0m, orderedKw);
        var deficiency = Math.Max(0m, orderedKw - response);
        var payment = delivered * hours * pricePerKwh;
        var penalty = deficiency * hours * penaltyPerKwh;
        return new(delivered, deficiency, payment, penalty, payment - penalty);
    }

    /// <summary>The sum of periods: kW are added as they stand, so they mean kW-periods.</summary>
    public static DeliveryPeriod Total(IEnumerable<DeliveryPeriod> periods) =>
        periods.Aggregate(new DeliveryPeriod(0, 0, 0, 0, 0), (sum, next) => new(
            sum.Delivered + next.Delivered, sum.Deficiency + next.Deficiency, sum.Payment + next.Payment,
            sum.Penalty + next.Penalty, sum.Net + next.Net));

    /// <summary>
    /// DEG: delivered = Σ over meters of max(0, response); eligible = min(delivered, offered); the shortfall against
    /// the offer is penalised. <paramref name="offeredKw"/> null: no offer limits it and nothing is penalised.
    /// </summary>
    public static ClampedDelivery Clamp(
        FlexDirection direction, IReadOnlyList<MeteredResponse> meters, decimal? offeredKw, decimal hours,
        decimal pricePerKwh, decimal penaltyPerKwh)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(hours);
        var clamped = meters.Sum(meter => Math.Max(0m, Response(direction, meter)));
        var netted = meters.Sum(meter => Response(direction, meter));
        var eligible = Math.Min(clamped, offeredKw ?? clamped);
        var payment = eligible * hours * pricePerKwh;
        var penalty = Math.Max(0m, (offeredKw ?? 0m) - clamped) * hours * penaltyPerKwh;
        return new(clamped, netted, eligible, payment, penalty, payment - penalty);
    }

    private static decimal Response(FlexDirection direction, MeteredResponse meter) =>
        direction == FlexDirection.Reduce
            ? meter.BaselineKw - meter.ActualKw
            : meter.ActualKw - meter.BaselineKw;
}
