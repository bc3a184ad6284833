using NodaTime;

namespace Ledger.Domain;

/// <summary>The kind of a settlement run; a correction names what changed.</summary>
public enum RunKind { Initial = 1, Interim = 2, Final = 3, Correction = 4 }

/// <summary>One side of a double entry; the amounts of a run's postings sum to zero.</summary>
public sealed record Posting(string Account, decimal Amount);

/// <summary>
/// A settlement run was calculated: a pure fold over the facts up to <paramref name="AtPosition"/>. The lines are
/// re-derived from it; the fact holds their count and digest.
/// </summary>
public sealed record SettlementRunCompleted(
    RunId Run, RunKind Kind, PartyId Account, LocalDate Day, string Zone, long AtPosition,
    TariffId Tariff, int TariffVersion, string RuleVersion, string TzdbVersion,
    int Lines, EvidenceDigest LinesRoot, decimal Total, string Currency, IReadOnlyList<Posting> Postings,
    RunId? Supersedes, bool Incomplete) : LedgerEvent;
