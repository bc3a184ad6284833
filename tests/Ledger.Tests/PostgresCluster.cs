using System.Globalization;
using Ledger.Domain;

namespace Ledger.Tests;

/// <summary>The server that the tests on PostgreSQL share; without PostgreSQL they are skipped by name.</summary>
public sealed class PostgresCluster : IAsyncLifetime
{
    private static int made;
    private PostgresServer? server;
    private string? whyNot;

    public async ValueTask InitializeAsync()
    {
        whyNot = PostgresServer.WhyNot();
        if (whyNot is null) server = await PostgresServer.StartNewAsync();
    }

    /// <summary>The server; the test is skipped where there is none.</summary>
    public PostgresServer Server
    {
        get
        {
            Assert.SkipWhen(whyNot is not null, whyNot ?? "");
            return server!;
        }
    }

    /// <summary>A ledger of which nothing is there yet, in a schema of its own.</summary>
    public static LedgerId NewLedger() =>
        new(string.Create(CultureInfo.InvariantCulture, $"test{Interlocked.Increment(ref made)}"));

    public ValueTask DisposeAsync() => server?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>The tests that share one server, one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class OnPostgres : ICollectionFixture<PostgresCluster>
{
    public const string Name = "PostgreSQL";
}
