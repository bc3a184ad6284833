using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>A fact as a fold sees it: what happened, when it holds, as which and when it was recorded, and who handed
/// it in.</summary>
public sealed record RecordedFact(
    LedgerEvent Event, long Position, Interval ValidTime, Instant RecordedAt, PartyId Party);

/// <summary>A row that a fold changes: the whole new row, or null when the row ends.</summary>
public readonly record struct RowChange(RowKey Key, object? Row);

/// <summary>A row of a series that holds from its instant until another: a question that says so passes over those that
/// have ended without reading them.</summary>
public interface ILastingRow
{
    Instant End { get; }
}

/// <summary>
/// The current rows of one projection: the whole state of a fold. Asked through <see cref="RowsOfType"/>; the type is
/// an argument here, because to find the method of an interface for a type takes longer than to find the row.
/// </summary>
public interface IRows
{
    /// <param name="type">Of the row.</param>
    object? Get(in RowKey key, Type type);

    /// <summary>Rows that are of no series, with <paramref name="first"/> ≤ key ≤ <paramref name="last"/>, in order of
    /// key.</summary>
    IReadOnlyList<KeyValuePair<string, object>> Range(string first, string last, Type type);

    /// <summary>Rows of a series from the first instant to the last, both included, in order of key.</summary>
    /// <param name="until">Rows that are known to end before this may be left out.</param>
    /// <param name="over">What has changed of any rows since: it stands in place of what was.</param>
    /// <param name="into">Behind what is there.</param>
    void Between(RowName series, Instant first, Instant last, Instant until, Type type,
        ReadOnlySpan<RowChange> over, FoundRows into);

    /// <summary>For the changes of one fact: nothing has changed yet. Who folds one fact after the other may give the
    /// same list for each, so that what a projection proposes is good until it is asked about the next fact.</summary>
    ChangedRows Unchanged() => new(this);
}

/// <summary>Rows by their type.</summary>
public static class RowsOfType
{
    public static T? Get<T>(this IRows rows, in RowKey key) where T : class => (T?)rows.Get(key, typeof(T));

    public static IEnumerable<KeyValuePair<string, T>> Range<T>(this IRows rows, string first, string last)
        where T : class =>
        rows.Range(first, last, typeof(T)).Select(row => KeyValuePair.Create(row.Key, (T)row.Value));
}

/// <summary>
/// A pure fold: the rows and a fact give the rows that change, and nothing else is read (no clock, no I/O of its own).
/// So any reader can recompute every row from the journal's bytes. Which views read which fact is the table of
/// docs/event-model.md, and a test holds both together: a new fact is forgotten by no view.
/// </summary>
public interface IProjection
{
    string Name { get; }

    /// <summary>
    /// Of which version its rows are, from 1 on. It is raised whenever the same events give other rows, or the same
    /// rows as other bytes: stored rows of another version are computed anew (<see cref="CurrentViews"/>), and never
    /// compared. A test keeps a digest of the rows of each version.
    /// </summary>
    int RowVersion { get; }

    IReadOnlySet<Type> Handled { get; }
    IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact);
}
