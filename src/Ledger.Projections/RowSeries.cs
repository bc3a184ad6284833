using NodaTime;

namespace Ledger.Projections;

/// <summary>A row while a fold works: as it was stored, as it was made, or both.</summary>
internal sealed class KnownRow(string? json)
{
    private string? json = json;
    private object? row;

    /// <summary>The batch in which it was changed last; 0 where it is as stored.</summary>
    public int Batch { get; private set; }

    public bool IsNone => json is null && row is null;

    public object? As(Type type) => row ??= json is null ? null : RowJson.Read(json, type);

    public bool IsSame(object? other) =>
        other is null || IsNone ? other is null == IsNone
            : json is not null ? json == RowJson.Write(other) : RowEquality.IsSame(row!, other);

    public void Change(object? next, int batch) => (row, json, Batch) = (next, null, batch);
}

/// <summary>
/// The rows of one series while a fold works, in order of their instants, as far as they are known: from an instant on
/// all of them. Most facts come in order of time, so that the last rows answer nearly every question.
/// </summary>
/// <param name="knownFrom">From when on a row that is not here does not exist.</param>
internal sealed class RowSeries(string name, Instant knownFrom)
{
    private readonly record struct Place(Instant At, string Rest, KnownRow Row);

    private readonly List<Place> places = [];

    public Instant KnownFrom { get; private set; } = knownFrom;
    public int Count => places.Count;

    /// <summary>Null where it is not here.</summary>
    public KnownRow? Find(in RowKey key) => IndexOf(key.At, key.Rest) is var index and >= 0 ? places[index].Row : null;

    /// <summary>Puts a row in its place, where none is.</summary>
    public KnownRow Add(in RowKey key, string? json)
    {
        var added = new KnownRow(json);
        places.Insert(~IndexOf(key.At, key.Rest), new(key.At, key.Rest, added));
        return added;
    }

    /// <inheritdoc cref="IRows.Between"/>
    public object[] Between(Instant first, Instant last, Type type, IReadOnlyList<RowChange> over)
    {
        for (var i = 0; i < over.Count; i++)
            if (IsHere(over[i].Key, first, last)) return Merged(first, last, type, over);
        var (from, count) = (IndexFrom(first), 0);
        var to = from;
        for (; to < places.Count && places[to].At <= last; to++)
            if (!places[to].Row.IsNone) count++;
        if (count == 0) return [];
        var (rows, next) = (new object[count], 0);
        for (var index = from; index < to; index++)
            if (places[index].Row.As(type) is { } row) rows[next++] = row;
        return rows;
    }

    private bool IsHere(in RowKey key, Instant first, Instant last) =>
        key.IsOfSeries && key.At >= first && key.At <= last && key.Series == name;

    private object[] Merged(Instant first, Instant last, Type type, IReadOnlyList<RowChange> over)
    {
        var merged = new List<(Instant At, string Behind, object? Row)>();
        for (var index = IndexFrom(first); index < places.Count && places[index].At <= last; index++)
            merged.Add((places[index].At, places[index].Rest, places[index].Row.As(type)));
        foreach (var (key, row) in over)
        {
            if (!IsHere(key, first, last)) continue;
            var index = merged.Count; // most changes are behind what is there
            while (index > 0 && Order(merged[index - 1].At, merged[index - 1].Behind, key.At, key.Rest) > 0) index--;
            if (index > 0 && merged[index - 1].At == key.At && merged[index - 1].Behind == key.Rest)
                merged[index - 1] = (key.At, key.Rest, row);
            else merged.Insert(index, (key.At, key.Rest, row));
        }
        return [.. merged.Select(each => each.Row).OfType<object>()];
    }

    /// <summary>Forgets the first rows, as far as they are stored, so that no more than so many stay.</summary>
    /// <param name="storedBefore">Rows that were changed in earlier batches are stored.</param>
    public void Forget(int kept, int storedBefore)
    {
        var forgotten = 0;
        while (forgotten < places.Count - kept && places[forgotten].Row.Batch < storedBefore) forgotten++;
        if (forgotten == 0) return;
        KnownFrom = Instant.Max(KnownFrom, places[forgotten - 1].At + Duration.Epsilon);
        places.RemoveRange(0, forgotten);
    }

    private int IndexFrom(Instant first)
    {
        var index = IndexOf(first, "");
        return index >= 0 ? index : ~index;
    }

    /// <summary>Where the row is, or the complement of where it would be.</summary>
    private int IndexOf(Instant at, string rest)
    {
        var (from, to) = (0, places.Count);
        if (to > 0 && Order(places[^1].At, places[^1].Rest, at, rest) < 0) return ~to; // what comes in order
        while (from < to)
        {
            var middle = (from + to) / 2;
            var order = Order(places[middle].At, places[middle].Rest, at, rest);
            if (order == 0) return middle;
            if (order < 0) from = middle + 1;
            else to = middle;
        }
        return ~from;
    }

    private static int Order(Instant one, string rest, Instant other, string otherRest) =>
        one.CompareTo(other) is var order and not 0 ? order : string.CompareOrdinal(rest, otherRest);
}
