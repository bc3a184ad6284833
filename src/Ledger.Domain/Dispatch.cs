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

/// <summary>One settlement point's part of an instruction: ordered power (export) or cap (curtail), never negative.</summary>
public sealed record InstructionTarget(SettlementPointId Point, Power Quantity);

/// <summary>An order to curtail or export, issued at its valid time's start for <paramref name="Period"/>.</summary>
public sealed record DispatchInstructed(
    InstructionId Instruction, InstructionKind Kind, PartyId IssuedBy, Instant IssuedAt, Interval Period,
    IReadOnlyList<InstructionTarget> Targets, Power Tolerance, long RampAllowanceMs,
    decimal PricePerKwh, decimal PenaltyPerKwh) : LedgerEvent;

/// <summary>The clocks of an instruction, in the order in which they happen.</summary>
public enum InstructionClock { Relayed = 1, Received = 2, Acknowledged = 3, FirstMovement = 4, TenPercent = 5, NinetyPercent = 6, Settled = 7, Released = 8 }

/// <summary>One clock of one target, and who observed it.</summary>
public sealed record InstructionClockRecorded(
    InstructionId Instruction, SettlementPointId Point, InstructionClock Clock, Instant At, string Source) : LedgerEvent;

/// <summary>The instruction no longer holds from <paramref name="At"/>.</summary>
public sealed record InstructionWithdrawn(InstructionId Instruction, Instant At, string Reason) : LedgerEvent;

/// <summary>Why a settlement point could not follow: a recorded fact supports an excuse, a claim alone improves no verdict.</summary>
public enum ShortfallReason { NoVehicle = 1, StateOfChargeFloor = 2, Safety = 3, VehicleLimit = 4, Fault = 5 }

/// <summary>A charging fact, observed by the charger, that supports a reason during an interval.</summary>
public sealed record ChargingFactRecorded(
    SettlementPointId Point, Interval Period, ShortfallReason Reason, string Source, EvidenceDigest? Evidence) : LedgerEvent;

/// <summary>A reason that the operator claims for a shortfall, without evidence.</summary>
public sealed record ReasonClaimed(
    InstructionId Instruction, SettlementPointId Point, ShortfallReason Reason, PartyId ClaimedBy) : LedgerEvent;
