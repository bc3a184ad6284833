using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli.Listings;

/// <summary>Lines of a statement in one direction and tariff period,
/// or without one because their price is missing.</summary>
public sealed record PeriodTotal(
    Direction Direction, TariffPeriod? Period, int Lines, int Incomplete, Energy Metered, decimal BilledKwh,
    decimal Amount);

/// <summary>Settlement runs, their statements, and what changed between two of them.</summary>
public static class SettlementListings
{
    public static Listing Runs(IEnumerable<TimeOfUseSettlement.RunRow> runs) => Listing.Of(runs,
        new("account", "account", row => row.Account),
        new("day", "day", row => row.Day),
        new("run", "run", row => row.Run),
        new("kind", "kind", row => row.Kind),
        new("total", "total", row => row.Total),
        new("currency", "currency", row => row.Currency),
        new("supersedes", "supersedes", row => row.Supersedes),
        new("changeFromSuperseded", "change", row => row.ChangeFromSuperseded),
        new("incomplete", "incomplete", row => row.Incomplete),
        new("lines", "lines", row => row.Lines),
        new("linesRoot", null, row => row.LinesRoot),
        new("atPosition", "facts before position", row => row.AtPosition),
        new("recordedPosition", null, row => row.RecordedPosition),
        new("recordedAt", null, row => row.RecordedAt),
        new("tariff", null, row => row.Tariff),
        new("tariffVersion", null, row => row.TariffVersion),
        new("zone", null, row => row.Zone),
        new("ruleVersion", null, row => row.RuleVersion),
        new("tzdbVersion", null, row => row.TzdbVersion));

    public static Listing Postings(IEnumerable<Posting> postings) => Listing.Of(postings,
        new("account", "posted to", row => row.Account),
        new("amount", "amount", row => row.Amount));

    public static Listing Lines(IEnumerable<StatementLine> lines) => Listing.Of(lines,
        new("number", "line", row => row.Number),
        new("point", "point", row => row.Point.Value),
        new("direction", "direction", row => row.Direction),
        new("start", "from", row => row.Period.Start),
        new("end", null, row => row.Period.End),
        new("tariffPeriod", "period", row => row.TariffPeriod),
        new("meteredKwh", null, row => row.Metered),
        new("billedKwh", "kWh", row => row.BilledKwh),
        new("pricePerKwh", "per kWh", row => row.PricePerKwh),
        new("amountExact", null, row => row.AmountExact),
        new("amount", "amount", row => row.Amount),
        new("quality", null, row => row.Quality),
        new("source", "source", row => row.Source),
        new("problem", null, row => row.Problem));

    /// <summary>What a tariff with terms charges beside energy, with the rule of each.</summary>
    public static Listing Charges(IEnumerable<StatementCharge> charges) => Listing.Of(charges,
        new("line", "line", row => row.Number),
        new("point", "point", row => row.Point.Value),
        new("part", "part", row => row.Part),
        new("name", "charge", row => row.Name),
        new("of", "of", row => row.Of),
        new("quantity", "quantity", row => row.Quantity),
        new("unit", "unit", row => row.Unit),
        new("price", "price", row => row.Price),
        new("amountExact", null, row => row.AmountExact),
        new("amount", "amount", row => row.Amount),
        new("basis", "basis", row => row.Basis),
        new("rule", "rule", row => row.Rule),
        new("problem", "problem", row => row.Problem));

    /// <summary>The lines by direction and tariff period.</summary>
    public static IReadOnlyList<PeriodTotal> Totals(IEnumerable<StatementLine> lines) =>
    [
        .. lines.GroupBy(line => (line.Direction, line.TariffPeriod))
            .OrderBy(group => group.Key.Direction).ThenBy(group => group.Key.TariffPeriod)
            .Select(group => new PeriodTotal(
                group.Key.Direction, group.Key.TariffPeriod, group.Count(),
                group.Count(line => line.Problem is not null),
                group.Aggregate(Energy.Zero, (sum, line) => sum + (line.Metered ?? Energy.Zero)),
                group.Sum(line => line.BilledKwh ?? 0m), group.Sum(line => line.Amount ?? 0m))),
    ];

    public static Listing Totals(IEnumerable<PeriodTotal> totals) => Listing.Of(totals,
        new("direction", "direction", row => row.Direction),
        new("tariffPeriod", "tariff period", row => row.Period),
        new("lines", "lines", row => row.Lines),
        new("incomplete", "incomplete", row => row.Incomplete),
        new("meteredKwh", null, row => row.Metered),
        new("billedKwh", "billed kWh", row => row.BilledKwh),
        new("amount", "amount", row => row.Amount));

    /// <summary>Lines without an amount, those that stand together for one reason as one row.</summary>
    public static Listing Incomplete(IEnumerable<StatementLine> lines) => Listing.Of(
        lines.Where(line => line.Problem is not null)
            .GroupBy(line => (line.Point, line.Direction, line.Problem, line.Source)),
        new("point", "point", row => row.Key.Point.Value),
        new("direction", "direction", row => row.Key.Direction),
        new("lines", "lines", row => row.Count()),
        new("firstStart", "from", row => row.First().Period.Start),
        new("lastEnd", "to", row => row.Last().Period.End),
        new("problem", "why", row => row.Key.Problem),
        new("source", "source", row => row.Key.Source));

    public static Listing Changes(IEnumerable<LineChange> changes) => Listing.Of(changes,
        new("point", "point", row => row.Point.Value),
        new("direction", "direction", row => row.Direction),
        new("start", "from", row => row.Period.Start),
        new("before", "before", row => row.Before),
        new("after", "after", row => row.After),
        new("cause", "cause", row => row.Cause));
}
