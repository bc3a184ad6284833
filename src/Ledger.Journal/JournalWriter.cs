using System.Diagnostics;
using System.Runtime.InteropServices;
using Ledger.Domain;
using Ledger.Journal.Copies;
using NodaTime;

namespace Ledger.Journal;

/// <summary>How the one writer of a journal works.</summary>
/// <param name="Ledger">The ledger whose journal it is.</param>
/// <param name="Clock">What time it is, for recordedAt.</param>
/// <param name="Secret">The ledger's secret, from which the salts of the leaves are derived; at least 16 bytes.</param>
public sealed record SequencingOptions(LedgerId Ledger, IClock Clock, byte[] Secret)
{
    /// <summary>Appends that may wait; one more is answered Busy.</summary>
    public int QueuedAppendsMax { get; init; } = 4096;
    /// <summary>Bytes that may wait, as the store will take them: one append more is answered Busy.</summary>
    public long QueuedBytesMax { get; init; } = QueuedBytesUsual;
    /// <summary>128 of the largest appends, or 4096 of 16 KiB each.</summary>
    public const long QueuedBytesUsual = 64L * 1024 * 1024;
    /// <summary>Appends that share one batch.</summary>
    public int BatchAppendsMax { get; init; } = 1024;
    /// <summary>Bytes that one batch may take in the store; an append that takes more alone is refused.</summary>
    public long BatchBytesMax { get; init; } = QueuedBytesUsual;
}

/// <summary>The journal met a storage error and refuses everything:
/// what is durable is known only after a new start.</summary>
public sealed class JournalFaultedException(Exception cause) : Exception($"the journal has stopped: {cause.Message}",
    cause);

/// <summary>Another process has the turn to write: nothing of this one's last batch was recorded.</summary>
public sealed class JournalFencedException(string message) : Exception(message);

/// <summary>
/// The one writer of a journal: a thread behind a bounded queue that sequences what waits and commits it together. An
/// append is answered only after its batch and all before it are durable; the next batch is made ready meanwhile, and
/// where the store can, its commit is asked for before the one before has ended. The same for every store; what differs
/// is <see cref="IJournalStore"/>.
/// </summary>
public sealed class JournalWriter : IAsyncDisposable
{
    // Events that are made ready together while a batch is on its way: half of what the sequencer hashes together.
    private const int FilledTogether = 64;
    private const int GatheringPart = 4; // of the time of a commit its appends are waited for to come again
    private const int GatheredBytesMax = 256 * 1024; // what takes more takes a disk longer than its turn does
    private readonly SequencingOptions options;
    private readonly IJournalStore store;
    private readonly Action<Acknowledged>? beforeAnswers;
    private readonly JournalSequencer sequencer;
    private readonly Sha256Lanes.HmacKey leafKey;
    private readonly WaitingWrites waiting;
    private readonly Thread thread;
    // The last two batches, of which each has ended when it and all before it are answered.
    private Task beforeLast = Task.CompletedTask, last = Task.CompletedTask;
    private long asked; // how long the journal is when both are durable
    private volatile Acknowledged acknowledged;
    private volatile TaskCompletionSource grown = NewSignal();
    private volatile JournalFaultedException? fault;

    /// <param name="beforeAnswers">Called with what is durable now, before any append of the batch is answered; what it
    /// throws stops the writer.</param>
    public JournalWriter(SequencingOptions options, IJournalStore store, JournalState state,
        Action<Acknowledged>? beforeAnswers = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Secret.Length, 16, "bytes of the ledger's secret");
        (this.options, this.store, this.beforeAnswers) = (options, store, beforeAnswers);
        acknowledged = new Acknowledged(state.Tree.Size, state.Tree.Root());
        asked = state.Tree.Size;
        sequencer = new JournalSequencer(options, store, state);
        leafKey = new(options.Secret);
        waiting = new WaitingWrites(options.QueuedAppendsMax, options.QueuedBytesMax);
        thread = new Thread(Write) { IsBackground = true, Name = $"journal {options.Ledger}" };
        thread.Start();
    }

    /// <summary>What is durable and acknowledged: length and root of one moment.</summary>
    public Acknowledged Acknowledged => acknowledged;

    /// <summary>As <see cref="IJournal.AppendAsync"/>.</summary>
    public ValueTask<AppendResult> AppendAsync(
        string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts, Principal by, EventId? causation,
        CancellationToken ct)
    {
        if (ct.IsCancellationRequested) return ValueTask.FromCanceled<AppendResult>(ct);
        try
        {
            // Who waits is told by the writer itself: to be told by an async method costs each append another object.
            return new(TakeAsync(PendingAppend.Encode(stream, expected, facts, by, causation, leafKey)));
        }
        catch (Exception refused)
        {
            return ValueTask.FromException<AppendResult>(refused);
        }
    }

    /// <summary>As <see cref="IJournalImport.AppendRecordedAsync"/>.</summary>
    public async ValueTask AppendRecordedAsync(IReadOnlyList<RecordedEvent> events, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        switch (await TakeAsync(new PendingCopy(CopiedEvent.Of(events, options.Secret))).ConfigureAwait(false))
        {
            case AppendResult.Recorded: return;
            case AppendResult.Conflict(_, var why): throw new JournalRefusedException(why);
            default: throw new IOException("the journal is busy: nobody else may write to it while it is copied to");
        }
    }

    /// <summary>As <see cref="IJournal.WaitForAsync"/>.</summary>
    public async Task WaitForAsync(long position, CancellationToken ct)
    {
        while (true)
        {
            var signal = grown;
            ThrowIfStopped();
            if (acknowledged.Length > position) return;
            await signal.Task.WaitAsync(ct).ConfigureAwait(false);
        }
    }

    /// <summary>Throws where the writer met a storage error.</summary>
    public void ThrowIfStopped()
    {
        if (fault is { } stopped) throw stopped;
    }

    /// <summary>Once queued it will be written: the answer is awaited even where the caller has lost interest.
    /// </summary>
    private Task<AppendResult> TakeAsync(PendingWrite pending)
    {
        if (pending.StoredBytesMax > options.BatchBytesMax)
            throw new ArgumentException(
                $"an append takes at most {options.BatchBytesMax} bytes in this store, not {pending.StoredBytesMax}");
        ThrowIfStopped();
        if (waiting.TryAdd(pending)) return pending.Answer.Task;
        var isClosed = waiting.IsClosed; // asked before the fault, which closes it too
        ThrowIfStopped();
        ObjectDisposedException.ThrowIf(isClosed, this); // to come again would be in vain
        return Task.FromResult<AppendResult>(new AppendResult.Busy());
    }

    /// <summary>Appends that are answered together.</summary>
    private sealed class Batch
    {
        public List<PendingWrite> Appends { get; } = [];
        public long Bytes { get; set; }
        public long Events { get; set; }
        public bool IsAnswered { get; set; }

        /// <summary>Milliseconds from when its commit was asked for until it was to be answered; below 0 until then.
        /// </summary>
        public int TookMs
        {
            get => Volatile.Read(ref tookMs);
            set => Volatile.Write(ref tookMs, value);
        }

        private int tookMs = -1;
    }

    private void Write()
    {
        var (batch, before) = (new Batch(), new Batch { TookMs = 0 });
        try
        {
            while (waiting.WaitForAny())
            {
                batch = new Batch();
                store.Begin();
                // What comes while batches before are on their way is made ready meanwhile.
                var isBehind = before.TookMs < 0; // what waits did not wait for its answer
                while (Fill(batch) && !IsItsTurn(batch, before)) waiting.WaitForMany(FilledTogether);
                (store.TakesSecondCommit && !last.IsCompleted ? beforeLast : last).GetAwaiter().GetResult();
                if (isBehind && batch.Bytes < GatheredBytesMax) Gather(batch, before);
                (beforeLast, last, before) = (last, CommitAsync(batch, last), batch);
                _ = last.ContinueWith(_ => waiting.Call(), CancellationToken.None,
                    TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
            last.GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            Task.WhenAny(last).Wait(); // what became durable before is answered
            Stop(e, batch);
            var refused = new List<PendingWrite>();
            waiting.Take(int.MaxValue, long.MaxValue, refused);
            new BatchAnswers(refused, fault).Begin();
        }
    }

    /// <summary>
    /// Whether a batch that has room is committed now. Behind one that is on its way it is, where the store takes it,
    /// when it is large and has as many events as that one: those who wait for that one cannot come. Until then it
    /// grows, because each event costs less the more share a commit.
    /// </summary>
    private bool IsItsTurn(Batch batch, Batch before) => last.IsCompleted || (store.TakesSecondCommit
        && beforeLast.IsCompleted && batch.Bytes >= GatheredBytesMax && batch.Events >= before.Events);

    /// <summary>
    /// Whoever was just answered may come again at once. Without them two halves would take turns at a slow disk, and
    /// each of them would wait for both: so they are waited for, a small part of what their commit took. A large batch
    /// does not wait: it takes its own time, together with others or not.
    /// </summary>
    private void Gather(Batch batch, Batch before)
    {
        var most = TimeSpan.FromMilliseconds(before.TookMs / GatheringPart);
        if (most == TimeSpan.Zero) return;
        waiting.WaitForMore(before.Events, most);
        Fill(batch);
    }

    /// <summary>Takes what waits, as far as the batch has room, and gives it its places; whether there is still room.
    /// </summary>
    private bool Fill(Batch batch)
    {
        var appends = batch.Appends;
        var known = appends.Count;
        var hasRoom = waiting.Take(options.BatchAppendsMax - known, options.BatchBytesMax - batch.Bytes, appends);
        var taken = CollectionsMarshal.AsSpan(appends)[known..];
        foreach (var pending in taken)
            (batch.Bytes, batch.Events) = (batch.Bytes + pending.StoredBytesMax, batch.Events + pending.Events);
        if (taken.Length > 0) sequencer.Take(taken);
        return hasRoom && appends.Count < options.BatchAppendsMax;
    }

    /// <param name="before">Ends when the batches before are answered; where one of them failed this one has too,
    /// whatever the store has made of it.</param>
    private async Task CommitAsync(Batch batch, Task before)
    {
        var (tree, since) = (sequencer.Tree, Stopwatch.GetTimestamp());
        try
        {
            var durable = store.CommitAsync(tree, sequencer.RecordedAt);
            // While a server or a disk has to do with it, and before the tree grows.
            var next = tree.Size > asked ? new Acknowledged(tree.Size, tree.Root()) : null;
            asked = tree.Size;
            await before.ConfigureAwait(false);
            await durable.ConfigureAwait(false);
            if (next is not null)
            {
                beforeAnswers?.Invoke(next);
                acknowledged = next;
                Interlocked.Exchange(ref grown, NewSignal()).TrySetResult(); // it has failed where a later batch has
            }
            batch.TookMs = (int)Stopwatch.GetElapsedTime(since).TotalMilliseconds;
            batch.IsAnswered = true;
            new BatchAnswers(batch.Appends).Begin();
            await store.TidyAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            Stop(e, batch); // at once: the writer may be waiting for an append that never comes
            throw;
        }
    }

    /// <summary>Whatever it was, what is durable is not known any more: all is refused until a new start has looked.
    /// </summary>
    private void Stop(Exception cause, Batch batch)
    {
        fault ??= new JournalFaultedException(cause);
        waiting.Close();
        if (!batch.IsAnswered) new BatchAnswers(batch.Appends, fault).Begin();
        grown.TrySetException(fault);
    }

    public async ValueTask DisposeAsync()
    {
        waiting.Close();
        await Task.Run(thread.Join).ConfigureAwait(false);
        grown.TrySetCanceled();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
