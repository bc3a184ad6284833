using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api;

/// <summary>How a baseline is frozen and completed: calculated from the journal,
/// then decided and recorded like any fact.</summary>
public static class Freezing
{
    /// <summary>The route that calculates the baselines and records them.</summary>
    public static CommandRoutes AddTo(CommandRoutes routes, OpenLedger ledger) =>
        routes.Add<FreezeBaseline>(Scopes.DispatchWrite, (recorder, command, now, ct) =>
            RecordAsync(ledger, recorder, command, now, ct));

    private static async Task<RecordOutcome> RecordAsync(
        OpenLedger ledger, Recorder recorder, Command<FreezeBaseline> command, Instant now, CancellationToken ct)
    {
        var asked = command.Input;
        if (await BaselineCalculations.FindAsync(ledger.Journal, asked.Instruction, ct)
            .ConfigureAwait(false) is not { } recorded)
            return await RefuseAsync(Rejection.UnknownInstruction, $"there is no instruction {asked.Instruction}")
                .ConfigureAwait(false);
        var points = recorded.Order.Targets.Select(target => target.Point)
            .Where(point => asked.Point is null || asked.Point == point).ToList();
        if (points.Count == 0)
            return await RefuseAsync(Rejection.UnknownSettlementPoint,
                $"{asked.Point} is no target of {asked.Instruction}").ConfigureAwait(false);
        if (asked.AtPosition > ledger.Journal.Length || asked.AtPosition < recorded.Position)
            return await RefuseAsync(Rejection.OutOfRange,
                $"atPosition is {asked.AtPosition}: it is from the instruction's "
                + $"{recorded.Position} to the journal's {ledger.Journal.Length}").ConfigureAwait(false);
        var known = await ledger.CatchUpAsync(ct).ConfigureAwait(false);
        var stream = Streams.Baselines(asked.Instruction);
        var (before, _) = await recorder.LoadAsync(stream, FrozenBaselinesState.Empty, FrozenBaselines.Evolve, ct)
            .ConfigureAwait(false);
        var calculation = asked.Complete
            ? await CompleteAsync(ledger, asked, recorded.Order, before, points, known, ct).ConfigureAwait(false)
            : await BaselineCalculations.FreezeAsync(ledger.Journal, ledger.Views, recorded, points, before,
                asked.AtPosition ?? recorded.Position, asked.Holidays, ct).ConfigureAwait(false);
        if (calculation is not BaselineCalculation.Calculated { Baselines: var baselines })
        {
            var not = (BaselineCalculation.NotPossible)calculation;
            return await RefuseAsync(not.Code, not.Detail).ConfigureAwait(false);
        }
        // A completion stands for its own target: a meter that never reports must not hold up the others.
        if (!asked.Complete && Refused(before, recorded, baselines, now) is { } refused)
            return await RefuseAsync(refused.Code, refused.Detail).ConfigureAwait(false);
        var outcome = Together(await EachAsync(baselines, placed: false).ConfigureAwait(false));
        // Of all that are there already one says where.
        return outcome is RecordOutcome.AlreadyRecorded && baselines.Count > 0
            ? Together(await EachAsync([baselines[^1]], placed: true).ConfigureAwait(false)) : outcome;

        Task<IReadOnlyList<RecordOutcome>> EachAsync(IReadOnlyList<BaselineFrozen> each, bool placed) =>
            recorder.RecordEachAsync(stream, FrozenBaselinesState.Empty, FrozenBaselines.Evolve, each,
                (state, frozen) => FrozenBaselines.Decide(state, recorded.Order, recorded.Position, frozen, now),
                _ => command.Raw, command.By, ct, placed);

        Task<RecordOutcome> RefuseAsync(Rejection code, string detail) =>
            recorder.RefuseAsync(code, detail, command.Raw, command.By, ct);
    }

    /// <summary>
    /// The first refusal among the baselines of a freeze, before any of them is recorded: all of them are frozen, or
    /// none. They may be too many for one append; what a power cut leaves out of several, the same freeze adds later
    /// with the same result, because it counts the facts before the same position.
    /// </summary>
    private static Decision.Rejected? Refused(
        FrozenBaselinesState state, RecordedOrder recorded, IReadOnlyList<BaselineFrozen> baselines, Instant now)
    {
        foreach (var frozen in baselines)
            switch (FrozenBaselines.Decide(state, recorded.Order, recorded.Position, frozen, now))
            {
                case Decision.Rejected refused: return refused;
                case Decision.Accepted: state = FrozenBaselines.Evolve(state, frozen); break;
            }
        return null;
    }

    /// <summary>Completes what awaits. A retry means the completion that it asked for before,
    /// not one of what came in between.</summary>
    /// <param name="known">How far the views are, which say what was called: what is recorded since is not counted.
    /// </param>
    private static async Task<BaselineCalculation> CompleteAsync(
        OpenLedger ledger, FreezeBaseline asked, DispatchInstructed order, FrozenBaselinesState state,
        IReadOnlyList<SettlementPointId> points, long known, CancellationToken ct)
    {
        var completed = new List<BaselineFrozen>();
        foreach (var point in points)
        {
            var frozen = state.Frozen.FirstOrDefault(each => each.Point == point);
            if (frozen is null)
                return new BaselineCalculation.NotPossible(Rejection.OutOfRange, $"no baseline of {point} is frozen");
            if (frozen.Awaits is null) continue;
            var position = asked.AtPosition ?? state.Of(point)!.CompletedAtPosition ?? known;
            completed.AddRange(await BaselineCalculations.CompleteAsync(
                ledger.Journal, ledger.Views, order, [frozen], position, ct).ConfigureAwait(false));
        }
        return new BaselineCalculation.Calculated(completed);
    }

    /// <summary>One answer for all targets: the first that was not recorded, else the last position.</summary>
    private static RecordOutcome Together(IReadOnlyList<RecordOutcome> targets) =>
        targets.FirstOrDefault(outcome => !outcome.IsDurable)
        ?? targets.OfType<RecordOutcome.Recorded>().LastOrDefault()
        ?? targets.LastOrDefault()
        ?? new RecordOutcome.AlreadyRecorded(null);
}
