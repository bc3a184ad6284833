using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Ledger.Journal;
using Ledger.Stores.EventStoreDb;
using Shouldly;

namespace Ledger.Tests.EventStoreDb;

/// <summary>
/// Writers at a server of one's own (<c>LEDGER_ESDB</c>) that is killed at random moments and started again. The test
/// does both: <c>LEDGER_ESDB_COMMAND</c> is what runs the server, and <c>LEDGER_ESDB_KILLS</c> how often.
/// </summary>
[Collection(nameof(EventStoreDbServerContractTests))]
public sealed class EventStoreDbOutageTests
{
    private const int Writers = 16;
    private static readonly TimeSpan OutageMax = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task What_was_acknowledged_is_there_once_after_every_kill()
    {
        var ct = TestContext.Current.CancellationToken;
        var command = Environment.GetEnvironmentVariable("LEDGER_ESDB_COMMAND");
        Assert.SkipWhen(EventStoreDbServerContractTests.Server is null || command is null,
            "LEDGER_ESDB names no server, or LEDGER_ESDB_COMMAND nothing that runs it");
        var kills = int.Parse(Environment.GetEnvironmentVariable("LEDGER_ESDB_KILLS") ?? "3", CultureInfo.InvariantCulture);
        var options = EventStoreDbPlace.AtServer(EventStoreDbServerContractTests.Server!).Options with
        { OutageMax = OutageMax };
        var (acknowledged, longest) = (new ConcurrentDictionary<long, EventId>(), TimeSpan.Zero);
        using var enough = new CancellationTokenSource();
        var server = Run(command!);
        try
        {
            await using (var journal = await EventStoreDbJournal.OpenAsync(options, ct))
            {
                var writers = Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
                {
                    for (var number = writer; !enough.IsCancellationRequested; number += Writers)
                    {
                        var (fact, watch) = (TestFolder.Reading(number), Stopwatch.StartNew());
                        var answer = await journal.AppendAsync($"s{writer}", ExpectedRevision.Any, [fact],
                            TestFolder.Tester, null, ct);
                        var position = answer.ShouldBeOfType<AppendResult.Recorded>().FirstPosition;
                        acknowledged.TryAdd(position, EventId.From(fact.ValidTime.Start, fact.Evidence)).ShouldBeTrue();
                        if (watch.Elapsed > longest) longest = watch.Elapsed;
                    }
                }, ct)).ToList();
                var chance = new Random(20260604);
                for (var kill = 0; kill < kills; kill++)
                {
                    await journal.WaitForAsync(journal.Length + chance.Next(0, 500), ct).WaitAsync(OutageMax, ct);
                    await Task.Delay(chance.Next(0, 100), ct);
                    End(server);
                    server = Run(command!);
                }
                await journal.WaitForAsync(journal.Length + 500, ct).WaitAsync(OutageMax, ct);
                await enough.CancelAsync();
                await Task.WhenAll(writers);
            }
            await using var again = await EventStoreDbJournal.OpenAsync(options, ct);
            again.Length.ShouldBe(acknowledged.Count);
            await foreach (var recorded in again.ReadAllAsync(0, ct))
                acknowledged[recorded.Position].ShouldBe(recorded.Envelope.Id);
        }
        finally
        {
            End(server);
        }
        TestContext.Current.SendDiagnosticMessage(
            $"{kills} kills of the server, {acknowledged.Count} acknowledged, the longest wait {longest.TotalSeconds:0.0} s");
    }

    private static Process Run(string command) =>
        Process.Start(new ProcessStartInfo("sh", ["-c", $"exec {command} > /dev/null 2>&1"]))!;

    private static void End(Process server)
    {
        using (server)
        {
            server.Kill(entireProcessTree: true);
            server.WaitForExit();
        }
    }
}
