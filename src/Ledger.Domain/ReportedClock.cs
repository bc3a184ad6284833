using NodaTime;

namespace Ledger.Domain;

/// <summary>Whether a clock that somebody reported and the curve say the same.</summary>
public enum ClockAgreement { Agrees = 1, Contradicted = 2, NotCompared = 3 }

/// <summary>
/// A clock that was reported of a target's movement, beside what the curve says of it. It is contradicted only where
/// both cannot be right, whatever lies inside a step of the curve.
/// </summary>
/// <param name="Curve">The same by the curve, in µs after the start; null where it does not tell.</param>
public sealed record ReportedClock(
    InstructionClock Clock, Instant At, string Source, Fraction? Curve, ClockAgreement Agreement, string? Why)
{
    /// <summary>Clocks are often told in whole seconds, so less than one contradicts nothing (ours).</summary>
    public const long AllowedMicroseconds = 1_000_000;

    /// <summary>Of what the curve has a figure: 10 %, 90 % and settled. A first movement has no level.</summary>
    /// <param name="line">The curve from the start on; null where it is not known.</param>
    /// <param name="clockMicroseconds">What the curve's own clock may be off.</param>
    public static IReadOnlyList<ReportedClock> Of(IEnumerable<InstructionClockRecorded> clocks,
        OrderResponse response, PowerLine? line, Instant start, long clockMicroseconds) =>
    [
        .. clocks.Where(clock => clock.Clock is InstructionClock.TenPercent or InstructionClock.NinetyPercent
                or InstructionClock.Settled)
            .OrderBy(clock => clock.Clock).ThenBy(clock => clock.At)
            .Select(clock => Compared(
                clock, response, line, PowerCurve.Microseconds(start), clockMicroseconds + AllowedMicroseconds)),
    ];

    private static ReportedClock Compared(InstructionClockRecorded clock, OrderResponse response, PowerLine? line,
        long start, long allowed)
    {
        var curve = clock.Clock switch
        {
            InstructionClock.TenPercent => response.TenPercent,
            InstructionClock.NinetyPercent => response.NinetyPercent,
            _ => response.Settled,
        };
        var reported = new Fraction(clock.At.ToUnixTimeTicks(), 10) - start;
        var (agreement, why) = response.Measure is not { } measure || line is null
            ? (ClockAgreement.NotCompared, response.Why)
            : curve is { } told ? Beside(reported, told, line.StepTo(told + start), start, allowed)
            : BesideNothing(clock.Clock, reported, response, start, measure.WidestStep + allowed);
        return new(clock.Clock, clock.At, clock.Source, curve, agreement, why);
    }

    private static (ClockAgreement, string?) Beside(
        Fraction reported, Fraction told, (long From, long To) step, long start, long allowed) =>
        reported >= (Fraction)(step.From - start - allowed) && reported <= (Fraction)(step.To - start + allowed)
            ? (ClockAgreement.Agrees, null)
            : (ClockAgreement.Contradicted,
                $"reported {Seconds(reported)} s after the start, and by the curve {Seconds(told)} s");

    private static (ClockAgreement, string?) BesideNothing(
        InstructionClock clock, Fraction reported, OrderResponse response, long start, Fraction allowed)
    {
        if (response.Standing == ResponseStanding.Whole)
            return (ClockAgreement.Contradicted, clock == InstructionClock.Settled
                ? "by the curve the power did not stay within the tolerance to the end"
                : "by the curve it was never reached");
        Fraction known = PowerCurve.Microseconds(response.KnownUntil!.Value) - start;
        return clock != InstructionClock.Settled && reported + allowed < known
            ? (ClockAgreement.Contradicted,
                $"reported {Seconds(reported)} s after the start, and by the curve not reached in {Seconds(known)} s")
            : (ClockAgreement.NotCompared, "the curve does not tell it");
    }

    private static string Seconds(Fraction microseconds) => (microseconds / 1_000_000L).ToText(6);
}
