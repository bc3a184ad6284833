using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Ledger.Journal;
using Ledger.Stores.EventStoreDb;
using Shouldly;

namespace Ledger.Tests.EventStoreDb;

/// <summary>
/// Writers at a server of one's own (<c>LEDGER_ESDB</c>) for <c>LEDGER_ESDB_SECONDS</c> seconds, while somebody kills
/// that server and starts it again, as often as he likes: each outage shorter than a minute.
/// </summary>
[Collection(nameof(EventStoreDbServerContractTests))]
public sealed class EventStoreDbOutageTests
{
    private const int Writers = 16;

    [Fact]
    public async Task What_was_acknowledged_is_there_once_after_every_kill()
    {
        var ct = TestContext.Current.CancellationToken;
        var seconds = Environment.GetEnvironmentVariable("LEDGER_ESDB_SECONDS");
        Assert.SkipWhen(EventStoreDbServerContractTests.Server is null || seconds is null,
            "LEDGER_ESDB names no server, or LEDGER_ESDB_SECONDS no time");
        var place = EventStoreDbPlace.AtServer(EventStoreDbServerContractTests.Server!);
        var options = place.Options with { OutageMax = TimeSpan.FromSeconds(60) };
        var acknowledged = new ConcurrentDictionary<long, EventId>();
        var watch = Stopwatch.StartNew();
        var whole = TimeSpan.FromSeconds(int.Parse(seconds!, CultureInfo.InvariantCulture));
        var longest = TimeSpan.Zero;
        await using (var journal = await EventStoreDbJournal.OpenAsync(options, ct))
            await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
            {
                for (var number = writer; watch.Elapsed < whole; number += Writers)
                {
                    var (fact, before) = (TestFolder.Reading(number), watch.Elapsed);
                    var answer = await journal.AppendAsync($"s{writer}", ExpectedRevision.Any, [fact],
                        TestFolder.Tester, null, ct);
                    var position = answer.ShouldBeOfType<AppendResult.Recorded>().FirstPosition;
                    acknowledged.TryAdd(position, EventId.From(fact.ValidTime.Start, fact.Evidence)).ShouldBeTrue();
                    if (watch.Elapsed - before > longest) longest = watch.Elapsed - before;
                }
            }, ct)));
        await using var again = await EventStoreDbJournal.OpenAsync(options, ct);
        again.Length.ShouldBe(acknowledged.Count);
        await foreach (var recorded in again.ReadAllAsync(0, ct))
            acknowledged[recorded.Position].ShouldBe(recorded.Envelope.Id);
        TestContext.Current.SendDiagnosticMessage(
            $"{acknowledged.Count} acknowledged, the longest wait {longest.TotalSeconds:0.0} s");
    }
}
