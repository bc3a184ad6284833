using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Stores.EventStoreDb;

/// <summary>
/// A journal at a server, opened beside the process that records: it follows the ledger's stream, so it shows all that
/// is durable there, and it appends nothing.
/// </summary>
public sealed class EventStoreDbJournalReader : IJournalReader
{
    private readonly EventStoreDbJournalOptions options;
    private readonly EventStoreClient client;
    private readonly LedgerStream stream;
    private readonly LedgerFold fold;
    private readonly LedgerReading reading;
    private readonly CancellationTokenSource closing = new();
    private readonly Task following;
    private long length;
    private volatile TaskCompletionSource grown = NewSignal();
    private volatile Exception? stopped;

    private EventStoreDbJournalReader(EventStoreDbJournalOptions options, EventStoreClient client, LedgerStream stream,
        LedgerFold fold)
    {
        (this.options, this.client, this.stream, this.fold) = (options, client, stream, fold);
        reading = new LedgerReading(stream, fold, options.Ledger);
        length = fold.Now.Length;
        following = FollowAsync();
    }

    /// <summary>Reads what is there; throws <see cref="JournalRefusedException"/> where nothing is, or where it is not a
    /// ledger's.</summary>
    public static async Task<EventStoreDbJournalReader> OpenAsync(EventStoreDbJournalOptions options,
        CancellationToken ct)
    {
        var client = options.Connect();
        var fold = new LedgerFold(options.Ledger, options.Secret);
        try
        {
            var stream = options.Stream(client);
            await foreach (var stored in stream.ReadAsync(0, long.MaxValue, ct).ConfigureAwait(false))
                fold.Apply(stored);
            if (fold.Now.Length == 0)
                throw new JournalRefusedException($"there is no journal in stream {stream.Name}");
            return new EventStoreDbJournalReader(options, client, stream, fold);
        }
        catch
        {
            fold.Dispose();
            await client.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Where the journal is, by whatever name the server is reached; null where there is none.</summary>
    public static async Task<string?> PlaceAsync(EventStoreDbJournalOptions options, CancellationToken ct)
    {
        var client = options.Connect();
        await using (client.ConfigureAwait(false))
            return await options.Stream(client).PlaceAsync(ct).ConfigureAwait(false);
    }

    public LedgerId Ledger => options.Ledger;
    public long Length => Volatile.Read(ref length);
    public byte[] Root => Look().Root;

    public Acknowledged Look()
    {
        if (stopped is { } why) throw new JournalFaultedException(why);
        return fold.Now;
    }

    private async Task FollowAsync()
    {
        try
        {
            await foreach (var stored in stream.FollowAsync(length, closing.Token).ConfigureAwait(false))
            {
                fold.Apply(stored);
                Volatile.Write(ref length, stored.Position + 1);
                Interlocked.Exchange(ref grown, NewSignal()).SetResult();
            }
        }
        catch (Exception e)
        {
            stopped = e; // whoever waits or looks is told
            grown.TrySetException(new JournalFaultedException(e));
        }
    }

    /// <summary>Never: a fact is recorded by the process that sequences.</summary>
    public ValueTask<AppendResult> AppendAsync(
        string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts, Principal by, EventId? causation,
        CancellationToken ct) => throw new InvalidOperationException(
            $"the journal of {Ledger} is open for reading only; its owner records facts");

    public IAsyncEnumerable<RecordedEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken ct) =>
        reading.OfStreamAsync(stream, fromRevision, Length, ct);

    public IAsyncEnumerable<RecordedEvent> ReadAllAsync(long fromPosition, CancellationToken ct) =>
        reading.AllAsync(fromPosition, Length, ct);

    public async Task WaitForAsync(long position, CancellationToken ct)
    {
        while (true)
        {
            var signal = grown;
            if (stopped is { } why) throw new JournalFaultedException(why);
            if (Length > position) return;
            await signal.Task.WaitAsync(ct).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await closing.CancelAsync().ConfigureAwait(false);
        await following.ConfigureAwait(false);
        await client.DisposeAsync().ConfigureAwait(false);
        fold.Dispose();
        closing.Dispose();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
