using NodaTime;

namespace Ledger.Domain;

/// <summary>Evidence that was refused: kept in the archive under its digest, never counted.</summary>
public sealed record EvidenceRefused(
    EvidenceDigest Evidence, string Source, Rejection Code, string Detail, long Bytes) : LedgerEvent;

/// <summary>
/// Evidence that was received and is kept, but from which nothing is settled (a reactive channel, say).
/// </summary>
public sealed record EvidenceKept(EvidenceDigest Evidence, string Source, string Note, long Bytes) : LedgerEvent;

/// <summary>Which evidence a fact names, so that whoever verifies the ledger can ask for it.</summary>
public static class NamedEvidence
{
    /// <summary>The digest that a fact names; null where it names none.</summary>
    public static EvidenceDigest? Of(LedgerEvent fact) => fact switch
    {
        IntervalRecorded record => record.Evidence,
        RegisterReadingRecorded reading => reading.Evidence,
        RegisterReadingQuarantined held => held.Evidence,
        RegisterReadingCorrected correction => correction.Evidence,
        IntervalReadingRecorded reading => reading.Evidence,
        IntervalReadingCorrected correction => correction.Evidence,
        IntervalEstimated estimate => estimate.Evidence,
        MeterFindingRecorded finding => finding.Evidence,
        ChargingFactRecorded observed => observed.Evidence,
        ChargeRecorded record => record.Evidence,
        EvidenceRefused refused => refused.Evidence,
        EvidenceKept kept => kept.Evidence,
        RefusalReleased released => released.Evidence,
        EvidenceRedriven redriven => redriven.Evidence,
        SubjectErased erased => erased.Evidence,
        EvidenceDisclosed disclosed => disclosed.Evidence,
        MonthPruned pruned => pruned.Evidence,
        _ => null,
    };

    /// <summary>Every digest that a fact names: of a dispute it may be several.</summary>
    public static IReadOnlyList<EvidenceDigest> AllOf(LedgerEvent fact) => fact switch
    {
        DisputeOpened dispute => dispute.Evidence,
        DisputeAnswered answer => answer.Evidence,
        _ => Of(fact) is { } single ? [single] : [],
    };

    /// <summary>Whether a fact only shows evidence and was not made of it: that came in with other facts, which name it
    /// too. Before the archive was asked, a dispute could show what nobody had handed in.</summary>
    public static bool IsShownBy(LedgerEvent fact) => fact is DisputeOpened or DisputeAnswered;
}

/// <summary>
/// The ledger's clock stepped back: <c>recordedAt</c> stays at its highest value until the clock catches up.
/// </summary>
public sealed record ClockSteppedBack(Instant Before, Instant Now) : LedgerEvent;

/// <summary>A person accepted the loss of acknowledged events after damage to the journal.</summary>
public sealed record JournalRecovered(long AcknowledgedPosition, long FoundPosition, string By) : LedgerEvent;

/// <summary>
/// A person made a copy the ledger, because the one that it was copied from has ended. What that one recorded after the
/// cut is not in this journal.
/// </summary>
/// <param name="Length">The journal's length at the cut; this fact comes right after it.</param>
/// <param name="Root">The journal's root at that length.</param>
/// <param name="CopiedAt">When the copy was made.</param>
/// <param name="SignedLength">
/// The length of the latest checkpoint that anyone was asked for, which this journal continues; null where nobody has
/// one.
/// </param>
public sealed record LedgerRestored(
    long Length, EvidenceDigest Root, Instant CopiedAt, long? SignedLength, string By) : LedgerEvent;
