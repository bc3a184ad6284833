namespace Ledger.Projections;

/// <summary>
/// The rows of one projection while a reader catches up: what this batch changed over what is stored, each row parsed
/// once. Nobody else writes them meanwhile, so rows stay known from batch to batch, up to a bound. Of a projection that
/// has none yet all are known, and the store is not asked: each question is a journey where it is a server. One batch
/// may be on its way into the store while the next one changes rows.
/// </summary>
/// <param name="isEmpty">Whether nothing is stored of the projection.</param>
public sealed class WorkingRows(IViewStore store, string projection, bool isEmpty = false) : IRows
{
    /// <summary>Rows kept in memory after a commit; beyond it all are forgotten and read again.</summary>
    private const int RowsKnownMax = 100_000;

    private sealed class Known(string? json, object? row)
    {
        public string? Json => json;
        public T? As<T>() where T : class => json is null ? null : (T)(row ??= RowJson.Read<T>(json)!);
    }

    private static readonly Known None = new(null, null);
    private readonly Dictionary<string, Known> known = new(StringComparer.Ordinal);
    private SortedKeys changed = new(), underWay = new();
    private SortedKeys? allKeys = isEmpty ? new() : null; // where all rows are known

    public T? Get<T>(string key) where T : class => Find(key).As<T>();

    public IReadOnlyList<KeyValuePair<string, T>> Range<T>(string first, string last) where T : class
    {
        if (allKeys is { } all) return Rows<T>(all.Between(first, last));
        var stored = store.Range(projection, first, last);
        foreach (var row in stored) known.TryAdd(row.Key, new Known(row.Json, null));
        string[] notStored = [.. changed.Between(first, last), .. underWay.Between(first, last)];
        var keys = stored.Select(row => row.Key);
        if (notStored.Length > 0) keys = keys.Union(notStored).Order(StringComparer.Ordinal);
        return Rows<T>(keys);
    }

    private List<KeyValuePair<string, T>> Rows<T>(IEnumerable<string> keys) where T : class
    {
        var rows = new List<KeyValuePair<string, T>>();
        foreach (var key in keys)
            if (Find(key).As<T>() is { } row) rows.Add(KeyValuePair.Create(key, row));
        return rows;
    }

    /// <summary>Takes a fact's changes over and gives those that change something, as they will be stored.</summary>
    public IEnumerable<(string Key, string? Json)> Accept(IReadOnlyList<RowChange> changes)
    {
        foreach (var (key, row) in changes)
        {
            var json = row is null ? null : RowJson.Write(row);
            if (Find(key).Json == json) continue;
            known[key] = new Known(json, row);
            changed.Add(key);
            allKeys?.Add(key);
            yield return (key, json);
        }
    }

    /// <summary>What was changed is on its way into the store; what was before is there.</summary>
    public void Sent() => (changed, underWay) = (underWay, changed);

    /// <summary>What was on its way is stored now.</summary>
    public void Committed()
    {
        underWay.Clear();
        if (known.Count <= RowsKnownMax) return;
        var kept = changed.All.Select(key => KeyValuePair.Create(key, known[key])).ToList();
        known.Clear();
        foreach (var (key, row) in kept) known.Add(key, row);
        allKeys = null;
    }

    private Known Find(string key)
    {
        if (known.TryGetValue(key, out var found)) return found;
        if (allKeys is not null) return None;
        return known[key] = new Known(store.Get(projection, key), null);
    }
}
