using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>
/// What an account owes as a whole for days of a month, in fractions and written apart from
/// <see cref="StatementCharges"/>: standing fees, and the tax of each rate.
/// </summary>
internal static class ChargedAccount
{
    /// <param name="standing">The days that are counted; none owe nothing.</param>
    public static IReadOnlyList<ChargedPart> Of(
        TariffPublished tariff, LocalDate first, IReadOnlyList<StandingDay> standing)
    {
        if (standing.Count == 0 || tariff.Terms is not { } terms) return [];
        var fees = new List<ChargedPart>();
        foreach (var fee in terms.Fees.Where(fee => fee.Bearer == FeeBearer.Account))
        {
            // By the month a fee is due once, from the first day on that there is anything to keep.
            IReadOnlyList<StandingDay> counted = fee.Per == FeeBasis.Month ? [standing[0]] : standing;
            fees.Add(Part(BillPart.Fixed, fee.Name, counted.Count, counted.Count * Fraction.Of(fee.Amount),
                fee.TaxPercent ?? terms.TaxPercent, ExplanationRule.Fee,
                $"{counted.Count} by {(fee.Per == FeeBasis.Month ? "month" : "day")} × {ExplainedValue.Text(fee.Amount)}, "
                    + "once for the account", [.. counted.Select(Stood)]));
        }
        return [.. fees, .. fees.Where(fee => fee.TaxPercent != 0m).GroupBy(fee => fee.TaxPercent)
            .OrderBy(rate => rate.Key).Select(rate =>
            {
                var net = rate.Aggregate(Fraction.Zero, (sum, fee) => sum + fee.Amount!.Value);
                return Part(BillPart.Tax, FormattableString.Invariant($"tax {rate.Key:0.############} %"), net,
                    net * Fraction.Of(rate.Key / 100m), 0m, ExplanationRule.Tax,
                    $"{ChargedMonth.Text(net)} × {ExplainedValue.Text(rate.Key)} %", [.. rate.Select(fee => fee.Why)]);
            })];

        ChargedPart Part(BillPart part, string name, Fraction quantity, Fraction amount, decimal taxPercent,
            ExplanationRule rule, string how, IReadOnlyList<ExplainedValue> from)
        {
            var owed = ChargedMonth.Text(amount);
            var why = new ExplainedValue(name, tariff.Currency, owed, owed, rule, how, from);
            return new(part, first, quantity, amount, taxPercent, null, why, new(name, amount, why));
        }
    }

    private static ExplainedValue Stood(StandingDay day) => ExplainedValue.Of(day.Point.Position,
        $"settled point on {LocalDatePattern.Iso.Format(day.Day)}", "", day.Point.Fact.Point.Value);
}
