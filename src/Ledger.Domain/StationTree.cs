using System.Collections.Immutable;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>
/// The settlement point behind which a point lies, from an instant on. A point of which nothing is said lies behind its
/// station's grid connection.
/// </summary>
public sealed record PointPlaced(SettlementPointId Point, Instant From, SettlementPointId Parent) : LedgerEvent;

/// <summary>
/// Losses declared between a point and its parent, from an instant on: in millionths of what flows in each direction,
/// and a power that is lost whatever flows.
/// </summary>
public sealed record LossFactorSet(
    SettlementPointId Point, Instant From, int PartsPerMillion, Power FixedLoss) : LedgerEvent;

/// <summary>All places of all points, by point and instant: what a new place must not close a circle with.</summary>
public sealed record StationTreeState(
    ImmutableDictionary<SettlementPointId, ImmutableSortedDictionary<Instant, PointPlaced>> Places, int Count)
{
    public static readonly StationTreeState Empty = new(
        ImmutableDictionary<SettlementPointId, ImmutableSortedDictionary<Instant, PointPlaced>>.Empty, 0);

    /// <summary>The points that were ever said to lie behind each, with nothing between them.</summary>
    private ImmutableDictionary<SettlementPointId, ImmutableSortedSet<SettlementPointId>> EverBehind { get; init; } =
        ImmutableDictionary<SettlementPointId, ImmutableSortedSet<SettlementPointId>>.Empty;

    /// <summary>With one place more.</summary>
    internal StationTreeState And(PointPlaced place) => new(
        Places.SetItem(place.Point, Places.GetValueOrDefault(place.Point,
            ImmutableSortedDictionary<Instant, PointPlaced>.Empty).SetItem(place.From, place)), Count + 1)
    {
        EverBehind = EverBehind.SetItem(place.Parent,
            EverBehind.GetValueOrDefault(place.Parent, ImmutableSortedSet<SettlementPointId>.Empty).Add(place.Point)),
    };

    /// <summary>The points that are said to lie before a point or behind it at an instant: what flows at one flows at
    /// the other.</summary>
    public IEnumerable<SettlementPointId> OnOneWayWith(SettlementPointId point, Instant at)
    {
        var seen = new HashSet<SettlementPointId> { point };
        for (var before = ParentAt(point, at); before is { } named && seen.Add(named); before = ParentAt(named, at))
            yield return named;
        var open = new Stack<SettlementPointId>([point]);
        while (open.TryPop(out var next))
            foreach (var behind in EverBehind.GetValueOrDefault(next, ImmutableSortedSet<SettlementPointId>.Empty)
                .Where(each => ParentAt(each, at) == next && seen.Add(each)))
            {
                yield return behind;
                open.Push(behind);
            }
    }

    /// <summary>The parent of a point at an instant, null where none was named for it.</summary>
    public SettlementPointId? ParentAt(SettlementPointId point, Instant at) =>
        Places.TryGetValue(point, out var places)
            ? places.LastOrDefault(place => place.Key <= at).Value?.Parent
            : null;
}

/// <summary>The losses declared of one point, by the instant from which they hold, and the number of facts.</summary>
public sealed record LossFactorState(ImmutableSortedDictionary<Instant, LossFactorSet> Factors, int Count)
{
    public static readonly LossFactorState Empty = new(ImmutableSortedDictionary<Instant, LossFactorSet>.Empty, 0);
}

/// <summary>
/// The rules of a station's tree. The same for the same instant is already recorded, anything else replaces what was
/// said for that instant. No point lies behind itself, at any instant from which a place holds.
/// </summary>
public static class StationTree
{
    /// <summary>The natural key of the n-th place of the ledger, counted from 1.</summary>
    public static EvidenceKey PlaceKey(SettlementPointId point, int ordinal) => new($"place/{point}/{ordinal}");

    /// <summary>The natural key of the n-th loss factor of a point, counted from 1.</summary>
    public static EvidenceKey LossKey(SettlementPointId point, int ordinal) => new($"loss-factor/{point}/{ordinal}");

    public static Decision Decide(StationTreeState state, PointPlaced candidate)
    {
        if (Known(state, candidate)) return new Decision.AlreadyRecorded();
        var placed = Evolve(state, candidate);
        foreach (var at in placed.Places.Values.SelectMany(places => places.Keys)
            .Where(at => at >= candidate.From).Distinct().Order())
            if (LiesBehindItself(placed, candidate.Point, at))
                return new Decision.Rejected(Rejection.BehindItself,
                    $"{candidate.Point} behind {candidate.Parent} would lie behind itself from "
                    + $"{InstantPattern.ExtendedIso.Format(at)} on");
        return new Decision.Accepted(NewFact.At(candidate, candidate.From, PlaceKey(candidate.Point, state.Count + 1)));
    }

    /// <summary>Guards in order of their codes: range, power.</summary>
    public static Decision Decide(LossFactorState state, LossFactorSet candidate)
    {
        if (candidate.PartsPerMillion is < 0 or > EnergyBalance.PartsPerWhole)
            return new Decision.Rejected(Rejection.OutOfRange,
                $"a loss factor is 0 to {EnergyBalance.PartsPerWhole} millionths, not {candidate.PartsPerMillion}");
        if (candidate.FixedLoss < Power.Zero || candidate.FixedLoss.Milliwatts > Limits.PowerMilliwattsMax)
            return new Decision.Rejected(Rejection.PowerAboveLimit,
                $"a fixed loss is 0 to {new Power(Limits.PowerMilliwattsMax)}, not {candidate.FixedLoss}");
        return state.Factors.GetValueOrDefault(candidate.From) == candidate
            ? new Decision.AlreadyRecorded()
            : new Decision.Accepted(NewFact.At(candidate, candidate.From, LossKey(candidate.Point, state.Count + 1)));
    }

    public static StationTreeState Evolve(StationTreeState state, LedgerEvent happened) =>
        happened is PointPlaced place ? state.And(place) : state;

    public static LossFactorState Evolve(LossFactorState state, LedgerEvent happened) => happened is LossFactorSet set
        ? new(state.Factors.SetItem(set.From, set), state.Count + 1)
        : state;

    private static bool Known(StationTreeState state, PointPlaced candidate) =>
        state.Places.TryGetValue(candidate.Point, out var places)
        && places.GetValueOrDefault(candidate.From) == candidate;

    private static bool LiesBehindItself(StationTreeState state, SettlementPointId point, Instant at)
    {
        var seen = new HashSet<SettlementPointId> { point };
        for (var parent = state.ParentAt(point, at); parent is { } next; parent = state.ParentAt(next, at))
            if (!seen.Add(next)) return true;
        return false;
    }
}
