using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Stores.EventStoreDb;

/// <summary>What a journal at an EventStoreDB or KurrentDB server is opened with.</summary>
/// <param name="Server">The server or cluster: <see cref="EventStoreClientSettings.Create"/>.</param>
/// <param name="Ledger">The ledger whose journal it is: its stream is <c>ledger-ID</c>.</param>
/// <param name="Clock">What time it is, for recordedAt.</param>
/// <param name="Secret">The ledger's secret, from which the salts of the leaves are derived; at least 16 bytes.</param>
public sealed record EventStoreDbJournalOptions(EventStoreClientSettings Server, LedgerId Ledger, IClock Clock,
    byte[] Secret)
{
    /// <summary>Appends that may wait; one more is answered Busy.</summary>
    public int QueuedAppendsMax { get; init; } = 4096;
    /// <summary>Appends that are sent together.</summary>
    public int BatchAppendsMax { get; init; } = 1024;
    /// <summary>How long the server may be away before the journal stops.</summary>
    public TimeSpan OutageMax { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>What the stream's name begins with, before the ledger's id: so that one server may have a ledger and a
    /// trial of it.</summary>
    public string StreamPrefix { get; init; } = "ledger-";

    /// <summary>What the data folder knows of the journal, which is compared with it and kept up; closed with the
    /// journal. Null where nobody keeps one.</summary>
    public ServerHead? Head { get; init; }

    /// <summary>Told where what the folder keeps of the journal does not fit it and all was read, and why.</summary>
    public Action<string>? Noted { get; init; }

    internal EventStoreClient Connect() => new(Server.ForJournal());

    internal LedgerStream Stream(EventStoreClient client) => new(client, StreamPrefix + Ledger, OutageMax);

    internal SequencingOptions Sequencing => new(Ledger, Clock, Secret)
    {
        QueuedAppendsMax = QueuedAppendsMax,
        BatchAppendsMax = BatchAppendsMax,
        BatchBytesMax = Limits.AppendBytesMax,
    };
}

/// <summary>
/// The journal at an EventStoreDB or KurrentDB server. One stream holds the ledger; the revision there is the position,
/// and the revision that an append expects fences off a second sequencer, so that two processes can never interleave:
/// the slower one stops. An append is answered after the server has its batch on disk (on a quorum, in a cluster).
/// </summary>
public sealed class EventStoreDbJournal : IJournalImport
{
    private readonly EventStoreDbJournalOptions options;
    private readonly EventStoreClient client;
    private readonly LedgerFold fold;
    private readonly LedgerReading reading;
    private readonly JournalWriter writer;

    private EventStoreDbJournal(EventStoreDbJournalOptions options, EventStoreClient client, LedgerStream stream,
        LedgerFold fold)
    {
        (this.options, this.client, this.fold) = (options, client, fold);
        reading = new LedgerReading(stream, fold, options.Ledger);
        writer = new JournalWriter(options.Sequencing, new EventStoreDbStore(stream, fold), fold.State(),
            options.Head is { } head ? head.Write : null);
    }

    /// <summary>
    /// Opens the ledger's stream, or begins it, and reads what the folder does not know of it: all of it where there is
    /// none. Throws <see cref="JournalRefusedException"/> where it is not a ledger's, is not what the folder knows of
    /// it, or the server may remove events of it.
    /// </summary>
    public static async Task<EventStoreDbJournal> OpenAsync(EventStoreDbJournalOptions options, CancellationToken ct)
    {
        var client = options.Connect();
        try
        {
            var stream = options.Stream(client);
            await stream.RefuseBoundsAsync(ct).ConfigureAwait(false);
            var fold = await LedgerOpening.FoldAsync(stream, options, ct).ConfigureAwait(false);
            return new EventStoreDbJournal(options, client, stream, fold);
        }
        catch
        {
            await client.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public LedgerId Ledger => options.Ledger;
    public long Length => writer.Acknowledged.Length;
    public byte[] Root => writer.Acknowledged.Root;

    public ValueTask<AppendResult> AppendAsync(
        string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts, Principal by, EventId? causation,
        CancellationToken ct) => writer.AppendAsync(stream, expected, facts, by, causation, ct);

    public ValueTask AppendRecordedAsync(IReadOnlyList<RecordedEvent> events, CancellationToken ct) =>
        writer.AppendRecordedAsync(events, ct);

    public IAsyncEnumerable<RecordedEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken ct)
    {
        writer.ThrowIfStopped();
        return reading.OfStreamAsync(stream, fromRevision, Length, ct);
    }

    public IAsyncEnumerable<RecordedEvent> ReadAllAsync(long fromPosition, CancellationToken ct)
    {
        writer.ThrowIfStopped();
        return reading.AllAsync(fromPosition, Length, ct);
    }

    public Task WaitForAsync(long position, CancellationToken ct) => writer.WaitForAsync(position, ct);

    public async ValueTask DisposeAsync()
    {
        await writer.DisposeAsync().ConfigureAwait(false);
        await client.DisposeAsync().ConfigureAwait(false);
        fold.Dispose();
        options.Head?.Dispose();
    }
}
