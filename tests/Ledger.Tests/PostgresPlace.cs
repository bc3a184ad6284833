using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Stores.Postgres;
using NodaTime;

namespace Ledger.Tests;

/// <summary>A journal in a database of its own, on the tests' server.</summary>
internal sealed class PostgresPlace : IJournalPlace
{
    private static int made;
    private readonly PostgresServer server;

    public PostgresPlace(PostgresCluster cluster)
    {
        server = cluster.Server;
        Database = string.Create(CultureInfo.InvariantCulture, $"place{Interlocked.Increment(ref made)}");
        server.Execute($"CREATE DATABASE {Database}");
    }

    public static LedgerId Ledger { get; } = new("test");
    public string Database { get; }
    public StandingClock Clock { get; } = new(TestFolder.Start);

    /// <summary>How this database is reached; a test may put something between.</summary>
    public Func<string, string> Through { get; set; } = connection => connection;

    /// <summary>The database as a client sees it; what is opened on it closes it.</summary>
    public PostgresLedger Connect(string application = "ledger") =>
        new(Through(server.Connection(application, Database)), Ledger);

    public Task<IJournal> OpenAsync(int queuedAppendsMax = 4096, int batchAppendsMax = 1024) =>
        Task.FromResult<IJournal>(Open(queuedAppendsMax, batchAppendsMax));

    public MartenJournal Open(int queuedAppendsMax = 4096, int batchAppendsMax = 1024, string application = "ledger",
        Duration? patience = null) =>
        MartenJournal.Open(Connect(application), new SequencingOptions(Ledger, Clock, TestFolder.Secret)
        {
            QueuedAppendsMax = queuedAppendsMax,
            BatchAppendsMax = batchAppendsMax,
        }, patience ?? Duration.FromMilliseconds(300));

    public async Task AddUnknownAsync(string stream, NewFact fact, string wireName)
    {
        await using (var journal = Open())
            await journal.AppendAsync(stream, ExpectedRevision.Any, [fact], TestFolder.Tester, null,
                TestContext.Current.CancellationToken);
        var known = EventCodec.Encode(fact.Event).WireName;
        Execute($"""
            UPDATE ledger_test.events SET header = overlay(header
              PLACING convert_to('{wireName}', 'UTF8') FROM position(convert_to('{known}', 'UTF8') IN header))
            WHERE position = (SELECT max(position) FROM ledger_test.events)
            """);
    }

    /// <summary>Runs SQL in this database as the administrator.</summary>
    public object? Execute(string sql) => server.Execute(sql, Database);

    /// <summary>The database goes with the server.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>The promises of every journal, on PostgreSQL through Marten.</summary>
[Collection(OnPostgres.Name)]
public sealed class MartenJournalContractTests(PostgresCluster cluster) : JournalContractTests
{
    private protected override Task<IJournalPlace> PlaceAsync() =>
        Task.FromResult<IJournalPlace>(new PostgresPlace(cluster));
}
