using Ledger.Domain;
using NodaTime;
using static Ledger.Projections.CurtailmentCompliance;

namespace Ledger.Projections;

/// <summary>
/// The rows of a call, and its delivery, as they read at an instant (<see cref="CallTime"/>). The rows themselves are a
/// function of the events and have no clock; the instant belongs to the answer: of a live one it is now, of one as of a
/// position it is when the event there was recorded, so that such an answer stays the same.
/// </summary>
public static class CallReading
{
    /// <summary>Whether some of what is judged of a call is to come.</summary>
    public static bool IsNotOver(this InstructionRow order, Instant at) => CallTime.IsNotOver(Judged(order), at);

    public static InstructionRow ReadAt(this InstructionRow order, Instant at)
    {
        if (!order.IsNotOver(at)) return order;
        var tally = CallTime.Reading(order.Tally);
        return order with { Tally = tally, NotOverYet = tally.NotOverYet() };
    }

    public static IReadOnlyList<InstructionRow> ReadAt(this IReadOnlyList<InstructionRow> orders, Instant at) =>
        [.. orders.Select(order => order.ReadAt(at))];

    public static InstructionAnswer ReadAt(this InstructionAnswer answer, Instant at) =>
        !answer.Instruction.IsNotOver(at) ? answer : answer with
        {
            Instruction = answer.Instruction.ReadAt(at),
            Targets = [.. answer.Targets.Select(target => Reading(target, Judged(answer.Instruction), at))],
            IsNotOver = true,
        };

    private static TargetRow Reading(TargetRow target, Interval judged, Instant at) => target with
    {
        Verdict = CallTime.Reading(target.Verdict),
        Reasons = CallTime.Reading(target.Reasons, judged),
        UnmeasuredMicroseconds = CallTime.Unmeasured(
            Duration.FromTicks(target.UnmeasuredMicroseconds * 10), judged, at).ToInt64Nanoseconds() / 1000,
    };

    private static Interval Judged(InstructionRow order) =>
        CallTime.Judged(new(order.Start, order.End), order.RampAllowanceMs, order.WithdrawnAt);

    /// <summary>Of a delivery, what is unknown of periods that are not over.</summary>
    public static Delivered ReadAt(this Delivered found, Instant at)
    {
        // Delivered energy is counted in the ramp too.
        if (!CallTime.IsNotOver(CallTime.Judged(found.Order.Period, 0, found.WithdrawnAt), at)) return found;
        return found with
        {
            NotOverAt = at,
            Periods = [.. found.Periods.Select(period => period.Unproven is not null && period.Period.End > at
                ? period with { Unproven = CallTime.NotOverYet } : period)],
        };
    }
}
