using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// A row that is not as the journal says; null is "no such row". Each value begins with the half-open range of
/// positions in which the row is current.
/// </summary>
public sealed record RowDifference(string Projection, string Key, string? Stored, string? Recomputed)
{
    public override string ToString() =>
        $"{Projection} {Key}: stored {Stored ?? "no such row"}, recomputed {Recomputed ?? "no such row"}";
}

/// <summary>Recomputes every projection from the journal in memory and compares it with the stored rows.</summary>
public static class Replay
{
    /// <summary>The rows after every event before <paramref name="end"/> (null: the whole journal).</summary>
    public static async Task<MemoryViews> RecomputeAsync(
        IJournal journal, IReadOnlyList<IProjection> projections, EventDecoder decode, long? end, CancellationToken ct)
    {
        var fresh = new MemoryViews();
        var runner = new ProjectionRunner(journal, fresh, projections, decode, 1000);
        await runner.CatchUpAsync(ct, end).ConfigureAwait(false);
        return fresh;
    }

    /// <summary>
    /// Differences as known after the event at <paramref name="asOf"/> (null: everything that the stored rows have
    /// applied). Positions of rows are compared too, so a row with a forged validity is found. Projections that have
    /// applied the same events are recomputed in one pass over the journal.
    /// </summary>
    public static Task<IReadOnlyList<RowDifference>> DiffAsync(
        IJournal journal, IViewStore stored, IReadOnlyList<IProjection> projections, EventDecoder decode,
        long? asOf, CancellationToken ct) => DiffAsync(journal, stored, projections, decode, asOf, null, ct);

    /// <inheritdoc cref="DiffAsync(IJournal, IViewStore, IReadOnlyList{IProjection}, EventDecoder, long?,
    /// CancellationToken)"/>
    /// <param name="computed">Rows that were recomputed already, used where they are of the same position.</param>
    public static async Task<IReadOnlyList<RowDifference>> DiffAsync(
        IJournal journal, IViewStore stored, IReadOnlyList<IProjection> projections, EventDecoder decode,
        long? asOf, MemoryViews? computed, CancellationToken ct)
    {
        var differences = new List<RowDifference>();
        foreach (var alike in projections.GroupBy(projection => stored.Checkpoint(projection.Name)))
        {
            var applied = alike.Key;
            if (applied > journal.Length)
                differences.AddRange(alike.Select(projection =>
                    new RowDifference(projection.Name, "checkpoint", $"{applied}", $"{journal.Length}")));
            var end = asOf is { } position ? Math.Min(checked(position + 1), applied) : applied;
            var fresh = computed is not null && alike.All(projection => computed.Checkpoint(projection.Name) == end)
                ? computed
                : await RecomputeAsync(journal, [.. alike], decode, end, ct).ConfigureAwait(false);
            var horizon = asOf is null ? ViewRow.Open : end; // without as-of no stored row escapes, whatever it claims
            foreach (var projection in alike)
                differences.AddRange(Differences(stored, fresh, projection.Name, horizon));
        }
        return differences;
    }

    /// <summary>
    /// The last position recorded at or before the instant, or -1: turns "as known at" into a position. Instants never
    /// fall from one position to the next, so halving finds it in a few reads.
    /// </summary>
    public static async Task<long> PositionAtAsync(IJournal journal, Instant instant, CancellationToken ct)
    {
        var (from, to) = (0L, journal.Length); // the answer is before the first position recorded after the instant
        while (from < to)
        {
            var middle = from + (to - from) / 2;
            if (await RecordedAtAsync(journal, middle, ct).ConfigureAwait(false) <= instant) from = middle + 1;
            else to = middle;
        }
        return from - 1;
    }

    private static async Task<Instant> RecordedAtAsync(IJournal journal, long position, CancellationToken ct)
    {
        await foreach (var stored in journal.ReadAllAsync(position, ct).ConfigureAwait(false))
            return stored.Envelope.RecordedAt;
        throw new InvalidOperationException($"the journal has no position {position}");
    }

    /// <summary>The rows of one projection that differ, as they were known before a position.</summary>
    internal static IEnumerable<RowDifference> Differences(
        IViewStore stored, IViewStore fresh, string projection, long end) =>
        Compare(projection, Until(stored, projection, end), Until(fresh, projection, end));

    /// <summary>
    /// Whatever is on one side only, or differs, in order of key. Both sides come in order of key and position, so
    /// neither is kept, and a text is made for one version at a time.
    /// </summary>
    private static IEnumerable<RowDifference> Compare(
        string projection, IEnumerable<ViewRow> stored, IEnumerable<ViewRow> fresh)
    {
        var (differing, left) = (new List<RowDifference>(), new List<RowDifference>());
        using var before = stored.GetEnumerator();
        using var now = fresh.GetEnumerator();
        var (hasBefore, hasNow) = (before.MoveNext(), now.MoveNext());
        while (hasBefore || hasNow)
        {
            var order = !hasBefore ? 1 : !hasNow ? -1 : Order(before.Current, now.Current);
            if (order < 0) left.Add(new(projection, before.Current.Key, Text(before.Current), null));
            else if (order > 0) differing.Add(new(projection, now.Current.Key, null, Text(now.Current)));
            else if (before.Current.ToPosition != now.Current.ToPosition || before.Current.Row != now.Current.Row)
                differing.Add(new(projection, now.Current.Key, Text(before.Current), Text(now.Current)));
            if (order <= 0) hasBefore = before.MoveNext();
            if (order >= 0) hasNow = now.MoveNext();
        }
        return differing.Concat(left).OrderBy(row => row.Key, StringComparer.Ordinal);
    }

    private static int Order(ViewRow one, ViewRow other) =>
        string.CompareOrdinal(one.Key, other.Key) is var order and not 0 ? order
            : one.FromPosition.CompareTo(other.FromPosition);

    // A row that was closed at or after the end was still open as known then.
    private static IEnumerable<ViewRow> Until(IViewStore views, string projection, long end) =>
        views.Versions(projection).Where(row => row.FromPosition < end)
            .Select(row => row.ToPosition >= end ? row with { ToPosition = ViewRow.Open } : row);

    private static string Text(ViewRow row) =>
        $"[{row.FromPosition}, {(row.ToPosition == ViewRow.Open ? "open" : row.ToPosition)}) {row.Json}";
}
