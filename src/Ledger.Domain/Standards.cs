using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// A standard that somebody declares a station, or one point of it, to follow: a charging protocol, a connector, a
/// communication protocol's version, a meter's accuracy class. With a certificate it is more than a word; the ledger
/// records what is declared and proves nothing of it.
/// </summary>
/// <param name="Point">The one point that it concerns; null where it is the whole station.</param>
/// <param name="Standard">As its publisher writes it, with its year or version.</param>
/// <param name="Certificate">The certificate's number; null where none is claimed.</param>
/// <param name="Issuer">Who issued the certificate; null where none is claimed.</param>
/// <param name="ValidTo">When the certificate ends, exclusive; null where it has no end.</param>
public sealed record StandardDeclared(
    StationId Station, SettlementPointId? Point, string Standard, string? Certificate, string? Issuer,
    Instant ValidFrom, Instant? ValidTo) : LedgerEvent;

/// <summary>What a station has declared, in the order of recording.</summary>
public sealed record StandardsState(IReadOnlyList<StandardDeclared> Declared)
{
    public static readonly StandardsState Empty = new([]);
}

/// <summary>
/// The rule of declarations: one for a standard, place and first instant. A certificate that is renewed is declared
/// from its own first instant; the one before stays on record.
/// </summary>
public static class Standards
{
    /// <summary>The natural key of the n-th declaration of a station, counted from 1.</summary>
    public static EvidenceKey Key(StationId station, int ordinal) => new($"standard/{station}/{ordinal}");

    /// <summary>Guards in order of their codes: a certificate's issuer, another content, an empty validity.</summary>
    public static Decision Decide(StandardsState state, StandardDeclared candidate)
    {
        if (candidate.Certificate is null != candidate.Issuer is null)
            return new Decision.Rejected(Rejection.MissingField, "a certificate has a number and an issuer");
        if (state.Declared.Contains(candidate)) return new Decision.AlreadyRecorded();
        if (state.Declared.Any(known => SameAs(known, candidate)))
            return new Decision.Rejected(Rejection.AlreadyRegistered,
                $"{candidate.Standard} is declared otherwise from {candidate.ValidFrom}");
        return candidate.ValidTo <= candidate.ValidFrom
            ? new Decision.Rejected(Rejection.IntervalEmpty, $"ends {candidate.ValidTo}, before it begins")
            : new Decision.Accepted(NewFact.At(
                candidate, candidate.ValidFrom, Key(candidate.Station, state.Declared.Count + 1)));
    }

    public static StandardsState Evolve(StandardsState state, LedgerEvent happened) =>
        happened is StandardDeclared declared ? new([.. state.Declared, declared]) : state;

    private static bool SameAs(StandardDeclared known, StandardDeclared candidate) =>
        known.Standard == candidate.Standard && known.Point == candidate.Point
            && known.ValidFrom == candidate.ValidFrom;
}
