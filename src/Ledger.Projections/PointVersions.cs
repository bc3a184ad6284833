using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// Master data of a point as a fold keeps them, all in one row: the version that comes first in time, with those that
/// begin later. A row of an earlier program says neither when its version began nor whose the point was; it holds until
/// another begins.
/// </summary>
public interface IPointVersion<TRow> where TRow : class, IPointVersion<TRow>
{
    string? Owner { get; }
    Instant ValidFrom { get; }
    /// <summary>In order of time; null of a version that is not the first, and where there is one alone.</summary>
    IReadOnlyList<TRow>? Later { get; }
    TRow With(IReadOnlyList<TRow>? later);
}

/// <summary>Which version stands and which holds, as <see cref="SettlementPointState"/> says it.</summary>
public static class PointVersions
{
    /// <summary>The version in force at an instant, and before the first the first.</summary>
    public static TRow InForce<TRow>(this TRow first, Instant at) where TRow : class, IPointVersion<TRow> =>
        first.Later?.LastOrDefault(version => version.ValidFrom <= at) ?? first;

    /// <summary>With a version more, in the place of those that it replaces or ends.</summary>
    /// <param name="first">Null where there is none yet.</param>
    public static TRow And<TRow>(this TRow? first, TRow added) where TRow : class, IPointVersion<TRow>
    {
        List<TRow> standing = first is null ? [] : [first.With(null), .. first.Later ?? []];
        var ended = SettlementPoint.EndedBy(standing.Select(version => (version.ValidFrom, OwnerOf(version))),
            added.ValidFrom, OwnerOf(added)).ToHashSet();
        List<TRow> stand =
        [
            .. standing.Where(version => version.ValidFrom != added.ValidFrom && !ended.Contains(version.ValidFrom))
                .Append(added).OrderBy(version => version.ValidFrom),
        ];
        return stand.Count == 1 ? added : stand[0].With(stand[1..]);
    }

    private static PartyId OwnerOf<TRow>(TRow version) where TRow : class, IPointVersion<TRow> =>
        version.Owner is { } owner ? new(owner) : default;
}
