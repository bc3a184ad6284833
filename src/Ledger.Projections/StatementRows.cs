using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Projections;

/// <summary>What a row of a statement is.</summary>
public enum StatementRowKind { Energy = 1, Charge = 2, Flexibility = 3 }

/// <summary>
/// A row of a statement, whatever it charges: so that all of it is one listing whose amounts sum to the total. Every
/// row has its time in UTC and as the local clock showed it, its settlement day, and of energy the number of its
/// settlement period in the day, from 1 on: a clock that goes back shows an hour twice, and only the offset tells
/// which.
/// </summary>
/// <param name="Paid">The settlement point, what a flexibility is paid for together, or that it is the account.</param>
/// <param name="Name">The direction of energy, the name of a charge, or the call that is paid.</param>
/// <param name="Quantity">Billed energy, or what is charged by the unit.</param>
public sealed record StatementRow(
    int Number, StatementRowKind Kind, string Paid, string Name, Interval Time, OffsetDateTime Local, LocalDate Day,
    int? Period, TariffPeriod? TariffPeriod, Energy? Metered, decimal? Quantity, string Unit, decimal? Price,
    decimal? AmountExact, decimal? Amount, string Currency, ReadingQuality? Quality, string Source, string? Problem);

/// <summary>A run's statement as rows, and what their amounts sum to.</summary>
public sealed record StatementRows(TimeOfUseSettlement.RunRow Run, IReadOnlyList<StatementRow> Rows)
{
    public decimal Sum => Rows.Sum(row => row.Amount ?? 0m);

    public bool SumIsTotal => Sum == Run.Total;

    public int WithoutAmount => Rows.Count(row => row.Amount is null);

    public static StatementRows Of(TimeOfUseSettlement.RunRow run, Statement statement)
    {
        var zone = DateTimeZoneProviders.Tzdb[run.Zone];
        // A period that a price edge cuts has one number for all its parts.
        var lengths = statement.Lines.GroupBy(line => line.Point)
            .ToDictionary(point => point.Key, point => point.Max(line => line.Period.Duration));
        return new(run,
        [
            .. statement.Lines.Select(line => OfEnergy(line, zone, statement, lengths[line.Point])),
            .. statement.Charges.Select(charge => OfCharge(charge, zone, statement)),
            .. statement.Flexibility.Select(line => OfFlexibility(line, zone, statement)),
        ]);
    }

    private static StatementRow OfEnergy(
        StatementLine line, DateTimeZone zone, Statement statement, Duration length)
    {
        var since = line.Period.Start - SettlementCalendar.Day(zone, statement.Day).Start;
        return new(line.Number, StatementRowKind.Energy, line.Point.Value, Word(line.Direction), line.Period,
            LocalOf(line.Period.Start, zone), statement.Day,
            (int)(since.ToInt64Nanoseconds() / length.ToInt64Nanoseconds()) + 1, line.TariffPeriod,
            line.Metered, line.BilledKwh, "kWh", line.PricePerKwh, line.AmountExact, line.Amount, statement.Currency,
            line.Quality, line.Source, line.Problem);
    }

    // A charge is of a month and due on the day: its time is the day's.
    private static StatementRow OfCharge(StatementCharge charge, DateTimeZone zone, Statement statement)
    {
        var day = SettlementCalendar.Day(zone, statement.Day);
        return new(charge.Number, StatementRowKind.Charge, charge.Point?.Value ?? StatementCharge.OfAccount,
            charge.Name, day, LocalOf(day.Start, zone), statement.Day, null, null, null, charge.Quantity, charge.Unit,
            charge.Price, charge.AmountExact, charge.Amount, statement.Currency, null,
            $"{charge.Basis}; {charge.Rule}", charge.Problem);
    }

    private static StatementRow OfFlexibility(FlexibilityLine line, DateTimeZone zone, Statement statement) => new(
        line.Number, StatementRowKind.Flexibility, line.Paid,
        $"{Word(line.Kind)} {line.Instruction?.Value ?? line.Programme.Value}", line.Covers,
        LocalOf(line.Covers.Start, zone), statement.Day, null, null, null, line.Kwh, "kWh", null, null, line.Amount,
        line.Currency, null, line.Source, line.Problem);

    /// <summary>A local time with its offset, as every form of a statement writes it.</summary>
    public static string Written(OffsetDateTime local) => Full.Format(local);

    private static readonly OffsetDateTimePattern Full =
        OffsetDateTimePattern.CreateWithInvariantCulture("uuuu'-'MM'-'dd'T'HH':'mm':'sso<m>");

    public static OffsetDateTime LocalOf(Instant at, DateTimeZone zone) => at.InZone(zone).ToOffsetDateTime();

    private static string Word(Enum choice) => char.ToLowerInvariant($"{choice}"[0]) + $"{choice}"[1..];
}
