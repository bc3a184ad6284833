using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>A fact as a fold sees it: what happened, when it holds, as which and when it was recorded.</summary>
public sealed record RecordedFact(LedgerEvent Event, long Position, Interval ValidTime, Instant RecordedAt);

/// <summary>A row that a fold changes: the whole new row, or null when the row ends.</summary>
public readonly record struct RowChange(RowKey Key, object? Row);

/// <summary>The current rows of one projection: the whole state of a fold.</summary>
public interface IRows
{
    T? Get<T>(RowKey key) where T : class;

    /// <summary>Rows that are of no series, with <paramref name="first"/> ≤ key ≤ <paramref name="last"/>, in order of
    /// key.</summary>
    IReadOnlyList<KeyValuePair<string, T>> Range<T>(string first, string last) where T : class;

    /// <summary>Rows of a series from the first instant to the last, both included, in order of key.</summary>
    IReadOnlyList<KeyValuePair<RowKey, T>> Between<T>(string series, Instant first, Instant last) where T : class;
}

/// <summary>
/// A pure fold: the rows and a fact give the rows that change, and nothing else is read (no clock, no I/O of its own).
/// So any reader can recompute every row from the journal's bytes. Which views read which fact is the table of
/// docs/event-model.md, and a test holds both together: a new fact is forgotten by no view.
/// </summary>
public interface IProjection
{
    string Name { get; }
    IReadOnlySet<Type> Handled { get; }
    IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact);
}

/// <summary>Rows while one fact is applied: what it changed so far, over what was; the last change counts.</summary>
public sealed class ChangedRows(IRows before) : IRows
{
    private const int SearchedMax = 16; // changes that are looked through sooner than looked up
    private readonly List<RowChange> changed = [];
    private Dictionary<RowKey, int>? places; // of the changes, once they are many

    /// <summary>What has changed, in the order in which each row was changed first.</summary>
    public IReadOnlyList<RowChange> Changes => changed;

    public void Put(RowKey key, object? row)
    {
        var place = PlaceOf(key);
        if (place >= 0)
        {
            changed[place] = new(key, row);
            return;
        }
        changed.Add(new(key, row));
        if (places is not null) places.Add(key, changed.Count - 1);
        else if (changed.Count > SearchedMax)
            places = changed.Select((change, number) => (change.Key, number))
                .ToDictionary(each => each.Key, each => each.number);
    }

    public T? Get<T>(RowKey key) where T : class =>
        PlaceOf(key) is var place and >= 0 ? (T?)changed[place].Row : before.Get<T>(key);

    public IReadOnlyList<KeyValuePair<string, T>> Range<T>(string first, string last) where T : class
    {
        var there = before.Range<T>(first, last);
        var here = changed.FindAll(change => !change.Key.IsOfSeries
            && string.CompareOrdinal(change.Key.Series, first) >= 0
            && string.CompareOrdinal(change.Key.Series, last) <= 0);
        return here.Count == 0 ? there :
        [
            .. there.Where(row => PlaceOf(row.Key) < 0)
                .Concat(here.Where(row => row.Row is T).Select(row => KeyValuePair.Create(row.Key.Series, (T)row.Row!)))
                .OrderBy(row => row.Key, StringComparer.Ordinal),
        ];
    }

    public IReadOnlyList<KeyValuePair<RowKey, T>> Between<T>(string series, Instant first, Instant last)
        where T : class
    {
        var there = before.Between<T>(series, first, last);
        List<KeyValuePair<RowKey, T>>? merged = null;
        foreach (var (key, row) in changed)
            if (key.IsOfSeries && key.At >= first && key.At <= last && key.Series == series)
                Merge(merged ??= [.. there], key, (T?)row);
        return merged ?? there;
    }

    private static void Merge<T>(List<KeyValuePair<RowKey, T>> rows, RowKey key, T? row) where T : class
    {
        var place = rows.Count; // most changes are behind what is there
        while (place > 0 && key.CompareInSeries(rows[place - 1].Key) < 0) place--;
        if (place > 0 && rows[place - 1].Key == key) rows.RemoveAt(--place);
        if (row is not null) rows.Insert(place, KeyValuePair.Create(key, row));
    }

    private int PlaceOf(RowKey key)
    {
        if (places is not null) return places.GetValueOrDefault(key, -1);
        for (var place = 0; place < changed.Count; place++)
            if (changed[place].Key == key) return place;
        return -1;
    }
}
