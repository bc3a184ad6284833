using System.Threading.Channels;
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
    /// <summary>Appends that share one batch.</summary>
    public int BatchAppendsMax { get; init; } = 1024;
    /// <summary>Bytes that one batch may take in the store; an append that takes more alone is refused.</summary>
    public long BatchBytesMax { get; init; } = long.MaxValue;
}

/// <summary>The journal met a storage error and refuses everything:
/// what is durable is known only after a new start.</summary>
public sealed class JournalFaultedException(Exception cause) : Exception($"the journal has stopped: {cause.Message}",
    cause);

/// <summary>Another process has the turn to write: nothing of this one's last batch was recorded.</summary>
public sealed class JournalFencedException(string message) : Exception(message);

/// <summary>
/// The one writer of a journal: a thread behind a bounded queue that sequences what waits and commits it together. An
/// append is answered only after its batch is durable. The same for every store; what differs is
/// <see cref="IJournalStore"/>.
/// </summary>
public sealed class JournalWriter : IAsyncDisposable
{
    private readonly SequencingOptions options;
    private readonly IJournalStore store;
    private readonly Action<Acknowledged>? beforeAnswers;
    private readonly JournalSequencer sequencer;
    private readonly Channel<PendingWrite> queue;
    private readonly Thread thread;
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
        sequencer = new JournalSequencer(options, store, state);
        queue = Channel.CreateBounded<PendingWrite>(
            new BoundedChannelOptions(options.QueuedAppendsMax) { SingleReader = true });
        thread = new Thread(Write) { IsBackground = true, Name = $"journal {options.Ledger}" };
        thread.Start();
    }

    /// <summary>What is durable and acknowledged: length and root of one moment.</summary>
    public Acknowledged Acknowledged => acknowledged;

    /// <summary>As <see cref="IJournal.AppendAsync"/>.</summary>
    public async ValueTask<AppendResult> AppendAsync(
        string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts, Principal by, EventId? causation,
        CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        return await TakeAsync(PendingAppend.Encode(stream, expected, facts, by, causation)).ConfigureAwait(false);
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

    private async ValueTask<AppendResult> TakeAsync(PendingWrite pending)
    {
        if (pending.StoredBytesMax > options.BatchBytesMax)
            throw new ArgumentException(
                $"an append takes at most {options.BatchBytesMax} bytes in this store, not {pending.StoredBytesMax}");
        ThrowIfStopped();
        if (!queue.Writer.TryWrite(pending))
            return fault is { } now ? throw now : new AppendResult.Busy();
        // Once queued it will be written: the answer is awaited even where the caller has lost interest.
        return await pending.Answer.Task.ConfigureAwait(false);
    }

    private void Write()
    {
        var batch = new List<(PendingWrite Pending, AppendResult Result)>();
        try
        {
            while (queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            {
                batch.Clear();
                store.Begin();
                for (var bytes = 0L; batch.Count < options.BatchAppendsMax && TryTake(bytes, out var pending);)
                {
                    bytes += pending.StoredBytesMax;
                    batch.Add((pending, new AppendResult.Busy()));
                }
                store.Prepare(batch.SelectMany(waiting => waiting.Pending.Ids));
                for (var i = 0; i < batch.Count; i++)
                    batch[i] = (batch[i].Pending, sequencer.Take(batch[i].Pending));
                sequencer.Store();
                store.Commit(sequencer.Tree, sequencer.RecordedAt);
                Acknowledge(batch);
                store.Tidy();
            }
        }
        catch (Exception e)
        {
            // Whatever it was, what is durable is not known any more: refuse all until a new start has looked.
            fault = new JournalFaultedException(e);
            queue.Writer.TryComplete();
            foreach (var (pending, _) in batch) pending.Answer.TrySetException(fault);
            while (queue.Reader.TryRead(out var pending)) pending.Answer.TrySetException(fault);
            grown.TrySetException(fault);
        }
    }

    /// <summary>The next that waits, if the batch still has room for it.</summary>
    private bool TryTake(long bytes, out PendingWrite pending)
    {
        if (options.BatchBytesMax < long.MaxValue && queue.Reader.TryPeek(out var next)
            && bytes > options.BatchBytesMax - next.StoredBytesMax)
        {
            pending = next;
            return false;
        }
        return queue.Reader.TryRead(out pending!);
    }

    private void Acknowledge(List<(PendingWrite Pending, AppendResult Result)> batch)
    {
        if (sequencer.Tree.Size > acknowledged.Length)
        {
            var next = new Acknowledged(sequencer.Tree.Size, sequencer.Tree.Root());
            beforeAnswers?.Invoke(next);
            acknowledged = next;
            Interlocked.Exchange(ref grown, NewSignal()).SetResult();
        }
        foreach (var (pending, result) in batch) pending.Answer.SetResult(result);
    }

    public async ValueTask DisposeAsync()
    {
        queue.Writer.TryComplete();
        await Task.Run(thread.Join).ConfigureAwait(false);
        grown.TrySetCanceled();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
