namespace Ledger.Domain;

/// <summary>The energy of a month and period, brought to the decimals of the tariff.</summary>
public sealed record BilledPeriod(PeriodEnergy Metered, decimal Kwh);

/// <summary>The lines of energy: one for each month, direction, tariff period and tier.</summary>
internal static class EnergyLines
{
    /// <summary>What is billed, and what rounding leaves over to the next period of the direction.</summary>
    public static (BilledPeriod Billed, Energy Carried) Billed(PeriodEnergy metered, Energy carried, int decimals)
    {
        var kwh = Statement.Quantise(metered.Energy, decimals, ref carried);
        return (new(metered, kwh), carried);
    }

    public static IEnumerable<BillLine> Of(TariffPublished tariff, BilledPeriod billed, BilledDemands demand)
    {
        var (month, direction, period, energy, problem) = billed.Metered;
        // A point that exports nothing has no line of it.
        if (direction == Direction.Export && energy == Energy.Zero && problem is null) return [];
        var price = period is { } named ? EnergyPrices.Of(tariff, month.Month, named, direction) : null;
        var line = new BillLine(
            0, BillPart.Energy, $"{direction} {period?.ToString() ?? "without a period"}", month.OnDayOfMonth(1), "kWh",
            billed.Kwh, null, null, null, price?.TaxPercent ?? tariff.Terms?.TaxPercent, $"{energy} in the month",
            $"price of {period?.ToString() ?? "no period"} in month {month.Month}", problem)
        {
            Energy = new(direction, period, 0),
        };
        if (problem is not null) return [line];
        if (price is null) return [line with { Problem = "price missing" }];
        decimal? kw = null;
        if (PriceTiers.NeedDemand(price.Tiers))
        {
            kw = demand.Kw(tariff.Terms?.UseBy, month);
            if (kw is null) return [line with { Problem = "billed demand not known, by which tiers are counted" }];
        }

        var sign = direction == Direction.Import ? 1m : -1m;
        return PriceTiers.Split(price.Tiers, billed.Kwh, kw).Select(part => line with
        {
            Energy = new(direction, period, part.Tier),
            Quantity = part.Quantity,
            Price = part.Price,
            AmountExact = part.Price is { } each
                ? sign * ExactDecimal.Times(part.Quantity, each) : null,
            Basis = price.Tiers.Count == 1 ? line.Basis : $"{line.Basis}, tier {part.Tier} of {price.Tiers.Count}",
            Problem = part.Price is null ? "price missing above the last tier" : null,
        });
    }
}
