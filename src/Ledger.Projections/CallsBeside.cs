using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// One kWh is paid once by a programme: where it calls a point twice for the same time, the call that was recorded
/// first is paid, and of the other nobody can say what it bought beyond that. What other programmes pay is for
/// claims to say. A point that lies behind another one has the same energy as that (<see cref="WaysToGrid"/>), since
/// <see cref="Settlement.AgreedRuleVersion"/>.
/// </summary>
internal static class CallsBeside
{
    /// <summary>The delivery with each share unsettled of which an earlier instruction called a period.</summary>
    /// <param name="answers">Asked which instructions to look at; what they say comes from the journal.</param>
    /// <param name="ruleVersion">Of the statement: whether the first is the one that was recorded first, or that says
    /// so (<see cref="Settlement.CountsAsRecorded"/>).</param>
    public static async Task<Delivered> PaidOnceAsync(
        KnownFacts known, Answers answers, Delivered delivered, string ruleVersion)
    {
        if (delivered.Terms is not { } terms) return delivered;
        var countsAsAgreed = Settlement.CountsAsAgreed(ruleVersion);
        var beside = await BesideAsync(known, answers, delivered.Order, countsAsAgreed).ConfigureAwait(false);
        if (beside.Count == 0) return delivered;
        var own = await OrderedAsync(known, delivered.Order.Instruction).ConfigureAwait(false);
        var issued = beside.Where(call => IsIssuedBefore(call.Order, delivered.Order))
            .OrderBy(call => call.Order.IssuedAt)
            .ThenBy(call => call.Order.Instruction.Value, StringComparer.Ordinal).ToList();
        var recorded = beside.Where(call => call.Position < own!.Position).OrderBy(call => call.Position).ToList();
        var countsAsRecorded = Settlement.CountsAsRecorded(ruleVersion);
        var same = countsAsAgreed ? await SameEnergyAsync(known, delivered.Order, recorded).ConfigureAwait(false) : [];
        var shares = delivered.Shares.Select(share =>
        {
            var (byWord, byRecord) = (WhyNot(delivered, share, issued, []), WhyNot(delivered, share, recorded, []));
            var whyNot = countsAsAgreed ? WhyNot(delivered, share, recorded, same)
                : countsAsRecorded ? byRecord : byWord;
            var paid = whyNot is null ? share
                : share with
                {
                    Statement = null,
                    WhyNot = whyNot,
                    IsCalledTwice = true,
                    IsOfEachPoint = false,
                    MayBeLate = false,
                    IsAsAgreed = false,
                    WhyNoPenalty = null,
                };
            return paid with
            {
                IsAsRecorded = share.IsAsRecorded || (countsAsRecorded && byRecord != byWord),
                IsAsAgreed = paid.IsAsAgreed || (countsAsAgreed && whyNot != byRecord),
            };
        }).ToList();
        return delivered with
        {
            Shares = shares.Exists(share => share.IsCalledTwice) ? PenaltiesBack.Among(terms, shares) : shares,
        };
    }

    private sealed record Call(long Position, DispatchInstructed Order, Interval Time);

    /// <summary>The programme's other calls of some of that time.</summary>
    private static async Task<IReadOnlyList<Call>> BesideAsync(
        KnownFacts known, Answers answers, DispatchInstructed order, bool countsAsAgreed)
    {
        var (beside, points) = (new List<Call>(), order.Targets.Select(target => target.Point));
        if (countsAsAgreed) points = points.Concat(points.SelectMany(answers.Beside.Of)).Distinct();
        foreach (var named in points.SelectMany(point => answers.InstructionsAt(point, order.Period))
            .Where(named => named != order.Instruction).Distinct())
        {
            // Of another programme not even the streams are read.
            if (answers.Instruction(named)!.Instruction.Programme != order.Programme?.Value) continue;
            if (await OrderedAsync(known, named).ConfigureAwait(false) is not
                { Event: DispatchInstructed { Period: var period } other, Position: var position }) continue;
            var state = await known.StateAsync(Streams.Instruction(named), DispatchState.Empty, Dispatch.Evolve)
                .ConfigureAwait(false);
            if (!(state.Withdrawn?.At <= period.Start))
                beside.Add(new(position, other, new(period.Start, state.Withdrawn is { } withdrawn
                    ? Instant.Min(withdrawn.At, period.End) : period.End)));
        }
        return beside;
    }

    /// <summary>An instruction as it was recorded; null before it was.</summary>
    private static async Task<KnownFacts.Known?> OrderedAsync(KnownFacts known, InstructionId instruction) =>
        (await known.ReadAsync(Streams.Instruction(instruction)).ConfigureAwait(false))
            .FirstOrDefault(each => each.Event is DispatchInstructed);

    /// <summary>Of two that say that they were issued at once the first by name.</summary>
    private static bool IsIssuedBefore(DispatchInstructed one, DispatchInstructed other) =>
        one.IssuedAt != other.IssuedAt ? one.IssuedAt < other.IssuedAt
            : string.CompareOrdinal(one.Instruction.Value, other.Instruction.Value) < 0;

    /// <summary>Which targets of other calls have energy of a target of this one, without being it.</summary>
    private static async Task<HashSet<(SettlementPointId Own, SettlementPointId Other)>> SameEnergyAsync(
        KnownFacts known, DispatchInstructed order, IReadOnlyList<Call> others)
    {
        var (same, ways) = (new HashSet<(SettlementPointId, SettlementPointId)>(),
            new WaysToGrid(known, order.Period.Start));
        foreach (var other in others.SelectMany(call => call.Order.Targets).Select(target => target.Point).Distinct())
            foreach (var own in order.Targets.Select(target => target.Point).Where(own => own != other))
                if (await ways.LieOnOneAsync(own, other).ConfigureAwait(false)) same.Add((own, other));
        return same;
    }

    /// <param name="same">Beside a point itself, what has its energy.</param>
    private static string? WhyNot(Delivered delivered, DeliveryShare share, IReadOnlyList<Call> earlier,
        HashSet<(SettlementPointId Own, SettlementPointId Other)> same)
    {
        foreach (var period in delivered.Periods.Where(period => share.Points.Contains(period.Point)))
            foreach (var call in earlier.Where(call =>
                call.Time.Start <= period.Period.Start && period.Period.End <= call.Time.End))
                if (call.Order.Targets.Any(target => target.Point == period.Point))
                    return $"{call.Order.Instruction} calls {period.Point} for the same time, and one kWh is paid once";
                else if (call.Order.Targets.Any(target => same.Contains((period.Point, target.Point))))
                    return $"{call.Order.Instruction} calls a point before or behind {period.Point} for the same time, "
                        + "and one kWh is paid once";
        return null;
    }
}
