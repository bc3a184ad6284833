using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>The text of a scoring rule; what is left out is the simplest thing that the member could say.</summary>
internal static class ScoringRuleText
{
    /// <summary>Bands, steps, terms or rows of one rule: no market's curve has more knots than this.</summary>
    private const int RowsMax = 100;

    public static ScoringRule Rule(InputValue input)
    {
        var rule = input.Object("level", "ratio", "bands", "payment", "penalty", "priceFloor", "priceCap",
            "latePaysNothing");
        return new ScoringRule(
            rule.Required("level").Choice<ScoringLevel>(),
            rule.Optional("ratio") is { } ratio ? Ratio(ratio) : Unrounded(null),
            Rows(rule.Required("bands"), Band), Rows(rule.Required("payment"), Term),
            rule.Optional("penalty") is { } penalty ? Penalty(penalty) : null,
            rule.Optional("priceFloor")?.Decimal(), rule.Optional("priceCap")?.Decimal(),
            rule.Optional("latePaysNothing")?.Flag() ?? false);
    }

    private static RatioReading Ratio(InputValue input)
    {
        var ratio = input.Object("decimals", "rounding", "place", "cap");
        var decimals = ratio.Optional("decimals")?.Integer(0, ScoringRule.RatioDecimalsMax);
        var cap = ratio.Optional("cap")?.Decimal();
        return decimals is null
            ? Unrounded(cap)
            : new(decimals, ratio.Required("rounding").Choice<RatioRounding>(),
                ratio.Required("place").Choice<RatioRoundingPlace>(), cap);
    }

    // Without decimals the other two say nothing; they are always written the same.
    private static RatioReading Unrounded(decimal? cap) =>
        new(null, RatioRounding.HalfAwayFromZero, RatioRoundingPlace.BeforeLookup, cap);

    private static ScoringBand Band(InputValue input)
    {
        var band = input.Object("from", "included", "value", "slope");
        return new(band.Optional("from")?.Decimal(), Included(band), band.Optional("value")?.Decimal(),
            band.Optional("slope")?.Decimal() ?? 0m);
    }

    private static ScoringTerm Term(InputValue input)
    {
        var term = input.Object(["quantity", "timesHours", "factors", .. PriceMembers]);
        return new(term.Required("quantity").Choice<ScoredQuantity>(), term.Optional("timesHours")?.Flag()
            ?? true, Price(term),
            term.Optional("factors") is { } factors ? Rows(factors, Step) : []);
    }

    private static FactorStep Step(InputValue input)
    {
        var step = input.Object("from", "included", "factor");
        return new(step.Optional("from")?.Decimal(), Included(step), step.Required("factor").Decimal());
    }

    private static ScoringPenalty Penalty(InputValue input)
    {
        var penalty = input.Object(["below", "included", "edge", "against", .. PriceMembers]);
        return new(penalty.Optional("below")?.Decimal(), penalty.Optional("included")?.Flag() ?? false,
            penalty.Required("edge").Decimal(), penalty.Required("against").Choice<ScoredQuantity>(), Price(penalty));
    }

    private static readonly string[] PriceMembers = ["price", "fixedPrice", "byHours", "priceFactor"];

    private static ScoringPrice Price(InputObject term) => new(
        term.Required("price").Choice<PriceSource>(), term.Optional("fixedPrice")?.Decimal(),
        term.Optional("byHours") is { } rows ? Rows(rows, HoursPrice) : [], term.Optional("priceFactor")?.Decimal()
            ?? 1m);

    private static HoursPrice HoursPrice(InputValue input)
    {
        var row = input.Object("hours", "price");
        return new(row.Required("hours").Decimal(), row.Required("price").Decimal());
    }

    // A knot belongs to the band that it begins, unless the rule says otherwise.
    private static bool Included(InputObject knot) => knot.Optional("included")?.Flag() ?? true;

    private static List<T> Rows<T>(InputValue input, Func<InputValue, T> read)
    {
        var rows = input.Array();
        return rows.Count <= RowsMax
            ? rows.ConvertAll(row => read(row))
            : throw new InputRefusedException(Rejection.WrongCount, input.Path, "",
                $"must have at most {RowsMax} elements");
    }
}
