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
    private readonly Dictionary<string, SingleRow> single = new(StringComparer.Ordinal); // those of no series
    private readonly Dictionary<string, RowSeries> series = new(StringComparer.Ordinal);
    private RowKeys changed = new(), underWay = new(); // of single rows, where not all are known
    private RowKeys? allKeys = isEmpty ? new() : null; // of single rows, where all are known
    private ChangedRows? ofFact; // one for all facts: they are folded one after the other
    private int batch = 1;
    private int inSeries; // rows of all series
    private object era = new(); // until rows are forgotten: names know what they found in it

    public object? Get(in RowKey key, Type type)
    {
        if (!key.IsOfSeries) return Find(key)?.Row.As(type);
        var rows = SeriesOf(key.Name);
        return IndexOf(rows, key) is var index and >= 0 ? rows[index].As(type) : null;
    }

    public ChangedRows Unchanged() => (ofFact ??= new(this)).Cleared();

    public IReadOnlyList<KeyValuePair<string, object>> Range(string first, string last, Type type)
    {
        if (allKeys is { } all) return Rows(all.Between(first, last), type);
        var stored = store.Range(projection, first, last);
        foreach (var row in stored) single.TryAdd(row.Key, new(row.Json));
        string[] notStored = [.. changed.Between(first, last), .. underWay.Between(first, last)];
        var keys = stored.Select(row => row.Key);
        if (notStored.Length > 0) keys = keys.Union(notStored).Order(StringComparer.Ordinal);
        return Rows(keys, type);
    }

    private List<KeyValuePair<string, object>> Rows(IEnumerable<string> keys, Type type)
    {
        var rows = new List<KeyValuePair<string, object>>();
        foreach (var key in keys)
            if (Find(key)?.Row.As(type) is { } row) rows.Add(KeyValuePair.Create(key, row));
        return rows;
    }

    public void Between(RowName series, Instant first, Instant last, Instant until, Type type,
        ReadOnlySpan<RowChange> over, FoundRows into)
    {
        var rows = SeriesOf(series);
        if (rows.ForgottenUntil is { } forgotten && first <= forgotten)
            foreach (var row in store.Range(projection, new RowKey(series, first).ToString(),
                new RowKey(series, Instant.Min(last, forgotten), "~").ToString()))
                if (RowKey.Of(series.Text, row.Key) is var key && rows.IndexOf(key) < 0) Add(rows, key, row.Json);
        rows.Between(first, last, until, type, over, into);
    }

    /// <summary>Takes a fact's changes over and adds those that change something.</summary>
    public void Accept(IReadOnlyList<RowChange> proposed, long position, List<PositionedChange> changes)
    {
        for (var i = 0; i < proposed.Count; i++)
        {
            var (key, row) = proposed[i];
            if (key.IsOfSeries ? ChangeInSeries(key, row) : ChangeSingle(key, row))
                changes.Add(new(projection, position, key, RowContent.Of(row)));
        }
    }

    private bool ChangeInSeries(in RowKey key, object? row)
    {
        var rows = SeriesOf(key.Name);
        var index = IndexOf(rows, key);
        if (index < 0 && row is not null) index = Add(rows, key, null);
        return index >= 0 && rows.Change(index, row, batch);
    }

    private bool ChangeSingle(in RowKey key, object? row)
    {
        var known = Find(key);
        if (known is null && row is null) return false;
        known ??= Add(key, null);
        var changedBefore = known.Row.Batch == batch;
        if (!known.Row.Change(row, batch)) return false;
        if (allKeys is null && !changedBefore) changed.Add(key.Series);
        return true;
    }

    private SingleRow Add(in RowKey key, string? json)
    {
        allKeys?.Add(key.Series);
        var added = single[key.Series] = new(json);
        key.Name.IsAt(added, era);
        return added;
    }

    private int Add(RowSeries rows, in RowKey key, string? json)
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
        if (single.Count > store.RowsKnownMax / 4) ForgetSingle();
        var ofEach = KeptOfEach();
        foreach (var rows in series.Values) rows.Forget(ofEach, batch);
        inSeries = series.Values.Sum(rows => rows.Count);
    }

    /// <summary>Rows of no series have no order, so that all of them are forgotten that are stored.</summary>
    private void ForgetSingle()
    {
        var kept = single.Where(row => row.Value.Row.Batch == batch).ToList(); // and not stored yet
        single.Clear();
        era = new();
        foreach (var (key, row) in kept) single.Add(key, row);
        if (allKeys is not null)
            foreach (var (key, _) in kept) changed.Add(key);
        allKeys = null;
    }

    /// <summary>How many rows of a series stay at most, so that of all of them three quarters of the bound do: what the
    /// short ones leave is for the long ones. A day of readings is mostly asked for at its end.</summary>
    private int KeptOfEach()
    {
        var (left, others) = (store.RowsKnownMax - store.RowsKnownMax / 4, series.Count);
        foreach (var count in series.Values.Select(rows => rows.Count).Order())
        {
            if (count > left / others) return left / others;
            (left, others) = (left - count, others - 1);
        }
        return int.MaxValue;
    }

    /// <summary>A row that is of no series; null where it is known that there is none.</summary>
    private SingleRow? Find(in RowKey key)
    {
        if (key.Name.PlaceIn(era) is SingleRow known) return known;
        if (!single.TryGetValue(key.Series, out var found)) return allKeys is null ? Add(key, Stored(key)) : null;
        key.Name.IsAt(found, era);
        return found;
    }

    /// <summary>The index of a row of a series; negative where there is none.</summary>
    private int IndexOf(RowSeries rows, in RowKey key)
    {
        var index = rows.IndexOf(key);
        return index < 0 && key.At <= rows.ForgottenUntil ? Add(rows, key, Stored(key)) : index;
    }

    private string? Stored(in RowKey key) => store.Get(projection, key.ToString());

    private RowSeries SeriesOf(RowName name)
    {
        if (name.PlaceIn(era) is RowSeries known) return known;
        if (!series.TryGetValue(name.Text, out var rows))
            series[name.Text] = rows = new(name.Text, isEmpty ? null : Instant.MaxValue);
        name.IsAt(rows, era);
        return rows;
    }

    /// <summary>A row that is of no series, and a place of its own.</summary>
    private sealed class SingleRow(string? json)
    {
        public KnownRow Row = new(json);
    }
}
