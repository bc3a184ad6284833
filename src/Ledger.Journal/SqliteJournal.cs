using Ledger.Domain;
using Ledger.Journal.Copies;
using Ledger.Journal.Indexing;
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
    /// <summary>Bytes that may wait; one append more is answered Busy.</summary>
    public long QueuedBytesMax { get; init; } = SequencingOptions.QueuedBytesUsual;
    /// <summary>Appends that share one transaction.</summary>
    public int BatchAppendsMax { get; init; } = 1024;
    /// <summary>Events that are put into an index together.</summary>
    public int IndexedTogether { get; init; } = JournalIndex.TogetherUsual;
    /// <summary>Whether it is opened to say what is wrong in it: then its last events are not hashed before.</summary>
    public bool IsExamined { get; init; }
    /// <summary>The lock of the directory, where the caller holds it and keeps it; else it is taken.</summary>
    public FolderLock? Owned { get; init; }
    /// <summary>Whether a copy may be opened for writing: only to take what it is a copy of, and to record that it is
    /// the ledger from now on.</summary>
    public bool TakesOverCopy { get; init; }

    internal SequencingOptions Sequencing => new(Ledger, Clock, Secret)
    {
        QueuedAppendsMax = QueuedAppendsMax,
        QueuedBytesMax = QueuedBytesMax,
        BatchAppendsMax = BatchAppendsMax,
    };
}

/// <summary>
/// The embedded journal: SQLite in WAL mode, one writer behind a bounded queue, group commit. An append is answered
/// only after the log with its transaction is durable and journal.head is written through.
/// </summary>
public sealed class SqliteJournal : IJournalImport, IStoredLeaves
{
    public const string FileName = "journal.db";
    private readonly SqliteJournalOptions options;
    private readonly FolderLock owned;
    private readonly JournalPages pages;
    private readonly JournalTables tables;
    private readonly JournalHead head;
    private readonly JournalIndex index;
    private readonly SqliteJournalStore store;
    private readonly JournalWriter writer;

    private SqliteJournal(SqliteJournalOptions options, FolderLock owned)
    {
        (this.options, this.owned) = (options, owned);
        pages = new JournalPages(options, () => Length, () => index!.Runs);
        var opened = new Stack<IDisposable>([pages]);
        try
        {
            SqliteJournalReader.CheckWithTail(options, pages); // before anything is written
            DurableFiles.WriteAgain(Path.Combine(options.Directory, FileName + "-wal")); // what is found counts now
            opened.Push(tables = new JournalTables(Path.Combine(options.Directory, FileName)));
            var (tree, recordedAt) = tables.LoadLedger(options.Ledger);
            opened.Push(head = JournalHead.Open(options.Directory));
            DurableFiles.SyncDirectory(options.Directory);
            // Events beyond the head were committed but not yet acknowledged: they stay, as soon as they are durable.
            if (tree.Size > head.Now.Length)
            {
                tables.Sync();
                head.Write(new Acknowledged(tree.Size, tree.Root()));
            }
            opened.Push(index = new JournalIndex(tables, options.Directory, options.IndexedTogether));
            tables.DropEarlierIndexes();
            var state = new JournalState(tree, tables.LoadStreams(index), recordedAt);
            opened.Push(store = new SqliteJournalStore(tables, index, $"{options.Ledger}"));
            writer = new JournalWriter(options.Sequencing, store, state, head.Write);
        }
        catch
        {
            while (opened.TryPop(out var part)) part.Dispose();
            throw;
        }
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
    public long Length => writer.Acknowledged.Length;
    public byte[] Root => writer.Acknowledged.Root;

    public IEnumerable<byte[]> LeafEntries(long from, long to) => pages.Leaves(from, to);

    public ValueTask<AppendResult> AppendAsync(
        string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts, Principal by, EventId? causation,
        CancellationToken ct) => writer.AppendAsync(stream, expected, facts, by, causation, ct);

    public ValueTask AppendRecordedAsync(IReadOnlyList<RecordedEvent> events, CancellationToken ct) =>
        writer.AppendRecordedAsync(events, ct);

    public IAsyncEnumerable<RecordedEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken ct)
    {
        writer.ThrowIfStopped();
        return pages.StreamAsync(stream, fromRevision, ct);
    }

    public IAsyncEnumerable<RecordedEvent> ReadAllAsync(long fromPosition, CancellationToken ct)
    {
        writer.ThrowIfStopped();
        return pages.AllAsync(fromPosition, ct);
    }

    public Task WaitForAsync(long position, CancellationToken ct) => writer.WaitForAsync(position, ct);

    public async ValueTask DisposeAsync()
    {
        await writer.DisposeAsync().ConfigureAwait(false);
        store.Dispose();
        pages.Dispose();
        index.Dispose();
        tables.Dispose();
        head.Dispose();
        if (options.Owned is null) owned.Dispose();
    }
}
