using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal;

/// <summary>
/// An instruction as it was written before instructions named their programme and could be tests: it belongs to no
/// programme and was a real call.
/// </summary>
internal sealed record DispatchInstructedV1(
    InstructionId Instruction, InstructionKind Kind, PartyId IssuedBy, Instant IssuedAt, Interval Period,
    IReadOnlyList<InstructionTarget> Targets, Power Tolerance, long RampAllowanceMs,
    decimal PricePerKwh, decimal PenaltyPerKwh)
{
    public DispatchInstructed Upcast() => new(
        Instruction, Kind, IssuedBy, IssuedAt, Period, Targets, Tolerance, RampAllowanceMs, PricePerKwh, PenaltyPerKwh,
        Programme: null, Test: null);
}
