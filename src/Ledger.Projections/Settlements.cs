using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>What a calculation of an account's day gives.</summary>
public abstract record SettlementCalculation
{
    private SettlementCalculation() { }

    /// <summary>The statement, and the points that are not in it, each with the reason.</summary>
    public sealed record Calculated(
        Statement Statement, string Zone, long AtPosition, string TzdbVersion, IReadOnlyList<SettledPoint> LeftOut)
        : SettlementCalculation
    {
        /// <summary>The request to record this statement as a run.</summary>
        public SettlementRequest Request(RunId run, RunKind kind, RunId? supersedes) =>
            new(run, kind, Zone, AtPosition, TzdbVersion, supersedes);
    }

    /// <summary>There is nothing to calculate with: no point, or no tariff.</summary>
    public sealed record NotPossible(Rejection Code, string Detail, IReadOnlyList<SettledPoint> LeftOut)
        : SettlementCalculation;
}

/// <summary>
/// A stored run calculated again from its own position. <paramref name="Differs"/> is null where all that follows from
/// the facts is as it was recorded.
/// </summary>
public sealed record RederivedRun(TimeOfUseSettlement.RunRow Run, Statement? Statement, string? Differs);

/// <summary>
/// The one way to calculate a settlement, for whoever asks: a new run, a reader of its lines, and an auditor who
/// re-derives a stored one. It reads the journal up to a position and nothing else, so a position gives one statement.
/// </summary>
public static class Settlements
{
    /// <summary>Calculates an account's day from the facts before a position of the journal.</summary>
    public static Task<SettlementCalculation> CalculateAsync(
        IJournal journal, IViewStore views, PartyId account, LocalDate day, long position, CancellationToken ct) =>
        CalculateAsync(journal, views, account, day, position, Settlement.NewestRuleVersion, ct);

    /// <summary>The same by the rules that a run or its deltas name, as far as those are told apart by their
    /// version.</summary>
    internal static async Task<SettlementCalculation> CalculateAsync(IJournal journal, IViewStore views,
        PartyId account, LocalDate day, long position, string ruleVersion, CancellationToken ct)
    {
        try
        {
            return await ExactlyAsync(journal, views, account, day, position, ruleVersion, ct).ConfigureAwait(false);
        }
        catch (OverflowException)
        {
            // A register that counts more than any plant could meter stops its own day, and whoever settles learns why.
            return new SettlementCalculation.NotPossible(Rejection.OutOfRange,
                $"an energy or amount of {account} on {RowJson.Day(day)} has more digits than are counted exactly", []);
        }
    }

    private static async Task<SettlementCalculation> ExactlyAsync(IJournal journal, IViewStore views,
        PartyId account, LocalDate day, long position, string ruleVersion, CancellationToken ct)
    {
        var facts = await SettlementFacts.GatherAsync(journal, views, account, day, position, ruleVersion, ct)
            .ConfigureAwait(false);
        var paid = await FlexibilityStatements.OfAsync(journal, views, account, day, position, ruleVersion, ct)
            .ConfigureAwait(false);
        if (facts.Zone is not { } zone)
            return new SettlementCalculation.NotPossible(Rejection.UnknownSettlementPoint, paid.Lines.Count == 0
                ? $"{account} owns no settlement point on {RowJson.Day(day)}"
                : $"{account} owns no settlement point on {RowJson.Day(day)}, and has no tariff that says the calendar "
                    + "and the currency of what it is paid for flexibility", facts.LeftOut);
        // Whoever owns no point is settled by what programmes pay, and by nothing else.
        if (!facts.OwnsPoints && paid.Lines.Count == 0)
            return new SettlementCalculation.NotPossible(Rejection.UnknownSettlementPoint,
                $"{account} owns no settlement point on {RowJson.Day(day)}", facts.LeftOut);
        if (facts.Tariff is not { } tariff)
            return new SettlementCalculation.NotPossible(Rejection.UnknownTariff, facts.Assigned is { } assigned
                ? $"no version of tariff {assigned} is in force on {RowJson.Day(day)}"
                : $"{account} has no tariff on {RowJson.Day(day)}", facts.LeftOut);
        if (tariff.Terms is not null && facts.Months is null)
            return new SettlementCalculation.NotPossible(Rejection.UnknownTariff,
                $"tariff {tariff.Tariff} bills months of {tariff.Zone}, and the account's days are those of {zone}",
                facts.LeftOut);
        var statement = Statement.Build(
            account, day, tariff, facts.Points.SelectMany(point => point.Quantities()), facts.Months,
            paid.Lines, facts.Standing, facts.Parties) with
        {
            CountsOnce = facts.CountsOnce || paid.CountsOnce,
            CountsBothDirections = paid.CountsBothDirections,
            CountsAsRecorded = paid.CountsAsRecorded,
            CountsEachPoint = paid.CountsEachPoint,
            CountsSettledDays = facts.CountsSettledDays,
            CountsInTime = paid.CountsInTime,
            CountsAsAgreed = paid.CountsAsAgreed,
            CountsReadyOnce = paid.CountsReadyOnce,
        };
        return new SettlementCalculation.Calculated(
            statement, zone, position, SettlementCalendar.TzdbVersion, facts.LeftOut);
    }

    /// <summary>Whether an account has anything to settle on a day: points, or flexibility that is paid.</summary>
    public static async Task<bool> HasAnythingAsync(
        IJournal journal, IViewStore views, PartyId account, LocalDate day, long position, CancellationToken ct) =>
        (await SettlementFacts.GatherAsync(journal, views, account, day, position, ct).ConfigureAwait(false))
            .Points.Count > 0
        || (await FlexibilityStatements.OfAsync(journal, views, account, day, position,
            Settlement.NewestRuleVersion, ct).ConfigureAwait(false)).Lines.Count > 0;

    /// <summary>Calculates a stored run again and says what differs, and whether other rules explain it.</summary>
    public static async Task<RederivedRun> RederiveAsync(
        IJournal journal, IViewStore views, TimeOfUseSettlement.RunRow run, CancellationToken ct)
    {
        if (run.AtPosition > run.RecordedPosition)
            return new(run, null, $"it is of the facts before {run.AtPosition}, and was recorded at "
                + $"{run.RecordedPosition}");
        return Compared(run, await CalculateAsync(
            journal, views, new(run.Account), RowJson.Day(run.Day), run.AtPosition, run.RuleVersion, ct)
            .ConfigureAwait(false));
    }

    /// <summary>
    /// The same by the rules of now, for whoever has all facts at hand: they name the earliest version that gives what
    /// they give, so where that is the run's, they are its rules. <c>ByNewest</c> is null then; else it is what the day
    /// comes to by rules that the run does not name.
    /// </summary>
    public static async Task<(RederivedRun Again, Statement? ByNewest)> RederiveByNewestAsync(
        IJournal journal, IViewStore views, TimeOfUseSettlement.RunRow run, CancellationToken ct)
    {
        if (run.AtPosition > run.RecordedPosition)
            return (await RederiveAsync(journal, views, run, ct).ConfigureAwait(false), null);
        var newest = await CalculateAsync(
            journal, views, new(run.Account), RowJson.Day(run.Day), run.AtPosition, ct).ConfigureAwait(false);
        var by = (newest as SettlementCalculation.Calculated)?.Statement;
        var isOfTheRun = by is not null && Settlement.RuleVersionOf(by) == run.RuleVersion;
        if (isOfTheRun && Compared(run, newest) is { Differs: null } same) return (same, null);
        return (await RederiveAsync(journal, views, run, ct).ConfigureAwait(false), isOfTheRun ? null : by);
    }

    private static RederivedRun Compared(TimeOfUseSettlement.RunRow run, SettlementCalculation again)
    {
        if (again is not SettlementCalculation.Calculated { Statement: var statement } calculated)
            return new(run, null, $"nothing can be calculated: {((SettlementCalculation.NotPossible)again).Detail}");
        var differs = Differs(calculated, run);
        if (differs is not null && run.RuleVersion != Settlement.RuleVersionOf(statement))
            differs += $"; the rules are {Settlement.RuleVersionOf(statement)}, the run's were {run.RuleVersion}";
        if (differs is not null && run.TzdbVersion != SettlementCalendar.TzdbVersion)
            differs += $"; the time-zone rules are {SettlementCalendar.TzdbVersion}, the run's were {run.TzdbVersion}";
        return new(run.With(statement.MoneyDecimals), statement, differs);
    }

    /// <summary>The first that is not as it was recorded, in words; null where all is.</summary>
    private static string? Differs(SettlementCalculation.Calculated again, TimeOfUseSettlement.RunRow run)
    {
        var statement = again.Statement;
        return statement.Texts != run.Lines ? $"{statement.Texts} lines, recorded were {run.Lines}"
            : statement.LinesRoot.Hex != run.LinesRoot
                ? $"the lines' root is {statement.LinesRoot}, recorded was {run.LinesRoot}"
            : statement.Total != run.Total
                ? $"the total is {RowJson.Text(statement.Total)}, recorded was {RowJson.Text(run.Total)}"
            : !statement.Postings.Select(posting => (posting.Account, posting.Amount))
                .SequenceEqual(run.Postings.Select(posting => (posting.Account, posting.Amount)))
                ? "the postings are others than those that were recorded"
            : Unlike("tariff", $"{statement.Tariff} v{statement.TariffVersion}", $"{run.Tariff} v{run.TariffVersion}")
            ?? Unlike("currency", statement.Currency, run.Currency)
            ?? Unlike("zone", again.Zone, run.Zone)
            ?? (statement.Incomplete == run.Incomplete ? null
                : $"the statement is {Said(statement.Incomplete)}, recorded was {Said(run.Incomplete)}");
    }

    private static string? Unlike(string what, string again, string recorded) =>
        again == recorded ? null : $"the {what} is {again}, recorded was {recorded}";

    private static string Said(bool isIncomplete) => isIncomplete ? "incomplete" : "complete";
}
