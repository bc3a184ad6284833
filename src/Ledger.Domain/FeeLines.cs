using NodaTime;

namespace Ledger.Domain;

/// <summary>The lines of fees of one month: standing ones are fixed, those of a service are fees.</summary>
internal static class FeeLines
{
    private const decimal SecondsPerHour = 3600m;
    /// <summary>A time in seconds may be no whole decimal of an hour; its amount is kept to this many decimals, half
    /// away from zero.</summary>
    private const int HourlyDecimals = 12;

    public static IEnumerable<BillLine> Of(
        TariffPublished tariff, DateTimeZone zone, YearMonth month, IReadOnlyList<BillLoad> loads,
        IReadOnlyList<BillSession> sessions, IReadOnlyList<BilledPeriod> imported)
    {
        var terms = tariff.Terms ?? TariffTerms.None;
        BillSession[] begun = [.. sessions.Where(session => BilledEnergy.MonthOf(zone, session.Start) == month)];
        foreach (var fee in terms.Fees)
        {
            var line = new BillLine(
                0, fee.Per is FeeBasis.Month or FeeBasis.Day ? BillPart.Fixed : BillPart.Fees, fee.Name,
                month.OnDayOfMonth(1), Unit(fee.Per), null, fee.Amount, null, null,
                fee.TaxPercent ?? terms.TaxPercent, "", $"fee by {Unit(fee.Per)}", null);
            yield return fee.Per switch
            {
                FeeBasis.Month => Counted(line, 1m, "the month"),
                FeeBasis.Day => Counted(line, Days(zone, month, loads), "local days with a load"),
                FeeBasis.Session => Counted(line, begun.Count(session => !session.IsContinued),
                    "sessions that began in the month"),
                FeeBasis.ParkedHour => Parked(line, fee, begun),
                FeeBasis.Kwh => Energy(line, imported),
                _ => throw new System.Diagnostics.UnreachableException(),
            };
        }
    }

    /// <summary>The standing fees that an account owes as a whole, for days of one month of which there is at least
    /// one.</summary>
    public static IEnumerable<BillLine> OfAccount(TariffPublished tariff, YearMonth month, int days)
    {
        foreach (var fee in (tariff.Terms ?? TariffTerms.None).Fees)
        {
            var line = new BillLine(0, BillPart.Fixed, fee.Name, month.OnDayOfMonth(1), Unit(fee.Per), null, fee.Amount,
                null, null, fee.TaxPercent ?? tariff.Terms!.TaxPercent, "", $"fee by {Unit(fee.Per)} of the account", null);
            yield return fee.Per == FeeBasis.Month ? Counted(line, 1m, "the month")
                : Counted(line, days, "local days on which the account had a settled point");
        }
    }

    private static string Unit(FeeBasis basis) => basis switch
    {
        FeeBasis.Month => "month",
        FeeBasis.Day => "day",
        FeeBasis.Session => "session",
        FeeBasis.ParkedHour => "hour",
        FeeBasis.Kwh => "kWh",
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static BillLine Counted(BillLine line, decimal quantity, string basis) => line with
    {
        Quantity = quantity,
        AmountExact = ExactDecimal.Times(quantity, line.Price!.Value),
        Basis = basis,
    };

    private static BillLine Parked(BillLine line, TariffFee fee, BillSession[] begun)
    {
        if (begun.FirstOrDefault(session => session.ParkedSeconds is null) is { } unknown)
            return line with { Problem = $"how long was parked is not known of the session from {unknown.Start}" };
        var seconds = begun.Sum(session =>
            (session.ParkedSeconds!.Value + fee.StepSeconds - 1) / fee.StepSeconds * fee.StepSeconds);
        return line with
        {
            Quantity = Hourly(seconds),
            AmountExact = Hourly(ExactDecimal.Times(seconds, fee.Amount)),
            Basis = $"{seconds} s in steps of {fee.StepSeconds} s for each session",
        };
    }

    private static decimal Hourly(decimal value) =>
        ExactDecimal.Quotient(value, SecondsPerHour, HourlyDecimals, RatioRounding.HalfAwayFromZero);

    private static BillLine Energy(BillLine line, IReadOnlyList<BilledPeriod> imported)
    {
        var kwh = imported.Sum(period => period.Kwh);
        var problem = imported.Select(period => period.Metered.Problem).FirstOrDefault(known => known is not null);
        return problem is null ? Counted(line, kwh, "imported in the month")
            : line with { Quantity = kwh, Basis = "imported in the month", Problem = problem };
    }

    private static int Days(DateTimeZone zone, YearMonth month, IReadOnlyList<BillLoad> loads)
    {
        var first = SettlementCalendar.DayContaining(zone, loads[0].Period.Start);
        var last = SettlementCalendar.DayContaining(zone, loads[^1].Period.End - Duration.Epsilon);
        var from = LocalDate.Max(first, month.OnDayOfMonth(1));
        var to = LocalDate.Min(last, month.OnDayOfMonth(1).PlusMonths(1).PlusDays(-1));
        return NodaTime.Period.DaysBetween(from, to) + 1;
    }
}
