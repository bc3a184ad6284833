using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api.Resources;

/// <summary>Why an amount is what it is, where a fact is counted, and why two runs differ.</summary>
internal static class ExplanationReads
{
    private const string PositionRule = "a position of the journal";

    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/explanations", async (HttpContext context) =>
        {
            return await AmountAsync(ledger, context).ConfigureAwait(false);
        }).Reads("explanations",
            "An amount of a run as the tree of what it follows from: of a line, or of the total without one.", "run",
            NamedRuns.Account, NamedRuns.Day, "line?").RequireRateLimiting(Protection.HeavyRequests).Refuses(404);
        app.MapGet("/v1/fact-uses", async (HttpContext context) =>
        {
            return await FactAsync(ledger, context).ConfigureAwait(false);
        }).Reads("fact-uses",
            "The lines of the settlement runs in which a fact is counted, or why it is in none.", "position")
            .Refuses(404);
        app.MapGet("/v1/run-differences", async (HttpContext context) =>
        {
            return await DifferenceAsync(ledger, context).ConfigureAwait(false);
        }).Reads("run-differences",
            "Why two runs differ: by fact and by line, reconciled.", "before", "after", NamedRuns.Account, NamedRuns.Day)
            .RequireRateLimiting(Protection.HeavyRequests).Refuses(404);
    }

    private static async Task<IResult> AmountAsync(OpenLedger ledger, HttpContext context)
    {
        var run = NamedRuns.NameOf(context.Request, "run");
        var line = Asking.Optional<long>(context.Request, "line", Asking.TryCount, Rejection.OutOfRange,
            "a line's number from 1 on");
        var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
        var explained = NamedRuns.Find(answers.Runs(), context.Request, "run") is { } row
            ? await ExplainedRun.OfAsync(ledger.Journal, ledger.Views, row,
                context.RequestAborted).ConfigureAwait(false)
            : null;
        return explained is null
                ? Answering.Problem(404, Rejection.UnknownRun, $"there is no settlement run {run} to explain")
            : line is { } number && (number < 1 || number > explained.Statement.Texts)
                ? Answering.Problem(404, Rejection.OutOfRange,
                    $"{run} has the lines 1 to {explained.Statement.Texts}, and no {number}")
            : Answering.Read(Answer(line is { } of ? explained.Line((int)of) : explained.Total(), position), position);
    }

    private static object Answer(ExplainedAmount amount, long? asOf) => new
    {
        asOf,
        run = amount.Run.Run,
        line = amount.Line,
        holds = amount.Holds,
        differs = amount.Differs,
        tree = ExplainedNode.Of(amount.Tree),
        rules = amount.Tree.Rules(),
    };

    private static async Task<IResult> FactAsync(OpenLedger ledger, HttpContext context)
    {
        var of = Asking.Required<long>(context.Request, "position", Asking.TryCount, Rejection.OutOfRange, PositionRule);
        var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
        if (position is not { } last || of > last
            || await TenantAsync(ledger, of, context.RequestAborted).ConfigureAwait(false) is var tenant
                && !(context.By().Reach.IsEverything || tenant == context.By().Party))
            return Answering.Problem(404, Rejection.OutOfRange, $"there is no event at position {of}");
        var reached = answers.Runs().Select(run => run.Run).ToHashSet(StringComparer.Ordinal);
        var use = await FactUses.OfAsync(ledger.Journal, ledger.Views, of,
            context.RequestAborted).ConfigureAwait(false);
        return Answering.Read(new
        {
            asOf = position,
            position = of,
            fact = use.Fact.WireName,
            says = use.Fact.Says,
            excluded = use.Because,
            runs = use.Runs.Where(run => reached.Contains(run.Run)).ToList(),
        }, position);
    }

    /// <summary>The party that handed in the fact at a position.</summary>
    private static async Task<PartyId?> TenantAsync(OpenLedger ledger, long position, CancellationToken ct)
    {
        await foreach (var recorded in ledger.Journal.ReadAllAsync(position, ct).ConfigureAwait(false))
            return recorded.Envelope.Tenant;
        return null;
    }

    private static async Task<IResult> DifferenceAsync(OpenLedger ledger, HttpContext context)
    {
        var (before, after) = (NamedRuns.NameOf(context.Request, "before"), NamedRuns.NameOf(context.Request, "after"));
        var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
        var runs = answers.Runs();
        var difference = Row("before") is { } was && Row("after") is { } now
            ? await RunDifferences.OfAsync(ledger.Journal, ledger.Views, was, now, context.RequestAborted)
                .ConfigureAwait(false)
            : null;
        return difference is null
            ? Answering.Problem(404, Rejection.UnknownRun, $"there are no settlement runs {before} and {after} to compare")
            : Answering.Read(new
            {
                asOf = position,
                before = before.Value,
                after = after.Value,
                change = difference.Change,
                currency = difference.After.Currency,
                says = difference.Says,
                byEnergy = difference.ByEnergy,
                byPrice = difference.ByPrice,
                byRounding = difference.ByRounding,
                byCharges = difference.ByCharges,
                byFlexibility = difference.ByFlexibility,
                reconciled = difference.IsReconciled,
                differs = difference.Differs,
                causes = difference.Causes,
                lines = difference.Lines.Select(ChangedLineAnswer.Of).ToList(),
                charges = difference.Charges.Select(ChangedChargeAnswer.From).ToList(),
                flexibility = difference.Flexibility.Select(ChangedFlexibilityAnswer.From).ToList(),
            }, position);

        TimeOfUseSettlement.RunRow? Row(string parameter) => NamedRuns.Find(runs, context.Request, parameter);
    }
}

/// <summary>A line that differs between two runs, in kWh and money.</summary>
public sealed record ChangedLineAnswer(
    string Point, Direction Direction, NodaTime.Instant Start, NodaTime.Instant End, int? LineBefore, int? LineAfter,
    string? MeteredBeforeKwh, string? MeteredAfterKwh, decimal? Before, decimal? After, decimal ByEnergy,
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
    decimal? QuantityBefore, decimal? QuantityAfter, decimal? Before, decimal? After, string Why, string Says,
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
    int? LineAfter, decimal? KwhBefore, decimal? KwhAfter, decimal? Before, decimal? After, string Why, string Says,
    IReadOnlyList<long> Facts)
{
    public static ChangedFlexibilityAnswer From(ChangedFlexibility line) => new(
        line.Line.Programme.Value, line.Line.Instruction?.Value, line.Line.Paid, line.Line.Start, line.Line.Kind,
        line.LineBefore, line.LineAfter, line.KwhBefore, line.KwhAfter, line.Before, line.After, line.Why,
        line.Says, line.Facts);
}
