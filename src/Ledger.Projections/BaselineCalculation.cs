using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>What a calculation of an instruction's baselines gives.</summary>
public abstract record BaselineCalculation
{
    private BaselineCalculation() { }

    /// <summary>One baseline for each target, in the order of the targets.</summary>
    public sealed record Calculated(IReadOnlyList<BaselineFrozen> Baselines) : BaselineCalculation;

    /// <summary>There is no rule to calculate by, or no point to calculate for.</summary>
    public sealed record NotPossible(Rejection Code, string Detail) : BaselineCalculation;
}

/// <summary>An instruction as it was recorded.</summary>
public sealed record RecordedOrder(DispatchInstructed Order, long Position);

/// <summary>The rule by which a baseline is calculated:
/// what its programme named when the instruction was issued.</summary>
public sealed record CallTerms(ProgrammePublished Programme, RulePackPublished Baseline, RulePackPublished? Scoring);

/// <summary>
/// The baselines of an instruction's targets from the facts before a position, which is that of the instruction itself
/// unless somebody asks for a later one: whenever a baseline is frozen, it is that of the notice. What happened around
/// the call itself can be known only later: what of it a rule needs is awaited, and completes the baseline.
/// </summary>
public static class BaselineCalculations
{
    /// <summary>The instruction and its position; null where there is none.</summary>
    public static async Task<RecordedOrder?> FindAsync(IJournal journal, InstructionId instruction,
        CancellationToken ct) =>
        (await new KnownFacts(journal, long.MaxValue, ct).ReadAsync(Streams.Instruction(instruction))
            .ConfigureAwait(false))
            .Where(known => known.Event is DispatchInstructed)
            .Select(known => new RecordedOrder((DispatchInstructed)known.Event, known.Position)).FirstOrDefault();

    /// <summary>The terms that held when an instruction was issued, as known before a position;
    /// or why there are none.</summary>
    public static async Task<(CallTerms? Terms, BaselineCalculation.NotPossible? Not)> TermsAsync(
        IJournal journal, DispatchInstructed order, long position, CancellationToken ct)
    {
        if (order.Programme is not { } named)
            return Not(Rejection.UnknownProgramme,
                $"{order.Instruction} names no programme, so no rule says its baseline");
        var known = new KnownFacts(journal, position, ct);
        var programmes = await known.StateAsync(Streams.Programme(named), ProgrammeState.Empty, Programmes.Evolve)
            .ConfigureAwait(false);
        if (programmes.At(order.IssuedAt) is not { } programme)
            return Not(Rejection.UnknownProgramme, $"{named} is not published for {order.IssuedAt}");
        if (await known.PackAsync(programme.BaselinePack, order.IssuedAt)
            .ConfigureAwait(false) is not { Baseline: not null } baseline)
            return Not(Rejection.UnknownRulePack,
                $"no baseline {programme.BaselinePack} is in force at {order.IssuedAt}");
        return (new(programme, baseline, await known.PackAsync(programme.ScoringPack, order.IssuedAt)
            .ConfigureAwait(false)), null);

        static (CallTerms?, BaselineCalculation.NotPossible?) Not(Rejection code, string detail) =>
            (null, new(code, detail));
    }

    /// <summary>The point as it is registered when a call begins, as known before a position.</summary>
    internal static async Task<SettlementPointRegistered?> RegisteredAsync(KnownFacts known, SettlementPointId point,
        Interval call) =>
        (await known.PointInForceAsync(point, call.Start).ConfigureAwait(false))?.Event as SettlementPointRegistered;

    /// <param name="points">The targets to freeze.</param>
    /// <param name="before">What is frozen of them: that is calculated again by the version that it names.</param>
    public static async Task<BaselineCalculation> FreezeAsync(
        IJournal journal, IViewStore views, RecordedOrder recorded, IReadOnlyList<SettlementPointId> points,
        FrozenBaselinesState before, long position, IReadOnlyList<LocalDate> holidays, CancellationToken ct)
    {
        var order = recorded.Order;
        var (terms, not) = await TermsAsync(journal, order, position, ct).ConfigureAwait(false);
        if (terms is null) return not!;
        var known = new KnownFacts(journal, position, ct);
        var atNotice = new KnownFacts(journal, recorded.Position, ct);
        var frozen = new List<BaselineFrozen>();
        var answers = new Answers(views, position - 1);
        foreach (var point in points)
        {
            if (await RegisteredAsync(known, point, order.Period).ConfigureAwait(false) is not { } registered)
                return new BaselineCalculation.NotPossible(
                    Rejection.UnknownSettlementPoint, $"{point} is not registered for {order.Period.Start}");
            var load = new PointLoad(registered);
            if (load.Periods(order.Period).Count == 0)
                return new BaselineCalculation.NotPossible(
                    Rejection.PeriodMisaligned, $"the call {order.Period} holds no whole settlement period of {point}");
            var ruleVersion = before.RuleVersionOf(point);
            var others = await OtherCalls.OfAsync(known, answers, order, point, ruleVersion).ConfigureAwait(false);
            var question = new PointQuestion(order, load, point, terms.Baseline, ruleVersion, holidays)
            {
                EventDays = others.Days(load, ruleVersion),
                OtherCalls = others.Held(ruleVersion),
                NamedByDays = others.NamedByDays(load, ruleVersion),
                Plans = new(atNotice, registered, load, order.IssuedAt),
            };
            frozen.Add(await question.AnswerAsync(known, position, null, null).ConfigureAwait(false));
        }
        return new BaselineCalculation.Calculated(frozen);
    }

    /// <summary>Frozen baselines that await meter values, completed by the facts before a later position.</summary>
    public static async Task<IReadOnlyList<BaselineFrozen>> CompleteAsync(
        IJournal journal, IViewStore views, DispatchInstructed order, IReadOnlyList<BaselineFrozen> awaiting,
        long position, CancellationToken ct)
    {
        var (completed, later) = (new List<BaselineFrozen>(), new KnownFacts(journal, position, ct));
        foreach (var frozen in awaiting)
        {
            var known = new KnownFacts(journal, frozen.AtPosition, ct);
            var registered = await RegisteredAsync(known, frozen.Point, order.Period).ConfigureAwait(false)
                ?? throw new InvalidOperationException($"{frozen.Point} is not registered for {order.Period.Start}");
            var pack = (await known.ReadAsync(Streams.RulePack(frozen.Pack)).ConfigureAwait(false))
                .Select(version => version.Event).OfType<RulePackPublished>()
                .First(version => version.Version == frozen.PackVersion);
            var ruleVersion = new FrozenBaselinesState([frozen]).RuleVersionOf(frozen.Point);
            // What was called around the call is seen no earlier than what was metered there.
            var others = await OtherCalls.OfAsync(
                later, new Answers(views, position - 1), order, frozen.Point, ruleVersion).ConfigureAwait(false);
            var question = new PointQuestion(
                order, new PointLoad(registered), frozen.Point, pack, ruleVersion, frozen.Holidays)
            {
                EventDays = frozen.EventDays,
                OtherCalls = others.Held(ruleVersion),
            };
            completed.Add(await question.AnswerAsync(known, frozen.AtPosition, (later, position), frozen.Awaits)
                .ConfigureAwait(false));
        }
        return completed;
    }
}
