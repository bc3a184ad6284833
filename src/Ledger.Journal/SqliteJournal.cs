using System.Threading.Channels;
using Ledger.Domain;
using Ledger.Journal.Copies;
using NodaTime;

namespace Ledger.Journal;

/// <summary>What an embedded journal is opened with.</summary>
/// <param name="Directory">The data folder; one process owns it.</param>
/// <param name="Ledger">The ledger whose journal it is.</param>
/// <param name="Clock">What time it is, for recordedAt.</param>
/// <param name="Secret">The ledger's secret, from which the salts of the leaves are derived; at least 16 bytes.</param>
public sealed record SqliteJournalOptions(string Directory, LedgerId Ledger, IClock Clock, byte[] Secret)
{
    /// <summary>Appends that may wait; one more is answered Busy.</summary>
    public int QueuedAppendsMax { get; init; } = 4096;
    /// <summary>Appends that share one transaction.</summary>
    public int BatchAppendsMax { get; init; } = 1024;
    /// <summary>Whether it is opened to say what is wrong in it: then its last events are not hashed before.</summary>
    public bool IsExamined { get; init; }
    /// <summary>The lock of the directory, where the caller holds it and keeps it; else it is taken.</summary>
    public FolderLock? Owned { get; init; }
    /// <summary>Whether a copy may be opened for writing: only to take what it is a copy of, and to
    /// record that it is the ledger from now on.</summary>
    public bool TakesOverCopy { get; init; }
}

/// <summary>The journal met a storage error and refuses everything:
/// what is durable is known only after a new start.</summary>
public sealed class JournalFaultedException(Exception cause) : Exception($"the journal has stopped: {cause.Message}",
    cause);

/// <summary>
/// The embedded journal: SQLite in WAL mode with synchronous=FULL, one writer thread behind a bounded queue, group
/// commit. An append is answered only after its transaction is durable and journal.head is written through.
/// </summary>
public sealed class SqliteJournal : IJournalImport, IStoredLeaves
{
    public const string FileName = "journal.db";
    private readonly SqliteJournalOptions options;
    private readonly FolderLock owned;
    private readonly JournalPages pages;
    private readonly JournalTables tables;
    private readonly JournalHead head;
    private readonly JournalSequencer sequencer;
    private readonly Channel<PendingWrite> queue;
    private readonly Thread writer;
    private volatile Acknowledged acknowledged;
    private volatile TaskCompletionSource grown = NewSignal();
    private volatile JournalFaultedException? fault;

    private SqliteJournal(SqliteJournalOptions options, FolderLock owned)
    {
        (this.options, this.owned) = (options, owned);
        pages = new JournalPages(Path.Combine(options.Directory, FileName), () => Length);
        var opened = new Stack<IDisposable>([pages]);
        try
        {
            SqliteJournalReader.CheckWithTail(options, pages); // before anything is written
            opened.Push(tables = new JournalTables(Path.Combine(options.Directory, FileName)));
            var (tree, recordedAt) = tables.LoadLedger(options.Ledger);
            opened.Push(head = JournalHead.Open(options.Directory));
            DurableFiles.SyncDirectory(options.Directory);
            acknowledged = new Acknowledged(tree.Size, tree.Root());
            // Events beyond the head were durable but not yet acknowledged: they stay.
            if (tree.Size > head.Now.Length) head.Write(acknowledged);
            opened.Push(sequencer = new JournalSequencer(options, tables, tree, recordedAt));
        }
        catch
        {
            while (opened.TryPop(out var part)) part.Dispose();
            throw;
        }
        queue = Channel.CreateBounded<PendingWrite>(
            new BoundedChannelOptions(options.QueuedAppendsMax) { SingleReader = true });
        writer = new Thread(Write) { IsBackground = true, Name = $"journal {options.Ledger}" };
        writer.Start();
    }

    /// <summary>
    /// Opens or creates the journal in its folder. Throws <see cref="FolderOwnedException"/> where another process owns
    /// it, <see cref="JournalRefusedException"/> where it is not what was acknowledged, and
    /// <see cref="LedgerCopyException"/> where it is a copy.
    /// </summary>
    public static SqliteJournal Open(SqliteJournalOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Secret.Length, 16, "bytes of the ledger's secret");
        if (!options.TakesOverCopy) LedgerCopy.Refuse(options.Directory);
        DurableFiles.CreateDirectory(options.Directory);
        var owned = options.Owned ?? FolderLock.Take(options.Directory);
        try
        {
            return new SqliteJournal(options, owned);
        }
        catch
        {
            if (options.Owned is null) owned.Dispose();
            throw;
        }
    }

    public LedgerId Ledger => options.Ledger;
    public long Length => acknowledged.Length;
    public byte[] Root => acknowledged.Root;

    public IEnumerable<byte[]> LeafEntries(long from, long to) => pages.Leaves(from, to);

    public async ValueTask<AppendResult> AppendAsync(
        string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts, Principal by, EventId? causation,
        CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        return await TakeAsync(PendingAppend.Encode(stream, expected, facts, by, causation)).ConfigureAwait(false);
    }

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

    private async ValueTask<AppendResult> TakeAsync(PendingWrite pending)
    {
        if (fault is { } before) throw before;
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
                tables.Begin();
                while (batch.Count < options.BatchAppendsMax && queue.Reader.TryRead(out var pending))
                {
                    batch.Add((pending, new AppendResult.Busy()));
                    batch[^1] = (pending, sequencer.Take(pending));
                }
                tables.Commit(sequencer.Tree, sequencer.RecordedAt);
                Acknowledge(batch);
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

    private void Acknowledge(List<(PendingWrite Pending, AppendResult Result)> batch)
    {
        if (sequencer.Tree.Size > acknowledged.Length)
        {
            var next = new Acknowledged(sequencer.Tree.Size, sequencer.Tree.Root());
            head.Write(next);
            acknowledged = next;
            Interlocked.Exchange(ref grown, NewSignal()).SetResult();
        }
        foreach (var (pending, result) in batch) pending.Answer.SetResult(result);
    }

    public IAsyncEnumerable<RecordedEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken ct) =>
        fault is { } stopped ? throw stopped : pages.StreamAsync(stream, fromRevision, ct);

    public IAsyncEnumerable<RecordedEvent> ReadAllAsync(long fromPosition, CancellationToken ct) =>
        fault is { } stopped ? throw stopped : pages.AllAsync(fromPosition, ct);

    public async Task WaitForAsync(long position, CancellationToken ct)
    {
        while (true)
        {
            var signal = grown;
            if (fault is { } stopped) throw stopped;
            if (Length > position) return;
            await signal.Task.WaitAsync(ct).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        queue.Writer.TryComplete();
        await Task.Run(writer.Join).ConfigureAwait(false);
        pages.Dispose();
        sequencer.Dispose();
        tables.Dispose();
        head.Dispose();
        if (options.Owned is null) owned.Dispose();
        grown.TrySetCanceled();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
