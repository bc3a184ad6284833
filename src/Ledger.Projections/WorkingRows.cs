using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The rows of one projection while a reader catches up: what this batch changed over what is stored, each row parsed
/// once. Nobody else writes them meanwhile, so rows stay known from batch to batch, up to a bound, and of more the last
/// of each series. Of a projection that has none yet all are known, and the store is not asked: each question is a
/// journey where it is a server. One batch may be on its way into the store while the next one changes rows.
/// </summary>
/// <param name="isEmpty">Whether nothing is stored of the projection.</param>
public sealed class WorkingRows(IViewStore store, string projection, bool isEmpty = false) : IRows
{
    private static readonly KnownRow None = new(null);
    private readonly Dictionary<string, KnownRow> single = new(StringComparer.Ordinal); // those of no series
    private readonly Dictionary<string, RowSeries> series = new(StringComparer.Ordinal);
    private SortedKeys changed = new(), underWay = new(); // of single rows
    private SortedKeys? allKeys = isEmpty ? new() : null; // of single rows, where all are known
    private ChangedRows? ofFact; // one for all facts: they are folded one after the other
    private int batch = 1;
    private int inSeries; // rows of all series
    private RowSeries? asked; // last

    public object? Get(in RowKey key, Type type) => Find(key).As(type);

    public ChangedRows Unchanged() => (ofFact ??= new(this)).Cleared();

    public IReadOnlyList<KeyValuePair<string, object>> Range(string first, string last, Type type)
    {
        if (allKeys is { } all) return Rows(all.Between(first, last), type);
        var stored = store.Range(projection, first, last);
        foreach (var row in stored) single.TryAdd(row.Key, new KnownRow(row.Json));
        string[] notStored = [.. changed.Between(first, last), .. underWay.Between(first, last)];
        var keys = stored.Select(row => row.Key);
        if (notStored.Length > 0) keys = keys.Union(notStored).Order(StringComparer.Ordinal);
        return Rows(keys, type);
    }

    private List<KeyValuePair<string, object>> Rows(IEnumerable<string> keys, Type type)
    {
        var rows = new List<KeyValuePair<string, object>>();
        foreach (var key in keys)
            if (Find(key).As(type) is { } row) rows.Add(KeyValuePair.Create(key, row));
        return rows;
    }

    public object[] Between(string series, Instant first, Instant last, Type type, IReadOnlyList<RowChange> over)
    {
        var rows = SeriesOf(series);
        if (rows.ForgottenUntil is { } until && first <= until)
            foreach (var row in store.Range(projection, new RowKey(series, first).ToString(),
                new RowKey(series, Instant.Min(last, until), "~").ToString()))
                if (RowKey.Of(series, row.Key) is var key && rows.Find(key) is null) Add(rows, key, row.Json);
        return rows.Between(first, last, type, over);
    }

    /// <summary>Takes a fact's changes over and adds those that change something.</summary>
    public void Accept(IReadOnlyList<RowChange> proposed, long position, List<PositionedChange> changes)
    {
        for (var i = 0; i < proposed.Count; i++)
        {
            var (key, row) = proposed[i];
            var known = Find(key);
            if (known.IsSame(row)) continue;
            if (ReferenceEquals(known, None)) known = Add(key);
            if (!key.IsOfSeries && known.Batch < batch) changed.Add(key.Series);
            known.Change(row, batch);
            changes.Add(new(projection, position, key, RowContent.Of(row)));
        }
    }

    private KnownRow Add(in RowKey key)
    {
        if (key.IsOfSeries) return Add(SeriesOf(key.Series), key, null);
        allKeys?.Add(key.Series);
        return single[key.Series] = new(null);
    }

    private KnownRow Add(RowSeries rows, in RowKey key, string? json)
    {
        inSeries++;
        return rows.Add(key, json);
    }

    /// <summary>What was changed is on its way into the store; what was before is there.</summary>
    public void Sent()
    {
        (changed, underWay) = (underWay, changed);
        batch++;
    }

    /// <summary>What was on its way is stored now.</summary>
    public void Committed()
    {
        underWay.Clear();
        if (single.Count + inSeries <= store.RowsKnownMax) return;
        var kept = changed.All.Select(key => KeyValuePair.Create(key, single[key])).ToList();
        single.Clear();
        foreach (var (key, row) in kept) single.Add(key, row);
        allKeys = null;
        foreach (var rows in series.Values) rows.Forget(store.RowsKnownMax / 2 / series.Count, batch);
        inSeries = series.Values.Sum(rows => rows.Count);
    }

    private KnownRow Find(in RowKey key)
    {
        if (key.IsOfSeries)
        {
            var rows = SeriesOf(key.Series);
            return rows.Find(key) ?? (key.At <= rows.ForgottenUntil ? Add(rows, key, Stored(key)) : None);
        }
        if (single.TryGetValue(key.Series, out var found)) return found;
        if (allKeys is not null) return None;
        return single[key.Series] = new KnownRow(Stored(key));
    }

    private string? Stored(in RowKey key) => store.Get(projection, key.ToString());

    private RowSeries SeriesOf(string name)
    {
        // A fact asks the same series several times, by the same text.
        if (ReferenceEquals(name, asked?.Name)) return asked!;
        if (!series.TryGetValue(name, out var rows))
            series[name] = rows = new(name, isEmpty ? null : Instant.MaxValue);
        return asked = rows;
    }
}
