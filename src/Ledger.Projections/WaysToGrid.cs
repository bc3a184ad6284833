using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// Which points lie behind each other at an instant: what flows at the inner one flows through the outer one too, so
/// that one kWh is at both. Where a point lies is said by the station tree; one of which nothing is said, a connection
/// apart, lies behind the connection of its station before which nothing is said to be, and where there are two of them
/// it may lie behind either, so that neither counts beside it.
/// </summary>
/// <param name="said">The station tree, where it is at hand.</param>
internal sealed class WaysToGrid(KnownFacts known, Instant at, StationTreeState? said = null)
{
    /// <param name="Points">From a point itself to the last one of which a place is said.</param>
    /// <param name="Station">Behind whose connections all of them lie; null where the way ends at one.</param>
    private sealed record Way(IReadOnlyList<SettlementPointId> Points, StationId? Station);

    private readonly Dictionary<SettlementPointId, Way> ways = [];
    private readonly Dictionary<SettlementPointId, SettlementPointRegistered?> registered = [];
    private StationTreeState? tree = said;

    /// <summary>Whether two are one point, or one lies behind the other.</summary>
    public async Task<bool> LieOnOneAsync(SettlementPointId one, SettlementPointId other) =>
        one == other || await IsBehindAsync(one, other).ConfigureAwait(false)
            || await IsBehindAsync(other, one).ConfigureAwait(false);

    /// <summary>Which points lie behind another one of them, and the outermost that they lie behind.</summary>
    public async Task<IReadOnlyDictionary<SettlementPointId, SettlementPointId>> BehindAnotherAsync(
        IReadOnlyList<SettlementPointId> points)
    {
        var (behind, all) = (new Dictionary<SettlementPointId, SettlementPointId>(), points.ToHashSet());
        if (points.Count < 2) return behind;
        var connections = new Dictionary<StationId, SettlementPointId>();
        foreach (var point in points)
            if (await StationOfOpenConnectionAsync(point).ConfigureAwait(false) is { } station)
                connections.TryAdd(station, point);
        foreach (var point in points)
        {
            var way = await OfAsync(point).ConfigureAwait(false);
            if (way.Station is { } station && connections.TryGetValue(station, out var connection))
                behind[point] = connection;
            else if (way.Points.Skip(1).LastOrDefault(all.Contains) is { Value: not null } before)
                behind[point] = before;
        }
        return behind;
    }

    private async Task<bool> IsBehindAsync(SettlementPointId inner, SettlementPointId outer)
    {
        var way = await OfAsync(inner).ConfigureAwait(false);
        return way.Points.Skip(1).Contains(outer) || (way.Station is { } station
            && await StationOfOpenConnectionAsync(outer).ConfigureAwait(false) == station);
    }

    /// <summary>The station of a connection before which nothing is said to be; null of any other point.</summary>
    private async Task<StationId?> StationOfOpenConnectionAsync(SettlementPointId point) =>
        (await OfAsync(point).ConfigureAwait(false)).Points.Count == 1
            && await RegisteredAsync(point).ConfigureAwait(false)
                is { Kind: SettlementPointKind.GridConnection } connection
            ? connection.Station : null;

    private async Task<Way> OfAsync(SettlementPointId point)
    {
        if (ways.TryGetValue(point, out var way)) return way;
        tree ??= await known.StateAsync(Streams.StationTree, StationTreeState.Empty, StationTree.Evolve)
            .ConfigureAwait(false);
        var points = new List<SettlementPointId> { point };
        while (tree.ParentAt(points[^1], at) is { } parent && !points.Contains(parent)) points.Add(parent);
        return ways[point] = new(points, await RegisteredAsync(points[^1]).ConfigureAwait(false)
            is { Kind: not SettlementPointKind.GridConnection, Station: var station } ? station : null);
    }

    private async Task<SettlementPointRegistered?> RegisteredAsync(SettlementPointId point)
    {
        if (!registered.TryGetValue(point, out var found))
            registered[point] = found = (await known.PointInForceAsync(point, at).ConfigureAwait(false))?.Event
                as SettlementPointRegistered;
        return found;
    }
}
