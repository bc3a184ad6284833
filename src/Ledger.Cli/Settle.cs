using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger settle</c>: calculates a settlement day of an account from the facts before a position,
/// shows what it comes to and what changed against the run that it supersedes, line by line, and records the run.
/// </summary>
public static class Settle
{
    public static Verb Verb { get; } = new("settle", "",
        "calculates a settlement day of an account, explains what changed, and records the run",
        "ledger settle --account cpo-1 --day 2026-06-02 --kind final",
        [
            new("--account", "PARTY", "whose settlement points"),
            new("--day", "DAY", "which settlement day, like 2026-06-02"),
            new("--kind", "KIND", "initial, interim, final or correction; initial where it is not given"),
            new("--run", "RUN", "the run's name; where it is not given, account, day and a number"),
            new("--supersedes", "RUN", "the run that it takes the place of; a correction takes the one that holds"),
            new("--at", "POSITION", "from the facts before this position; all where it is not given"),
            new("--style", "STYLE", "of a correction: whole (run again), deltas (what changed, booked on the run that "
                + "holds) or credit (all of it taken back); whole where it is not given"),
            new("--by", "WHO", "who of the staff has it calculated; another one publishes it"),
            new("--dry-run", null, "only shows it, beside the run that holds: nothing is recorded"),
        ],
        RunAsync);

    /// <summary>What the command line asks for, with what the ledger adds to it.</summary>
    private sealed record Asked(
        PartyId Account, LocalDate Day, RunKind Kind, RunId Run, TimeOfUseSettlement.RunRow? Superseded, long At,
        TimeOfUseSettlement.RunRow? Holding, CorrectionStyle Style, string? By)
    {
        /// <summary>The run beside which it is shown.</summary>
        public TimeOfUseSettlement.RunRow? Beside(bool isDryRun) => Superseded ?? (isDryRun ? Holding : null);
    }

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 0) throw new UsageException($"settle takes no '{line.Words[0]}'");
        var account = line.Required<PartyId>("--account", PartyId.TryParse, "a party's identifier");
        var day = line.Required<LocalDate>("--day", CommandLine.TryDay, "a day like 2026-06-02");
        if (line.Flag("--dry-run"))
        {
            await using var reader = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
            return await SettleAsync(line, shell, account, day, reader.Journal, reader.Views, null, ct)
                .ConfigureAwait(false);
        }
        await using var ledger = DataFolder.Open(line, shell);
        await ledger.CatchUpAsync(ct).ConfigureAwait(false);
        return await SettleAsync(line, shell, account, day, ledger.Journal, ledger.Views, ledger, ct)
            .ConfigureAwait(false);
    }

    /// <param name="recording">Null where nothing is to be recorded.</param>
    private static async Task<int> SettleAsync(
        CommandLine line, Shell shell, PartyId account, LocalDate day, IJournal journal, IViewStore views,
        OpenLedger? recording, CancellationToken ct)
    {
        var asked = Read(line, account, day, journal, new Answers(views));
        var calculation = await Settlements.CalculateAsync(journal, views, account, day, asked.At, ct)
            .ConfigureAwait(false);
        if (calculation is not SettlementCalculation.Calculated calculated)
        {
            var not = (SettlementCalculation.NotPossible)calculation;
            throw new CouldNotException($"{not.Code} ({(int)not.Code}): {not.Detail}");
        }
        var before = asked.Beside(recording is null) is { } old
            ? await Settlements.RederiveAsync(journal, views, old, ct).ConfigureAwait(false)
            : null;
        var standing = before is null ? null
            : await StatementCorrections.StandingAsync(journal, views, before.Run, before.Statement, asked.Run, ct)
                .ConfigureAwait(false);
        var outcome = recording is null ? null : await RecordAsync(recording, asked, ct).ConfigureAwait(false);
        PageOf(journal, asked, calculated, before, standing, outcome).Write(shell.Output, line.Json);
        return outcome is null or RecordOutcome.Recorded or RecordOutcome.AlreadyRecorded
            ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    private static Asked Read(CommandLine line, PartyId account, LocalDate day, IJournal journal, Answers answers)
    {
        var runs = answers.Runs(account, day);
        var booked = answers.Deltas().Where(deltas => (deltas.Account, deltas.Day) == (account.Value, RowJson.Day(day)))
            .ToList();
        var run = CommandLine.Read<RunId>(line.Option("--run")
            ?? Numbered(account, day, [.. runs.Select(each => each.Run), .. booked.Select(each => each.Run)]),
            RunId.TryParse, "--run is an identifier of at most 64 characters");
        // Who asks for a run that is there means that one: of the facts that it counts, and of what it corrects.
        var again = runs.Where(each => each.Run == run.Value)
            .Select(each => (each.AtPosition, Corrects: each.Supersedes))
            .Concat(booked.Where(each => each.Run == run.Value)
                .Select(each => (each.AtPosition, Corrects: (string?)each.Corrects))).ToList();
        var kind = line.Option<RunKind>("--kind", TryChoice, "initial, interim, final or correction") ?? RunKind.Initial;
        var superseded = line.Option("--supersedes") is { } name
            ? runs.FirstOrDefault(run => run.Run == name)
                ?? throw new CouldNotException($"{name}, to be superseded, is no run of {account} on {Cell.Exact(day)}")
            : again is [{ Corrects: var corrected }] ? runs.FirstOrDefault(each => each.Run == corrected)
            : kind == RunKind.Correction
                ? answers.HoldingRun(account, day)
                    ?? throw new CouldNotException($"there is no run of {account} on {Cell.Exact(day)} to correct")
                : null;
        var at = line.Option<long>("--at", LedgerReader.TryPosition, "a position")
            ?? (again is [{ AtPosition: var counted }] ? counted : journal.Length);
        if (at > journal.Length)
            throw new CouldNotException($"there is no position {at}; the journal has {journal.Length} events");
        var style = line.Option<CorrectionStyle>("--style", TryChoice, "whole, deltas or credit")
            ?? CorrectionStyle.Whole;
        return new(account, day, kind, run, superseded, at, answers.HoldingRun(account, day), style,
            line.Option("--by"));
    }

    /// <summary>The day's next name, which neither a run nor a correction of it has.</summary>
    private static string Numbered(PartyId account, LocalDate day, HashSet<string> taken)
    {
        var number = taken.Count + 1;
        while (taken.Contains(Name())) number++;
        return Name();

        string Name() => string.Create(CultureInfo.InvariantCulture, $"{account}-{Cell.Exact(day)}-{number}");
    }

    private static bool TryChoice<T>(string text, out T choice) where T : struct, Enum
    {
        foreach (var each in Enum.GetValues<T>())
            if (Cell.Exact(each) == text)
            {
                choice = each;
                return true;
            }
        choice = default;
        return false;
    }

    /// <summary>Hands the run to the pipeline, which calculates it again from the same position and decides.</summary>
    private static async Task<RecordOutcome> RecordAsync(OpenLedger ledger, Asked asked, CancellationToken ct)
    {
        var run = new RunSettlement(asked.Run, asked.Account, asked.Day, asked.Kind,
            asked.Superseded is { } old ? new RunId(old.Run) : null, asked.At, asked.Style, asked.By);
        var text = new JsonObject
        {
            ["run"] = $"{run.Run}",
            ["account"] = $"{run.Account}",
            ["day"] = Cell.Exact(run.Day),
            ["kind"] = Cell.Exact(run.Kind),
            ["supersedes"] = run.Supersedes?.Value,
            ["atPosition"] = run.AtPosition,
        };
        // What nobody asked for is not in the text, so that it is what it always was.
        if (run.Style != CorrectionStyle.Whole) text["style"] = Cell.Exact(run.Style);
        if (run.By is { } by) text["by"] = by;
        return await ledger.Commands.Send(new Command<RunSettlement>(run,
            new Submission(Encoding.UTF8.GetBytes(text.ToJsonString()), "ledger settle"),
            ledger.Operator("cli"), new IdempotencyKey($" settle {asked.Run}")), ct).ConfigureAwait(false);
    }

    private static Page PageOf(
        IJournal journal, Asked asked, SettlementCalculation.Calculated calculated, RederivedRun? before,
        StandingRun? standing, RecordOutcome? outcome)
    {
        var statement = calculated.Statement;
        var page = new Page().Field("ledger", "ledger", journal.Ledger.Value)
            .Field("run", "run", asked.Run.Value).Field("kind", "kind", asked.Kind)
            .Field("account", "account", asked.Account.Value).Field("day", "day", asked.Day)
            .Field("zone", "zone", calculated.Zone)
            .Field("tariff", "tariff", $"{statement.Tariff} v{statement.TariffVersion}")
            .Field("atPosition", "facts before position", asked.At)
            .Field("total", null, (Money)statement.Total).Field("currency", null, statement.Currency)
            .Field(null, standing is null || asked.Style == CorrectionStyle.Whole ? "total" : "the day run again",
                $"{Cell.Shown((Money)statement.Total)} {statement.Currency}{(statement.Incomplete ? ", incomplete" : "")}")
            .Field("incomplete", null, statement.Incomplete).Field("lines", "lines", statement.Texts)
            .Field("linesRoot", "lines' root", statement.LinesRoot.Hex)
            .Field("supersedes", asked.Style == CorrectionStyle.Whole ? "supersedes" : "corrects", asked.Superseded?.Run);
        if (asked.Style != CorrectionStyle.Whole) page.Field("style", "booked as", asked.Style);
        if (before is not null) Beside(page, asked, statement, before, standing);
        page.Field("outcome", "outcome", OutcomeOf(outcome))
            .Table("totals", "by direction and tariff period",
                SettlementListings.Totals(SettlementListings.Totals(statement.Lines)));
        if (statement.Charges.Count > 0)
            page.Table("charges", "charges beside energy", SettlementListings.Charges(statement.Charges));
        if (statement.Flexibility.Count > 0)
            page.Table("flexibility", "lines of flexibility", SettlementListings.Flexibility(statement.Flexibility));
        if (statement.Incomplete)
            page.Table("incompleteLines", "lines without an amount", SettlementListings.Incomplete(statement.Lines));
        if (calculated.LeftOut.Count > 0)
            page.Table("leftOut", "settlement points that are not settled", Listing.Of(calculated.LeftOut,
                new("point", "point", row => row.Point.Value), new("why", "why", row => row.WhyNot)));
        // A credit takes back every line, whatever the day would come to now; and two currencies are never subtracted.
        if (asked.Style == CorrectionStyle.Credit || before?.Run.Currency != statement.Currency
            || (standing is null ? before?.Statement : standing.Statement) is not { } earlier) return page;
        page.Table("changes", "lines that changed",
            SettlementListings.Changes(Statement.Difference(earlier, statement)));
        if (StatementCharges.Difference(earlier, statement) is { Count: > 0 } changed)
            page.Table("changedCharges", "charges that changed", SettlementListings.ChangedCharges(changed));
        return FlexibilityLines.Difference(earlier, statement) is { Count: > 0 } moved ? page.Table("changedFlexibility",
            "lines of flexibility that changed", SettlementListings.ChangedFlexibility(moved)) : page;
    }

    /// <summary>The run beside which it is shown, and what the two differ by: by what is booked on that run where
    /// something is booked on it, which is all that stands of it where it is credited.</summary>
    private static void Beside(Page page, Asked asked, Statement statement, RederivedRun before, StandingRun? standing)
    {
        if (asked.Superseded is null) page.Field("beside", "beside", before.Run.Run);
        page.Field("supersededTotal", "its total", (Money)before.Run.Total);
        var isOther = before.Run.Currency != statement.Currency;
        if (isOther) page.Field("supersededCurrency", "its currency", before.Run.Currency);
        if (standing is { Deltas: > 0 }) page.Field("standingTotal", "with what is booked on it",
            (Money)standing.Total);
        page.Field("changeFromSuperseded", asked.Style == CorrectionStyle.Whole ? "change" : "to be booked",
                asked.Style == CorrectionStyle.Credit ? (Money)(-standing!.Total)
                    : isOther ? null : (Money)(statement.Total - (standing?.Total ?? before.Run.Total)))
            .Field("supersededDiffers", before.Differs is null ? null : "it does not come out again", before.Differs);
    }

    private static string OutcomeOf(RecordOutcome? outcome) => outcome switch
    {
        null => "not recorded: a dry run",
        RecordOutcome.Recorded recorded =>
            string.Create(CultureInfo.InvariantCulture, $"recorded at position {recorded.Position}"),
        RecordOutcome.AlreadyRecorded => "already recorded, with the same result",
        RecordOutcome.Refused refused => $"refused, {refused.Code} ({(int)refused.Code}): {refused.Detail}",
        RecordOutcome.Conflict conflict => $"refused, a run of this name has another result: {conflict.Differs}",
        RecordOutcome.Unkept unkept => $"not recorded: {unkept.Said}",
        _ => "not recorded: the ledger is busy, try again",
    };
}
