using NodaTime;

namespace Ledger.Domain;

/// <summary>Evidence that was refused: kept in the archive under its digest, never counted.</summary>
public sealed record EvidenceRefused(
    EvidenceDigest Evidence, string Source, Rejection Code, string Detail, long Bytes) : LedgerEvent;

/// <summary>
/// Evidence that was received and is kept, but from which nothing is settled (a reactive channel, say).
/// </summary>
public sealed record EvidenceKept(EvidenceDigest Evidence, string Source, string Note, long Bytes) : LedgerEvent;

/// <summary>
/// The ledger's clock stepped back: <c>recordedAt</c> stays at its highest value until the clock catches up.
/// </summary>
public sealed record ClockSteppedBack(Instant Before, Instant Now) : LedgerEvent;

/// <summary>A person accepted the loss of acknowledged events after damage to the journal.</summary>
public sealed record JournalRecovered(long AcknowledgedPosition, long FoundPosition, string By) : LedgerEvent;
