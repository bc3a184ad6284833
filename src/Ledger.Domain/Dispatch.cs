using NodaTime;

namespace Ledger.Domain;

/// <summary>What an instruction asks for.</summary>
public enum InstructionKind
{
    /// <summary>Deliver energy into the grid, at least the ordered power.</summary>
    Export = 1,
    /// <summary>Keep import at or below the cap.</summary>
    Curtail = 2,
}

/// <summary>One settlement point's part of an instruction: ordered power (export) or cap (curtail),
/// never negative.</summary>
public sealed record InstructionTarget(SettlementPointId Point, Power Quantity);

/// <summary>
/// What a test dispatch must show to be passed: at least this share of the ordered quantity, per mille, and 90 % of it
/// no later than this after the start of the period, in milliseconds.
/// </summary>
public sealed record TestRule(int DeliveredPermilleMin, long T90MsMax);

/// <summary>An order to curtail or export, issued at its valid time's start for <paramref name="Period"/>.</summary>
/// <param name="Programme">The programme under which it is issued; null where there is none.</param>
/// <param name="Test">What passes it, where it is a test dispatch; null for a real call.</param>
/// <param name="Activation">The part of its targets' offers that it takes; null where it takes no offers.</param>
public sealed record DispatchInstructed(
    InstructionId Instruction, InstructionKind Kind, PartyId IssuedBy, Instant IssuedAt, Interval Period,
    IReadOnlyList<InstructionTarget> Targets, Power Tolerance, long RampAllowanceMs,
    decimal PricePerKwh, decimal PenaltyPerKwh, ProgrammeId? Programme, TestRule? Test,
    Activation? Activation = null) : LedgerEvent;

/// <summary>The clocks of an instruction, in the order in which they happen.</summary>
public enum InstructionClock
{
    Relayed = 1, Received = 2, Acknowledged = 3, FirstMovement = 4, TenPercent = 5,
    NinetyPercent = 6, Settled = 7, Released = 8
}

/// <summary>One clock of one target, and who observed it.</summary>
public sealed record InstructionClockRecorded(
    InstructionId Instruction, SettlementPointId Point, InstructionClock Clock, Instant At,
    string Source) : LedgerEvent;

/// <summary>The instruction no longer holds from <paramref name="At"/>.</summary>
public sealed record InstructionWithdrawn(InstructionId Instruction, Instant At, string Reason) : LedgerEvent;

/// <summary>Why a settlement point could not follow: a recorded fact supports an excuse,
/// a claim alone improves no verdict.</summary>
public enum ShortfallReason { NoVehicle = 1, StateOfChargeFloor = 2, Safety = 3, VehicleLimit = 4, Fault = 5 }

/// <summary>A charging fact, observed by the charger, that supports a reason during an interval.</summary>
public sealed record ChargingFactRecorded(
    SettlementPointId Point, Interval Period, ShortfallReason Reason, string Source,
    EvidenceDigest? Evidence) : LedgerEvent;

/// <summary>A reason that the operator claims for a shortfall, without evidence.</summary>
public sealed record ReasonClaimed(
    InstructionId Instruction, SettlementPointId Point, ShortfallReason Reason, PartyId ClaimedBy) : LedgerEvent;

/// <summary>What is known of one instruction.</summary>
public sealed record DispatchState(
    DispatchInstructed? Instructed, IReadOnlyList<InstructionClockRecorded> Clocks, InstructionWithdrawn? Withdrawn,
    IReadOnlyList<ReasonClaimed> Claims)
{
    public static readonly DispatchState Empty = new(null, [], null, []);
}

/// <summary>When facts about an instruction may be recorded; guards stand in the order of their codes.</summary>
public static class Dispatch
{
    private const int PermilleMax = 1000;

    /// <summary>An order that was issued before is already recorded; another one under its name is refused.</summary>
    /// <param name="offers">What is known of the offers that the order takes;
    /// of no account where it takes none.</param>
    public static Decision Decide(DispatchState state, DispatchInstructed order, Instant now, EvidenceKey evidence,
        KnownOffers? offers = null)
    {
        if (order.Targets.Count == 0) return Refuse(Rejection.MissingField, $"{order.Instruction} names no target");
        if (PartialActivation.Missing(order) is { } missing) return Refuse(Rejection.MissingField, missing);
        if (Negative(order) is { } negative) return Refuse(Rejection.OutOfRange, $"{negative} is negative");
        if (order.Test is { DeliveredPermilleMin: < 1 or > PermilleMax } or { T90MsMax: < 0 })
            return Refuse(Rejection.OutOfRange,
                "a test is passed by 1 to 1000 per mille and a t90 that is not negative");
        if (PartialActivation.Incoherence(order) is { } incoherent) return Refuse(Rejection.OutOfRange, incoherent);
        if (order.Targets.CountBy(target => target.Point).FirstOrDefault(named => named.Value > 1)
            is { Value: > 1 } twice)
            return Refuse(Rejection.EvidenceConflict, $"{twice.Key} is targeted twice");
        if (state.Instructed is { } known)
            return Same(known, order)
                ? new Decision.AlreadyRecorded()
                : Refuse(Rejection.AlreadyRegistered, $"{order.Instruction} orders something else");
        if (Limits.IsInTheFuture(order.IssuedAt, now)) return Ahead($"issued at {order.IssuedAt}", now);
        if (order.Period.Duration <= Duration.Zero)
            return Refuse(Rejection.IntervalEmpty, $"the period is empty: it begins and ends at {order.Period.Start}");
        if (order.Targets.FirstOrDefault(target => target.Quantity.Milliwatts > Limits.PowerMilliwattsMax) is { } above)
            return Refuse(Rejection.PowerAboveLimit,
                $"{above.Quantity} of {above.Point} is above {new Power(Limits.PowerMilliwattsMax)}");
        if (order.Period.Start < order.IssuedAt)
            return Refuse(Rejection.InstructionInThePast, $"begins {order.Period.Start}, issued {order.IssuedAt}");
        if (order.Kind == InstructionKind.Export
            && order.Targets.FirstOrDefault(target => target.Quantity == Power.Zero) is { } idle)
            return Refuse(Rejection.NoQuantity, $"{idle.Point} is ordered to export nothing");
        return PartialActivation.Refusal(order, offers ?? KnownOffers.None)
            ?? (Decision)new Decision.Accepted(NewFact.At(order, order.IssuedAt, evidence));
    }

    /// <summary>A clock must fit between its earlier and its later clocks; the first value of each stands.</summary>
    public static Decision Decide(
        DispatchState state, InstructionClockRecorded clock, Instant now, EvidenceKey evidence)
    {
        if (Unknown(state, clock.Point) is { } unknown) return unknown;
        var mine = state.Clocks.Where(other => other.Point == clock.Point).ToList();
        if (mine.Contains(clock)) return new Decision.AlreadyRecorded();
        if (Limits.IsInTheFuture(clock.At, now)) return Ahead($"{clock.Clock} at {clock.At}", now);
        if (state.Withdrawn is { } withdrawn && clock.At > withdrawn.At && clock.Clock != InstructionClock.Released)
            return Refuse(Rejection.InstructionWithdrawn, $"withdrawn at {withdrawn.At}");
        return clock.At < state.Instructed!.IssuedAt || mine.Any(other => other.Clock == clock.Clock
                || (other.Clock < clock.Clock ? other.At > clock.At : other.At < clock.At))
            ? Refuse(Rejection.ClockOutOfOrder, $"{clock.Clock} at {clock.At}")
            : new Decision.Accepted(NewFact.At(clock, clock.At, evidence));
    }

    /// <summary>
    /// An instruction is withdrawn once, from an instant after it was issued, and from none before the withdrawal is
    /// recorded but for <see cref="Limits.OnItsWayMs"/>: whoever pays would otherwise withdraw what was already
    /// delivered. It may be an instant to come, until the instruction ends: what holds from then on can be said before.
    /// </summary>
    public static Decision Decide(
        DispatchState state, InstructionWithdrawn withdrawn, Instant now, EvidenceKey evidence)
    {
        if (state.Instructed is null)
            return Refuse(Rejection.UnknownInstruction, $"{withdrawn.Instruction} is not instructed");
        if (state.Withdrawn == withdrawn) return new Decision.AlreadyRecorded();
        if (withdrawn.At > state.Instructed.Period.End && Limits.IsInTheFuture(withdrawn.At, now))
            return Refuse(Rejection.ReadInTheFuture,
                $"withdrawn at {withdrawn.At}: an instant to come is one until its end, {state.Instructed.Period.End}");
        if (state.Withdrawn is { } earlier)
            return Refuse(Rejection.InstructionWithdrawn, $"withdrawn at {earlier.At}");
        if (withdrawn.At < state.Instructed.IssuedAt)
            return Refuse(Rejection.ClockOutOfOrder,
                $"withdrawn at {withdrawn.At}, issued at {state.Instructed.IssuedAt}");
        return withdrawn.At < now - Duration.FromMilliseconds(Limits.OnItsWayMs)
            ? Refuse(Rejection.DeclaredTooLate,
                $"withdrawn at {withdrawn.At}, recorded at {now}: a withdrawal holds from when it is recorded")
            : new Decision.Accepted(NewFact.At(withdrawn, withdrawn.At, evidence));
    }

    /// <summary>A claim is kept as a claim; it holds from when it is made.</summary>
    public static Decision Decide(DispatchState state, ReasonClaimed claim, Instant now, EvidenceKey evidence) =>
        Unknown(state, claim.Point) is { } unknown ? unknown
        : state.Claims.Contains(claim) ? new Decision.AlreadyRecorded()
        : new Decision.Accepted(NewFact.At(claim, now, evidence));

    /// <summary>
    /// A charging fact needs no instruction: the charger observed it whether or not one was open. It has ended, because
    /// nobody observes what is to come.
    /// </summary>
    public static Decision Decide(ChargingFactRecorded fact, Instant now, EvidenceKey evidence) =>
        Limits.IsInTheFuture(fact.Period.End, now) ? Ahead($"ends {fact.Period.End}", now)
        : fact.Period.Duration <= Duration.Zero
            ? Refuse(Rejection.IntervalEmpty, $"the period is empty: it begins and ends at {fact.Period.Start}")
        : new Decision.Accepted(new NewFact(fact, fact.Period, evidence));

    public static DispatchState Evolve(DispatchState state, LedgerEvent happened) => happened switch
    {
        DispatchInstructed order => state with { Instructed = order },
        InstructionClockRecorded clock => state with { Clocks = [.. state.Clocks, clock] },
        InstructionWithdrawn withdrawn => state with { Withdrawn = withdrawn },
        ReasonClaimed claim => state with { Claims = [.. state.Claims, claim] },
        _ => state,
    };

    // The targets are those of the instruction, so no point is unknown (202) before the instruction is known (204).
    private static Decision? Unknown(DispatchState state, SettlementPointId point) =>
        state.Instructed is null ? Refuse(Rejection.UnknownInstruction, "not instructed")
        : state.Instructed.Targets.All(target => target.Point != point)
            ? Refuse(Rejection.UnknownSettlementPoint, $"{point} is no target of {state.Instructed.Instruction}")
            : null;

    /// <summary>The first term of an order that is below zero, with its value; null where none is.</summary>
    private static string? Negative(DispatchInstructed order) =>
        order.Targets.FirstOrDefault(target => target.Quantity < Power.Zero) is { } target
            ? $"quantity {target.Quantity} of {target.Point}"
        : order.Tolerance < Power.Zero ? $"tolerance {order.Tolerance}"
        : order.RampAllowanceMs < 0 ? $"ramp allowance {order.RampAllowanceMs} ms"
        : order.PricePerKwh < 0m ? $"price {order.PricePerKwh} per kWh"
        : order.PenaltyPerKwh < 0m ? $"penalty {order.PenaltyPerKwh} per kWh" : null;

    /// <summary>Whether two orders say the same; lists are compared by what they hold.</summary>
    private static bool Same(DispatchInstructed a, DispatchInstructed b) =>
        a with { Targets = b.Targets, Activation = b.Activation } == b && a.Targets.SequenceEqual(b.Targets)
        && (a.Activation is null || b.Activation is null
            ? a.Activation == b.Activation : a.Activation.Says(b.Activation));

    private static Decision Ahead(string said, Instant now) =>
        Refuse(Rejection.ReadInTheFuture, $"{said}, which is after now, {now}");

    private static Decision Refuse(Rejection code, string detail) => new Decision.Rejected(code, detail);
}
