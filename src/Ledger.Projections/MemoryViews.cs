using NodaTime;

namespace Ledger.Projections;

/// <summary>A read model in memory with the promises of the stored one: what replay recomputes into.</summary>
public sealed class MemoryViews : IViewStore
{
    private readonly Dictionary<string, long> checkpoints = [];
    private readonly Dictionary<string, Rows> projections = [];

    private sealed class Rows
    {
        public SortedKeys Keys { get; } = new();
        public Dictionary<string, List<ViewRow>> Versions { get; } = new(StringComparer.Ordinal);
    }

    public ProjectionAlarm? Alarm { get; set; }
    public long Checkpoint(string projection) => checkpoints.GetValueOrDefault(projection);

    public void Commit(IReadOnlyDictionary<string, long> next, IReadOnlyList<PositionedChange> changes)
    {
        foreach (var (projection, position, key, json) in changes)
        {
            if (!projections.TryGetValue(projection, out var rows)) projections[projection] = rows = new();
            if (rows.Keys.Add(key)) rows.Versions[key] = [];
            var versions = rows.Versions[key];
            if (versions.Count > 0 && versions[^1].ToPosition == ViewRow.Open)
                versions[^1] = versions[^1] with { ToPosition = position };
            if (json is not null) versions.Add(new(projection, key, position, ViewRow.Open, json));
        }
        foreach (var (projection, position) in next) checkpoints[projection] = position;
    }

    public string? Get(string projection, string key, long? asOf = null) =>
        projections.TryGetValue(projection, out var rows) && rows.Versions.TryGetValue(key, out var versions)
            ? Current(versions, asOf)?.Json
            : null;

    public IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null)
    {
        if (!projections.TryGetValue(projection, out var rows)) return [];
        return [.. rows.Keys.Between(first, last)
            .Select(key => Current(rows.Versions[key], asOf)).OfType<ViewRow>()];
    }

    public IReadOnlyList<ViewRow> Versions(string projection) =>
        projections.TryGetValue(projection, out var rows)
            ? [.. rows.Keys.All.SelectMany(key => rows.Versions[key])] : [];

    public void Reset(string projection)
    {
        projections.Remove(projection);
        checkpoints.Remove(projection);
    }

    /// <summary>Always: nobody else can write these.</summary>
    public bool TryHold(string lease, string holder, Duration length) => true;

    public void Switch(IReadOnlyCollection<string> switched)
    {
        foreach (var projection in switched)
        {
            var next = NextViews.NameOf(projection);
            if (Checkpoint(next) < Checkpoint(projection)) throw NextViews.FallsBack(projection);
            Exchange(checkpoints, projection, next);
            Exchange(projections, projection, next);
        }
    }

    private static void Exchange<T>(Dictionary<string, T> values, string one, string other)
    {
        var (hasOne, hasOther) = (values.Remove(one, out var first), values.Remove(other, out var second));
        if (hasOne) values[other] = first!;
        if (hasOther) values[one] = second!;
    }

    private static ViewRow? Current(List<ViewRow> versions, long? asOf) => asOf is { } position
        ? versions.FindLast(row => row.FromPosition <= position && position < row.ToPosition)
        : versions.Count > 0 && versions[^1].ToPosition == ViewRow.Open ? versions[^1] : null;
}
