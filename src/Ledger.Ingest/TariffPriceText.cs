using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>
/// The text of prices and tiers. A price of energy is <c>{period, importPerKwh, exportPerKwh}</c>; one that holds in
/// some months, by tier or with a tax of its own is <c>{months?, period, importPerKwh|importTiers?,
/// exportPerKwh|exportTiers?, taxPercent?}</c>. A tier is <c>[limit, price]</c>, the last limit <c>"inf"</c>; a limit
/// in hours of use is <c>[hours, price, "hoursOfUse"]</c>.
/// </summary>
internal static class TariffPriceText
{
    private const int TiersMax = 50;

    /// <param name="mustBeWhole">A plain price has to state both directions.</param>
    public static (IReadOnlyList<TariffPrice> Plain, IReadOnlyList<EnergyPrice> Priced) Prices(
        InputValue input, int rowsMax, bool mustBeWhole)
    {
        var (plain, priced) = (new List<TariffPrice>(), new List<EnergyPrice>());
        foreach (var row in Bounded(input, rowsMax))
        {
            var price = row.Object(
                "period", "importPerKwh", "exportPerKwh", "months", "importTiers", "exportTiers", "taxPercent");
            var period = price.Required("period").Choice<TariffPeriod>();
            var isPlain = price.Members.Keys.All(name => name is "period" or "importPerKwh" or "exportPerKwh");
            var isWhole = price.Members.ContainsKey("importPerKwh") && price.Members.ContainsKey("exportPerKwh");
            if (isPlain && (isWhole || mustBeWhole))
            {
                plain.Add(new(period, price.Required("importPerKwh").Decimal(),
                    price.Required("exportPerKwh").Decimal()));
                continue;
            }

            var tax = price.Optional("taxPercent")?.Decimal();
            var months = TariffText.Months(price);
            if (One(price, "importPerKwh", "importTiers") is { } import)
                priced.Add(new(months, period, Direction.Import, import, tax));
            if (One(price, "exportPerKwh", "exportTiers") is { } export)
                priced.Add(new(months, period, Direction.Export, export, tax));
        }

        return (plain, priced);
    }

    /// <summary>One price without limit, or tiers; null where neither stands.</summary>
    public static IReadOnlyList<PriceTier>? One(InputObject row, string flat, string tiers)
    {
        if (row.Optional(tiers) is not { } stepped)
            return row.Optional(flat) is { } price ? [new(null, TierUnit.Quantity, price.Decimal())] : null;
        return row.Optional(flat) is { } both
            ? throw both.Refused(Rejection.OutOfRange, $"give {flat} or {tiers}, not both")
            : Bounded(stepped, TiersMax).ConvertAll(Tier);
    }

    private static PriceTier Tier(InputValue row)
    {
        var cells = row.Array();
        if (cells.Count is not (2 or 3))
            throw row.Refused(Rejection.WrongCount, "must be [limit, price] or [limit, price, \"hoursOfUse\"]");
        var open = cells[0].Json.ValueKind == System.Text.Json.JsonValueKind.String && cells[0].Text() == "inf";
        return new(open ? null : cells[0].Decimal(),
            cells.Count == 3 ? cells[2].Choice<TierUnit>() : TierUnit.Quantity, cells[1].Decimal());
    }

    private static List<InputValue> Bounded(InputValue input, int most)
    {
        var rows = input.Array();
        return rows.Count <= most ? rows
            : throw new InputRefusedException(Rejection.WrongCount, input.Path, "",
                $"must have at most {most} elements");
    }
}
