using NodaTime;

namespace Ledger.Domain;

/// <summary>What kind of place a settlement point is.</summary>
public enum SettlementPointKind { GridConnection = 1, Connector = 2, Storage = 3, Photovoltaic = 4 }

/// <summary>Master data of a settlement point, valid from the fact's valid time until another fact replaces
/// it.</summary>
public sealed record SettlementPointRegistered(
    SettlementPointId Point, StationId Station, SettlementPointKind Kind, PartyId Owner, string Zone,
    int PeriodMinutes, Power Rated, bool Bidirectional) : LedgerEvent;

/// <summary>A settlement point's master data as last recorded, and how many facts there are.</summary>
public sealed record SettlementPointState(SettlementPointRegistered? Latest, int Count)
{
    public static readonly SettlementPointState Empty = new(null, 0);
}

/// <summary>
/// The rule of master data: the same content again is already recorded; changed content is a new fact that replaces
/// the one before from its valid time on.
/// </summary>
public static class SettlementPoint
{
    /// <summary>The natural key of the n-th master data of a point, counted from 1.</summary>
    public static EvidenceKey Key(SettlementPointId point, int ordinal) => new($"point/{point}/{ordinal}");

    /// <summary>Guards in order of their codes: range, zone, power.</summary>
    public static Decision Decide(SettlementPointState state, SettlementPointRegistered candidate, Instant validFrom)
    {
        if (!SettlementCalendar.IsPeriodLength(candidate.PeriodMinutes))
            return new Decision.Rejected(Rejection.OutOfRange,
                $"a period has 5, 15, 30 or 60 minutes, not {candidate.PeriodMinutes}");
        if (!SettlementCalendar.TryZone(candidate.Zone, out _))
            return new Decision.Rejected(Rejection.UnknownZone, $"no time zone is named '{candidate.Zone}'");
        if (candidate.Rated < Power.Zero || candidate.Rated.Milliwatts > Limits.PowerMilliwattsMax)
            return new Decision.Rejected(Rejection.PowerAboveLimit,
                $"a rated power is 0 to {new Power(Limits.PowerMilliwattsMax)}, not {candidate.Rated}");
        return state.Latest == candidate
            ? new Decision.AlreadyRecorded()
            : new Decision.Accepted(NewFact.At(candidate, validFrom, Key(candidate.Point, state.Count + 1)));
    }

    public static SettlementPointState Evolve(SettlementPointState state, LedgerEvent happened) =>
        happened is SettlementPointRegistered registered ? new(registered, state.Count + 1) : state;
}
