using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Stores.Postgres;

/// <summary>
/// The journal on PostgreSQL. Marten makes its tables; the events are copied into a table of ours and not into
/// Marten's, because positions must have no gap and the bytes must come back as they went in (docs/decisions.md, 71, 79
/// and 98). One process writes; a storage error stops it, and a new start looks what is durable.
/// </summary>
public sealed class MartenJournal : IJournalImport, IStoredLeaves
{
    /// <summary>How long opening waits for an earlier process to let go: longer than the server takes to notice that a
    /// client's machine is gone.</summary>
    public static readonly Duration Patience = Duration.FromSeconds(10);

    /// <summary>A batch is in memory until it is committed.</summary>
    private const long BatchBytesMax = 16 * 1024 * 1024;

    private readonly PostgresLedger ledger;
    private readonly MartenJournalStore store;
    private readonly JournalWriter writer;
    private readonly StoredEvents events;
    private readonly ServerHead? head;

    private MartenJournal(PostgresLedger ledger, SequencingOptions options, MartenJournalStore store,
        ServerHead? head)
    {
        (this.ledger, this.store, this.head) = (ledger, store, head);
        events = new StoredEvents(ledger, () => Length);
        var state = store.Open();
        head?.Verify(state.Tree, RootAt);
        writer = new JournalWriter(options with { BatchBytesMax = Math.Min(options.BatchBytesMax, BatchBytesMax) },
            store, state, head is null ? null : head.Write);
    }

    private byte[] RootAt(long length)
    {
        var tree = new MerkleTree();
        foreach (var leaf in events.Leaves(0, length)) tree.Append(leaf);
        return tree.Root();
    }

    /// <summary>
    /// Opens or creates the journal, as its one writer. The database is the journal's from here on, and is closed with
    /// it.
    /// </summary>
    /// <param name="patience">How long to wait for another process that has it open; <see cref="Patience"/> by
    /// default.</param>
    /// <param name="head">What the data folder knows of the journal, which is compared with it and kept up; closed
    /// with the journal. Null where nobody keeps one.</param>
    /// <exception cref="LedgerOwnedException">Another process has it open.</exception>
    /// <exception cref="JournalRefusedException">It is another ledger's, or not what the folder knows of it.
    /// </exception>
    /// <exception cref="IOException">The server does not keep what it acknowledges.</exception>
    public static MartenJournal Open(PostgresLedger ledger, SequencingOptions options, Duration? patience = null,
        ServerHead? head = null)
    {
        var opened = new Stack<IDisposable>([ledger]);
        try
        {
            if (options.Ledger != ledger.Ledger)
                throw new ArgumentException($"{ledger.Schema} is of ledger {ledger.Ledger}", nameof(options));
            ledger.ApplySchema();
            var store = new MartenJournalStore(ledger, patience ?? Patience);
            opened.Push(store);
            return new MartenJournal(ledger, options, store, head);
        }
        catch
        {
            while (opened.TryPop(out var part)) part.Dispose();
            throw;
        }
    }

    public LedgerId Ledger => ledger.Ledger;
    public long Length => writer.Acknowledged.Length;
    public byte[] Root => writer.Acknowledged.Root;

    public ValueTask<AppendResult> AppendAsync(
        string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts, Principal by, EventId? causation,
        CancellationToken ct) => writer.AppendAsync(stream, expected, facts, by, causation, ct);

    public ValueTask AppendRecordedAsync(IReadOnlyList<RecordedEvent> recorded, CancellationToken ct) =>
        writer.AppendRecordedAsync(recorded, ct);

    public IAsyncEnumerable<RecordedEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken ct)
    {
        writer.ThrowIfStopped();
        return events.StreamAsync(stream, fromRevision, ct);
    }

    public IAsyncEnumerable<RecordedEvent> ReadAllAsync(long fromPosition, CancellationToken ct)
    {
        writer.ThrowIfStopped();
        return events.AllAsync(fromPosition, ct);
    }

    public IEnumerable<byte[]> LeafEntries(long from, long to) => events.Leaves(from, to);

    public Task WaitForAsync(long position, CancellationToken ct) => writer.WaitForAsync(position, ct);

    public async ValueTask DisposeAsync()
    {
        await writer.DisposeAsync().ConfigureAwait(false);
        store.Dispose();
        ledger.Dispose();
        head?.Dispose();
    }
}

/// <summary>
/// The journal on PostgreSQL opened for reading only, beside the process that owns it: it takes no lock and changes
/// nothing. The server shows a batch to others only when it is durable.
/// </summary>
public sealed class MartenJournalReader : IJournalReader, IStoredLeaves
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(50);
    private readonly PostgresLedger ledger;
    private readonly StoredEvents events;
    private volatile Acknowledged acknowledged = new(0, []);

    private MartenJournalReader(PostgresLedger ledger)
    {
        this.ledger = ledger;
        events = new StoredEvents(ledger, () => Length);
    }

    /// <summary>Opens what is there; the database is the reader's from here on, and is closed with it.</summary>
    /// <exception cref="JournalRefusedException">There is no journal, or it is another ledger's.</exception>
    public static MartenJournalReader Open(PostgresLedger ledger)
    {
        var reader = new MartenJournalReader(ledger);
        try
        {
            reader.Look();
            return reader;
        }
        catch
        {
            ledger.Dispose();
            throw;
        }
    }

    public LedgerId Ledger => ledger.Ledger;
    public long Length => acknowledged.Length;
    public byte[] Root => acknowledged.Root;

    public Acknowledged Look()
    {
        if (!ledger.Exists()) throw new JournalRefusedException($"there is no journal of {Ledger} in this database");
        using var connection = ledger.Connections.OpenConnection();
        var tree = LedgerRow.Read(connection, ledger)?.Tree
            ?? throw new JournalRefusedException($"the journal of {Ledger} in this database was never begun");
        return acknowledged = new Acknowledged(tree.Size, tree.Root());
    }

    /// <summary>Never: a fact is recorded by the journal's owner.</summary>
    public ValueTask<AppendResult> AppendAsync(
        string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts, Principal by, EventId? causation,
        CancellationToken ct) =>
        throw new InvalidOperationException(
            $"the journal of {Ledger} is open for reading only; its owner records facts");

    public IAsyncEnumerable<RecordedEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken ct) =>
        events.StreamAsync(stream, fromRevision, ct);

    public IAsyncEnumerable<RecordedEvent> ReadAllAsync(long fromPosition, CancellationToken ct) =>
        events.AllAsync(fromPosition, ct);

    public IEnumerable<byte[]> LeafEntries(long from, long to) => events.Leaves(from, to);

    /// <summary>Looks again and again: another process appends.</summary>
    public async Task WaitForAsync(long position, CancellationToken ct)
    {
        while (Length <= position && Look().Length <= position)
            await Task.Delay(BetweenLooks, ct).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        ledger.Dispose();
        return ValueTask.CompletedTask;
    }
}
