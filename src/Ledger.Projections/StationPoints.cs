using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The points of a station at an instant, and what lies behind each. A point of which nothing is said, or that is said
/// to lie behind a point of another station, lies behind the grid connection that has nothing before it; where two have
/// nothing before them, it may lie behind either.
/// </summary>
internal sealed class StationPoints
{
    private readonly List<string> connections; // of which no place is said, so that nothing is before them
    private readonly ILookup<string, MasterData.PointRow> behind;
    private readonly List<MasterData.PointRow> unsaid;

    /// <param name="versions">Of every point that was ever at the station, in order of time.</param>
    /// <param name="places">By point, in order of time.</param>
    public StationPoints(string station, Instant at, IEnumerable<IGrouping<string, MasterData.PointRow>> versions,
        ILookup<string, MasterData.PlaceRow> places)
    {
        var points = versions.Select(known => known.InForce(at)).Where(point => point.Station == station)
            .ToDictionary(point => point.Point, StringComparer.Ordinal);
        var placed = points.Keys.Select(point => places[point].LastOrDefault(place => place.ValidFrom <= at))
            .OfType<MasterData.PlaceRow>()
            .ToDictionary(place => place.Point, place => place.Parent, StringComparer.Ordinal);
        connections = [.. points.Values.Where(point => point.Kind == SettlementPointKind.GridConnection)
            .Select(point => point.Point).Where(point => !placed.ContainsKey(point))];
        var parents = placed.Where(place => points.ContainsKey(place.Value)).ToDictionary(StringComparer.Ordinal);
        unsaid = [.. points.Values.Where(point =>
            !parents.ContainsKey(point.Point) && !connections.Contains(point.Point))];
        if (connections.Count == 1)
        {
            foreach (var point in unsaid) parents[point.Point] = connections[0];
            unsaid.Clear();
        }
        behind = points.Values.Where(point => parents.ContainsKey(point.Point))
            .ToLookup(point => parents[point.Point], StringComparer.Ordinal);
    }

    /// <summary>What lies behind a point, with nothing between them.</summary>
    public IEnumerable<MasterData.PointRow> Behind(MasterData.PointRow point) => behind[point.Point];

    /// <summary>What may lie behind it, or behind another.</summary>
    public IReadOnlyList<MasterData.PointRow> MayLieBehind(MasterData.PointRow point) =>
        connections.Contains(point.Point) ? unsaid : [];

    /// <summary>A point and all that lies behind it. Throws where it lies behind itself, as no recorded place lets
    /// it.</summary>
    public IReadOnlyList<MasterData.PointRow> From(MasterData.PointRow point)
    {
        var (found, seen) = (new List<MasterData.PointRow>(), new HashSet<string>(StringComparer.Ordinal));
        Add(point);
        return found;

        void Add(MasterData.PointRow one)
        {
            if (!seen.Add(one.Point)) throw new InvalidOperationException($"{one.Point} lies behind itself");
            found.Add(one);
            foreach (var next in behind[one.Point]) Add(next);
        }
    }
}
