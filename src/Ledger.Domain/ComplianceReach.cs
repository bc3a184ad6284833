using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// How far an instruction came to a target, as its recorded clocks say (market rules §2.4). That it was issued is the
/// instruction itself.
/// </summary>
public enum InstructionReach { NotReceived = 1, ReceivedNotAcknowledged = 2, AcknowledgedLate = 3, Acknowledged = 4 }

/// <summary>One clock of one target.</summary>
/// <param name="Clock">Null for the issue of the instruction.</param>
/// <param name="Bound">What the source's clock may be wrong by; null where nothing says so.</param>
public sealed record ClockStep(InstructionClock? Clock, Instant At, string Source, Duration? Bound);

/// <summary>The way of an instruction to a target: every clock with its source and its bound.</summary>
public static class ComplianceReach
{
    /// <summary>Nobody reported that it came anywhere.</summary>
    public const string NoClock = "not received: no clock is recorded";

    /// <summary>
    /// Late is an acknowledgement after the call began. Whoever moved, or acknowledged, had received, whether or not
    /// that clock was recorded.
    /// </summary>
    public static InstructionReach Of(DispatchInstructed order, IReadOnlyList<InstructionClockRecorded> clocks)
    {
        var acknowledged = clocks.Where(clock => clock.Clock == InstructionClock.Acknowledged).ToList();
        if (acknowledged.Count > 0)
            return acknowledged.Min(clock => clock.At) > order.Period.Start
                ? InstructionReach.AcknowledgedLate
                : InstructionReach.Acknowledged;
        return clocks.Any(clock => clock.Clock >= InstructionClock.Received)
            ? InstructionReach.ReceivedNotAcknowledged
            : InstructionReach.NotReceived;
    }

    /// <summary>
    /// From the issue on. What was seen on the power curve is as good as the curve's own clock, which its interval
    /// record states; a message's clock is as good as its sender's, of which nothing is recorded.
    /// </summary>
    public static IReadOnlyList<ClockStep> Steps(
        DispatchInstructed order, IReadOnlyList<InstructionClockRecorded> clocks,
        IReadOnlyList<IntervalRecorded> records) =>
    [
        new(null, order.IssuedAt, order.IssuedBy.Value, null),
        .. clocks.OrderBy(clock => clock.Clock).ThenBy(clock => clock.At).Select(clock => new ClockStep(
            clock.Clock, clock.At, clock.Source, clock.Clock >= InstructionClock.FirstMovement
                ? Bound(clock.At, records) : null)),
    ];

    /// <summary>Why the way of an instruction may explain a verdict; null where it was acknowledged in time.</summary>
    public static string? Reason(
        DispatchInstructed order, InstructionReach reach,
        IReadOnlyList<InstructionClockRecorded> clocks) => reach switch
        {
            InstructionReach.NotReceived => clocks.Count == 0
                ? NoClock : "relayed, not received",
            InstructionReach.ReceivedNotAcknowledged => "received, not acknowledged",
            InstructionReach.AcknowledgedLate =>
                $"acknowledged at {clocks.Where(clock => clock.Clock == InstructionClock.Acknowledged).Min(clock => clock.At)}, "
                + $"after the call began at {order.Period.Start}",
            _ => null,
        };

    private static Duration? Bound(Instant at, IReadOnlyList<IntervalRecorded> records) =>
        records.FirstOrDefault(record => record.Period.Contains(at)) is { } covering
            ? Duration.FromTicks(Math.Abs(covering.ClockOffsetMicroseconds) * 10)
            : null;
}
