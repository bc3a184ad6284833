namespace Ledger.Domain;

/// <summary>
/// How long a peak stays billed. The share belongs to the month in which the peak was, so that summer peaks can count
/// in winter and winter peaks not at all.
/// </summary>
/// <param name="PercentByMonth">Twelve shares, January first, each 0 to 100 percent; 0 leaves the month out.</param>
/// <param name="LookbackMonths">How many months before the billed one are looked at, 1 to 24; null looks at every
/// month of the given time, later ones too, as a year that is planned at once is billed.</param>
/// <param name="MinimumKw">Billed even where nobody drew as much.</param>
/// <param name="Wraps">The look-back goes on at the end of the given time, as in a year that repeats itself.</param>
public sealed record DemandRatchet(
    IReadOnlyList<decimal> PercentByMonth, int? LookbackMonths, decimal MinimumKw, bool Wraps)
{
    /// <summary>A month that only counts as itself: nothing is kept.</summary>
    public static readonly DemandRatchet None = new(new decimal[12], 1, 0m, false);

    internal IEnumerable<object?> Content() => [.. PercentByMonth, LookbackMonths, MinimumKw, Wraps];
}

/// <summary>The peak of a calendar month (1 to 12), in kW; null is unknown, which is never zero.</summary>
public readonly record struct MonthPeak(int Month, decimal? Kw);

/// <summary>What is billed of a month, null where it depends on an unknown peak; and why, in words.</summary>
public readonly record struct BilledDemand(decimal? Kw, string Because);

/// <summary>
/// The billed demand of each month: its own peak, the least that is agreed, or the share of an earlier peak, whichever
/// is highest (NREL SSC and REopt, market rules §2.8).
/// </summary>
public static class BillingDemand
{
    /// <param name="peaks">Of the billed months, in order.</param>
    /// <param name="earlier">Of the months right before the first billed one, in order; as many as are known.</param>
    /// <exception cref="OverflowException">A product needs more digits than a decimal has.</exception>
    public static IReadOnlyList<BilledDemand> Of(
        DemandRatchet rule, IReadOnlyList<MonthPeak> peaks, IReadOnlyList<MonthPeak> earlier) =>
        [.. peaks.Select((own, i) => Billed(rule, own, LookedAt(rule, i, peaks, earlier)))];

    private static List<MonthPeak> LookedAt(
        DemandRatchet rule, int billed, IReadOnlyList<MonthPeak> peaks, IReadOnlyList<MonthPeak> earlier)
    {
        if (rule.LookbackMonths is not { } months) return [.. earlier, .. peaks];
        var looked = new List<MonthPeak>();
        for (var back = 1; back <= months; back++)
        {
            var at = billed - back;
            if (at >= 0) looked.Add(peaks[at]);
            else if (rule.Wraps) looked.Add(peaks[peaks.Count - 1 - (-at - 1) % peaks.Count]);
            else if (earlier.Count + at >= 0) looked.Add(earlier[earlier.Count + at]);
        }

        return looked;
    }

    private static BilledDemand Billed(DemandRatchet rule, MonthPeak own, List<MonthPeak> looked)
    {
        if (own.Kw is not { } kw) return new(null, "own peak unknown");
        var billed = new BilledDemand(kw, "own peak");
        if (rule.MinimumKw > kw) billed = new(rule.MinimumKw, "least that is agreed");
        foreach (var peak in looked)
        {
            var percent = rule.PercentByMonth[peak.Month - 1];
            if (percent == 0m) continue;
            if (peak.Kw is not { } looking)
                return new(null, $"the peak of a month {peak.Month} that is looked back at is unknown");
            var kept = ExactDecimal.Times(looking, percent / 100m);
            if (kept > billed.Kw)
                billed = new(kept, FormattableString.Invariant(
                    $"{percent:0.############} % of {looking:0.############} kW in a month {peak.Month}"));
        }

        return billed;
    }
}
