using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>deliver {rule: "uftp", direction, pricePerKwh, penaltyPerKwh, periods}</c>: what was delivered of an order, what
/// was not, and the money of both, by the flexibility-settlement rule of the Shapeshifter (UFTP) specification.
/// </summary>
static class DeliverCalculator
{
    /// <summary>Digits of price, power and hours together: their product then fits a decimal without rounding.</summary>
    const int digitsTogetherMax = 27;

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("rule", "direction", "pricePerKwh", "penaltyPerKwh", "periods");
        var rule = asked.Required("rule");
        if (rule.Text() != "uftp") throw rule.Refused(Rejection.OutOfRange, "must be \"uftp\"");
        var direction = asked.Required("direction");
        var order = direction.Text() switch
        {
            "reduce" => FlexDirection.Reduce,
            "increase" => FlexDirection.Increase,
            _ => throw direction.Refused(Rejection.OutOfRange, "must be \"reduce\" or \"increase\""),
        };
        var price = asked.Required("pricePerKwh").Decimal();
        var penalty = asked.Required("penaltyPerKwh").Decimal();
        var periods = new JsonArray();
        var total = new decimal[5];
        foreach (var row in asked.Required("periods").Array())
        {
            var delivery = Deliver(row, order, price, penalty);
            decimal[] values = [delivery.Delivered, delivery.Deficiency, delivery.Payment, delivery.Penalty, delivery.Net];
            for (var i = 0; i < total.Length; i++) total[i] += values[i];
            periods.Add((JsonNode)Answer(values));
        }
        return new JsonObject { ["periods"] = periods, ["total"] = Answer(total) };
    }

    static DeliveryPeriod Deliver(InputValue row, FlexDirection order, decimal price, decimal penalty)
    {
        var period = row.Object("baselineKw", "actualKw", "orderedKw", "hours");
        var baseline = period.Required("baselineKw").Decimal();
        var actual = period.Required("actualKw").Decimal();
        var ordered = NotNegative(period.Required("orderedKw"));
        var hours = NotNegative(period.Required("hours"));
        var together = Math.Max(Digits(price), Digits(penalty)) + Digits(hours)
            + Math.Max(Math.Max(Digits(baseline), Digits(actual)), Digits(ordered)) + 1;
        if (together > digitsTogetherMax)
            throw row.Refused(Rejection.TooManyDigits, $"price, power and hours may have {digitsTogetherMax} digits together");
        return Delivery.Uftp(order, baseline, actual, ordered, hours, price, penalty);
    }

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
