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
/// <param name="forgottenUntil">Until when, and then too, a row that is not here may exist; null where none
/// does.</param>
internal sealed class RowSeries(string name, Instant? forgottenUntil)
{
    private readonly record struct Place(Instant At, string Rest, KnownRow Row);

    private readonly List<Place> places = [];

    public string Name => name;
    /// <summary>Until when, and then too, a row that is not here may exist; null where none does.</summary>
    public Instant? ForgottenUntil { get; private set; } = forgottenUntil;
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
        var (index, changed) = (IndexFrom(first), CountHere(over, first, last));
        var behind = IndexBehind(index, last);
        if (index == behind && changed == 0) return [];
        var (rows, count) = (new object[behind - index + changed], 0);
        var change = changed == 0 ? -1 : FirstHere(over, first, last, null);
        while (change >= 0 || index < behind)
        {
            var order = change < 0 ? -1 : index == behind ? 1 : Order(places[index], over[change].Key);
            var row = order < 0 ? places[index].Row.As(type) : over[change].Row;
            if (order <= 0) index++; // the change stands in place of what was
            if (order >= 0) change = FirstHere(over, first, last, over[change].Key);
            if (row is not null) rows[count++] = row;
        }
        if (count < rows.Length) Array.Resize(ref rows, count);
        return rows;
    }

    private int CountHere(IReadOnlyList<RowChange> changes, Instant first, Instant last)
    {
        var count = 0;
        for (var i = 0; i < changes.Count; i++)
            if (IsHere(changes[i].Key, first, last)) count++;
        return count;
    }

    /// <summary>The change that is first in order of key, of those behind one; -1 where there is none. A fact has few
    /// of a series.</summary>
    private int FirstHere(IReadOnlyList<RowChange> changes, Instant first, Instant last, RowKey? before)
    {
        var found = -1;
        for (var i = 0; i < changes.Count; i++)
            if (changes[i].Key is var key && IsHere(key, first, last)
                && (before is not { } done || Order(done.At, done.Rest, key.At, key.Rest) < 0)
                && (found < 0 || Order(key.At, key.Rest, changes[found].Key.At, changes[found].Key.Rest) < 0))
                found = i;
        return found;
    }

    private bool IsHere(in RowKey key, Instant first, Instant last) =>
        key.IsOfSeries && key.At >= first && key.At <= last && key.Series == name;

    /// <summary>Forgets the first rows, as far as they are stored, so that no more than so many stay.</summary>
    /// <param name="storedBefore">Rows that were changed in earlier batches are stored.</param>
    public void Forget(int kept, int storedBefore)
    {
        var forgotten = 0;
        while (forgotten < places.Count - kept && places[forgotten].Row.Batch < storedBefore) forgotten++;
        if (forgotten == 0) return;
        if (!(places[forgotten - 1].At <= ForgottenUntil)) ForgottenUntil = places[forgotten - 1].At;
        places.RemoveRange(0, forgotten);
    }

    private int IndexFrom(Instant first)
    {
        var index = IndexOf(first, "");
        return index >= 0 ? index : ~index;
    }

    /// <summary>The first index, from one on, that is behind an instant: near it, or the end of the series.</summary>
    private int IndexBehind(int index, Instant last)
    {
        if (places.Count > 0 && places[^1].At <= last) return Math.Max(index, places.Count);
        while (index < places.Count && places[index].At <= last) index++;
        return index;
    }

    /// <summary>Where the row is, or the complement of where it would be.</summary>
    private int IndexOf(Instant at, string rest)
    {
        var (from, to) = (0, places.Count);
        if (to > 0 && places[^1].At < at) return ~to; // what comes in order
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

    private static int Order(in Place place, in RowKey key) => Order(place.At, place.Rest, key.At, key.Rest);

    private static int Order(Instant one, string rest, Instant other, string otherRest) =>
        one.CompareTo(other) is var order and not 0 ? order : string.CompareOrdinal(rest, otherRest);
}
