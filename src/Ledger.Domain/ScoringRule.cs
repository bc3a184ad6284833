namespace Ledger.Domain;

/// <summary>Over what ordered and delivered energy are summed before they are scored.</summary>
public enum ScoringLevel { Interval = 1, Hour = 2, Event = 3, Month = 4 }

/// <summary>How a ratio is rounded, where its rule rounds it.</summary>
public enum RatioRounding { HalfAwayFromZero = 1, HalfToEven = 2, TowardZero = 3, AwayFromZero = 4 }

/// <summary>Whether the bands are looked up by the rounded ratio, or by the exact one and only then rounded.</summary>
public enum RatioRoundingPlace { BeforeLookup = 1, AfterLookup = 2 }

/// <summary>Which power a term of the payment or the penalty counts.</summary>
public enum ScoredQuantity { Ordered = 1, Delivered = 2, Effective = 3 }

/// <summary>Where the price of a term comes from: the caller's prices, a number of the rule,
/// or its table by hours.</summary>
public enum PriceSource { Price = 1, PenaltyPrice = 2, CapacityPrice = 3, EnergyPrice = 4, Fixed = 5, ByHours = 6 }

/// <summary>
/// How delivered/ordered is read: rounded to <paramref name="Decimals"/> (null: never rounded) at the stated place,
/// then held at <paramref name="Cap"/> (null: not held).
/// </summary>
public sealed record RatioReading(int? Decimals, RatioRounding Rounding, RatioRoundingPlace Place, decimal? Cap);

/// <summary>
/// One piece of the effective power as a function of the ratio r, in units of the order: value + slope·(r − from). The
/// first band begins at minus infinity and is anchored at r = 0; a band without a value goes on where the one before
/// it ends. <paramref name="FromIncluded"/>: r exactly at <paramref name="From"/> belongs to this band.
/// </summary>
public sealed record ScoringBand(decimal? From, bool FromIncluded, decimal? Value, decimal Slope);

/// <summary>From this ratio on the term is multiplied by this factor;
/// the first step begins at minus infinity.</summary>
public sealed record FactorStep(decimal? From, bool FromIncluded, decimal Factor);

/// <summary>The price per kWh of a call of so many hours.</summary>
public sealed record HoursPrice(decimal Hours, decimal Price);

/// <summary>A price per kWh (per kW where the term does not count hours), times a factor of the rule.</summary>
public sealed record ScoringPrice(PriceSource Source, decimal? Fixed, IReadOnlyList<HoursPrice> ByHours,
    decimal Factor);

/// <summary>One summand of the payment: quantity × hours × price × the factor that the ratio reaches.</summary>
public sealed record ScoringTerm(
    ScoredQuantity Quantity, bool TimesHours, ScoringPrice Price, IReadOnlyList<FactorStep> Factors);

/// <summary>
/// max(0, <paramref name="Edge"/> · ordered − <paramref name="Against"/>) × hours × price, where the ratio is below
/// <paramref name="Below"/> (null: at any ratio). An edge of 1 is the order itself.
/// </summary>
public sealed record ScoringPenalty(
    decimal? Below, bool BelowIncluded, decimal Edge, ScoredQuantity Against, ScoringPrice Price);

/// <summary>
/// How one market pays for delivered flexibility, as data: every rule that was found is a piecewise linear function of
/// delivered/ordered, one penalty, and a level (market rules §2.3). <see cref="Scoring"/> evaluates it.
/// </summary>
/// <param name="PriceFloor">The least price of <see cref="PriceSource.Price"/>; null: none.</param>
/// <param name="PriceCap">The highest price of <see cref="PriceSource.Price"/>; null: none.</param>
/// <param name="LatePaysNothing">Whether data that came late are paid nothing.</param>
public sealed record ScoringRule(
    ScoringLevel Level, RatioReading Ratio, IReadOnlyList<ScoringBand> Bands, IReadOnlyList<ScoringTerm> Payment,
    ScoringPenalty? Penalty, decimal? PriceFloor, decimal? PriceCap, bool LatePaysNothing)
{
    /// <summary>Decimals to which a rule may round a ratio.</summary>
    public const int RatioDecimalsMax = 9;

    /// <summary>Null where the rule gives every ratio one answer; else the first reason why it does not.</summary>
    public string? Incoherence() =>
        Ratio.Decimals is < 0 or > RatioDecimalsMax ? $"a ratio is rounded to 0 to {RatioDecimalsMax} decimals"
        : Ratio.Cap is <= 0 ? "the cap of a ratio is more than 0"
        : Edges([.. Bands.Select(band => band.From)]) is { } bands ? $"bands: {bands}"
        : Payment.Count == 0 ? "a rule pays by at least one term"
        : Payment.Select(OfTerm).FirstOrDefault(reason => reason is not null)
        ?? (Penalty is { } penalty ? OfPrice(penalty.Price) : null)
        ?? (PriceFloor > PriceCap ? "the least price is above the highest" : null);

    /// <summary>Whether the payment or the penalty needs a price from this source.</summary>
    public bool Uses(PriceSource source) =>
        Payment.Any(term => term.Price.Source == source) || Penalty?.Price.Source == source;

    /// <summary>Whether two rules say the same; lists are compared by what they hold.</summary>
    public bool Says(ScoringRule other) =>
        this with { Bands = other.Bands, Payment = other.Payment, Penalty = other.Penalty } == other
        && Bands.SequenceEqual(other.Bands)
        && Payment.Count == other.Payment.Count && Payment.Zip(other.Payment).All(pair => Same(pair.First, pair.Second))
        && Same(Penalty, other.Penalty);

    private static string? OfTerm(ScoringTerm term) =>
        OfPrice(term.Price)
            ?? (term.Factors.Count == 0 || Edges([.. term.Factors.Select(step => step.From)]) is not { } reason
            ? null
            : $"factors: {reason}");

    private static string? OfPrice(ScoringPrice price) =>
        price.Source == PriceSource.Fixed != price.Fixed is not null
            ? "a fixed price has its number, and no other price has"
        : price.Source == PriceSource.ByHours != price.ByHours.Count > 0
            ? "a price by hours has its table, and no other price has"
        : price.ByHours.Select(row => row.Hours).Distinct().Count() < price.ByHours.Count
            ? "hours stand twice in the table"
        : null;

    private static string? Edges(IReadOnlyList<decimal?> from)
    {
        if (from.Count == 0 || from[0] is not null) return "the first begins without an edge";
        for (var i = 1; i < from.Count; i++)
            if (from[i] is null || from[i] <= from[i - 1]) return "the edges rise";
        return null;
    }

    private static bool Same(ScoringTerm a, ScoringTerm b) =>
        a with { Factors = b.Factors, Price = b.Price } == b && a.Factors.SequenceEqual(b.Factors)
            && Same(a.Price, b.Price);

    private static bool Same(ScoringPenalty? a, ScoringPenalty? b) =>
        a is null || b is null ? a == b : a with { Price = b.Price } == b && Same(a.Price, b.Price);

    private static bool Same(ScoringPrice a, ScoringPrice b) =>
        a with { ByHours = b.ByHours } == b && a.ByHours.SequenceEqual(b.ByHours);
}
