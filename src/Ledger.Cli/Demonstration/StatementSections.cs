using System.Globalization;
using Ledger.Api;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli.Demonstration;

/// <summary>The statement by tariff period, how its lines make its total,
/// and why the second run differs from the first.</summary>
internal static class StatementSections
{
    public static Section Statement(DemoOutcome outcome)
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

    /// <summary>Why the second run comes to another amount, in the words of <c>ledger diff</c>.</summary>
    public static async Task<Section> ChangeAsync(
        DemoOutcome outcome, OpenLedger ledger, Answers answers, CancellationToken ct)
    {
        var zone = DateTimeZoneProviders.Tzdb[outcome.Plan.Zone];
        var (first, second) = (Row(answers, outcome.Initial.Run), Row(answers, outcome.Correction.Run));
        var compared = await RunDifferences.OfAsync(ledger.Journal, ledger.Views, NamedRun.Of(first),
            NamedRun.Of(second), ct).ConfigureAwait(false);
        if (compared is not RunComparison.Compared { Difference: var difference })
            throw new CouldNotException(((RunComparison.NotPossible)compared).Detail);
        var moved = difference.Lines.Where(line => !line.IsCarried).ToList();
        return new Section("change", "Why the amount changed",
            [
                $"{first.Account} pays {Shown.Money(Math.Abs(difference.Change))} {first.Currency} "
                + $"{(difference.Change < 0m ? "less" : "more")} by the second run of the day than by the first. "
                + $"Run {first.Run} was calculated half an hour after the day, from the "
                + $"{Shown.Count(first.AtPosition)} facts that were known then: {Shown.Money(first.Total)} {first.Currency}. "
                + $"Nine hours later the 24:00 register readings of {Late(outcome)} came in. Run {second.Run} counts them too, "
                + $"{Shown.Count(second.AtPosition)} facts: {Shown.Money(second.Total)} {second.Currency}.",
            ],
            [new ReportTable(["point", "direction", "local time", ">before", ">after", ">change", "what changed"],
            [
                .. moved.Select(line => (string[])
                [
                    line.Point.Value, Shown.Words(line.Direction),
                    $"{Shown.Local(line.Period.Start, zone)}-{EndOf(line.Period.End, zone)}",
                    line.Before is { } was ? Shown.Money(was) : "–", line.After is { } now ? Shown.Money(now) : "–",
                    Shown.Money(line.Change), line.Says,
                ]),
                .. Carried([.. difference.Lines.Where(line => line.IsCarried)]),
                ["all", "", "", Shown.Money(first.Total), Shown.Money(second.Total), Shown.Money(difference.Change), ""],
            ])],
            [
                .. difference.Causes.Where(cause => cause.Facts.Count > 0).Select(cause => $"Because {cause.Why}."),
                "The first run stays as it was recorded; the second supersedes it. Each can be recalculated from its own "
                + "position. "
                + (moved.Count == 0 ? "" : $"ledger explain {second.Run}#{moved[0].LineAfter ?? moved[0].LineBefore} shows "
                    + "the line down to its facts, and ledger explain POSITION what became of a fact."),
            ]);
    }

    private static TimeOfUseSettlement.RunRow Row(Answers answers, RunId run) =>
        answers.Runs().First(row => row.Run == run.Value);

    private static IEnumerable<string[]> Carried(IReadOnlyList<ChangedLine> lines)
    {
        if (lines.Count == 0) yield break;
        yield return
        [
            Shown.Of(lines.Count, "later line"), "", "", Shown.Money(lines.Sum(line => line.Before ?? 0m)),
            Shown.Money(lines.Sum(line => line.After ?? 0m)), Shown.Money(lines.Sum(line => line.Change)),
            "the same energy and price; the rest of a cent that a changed line leaves is carried to them, at most 0.01 each",
        ];
    }

    private static string Late(DemoOutcome outcome) =>
        Ingest.Fleet.FleetPlan.GridOf(outcome.Plan.Disturbances.LateStation).Value;
}
