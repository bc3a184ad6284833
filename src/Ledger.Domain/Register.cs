using NodaTime;

namespace Ledger.Domain;

/// <summary>A cumulative counter of one direction at one settlement point (OBIS 1.8.0 import, 2.8.0 export).</summary>
public readonly record struct RegisterId(SettlementPointId Point, Direction Direction)
{
    public override string ToString() => $"{Point}/{(Direction == Direction.Import ? "1.8.0" : "2.8.0")}";
}

/// <summary>How good a reading is.</summary>
public enum ReadingQuality { MeasuredSigned = 1, Measured = 2, Estimated = 3, Substituted = 4, Suspect = 5, Missing = 6 }

/// <summary>
/// A register as installed. <paramref name="Digits"/> counts all digits, decimals included. The factor (transformer
/// ratio) applies to a difference, never to an index. <paramref name="ModulusSteps"/> is the configured modulus in
/// steps of the register; null where none is configured.
/// </summary>
public sealed record RegisterInstalled(
    RegisterId Register, string MeterSerial, int Digits, int Decimals, int Factor, long? ModulusSteps) : LedgerEvent;

/// <summary>An index read from a register, in its own steps (10^-decimals kWh).</summary>
public sealed record RegisterReadingRecorded(
    RegisterId Register, Instant ReadAt, long IndexSteps, ReadingQuality Quality, EvidenceDigest? Evidence) : LedgerEvent;

/// <summary>A reading that decreased outside the rollover rule: kept, counted only after a later fact releases it.</summary>
public sealed record RegisterReadingQuarantined(
    RegisterId Register, Instant ReadAt, long IndexSteps, Rejection Code, string Detail, EvidenceDigest? Evidence) : LedgerEvent;

/// <summary>Metered energy within one half-open interval, as a meter-data provider sends it (NEM12).</summary>
public sealed record IntervalReadingRecorded(
    RegisterId Register, Interval Period, Energy Energy, ReadingQuality Quality, string? Method, EvidenceDigest? Evidence) : LedgerEvent;
