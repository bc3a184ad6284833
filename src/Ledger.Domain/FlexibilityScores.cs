using System.Numerics;

namespace Ledger.Domain;

/// <summary>What a scoring rule makes of an interval, in kWh and money.</summary>
public sealed record ScoredFraction(Fraction Effective, Fraction Shortfall, Fraction Payment, Fraction Penalty);

/// <summary>
/// The payment curves a second time, written apart from <see cref="Scoring"/>: in energies and fractions, where that
/// one counts powers and hours in decimals. A law holds the two to the same amounts.
/// </summary>
public static class FlexibilityScores
{
    /// <summary>Scores what <see cref="Scoring.Refusal"/> does not refuse.</summary>
    /// <param name="ordered">In kWh, never negative.</param>
    /// <param name="delivered">In kWh, below zero where the load went the other way.</param>
    /// <param name="hours">How long all of it lasted.</param>
    /// <param name="mayLack">What of the order may be missing without a penalty, in kWh.</param>
    public static ScoredFraction Of(ScoringRule rule, Fraction ordered, Fraction delivered, Fraction hours,
        ScoringPrices prices, Fraction mayLack = default)
    {
        var (lookup, counted) = Read(rule.Ratio, ordered, delivered);
        var effective = Effective(rule.Bands, ordered, lookup, counted);
        Fraction Quantity(ScoredQuantity quantity) => quantity switch
        {
            ScoredQuantity.Ordered => ordered,
            ScoredQuantity.Delivered => counted,
            _ => effective,
        };
        Fraction Price(ScoringPrice price) => Fraction.Of(price.Factor) * price.Source switch
        {
            PriceSource.Price => Held(Fraction.Of(prices.Price), rule.PriceFloor, rule.PriceCap),
            PriceSource.PenaltyPrice => Fraction.Of(prices.Penalty ?? 0m),
            PriceSource.Fixed => Fraction.Of(price.Fixed!.Value),
            PriceSource.ByHours => Fraction.Of(price.ByHours.First(row => Fraction.Of(row.Hours) == hours).Price),
            _ => throw new ArgumentOutOfRangeException(nameof(rule), "neither order nor programme states such a price"),
        };
        var payment = rule.Payment.Aggregate(Fraction.Zero, (sum, term) => sum + Quantity(term.Quantity)
            * (term.TimesHours ? 1 : new Fraction(1, 1) / hours) * Price(term.Price)
            * Factor(term.Factors, ordered, lookup));
        if (rule.Penalty is not { } penalty || (penalty.Below is { } below
            && Reaches(lookup, below, !penalty.BelowIncluded, ordered)))
            return new(effective, Fraction.Zero, payment, Fraction.Zero);
        var shortfall = Fraction.Max(
            Fraction.Zero, Fraction.Of(penalty.Edge) * ordered - Quantity(penalty.Against) - mayLack);
        return new(effective, shortfall, payment, shortfall * Price(penalty.Price));
    }

    /// <summary>By what the bands are looked up, and what is counted in them.</summary>
    private static (Fraction Lookup, Fraction Counted) Read(RatioReading ratio, Fraction ordered, Fraction delivered)
    {
        var held = ratio.Cap is { } most ? Fraction.Min(delivered, Fraction.Of(most) * ordered) : delivered;
        if (ordered == Fraction.Zero || ratio.Decimals is not { } decimals) return (held, held);
        var rate = Rounded(delivered / ordered, decimals, ratio.Rounding);
        if (ratio.Cap is { } cap) rate = Fraction.Min(rate, Fraction.Of(cap));
        return (ratio.Place == RatioRoundingPlace.BeforeLookup ? rate * ordered : held, rate * ordered);
    }

    private static Fraction Rounded(Fraction value, int decimals, RatioRounding how)
    {
        var scale = BigInteger.Pow(10, decimals);
        var scaled = value * new Fraction(scale, 1);
        var size = Fraction.Max(scaled, Fraction.Zero - scaled);
        var cut = size.Ceiling() - (size.Denominator.IsOne ? 0 : 1);
        var rest = size - new Fraction(cut, 1);
        var up = how switch
        {
            RatioRounding.HalfAwayFromZero => rest >= new Fraction(1, 2),
            RatioRounding.HalfToEven => rest > new Fraction(1, 2) || (rest == new Fraction(1, 2) && !cut.IsEven),
            RatioRounding.TowardZero => false,
            _ => rest > Fraction.Zero,
        };
        var whole = up ? cut + 1 : cut;
        return new(scaled < Fraction.Zero ? -whole : whole, scale);
    }

    /// <summary>The last band that is reached, from its value on; where it states none, from the end of the one
    /// before.</summary>
    private static Fraction Effective(
        IReadOnlyList<ScoringBand> bands, Fraction ordered, Fraction lookup, Fraction counted)
    {
        var at = 0;
        while (at + 1 < bands.Count && Reaches(lookup, bands[at + 1].From!.Value, bands[at + 1].FromIncluded, ordered))
            at++;
        return Beginning(at) * ordered + Fraction.Of(bands[at].Slope) * (counted - From(at) * ordered);

        Fraction From(int band) => Fraction.Of(bands[band].From ?? 0m);

        Fraction Beginning(int band) => bands[band].Value is { } stated ? Fraction.Of(stated)
            : band == 0 ? Fraction.Zero
            : Beginning(band - 1) + Fraction.Of(bands[band - 1].Slope) * (From(band) - From(band - 1));
    }

    private static Fraction Factor(IReadOnlyList<FactorStep> steps, Fraction ordered, Fraction lookup)
    {
        for (var i = steps.Count - 1; i >= 0; i--)
            if (steps[i].From is not { } from || Reaches(lookup, from, steps[i].FromIncluded, ordered))
                return Fraction.Of(steps[i].Factor);
        return 1;
    }

    private static bool Reaches(Fraction delivered, decimal ratio, bool included, Fraction ordered) =>
        delivered.CompareTo(Fraction.Of(ratio) * ordered) is var side && (side > 0 || (included && side == 0));

    private static Fraction Held(Fraction price, decimal? least, decimal? most)
    {
        var held = least is { } low ? Fraction.Max(price, Fraction.Of(low)) : price;
        return most is { } high ? Fraction.Min(held, Fraction.Of(high)) : held;
    }
}
