using NodaTime;

namespace Ledger.Domain;

/// <summary>What the limit of a tier is counted in: the quantity that is priced (kWh or kW), or hours of use, which
/// are kWh for each kW of billed demand.</summary>
public enum TierUnit { Quantity = 1, HoursOfUse = 2 }

/// <summary>A price per kWh or kW up to a limit, which still belongs to this tier; null is without limit.</summary>
public sealed record PriceTier(decimal? UpTo, TierUnit Unit, decimal Price)
{
    internal IEnumerable<object?> Content() => [UpTo, Unit, Price];
}

/// <summary>
/// The price of one tariff period and direction in some months, before tax; the tiers are counted for each period and
/// billing month. It holds before the tariff's plain price of the period.
/// </summary>
/// <param name="TaxPercent">Null where the tariff's own holds.</param>
public sealed record EnergyPrice(
    IReadOnlyList<int> Months, TariffPeriod Period, Direction Direction, IReadOnlyList<PriceTier> Tiers,
    decimal? TaxPercent)
{
    internal IEnumerable<object?> Content() =>
        [.. Months, Period, Direction, .. Tiers.SelectMany(tier => tier.Content()), TaxPercent];
}

/// <summary>In these months, on these days, from one local time to another, demand counts (half-open; <c>null</c> end
/// is midnight).</summary>
public sealed record DemandWindow(
    IReadOnlyList<int> Months, IReadOnlyList<DayClass> Days, LocalTime From, LocalTime? To)
{
    internal IEnumerable<object?> Content() => [.. Months, .. Days, From, To];
}

/// <summary>What a kW of billed demand costs in some months; the tiers are counted in kW.</summary>
public sealed record DemandPrice(IReadOnlyList<int> Months, IReadOnlyList<PriceTier> Tiers)
{
    internal IEnumerable<object?> Content() => [.. Months, .. Tiers.SelectMany(tier => tier.Content())];
}

/// <summary>Whether the highest demand is billed once a month or once a day.</summary>
public enum DemandSpan { Month = 1, Day = 2 }

/// <summary>
/// What the highest import costs: the mean power of demand intervals that lie in the windows entirely. Export never
/// lowers it.
/// </summary>
/// <param name="IntervalMinutes">Length of a demand interval: 5, 6, 10, 12, 15, 20, 30 or 60.</param>
/// <param name="SlideMinutes">How far the next interval begins after this one; the length where intervals do not
/// overlap, a part of it where they slide.</param>
/// <param name="Ratchet">What earlier demand keeps billed; null where each month stands for itself.</param>
/// <param name="TaxPercent">Null where the tariff's own holds.</param>
public sealed record DemandCharge(
    string Name, IReadOnlyList<DemandWindow> Windows, IReadOnlyList<DemandPrice> Prices, int IntervalMinutes,
    int SlideMinutes, DemandSpan Per, DemandRatchet? Ratchet, decimal? TaxPercent)
{
    internal IEnumerable<object?> Content() =>
    [
        Name, Windows.Count, .. Windows.SelectMany(window => window.Content()),
        .. Prices.SelectMany(price => price.Content()), IntervalMinutes, SlideMinutes, Per,
        .. Ratchet?.Content() ?? [null], TaxPercent,
    ];
}

/// <summary>What a fee is counted by: standing ones by month or day; for a service by session, hour of parking or kWh
/// that was imported.</summary>
public enum FeeBasis { Month = 1, Day = 2, Session = 3, ParkedHour = 4, Kwh = 5 }

/// <summary>Who bears a standing fee: each settlement point, because each connection is metered and kept; or the
/// account, once however many points it has, because it has one contract.</summary>
public enum FeeBearer { Point = 1, Account = 2 }

/// <summary>A fee that depends on no tariff period.</summary>
/// <param name="StepSeconds">To whole steps of this length the parking of a session is rounded up; 1 counts each
/// second.</param>
/// <param name="TaxPercent">Null where the tariff's own holds.</param>
/// <param name="Bearer">Of a fee by month or day; any other is counted where it arises.</param>
public sealed record TariffFee(
    string Name, FeeBasis Per, decimal Amount, int StepSeconds, decimal? TaxPercent,
    FeeBearer Bearer = FeeBearer.Point)
{
    internal IEnumerable<object?> Content() => [Name, Per, Amount, StepSeconds, TaxPercent, Bearer];
}

/// <summary>Whether bounds hold for each billing month or for all that is billed together, as a session.</summary>
public enum BoundSpan { Month = 1, Bill = 2 }

/// <summary>
/// The least and the most that is paid, before tax and with it. Where only the one before tax is stated, what a bound
/// adds or takes off bears the tariff's tax. A bound with tax stands only beside the same one before tax.
/// </summary>
public sealed record PriceBounds(
    BoundSpan Per, decimal? Least, decimal? LeastWithTax, decimal? Most, decimal? MostWithTax);

/// <summary>
/// What a bill has beyond price per period: prices by month and tier, a calendar of its own for export, demand charges,
/// fees, tax, least and most, and ratios to the flat price. All of it before tax, in the tariff's currency.
/// </summary>
/// <param name="ExportRules">Empty where export follows the rules of import.</param>
/// <param name="UseBy">The demand charge whose billed demand tiers in hours of use are counted by.</param>
/// <param name="TaxPercent">Of every amount that states none of its own; 0 to 100.</param>
public sealed record TariffTerms(
    IReadOnlyList<EnergyPrice> Prices, IReadOnlyList<TariffRule> ExportRules,
    IReadOnlyList<DemandCharge> DemandCharges, string? UseBy, IReadOnlyList<TariffFee> Fees, decimal TaxPercent,
    PriceBounds? Bounds, RatioRule? Ratios)
{
    /// <summary>Of a tariff that states none.</summary>
    public static readonly TariffTerms None = new([], [], [], null, [], 0m, null, null);

    /// <summary>Whether the account owes anything as a whole, beside what its points do.</summary>
    public bool ChargeTheAccount => Fees.Any(fee => fee.Bearer == FeeBearer.Account);

    /// <summary>What each settlement point is billed by.</summary>
    internal TariffTerms OfPoint() => ChargeTheAccount
        ? this with { Fees = [.. Fees.Where(fee => fee.Bearer == FeeBearer.Point)] } : this;

    /// <summary>What the account is billed by once: its fees and their tax. Bounds hold for a point's month.</summary>
    internal TariffTerms OfAccount() =>
        None with { Fees = [.. Fees.Where(fee => fee.Bearer == FeeBearer.Account)], TaxPercent = TaxPercent };

    /// <summary>Lists are compared by what they hold.</summary>
    public bool Says(TariffTerms other) => Content().SequenceEqual(other.Content());

    /// <summary>Every price, limit, share and tax.</summary>
    internal IEnumerable<decimal> Numbers() => Content().OfType<decimal>();

    private IEnumerable<object?> Content() =>
    [
        Prices.Count, .. Prices.SelectMany(price => price.Content()),
        .. ExportRules.SelectMany(rule => (object?[])[.. rule.Months, .. rule.Days, rule.From, rule.To, rule.Period]),
        DemandCharges.Count, .. DemandCharges.SelectMany(charge => charge.Content()), UseBy,
        .. Fees.SelectMany(fee => fee.Content()), TaxPercent,
        Bounds?.Per, Bounds?.Least, Bounds?.LeastWithTax, Bounds?.Most, Bounds?.MostWithTax, Ratios?.SharpPeakLeast,
        Ratios?.PeakLeast, Ratios?.ValleyMost, Ratios?.DeepValleyMost,
    ];
}
