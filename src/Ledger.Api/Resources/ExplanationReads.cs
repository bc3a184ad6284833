using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api.Resources;

/// <summary>An amount of a run as the tree of what it follows from.</summary>
/// <param name="Line">Null of the total.</param>
/// <param name="Holds">Whether a second arithmetic comes to the same, and the run comes out as it was recorded.</param>
/// <param name="Differs">What of the run does not come out again; null where all does.</param>
/// <param name="Correction">Of a correction that was booked on a run; null of a run.</param>
public sealed record ExplanationAnswer(
    long? AsOf, string Run, int? Line, bool Holds, string? Differs, ExplainedNode Tree,
    IReadOnlyList<ExplanationRule> Rules, CorrectionAnswer? Correction = null)
{
    /// <param name="reaches">Whose figures are told.</param>
    public static ExplanationAnswer Of(ExplainedAmount amount, long? asOf, Predicate<PartyId> reaches) => new(
        asOf, amount.Run.Run, amount.Line, amount.Holds, amount.Differs,
        ExplainedNode.Of(amount.Tree, amount.MoneyDecimals, reaches), amount.Tree.Rules());

    public static ExplanationAnswer Of(ExplainedCorrection found, long? asOf, Predicate<PartyId> reaches) => new(
        asOf, found.Booked.Run, found.Line, found.Holds, found.Differs,
        ExplainedNode.Of(found.Tree, found.MoneyDecimals, reaches), found.Tree.Rules(),
        new(found.Booked.Corrects, found.Booked.Style, found.Correction.Before.Name, found.Total, found.Booked.Currency,
            found.Lines, found.Facts));
}

/// <summary>What a correction changes, line by line, and which facts came between.</summary>
/// <param name="Before">The run, or the correction before it, from which it was taken.</param>
public sealed record CorrectionAnswer(
    string Corrects, CorrectionStyle Style, string Before, Money Total, string Currency,
    IReadOnlyList<CorrectedLine> Lines, IReadOnlyList<FactBetween> Facts);

/// <summary>Where a fact is counted.</summary>
/// <param name="Excluded">Why it is in no run; null where it is.</param>
public sealed record FactUseAnswer(
    long? AsOf, long Position, string Fact, string Says, string? Excluded, IReadOnlyList<FactInRun> Runs);

/// <summary>Why the total of one run is another one's.</summary>
/// <param name="IncompleteBefore">Whether the run before has lines without an amount, which are in no total.</param>
/// <param name="IncompleteAfter">The same of the run after.</param>
/// <param name="Differs">What of either run does not come out again; null where all does.</param>
public sealed record RunDifferenceAnswer(
    long? AsOf, string Before, string After, Money Change, string Currency, string Says, decimal ByEnergy,
    decimal ByPrice, decimal ByRounding, Money ByCharges, Money ByFlexibility, bool Reconciled, string? Differs,
    bool IncompleteBefore, bool IncompleteAfter, IReadOnlyList<ChangeCause> Causes,
    IReadOnlyList<ChangedLineAnswer> Lines,
    IReadOnlyList<ChangedChargeAnswer> Charges, IReadOnlyList<ChangedFlexibilityAnswer> Flexibility)
{
    public static RunDifferenceAnswer Of(RunDifference found, string before, string after, long? asOf) => new(
        asOf, before, after, found.Change, found.After.Currency, found.Says, found.ByEnergy,
        found.ByPrice, found.ByRounding, found.ByCharges, found.ByFlexibility, found.IsReconciled, found.Differs,
        found.Before.Incomplete, found.After.Incomplete, found.Causes, [.. found.Lines.Select(ChangedLineAnswer.Of)],
        [.. found.Charges.Select(ChangedChargeAnswer.From)],
        [.. found.Flexibility.Select(ChangedFlexibilityAnswer.From)]);
}

/// <summary>Why an amount is what it is, where a fact is counted, and why two runs differ.</summary>
internal static class ExplanationReads
{
    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/explanations", async (HttpContext context) =>
        {
            return await AmountAsync(ledger, context).ConfigureAwait(false);
        }).Reads("explanations",
            "An amount of a run as the tree of what it follows from: of a line, or of the total without one. Of a "
                + "correction that was booked on a run also which line of what it changes, what was, what is, and the facts "
                + "that came between.", "run",
            NamedRuns.Account, NamedRuns.Day, "line?").RequireRateLimiting(Protection.HeavyRequests).Refuses(404);
        app.MapGet("/v1/fact-uses", async (HttpContext context) =>
        {
            return await FactAsync(ledger, context).ConfigureAwait(false);
        }).Reads("fact-uses",
            "The lines of the settlement runs in which a fact is counted, or why it is in none.", "position")
            .RequireRateLimiting(Protection.HeavyRequests).Refuses(404);
        app.MapGet("/v1/run-differences", async (HttpContext context) =>
        {
            return await DifferenceAsync(ledger, context).ConfigureAwait(false);
        }).Reads("run-differences",
            "Why two runs differ: by fact and by line, reconciled. A correction's name means its run with what is booked "
                + "on it, up to and with that correction.", "before", "after", NamedRuns.Account, NamedRuns.Day)
            .RequireRateLimiting(Protection.HeavyRequests).Refuses(404, 422);
    }

    private static async Task<JsonAnswer<ExplanationAnswer>> AmountAsync(OpenLedger ledger, HttpContext context)
    {
        var run = NamedRuns.NameOf(context.Request, "run");
        var line = Asking.Optional<long>(context.Request, "line", Asking.TryCount, Rejection.OutOfRange,
            "a line's number from 1 on");
        var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
        var named = NamedRuns.FindNamed(answers, context.Request, "run") ?? throw NotThere();
        if (named.Booked.Count > 0)
        {
            var reasons = await CorrectionReasons.OfAsync(ledger.Journal, ledger.Views, named, context.RequestAborted,
                context.By().Reach.Covers).ConfigureAwait(false) ?? throw NotThere();
            return Answering.Read(ExplanationAnswer.Of(line is { } of
                ? await reasons.LineAsync(Within(of, reasons.Count)).ConfigureAwait(false)
                : await reasons.TotalAsync().ConfigureAwait(false), position, answers.Reaches), position);
        }
        var explained = await ExplainedRun.OfAsync(ledger.Journal, ledger.Views, named.Run, context.RequestAborted)
            .ConfigureAwait(false) ?? throw NotThere();
        return Answering.Read(ExplanationAnswer.Of(line is { } number
            ? explained.Line(Within(number, explained.Statement.Texts)) : explained.Total(), position, answers.Reaches),
            position);

        ProblemException NotThere() =>
            new(404, Rejection.UnknownRun, $"there is no settlement run or correction {run} to explain");

        int Within(long of, int lines) => of >= 1 && of <= lines ? (int)of
            : throw new ProblemException(404, Rejection.OutOfRange, $"{run} has the lines 1 to {lines}, and no {of}");
    }

    private static async Task<JsonAnswer<FactUseAnswer>> FactAsync(OpenLedger ledger, HttpContext context)
    {
        var of = ReachedFact.PositionOf(context.Request);
        var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
        if (position is not { } last || of > last) throw ReachedFact.NotThere(of);
        await ReachedFact.FindAsync(ledger, context, of).ConfigureAwait(false);
        var use = await FactUses.OfAsync(ledger.Journal, answers, of, context.RequestAborted).ConfigureAwait(false);
        return Answering.Read(
            new FactUseAnswer(position, of, use.Fact.WireName, use.Fact.Says, use.Because, use.Runs), position);
    }

    private static async Task<JsonAnswer<RunDifferenceAnswer>> DifferenceAsync(OpenLedger ledger, HttpContext context)
    {
        var (before, after) = (NamedRuns.NameOf(context.Request, "before"), NamedRuns.NameOf(context.Request, "after"));
        var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
        if (NamedRuns.FindNamed(answers, context.Request, "before") is not { } was
            || NamedRuns.FindNamed(answers, context.Request, "after") is not { } now) throw NotThere();
        return await RunDifferences.OfAsync(ledger.Journal, ledger.Views, was, now, context.RequestAborted,
            context.By().Reach.Covers).ConfigureAwait(false) switch
        {
            RunComparison.Compared { Difference: var difference } => Answering.Read(
                RunDifferenceAnswer.Of(difference, before.Value, after.Value, position), position),
            RunComparison.NotPossible { Code: Rejection.CurrencyDiffers } not =>
                throw new ProblemException(422, not.Code, not.Detail),
            _ => throw NotThere(),
        };

        ProblemException NotThere() => new(404, Rejection.UnknownRun,
            $"there are no settlement runs or corrections {before} and {after} to compare");
    }
}

/// <summary>A line that differs between two runs, in kWh and money.</summary>
public sealed record ChangedLineAnswer(
    string Point, Direction Direction, NodaTime.Instant Start, NodaTime.Instant End, int? LineBefore, int? LineAfter,
    string? MeteredBeforeKwh, string? MeteredAfterKwh, Money? Before, Money? After, decimal ByEnergy,
        decimal ByPrice,
    decimal ByRounding, string Why, string Says, IReadOnlyList<long> Facts)
{
    public static ChangedLineAnswer Of(ChangedLine line) => new(
        line.Point.Value, line.Direction, line.Period.Start, line.Period.End, line.LineBefore, line.LineAfter,
        line.MeteredBefore?.ToKwh(), line.MeteredAfter?.ToKwh(), line.Before, line.After, line.ByEnergy, line.ByPrice,
        line.ByRounding, line.Why, line.Says, line.Facts);
}

/// <summary>A charge beside energy that differs between two runs; without a point the account owes it as a
/// whole.</summary>
public sealed record ChangedChargeAnswer(
    string? Point, BillPart Part, string Name, NodaTime.LocalDate Of, int? LineBefore, int? LineAfter, string Unit,
    decimal? QuantityBefore, decimal? QuantityAfter, Money? Before, Money? After, string Why, string Says,
    IReadOnlyList<long> Facts)
{
    public static ChangedChargeAnswer From(ChangedCharge charge) => new(
        charge.Charge.Point?.Value, charge.Charge.Part, charge.Charge.Name, charge.Charge.Of, charge.LineBefore,
        charge.LineAfter, charge.Unit, charge.QuantityBefore, charge.QuantityAfter, charge.Before, charge.After,
        charge.Why, charge.Says, charge.Facts);
}

/// <summary>A line of flexibility that differs between two runs.</summary>
public sealed record ChangedFlexibilityAnswer(
    string Programme, string? Instruction, string Paid, NodaTime.Instant Start, FlexibilityKind Kind, int? LineBefore,
    int? LineAfter, decimal? KwhBefore, decimal? KwhAfter, Money? Before, Money? After, string Why, string Says,
    IReadOnlyList<long> Facts)
{
    public static ChangedFlexibilityAnswer From(ChangedFlexibility line) => new(
        line.Line.Programme.Value, line.Line.Instruction?.Value, line.Line.Paid, line.Line.Start, line.Line.Kind,
        line.LineBefore, line.LineAfter, line.KwhBefore, line.KwhAfter, line.Before, line.After, line.Why,
        line.Says, line.Facts);
}
