using System.Text;
using Ledger.Api.Access;
using Ledger.Api.Jobs;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
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
    string? MeteredKwh, decimal? BilledKwh, decimal? PricePerKwh, decimal? Amount, string Currency, string Source,
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
    decimal? Price, decimal? Amount, string Basis, string Rule, string? Problem)
{
    public static ChargeAnswer From(StatementCharge charge) => new(
        charge.Number, charge.Point?.Value, charge.Part, charge.Name, charge.Of, charge.Quantity, charge.Unit,
        charge.Price, charge.Amount, charge.Basis, charge.Rule, charge.Problem);
}

/// <summary>A line of a statement that pays for flexibility.</summary>
public sealed record FlexibilityAnswer(
    int Line, string Programme, string? Instruction, string Paid, Instant Start, Instant End,
    FlexibilityKind Kind, decimal? Kwh, decimal? Amount, string Payer, string Payee, string Source, string? Problem)
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
    decimal? Quantity, string Unit, decimal? Price, decimal? AmountExact, decimal? Amount, string Currency,
    ReadingQuality? Quality, string Source, string? Problem)
{
    public static StatementRowAnswer Of(StatementRow row) => new(
        row.Number, row.Kind, row.Paid, row.Name, row.Time.Start, row.Time.End, StatementRows.Written(row.Local),
        RowJson.Day(row.Day), row.Period, row.TariffPeriod, row.Metered?.ToKwh(), row.Quantity, row.Unit, row.Price,
        row.AmountExact, row.Amount, row.Currency, row.Quality, row.Source, row.Problem);
}

/// <summary>A double entry: what one account gives, the other gets; either energy or money.</summary>
public sealed record EntryAnswer(string From, string To, string? EnergyKwh, decimal? Money, EntryStanding Standing)
{
    internal static EntryAnswer Of(LedgerEntry entry) =>
        new(entry.From, entry.To, entry.Energy?.ToKwh(), entry.Money, entry.Standing);
}

/// <summary>What an account has by the entries of a run, pending and posted apart.</summary>
public sealed record BalanceAnswer(
    string Account, string EnergyPendingKwh, string EnergyPostedKwh, decimal MoneyPending, decimal MoneyPosted)
{
    internal static BalanceAnswer Of(AccountBalance balance) => new(balance.Account, balance.EnergyPending.ToKwh(),
        balance.EnergyPosted.ToKwh(), balance.MoneyPending, balance.MoneyPosted);
}

/// <summary>Settlement runs: ask for one, list them, and derive the lines of one again from its position.</summary>
internal static class SettlementRuns
{
    private const string Members = "run, account, day, kind?: initial | interim | final | correction, supersedes?, "
        + "atPosition?, style?: whole | deltas | credit (of a correction), by?";

    public static void Map(WebApplication app, OpenLedger ledger, JobRunner jobs)
    {
        MapAfterwards(app, ledger);
        MapEntries(app, ledger);
        MapRows(app, ledger);
        app.MapPost("/v1/settlement-runs", async (HttpContext context) =>
        {
            return await RunAsync(ledger, jobs, context).ConfigureAwait(false);
        }).TakesFact("settlement-run", "Calculates a settlement day of an account and records the run.",
                $"One JSON object: {Members}. With the header Prefer: respond-async it is taken as a job, and Location "
                + "says where its state is.", Members)
            .RequireRateLimiting(Protection.HeavyRequests);

        app.MapGet("/v1/settlement-runs", async (HttpContext context) =>
        {
            var account = Asking.Optional<PartyId>(context.Request, "account", PartyId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var day = Asking.Optional<LocalDate>(context.Request, "day", Asking.TryDay, Rejection.InvalidTime,
                Asking.DayRule);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var runs = (account is { } named ? answers.Runs(named, day) : answers.Runs())
                .Where(run => day is not { } asked || run.Day == RowJson.Day(asked)).ToList();
            return Answering.Read(new { asOf = position, runs }, position);
        }).Reads("settlement-runs", "The settlement runs in the order in which they were recorded.", "account?",
            "day?");

        app.MapGet("/v1/statement-lines", async (HttpContext context) =>
        {
            var named = NamedRuns.NameOf(context.Request, "run");
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            if (NamedRuns.Find(answers.Runs(), context.Request, "run") is not { } row)
                return Answering.Problem(404, Rejection.UnknownRun, $"there is no settlement run {named}");
            var again = await Settlements.RederiveAsync(ledger.Journal, ledger.Views, row, context.RequestAborted)
                .ConfigureAwait(false);
            return Answering.Read(new
            {
                asOf = position,
                run = row,
                differs = again.Differs,
                lines = again.Statement is { } statement ? LineAnswer.Of(statement, row.Zone) : [],
                charges = again.Statement?.Charges.Select(ChargeAnswer.From).ToList() ?? [],
                flexibility = again.Statement?.Flexibility.Select(FlexibilityAnswer.From).ToList() ?? [],
            }, position);
        }).Reads("statement-lines",
            "The lines of a run, derived again from its position; 'differs' says what does not come out again.", "run",
            NamedRuns.Account, NamedRuns.Day).RequireRateLimiting(Protection.HeavyRequests).Refuses(404);
    }

    /// <summary>All of a statement as one table.</summary>
    private static void MapRows(WebApplication app, OpenLedger ledger) =>
        app.MapGet("/v1/statement-rows", async (HttpContext context) =>
        {
            var named = NamedRuns.NameOf(context.Request, "run");
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var again = NamedRuns.Find(answers.Runs(), context.Request, "run") is { } row
                ? await Settlements.RederiveAsync(ledger.Journal, ledger.Views, row, context.RequestAborted)
                    .ConfigureAwait(false)
                : null;
            if (again is not { Statement: { } statement })
                return Answering.Problem(404, Rejection.UnknownRun, $"there is no settlement run {named} with rows");
            var rows = StatementRows.Of(again.Run, statement);
            return Answering.Read(new
            {
                asOf = position,
                run = again.Run.Run,
                account = again.Run.Account,
                day = again.Run.Day,
                currency = again.Run.Currency,
                total = again.Run.Total,
                sumOfLines = rows.Sum,
                sumIsTotal = rows.SumIsTotal,
                linesWithoutAmount = rows.WithoutAmount,
                differs = again.Differs,
                rows = rows.Rows.Select(StatementRowAnswer.Of).ToList(),
            }, position);
        }).Reads("statement-rows",
            "All of a run's statement as one table: energy, charges and flexibility, each with its time in UTC and as the "
                + "local clock showed it, its settlement day and period number; the sum of the rows is the total.",
            "run", NamedRuns.Account, NamedRuns.Day)
            .RequireRateLimiting(Protection.HeavyRequests).Refuses(404);

    /// <summary>Whose accounts a run moves energy and money between.</summary>
    private static void MapEntries(WebApplication app, OpenLedger ledger) =>
        app.MapGet("/v1/statement-entries", async (HttpContext context) =>
        {
            var named = NamedRuns.NameOf(context.Request, "run");
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var again = NamedRuns.Find(answers.Runs(), context.Request, "run") is { } row
                ? await Settlements.RederiveAsync(ledger.Journal, ledger.Views, row, context.RequestAborted)
                    .ConfigureAwait(false)
                : null;
            if (again is not { Statement: { } statement })
                return Answering.Problem(404, Rejection.UnknownRun, $"there is no settlement run {named} with entries");
            var isPublished = answers.Publications()
                .Any(said => said.Run == again.Run.Run && said.Account == again.Run.Account);
            var entries = DoubleEntry.Of(statement, isPublished);
            return Answering.Read(new
            {
                asOf = position,
                run = again.Run.Run,
                account = statement.Account.Value,
                day = again.Run.Day,
                currency = statement.Currency,
                conserved = DoubleEntry.NotConserved(statement, entries) ?? "yes",
                entries = entries.Select(EntryAnswer.Of).ToList(),
                balances = DoubleEntry.Balances(entries).Select(BalanceAnswer.Of).ToList(),
            }, position);
        }).Reads("statement-entries",
            "The double entries of a run in energy and money, what each account has by them, and whether anything is made "
                + "or lost.", "run", NamedRuns.Account, NamedRuns.Day)
            .RequireRateLimiting(Protection.HeavyRequests).Refuses(404);

    /// <summary>What was said of runs after they were calculated.</summary>
    private static void MapAfterwards(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/run-publications", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(new { asOf = position, publications = answers.Publications() }, position);
        }).Reads("run-publications", "Every publication of a run, with what it rests on and how complete it was.");

        app.MapGet("/v1/run-deltas", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(new { asOf = position, deltas = answers.Deltas() }, position);
        }).Reads("run-deltas", "Every correction that was booked as deltas on a run.");

        app.MapGet("/v1/month-closes", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(new { asOf = position, months = answers.ClosedMonths() }, position);
        }).Reads("month-closes", "The months that were closed.");

        app.MapGet("/v1/disputes", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(new { asOf = position, disputes = answers.Disputes() }, position);
        }).Reads("disputes", "Every dispute of a run, as far as it went.");
    }

    private static async Task<IResult> RunAsync(OpenLedger ledger, JobRunner jobs, HttpContext context)
    {
        var source = context.Request.Path.Value!;
        var key = Submissions.Key(context, source);
        var text = await Submissions.ReadAsync(context, source).ConfigureAwait(false);
        if (JobResources.IsAsked(context.Request) && context.By().Holds(Scopes.SettlementRun))
            return JobResources.Start(jobs, SettlementJob.Kind, Encoding.UTF8.GetString(text.Bytes.Span), context,
                SettlementJob.Of(text, context.By(), ledger));
        var refused = RunSettlement.Read(text.Bytes, out var asked);
        return Answering.Of(refused is null
            ? await SendAsync(ledger, asked!, text, context.By(), key).ConfigureAwait(false)
            : await SendAsync(ledger, new EvidenceToRefuse(refused.Code, refused.Detail), text, context.By(), key)
                .ConfigureAwait(false));
    }

    private static Task<RecordOutcome> SendAsync<TInput>(OpenLedger ledger, TInput input, Submission text,
        Principal by, IdempotencyKey key)
        where TInput : notnull =>
        ledger.Commands.Send(new Command<TInput>(input, text, by, key), CancellationToken.None);
}
