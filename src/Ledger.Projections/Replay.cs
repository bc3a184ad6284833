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

/// <summary>
/// Recomputes every projection from the journal and compares it with the stored rows: first by a digest of both, which
/// keeps no row, and where that differs in memory, row by row.
/// </summary>
public static class Replay
{
    private const int KeptBatchEvents = 128; // few, so that what is handed over is still in the processor's cache
    private const int DigestedBatchEvents = 16; // few, so that most rows are let go of before the collector moves them

    /// <summary>The rows after every event before <paramref name="end"/> (null: the whole journal).</summary>
    public static async Task<MemoryViews> RecomputeAsync(
        IJournal journal, IReadOnlyList<IProjection> projections, EventDecoder decode, long? end, CancellationToken ct)
    {
        var fresh = new MemoryViews();
        var runner = new ProjectionRunner(journal, fresh, projections, decode, KeptBatchEvents);
        await runner.CatchUpAsync(ct, end).ConfigureAwait(false);
        return fresh;
    }

    /// <summary>
    /// Differences as known after the event at <paramref name="asOf"/> (null: everything that the stored rows have
    /// applied). Positions of rows are compared too, so a row with a forged validity is found. Rows are kept in memory
    /// only of projections that differ.
    /// </summary>
    public static Task<IReadOnlyList<RowDifference>> DiffAsync(
        IJournal journal, IViewStore stored, IReadOnlyList<IProjection> projections, EventDecoder decode,
        long? asOf, CancellationToken ct) => DiffAsync(journal, stored, projections, decode, asOf, null, ct);

    /// <inheritdoc cref="DiffAsync(IJournal, IViewStore, IReadOnlyList{IProjection}, EventDecoder, long?,
    /// CancellationToken)"/>
    /// <param name="computed">Rows that were recomputed already, used where they are of the same position.</param>
    public static async Task<IReadOnlyList<RowDifference>> DiffAsync(
        IJournal journal, IViewStore stored, IReadOnlyList<IProjection> projections, EventDecoder decode,
        long? asOf, IViewStore? computed, CancellationToken ct)
    {
        var differences = new List<RowDifference>();
        foreach (var alike in Alike(stored, projections))
        {
            if (alike.Key > journal.Length)
                differences.AddRange(alike.Select(projection =>
                    new RowDifference(projection.Name, "checkpoint", $"{alike.Key}", $"{journal.Length}")));
            var (end, horizon) = Ends(alike.Key, asOf);
            IReadOnlyList<IProjection> doubted = [.. alike];
            var fresh = doubted.All(projection => computed?.Checkpoint(projection.Name) == end) ? computed : null;
            if (fresh is null)
            {
                doubted = await DifferingAsync(journal, stored, doubted, decode, (end, horizon), ct)
                    .ConfigureAwait(false);
                if (doubted.Count == 0) continue;
                fresh = await RecomputeAsync(journal, doubted, decode, end, ct).ConfigureAwait(false);
            }
            foreach (var projection in doubted)
                differences.AddRange(Compare(projection.Name,
                    Until(stored, projection.Name, end, horizon), Until(fresh, projection.Name, end, horizon)));
        }
        return differences;
    }

    /// <summary>
    /// Whether every stored row is as the journal says, as known after the event at <paramref name="asOf"/> (null:
    /// everything that the stored rows have applied). Nothing is kept of a row, and false is told sooner than why:
    /// for that ask <see cref="DiffAsync(IJournal, IViewStore, IReadOnlyList{IProjection}, EventDecoder, long?,
    /// CancellationToken)"/>. True is wrong with the probability that <see cref="ChangeDigest"/> says.
    /// </summary>
    public static async Task<bool> AgreesAsync(
        IJournal journal, IViewStore stored, IReadOnlyList<IProjection> projections, EventDecoder decode,
        long? asOf, CancellationToken ct)
    {
        foreach (var alike in Alike(stored, projections))
            if (alike.Key > journal.Length
                || await DifferingAsync(journal, stored, [.. alike], decode, Ends(alike.Key, asOf), ct)
                    .ConfigureAwait(false) is not []) return false;
        return true;
    }

    /// <summary>
    /// Whether stored views say all that the journal does until <paramref name="asOf"/> (null: its end) and nothing
    /// else: then they may be asked in place of recomputed ones, as of that position.
    /// </summary>
    public static async Task<bool> IsWholeAsync(
        IJournal journal, IViewStore stored, IReadOnlyList<IProjection> projections, EventDecoder decode,
        long? asOf, CancellationToken ct) =>
        projections.All(projection => asOf is { } position ? stored.Checkpoint(projection.Name) > position
            : stored.Checkpoint(projection.Name) == journal.Length)
        && await AgreesAsync(journal, stored, projections, decode, asOf, ct).ConfigureAwait(false);

    /// <summary>Hands over the versions of a projection's rows as they were known before a position.</summary>
    public static void ScanUntil(IViewStore views, string projection, long end, VersionTaker take) =>
        views.ScanVersions(projection, (key, from, to, json) =>
        {
            if (from < end) take(key, from, to >= end ? ViewRow.Open : to, json);
        });

    /// <summary>Projections that have applied the same events are recomputed in one pass over the journal.</summary>
    private static IEnumerable<IGrouping<long, IProjection>> Alike(
        IViewStore stored, IReadOnlyList<IProjection> projections) =>
        projections.GroupBy(projection => stored.Checkpoint(projection.Name));

    /// <summary>Before which position is recomputed, and before which stored rows are looked at: without as-of none
    /// escapes, whatever it claims, but what somebody else applied since.</summary>
    private static (long Recomputed, long Stored) Ends(long applied, long? asOf) =>
        asOf is { } position && Math.Min(checked(position + 1), applied) is var end ? (end, end)
            : (applied, ViewRow.Open);

    /// <summary>The projections that are not the same, by the digests of their changes. Stored rows are read beside the
    /// recomputation.</summary>
    private static async Task<IReadOnlyList<IProjection>> DifferingAsync(
        IJournal journal, IViewStore stored, IReadOnlyList<IProjection> projections, EventDecoder decode,
        (long Recomputed, long Stored) ends, CancellationToken ct)
    {
        var point = new DigestPoint();
        var fresh = new RecomputedDigests(stored, point);
        using var left = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var kept = Task.Factory.StartNew(() => projections.ToDictionary(projection => projection.Name,
            projection => Digest(stored, projection.Name, ends, point, left.Token)),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            await new ProjectionRunner(journal, fresh, projections, decode, DigestedBatchEvents)
                .CatchUpAsync(ct, ends.Recomputed).ConfigureAwait(false);
            var digests = await kept.ConfigureAwait(false);
            return [.. projections.Where(projection =>
                digests[projection.Name]?.IsSame(fresh.Of(projection.Name)) is not true)];
        }
        catch (ProjectionStoppedException)
        {
            return projections; // by a false row, or by the event: whoever recomputes without stored rows finds out
        }
        finally
        {
            await left.CancelAsync().ConfigureAwait(false);
            await ((Task)kept).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // nobody reads any more
        }
    }

    /// <summary>Whether two stores hold the same versions of a projection's rows, as known before a position.</summary>
    internal static bool IsSame(IViewStore one, IViewStore other, string projection, long end)
    {
        var point = new DigestPoint();
        return Digest(one, projection, (end, end), point, default) is { } digest
            && Digest(other, projection, (end, end), point, default)?.IsSame(digest) is true;
    }

    /// <summary>Null where versions overlap, which no changes make, or say that they are of positions that nobody has
    /// applied yet.</summary>
    private static ChangeDigest? Digest(IViewStore views, string projection, (long Recomputed, long Stored) ends,
        DigestPoint point, CancellationToken ct)
    {
        var digest = new ChangeDigest(point);
        var (changes, latest) = (new VersionChanges(digest, ends.Recomputed), -1L);
        views.ScanVersions(projection, (key, from, to, json) =>
        {
            ct.ThrowIfCancellationRequested();
            if (from < ends.Stored) latest = Math.Max(latest, to < ends.Stored ? Math.Max(from, to) : from);
            changes.Take(key, from, to, json);
        });
        changes.Complete();
        return changes.IsInOrder && (latest < ends.Recomputed || latest < views.Checkpoint(projection)) ? digest : null;
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

    /// <summary>When the event at a position was recorded.</summary>
    public static async Task<Instant> RecordedAtAsync(IJournal journal, long position, CancellationToken ct)
    {
        await foreach (var stored in journal.ReadAllAsync(position, ct).ConfigureAwait(false))
            return stored.Envelope.RecordedAt;
        throw new InvalidOperationException($"the journal has no position {position}");
    }

    /// <summary>The rows of one projection that differ, as they were known before a position.</summary>
    internal static IEnumerable<RowDifference> Differences(
        IViewStore stored, IViewStore fresh, string projection, long end) =>
        Compare(projection, Until(stored, projection, end, end), Until(fresh, projection, end, end));

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

    // A row that was closed at or after the end was still open as known then. What was applied since is not looked at.
    private static IEnumerable<ViewRow> Until(IViewStore views, string projection, long recomputed, long end)
    {
        var rows = views.Versions(projection);
        var applied = views.Checkpoint(projection);
        return rows.Where(row => !IsLater(row.FromPosition))
            .Select(row => IsLater(row.ToPosition) ? row with { ToPosition = ViewRow.Open } : row);

        bool IsLater(long position) => position >= end || (position >= recomputed && position < applied);
    }

    private static string Text(ViewRow row) =>
        $"[{row.FromPosition}, {(row.ToPosition == ViewRow.Open ? "open" : row.ToPosition)}) {row.Json}";
}
