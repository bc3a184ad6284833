using System.Globalization;
using System.Numerics;
using NodaTime;

namespace Ledger.Domain;

/// <summary>What of a part of the bill is charged beside the statement's lines of energy.</summary>
internal sealed record ChargedAmount(string Name, Fraction? Amount, ExplainedValue Why);

/// <summary>A part of a month's bill: a quantity with what it comes to; null where that is not known.</summary>
/// <param name="Charge">Null of energy that is in the statement's lines already.</param>
internal sealed record ChargedPart(
    BillPart Part, LocalDate Of, Fraction? Quantity, Fraction? Amount, decimal TaxPercent, string? Problem,
    ExplainedValue Why, ChargedAmount? Charge);

/// <summary>
/// The bill of a month in fractions, written apart from <see cref="Bill"/>: the parts in the order in which a problem
/// of one is named before that of another.
/// </summary>
/// <param name="earlier">Months that are looked back at.</param>
/// <param name="stays">Who stood there.</param>
internal sealed class ChargedBill(
    TariffPublished tariff, IReadOnlyList<ReasonedPeriod> periods,
    IReadOnlyList<(YearMonth Month, IReadOnlyList<ReasonedPeriod> Periods)> earlier,
    IReadOnlyList<StandingStay> stays)
{
    private const string Missing = "an amount that it is of is missing";

    private readonly TariffTerms terms = tariff.Terms ?? TariffTerms.None;
    private readonly YearMonth month = periods[0].Day.ToYearMonth();
    private readonly Dictionary<string, ExplainedValue> billedDemands = [];

    private LocalDate First => month.OnDayOfMonth(1);

    public IReadOnlyList<ChargedPart> Of()
    {
        var energies = ChargedMonth.Energies(tariff, periods);
        // Tiers in hours of use are counted by billed demand, so demand is looked at first and stands after energy.
        ChargedPart[] demand = [.. terms.DemandCharges.SelectMany(Demand)];
        ChargedPart[] parts = [.. energies.SelectMany(OfEnergy), .. demand, .. Fees(energies)];
        parts = [.. parts, .. Taxes(parts)];
        return [.. parts, .. Bounds(parts)];
    }

    private IEnumerable<ChargedPart> OfEnergy(MonthEnergy energy)
    {
        if (energy is { Direction: Direction.Export, Problem: null } && energy.Why.From.All(day => day.Follows == "0"))
            return [];
        var price = energy.Period is { } period
            ? EnergyPrices.Of(tariff, month.Month, period, energy.Direction) : null;
        var tax = price?.TaxPercent ?? terms.TaxPercent;
        var name = ChargedMonth.Named(energy.Direction, energy.Period);
        var use = price is not null && price.Tiers.Any(tier => tier.Unit == TierUnit.HoursOfUse);
        var kw = use ? billedDemands.GetValueOrDefault(terms.UseBy ?? "") : null;
        var problem = energy.Problem ?? (price is null ? "price missing"
            : use && kw?.Follows is null or ExplainedValue.None
                ? "billed demand not known, by which tiers are counted" : null);
        ExplainedValue[] from = kw is null ? [energy.Why] : [energy.Why, kw];
        if (problem is not null)
        {
            var unknown = Value(name, null, ExplanationRule.Tier, problem, from);
            return [new(BillPart.Energy, First, energy.Kwh, null, tax, problem, unknown,
                price is null or { Tiers.Count: 1 } ? null : new($"{name}, tier 0", null, unknown))];
        }

        var sign = energy.Direction == Direction.Import ? 1 : -1;
        return Tiers(price!.Tiers, energy.Kwh, kw is null ? Fraction.Zero : Number(kw.Follows)).Select(tier =>
        {
            Fraction? amount = tier.Price is { } each ? sign * tier.Quantity * Fraction.Of(each) : null;
            Fraction? above = tier.Price is { } dear
                ? sign * tier.Quantity * (Fraction.Of(dear) - Fraction.Of(price.Tiers[0].Price)) : null;
            var missing = tier.Price is null ? "price missing above the last tier" : null;
            return new ChargedPart(BillPart.Energy, First, tier.Quantity, amount, tax, missing,
                Value(name, amount, ExplanationRule.Tier, $"{Text(tier.Quantity)} kWh × {Text(tier.Price)}", from),
                price.Tiers.Count == 1 || tier.Number == 1 ? null
                    : new(string.Create(CultureInfo.InvariantCulture, $"{name}, tier {tier.Number}"), above,
                        Value(name, above, ExplanationRule.Tier, $"{Text(tier.Quantity)} kWh × ({Text(tier.Price)} − "
                            + $"{Text(price.Tiers[0].Price)})", from)));
        });
    }

    /// <summary>What of a quantity lies between the limits of each tier; all below a limit in hours of use is at most
    /// that many kWh for each kW.</summary>
    private static IEnumerable<(int Number, Fraction Quantity, decimal? Price)> Tiers(
        IReadOnlyList<PriceTier> tiers, Fraction quantity, Fraction kw)
    {
        if (quantity == Fraction.Zero)
        {
            yield return (1, quantity, tiers.Count > 0 ? tiers[0].Price : null);
            yield break;
        }

        var reached = Fraction.Zero;
        for (var i = 0; i < tiers.Count; i++)
        {
            var end = quantity;
            if (tiers[i].UpTo is { } limit)
                end = Fraction.Min(end,
                    Fraction.Of(limit) * (tiers[i].Unit == TierUnit.HoursOfUse ? kw : 1));
            foreach (var later in tiers.Skip(i + 1))
                if (later is { Unit: TierUnit.HoursOfUse, UpTo: { } hours })
                    end = Fraction.Min(end, Fraction.Of(hours) * kw);
            if (end <= reached) continue;
            yield return (i + 1, end - reached, tiers[i].Price);
            reached = end;
        }

        if (reached < quantity) yield return (tiers.Count + 1, quantity - reached, null);
    }

    private IEnumerable<ChargedPart> Demand(DemandCharge charge)
    {
        var measured = ChargedMonth.Demands(charge, tariff, periods);
        if (charge.Per == DemandSpan.Day)
            return measured.Select(day => OfDemand(charge, day.First, day.Kw, day.Problem, day.Why));
        if (!charge.Prices.Any(price => price.Months.Contains(month.Month))
            && !charge.Windows.Any(window => window.Months.Contains(month.Month))) return [];
        var own = measured.FirstOrDefault();
        var ratchet = charge.Ratchet ?? DemandRatchet.None;
        var (kw, because) = own is { Kw: null } ? ((Fraction?)null, "own peak unknown") : (own?.Kw ?? Fraction.Zero, "own peak");
        if (kw < Fraction.Of(ratchet.MinimumKw)) (kw, because) = (Fraction.Of(ratchet.MinimumKw), "least that is agreed");
        var from = new List<ExplainedValue>();
        if (own is not null) from.Add(own.Why);
        for (var back = 1; kw is not null && back <= ratchet.LookbackMonths; back++)
        {
            var of = month.PlusMonths(-back);
            var percent = ratchet.PercentByMonth[of.Month - 1];
            if (percent == 0m || earlier.FirstOrDefault(each => each.Month == of).Periods is not { } looked) continue;
            // In some months nothing of the charge is measured.
            if (ChargedMonth.Demands(charge, tariff, looked) is not [var peak]) continue;
            from.Add(peak.Why with { Name = $"peak of {peak.First.Year:D4}-{of.Month:D2}" });
            if (peak.Kw is not { } highest)
                (kw, because) = (null, $"the peak of a month {of.Month} that is looked back at is unknown");
            else if (highest * Fraction.Of(percent / 100m) is var kept && kept > kw)
                (kw, because) = (kept, $"{Text(percent)} % of {Text(highest)} kW in a month {of.Month}");
        }

        var billed = new ExplainedValue("billed demand", "kW", Text(kw), Text(kw), ExplanationRule.BilledDemand, because,
            from);
        billedDemands[charge.Name] = billed;
        return own is null && kw == Fraction.Zero ? []
            : [OfDemand(charge, First, kw, kw is null ? own?.Problem ?? because : null, billed)];
    }

    private ChargedPart OfDemand(
        DemandCharge charge, LocalDate of, Fraction? kw, string? problem, ExplainedValue billed)
    {
        var prices = charge.Prices.FirstOrDefault(price => price.Months.Contains(of.Month));
        var parts = kw is { } known && prices is not null ? Tiers(prices.Tiers, known, Fraction.Zero).ToList() : [];
        problem ??= prices is null ? "price missing"
            : parts.Any(part => part.Price is null) ? "price missing above the last tier" : null;
        Fraction? amount = problem is null ? parts.Aggregate(Fraction.Zero, (sum, part) =>
            sum + part.Quantity * Fraction.Of(part.Price!.Value)) : null;
        var why = Value(charge.Name, amount, ExplanationRule.Tier, problem
            ?? string.Join(" + ", parts.Select(part => $"{Text(part.Quantity)} kW × {Text(part.Price)}")), [billed]);
        return new(BillPart.Demand, of, kw, amount, charge.TaxPercent ?? terms.TaxPercent, problem, why,
            new(charge.Name, amount, why));
    }

    private IEnumerable<ChargedPart> Fees(IReadOnlyList<MonthEnergy> energies)
    {
        List<MonthEnergy> imported = [.. energies.Where(energy => energy.Direction == Direction.Import)];
        foreach (var fee in terms.Fees)
        {
            if (fee.Per is FeeBasis.Session or FeeBasis.ParkedHour)
            {
                yield return OfStays(fee);
                continue;
            }
            var problem = fee.Per == FeeBasis.Kwh ? imported.Select(energy => energy.Problem)
                .FirstOrDefault(each => each is not null) : null;
            var quantity = fee.Per switch
            {
                FeeBasis.Month => 1,
                FeeBasis.Day => Period.DaysBetween(periods[0].Day, periods[^1].Day) + 1,
                _ => imported.Aggregate(Fraction.Zero, (sum, energy) => sum + energy.Kwh),
            };
            Fraction? amount = problem is null ? quantity * Fraction.Of(fee.Amount) : null;
            var why = Value(fee.Name, amount, ExplanationRule.Fee,
                problem ?? $"{Text(quantity)} by {fee.Per.ToString().ToLowerInvariant()} × {Text(fee.Amount)}",
                fee.Per == FeeBasis.Kwh ? [.. imported.Select(energy => energy.Why)] : []);
            var part = fee.Per is FeeBasis.Month or FeeBasis.Day ? BillPart.Fixed : BillPart.Fees;
            yield return new(part, First, quantity, amount, fee.TaxPercent ?? terms.TaxPercent, problem, why,
                new(fee.Name, amount, why));
        }
    }

    /// <summary>A session is of the month in which it began; what is parked, of each month in its own steps.</summary>
    private ChargedPart OfStays(TariffFee fee)
    {
        var (from, until) = (periods[0].Period.Start, periods[^1].Period.End);
        var here = stays.Where(stay => stay.Time.Start < until && stay.Time.End > from).ToList();
        string? problem = null;
        Fraction quantity = here.Count(stay => stay.Time.Start >= from);
        Fraction? amount = quantity * Fraction.Of(fee.Amount);
        if (fee.Per == FeeBasis.ParkedHour)
        {
            var seconds = here.Select(stay => ParkedSeconds(
                new(Instant.Max(stay.Time.Start, from), Instant.Min(stay.Time.End, until)))).ToList();
            if (seconds.IndexOf(null) is >= 0 and var unknown)
                problem = "how long was parked is not known of the session from "
                    + $"{Instant.Max(here[unknown].Time.Start, from)}";
            var steps = seconds.OfType<Fraction>().Aggregate(Fraction.Zero, (sum, each) => sum
                + new Fraction((each / fee.StepSeconds).Ceiling() * fee.StepSeconds, 1));
            quantity = Hourly(steps);
            amount = problem is null ? Hourly(steps * Fraction.Of(fee.Amount)) : null;
        }
        var why = Value(fee.Name, amount, ExplanationRule.Fee, problem ?? (fee.Per == FeeBasis.Session
                ? $"{Text(quantity)} by session × {Text(fee.Amount)}"
                : $"{Text(quantity)} hours parked × {Text(fee.Amount)}"), [.. here.Select(Stay)]);
        return new(BillPart.Fees, First, problem is null || fee.Per == FeeBasis.Session ? quantity : null, amount,
            fee.TaxPercent ?? terms.TaxPercent, problem, why, new(fee.Name, amount, why));
    }

    /// <summary>Whole seconds in which neither direction moved; null where of any of it nobody knows.</summary>
    private Fraction? ParkedSeconds(Interval stay)
    {
        var parked = Fraction.Zero;
        foreach (var period in periods.Where(each => each.Period.Start < stay.End && each.Period.End > stay.Start))
        {
            if (period.Of(Direction.Import) is not { } import || period.Of(Direction.Export) is not { } export)
                return null;
            if (import.IsZero && export.IsZero)
                parked += new Fraction((Instant.Min(period.Period.End, stay.End)
                    - Instant.Max(period.Period.Start, stay.Start)).ToInt64Nanoseconds(), 1_000_000_000);
        }
        return new(parked.Numerator / parked.Denominator, 1);
    }

    private static ExplainedValue Stay(StandingStay stay) => new($"stay from {stay.Time.Start}", "", $"to {stay.Time.End}",
        $"to {stay.Time.End}", ExplanationRule.Fee, stay.Departed is null ? "not over yet" : "over",
        [
            ExplainedValue.Of(stay.Arrived.Position, "connected", "", $"{stay.Arrived.Fact.At}"),
            .. stay.Departed is { } departed
                ? [ExplainedValue.Of(departed.Position, "not connected", "", $"{departed.Fact.At}")]
                : Array.Empty<ExplainedValue>(),
        ]);

    /// <summary>Seconds, or money for seconds, by the hour: to twelve decimals, half away from zero.</summary>
    private static Fraction Hourly(Fraction value)
    {
        var scale = BigInteger.Pow(10, 12);
        var each = value / 3_600;
        var twice = BigInteger.Abs(each.Numerator) * scale * 2 + each.Denominator;
        return new(twice / (each.Denominator * 2) * each.Numerator.Sign, scale);
    }

    private IEnumerable<ChargedPart> Taxes(IReadOnlyList<ChargedPart> parts) =>
        parts.Where(part => part.TaxPercent != 0m).GroupBy(part => part.TaxPercent).OrderBy(rate => rate.Key)
            .Select(rate =>
            {
                var net = Total(rate);
                var amount = net * Fraction.Of(rate.Key / 100m);
                var name = FormattableString.Invariant($"tax {rate.Key:0.############} %");
                var why = Value(name, amount, ExplanationRule.Tax, $"{Text(net)} × {Text(rate.Key)} %",
                    [.. rate.Select(part => part.Why)]);
                return new ChargedPart(BillPart.Tax, First, net, amount, 0m, net is null ? Missing : null, why,
                    new(name, amount, why));
            });

    private List<ChargedPart> Bounds(IReadOnlyList<ChargedPart> parts)
    {
        if (terms.Bounds is not { Per: BoundSpan.Month } bounds) return [];
        ExplainedValue[] all = [.. parts.Select(part => part.Why)];
        ChargedPart Adjustment(BillPart part, string name, Fraction? amount, string? problem)
        {
            var why = Value(name, amount, ExplanationRule.Bound, problem ?? "what is left to the bound", all);
            return new(part, First, amount, amount, 0m, problem, why, new(name, amount, why));
        }

        if (Total(parts.Where(part => part.Part != BillPart.Tax)) is not { } net
            || Total(parts.Where(part => part.Part == BillPart.Tax)) is not { } tax)
            return [Adjustment(BillPart.Fees, "least and most price", null, Missing)];
        var added = Held(net, bounds.Least, bounds.Most) - net;
        // Where no bound with tax is stated, the tariff's own tax is on what is added.
        var taxAdded = bounds.LeastWithTax is null && bounds.MostWithTax is null
            ? added * Fraction.Of(terms.TaxPercent / 100m)
            : Held(net + tax, bounds.LeastWithTax, bounds.MostWithTax) - net - tax - added;
        var name = added >= Fraction.Zero ? "least price" : "most price";
        var adjusted = new List<ChargedPart>();
        if (added != Fraction.Zero) adjusted.Add(Adjustment(BillPart.Fees, name, added, null));
        if (taxAdded != Fraction.Zero) adjusted.Add(Adjustment(BillPart.Tax, $"tax of {name}", taxAdded, null));
        return adjusted;
    }

    private static Fraction Held(Fraction amount, decimal? least, decimal? most)
    {
        var held = least is { } low ? Fraction.Max(amount, Fraction.Of(low)) : amount;
        return most is { } high ? Fraction.Min(held, Fraction.Of(high)) : held;
    }

    private static Fraction? Total(IEnumerable<ChargedPart> parts) =>
        parts.Aggregate((Fraction?)Fraction.Zero, (sum, part) => sum + part.Amount);

    private ExplainedValue Value(string name, Fraction? value, ExplanationRule rule, string how,
        IReadOnlyList<ExplainedValue> from) => new(name, tariff.Currency, Text(value), Text(value), rule, how, from);

    private static Fraction Number(string text) =>
        Fraction.Of(decimal.Parse(text, NumberStyles.Number, CultureInfo.InvariantCulture));

    private static string Text(Fraction? value) => ChargedMonth.Text(value);

    private static string Text(decimal? value) => ExplainedValue.Text(value);
}
