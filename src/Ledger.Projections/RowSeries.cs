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

    public T? As<T>() where T : class => (T?)(row ??= json is null ? null : RowJson.Read<T>(json));

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
    private readonly List<(Instant At, string Behind)> keys = [];
    private readonly List<KnownRow> rows = [];

    public Instant KnownFrom { get; private set; } = knownFrom;
    public int Count => rows.Count;

    /// <summary>Null where it is not here.</summary>
    public KnownRow? Find(RowKey key) => PlaceOf(key.At, key.Rest) is var place and >= 0 ? rows[place] : null;

    /// <summary>Puts a row in its place, where none is.</summary>
    public KnownRow Add(RowKey key, string? json)
    {
        var (place, added) = (~PlaceOf(key.At, key.Rest), new KnownRow(json));
        keys.Insert(place, (key.At, key.Rest));
        rows.Insert(place, added);
        return added;
    }

    public IReadOnlyList<KeyValuePair<RowKey, T>> Between<T>(Instant first, Instant last) where T : class
    {
        var place = PlaceOf(first, "");
        if (place < 0) place = ~place;
        List<KeyValuePair<RowKey, T>>? found = null;
        for (; place < rows.Count && keys[place].At <= last; place++)
            if (rows[place].As<T>() is { } row)
                (found ??= []).Add(KeyValuePair.Create(new RowKey(name, keys[place].At, keys[place].Behind), row));
        return found ?? (IReadOnlyList<KeyValuePair<RowKey, T>>)[];
    }

    /// <summary>Forgets the first rows, as far as they are stored, so that no more than so many stay.</summary>
    /// <param name="storedBefore">Rows that were changed in earlier batches are stored.</param>
    public void Forget(int kept, int storedBefore)
    {
        var forgotten = 0;
        while (forgotten < rows.Count - kept && rows[forgotten].Batch < storedBefore) forgotten++;
        if (forgotten == 0) return;
        KnownFrom = Instant.Max(KnownFrom, keys[forgotten - 1].At + Duration.Epsilon);
        keys.RemoveRange(0, forgotten);
        rows.RemoveRange(0, forgotten);
    }

    /// <summary>Where the row is, or the complement of where it would be.</summary>
    private int PlaceOf(Instant at, string rest)
    {
        var (from, to) = (0, keys.Count);
        if (to > 0 && Compare(keys[^1], at, rest) < 0) return ~to; // what comes in order
        while (from < to)
        {
            var middle = (from + to) / 2;
            var order = Compare(keys[middle], at, rest);
            if (order == 0) return middle;
            if (order < 0) from = middle + 1;
            else to = middle;
        }
        return ~from;
    }

    private static int Compare((Instant At, string Behind) key, Instant at, string rest) =>
        key.At.CompareTo(at) is var order and not 0 ? order : string.CompareOrdinal(key.Behind, rest);
}
