using System.Globalization;
using Ledger.Domain;

namespace Ledger.Projections;

/// <summary>
/// What differs between two runs as a person would say it: of a line what was billed before and how that energy was
/// known, what is billed now, and what energy, price and rounding made of the difference; of a charge and of a line of
/// flexibility both quantities and both amounts; of all of it one sentence. In figures that can be checked.
/// </summary>
internal static class ChangeWords
{
    private const int KwhDecimals = 6, FactsInWords = 12;

    /// <summary>All of a difference in one sentence.</summary>
    public static string Of(RunDifference difference)
    {
        var (before, after, change) = (difference.Before, difference.After, difference.Change);
        var lacking = Lacking(before, after);
        if (difference.Causes.Count == 0)
            return $"{after.Run} comes to the same as {before.Run}, line by line.{lacking}";
        var since = Math.Min(before.AtPosition, after.AtPosition);
        var between = difference.Causes.SelectMany(cause => cause.Facts).Where(fact => fact >= since).Distinct()
            .Order().ToList();
        return (change == 0m ? $"{before.Account} pays the same by {after.Run} as by {before.Run}"
                : $"{before.Account} pays {(Money)Math.Abs(change)} {before.Currency} "
                    + $"{(change < 0m ? "less" : "more")} by {after.Run} than by {before.Run}")
            + (between.Count == 0 ? "." : $", because of what came between them, at position{(between.Count == 1 ? "" : "s")} "
                + string.Join(", ", between.Take(FactsInWords).Select(fact => fact.ToString(CultureInfo.InvariantCulture)))
                + $"{(between.Count > FactsInWords ? " and others" : "")}.") + lacking;
    }

    /// <summary>Which of the runs have lines without an amount: such a total moves as soon as they have one.</summary>
    private static string Lacking(params TimeOfUseSettlement.RunRow[] runs)
    {
        var names = runs.Where(run => run.Incomplete).Select(run => run.Run).Distinct().ToList();
        return names.Count == 0 ? "" : $" Incomplete: {string.Join(", ", names)}; what has no amount is in no total.";
    }

    /// <summary>A charge beside energy.</summary>
    public static string Of(StatementCharge? before, StatementCharge? after, string currency)
    {
        var charge = (after ?? before)!;
        return $"{charge.Name} of {ChargeKey.From(charge).Whose}: " + Moved(before is null ? null : Quantity(before),
            after is null ? null : Quantity(after), Amount(before?.Amount, before?.Problem, currency),
            Amount(after?.Amount, after?.Problem, currency), before?.Amount, after?.Amount, currency);

        static string Quantity(StatementCharge of) => of.Quantity is { } quantity ? $"{Number(quantity)} {of.Unit}" : "not known";
    }

    /// <summary>A line of flexibility.</summary>
    public static string Of(FlexibilityLine? before, FlexibilityLine? after, string currency)
    {
        return $"{FlexibilityKey.From((after ?? before)!)}: " + Moved(before is null ? null : Quantity(before),
            after is null ? null : Quantity(after), Amount(before?.Amount, before?.Problem, currency),
            Amount(after?.Amount, after?.Problem, currency), before?.Amount, after?.Amount, currency)
            + (before is not null && after is not null && before.Payer != after.Payer
                ? $"; paid by {before.Payer} before and by {after.Payer} now" : "");

        static string Quantity(FlexibilityLine of) => of.Kwh is { } kwh ? $"{Number(kwh)} kWh"
            : of.Kind == FlexibilityKind.Redistribution ? "its share" : "not known";
    }

    private static string Moved(string? was, string? now, string amountBefore, string amountAfter, decimal? before,
        decimal? after, string currency) =>
        was is null ? $"new, {now} = {amountAfter}"
        : now is null ? $"no longer there, it was {was} = {amountBefore}"
        : (was == now ? $"{now} as before" : $"{was} before and {now} now")
            + (before is { } old && after is { } current
                ? current == old ? $", {amountAfter} as before"
                    : $", {(Money)old} before and {amountAfter} now: {SignedMoney(current - old)} {currency}"
                : $", {amountBefore} before and {amountAfter} now");

    private static string Amount(decimal? amount, string? problem, string currency) =>
        amount is { } known ? $"{(Money)known} {currency}" : $"no amount ({problem})";

    /// <param name="was">Why the line before has its energy; null where the line was not there.</param>
    /// <param name="now">The same of the line after.</param>
    public static string Of(StatementLine? before, StatementLine? after, ExplainedValue? was, ExplainedValue? now,
        (decimal ByEnergy, decimal ByPrice, decimal ByRounding) parts, string currency)
    {
        if (before is null) return $"new: {Billed(after!, now!)}{Priced(after!, currency)}";
        if (after is null) return $"no longer there: {Billed(before, was!)}{Priced(before, currency)}";
        var says = (before.Metered, before.BilledKwh) == (after.Metered, after.BilledKwh)
            ? after.BilledKwh is null ? "energy is not known, as before" : $"the same {Number(after.BilledKwh.Value)} kWh"
            : before.Metered == after.Metered
                ? $"the same energy, of which {Kwh(before)} was billed and {Kwh(after)} is: the rest of a step is "
                    + "carried from line to line"
            : How(before, was!) == How(after, now!)
                ? $"{Kwh(before)} before and {Kwh(after)} now, both {How(after, now!)}"
            : $"before {Kwh(before)}, {How(before, was!)}; now {Kwh(after)}, {How(after, now!)}";
        if (before.PricePerKwh != after.PricePerKwh || before.TariffPeriod != after.TariffPeriod)
            says += $"; the price was {Price(before, currency)} and is {Price(after, currency)}";
        if (before.AmountExact is null || after.AmountExact is null)
            return $"{says}; {Amount(before, currency)} before, {Amount(after, currency)} now";
        return says + Sum(before, after, parts, currency);
    }

    /// <summary>How an energy is known.</summary>
    private static string How(StatementLine line, ExplainedValue metered) =>
        metered.Rule == ExplanationRule.IntervalReadings ? "by the meter's interval readings"
        : metered.Rule == ExplanationRule.RegisterDifference ? "by the register"
        : metered.Rule == ExplanationRule.RegisterDivided
            ? "by the register, read over several periods and shared out among them"
        : metered.Rule == ExplanationRule.IntervalRecord ? $"by the power curve{Lacking(line)}"
        : metered.Rule == ExplanationRule.Estimate ? "by an estimate" : "because nothing says it";

    /// <summary>Of a curve, for how long it has no samples; the source of a line states it.</summary>
    private static string Lacking(StatementLine line)
    {
        const string Mark = " s not covered";
        var end = line.Source.IndexOf(Mark, StringComparison.Ordinal);
        if (end < 0) return "";
        var start = line.Source.LastIndexOf(' ', end - 1) + 1;
        return $", which lacks {line.Source[start..end]} s";
    }

    private static string Sum(StatementLine before, StatementLine after,
        (decimal ByEnergy, decimal ByPrice, decimal ByRounding) parts, string currency)
    {
        var sums = new List<string>();
        if (parts.ByEnergy != 0m)
        {
            var kwh = after.BilledKwh!.Value - before.BilledKwh!.Value;
            sums.Add($"{Number(Math.Abs(kwh))} kWh {(kwh > 0m ? "more" : "less")} × {Number(before.PricePerKwh!.Value)} "
                + $"{currency} = {Signed(parts.ByEnergy)} {currency}");
        }
        if (parts.ByPrice != 0m)
            sums.Add($"{Number(after.BilledKwh!.Value)} kWh × ({Number(after.PricePerKwh!.Value)} − "
                + $"{Number(before.PricePerKwh!.Value)}) = {Signed(parts.ByPrice)} {currency}");
        if (parts.ByRounding != 0m) sums.Add($"{Signed(parts.ByRounding)} {currency} by rounding to what is paid");
        return sums.Count == 0 ? "" : $"; {string.Join(", ", sums)}";
    }

    private static string Billed(StatementLine line, ExplainedValue metered) =>
        line.Metered is null ? "energy not known" : $"{Kwh(line)} {How(line, metered)}";

    private static string Priced(StatementLine line, string currency) =>
        line.AmountExact is null ? $", {Amount(line, currency)}"
        : $" × {Number(line.PricePerKwh!.Value)} = {Amount(line, currency)}";

    private static string Amount(StatementLine line, string currency) => Amount(line.Amount, line.Problem, currency);

    private static string Price(StatementLine line, string currency) => line.PricePerKwh is { } price
        ? $"{Number(price)} {currency} per kWh in {line.TariffPeriod}" : "none";

    private static string Kwh(StatementLine line) =>
        line.Metered is { } energy ? $"{energy.ToKwh(KwhDecimals)} kWh" : "nothing known";

    private static string SignedMoney(decimal amount) => $"{(amount > 0m ? "+" : "−")}{(Money)Math.Abs(amount)}";

    private static string Signed(decimal number) => (number > 0m ? "+" : "−") + Number(Math.Abs(number));

    private static string Number(decimal number) =>
        number.ToString("0.############################", CultureInfo.InvariantCulture);
}
