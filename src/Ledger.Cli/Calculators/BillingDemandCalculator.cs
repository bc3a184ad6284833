using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>billing-demand {rule: {percent, lookbackMonths?, months?, minimumKw?, wrap?}, monthlyPeaksKw,
/// previousYearPeaksKw?}</c> → <c>{billedKw, because}</c>: what a ratchet bills of each month of a year.
/// </summary>
static class BillingDemandCalculator
{
    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("rule", "monthlyPeaksKw", "previousYearPeaksKw");
        var rule = TariffTermsText.Ratchet(asked.Required("rule"));
        var year = asked.Required("monthlyPeaksKw");
        var peaks = year.Array().ConvertAll(BillCalculator.Kilowatts);
        if (peaks.Count is 0 or > 12) throw year.Refused(Rejection.WrongCount, "must have 1 to 12 months");
        var earlier = new List<decimal>();
        if (asked.Optional("previousYearPeaksKw") is { } previous)
        {
            if (rule.Wraps)
                throw previous.Refused(Rejection.OutOfRange, "a rule that wraps has no year before its own");
            earlier = previous.Array().ConvertAll(BillCalculator.Kilowatts);
            if (earlier.Count != 12) throw previous.Refused(Rejection.WrongCount, "must have 12 months");
        }

        // Without a number of months the rule counts the months of the given year, and no others.
        if (rule.LookbackMonths is null) earlier.Clear();
        var billed = BillingDemand.Of(rule, Months(peaks), Months(earlier));
        return new JsonObject
        {
            ["billedKw"] = new JsonArray([.. billed.Select(month => (JsonNode?)month.Kw?.ToString(
                "0.############################", CultureInfo.InvariantCulture))]),
            ["because"] = new JsonArray([.. billed.Select(month => (JsonNode)month.Because)]),
        };
    }

    static List<MonthPeak> Months(List<decimal> peaks) => [.. peaks.Select((kw, i) => new MonthPeak(i + 1, kw))];
}
