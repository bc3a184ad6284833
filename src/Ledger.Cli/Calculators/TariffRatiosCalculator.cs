using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>tariff-ratios {sharpPeak, peak, flat, valley, deepValley}</c> → the same five, held to their ratios against the
/// flat price. A period that the tariff does not have is left out.
/// </summary>
static class TariffRatiosCalculator
{
    public static JsonObject Evaluate(InputValue input)
    {
        string[] names = ["sharpPeak", "peak", "flat", "valley", "deepValley"];
        var asked = input.Object(names);
        var flat = NotNegative(asked.Required("flat"));
        var answer = new JsonObject();
        foreach (var (name, period) in names.Zip(Enum.GetValues<TariffPeriod>()))
            if (asked.Optional(name) is { } price)
                answer[name] = TariffRatios.Held(period, NotNegative(price), flat, RatioRule.Notice463)
                    .ToString("0.############################", CultureInfo.InvariantCulture);
        return answer;
    }

    static decimal NotNegative(InputValue input) => input.Decimal() is >= 0m and var price
        && TariffCoherence.Fits(price)
        ? price
        : throw input.Refused(Rejection.OutOfRange, $"must not be negative; {TariffCoherence.NumberRule}");
}
