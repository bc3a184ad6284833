using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Api.Resources;

/// <summary>A line of a statement. Amounts are positive where the account pays,
/// null where energy or price is missing.</summary>
/// <param name="StartLocal">The start as the clock of the account's zone shows it, with its offset.</param>
/// <param name="Period">The number of the settlement period in its day, from 1; a day has 92 to 100 quarter
/// hours.</param>
public sealed record LineAnswer(
    int Line, string Point, Direction Direction, Instant Start, Instant End, string StartLocal, int Period,
    TariffPeriod? TariffPeriod,
    string? MeteredKwh, decimal? BilledKwh, decimal? PricePerKwh, Money? Amount, string Currency, string Source,
    ReadingQuality Quality, string? Problem)
{
    private static readonly OffsetDateTimePattern Local =
        OffsetDateTimePattern.CreateWithInvariantCulture("uuuu'-'MM'-'dd'T'HH':'mm':'sso<m>");

    /// <summary>The lines of a statement.</summary>
    /// <param name="zone">In which its day is one.</param>
    public static IReadOnlyList<LineAnswer> Of(Statement statement, string zone)
    {
        var local = DateTimeZoneProviders.Tzdb[zone];
        var day = SettlementCalendar.Day(local, statement.Day).Start;
        // A period that a price edge cuts has one number for all its parts.
        var lengths = statement.Lines.GroupBy(line => line.Point)
            .ToDictionary(point => point.Key, point => point.Max(line => line.Period.Duration));
        return
        [
            .. statement.Lines.Select(line => new LineAnswer(
                line.Number, line.Point.Value, line.Direction, line.Period.Start, line.Period.End,
                Local.Format(line.Period.Start.InZone(local).ToOffsetDateTime()),
                (int)((line.Period.Start - day).ToInt64Nanoseconds() / lengths[line.Point].ToInt64Nanoseconds()) + 1,
                line.TariffPeriod, line.Metered?.ToKwh(), line.BilledKwh, line.PricePerKwh, line.Amount,
                statement.Currency, line.Source, line.Quality, line.Problem)),
        ];
    }
}

/// <summary>What is charged beside energy, with its rule; numbered after the lines. Without a point the account owes it
/// as a whole.</summary>
public sealed record ChargeAnswer(
    int Line, string? Point, BillPart Part, string Name, LocalDate Of, decimal? Quantity, string Unit,
    decimal? Price, Money? Amount, string Basis, string Rule, string? Problem)
{
    public static ChargeAnswer From(StatementCharge charge) => new(
        charge.Number, charge.Point?.Value, charge.Part, charge.Name, charge.Of, charge.Quantity, charge.Unit,
        charge.Price, charge.Amount, charge.Basis, charge.Rule, charge.Problem);
}

/// <summary>A line of a statement that pays for flexibility.</summary>
public sealed record FlexibilityAnswer(
    int Line, string Programme, string? Instruction, string Paid, Instant Start, Instant End,
    FlexibilityKind Kind, decimal? Kwh, Money? Amount, string Payer, string Payee, string Source, string? Problem)
{
    public static FlexibilityAnswer From(FlexibilityLine line) => new(
        line.Number, line.Programme.Value, line.Instruction?.Value, line.Paid, line.Covers.Start, line.Covers.End,
        line.Kind, line.Kwh, line.Amount, line.Payer.Value, line.Payee.Value, line.Source, line.Problem);
}

/// <summary>A row of a statement, whatever it charges; the rows are all of it, and their amounts sum to the
/// total.</summary>
public sealed record StatementRowAnswer(
    int Line, StatementRowKind Kind, string Point, string Name, Instant Start, Instant End,
    string StartLocal, string Day, int? Period, TariffPeriod? TariffPeriod, string? MeteredKwh,
    decimal? Quantity, string Unit, decimal? Price, decimal? AmountExact, Money? Amount, string Currency,
    ReadingQuality? Quality, string Source, string? Problem)
{
    public static StatementRowAnswer Of(StatementRow row) => new(
        row.Number, row.Kind, row.Paid, row.Name, row.Time.Start, row.Time.End, StatementRows.Written(row.Local),
        RowJson.Day(row.Day), row.Period, row.TariffPeriod, row.Metered?.ToKwh(), row.Quantity, row.Unit, row.Price,
        row.AmountExact, row.Amount, row.Currency, row.Quality, row.Source, row.Problem);
}

/// <summary>A double entry: what one account gives, the other gets; either energy or money.</summary>
public sealed record EntryAnswer(string From, string To, string? EnergyKwh, Money? Money, EntryStanding Standing)
{
    internal static EntryAnswer Of(LedgerEntry entry) =>
        new(entry.From, entry.To, entry.Energy?.ToKwh(), entry.Money, entry.Standing);
}

/// <summary>What an account has by the entries of a run, pending and posted apart.</summary>
public sealed record BalanceAnswer(
    string Account, string EnergyPendingKwh, string EnergyPostedKwh, Money MoneyPending, Money MoneyPosted)
{
    internal static BalanceAnswer Of(AccountBalance balance, int moneyDecimals) => new(
        balance.Account, balance.EnergyPending.ToKwh(), balance.EnergyPosted.ToKwh(),
        Money.With(moneyDecimals, balance.MoneyPending),
        Money.With(moneyDecimals, balance.MoneyPosted));
}

/// <summary>The lines of a run, each kind apart.</summary>
/// <param name="Differs">What of the run does not come out again; null where all does.</param>
public sealed record StatementLinesAnswer(
    long? AsOf, RunAnswer Run, string? Differs, IReadOnlyList<LineAnswer> Lines,
    IReadOnlyList<ChargeAnswer> Charges, IReadOnlyList<FlexibilityAnswer> Flexibility);

/// <summary>All of a run's statement as one table.</summary>
/// <param name="Differs">What of the run does not come out again; null where all does.</param>
public sealed record StatementRowsAnswer(
    long? AsOf, string Run, string Account, string Day, string Currency, Money Total, Money SumOfLines,
    bool SumIsTotal, int LinesWithoutAmount, string? Differs, IReadOnlyList<StatementRowAnswer> Rows);

/// <summary>The double entries of a run.</summary>
/// <param name="Conserved">yes, or what is made or lost.</param>
public sealed record StatementEntriesAnswer(
    long? AsOf, string Run, string Account, string Day, string Currency, string Conserved,
    IReadOnlyList<EntryAnswer> Entries, IReadOnlyList<BalanceAnswer> Balances);

/// <summary>What a run charges, derived again from its position: by line, as one table, and as double
/// entries.</summary>
internal static class StatementReads
{
    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/statement-lines", async (HttpContext context) =>
        {
            var (_, position, again) = await DerivedAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(new StatementLinesAnswer(position, RunAnswer.Of(again.Run), again.Differs,
                again.Statement is { } statement ? LineAnswer.Of(statement, again.Run.Zone) : [],
                [.. again.Statement?.Charges.Select(ChargeAnswer.From) ?? []],
                [.. again.Statement?.Flexibility.Select(FlexibilityAnswer.From) ?? []]), position);
        }).ReadsStatement("statement-lines",
            "The lines of a run, derived again from its position; 'differs' says what does not come out again.");

        app.MapGet("/v1/statement-rows", async (HttpContext context) =>
        {
            var (_, position, again) = await DerivedAsync(ledger, context).ConfigureAwait(false);
            var (run, rows) = (again.Run, StatementRows.Of(again.Run, Statement(again, "rows")));
            return Answering.Read(new StatementRowsAnswer(position, run.Run, run.Account, run.Day, run.Currency,
                run.Total, rows.Sum, rows.SumIsTotal, rows.WithoutAmount, again.Differs,
                [.. rows.Rows.Select(StatementRowAnswer.Of)]), position);
        }).ReadsStatement("statement-rows",
            "All of a run's statement as one table: energy, charges and flexibility, each with its time in UTC and as the "
                + "local clock showed it, its settlement day and period number; the sum of the rows is the total.");

        app.MapGet("/v1/statement-entries", async (HttpContext context) =>
        {
            var (answers, position, again) = await DerivedAsync(ledger, context).ConfigureAwait(false);
            var (run, statement) = (again.Run, Statement(again, "entries"));
            var isPublished = answers.Publications().Any(said => said.IsOf(run));
            var entries = DoubleEntry.Of(statement, isPublished);
            return Answering.Read(new StatementEntriesAnswer(position, run.Run, statement.Account.Value, run.Day,
                statement.Currency, DoubleEntry.NotConserved(statement, entries) ?? "yes",
                [.. entries.Select(EntryAnswer.Of)], [.. DoubleEntry.Balances(entries)
                    .Select(balance => BalanceAnswer.Of(balance, statement.MoneyDecimals))]),
                position);
        }).ReadsStatement("statement-entries",
            "The double entries of a run in energy and money, what each account has by them, and whether anything is made "
                + "or lost.");
    }

    private static void ReadsStatement(this RouteHandlerBuilder route, string name, string does) => route
        .Reads(name, does, "run", NamedRuns.Account, NamedRuns.Day)
        .RequireRateLimiting(Protection.HeavyRequests).Refuses(404);

    /// <summary>The run that a request names, derived again from its position; throws where none is reached.</summary>
    private static async Task<(Answers Answers, long? Position, RederivedRun Again)> DerivedAsync(
        OpenLedger ledger, HttpContext context)
    {
        var named = NamedRuns.NameOf(context.Request, "run");
        var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
        var run = NamedRuns.Find(answers.Runs(), context.Request, "run")
            ?? throw new ProblemException(404, Rejection.UnknownRun, $"there is no settlement run {named}");
        return (answers, position, await Settlements.RederiveAsync(
            ledger.Journal, ledger.Views, run, context.RequestAborted).ConfigureAwait(false));
    }

    /// <summary>What came out again; throws where nothing does.</summary>
    private static Statement Statement(RederivedRun again, string what) => again.Statement
        ?? throw new ProblemException(404, Rejection.UnknownRun, $"there is no settlement run {again.Run.Run} with {what}");
}
