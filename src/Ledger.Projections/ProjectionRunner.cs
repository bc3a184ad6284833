using System.Data.Common;
using System.Diagnostics;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>Turns stored bytes back into the fact; throws on an unknown wire name. The journal's codec fits.</summary>
public delegate LedgerEvent EventDecoder(string wireName, int version, ReadOnlySpan<byte> payload);

/// <summary>The reader stopped at an event that it cannot apply; nothing after it was applied.</summary>
public sealed class ProjectionStoppedException(ProjectionAlarm alarm, Exception cause) : Exception(
    $"stopped at position {alarm.Position} ({alarm.WireName}) in {alarm.Projection}: {alarm.Reason}", cause)
{
    public ProjectionAlarm Alarm { get; } = alarm;
}

/// <summary>
/// Keeps the read model up to date: reads the journal from the lowest checkpoint, folds, and commits rows and
/// checkpoints together per batch, the next one being decoded and folded meanwhile. Rows do not depend on the batch
/// size. A poison event stops it: what came before is committed, the alarm is stored with position and reason, and the
/// caller gets the exception. Where rows of another version are stored it writes none, and throws
/// <see cref="RowVersionException"/>. With a lease it writes only while it holds it, and else waits for whoever does, or for
/// the end of their time. Whoever stops lets go of it: another one's program may know the event.
/// </summary>
public sealed class ProjectionRunner(
    IJournal journal, IViewStore views, IReadOnlyList<IProjection> projections, EventDecoder decode,
    int batchEvents = 500, RunnerLease? lease = null)
{
    /// <summary>How much larger a batch may become where the store writes beside the fold: what is stored together
    /// costs a store at a server less.</summary>
    private const int GrownTimes = 8;

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(50);

    /// <summary>Applies every event before <paramref name="end"/> (null: all); returns the next position.</summary>
    public async Task<long> CatchUpAsync(CancellationToken ct, long? end = null)
    {
        var until = Math.Min(end ?? journal.Length, journal.Length);
        long? waitsSince = null;
        while (true)
        {
            var next = Lowest(Starts(), until);
            if (next >= until) return next;
            if (!Holds())
            {
                ThrowIfStopped(next, waitsSince ??= Stopwatch.GetTimestamp());
                await Task.Delay(BetweenLooks, ct).ConfigureAwait(false);
                continue;
            }
            waitsSince = null;
            // Until it was held another may have gone on: it is folded on from there.
            var starts = Starts();
            var from = Lowest(starts, until);
            if (from >= until) return from;
            try
            {
                return await FoldAsync(new Batch(views, projections, starts), from, until, ct).ConfigureAwait(false);
            }
            catch (LeaseLostException) when (lease is not null)
            {
                // What this runner was about to write is the other's to write: see how far that one is.
                ct.ThrowIfCancellationRequested();
            }
        }
    }

    private Dictionary<string, long> Starts() => projections.ToDictionary(projection => projection.Name, projection =>
    {
        var stored = views.Reached(projection.Name);
        RowVersions.Refuse(projection, stored);
        return stored.Next;
    });

    private static long Lowest(Dictionary<string, long> starts, long until) =>
        starts.Count == 0 ? until : starts.Values.Min();

    private bool Holds() => lease is null || views.TryHold(ViewLease.Live, lease.Holder, lease.Length);

    /// <summary>A sign of life amid a fold, which goes on only under the token that it began with.</summary>
    private void Keep()
    {
        if (lease is not null && !views.TryKeep(ViewLease.Live, lease.Holder, lease.Length))
            throw new LeaseLostException(ViewLease.Live);
    }

    /// <summary>A runner that keeps the lease has stopped at an event: waiting for it would have no end. An alarm says
    /// nothing of it that is of an event which was applied since, nor before a runner that is gone would have lost the
    /// lease.</summary>
    private void ThrowIfStopped(long next, long waitsSince)
    {
        if (Stopwatch.GetElapsedTime(waitsSince) > lease!.Length.ToTimeSpan()
            && views.Alarm is { } alarm && alarm.Position >= next)
            throw new ProjectionStoppedException(alarm, new InvalidOperationException("another runner met it"));
    }

    /// <summary>Folds every event from a position until before another, and returns that. Throws
    /// <see cref="JournalRefusedException"/> where the journal does not give one of them: to go on behind it would be
    /// to leave it out for ever.</summary>
    private async Task<long> FoldAsync(Batch batch, long from, long until, CancellationToken ct)
    {
        var next = from;
        try
        {
            await foreach (var page in DecodedEvents.PagesAsync(journal, decode, from, until, ct).ConfigureAwait(false))
                foreach (var decoded in page)
                {
                    if (decoded.Position != next && journal.IsWhole) throw Missing(next);
                    next = decoded.Position + 1;
                    if (Apply(batch, decoded) is { } stopped)
                    {
                        await batch.CommitAsync().ConfigureAwait(false);
                        views.Alarm = stopped.Alarm;
                        if (lease is not null) views.TryKeep(ViewLease.Live, lease.Holder, Duration.Zero);
                        throw stopped;
                    }
                    if (!IsFull(batch, until - next)) continue;
                    await batch.SendAsync().ConfigureAwait(false);
                    Keep();
                }
            if (next < until && journal.IsWhole) throw Missing(next);
            await batch.CommitAsync().ConfigureAwait(false);
        }
        finally
        {
            await batch.EndedAsync().ConfigureAwait(false);
        }
        if (views.Alarm is not null) views.Alarm = null;
        return until;
    }

    /// <summary>Whether the batch goes to the store before another event comes into it. Beside a store that has nothing
    /// to do it is at most as large as what is left: nothing is folded beside the last one, so that is to be small.
    /// </summary>
    /// <param name="left">How many events are still to be folded.</param>
    private bool IsFull(Batch batch, long left)
    {
        if (batch.Events < batchEvents) return false;
        if (batch.Events >= GrownTimes * batchEvents) return true;
        return !batch.IsBehind && !(batch.IsBesideStore && batch.Events < left);
    }

    /// <summary>
    /// Follows the journal until cancelled; a poison event ends it with <see cref="ProjectionStoppedException"/>.
    /// </summary>
    public async Task FollowAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            var next = await CatchUpAsync(ct).ConfigureAwait(false);
            await journal.WaitForAsync(next, ct).ConfigureAwait(false);
        }
    }

    /// <summary>Forgets every row and folds the whole journal again, with the code of normal operation.</summary>
    public Task<long> RebuildAsync(CancellationToken ct)
    {
        foreach (var projection in projections) views.Reset(projection.Name);
        return CatchUpAsync(ct);
    }

    private static JournalRefusedException Missing(long position) => new($"position {position} is missing");

    /// <summary>Folds an event into the batch; where it cannot be applied, why.</summary>
    private static ProjectionStoppedException? Apply(Batch batch, DecodedEvent decoded)
    {
        var current = "codec";
        try
        {
            var fact = decoded.Fact;
            foreach (var fold in batch.Of(fact.Event.GetType()))
            {
                current = fold.Projection.Name;
                fold.Apply(fact);
            }
            batch.Accept(fact.Position);
            return null;
        }
        catch (Exception cause) when (cause is not (OperationCanceledException or DbException or IOException
            or LeaseLostException))
        {
            return new(new(decoded.Position, current, decoded.WireName, cause.Message), cause);
        }
    }

    /// <summary>One projection while it is folded.</summary>
    /// <param name="from">The first position that it has not applied.</param>
    private sealed class Fold(IViewStore views, IProjection projection, long from)
    {
        private IReadOnlyList<RowChange> proposed = [];

        public IProjection Projection => projection;
        public WorkingRows Rows { get; } = new(views, projection.Name, isEmpty: from == 0);

        /// <summary>Proposes what the fact changes, if it was not applied before.</summary>
        public void Apply(RecordedFact fact) =>
            proposed = fact.Position < from ? [] : projection.Apply(Rows, fact);

        /// <summary>Takes over what was proposed, now that no other projection has stopped at the fact.</summary>
        public void Accept(long position, List<PositionedChange> changes) =>
            Rows.Accept(proposed, position, changes);

        public long NextAfter(long position) => Math.Max(from, position);
    }

    private sealed class Batch(
        IViewStore views, IReadOnlyList<IProjection> projections, Dictionary<string, long> starts)
    {
        private readonly Fold[] folds =
            [.. projections.Select(projection => new Fold(views, projection, starts[projection.Name]))];
        private readonly Dictionary<Type, Fold[]> ofType = [];
        private readonly Dictionary<string, ViewCheckpoint> reached = []; // of the batch that is on its way
        private Fold[] current = [];
        private List<PositionedChange> changes = [], sent = []; // in turns: a batch's list is the one after next's
        private Task underWay = Task.CompletedTask;
        private long next; // the position behind the last event
        public int Events { get; private set; }

        /// <summary>Whether the store has still to do with the batch before.</summary>
        public bool IsBehind => !underWay.IsCompleted;

        /// <summary>Whether the store writes while this goes on: it was not done yet when it had just been given the
        /// batch before.</summary>
        public bool IsBesideStore { get; private set; }

        /// <summary>Those that handle a fact of this type; the fact that comes next is of it.</summary>
        public Fold[] Of(Type fact)
        {
            if (!ofType.TryGetValue(fact, out var handling))
                ofType[fact] = handling = [.. folds.Where(fold => fold.Projection.Handled.Contains(fact))];
            return current = handling;
        }

        /// <summary>Takes over what all of them proposed. Where one cannot, nothing of the event is in the batch: what
        /// came before is stored without it.</summary>
        public void Accept(long position)
        {
            var before = changes.Count;
            try
            {
                foreach (var fold in current) fold.Accept(position, changes);
            }
            catch
            {
                changes.RemoveRange(before, changes.Count - before);
                throw;
            }
            next = position + 1;
            Events++;
        }

        /// <summary>Hands the batch over to the store, when the one before is there.</summary>
        public async Task SendAsync()
        {
            await UnderWayAsync().ConfigureAwait(false);
            foreach (var fold in folds)
            {
                fold.Rows.Sent();
                reached[fold.Projection.Name] = new(fold.NextAfter(next), fold.Projection.RowVersion);
            }
            (changes, sent) = (sent, changes);
            changes.Clear();
            underWay = views.CommitAsync(reached, sent);
            IsBesideStore = IsBehind;
            Events = 0;
        }

        /// <summary>Returns when all that was folded is stored.</summary>
        public async Task CommitAsync()
        {
            if (Events > 0) await SendAsync().ConfigureAwait(false);
            await UnderWayAsync().ConfigureAwait(false);
        }

        private async Task UnderWayAsync()
        {
            await underWay.ConfigureAwait(false);
            foreach (var fold in folds) fold.Rows.Committed();
        }

        /// <summary>Nothing is on its way any more, however that went: for who stops amid a batch.</summary>
        public async Task EndedAsync() => await underWay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
