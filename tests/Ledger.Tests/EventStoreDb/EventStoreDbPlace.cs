using System.Globalization;
using System.Text;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Stores.EventStoreDb;

namespace Ledger.Tests.EventStoreDb;

/// <summary>The journal of ledger "test" at a server, in a stream that begins with a prefix of this place alone.</summary>
internal sealed class EventStoreDbPlace(string connectionString, string prefix, IAsyncDisposable? server = null)
    : IJournalPlace
{
    private static int made;
    private static readonly string Run = string.Create(CultureInfo.InvariantCulture,
        $"{TimeProvider.System.GetTimestamp():x}");

    public StandingClock Clock { get; } = new(TestFolder.Start);

    /// <summary>A place at the double, which goes with it.</summary>
    public static async Task<EventStoreDbPlace> AtDoubleAsync()
    {
        var server = await EventStoreDouble.StartAsync();
        return new(server.ConnectionString, "ledger-", server);
    }

    /// <summary>A place of its own at a server that other runs use too.</summary>
    public static EventStoreDbPlace AtServer(string connectionString) => new(connectionString,
        string.Create(CultureInfo.InvariantCulture, $"run-{Run}-{Interlocked.Increment(ref made)}-ledger-"));

    public EventStoreDbJournalOptions Options => new(EventStoreClientSettings.Create(connectionString),
        new LedgerId("test"), Clock, TestFolder.Secret)
    { StreamPrefix = prefix, OutageMax = TimeSpan.FromSeconds(20) };

    public async Task<IJournal> OpenAsync(int queuedAppendsMax, int batchAppendsMax) =>
        await EventStoreDbJournal.OpenAsync(
            Options with { QueuedAppendsMax = queuedAppendsMax, BatchAppendsMax = batchAppendsMax },
            TestContext.Current.CancellationToken);

    public async Task AddUnknownAsync(string stream, NewFact fact, string wireName)
    {
        var ct = TestContext.Current.CancellationToken;
        var (length, revision) = (0L, -1L);
        await using (var journal = await EventStoreDbJournal.OpenAsync(Options, ct))
        {
            length = journal.Length;
            await foreach (var recorded in journal.ReadStreamAsync(stream, 0, ct))
                revision = recorded.Envelope.Revision;
        }
        var content = EventCodec.Encode(fact.Event);
        var header = EnvelopeBytes.Write(new Envelope(new LedgerId("test"), stream, revision + 1,
            EventId.From(fact.ValidTime.Start, fact.Evidence), wireName, 1, fact.ValidTime.Start, fact.ValidTime.End,
            TestFolder.Start, "later", new PartyId("ACME"), null, [], content.ContentType), content.Payload.Length);
        await AppendAsync(length, wireName, content.Payload, $"{{\"header\":\"{Convert.ToBase64String(header)}\"}}");
    }

    /// <summary>Appends an event to the ledger's stream as any program might.</summary>
    public async Task AppendAsync(long position, string type, byte[] data, string metadata, string streamPrefix = "")
    {
        await using var client = new EventStoreClient(EventStoreClientSettings.Create(connectionString));
        var proposed = new EventData(new Uuid((UInt128)(ulong)position + 1), type, data,
            Encoding.UTF8.GetBytes(metadata));
        var name = $"{streamPrefix}{prefix}test";
        await (position == 0
            ? client.AppendToStreamAsync(name, StreamState.NoStream, [proposed])
            : client.AppendToStreamAsync(name, StreamRevision.FromInt64(position - 1), [proposed]));
    }

    public ValueTask DisposeAsync() => server?.DisposeAsync() ?? ValueTask.CompletedTask;
}
