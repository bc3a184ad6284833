namespace Ledger.Domain;

/// <summary>The part of a quantity in one tier, counted from 1; <paramref name="Price"/> is null above the last limit,
/// which is never read as free.</summary>
public readonly record struct TierPart(int Tier, decimal Quantity, decimal? Price);

/// <summary>
/// A quantity divided by tiers, in their order. A limit in hours of use is that many kWh for each kW of billed demand,
/// and it also ends the plain tiers before it: so a mixed schedule is nested, the plain tiers inside the first hours
/// (utility-rate model of NREL SSC, market rules §2.8).
/// </summary>
public static class PriceTiers
{
    /// <summary>Whether some limit is in hours of use, which only a billed demand resolves.</summary>
    public static bool NeedDemand(IReadOnlyList<PriceTier> tiers) =>
        tiers.Any(tier => tier.Unit == TierUnit.HoursOfUse);

    /// <summary>The parts that are not empty; of nothing, one empty part of the first tier.</summary>
    /// <param name="billedKw">Null only where no limit needs it.</param>
    public static IReadOnlyList<TierPart> Split(
        IReadOnlyList<PriceTier> tiers, decimal quantity, decimal? billedKw = null)
    {
        if (quantity == 0m) return [new(1, 0m, tiers.Count > 0 ? tiers[0].Price : null)];
        var parts = new List<TierPart>();
        var ends = Ends(tiers, billedKw);
        var begin = 0m;
        for (var i = 0; i < ends.Length && begin < quantity; i++)
        {
            var end = Math.Min(ends[i] ?? quantity, quantity);
            if (end <= begin) continue;
            parts.Add(new(i + 1, end - begin, tiers[i].Price));
            begin = end;
        }

        if (begin < quantity) parts.Add(new(tiers.Count + 1, quantity - begin, null));
        return parts;
    }

    /// <summary>What a quantity costs; null where a part of it has no price.</summary>
    /// <exception cref="OverflowException">A product needs more digits than a decimal has.</exception>
    public static decimal? Amount(IReadOnlyList<PriceTier> tiers, decimal quantity)
    {
        var amount = 0m;
        foreach (var part in Split(tiers, quantity))
        {
            if (part.Price is not { } price) return null;
            amount = ExactDecimal.Plus(amount, ExactDecimal.Times(part.Quantity, price));
        }

        return amount;
    }

    /// <summary>Why these are no tiers; null where they are.</summary>
    public static string? Incoherence(IReadOnlyList<PriceTier> tiers)
    {
        if (tiers.Count == 0) return "a price has at least one tier";
        foreach (var unit in Enum.GetValues<TierUnit>())
        {
            var limits = tiers.Where(tier => tier.Unit == unit && tier.UpTo is not null)
                .Select(tier => tier.UpTo!.Value).ToList();
            if (limits.Any(limit => limit <= 0m) || limits.Zip(limits.Skip(1)).Any(pair => pair.Second <= pair.First))
                return "the limits of tiers are above zero and rise";
        }

        return tiers.SkipLast(1).Any(tier => tier.UpTo is null) ? "only the last tier is without limit" : null;
    }

    private static decimal?[] Ends(IReadOnlyList<PriceTier> tiers, decimal? billedKw)
    {
        var ends = tiers.Select(tier => tier.UpTo is { } limit && tier.Unit == TierUnit.HoursOfUse
            ? ExactDecimal.Times(limit, billedKw ?? throw new ArgumentNullException(nameof(billedKw))) : tier.UpTo)
            .ToArray();
        decimal? ceiling = null;
        for (var i = ends.Length - 1; i >= 0; i--)
        {
            if (tiers[i].Unit == TierUnit.HoursOfUse && ends[i] is { } hours)
                ceiling = ceiling is { } later ? Math.Min(later, hours) : hours;
            else if (ceiling is { } before) ends[i] = ends[i] is { } own ? Math.Min(own, before) : before;
        }

        return ends;
    }
}
