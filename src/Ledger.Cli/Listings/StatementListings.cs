using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli.Listings;

/// <summary>A run's statement as one listing, with what its amounts sum to.</summary>
public static class StatementListings
{
    private static readonly OffsetDateTimePattern Clock =
        OffsetDateTimePattern.CreateWithInvariantCulture("HH':'mmo<m>");

    public static Listing Of(TimeOfUseSettlement.RunRow run, Statement statement)
    {
        var rows = StatementRows.Of(run, statement);
        return ListingOf(rows.Rows) with
        {
            Summary =
            [
                new("run", "run", run.Run), new("account", "account", run.Account), new("day", "day", run.Day),
                new("currency", "currency", run.Currency), new("total", "total", (Money)run.Total),
                new("sumOfLines", "sum of the rounded lines", (Money)rows.Sum),
                new("sumIsTotal", "the sum is the total", rows.SumIsTotal),
                new("linesWithoutAmount", "lines without an amount", rows.WithoutAmount),
                new("flexibility", "of it flexibility", (Money)Money.With(statement.MoneyDecimals,
                    statement.Flexibility.Sum(line => line.Amount ?? 0m))),
            ],
        };
    }

    /// <summary>The time of day as the local clock shows it, with its offset.</summary>
    public static string ClockOf(Instant at, string zone) =>
        Clock.Format(StatementRows.LocalOf(at, DateTimeZoneProviders.Tzdb[zone]));

    private static Listing ListingOf(IEnumerable<StatementRow> rows) => Listing.Of(rows,
        new("number", "line", row => row.Number),
        new("kind", null, row => row.Kind),
        new("point", "point", row => row.Paid),
        new("name", "what", row => row.Name),
        new("start", "from", row => row.Time.Start),
        new("end", null, row => row.Time.End),
        new("startLocal", null, row => StatementRows.Written(row.Local)),
        new(null, "local", row => Clock.Format(row.Local)),
        new("day", null, row => row.Day),
        new("period", "no.", row => row.Period),
        new("tariffPeriod", "period", row => row.TariffPeriod),
        new("meteredKwh", null, row => row.Metered),
        new("quantity", "quantity", row => row.Quantity),
        new("unit", "unit", row => row.Unit),
        new("price", "price", row => row.Price),
        new("amountExact", null, row => row.AmountExact),
        new("amount", "amount", row => Money.Of(row.Amount)),
        new("currency", null, row => row.Currency),
        new("quality", null, row => row.Quality),
        new("source", "source", row => row.Source),
        new("problem", null, row => row.Problem));
}
