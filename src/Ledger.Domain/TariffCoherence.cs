using NodaTime;

namespace Ledger.Domain;

/// <summary>What is wrong in the terms of a tariff by themselves; the first fault is named.</summary>
public static class TariffCoherence
{
    /// <summary>How far back a ratchet may look, in months.</summary>
    public const int LookbackMonthsMax = 24;
    private const int MinutesPerHour = 60;
    /// <summary>With these a product of price, quantity and share stays exact.</summary>
    private const int DecimalsMax = 12, WholeMax = 1_000_000_000;
    /// <summary>What <see cref="Fits"/> asks of a number.</summary>
    public static readonly string NumberRule =
        $"prices, limits and shares are below {WholeMax} and have at most {DecimalsMax} decimals";

    public static bool Fits(decimal number) =>
        Math.Abs(number) < WholeMax && decimal.Round(number, DecimalsMax) == number;

    /// <summary>Null where the terms can be billed.</summary>
    public static string? Incoherence(TariffTerms terms) =>
        terms.Numbers().Any(number => !Fits(number)) ? NumberRule
        : Percents(terms).Any(percent => percent is < 0m or > 100m) ? "a tax is 0 to 100 percent"
        : Names(terms).Distinct(StringComparer.Ordinal).Count() != Names(terms).Count()
            ? "a charge or fee has a name of its own"
        : Names(terms).Any(name => name.Contains('|', StringComparison.Ordinal))
            ? "a name holds no bar, which divides the text of a line"
        : terms.ExportRules.Any(rule => rule.To is { } to && to <= rule.From) ? "a rule ends after it begins"
        : terms.Prices.Select(Incoherence).Concat(terms.DemandCharges.Select(Incoherence))
            .FirstOrDefault(fault => fault is not null) is { } fault ? fault
        : terms.Fees.Any(fee => fee.StepSeconds is < 1 or > 86_400) ? "a step of parking is 1 to 86400 seconds"
        : terms.Fees.Any(fee => fee is { Bearer: FeeBearer.Account, Per: not FeeBasis.Month and not FeeBasis.Day })
            ? "only a fee by month or day is borne by the account: any other is counted where it arises"
        : UseFault(terms) ?? (terms.Bounds is { } bounds ? Incoherence(bounds) : null) ?? RatioFault(terms);

    /// <summary>Why a settled month could not be billed by these terms; null where it could.</summary>
    public static string? Unsettled(TariffTerms terms) =>
        terms.DemandCharges.Any(charge => charge.Ratchet is { Wraps: true } or { LookbackMonths: null })
            ? "a ratchet says how many months it looks back, and never at later ones: a settled month knows none"
        : terms.Bounds is { Per: BoundSpan.Bill } ? "least and most price of a settled account hold by month"
        : null;

    private static IEnumerable<decimal?> Percents(TariffTerms terms) =>
    [
        terms.TaxPercent, .. terms.Prices.Select(price => price.TaxPercent),
        .. terms.DemandCharges.Select(charge => charge.TaxPercent), .. terms.Fees.Select(fee => fee.TaxPercent),
    ];

    private static IEnumerable<string> Names(TariffTerms terms) =>
        terms.DemandCharges.Select(charge => charge.Name).Concat(terms.Fees.Select(fee => fee.Name));

    private static string? Incoherence(EnergyPrice price) =>
        price.Months.Count == 0 ? "a price holds in at least one month" : PriceTiers.Incoherence(price.Tiers);

    private static string? Incoherence(DemandCharge charge)
    {
        if (charge.IntervalMinutes < 5 || charge.IntervalMinutes > MinutesPerHour
            || MinutesPerHour % charge.IntervalMinutes != 0)
            return "a demand interval has 5, 6, 10, 12, 15, 20, 30 or 60 minutes";
        if (charge.SlideMinutes < 1 || charge.IntervalMinutes % charge.SlideMinutes != 0)
            return "demand intervals slide by a whole part of their length";
        if (charge.Windows.Count == 0) return "a demand charge has at least one window";
        if (charge.Windows.Any(window => window.To is { } to && to <= window.From))
            return "a window ends after it begins";
        if (charge.Windows.SelectMany(window => (LocalTime?[])[window.From, window.To]).OfType<LocalTime>().Any(edge =>
            edge.NanosecondOfDay % Duration.FromMinutes(charge.SlideMinutes).ToInt64Nanoseconds() != 0))
            return "a window begins and ends where a demand interval can";
        if (charge.Prices.Any(price => PriceTiers.NeedDemand(price.Tiers)))
            return "demand has no tiers in hours of use";
        var tiers = charge.Prices.Select(price => PriceTiers.Incoherence(price.Tiers));
        if (tiers.FirstOrDefault(found => found is not null) is { } fault) return fault;
        return charge.Ratchet is { } ratchet ? Incoherence(ratchet, charge.Per) : null;
    }

    private static string? Incoherence(DemandRatchet ratchet, DemandSpan per) =>
        per != DemandSpan.Month ? "only demand by month is looked back at"
        : ratchet.PercentByMonth.Count != 12 || ratchet.PercentByMonth.Any(percent => percent is < 0m or > 100m)
            ? "a ratchet has a share for each of twelve months, 0 to 100 percent"
        : ratchet.LookbackMonths is < 1 or > LookbackMonthsMax ? $"a ratchet looks back 1 to {LookbackMonthsMax} months"
        : ratchet.MinimumKw < 0m ? "the least demand is not negative" : null;

    private static string? UseFault(TariffTerms terms)
    {
        if (!terms.Prices.Any(price => PriceTiers.NeedDemand(price.Tiers)))
            return terms.UseBy is null ? null : "no tier is in hours of use";
        return terms.DemandCharges.Any(charge => charge.Name == terms.UseBy && charge.Per == DemandSpan.Month)
            ? null : "tiers in hours of use name the monthly demand charge that they are counted by";
    }

    private static string? Incoherence(PriceBounds bounds) =>
        bounds is { Least: null, Most: null } ? "a bound is a least or a most price"
        : bounds is { Least: null, LeastWithTax: not null } or { Most: null, MostWithTax: not null }
            ? "a bound with tax stands beside the same bound before tax"
        : (bounds.LeastWithTax is not null || bounds.MostWithTax is not null)
            && ((bounds.Least is null) != (bounds.LeastWithTax is null)
                || (bounds.Most is null) != (bounds.MostWithTax is null))
            ? "either all bounds are stated with tax too, or none"
        : bounds.Least > bounds.Most || bounds.LeastWithTax > bounds.MostWithTax
            ? "the least price is not above the most" : null;

    private static string? RatioFault(TariffTerms terms) =>
        terms.Ratios is not { } ratios ? null
        : ratios is { SharpPeakLeast: < 0m } or { PeakLeast: < 0m } or { ValleyMost: < 0m } or { DeepValleyMost: < 0m }
            ? "a ratio to the flat price is not negative"
        : terms.Prices.Any(price => price.Direction == Direction.Import && price.Tiers.Count > 1)
            ? "prices by tier are not held to ratios of one flat price" : null;
}
