using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The other calls of a point as its baseline asks for them: on which days there were some, and when they held, each
/// to when it really ended. One that was withdrawn before it began called nobody. Since
/// <see cref="Baseline.MeasuredRuleVersion"/> those of points before and behind are among them, which have the same
/// energy. The views are only asked which instructions to look at.
/// </summary>
internal sealed class OtherCalls
{
    private sealed record Call(DispatchInstructed Order, Instant RecordedAt, Instant EndedAt, bool IsOfPoint);

    private readonly List<Call> calls = [];

    private OtherCalls() { }

    public static async Task<OtherCalls> OfAsync(
        KnownFacts known, Answers answers, DispatchInstructed order, SettlementPointId point, string ruleVersion)
    {
        var others = new OtherCalls();
        var asksBeside = Baseline.AsksMeasured(ruleVersion);
        var tree = !asksBeside ? null : await known.StateAsync(Streams.StationTree, StationTreeState.Empty,
            StationTree.Evolve).ConfigureAwait(false);
        foreach (var named in (asksBeside ? answers.Beside.Calls(point) : answers.InstructionsAt(point))
            .Where(named => named != order.Instruction))
        {
            var stream = Streams.Instruction(named);
            var state = await known.StateAsync(stream, DispatchState.Empty, Dispatch.Evolve).ConfigureAwait(false);
            if (state.Instructed is not { Period: var called } other || state.Withdrawn?.At <= called.Start) continue;
            var isOfPoint = other.Targets.Any(target => target.Point == point);
            if (!isOfPoint && !(asksBeside && await HasEnergyAsync(new(known, called.Start, tree), other, point)
                .ConfigureAwait(false))) continue;
            others.calls.Add(new(other, (await known.ReadAsync(stream).ConfigureAwait(false))
                    .First(each => each.Event is DispatchInstructed).RecordedAt,
                Instant.Min(called.End, state.Withdrawn?.At ?? called.End), isOfPoint));
        }
        return others;
    }

    /// <summary>Whether a target of an order lies before a point or behind it.</summary>
    private static async Task<bool> HasEnergyAsync(WaysToGrid ways, DispatchInstructed order, SettlementPointId point)
    {
        foreach (var target in order.Targets)
            if (await ways.LieOnOneAsync(point, target.Point).ConfigureAwait(false)) return true;
        return false;
    }

    /// <summary>The days with a call by a version of the rules: before
    /// <see cref="Baseline.OtherCallsRuleVersion"/> to the ordered end of each.</summary>
    public IReadOnlyList<LocalDate> Days(PointLoad load, string ruleVersion)
    {
        var days = new SortedSet<LocalDate>();
        foreach (var call in calls.Where(call => call.IsOfPoint || Baseline.AsksMeasured(ruleVersion)))
        {
            var end = Baseline.AsksOtherCalls(ruleVersion) ? call.EndedAt : call.Order.Period.End;
            var last = load.DayOf(end - Duration.Epsilon);
            for (var day = load.DayOf(call.Order.Period.Start); day <= last; day = day.PlusDays(1)) days.Add(day);
        }
        return [.. days];
    }

    /// <summary>The earliest version of the rules that has the same days; null where the first one has them.</summary>
    public string? NamedByDays(PointLoad load, string ruleVersion)
    {
        var (days, before) = (Days(load, ruleVersion), Days(load, Baseline.MeasuredRuleVersion));
        return Baseline.AsksOtherCalls(ruleVersion) && !days.SequenceEqual(before)
            ? Baseline.OtherCallsRuleVersion
            : Baseline.AsksMeasured(ruleVersion) && !before.SequenceEqual(Days(load, Baseline.FirstRuleVersion))
                ? Baseline.MeasuredRuleVersion : null;
    }

    /// <summary>When the calls held, in order of time; none by versions that do not ask. A call holds from when it was
    /// recorded: who dates one back moved no load by it, and would only spoil a baseline that he does not
    /// like.</summary>
    public IReadOnlyList<Interval> Held(string ruleVersion) => !Baseline.AsksOtherCalls(ruleVersion) ? []
        : [.. calls.Select(call => (Start: HeldFrom(call), End: call.EndedAt)).Where(held => held.Start < held.End)
            .Select(held => new Interval(held.Start, held.End)).Distinct()
            .OrderBy(held => held.Start).ThenBy(held => held.End)];

    private static Instant HeldFrom(Call call) =>
        call.RecordedAt <= call.Order.Period.Start + Duration.FromMilliseconds(Limits.OnItsWayMs)
            ? call.Order.Period.Start : call.RecordedAt;
}
