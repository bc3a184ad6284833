using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>deliver {rule, direction, pricePerKwh, penaltyPerKwh, periods}</c>: what was delivered of an order, what was not,
/// and the money of both, by the scoring rule of a pack. A period is what the rule scores at once: a settlement period,
/// an hour, a call or a month.
/// </summary>
static class DeliverCalculator
{
    /// <summary>Digits of price, power and hours together:
    /// their product then fits a decimal without rounding.</summary>
    const int digitsTogetherMax = 27;

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("rule", "direction", "pricePerKwh", "penaltyPerKwh", "periods");
        var rule = asked.Required("rule");
        if (StandardPacks.Find(rule.Text()) is not { Scoring: { } scoring })
            throw rule.Refused(Rejection.OutOfRange, $"must be one of {string.Join(", ", Names)}");
        if (!PaysByEnergy(scoring))
            throw rule.Refused(Rejection.OutOfRange, "pays by a capacity or an energy price, which is no member here: "
                + $"ask score, or name one of {string.Join(", ", Names)}");
        var direction = asked.Required("direction");
        var order = direction.Text() switch
        {
            "reduce" => FlexDirection.Reduce,
            "increase" => FlexDirection.Increase,
            _ => throw direction.Refused(Rejection.OutOfRange, "must be \"reduce\" or \"increase\""),
        };
        var prices = new ScoringPrices(asked.Required("pricePerKwh").Decimal(),
            asked.Required("penaltyPerKwh").Decimal());
        var periods = new JsonArray();
        var total = new decimal[5];
        foreach (var row in asked.Required("periods").Array())
        {
            var delivery = Deliver(row, scoring, order, prices);
            decimal[] values = [delivery.EffectiveKw, delivery.ShortfallKw, delivery.Payment, delivery.Penalty,
                delivery.Net];
            for (var i = 0; i < total.Length; i++) total[i] += values[i];
            periods.Add((JsonNode)Answer(values));
        }
        return new JsonObject { ["periods"] = periods, ["total"] = Answer(total) };
    }

    static IEnumerable<string> Names =>
        ScoreCalculator.Names.Where(name => PaysByEnergy(StandardPacks.Find(name)!.Scoring!));

    /// <summary>A price that a rule asks for and nobody states is not zero.</summary>
    static bool PaysByEnergy(ScoringRule rule) =>
        !rule.Uses(PriceSource.CapacityPrice) && !rule.Uses(PriceSource.EnergyPrice);

    static Score Deliver(InputValue row, ScoringRule rule, FlexDirection order, ScoringPrices prices)
    {
        var period = row.Object("baselineKw", "actualKw", "orderedKw", "hours");
        var baseline = period.Required("baselineKw").Decimal();
        var actual = period.Required("actualKw").Decimal();
        var ordered = NotNegative(period.Required("orderedKw"));
        var hours = NotNegative(period.Required("hours"));
        if (rule.Level == ScoringLevel.Hour && hours != 1)
            throw period.Required("hours").Refused(Rejection.OutOfRange,
                "must be 1: this rule scores an hour at once, so give the means of each hour");
        var together = Math.Max(Digits(prices.Price), Digits(prices.Penalty ?? 0m)) + Digits(hours)
            + Math.Max(Math.Max(Digits(baseline), Digits(actual)), Digits(ordered)) + 1;
        if (together > digitsTogetherMax) throw TooManyDigits(row);
        var scored = new ScoringInput(ordered, order == FlexDirection.Reduce
            ? baseline - actual : actual - baseline, hours, prices);
        if (Scoring.Refusal(rule, scored) is { } refused)
            throw period.Required(refused.Member).Refused(Rejection.OutOfRange, refused.Reason);
        try
        {
            return Scoring.Evaluate(rule, scored);
        }
        catch (OverflowException)
        {
            throw TooManyDigits(row);
        }
    }

    static InputRefusedException TooManyDigits(InputValue row) =>
        row.Refused(Rejection.TooManyDigits, $"price, power and hours may have {digitsTogetherMax} digits together");

    static decimal NotNegative(InputValue input)
    {
        var value = input.Decimal();
        return value >= 0 ? value : throw input.Refused(Rejection.OutOfRange, "must not be negative");
    }

    /// <summary>Whole digits and decimals that the value needs.</summary>
    static int Digits(decimal value)
    {
        var whole = decimal.Truncate(Math.Abs(value)).ToString(CultureInfo.InvariantCulture).Length;
        return whole + value.Scale;
    }

    static JsonObject Answer(decimal[] values) => new()
    {
        ["deliveredKw"] = Text(values[0]),
        ["deficiencyKw"] = Text(values[1]),
        ["payment"] = Text(values[2]),
        ["penalty"] = Text(values[3]),
        ["net"] = Text(values[4]),
    };

    static string Text(decimal value) => value.ToString("0.############################", CultureInfo.InvariantCulture);
}
