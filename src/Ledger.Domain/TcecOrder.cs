using NodaTime;

namespace Ledger.Domain;

/// <summary>One stretch of an order with one price (T/CEC 102, ChargeDetails): prices of four decimals, energy and
/// money of two.</summary>
public sealed record TcecDetail(
    Instant Start, Instant End, decimal ElecPrice, decimal ServicePrice, decimal Power, decimal ElecMoney,
    decimal ServiceMoney);

/// <summary>A charge order (T/CEC 102.4, notification_charge_order_info). The details sum to the totals.</summary>
/// <param name="StopReason">0 user, 1 platform, 2 battery management, 3 fault, 4 connector taken off.</param>
public sealed record TcecOrder(
    string StartChargeSeq, string ConnectorId, Instant Start, Instant End, int StopReason, decimal TotalPower,
    decimal TotalElecMoney, decimal TotalServiceMoney, IReadOnlyList<TcecDetail> Details)
{
    public decimal TotalMoney => TotalElecMoney + TotalServiceMoney;
}

/// <summary>The orders of a stretch of time summed up (check_charge_orders), so that both sides can compare.</summary>
public sealed record TcecCheck(Instant Start, Instant End, int OrderCount, decimal TotalOrderPower,
    decimal TotalOrderMoney)
{
    public static TcecCheck Of(Interval period, IReadOnlyCollection<TcecOrder> orders) => new(
        period.Start, period.End, orders.Count, orders.Sum(order => order.TotalPower),
        orders.Sum(order => order.TotalMoney));
}

/// <summary>
/// A metered session as an order, by the prices of its parts. Parts that share period and price and follow each other
/// are one detail. Energy and money are rounded half away from zero to two decimals, and what is left over is carried
/// from detail to detail: so Σ details is the total, which the format by itself does not promise. A price is shown with
/// the format's four decimals; money is by the price as it is, as on the statement.
/// </summary>
public static class TcecOrders
{
    private const int Decimals = 2;

    /// <summary>Decimals of a price per kWh (ElecPrice, SevicePrice).</summary>
    public const int PriceDecimals = 4;

    /// <summary>Null where a part of the session has no price.</summary>
    public static TcecOrder? Of(MeteredSession metered, string seq, decimal servicePrice)
    {
        var stretches =
            new List<(Instant Start, Instant End, (TariffPeriod Period, decimal PerKwh) Price, Energy Energy)>();
        foreach (var part in metered.Parts)
        {
            if (part.Price is not { } price) return null;
            if (stretches.Count > 0 && stretches[^1].Price == price)
                stretches[^1] = stretches[^1] with
                {
                    End = part.Period.End,
                    Energy = stretches[^1].Energy + part.Import,
                };
            else stretches.Add((part.Period.Start, part.Period.End, price, part.Import));
        }
        var exact = stretches.ConvertAll(stretch =>
            new Fraction(stretch.Energy.HalfNanojoules, Energy.HalfNanojoulesPerWattHour * 1000));
        var power = Rounded(exact);
        var elec = Rounded([.. exact.Select((kwh, i) => kwh * Fraction.Of(stretches[i].Price.PerKwh))]);
        var service = Rounded([.. exact.Select(kwh => kwh * Fraction.Of(servicePrice))]);
        return new(seq, metered.Session.Point.Value, metered.Session.Start, metered.Session.End,
            metered.Session.Faulted ? 3 : 4, power.Sum(), elec.Sum(), service.Sum(),
            [.. stretches.Select((stretch, i) => new TcecDetail(stretch.Start, stretch.End,
                Math.Round(stretch.Price.PerKwh, PriceDecimals, MidpointRounding.AwayFromZero), servicePrice, power[i],
                elec[i], service[i]))]);
    }

    private static IReadOnlyList<decimal> Rounded(IReadOnlyList<Fraction> exact) =>
        Rounding.HalfAwayWithCarry(exact, Decimals).Rounded;
}
