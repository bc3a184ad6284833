using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>A row that is not as the journal says; null is "no such row".</summary>
public sealed record RowDifference(string Projection, string Key, string? Stored, string? Recomputed);

/// <summary>Recomputes every projection from the journal in memory and compares it with the stored rows.</summary>
public static class Replay
{
    /// <summary>The rows after every event before <paramref name="end"/> (null: the whole journal).</summary>
    public static async Task<MemoryViews> RecomputeAsync(
        IJournal journal, IReadOnlyList<IProjection> projections, EventDecoder decode, long? end, CancellationToken ct)
    {
        var fresh = new MemoryViews();
        await new ProjectionRunner(journal, fresh, projections, decode, 1000).CatchUpAsync(ct, end).ConfigureAwait(false);
        return fresh;
    }

    /// <summary>
    /// Differences as known after the event at <paramref name="asOf"/> (null: everything that the stored rows have
    /// applied). Positions of rows are compared too, so a row with a forged validity is found.
    /// </summary>
    public static async Task<IReadOnlyList<RowDifference>> DiffAsync(
        IJournal journal, IViewStore stored, IReadOnlyList<IProjection> projections, EventDecoder decode,
        long? asOf, CancellationToken ct)
    {
        var differences = new List<RowDifference>();
        foreach (var projection in projections)
        {
            var applied = stored.Checkpoint(projection.Name);
            if (applied > journal.Length)
                differences.Add(new(projection.Name, "checkpoint", $"{applied}", $"{journal.Length}"));
            var end = asOf is { } position ? Math.Min(checked(position + 1), applied) : applied;
            var fresh = await RecomputeAsync(journal, [projection], decode, end, ct).ConfigureAwait(false);
            var horizon = asOf is null ? ViewRow.Open : end; // without as-of no stored row escapes, whatever it claims
            differences.AddRange(Compare(
                projection.Name, Until(stored, projection.Name, horizon), Until(fresh, projection.Name, horizon)));
        }
        return differences;
    }

    /// <summary>The last position recorded at or before the instant, or -1: turns "as known at" into a position.</summary>
    public static async Task<long> PositionAtAsync(IJournal journal, Instant instant, CancellationToken ct)
    {
        var last = -1L;
        await foreach (var stored in journal.ReadAllAsync(0, ct).ConfigureAwait(false))
        {
            if (stored.Envelope.RecordedAt > instant) break;
            last = stored.Position;
        }
        return last;
    }

    // A row that was closed at or after the end was still open as known then.
    private static Dictionary<(string Key, long From), string> Until(IViewStore views, string projection, long end) =>
        views.Versions(projection).Where(row => row.FromPosition < end).ToDictionary(
            row => (row.Key, row.FromPosition),
            row => $"[{row.FromPosition}, {(row.ToPosition >= end ? "open" : row.ToPosition)}) {row.Json}");

    private static IEnumerable<RowDifference> Compare(
        string projection, Dictionary<(string Key, long From), string> stored, Dictionary<(string Key, long From), string> fresh) =>
        stored.Keys.Union(fresh.Keys).OrderBy(id => id.Key, StringComparer.Ordinal).ThenBy(id => id.From)
            .Select(id => new RowDifference(projection, id.Key, stored.GetValueOrDefault(id), fresh.GetValueOrDefault(id)))
            .Where(row => row.Stored != row.Recomputed);
}
