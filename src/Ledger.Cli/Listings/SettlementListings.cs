using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

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
        new("total", "total", row => Money.Of(row.Total)),
        new("currency", "currency", row => row.Currency),
        new("supersedes", "supersedes", row => row.Supersedes),
        new("changeFromSuperseded", "change", row => Money.Of(row.ChangeFromSuperseded)),
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

    /// <param name="runs">All of them, and maybe others.</param>
    public static Listing Publications(IEnumerable<TimeOfUseSettlement.PublicationRow> rows,
        IReadOnlyList<TimeOfUseSettlement.RunRow> runs) => Listing.Of(rows,
        new("account", "account", row => row.Account), new("day", "day", row => row.Day),
        new("run", "run", row => row.Run), new("calculatedBy", "calculated by", row => row.CalculatedBy),
        new("publishedBy", "published by", row => row.PublishedBy),
        new("complete", "complete", row => row.IsCompleteIn(runs)), new("runDigest", null, row => row.RunDigest),
        new("tariffDigest", null, row => row.TariffDigest),
        new("flexibilityTotal", "flexibility", row => Money.Of(row.FlexibilityTotal)),
        new("position", "position", row => row.Position), new("recordedAt", null, row => row.RecordedAt));

    public static Listing Deltas(IEnumerable<TimeOfUseSettlement.DeltasRow> rows) => Listing.Of(rows,
        new("account", "account", row => row.Account), new("day", "day", row => row.Day),
        new("run", "correction", row => row.Run), new("corrects", "of run", row => row.Corrects),
        new("style", "style", row => row.Style), new("total", "total", row => Money.Of(row.Total)),
        new("currency", "currency", row => row.Currency), new("lines", "lines", row => row.Lines),
        new("atPosition", "facts before position", row => row.AtPosition), new("linesRoot", null, row => row.LinesRoot),
        new("position", null, row => row.Position));

    public static Listing Months(IEnumerable<TimeOfUseSettlement.MonthRow> rows) => Listing.Of(rows,
        new("account", "account", row => row.Account), new("month", "month", row => row.Month[..7]),
        new("closedBy", "closed by", row => row.ClosedBy), new("runs", "runs", row => row.Runs),
        new("total", "total", row => Money.Of(row.Total)), new("currency", "currency", row => row.Currency),
        new("position", "position", row => row.Position));

    public static Listing Disputes(IEnumerable<TimeOfUseSettlement.DisputeRow> rows) => Listing.Of(rows,
        new("dispute", "dispute", row => row.Dispute), new("run", "run", row => row.Run),
        new("account", null, row => row.Account), new("day", null, row => row.Day),
        new("lines", "lines", row => row.Lines.Count == 0 ? "all" : ExplanationListings.Ranges(row.Lines)),
        new("amount", "at stake", row => Money.Of(row.Amount)), new("standing", "standing", row => row.Standing),
        new("openedBy", "opened by", row => row.OpenedBy), new("reason", "because", row => row.Reason),
        new("answers", "answers", row => row.Answers), new("resolvedBy", "resolved by", row => row.ResolvedBy),
        new("outcome", "outcome", row => row.Outcome), new("evidence", null, row => row.Evidence),
        new("position", "position", row => row.Position));

    public static Listing Postings(IEnumerable<Posting> postings) => Listing.Of(postings,
        new("account", "posted to", row => row.Account),
        new("amount", "amount", row => Money.Of(row.Amount)));

    /// <summary>Each entry with the settlement day that it is of.</summary>
    public static Listing Entries(IEnumerable<LedgerEntry> entries, TimeOfUseSettlement.RunRow run) => Listing.Of(
        entries, new("run", null, _ => run.Run), new("day", "day", _ => run.Day), new("from", "from", entry => entry.From),
        new("to", "to", entry => entry.To), new("energyKwh", "kWh", entry => entry.Energy),
        new("money", "money", entry => Money.Of(entry.Money)),
        new("currency", "currency", entry => entry.Money is null ? null : run.Currency),
        new("standing", "standing", entry => entry.Standing));

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
        new("amount", "amount", row => Money.Of(row.Amount)),
        new("quality", null, row => row.Quality),
        new("source", "source", row => row.Source),
        new("problem", null, row => row.Problem));

    /// <summary>What a tariff with terms charges beside energy, with the rule of each.</summary>
    public static Listing Flexibility(IEnumerable<FlexibilityLine> lines) => Listing.Of(lines,
        new("line", "line", row => row.Number), new("instruction", "instruction", row => row.Instruction?.Value),
        new("programme", "programme", row => row.Programme.Value), new("paid", "paid", row => row.Paid),
        new("start", "from", row => row.Covers.Start), new("kind", "kind", row => row.Kind),
        new("kwh", "kWh", row => row.Kwh), new("amount", "amount", row => Money.Of(row.Amount)),
        new("payer", "payer", row => row.Payer.Value), new("payee", "payee", row => row.Payee.Value),
        new("source", "by", row => row.Source), new("problem", "problem", row => row.Problem));

    public static Listing Charges(IEnumerable<StatementCharge> charges) => Listing.Of(charges,
        new("line", "line", row => row.Number),
        new("point", "point", row => row.Point?.Value ?? StatementCharge.OfAccount),
        new("part", "part", row => row.Part),
        new("name", "charge", row => row.Name),
        new("of", "of", row => row.Of),
        new("quantity", "quantity", row => row.Quantity),
        new("unit", "unit", row => row.Unit),
        new("price", "price", row => row.Price),
        new("amountExact", null, row => row.AmountExact),
        new("amount", "amount", row => Money.Of(row.Amount)),
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
        new("amount", "amount", row => Money.Of(row.Amount)));

    /// <summary>Lines without an amount, those that follow one another for one reason as one row.</summary>
    public static Listing Incomplete(IEnumerable<StatementLine> lines) => Listing.Of(Stretches(lines),
        new("point", "point", row => row.First.Point.Value),
        new("direction", "direction", row => row.First.Direction),
        new("lines", "lines", row => row.Lines),
        new("firstStart", "from", row => row.First.Period.Start),
        new("lastEnd", "to", row => row.End),
        new("problem", "why", row => row.First.Problem),
        new("source", "source", row => row.First.Source));

    private static IEnumerable<(StatementLine First, int Lines, Instant End)> Stretches(
        IEnumerable<StatementLine> lines)
    {
        (StatementLine First, int Lines, Instant End)? open = null;
        foreach (var line in lines.Where(line => line.Problem is not null))
        {
            if (open is var (first, count, end) && end == line.Period.Start
                && (first.Point, first.Direction, first.Problem, first.Source)
                    == (line.Point, line.Direction, line.Problem, line.Source))
            {
                open = (first, count + 1, line.Period.End);
                continue;
            }
            if (open is { } whole) yield return whole;
            open = (line, 1, line.Period.End);
        }
        if (open is { } last) yield return last;
    }

    public static Listing ChangedCharges(IEnumerable<ChargeChange> changes) => Listing.Of(changes,
        new("point", "point", row => row.Charge.Point?.Value ?? StatementCharge.OfAccount),
        new("part", "part", row => row.Charge.Part),
        new("name", "charge", row => row.Charge.Name),
        new("of", "of", row => row.Charge.Of),
        new("before", "before", row => Money.Of(row.Before)),
        new("after", "after", row => Money.Of(row.After)),
        new("cause", "cause", row => row.Cause));

    public static Listing ChangedFlexibility(IEnumerable<FlexibilityChange> changes) => Listing.Of(changes,
        new("programme", "programme", row => row.Line.Programme.Value),
        new("instruction", "call", row => row.Line.Instruction?.Value), new("paid", "paid", row => row.Line.Paid),
        new("start", "from", row => row.Line.Start), new("kind", "kind", row => row.Line.Kind),
        new("before", "before", row => Money.Of(row.Before)), new("after", "after", row => Money.Of(row.After)),
        new("cause", "cause", row => row.Cause));

    public static Listing Changes(IEnumerable<LineChange> changes) => Listing.Of(changes,
        new("point", "point", row => row.Point.Value),
        new("direction", "direction", row => row.Direction),
        new("start", "from", row => row.Period.Start),
        new("before", "before", row => Money.Of(row.Before)),
        new("after", "after", row => Money.Of(row.After)),
        new("cause", "cause", row => row.Cause));
}
