using NodaTime;

namespace Ledger.Domain;

/// <summary>Whether a settlement point of an account is settled; if not, why.</summary>
public sealed record SettledPoint(SettlementPointId Point, bool Settled, string? WhyNot)
{
    /// <summary>Whether it is left out because it lies behind one that is settled, so that all of it counts there.
    /// </summary>
    public bool IsBehind { get; init; }
}

/// <summary>
/// Which of an account's points are settled on a day. What flows at a point behind another one of the account flows
/// through that one as well: the same kWh must not count twice, so only the outermost is settled. Where a point lies is
/// said by the station tree at the start of the day; one of which nothing is said, a connection apart, lies behind the
/// account's own grid connection of its station.
/// </summary>
public sealed class SettledPoints
{
    private readonly StationTreeState tree;
    private readonly LocalDate day;
    private readonly IReadOnlyList<SettlementPointRegistered> own;
    private readonly IReadOnlyList<SettlementPointRegistered> connections;

    private SettledPoints(PartyId account, IEnumerable<SettlementPointRegistered> registered, StationTreeState tree,
        LocalDate day)
    {
        (this.tree, this.day) = (tree, day);
        own = [.. registered.Where(point => point.Owner == account).OrderBy(point => point.Point)];
        connections = [.. own.Where(point => IsConnection(point) && OutermostBefore(point) is null)];
    }

    /// <summary>In order of their ids.</summary>
    /// <param name="registered">Each point as it is registered on the day.</param>
    /// <param name="tree">The places that are known; none without it.</param>
    public static IReadOnlyList<SettledPoint> Of(PartyId account, IEnumerable<SettlementPointRegistered> registered,
        LocalDate day = default, StationTreeState? tree = null)
    {
        var points = new SettledPoints(account, registered, tree ?? StationTreeState.Empty, day);
        return [.. points.own.Select(points.Judged)];
    }

    private SettledPoint Judged(SettlementPointRegistered point)
    {
        var before = OutermostBefore(point);
        if (before is null || !IsConnection(before))
            before = ConnectionOf(before ?? point) ?? before;
        return before is null ? new(point.Point, true, null) : new(point.Point, false, IsConnection(before)
            ? $"it lies behind grid connection {before.Point} of {before.Station}, which is settled"
            : $"it lies behind {before.Point} of {before.Station}, which is settled")
        { IsBehind = true };
    }

    /// <summary>The last of the account's points on the named way from a point to the grid. Throws where that way leads
    /// back to where it was, as no recorded place lets it.</summary>
    private SettlementPointRegistered? OutermostBefore(SettlementPointRegistered point)
    {
        SettlementPointRegistered? outermost = null;
        var seen = new HashSet<SettlementPointId> { point.Point };
        for (var parent = ParentOf(point, point.Point); parent is { } named; parent = ParentOf(point, named))
        {
            if (!seen.Add(named)) throw new InvalidOperationException($"{named} lies behind itself");
            outermost = own.FirstOrDefault(each => each.Point == named) ?? outermost;
        }
        return outermost;
    }

    /// <summary>The connection behind which a point lies that is no connection and of which no own point before it is
    /// named. What is placed behind somebody else's is behind no own connection that is itself placed there.</summary>
    private SettlementPointRegistered? ConnectionOf(SettlementPointRegistered point) => IsConnection(point) ? null
        : connections.Where(connection => connection.Station == point.Station
                && (ParentOf(point, point.Point) is null || ParentOf(connection, connection.Point) is null))
            .OrderBy(connection => ParentOf(connection, connection.Point) is not null).FirstOrDefault();

    private SettlementPointId? ParentOf(SettlementPointRegistered at, SettlementPointId point) =>
        tree.Places.IsEmpty ? null
            : tree.ParentAt(point, SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[at.Zone], day).Start);

    private static bool IsConnection(SettlementPointRegistered point) =>
        point.Kind == SettlementPointKind.GridConnection;
}
