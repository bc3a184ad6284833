using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli.Listings;

/// <summary>What a row of a statement is.</summary>
public enum StatementRowKind { Energy = 1, Charge = 2, Flexibility = 3 }

/// <summary>
/// A row of a statement, whatever it charges: so that all of it is one listing whose amounts sum to the total. Every
/// row has its time in UTC and as the local clock showed it, its settlement day, and of energy the number of its
/// settlement period in the day, from 1 on: a clock that goes back shows an hour twice, and only the offset tells
/// which.
/// </summary>
/// <param name="Paid">The settlement point, or what a flexibility is paid for together.</param>
/// <param name="Name">The direction of energy, the name of a charge, or the call that is paid.</param>
/// <param name="Quantity">Billed energy, or what is charged by the unit.</param>
public sealed record StatementRow(
    int Number, StatementRowKind Kind, string Paid, string Name, Interval Time, OffsetDateTime Local, LocalDate Day,
    int? Period, TariffPeriod? TariffPeriod, Energy? Metered, decimal? Quantity, string Unit, decimal? Price,
    decimal? AmountExact, decimal? Amount, string Currency, ReadingQuality? Quality, string Source, string? Problem);

/// <summary>A run's statement as rows, with what their amounts sum to.</summary>
public static class StatementRows
{
    private static readonly OffsetDateTimePattern Full =
        OffsetDateTimePattern.CreateWithInvariantCulture("uuuu'-'MM'-'dd'T'HH':'mm':'sso<m>");
    private static readonly OffsetDateTimePattern Clock =
        OffsetDateTimePattern.CreateWithInvariantCulture("HH':'mmo<m>");

    public static Listing Of(TimeOfUseSettlement.RunRow run, Statement statement)
    {
        var zone = DateTimeZoneProviders.Tzdb[run.Zone];
        // A period that a price edge cuts has one number for all its parts.
        var lengths = statement.Lines.GroupBy(line => line.Point)
            .ToDictionary(point => point.Key, point => point.Max(line => line.Period.Duration));
        List<StatementRow> rows =
        [
            .. statement.Lines.Select(line => OfEnergy(line, zone, statement, lengths[line.Point])),
            .. statement.Charges.Select(charge => OfCharge(charge, zone, statement)),
            .. statement.Flexibility.Select(line => OfFlexibility(line, zone, statement)),
        ];
        var sum = rows.Sum(row => row.Amount ?? 0m);
        return ListingOf(rows) with
        {
            Summary =
            [
                new("run", "run", run.Run), new("account", "account", run.Account), new("day", "day", run.Day),
                new("currency", "currency", run.Currency), new("total", "total", run.Total),
                new("sumOfLines", "sum of the rounded lines", sum),
                new("sumIsTotal", "the sum is the total", sum == run.Total),
                new("linesWithoutAmount", "lines without an amount", rows.Count(row => row.Amount is null)),
                new("flexibility", "of it flexibility", statement.Flexibility.Sum(line => line.Amount ?? 0m)),
            ],
        };
    }

    private static StatementRow OfEnergy(
        StatementLine line, DateTimeZone zone, Statement statement, Duration length)
    {
        var since = line.Period.Start - SettlementCalendar.Day(zone, statement.Day).Start;
        return new(line.Number, StatementRowKind.Energy, line.Point.Value, Cell.Exact(line.Direction), line.Period,
            LocalOf(line.Period.Start, zone), statement.Day,
            (int)(since.ToInt64Nanoseconds() / length.ToInt64Nanoseconds()) + 1, line.TariffPeriod,
            line.Metered, line.BilledKwh, "kWh", line.PricePerKwh, line.AmountExact, line.Amount, statement.Currency,
            line.Quality, line.Source, line.Problem);
    }

    // A charge is of a month and due on the day: its time is the day's.
    private static StatementRow OfCharge(StatementCharge charge, DateTimeZone zone, Statement statement)
    {
        var day = SettlementCalendar.Day(zone, statement.Day);
        return new(charge.Number, StatementRowKind.Charge, charge.Point?.Value ?? StatementCharge.OfAccount, charge.Name, day,
            LocalOf(day.Start, zone), statement.Day, null, null, null, charge.Quantity, charge.Unit, charge.Price,
            charge.AmountExact, charge.Amount, statement.Currency, null, $"{charge.Basis}; {charge.Rule}", charge.Problem);
    }

    private static StatementRow OfFlexibility(FlexibilityLine line, DateTimeZone zone, Statement statement) => new(
        line.Number, StatementRowKind.Flexibility, line.Paid, $"{Cell.Exact(line.Kind)} {line.Instruction?.Value ?? line.Programme.Value}", line.Covers,
        LocalOf(line.Covers.Start, zone), statement.Day, null, null, null, line.Kwh, "kWh", null, null, line.Amount,
        line.Currency, null, line.Source, line.Problem);

    /// <summary>The time of day as the local clock shows it, with its offset.</summary>
    public static string ClockOf(Instant at, string zone) =>
        Clock.Format(LocalOf(at, DateTimeZoneProviders.Tzdb[zone]));

    private static OffsetDateTime LocalOf(Instant at, DateTimeZone zone) => at.InZone(zone).ToOffsetDateTime();

    private static Listing ListingOf(IEnumerable<StatementRow> rows) => Listing.Of(rows,
        new("number", "line", row => row.Number),
        new("kind", null, row => row.Kind),
        new("point", "point", row => row.Paid),
        new("name", "what", row => row.Name),
        new("start", "from", row => row.Time.Start),
        new("end", null, row => row.Time.End),
        new("startLocal", null, row => Full.Format(row.Local)),
        new(null, "local", row => Clock.Format(row.Local)),
        new("day", null, row => row.Day),
        new("period", "no.", row => row.Period),
        new("tariffPeriod", "period", row => row.TariffPeriod),
        new("meteredKwh", null, row => row.Metered),
        new("quantity", "quantity", row => row.Quantity),
        new("unit", "unit", row => row.Unit),
        new("price", "price", row => row.Price),
        new("amountExact", null, row => row.AmountExact),
        new("amount", "amount", row => row.Amount),
        new("currency", null, row => row.Currency),
        new("quality", null, row => row.Quality),
        new("source", "source", row => row.Source),
        new("problem", null, row => row.Problem));
}
