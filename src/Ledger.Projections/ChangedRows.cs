using System.Collections;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>Rows while one fact is applied: what it changed so far, over what was; the last change counts.</summary>
public sealed class ChangedRows(IRows before) : IReadOnlyList<RowChange>
{
    private const int UsualMax = 3; // a reading changes two or three rows, a record three
    private const int SearchedMax = 16; // changes that are looked through sooner than looked up
    private readonly KnownPoints points = new();
    private readonly FoundRows found = new();
    private RowChange[] changed = new RowChange[UsualMax];
    private Dictionary<RowKey, int>? places; // of the changes, once they are many

    /// <summary>How many rows have changed.</summary>
    public int Count { get; private set; }

    /// <summary>What has changed, in the order in which each row was changed first.</summary>
    public RowChange this[int index] => changed.AsSpan(0, Count)[index];

    /// <summary>Forgets what has changed, for the next fact.</summary>
    public ChangedRows Cleared()
    {
        Array.Clear(changed, 0, Count);
        (Count, places) = (0, null);
        found.Clear();
        if (changed.Length > SearchedMax) changed = new RowChange[UsualMax]; // of a fact that changed many
        return this;
    }

    public void Put(in RowKey key, object? row)
    {
        if (PlaceOf(key) is var place and >= 0)
        {
            changed[place] = new(key, row);
            return;
        }
        if (Count == changed.Length) Array.Resize(ref changed, 2 * Count);
        changed[Count++] = new(key, row);
        if (places is not null) places.Add(key, Count - 1);
        else if (Count > SearchedMax)
            places = this.Select((change, number) => (change.Key, number))
                .ToDictionary(each => each.Key, each => each.number);
    }

    public T? Get<T>(in RowKey key) where T : class =>
        PlaceOf(key) is var place and >= 0 ? (T?)changed[place].Row : (T?)before.Get(key, typeof(T));

    /// <inheritdoc cref="IRows.Range"/>
    public IReadOnlyList<T> Range<T>(string first, string last) where T : class
    {
        var there = before.Range<T>(first, last);
        var here = this.Where(change => !change.Key.IsOfSeries
            && string.CompareOrdinal(change.Key.Series, first) >= 0
            && string.CompareOrdinal(change.Key.Series, last) <= 0);
        return
        [
            .. there.Where(row => PlaceOf(row.Key) < 0)
                .Concat(here.Where(row => row.Row is T).Select(row => KeyValuePair.Create(row.Key.Series, (T)row.Row!)))
                .OrderBy(row => row.Key, StringComparer.Ordinal).Select(row => row.Value),
        ];
    }

    /// <inheritdoc cref="IRows.Between"/>
    public SeriesRows<T> Between<T>(RowName series, Instant first, Instant last) where T : class =>
        Between<T>(series, first, last, Instant.MinValue);

    /// <inheritdoc cref="IRows.Between"/>
    public SeriesRows<T> Between<T>(RowName series, Instant first, Instant last, Instant until) where T : class
    {
        var start = found.Count;
        before.Between(series, first, last, until, typeof(T), changed.AsSpan(0, Count), found);
        return found.From<T>(start);
    }

    /// <summary>How rows of a point are named here.</summary>
    internal PointKeys KeysOf(SettlementPointId point) => points.Of(point);

    private int PlaceOf(in RowKey key)
    {
        if (places is not null) return places.GetValueOrDefault(key, -1);
        for (var place = 0; place < Count; place++)
            if (changed[place].Key.Equals(key)) return place;
        return -1;
    }

    public IEnumerator<RowChange> GetEnumerator() => new ArraySegment<RowChange>(changed, 0, Count).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
