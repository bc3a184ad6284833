using NodaTime;

namespace Ledger.Domain;

/// <summary>What a kWh of a period costs in a month, by tier, and the tax on it.</summary>
public sealed record PricedPeriod(IReadOnlyList<PriceTier> Tiers, decimal TaxPercent);

/// <summary>
/// The price of energy by month, tariff period and direction: the first of the tariff's terms that matches, else the
/// plain price of the period; import then held to the tariff's ratios.
/// </summary>
public static class EnergyPrices
{
    /// <summary>Null where the tariff names no price, which is never read as free.</summary>
    /// <exception cref="OverflowException">A price by ratio needs more digits than a decimal has.</exception>
    public static PricedPeriod? Of(TariffPublished tariff, int month, TariffPeriod period, Direction direction)
    {
        var terms = tariff.Terms ?? TariffTerms.None;
        if (Stated(tariff, terms, month, period, direction) is not { } stated) return null;
        if (terms.Ratios is not { } ratios || direction != Direction.Import) return stated;
        if (Stated(tariff, terms, month, TariffPeriod.Flat, direction) is not { Tiers: [var flat] }) return null;
        return stated with
        {
            Tiers = [.. stated.Tiers.Select(tier =>
                tier with { Price = TariffRatios.Held(period, tier.Price, flat.Price, ratios) })],
        };
    }

    /// <summary>The tariff period at an interval's start, the price of its first tier, and whether the period changes
    /// inside the interval.</summary>
    public static (TariffPeriod? Period, decimal? Price, bool Edge) At(
        TariffPublished tariff, DateTimeZone zone, Interval interval, Direction direction)
    {
        var calendar = CalendarOf(tariff, direction);
        var period = TariffCalendar.PeriodAt(calendar, zone, interval.Start);
        return (period, period is { } named ? First(tariff, zone, interval.Start, named, direction) : null,
            TariffCalendar.EdgesWithin(calendar, zone, interval).Count > 0);
    }

    /// <summary>The price of the first tier of a period in the month of an instant.</summary>
    public static decimal? First(
        TariffPublished tariff, DateTimeZone zone, Instant at, TariffPeriod period, Direction direction) =>
        tariff.Terms is null ? TariffCalendar.Price(tariff, period, direction)
            : Of(tariff, at.InZone(zone).Month, period, direction)?.Tiers[0].Price;

    /// <summary>The rules by which a direction is divided into periods: export may have its own.</summary>
    public static TariffPublished CalendarOf(TariffPublished tariff, Direction direction) =>
        direction == Direction.Export && tariff.Terms?.ExportRules is { Count: > 0 } rules
            ? tariff with { Rules = rules } : tariff;

    private static PricedPeriod? Stated(
        TariffPublished tariff, TariffTerms terms, int month, TariffPeriod period, Direction direction) =>
        Named(terms, month, period, direction) is { } priced ? new(priced.Tiers, priced.TaxPercent ?? terms.TaxPercent)
        : TariffCalendar.Price(tariff, period, direction) is { } plain
            ? new([new(null, TierUnit.Quantity, plain)], terms.TaxPercent)
        : null;

    private static EnergyPrice? Named(TariffTerms terms, int month, TariffPeriod period, Direction direction)
    {
        foreach (var price in terms.Prices)
            if (price.Period == period && price.Direction == direction && price.Months.Contains(month)) return price;
        return null;
    }
}
