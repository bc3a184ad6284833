using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>A fact as a fold sees it: what happened, when it holds, as which and when it was recorded, and who handed
/// it in.</summary>
public sealed record RecordedFact(
    LedgerEvent Event, long Position, Interval ValidTime, Instant RecordedAt, PartyId Party);

/// <summary>A row that a fold changes: the whole new row, or null when the row ends.</summary>
public sealed record RowChange(string Key, object? Row);

/// <summary>The current rows of one projection: the whole state of a fold. Keys are ASCII, ordered by byte.</summary>
public interface IRows
{
    T? Get<T>(string key) where T : class;
    /// <summary>Rows with <paramref name="first"/> ≤ key ≤ <paramref name="last"/>, in order.</summary>
    IReadOnlyList<KeyValuePair<string, T>> Range<T>(string first, string last) where T : class;
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
    private readonly Dictionary<string, object?> changed = new(StringComparer.Ordinal);

    /// <summary>What has changed, in order of key.</summary>
    public IReadOnlyList<RowChange> Changes
    {
        get
        {
            var changes = new RowChange[changed.Count];
            var next = 0;
            foreach (var (key, row) in changed) changes[next++] = new(key, row);
            Array.Sort(changes, (one, other) => string.CompareOrdinal(one.Key, other.Key));
            return changes;
        }
    }

    public void Put(string key, object? row) => changed[key] = row;

    public T? Get<T>(string key) where T : class =>
        changed.TryGetValue(key, out var row) ? (T?)row : before.Get<T>(key);

    public IReadOnlyList<KeyValuePair<string, T>> Range<T>(string first, string last) where T : class
    {
        var here = changed.Where(change =>
            string.CompareOrdinal(change.Key, first) >= 0 && string.CompareOrdinal(change.Key, last) <= 0).ToList();
        var there = before.Range<T>(first, last);
        return here.Count == 0 ? there :
        [
            .. there.Where(row => !changed.ContainsKey(row.Key))
                .Concat(here.Where(row => row.Value is T).Select(row => KeyValuePair.Create(row.Key, (T)row.Value!)))
                .OrderBy(row => row.Key, StringComparer.Ordinal),
        ];
    }
}
