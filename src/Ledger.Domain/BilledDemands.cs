using NodaTime;

namespace Ledger.Domain;

/// <summary>The billed demand of each charge and month, and the lines of it.</summary>
internal sealed class BilledDemands
{
    private readonly Dictionary<(string Charge, YearMonth Month), decimal?> kilowatts = [];
    private readonly List<BillLine> lines = [];

    private BilledDemands() { }

    /// <summary>Null where it is not known, or no such charge has a price or window in the month.</summary>
    public decimal? Kw(string? charge, YearMonth month) =>
        charge is null ? null : kilowatts.GetValueOrDefault((charge, month));

    public IEnumerable<BillLine> Lines(YearMonth month) => lines.Where(line => line.Of.ToYearMonth() == month);

    public static BilledDemands Of(
        TariffPublished tariff, DateTimeZone zone, IReadOnlyList<BillLoad> loads, IReadOnlyList<YearMonth> months,
        IReadOnlyList<EarlierPeak> earlier)
    {
        var demands = new BilledDemands();
        var terms = tariff.Terms ?? TariffTerms.None;
        foreach (var charge in terms.DemandCharges)
        {
            var spans = MeasuredDemand.Of(charge, tariff, zone, loads);
            if (charge.Per == DemandSpan.Day) demands.AddDays(charge, spans, charge.TaxPercent ?? terms.TaxPercent);
            else
                demands.AddMonths(charge, spans, months, [.. earlier.Where(peak => peak.Charge == charge.Name)],
                    charge.TaxPercent ?? terms.TaxPercent);
        }

        return demands;
    }

    private void AddDays(DemandCharge charge, IReadOnlyList<SpanDemand> spans, decimal tax)
    {
        foreach (var span in spans)
            Add(charge, span.First, span.Highest?.Kilowatts, Measured(span), span.Problem, 0m, tax);
    }

    private void AddMonths(
        DemandCharge charge, IReadOnlyList<SpanDemand> spans, IReadOnlyList<YearMonth> months,
        EarlierPeak[] earlier, decimal tax)
    {
        decimal? Incurred(YearMonth month) => earlier.Where(peak => peak.Month == month)
            .Aggregate((decimal?)0m, (highest, peak) => highest > peak.Kw ? highest
                : highest is null ? null : peak.Kw);
        SpanDemand? Span(YearMonth month) => spans.FirstOrDefault(span => span.First.ToYearMonth() == month);
        // A month in which nothing of the charge is measured has no peak of its own; one that is measured and not
        // known has an unknown one.
        MonthPeak Peak(YearMonth month) => Span(month) is { } span
            ? new(month.Month, span.Highest is { } highest && Incurred(month) is { } incurred
                ? Math.Max(highest.Kilowatts, incurred) : null)
            : new(month.Month, Incurred(month));
        var known = earlier.Where(peak => peak.Month.CompareTo(months[0]) < 0).Select(peak => peak.Month).Distinct()
            .Order().ToList();
        var looked = new List<MonthPeak>();
        for (var month = known.Count > 0 ? known[0] : months[0]; month.CompareTo(months[0]) < 0;
            month = month.PlusMonths(1))
            looked.Add(new(month.Month, Incurred(month)));
        var ratchet = charge.Ratchet ?? DemandRatchet.None;
        var billed = BillingDemand.Of(ratchet, [.. months.Select(Peak)], looked);
        // What a month was billed before is what the same rule made of the peaks that were known then.
        var before = BillingDemand.Of(
            ratchet, [.. months.Select(month => new MonthPeak(month.Month, Incurred(month)))], looked);
        foreach (var (i, month) in months.Index())
        {
            var priced = charge.Prices.Any(price => price.Months.Contains(month.Month));
            var measured = charge.Windows.Any(window => window.Months.Contains(month.Month));
            if (!priced && !measured) continue;
            kilowatts[(charge.Name, month)] = billed[i].Kw;
            var span = Span(month);
            if (span is null && billed[i].Kw == 0m) continue;
            Add(charge, month.OnDayOfMonth(1), billed[i].Kw,
                span is null ? billed[i].Because : $"{billed[i].Because}; {Measured(span)}",
                billed[i].Kw is null ? span?.Problem ?? billed[i].Because : null,
                Array.Exists(earlier, peak => peak.Month == month) ? before[i].Kw ?? 0m : 0m, tax);
        }
    }

    private void Add(
        DemandCharge charge, LocalDate of, decimal? kw, string basis, string? problem, decimal before, decimal tax)
    {
        var price = charge.Prices.FirstOrDefault(price => price.Months.Contains(of.Month));
        var line = new BillLine(0, BillPart.Demand, charge.Name, of, "kW", kw, null, null, null, tax, basis,
            $"demand price of month {of.Month}, intervals of {charge.IntervalMinutes} min", problem);
        if (problem is not null || price is null || kw is not { } billed)
        {
            lines.Add(line with { Problem = problem ?? "price missing" });
            return;
        }

        AddParts(line, price, billed, 1m);
        // Only the increment is due: what the month was billed before is taken off by the same tiers.
        if (before > 0m) AddParts(line with { Basis = "billed before in this month" }, price, before, -1m);
    }

    private void AddParts(BillLine line, DemandPrice price, decimal kw, decimal sign)
    {
        foreach (var part in PriceTiers.Split(price.Tiers, kw))
            lines.Add(line with
            {
                Quantity = sign * part.Quantity,
                Price = part.Price,
                AmountExact = part.Price is { } each ? sign * ExactDecimal.Times(part.Quantity, each) : null,
                Basis = price.Tiers.Count == 1 ? line.Basis : $"{line.Basis}, tier {part.Tier} of {price.Tiers.Count}",
                Problem = part.Price is null ? "price missing above the last tier" : null,
            });
    }

    private static string Measured(SpanDemand span) =>
        span is { Highest: { } highest, At: { } at } ? $"{highest} from {at}" : span.Problem ?? "not measured";
}
