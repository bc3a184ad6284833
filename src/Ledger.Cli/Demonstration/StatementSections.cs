using System.Globalization;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli.Demonstration;

/// <summary>The statement by tariff period, how its lines make its total,
/// and why the second run differs from the first.</summary>
internal static class StatementSections
{
    public static IEnumerable<Section> Of(DemoOutcome outcome) => [Statement(outcome), Change(outcome)];

    private static Section Statement(DemoOutcome outcome)
    {
        var statement = outcome.Correction.Statement;
        var zone = DateTimeZoneProviders.Tzdb[outcome.Plan.Zone];
        var periods = statement.Lines.GroupBy(line => line.TariffPeriod).OrderBy(group => group.Key).ToList();
        var billed = statement.Lines.Sum(line => line.AmountExact ?? 0m);
        return new Section("statement",
            $"Statement of {statement.Account}, {LocalDatePattern.Iso.Format(statement.Day)}, {statement.Currency}",
            [
                $"Run {outcome.Correction.Run} with tariff {statement.Tariff} version {statement.TariffVersion}. "
                + $"Settled are the {outcome.Plan.Stations} grid connections, by the register for each period; the "
                + "points behind them are not settled again. Import is charged, export credited, never netted before "
                + "pricing.",
            ],
            [
                new ReportTable(
                    ["tariff period", "local time", ">import kWh", ">per kWh", ">charged", ">export kWh", ">per kWh",
                        ">credited", ">net"],
                    [
                        .. periods.Select(group => Row(group.Key is { } period
                            ? Shown.Words(period) : "no price", Hours(group, zone), [.. group], true)),
                        Row("all", "", statement.Lines, false),
                    ]),
                new ReportTable(["posted to", ">amount"],
                [
                    .. statement.Postings.Select(posting => (string[])[posting.Account, Shown.Money(posting.Amount)]),
                    ["sum", Shown.Money(statement.Postings.Sum(posting => posting.Amount))],
                ]),
            ],
            [
                $"{Shown.Count(statement.Lines.Count)} lines ({Shown.Of(Settled(statement), "settlement point")} x 2 "
                + $"directions x {statement.Lines.Count / Settled(statement) / 2} periods). Each line is rounded to "
                + "0.01, half away from zero, and what " +
                string.Create(CultureInfo.InvariantCulture,
                    $"that leaves is carried to the next line: exact sum {billed:0.##########} = rounded total "
                    + $"{statement.Total:0.00} + {statement.Residual:0.##########} left after the last line. ") +
                $"Lines' root {statement.LinesRoot}.",
            ]);
    }

    private static int Settled(Statement statement) => statement.Lines.Select(line => line.Point).Distinct().Count();

    private static string[] Row(string name, string hours, IReadOnlyList<StatementLine> lines, bool priced)
    {
        var import = lines.Where(line => line.Direction == Direction.Import).ToList();
        var export = lines.Where(line => line.Direction == Direction.Export).ToList();
        return
        [
            name, hours, Shown.Kwh(import.Sum(line => line.BilledKwh ?? 0m)), priced
                ? Shown.Price(import.FirstOrDefault()?.PricePerKwh) : "",
            Shown.Money(import.Sum(line => line.Amount ?? 0m)), Shown.Kwh(export.Sum(line => line.BilledKwh ?? 0m)),
            priced ? Shown.Price(export.FirstOrDefault()?.PricePerKwh) : "",
            Shown.Money(export.Sum(line => line.Amount ?? 0m)),
            Shown.Money(lines.Sum(line => line.Amount ?? 0m)),
        ];
    }

    /// <summary>When a tariff period holds, put together from its settlement periods.</summary>
    private static string Hours(IEnumerable<StatementLine> lines, DateTimeZone zone)
    {
        var stretches = new List<(Instant Start, Instant End)>();
        foreach (var period in lines.Select(line => line.Period).Distinct().OrderBy(period => period.Start))
            if (stretches.Count > 0 && stretches[^1].End == period.Start)
                stretches[^1] = (stretches[^1].Start, period.End);
            else stretches.Add((period.Start, period.End));
        return string.Join(", ", stretches.Select(stretch =>
            $"{Shown.Local(stretch.Start, zone)}-{EndOf(stretch.End, zone)}"));
    }

    private static string EndOf(Instant end, DateTimeZone zone) =>
        Shown.Local(end, zone) is "00:00" ? "24:00" : Shown.Local(end, zone);

    private static Section Change(DemoOutcome outcome)
    {
        var (before, after) = (outcome.Initial, outcome.Correction);
        var zone = DateTimeZoneProviders.Tzdb[outcome.Plan.Zone];
        var changes = Domain.Statement.Difference(before.Statement, after.Statement);
        return new Section("change", "Why the amount changed",
            [
                $"Run {before.Run} was calculated half an hour after the day, from the facts before position "
                + $"{Shown.Count(before.AtPosition)}: {Shown.Money(before.Statement.Total)} "
                + $"{before.Statement.Currency}. Then {FleetLate(outcome)} came. Run {after.Run}, from the facts "
                + $"before position {Shown.Count(after.AtPosition)}: {Shown.Money(after.Statement.Total)} "
                + $"{after.Statement.Currency}, a difference of "
                + $"{Shown.Money(after.Statement.Total - before.Statement.Total)}.",
            ],
            [new ReportTable(["point", "direction", "local time", ">before", ">after",
                "because (numbers are positions of facts)"],
            [
                .. changes.Where(change => !IsCarried(change)).Select(change => (string[])
                [
                    change.Point.Value, Shown.Words(change.Direction),
                    $"{Shown.Local(change.Period.Start, zone)}-{EndOf(change.Period.End, zone)}",
                    change.Before is { } was ? Shown.Money(was) : "–", change.After is { } now
                        ? Shown.Money(now) : "–", change.Cause,
                ]),
                .. Carried([.. changes.Where(IsCarried)]),
                [
                    "all", "", "", Shown.Money(before.Statement.Total), Shown.Money(after.Statement.Total), "",
                ],
            ])],
            ["The first run stays as it was recorded; the second supersedes it. Each can be recalculated from its own "
                + "position."]);
    }

    /// <summary>A line whose energy and price are the same,
    /// and whose rounding took over another rest than before.</summary>
    private static bool IsCarried(LineChange change) =>
        change.Cause.StartsWith("rounding residual", StringComparison.Ordinal);

    private static IEnumerable<string[]> Carried(IReadOnlyList<LineChange> changes)
    {
        if (changes.Count == 0) yield break;
        yield return
        [
            Shown.Of(changes.Count, "later line"), "", "", Shown.Money(changes.Sum(change => change.Before ?? 0m)),
            Shown.Money(changes.Sum(change => change.After ?? 0m)),
            "same energy and price; the rest of a cent that a changed line leaves is carried to them, at most 0.01 "
            + "each",
        ];
    }

    private static string FleetLate(DemoOutcome outcome) =>
        $"the 24:00 register reading of {Ingest.Fleet.FleetPlan.GridOf(outcome.Plan.Disturbances.LateStation)}, nine "
        + $"hours late,";
}
