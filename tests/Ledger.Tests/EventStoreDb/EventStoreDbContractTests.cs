using Shouldly;

namespace Ledger.Tests.EventStoreDb;

/// <summary>The journal at a server keeps what every journal promises, against the double.</summary>
public sealed class EventStoreDbContractTests : JournalContractTests
{
    private protected override async Task<IJournalPlace> PlaceAsync() => await EventStoreDbPlace.AtDoubleAsync();
}

/// <summary>
/// The same against a server of one's own: <c>LEDGER_ESDB=esdb://127.0.0.1:2113?tls=false</c>. Each test has a stream
/// of its own there, which it leaves behind. What asks that server runs in turn, because one test looks at all events.
/// </summary>
[Collection(nameof(EventStoreDbServerContractTests))]
public sealed class EventStoreDbServerContractTests : JournalContractTests
{
    internal static string? Server => Environment.GetEnvironmentVariable("LEDGER_ESDB");

    private protected override Task<IJournalPlace> PlaceAsync()
    {
        Assert.SkipWhen(Server is null, "LEDGER_ESDB names no server");
        return Task.FromResult<IJournalPlace>(EventStoreDbPlace.AtServer(Server.ShouldNotBeNull()));
    }
}
