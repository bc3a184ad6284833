using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// One kWh is paid once by a programme: where it calls a point twice for the same time, the call that was issued first
/// is paid, and of the other nobody can say what it bought beyond that. What other programmes pay is for claims to say.
/// </summary>
internal static class CallsBeside
{
    /// <summary>The delivery with each share unsettled of which an earlier instruction called a period.</summary>
    /// <param name="answers">Asked which instructions to look at; what they say comes from the journal.</param>
    public static async Task<Delivered> PaidOnceAsync(KnownFacts known, Answers answers, Delivered delivered)
    {
        if (delivered.Terms is not { } terms) return delivered;
        var earlier = await EarlierAsync(known, answers, delivered.Order).ConfigureAwait(false);
        if (earlier.Count == 0) return delivered;
        var shares = delivered.Shares.Select(share => WhyNot(delivered, share, earlier) is { } why
            ? share with { Statement = null, WhyNot = why, IsCalledTwice = true } : share).ToList();
        return shares.Exists(share => share.IsCalledTwice)
            ? delivered with { Shares = PenaltiesBack.Among(terms, shares) } : delivered;
    }

    private sealed record Call(DispatchInstructed Order, Interval Time);

    /// <summary>The programme's other calls of some of that time, that were issued before; of two that were issued at
    /// once the first by name.</summary>
    private static async Task<IReadOnlyList<Call>> EarlierAsync(
        KnownFacts known, Answers answers, DispatchInstructed order)
    {
        var earlier = new List<Call>();
        foreach (var named in order.Targets.SelectMany(target => answers.InstructionsAt(target.Point, order.Period))
            .Where(named => named != order.Instruction).Distinct())
        {
            // Of another programme not even the streams are read.
            if (answers.Instruction(named)!.Instruction.Programme != order.Programme?.Value) continue;
            var state = await known.StateAsync(Streams.Instruction(named), DispatchState.Empty, Dispatch.Evolve)
                .ConfigureAwait(false);
            if (state.Instructed is { Period: var period } other && IsBefore(other, order)
                && !(state.Withdrawn?.At <= period.Start))
                earlier.Add(new(other, new(period.Start, state.Withdrawn is { } withdrawn
                    ? Instant.Min(withdrawn.At, period.End) : period.End)));
        }
        return [.. earlier.OrderBy(call => call.Order.IssuedAt)
            .ThenBy(call => call.Order.Instruction.Value, StringComparer.Ordinal)];
    }

    private static bool IsBefore(DispatchInstructed one, DispatchInstructed other) => one.IssuedAt != other.IssuedAt
        ? one.IssuedAt < other.IssuedAt
        : string.CompareOrdinal(one.Instruction.Value, other.Instruction.Value) < 0;

    private static string? WhyNot(Delivered delivered, DeliveryShare share, IReadOnlyList<Call> earlier)
    {
        foreach (var period in delivered.Periods.Where(period => share.Points.Contains(period.Point)))
            foreach (var call in earlier)
                if (call.Order.Targets.Any(target => target.Point == period.Point)
                    && call.Time.Start <= period.Period.Start && period.Period.End <= call.Time.End)
                    return $"{call.Order.Instruction} calls {period.Point} for the same time, and one kWh is paid once";
        return null;
    }
}
