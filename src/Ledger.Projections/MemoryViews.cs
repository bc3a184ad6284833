namespace Ledger.Projections;

/// <summary>A read model in memory with the promises of the stored one: what replay recomputes into.</summary>
public sealed class MemoryViews : IViewStore
{
    private readonly Dictionary<string, long> checkpoints = [];
    private readonly Dictionary<string, SortedDictionary<string, List<ViewRow>>> projections = [];

    public ProjectionAlarm? Alarm { get; set; }
    public long Checkpoint(string projection) => checkpoints.GetValueOrDefault(projection);

    public void Commit(IReadOnlyDictionary<string, long> next, IReadOnlyList<PositionedChange> changes)
    {
        foreach (var (projection, position, change) in changes)
        {
            if (!projections.TryGetValue(projection, out var rows))
                projections[projection] = rows = new(StringComparer.Ordinal);
            if (!rows.TryGetValue(change.Key, out var versions)) rows[change.Key] = versions = [];
            if (versions.Count > 0 && versions[^1].ToPosition == ViewRow.Open)
                versions[^1] = versions[^1] with { ToPosition = position };
            if (change.Json is { } json) versions.Add(new(projection, change.Key, position, ViewRow.Open, json));
        }
        foreach (var (projection, position) in next) checkpoints[projection] = position;
    }

    public string? Get(string projection, string key, long? asOf = null) =>
        projections.TryGetValue(projection, out var rows) && rows.TryGetValue(key, out var versions)
            ? versions.FindLast(row => IsCurrent(row, asOf))?.Json
            : null;

    public IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null) =>
        [.. Versions(projection).Where(row => IsCurrent(row, asOf)
            && string.CompareOrdinal(row.Key, first) >= 0 && string.CompareOrdinal(row.Key, last) <= 0)];

    public IReadOnlyList<ViewRow> Versions(string projection) =>
        projections.TryGetValue(projection, out var rows) ? [.. rows.Values.SelectMany(versions => versions)] : [];

    public void Reset(string projection)
    {
        projections.Remove(projection);
        checkpoints.Remove(projection);
    }

    private static bool IsCurrent(ViewRow row, long? asOf) => asOf is { } position
        ? row.FromPosition <= position && position < row.ToPosition
        : row.ToPosition == ViewRow.Open;
}
