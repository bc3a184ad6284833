using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// Tax, one line for each rate, on exact amounts; and the least and most price. A bound before tax and one with it are
/// held apart, as session tariffs state both (OCPI, min_price and max_price).
/// </summary>
internal static class TaxLines
{
    private const string Missing = "an amount that it is of is missing";

    /// <summary>The tax of these lines, and what bounds of this span add or take off.</summary>
    public static IEnumerable<BillLine> Of(
        TariffPublished tariff, LocalDate of, IReadOnlyList<BillLine> lines, BoundSpan span)
    {
        BillLine[] taxes = [.. lines.GroupBy(line => line.TaxPercent ?? 0m).Where(rate => rate.Key != 0m)
            .OrderBy(rate => rate.Key).Select(rate => Tax(tariff, of, rate.Key, [.. rate]))];
        return [.. taxes, .. Bounds(tariff, of, [.. lines, .. taxes], span)];
    }

    /// <summary>What the tariff's bounds of this span add or take off; nothing where they hold.</summary>
    public static IEnumerable<BillLine> Bounds(
        TariffPublished tariff, LocalDate of, IReadOnlyList<BillLine> lines, BoundSpan span)
    {
        if (tariff.Terms?.Bounds is not { } bounds || bounds.Per != span) return [];
        if (lines.Any(line => line.AmountExact is null))
            return [Adjustment(tariff, of, BillPart.Fees, "least and most price", null, Missing)];
        var tax = Sum(lines.Where(line => line.Part == BillPart.Tax));
        var net = Sum(lines.Where(line => line.Part != BillPart.Tax));
        var held = Held(net, bounds.Least, bounds.Most);
        var added = held - net;
        var name = added >= 0m ? "least price" : "most price";
        var adjusted = new List<BillLine>();
        if (added != 0m) adjusted.Add(Adjustment(tariff, of, BillPart.Fees, name, added, null));
        // The tax of an adjustment is stated by the bound with tax; without one it is the tariff's own.
        var gross = net + tax;
        var heldGross = bounds.LeastWithTax is null && bounds.MostWithTax is null
            ? held + tax + ExactDecimal.Times(added, tariff.Terms.TaxPercent / 100m)
            : Held(gross, bounds.LeastWithTax, bounds.MostWithTax);
        if (heldGross - held - tax is var taxAdded && taxAdded != 0m)
            adjusted.Add(Adjustment(tariff, of, BillPart.Tax, $"tax of {name}", taxAdded, null));
        return adjusted;
    }

    private static decimal Held(decimal amount, decimal? least, decimal? most) =>
        Math.Min(Math.Max(amount, least ?? amount), most ?? decimal.MaxValue);

    private static BillLine Tax(TariffPublished tariff, LocalDate of, decimal percent, IReadOnlyList<BillLine> lines)
    {
        var line = new BillLine(0, BillPart.Tax, FormattableString.Invariant($"tax {percent:0.############} %"), of,
            tariff.Currency, null, percent / 100m, null, null, null, $"{lines.Count} lines of this rate",
            "tax on exact amounts", null);
        if (lines.Any(taxed => taxed.AmountExact is null)) return line with { Problem = Missing };
        var sum = Sum(lines);
        return line with { Quantity = sum, AmountExact = ExactDecimal.Times(sum, percent / 100m) };
    }

    private static decimal Sum(IEnumerable<BillLine> lines) =>
        lines.Aggregate(0m, (sum, line) => ExactDecimal.Plus(sum, line.AmountExact!.Value));

    private static BillLine Adjustment(
        TariffPublished tariff, LocalDate of, BillPart part, string name, decimal? amount, string? problem) => new(
        0, part, name, of, tariff.Currency, amount, problem is null ? 1m : null, amount, null, null,
        "what is left to the bound", "least and most price of the tariff", problem);
}
