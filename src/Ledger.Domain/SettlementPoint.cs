using NodaTime;

namespace Ledger.Domain;

/// <summary>What kind of place a settlement point is.</summary>
public enum SettlementPointKind { GridConnection = 1, Connector = 2, Storage = 3, Photovoltaic = 4 }

/// <summary>Master data of a settlement point, valid from the fact's valid time until another fact replaces
/// it.</summary>
/// <param name="GridOperator">In whose grid the point lies, whose energy account it takes from and gives to; null where
/// nobody says.</param>
public sealed record SettlementPointRegistered(
    SettlementPointId Point, StationId Station, SettlementPointKind Kind, PartyId Owner, string Zone,
    int PeriodMinutes, Power Rated, bool Bidirectional, PartyId? GridOperator = null) : LedgerEvent;

/// <summary>Master data of a point, and from when on they hold.</summary>
public sealed record PointVersion(Instant From, SettlementPointRegistered Registered);

/// <summary>A settlement point's master data by when they hold, and how many facts there are. What was recorded last
/// says nothing by itself: it may be of a time to come.</summary>
public sealed record SettlementPointState(int Count)
{
    public static readonly SettlementPointState Empty = new(0);

    /// <summary>Every version, in the order of recording.</summary>
    public IReadOnlyList<PointVersion> Recorded { get; init; } = [];

    /// <summary>The versions that stand, in order of time, one for an instant.</summary>
    public IReadOnlyList<PointVersion> Standing { get; init; } = [];

    /// <summary>The version in force at an instant; null before the first.</summary>
    public PointVersion? InForce(Instant at) => Standing.LastOrDefault(version => version.From <= at);

    /// <summary>
    /// Whose the point is at an instant, and at which station: by the version in force, and before the first by the
    /// first, so that a point can be set up before it begins. Null where it is not registered.
    /// </summary>
    public SettlementPointRegistered? HolderAt(Instant at) =>
        (InForce(at) ?? Standing.FirstOrDefault())?.Registered;

    /// <summary>The version in force at an instant, and all that begin later.</summary>
    public IEnumerable<PointVersion> FromOn(Instant at) =>
        Standing.Where((_, i) => i == Standing.Count - 1 || Standing[i + 1].From > at);
}

/// <summary>
/// The rule of master data: what a version said before, from the same time on, is already recorded; anything else is a
/// new fact that replaces the one before from its valid time on. A version that gives the point another owner ends what
/// the former one had recorded for later: nobody says of a point that he has given away whose it will be.
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
        // A late retry of the first version must not undo the second, which has corrected it. Whether it is one, or
        // somebody means to return to the first, cannot be seen; so it is said what stands.
        return state.Recorded.Contains(new(validFrom, candidate))
            && state.Standing.FirstOrDefault(version => version.From == validFrom) is { } stands
            ? new Decision.AlreadyRecorded(stands.Registered == candidate ? null
                : $"another version from {validFrom} on has replaced it; to return to it, record it from another instant on")
            : new Decision.Accepted(NewFact.At(candidate, validFrom, Key(candidate.Point, state.Count + 1)));
    }

    /// <param name="from">From when on what happened holds.</param>
    public static SettlementPointState Evolve(SettlementPointState state, LedgerEvent happened, Instant from)
    {
        if (happened is not SettlementPointRegistered registered) return state;
        var added = new PointVersion(from, registered);
        var ended = EndedBy(state.Standing.Select(version => (version.From, version.Registered.Owner)), from,
            registered.Owner).ToHashSet();
        return new(state.Count + 1)
        {
            Recorded = [.. state.Recorded, added],
            Standing = [.. state.Standing.Where(version => version.From != from && !ended.Contains(version.From))
                .Append(added).OrderBy(version => version.From)],
        };
    }

    /// <summary>
    /// Which versions a new one ends beside the one that it replaces: where it gives the point another owner, those
    /// that the former owner had recorded for later.
    /// </summary>
    /// <param name="standing">When each version that stands begins, and its owner, in order of time.</param>
    public static IEnumerable<Instant> EndedBy(
        IEnumerable<(Instant From, PartyId Owner)> standing, Instant from, PartyId owner)
    {
        var known = standing.ToList();
        var former = known.FindLastIndex(version => version.From <= from);
        return former < 0 || known[former].Owner == owner ? []
            : known.Where(version => version.From > from && version.Owner == known[former].Owner)
                .Select(version => version.From);
    }
}
