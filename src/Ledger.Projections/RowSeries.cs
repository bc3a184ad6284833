using NodaTime;

namespace Ledger.Projections;

/// <summary>A row as it was stored, read when somebody asks for it.</summary>
internal sealed class StoredRow(string json)
{
    private object? row;

    public string Json => json;
    public object? As(Type type) => row ??= RowJson.Read(json, type);
}

/// <summary>A row while a fold works: as it was stored, or as it was made.</summary>
internal struct KnownRow(string? json)
{
    private object? content = json is null ? null : new StoredRow(json);

    /// <summary>The batch in which it was changed last; 0 where it is as stored.</summary>
    public int Batch { get; private set; }

    /// <summary>How many seconds it holds at most; 0 where that is not known.</summary>
    public int Lasts { get; set; }

    // Whether it is as stored is asked of the batch: to ask the row itself is to read it.
    public readonly object? As(Type type) => Batch == 0 && content is StoredRow stored ? stored.As(type) : content;

    /// <summary>Whether it was another one.</summary>
    public bool Change(object? next, int batch)
    {
        if (IsSame(next)) return false;
        (content, Batch) = (next, batch);
        return true;
    }

    private readonly bool IsSame(object? other) =>
        other is null || content is null ? other == content
            : content is StoredRow stored ? stored.Json == RowJson.Write(other) : RowEquality.IsSame(content, other);
}

/// <summary>
/// The rows of one series while a fold works, in order of their instants, as far as they are known: from an instant on
/// all of them. Most facts come in order of time, so that the last rows answer nearly every question.
/// </summary>
/// <param name="forgottenUntil">Until when, and then too, a row that is not here may exist; null where none
/// does.</param>
internal sealed class RowSeries(string name, Instant? forgottenUntil)
{
    private const int AtFirst = 4; // places
    private const int Few = 16; // more than these become a day of quarter hours, in one step
    private const int OfDay = 104; // one of 25 hours with both its edges has 101
    private const int NearEnd = 6; // places that are looked through sooner than halved: an hour of quarters

    private struct Place(in RowKey key, string? json)
    {
        public readonly Instant At = key.At;
        public readonly string Rest = key.Rest;
        public KnownRow Row = new(json);
    }

    private Place[] places = new Place[AtFirst]; // of which the first ones are taken

    /// <summary>Until when, and then too, a row that is not here may exist; null where none does.</summary>
    public Instant? ForgottenUntil { get; private set; } = forgottenUntil;
    public int Count { get; private set; }

    /// <summary>The row at an index, until one is added or forgotten.</summary>
    public ref readonly KnownRow this[int index] => ref places[index].Row;

    /// <summary>Whether the row at an index was another one.</summary>
    public bool Change(int index, object? row, int batch)
    {
        ref var place = ref places[index];
        if (!place.Row.Change(row, batch)) return false;
        place.Row.Lasts = row is ILastingRow lasting ? Seconds(lasting.End - place.At) : 0;
        return true;
    }

    /// <summary>The next whole number of seconds; 0 of what is not short.</summary>
    private static int Seconds(Duration time) => time < Duration.Zero || time.Days > 0 ? 0
        : (int)(time.NanosecondOfDay / NodaConstants.NanosecondsPerSecond) + 1;

    private static bool EndsBefore(in Place place, Instant until) =>
        place.Row.Lasts is > 0 and var seconds && place.At + Duration.FromSeconds(seconds) < until;

    /// <summary>The index of a row; negative where it is not here.</summary>
    public int IndexOf(in RowKey key) => IndexOf(key.At, key.Rest);

    /// <summary>Puts a row in its place, where none is, and gives its index.</summary>
    public int Add(in RowKey key, string? json)
    {
        var index = ~IndexOf(key.At, key.Rest);
        if (Count == places.Length) Array.Resize(ref places, Count == Few ? OfDay : 2 * Count);
        if (index < Count) Array.Copy(places, index, places, index + 1, Count - index);
        Count++;
        places[index] = new(key, json);
        return index;
    }

    /// <inheritdoc cref="IRows.Between"/>
    public void Between(
        Instant first, Instant last, Instant until, Type type, ReadOnlySpan<RowChange> over, FoundRows into)
    {
        var (index, changed) = (IndexFrom(first), CountHere(over, first, last));
        var behind = IndexBehind(index, last);
        var change = changed == 0 ? -1 : FirstHere(over, first, last, null);
        while (change >= 0 || index < behind)
        {
            var order = change < 0 ? -1 : index == behind ? 1 : Order(places[index], over[change].Key);
            var row = order >= 0 ? over[change].Row
                : EndsBefore(places[index], until) ? null : places[index].Row.As(type);
            if (order <= 0) index++; // the change stands in place of what was
            if (order >= 0) change = FirstHere(over, first, last, over[change].Key);
            if (row is not null) into.Add(row);
        }
    }

    private int CountHere(ReadOnlySpan<RowChange> changes, Instant first, Instant last)
    {
        var count = 0;
        foreach (ref readonly var change in changes)
            if (IsHere(change.Key, first, last)) count++;
        return count;
    }

    /// <summary>The change that is first in order of key, of those behind one; -1 where there is none. A fact has few
    /// of a series.</summary>
    private int FirstHere(ReadOnlySpan<RowChange> changes, Instant first, Instant last, RowKey? before)
    {
        var found = -1;
        for (var i = 0; i < changes.Length; i++)
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
        while (forgotten < Count - kept && places[forgotten].Row.Batch < storedBefore) forgotten++;
        if (forgotten == 0) return;
        if (!(places[forgotten - 1].At <= ForgottenUntil)) ForgottenUntil = places[forgotten - 1].At;
        Count -= forgotten;
        Array.Copy(places, forgotten, places, 0, Count);
        Array.Clear(places, Count, forgotten);
    }

    private int IndexFrom(Instant first)
    {
        var index = IndexOf(first, "");
        return index >= 0 ? index : ~index;
    }

    /// <summary>The first index, from one on, that is behind an instant: near it, or the end of the series.</summary>
    private int IndexBehind(int index, Instant last)
    {
        if (Count > 0 && places[Count - 1].At <= last) return Count;
        while (index < Count && places[index].At <= last) index++;
        return index;
    }

    /// <summary>Where the row is, or the complement of where it would be.</summary>
    private int IndexOf(Instant at, string rest)
    {
        var (from, to) = (0, Count);
        for (var near = Math.Max(0, to - NearEnd); to > near; to--)
        {
            var order = Order(places[to - 1].At, places[to - 1].Rest, at, rest);
            if (order == 0) return to - 1;
            if (order < 0) return ~to; // mostly at once: what comes in order
        }
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
