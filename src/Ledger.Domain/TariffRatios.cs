namespace Ledger.Domain;

/// <summary>
/// How far prices have to lie from the flat price, as multiples of it: sharp peak and peak at least, valley and deep
/// valley at most.
/// </summary>
public sealed record RatioRule(
    decimal SharpPeakLeast, decimal PeakLeast, decimal ValleyMost, decimal DeepValleyMost)
{
    /// <summary>Sharp peak 1.8, peak 1.6, valley 0.4, deep valley 0.3 (notice 463 on time-of-use prices, as market
    /// rules §2.8 has it).</summary>
    public static readonly RatioRule Notice463 = new(1.8m, 1.6m, 0.4m, 0.3m);
}

/// <summary>
/// Prices held to their ratios against the flat price: the ones of a peak are only raised, the ones of a valley only
/// lowered, and the flat price stays as it is.
/// </summary>
public static class TariffRatios
{
    /// <exception cref="OverflowException">A product needs more digits than a decimal has.</exception>
    public static decimal Held(TariffPeriod period, decimal price, decimal flat, RatioRule rule) => period switch
    {
        TariffPeriod.SharpPeak => Math.Max(price, ExactDecimal.Times(flat, rule.SharpPeakLeast)),
        TariffPeriod.Peak => Math.Max(price, ExactDecimal.Times(flat, rule.PeakLeast)),
        TariffPeriod.Valley => Math.Min(price, ExactDecimal.Times(flat, rule.ValleyMost)),
        TariffPeriod.DeepValley => Math.Min(price, ExactDecimal.Times(flat, rule.DeepValleyMost)),
        _ => price,
    };
}
