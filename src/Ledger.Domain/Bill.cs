using NodaTime;

namespace Ledger.Domain;

/// <summary>The five sums of a bill. Fixed is what stands by month and day; fees are of a service, and what a least or
/// most price adds or takes off.</summary>
public enum BillPart { Energy = 1, Demand = 2, Fixed = 3, Fees = 4, Tax = 5 }

/// <summary>
/// One line: a quantity at a price, before tax except where it is tax. Positive is paid, negative credited. A line with
/// a problem has no amount.
/// </summary>
/// <param name="Of">The first day of the month, or the day, that it is of.</param>
/// <param name="Unit">Of the quantity: kWh, kW, month, day, session, hour, or the currency of what is taxed.</param>
/// <param name="TaxPercent">The tax that this amount bears; null of a line that bears none itself.</param>
/// <param name="Basis">From what the quantity follows.</param>
/// <param name="Rule">By which rule of the tariff.</param>
public sealed record BillLine(
    int Number, BillPart Part, string Name, LocalDate Of, string Unit, decimal? Quantity, decimal? Price,
    decimal? AmountExact, decimal? Amount, decimal? TaxPercent, string Basis, string Rule, string? Problem)
{
    /// <summary>Of a line of energy, what is priced; null of every other.</summary>
    public PricedEnergy? Energy { get; init; }
}

/// <summary>Which energy a line prices; the tier counts from 1 and is 0 where the tiers are not known.</summary>
public sealed record PricedEnergy(Direction Direction, TariffPeriod? Period, int Tier);

/// <summary>Sums of rounded lines; null where a line has no amount, so that nothing incomplete looks final.</summary>
public sealed record BillTotals(
    decimal? Energy, decimal? Demand, decimal? Fixed, decimal? Fees, decimal? Tax, decimal? Total);

/// <summary>A session as far as fees ask for it: when it began, and how long it stood without charging.</summary>
/// <param name="ParkedSeconds">Null where nobody knows.</param>
/// <param name="IsContinued">Whether it is the rest of one that began before all that is billed here.</param>
public sealed record BillSession(Instant Start, long? ParkedSeconds, bool IsContinued = false);

/// <summary>
/// What a demand charge measured before the load that is billed: in an earlier month it is looked back at, in a billed
/// month it was billed already, and only what exceeds it is due.
/// </summary>
/// <param name="Kw">Null where it was not known.</param>
public sealed record EarlierPeak(string Charge, YearMonth Month, decimal? Kw);

/// <summary>All that is billed together; loads in order of time and without overlaps.</summary>
public sealed record BillInput(
    IReadOnlyList<BillLoad> Loads, IReadOnlyList<BillSession> Sessions, IReadOnlyList<EarlierPeak> Earlier);

/// <summary>
/// What a tariff charges for a load: energy by month, period and tier; demand; fees; least and most price; tax. Amounts
/// are exact until the one rounding of the statement, by which the lines sum to the totals. Periods of a month that are
/// split or merged inside one price and one demand interval cost the same: energy is summed before it is priced.
/// </summary>
public sealed record Bill(
    TariffId Tariff, int Version, string Currency, IReadOnlyList<BillLine> Lines, BillTotals Totals, decimal Residual)
{
    /// <summary>Decimals of money that round nothing: a decimal has no more.</summary>
    public const int Unrounded = 28;

    /// <summary>A line has no amount, so its total and the one above have none either.</summary>
    public bool Incomplete => Lines.Any(line => line.Problem is not null);

    /// <exception cref="ArgumentException">There is no load, or loads overlap.</exception>
    /// <exception cref="OverflowException">An exact amount needs more digits than a decimal has.</exception>
    public static Bill Of(TariffPublished tariff, BillInput input)
    {
        var zone = DateTimeZoneProviders.Tzdb[tariff.Zone];
        var loads = WithoutHoles(input.Loads);
        var energies = BilledEnergy.Of(tariff, zone, loads);
        YearMonth[] months = [.. energies.Select(energy => energy.Month).Distinct()];
        var demand = BilledDemands.Of(tariff, zone, loads, months, input.Earlier);
        var (lines, carried) = (new List<BillLine>(), new Dictionary<Direction, Energy>());
        foreach (var month in months)
        {
            var from = lines.Count;
            BilledPeriod[] imported = [];
            foreach (var energy in energies.Where(energy => energy.Month == month))
            {
                var (billed, rest) = EnergyLines.Billed(energy, carried.GetValueOrDefault(energy.Direction),
                    tariff.EnergyDecimals);
                carried[energy.Direction] = rest;
                if (energy.Direction == Direction.Import) imported = [.. imported, billed];
                lines.AddRange(EnergyLines.Of(tariff, billed, demand));
            }

            lines.AddRange(demand.Lines(month));
            lines.AddRange(FeeLines.Of(tariff, zone, month, loads, input.Sessions, imported));
            lines.AddRange(TaxLines.Of(tariff, month.OnDayOfMonth(1), lines[from..], BoundSpan.Month));
        }

        lines.AddRange(TaxLines.Bounds(tariff, months[0].OnDayOfMonth(1), lines, BoundSpan.Bill));
        return Close(tariff, lines);
    }

    /// <summary>The same lines with the opposite sign: what takes this bill back entirely.</summary>
    public Bill Credit() => this with
    {
        Lines = [.. Lines.Select(line => line with
        {
            Quantity = -line.Quantity,
            AmountExact = -line.AmountExact,
            Amount = -line.Amount,
            Basis = $"credit of line {line.Number}: {line.Basis}",
        })],
        Totals = new(-Totals.Energy, -Totals.Demand, -Totals.Fixed, -Totals.Fees, -Totals.Tax, -Totals.Total),
        Residual = -Residual,
    };

    private static Bill Close(TariffPublished tariff, List<BillLine> lines)
    {
        for (var i = 0; i < lines.Count; i++) lines[i] = lines[i] with { Number = i + 1 };
        var priced = lines.Where(line => line.AmountExact is not null).ToList();
        var (rounded, residual) = StatementRounding.Apply(
            [.. priced.Select(line => line.AmountExact!.Value)], tariff.MoneyDecimals);
        for (var i = 0; i < priced.Count; i++)
            lines[priced[i].Number - 1] = priced[i] with { Amount = rounded[i] };
        decimal? Sum(params BillPart[] parts) => lines.Where(line => parts.Contains(line.Part))
            .Aggregate((decimal?)0m, (sum, line) =>
                sum is { } known && line.Amount is { } amount ? ExactDecimal.Plus(known, amount) : null);
        return new(tariff.Tariff, tariff.Version, tariff.Currency, lines, new(
            Sum(BillPart.Energy), Sum(BillPart.Demand), Sum(BillPart.Fixed), Sum(BillPart.Fees), Sum(BillPart.Tax),
            Sum(Enum.GetValues<BillPart>())), residual);
    }

    /// <summary>A hole between loads is energy that nobody knows, not none.</summary>
    private static List<BillLoad> WithoutHoles(IReadOnlyList<BillLoad> loads)
    {
        if (loads.Count == 0) throw new ArgumentException("there is no load to bill", nameof(loads));
        var filled = new List<BillLoad>(loads.Count) { loads[0] };
        foreach (var load in loads.Skip(1))
        {
            var end = filled[^1].Period.End;
            if (load.Period.Start < end) throw new ArgumentException($"loads overlap at {load.Period.Start}");
            if (load.Period.Start > end) filled.Add(new(new(end, load.Period.Start), null, null, []));
            filled.Add(load);
        }

        return filled;
    }
}
