using Ledger.Domain;

namespace Ledger.Projections;

/// <summary>A row that a fold changes: the whole new JSON, or null when the row ends.</summary>
public sealed record RowChange(string Key, string? Json);

/// <summary>A row as it stands; keys are ASCII and ordered by byte.</summary>
public sealed record Row(string Key, string Json);

/// <summary>The current rows of one projection, as a fold sees them: its whole state.</summary>
public interface IRows
{
    string? Get(string key);
    /// <summary>Rows with <paramref name="first"/> ≤ key ≤ <paramref name="last"/>, in order.</summary>
    IReadOnlyList<Row> Range(string first, string last);
}

/// <summary>
/// A pure fold: the rows and a fact give the rows that change, and nothing else is read (no clock, no I/O of its own).
/// So any reader can recompute every row from the journal's bytes. Every event type is handled or ignored by name.
/// </summary>
public interface IProjection
{
    string Name { get; }
    IReadOnlySet<Type> Handled { get; }
    IReadOnlySet<Type> Ignored { get; }
    IReadOnlyList<RowChange> Apply(IRows rows, LedgerEvent happened, long position);
}

/// <summary>Rows under change: what was changed in this batch over what is stored.</summary>
public sealed class WorkingRows(IRows stored) : IRows
{
    private readonly SortedDictionary<string, string?> changed = new(StringComparer.Ordinal);

    public string? Get(string key) => changed.TryGetValue(key, out var json) ? json : stored.Get(key);

    public IReadOnlyList<Row> Range(string first, string last)
    {
        var rows = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var row in stored.Range(first, last)) rows[row.Key] = row.Json;
        foreach (var (key, json) in changed)
        {
            if (string.CompareOrdinal(key, first) < 0 || string.CompareOrdinal(key, last) > 0) continue;
            if (json is null) rows.Remove(key); else rows[key] = json;
        }
        return [.. rows.Select(row => new Row(row.Key, row.Value))];
    }

    /// <summary>Takes the changes over; those that change nothing are dropped, the last of one key counts.</summary>
    public IReadOnlyList<RowChange> Accept(IReadOnlyList<RowChange> changes)
    {
        var effective = new List<RowChange>(changes.Count);
        foreach (var change in changes.GroupBy(change => change.Key).Select(group => group.Last()))
        {
            if (Get(change.Key) == change.Json) continue;
            changed[change.Key] = change.Json;
            effective.Add(change);
        }
        return effective;
    }

    public void Clear() => changed.Clear();
}
