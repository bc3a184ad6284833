using Ledger.Domain;

namespace Ledger.Projections;

/// <summary>
/// Which other points may lie before a point or behind it, at whatever time, as the views have it: when one does is for
/// the journal to say (<see cref="WaysToGrid"/>), and only of these is it asked.
/// </summary>
internal sealed class PointsBeside(Answers answers)
{
    private readonly Lazy<(ILookup<string, string> Before, ILookup<string, string> Behind)> places = new(() =>
    {
        var said = answers.EveryPlace();
        return (said.ToLookup(place => place.Point, place => place.Parent, StringComparer.Ordinal),
            said.ToLookup(place => place.Parent, place => place.Point, StringComparer.Ordinal));
    });

    private readonly Lazy<ILookup<string, MasterData.PointRow>> stations = new(() =>
        answers.EveryVersion().SelectMany(versions => versions)
            .ToLookup(point => point.Station, StringComparer.Ordinal));

    /// <summary>The calls of a point, and of those before it and behind it.</summary>
    public IEnumerable<InstructionId> Calls(SettlementPointId point) =>
        answers.InstructionsAt(point).Concat(Of(point).SelectMany(answers.InstructionsAt)).Distinct();

    /// <summary>In order of their names.</summary>
    public IReadOnlyList<SettlementPointId> Of(SettlementPointId point)
    {
        var (before, behind) = (From(point.Value, places.Value.Before), From(point.Value, places.Value.Behind));
        before.UnionWith(behind);
        foreach (var own in answers.Versions(point))
            before.UnionWith(stations.Value[own.Station].Where(other => own.Kind == SettlementPointKind.GridConnection
                || other.Kind == SettlementPointKind.GridConnection).Select(other => other.Point));
        before.Remove(point.Value);
        return [.. before.Order(StringComparer.Ordinal).Select(other => new SettlementPointId(other))];
    }

    private static HashSet<string> From(string point, ILookup<string, string> next)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>([point]);
        while (open.TryPop(out var reached))
            foreach (var other in next[reached])
                if (found.Add(other)) open.Push(other);
        return found;
    }
}
