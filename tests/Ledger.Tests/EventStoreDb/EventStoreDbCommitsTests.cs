using Grpc.Core;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Stores.EventStoreDb;
using NodaTime;
using Shouldly;

namespace Ledger.Tests.EventStoreDb;

/// <summary>Two batches on their way to one server: the second one counts where the first one does, and never without
/// it.</summary>
public sealed class EventStoreDbCommitsTests
{
    private const int Large = 500; // facts, which are enough not to wait for others
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static EventStoreDbPlace At(EventStoreDouble server) => new(server.ConnectionString, "ledger-");

    private static Task<AppendResult> AppendAsync(IJournal journal, int first, int count = Large) =>
        journal.AppendAsync("s", ExpectedRevision.Any,
            [.. Enumerable.Range(first, count).Select(number => TestFolder.Reading(number))], TestFolder.Tester, null,
            Ct).AsTask();

    private static RpcException Unavailable() => new(new(StatusCode.Unavailable, "gone"));

    /// <summary>As many events in its place as the first batch has: the stream stands where the second one expects it.
    /// </summary>
    [Theory]
    [InlineData(Large)]
    [InlineData(2 * Large)]
    public async Task Where_another_process_takes_the_place_of_the_first_the_second_is_not_recorded(int others)
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using var first = await EventStoreDbJournal.OpenAsync(At(server).Options, Ct);
        (await AppendAsync(first, 0, 1)).ShouldBe(new AppendResult.Recorded(0, 0));
        var later = At(server);
        later.Clock.Now += Duration.FromSeconds(1);
        await using var second = await EventStoreDbJournal.OpenAsync(later.Options, Ct);
        using var held = new ManualResetEventSlim();
        using var reached = new ManualResetEventSlim();
        server.Faults.Add(new DoubleFault(() => { reached.Set(); held.Wait(Ct); }, () => { }));
        var (one, two) = (AppendAsync(first, 1), AppendAsync(first, 1 + Large));
        reached.Wait(Patience, Ct).ShouldBeTrue();
        for (var more = 0; more < others; more += Large)
            (await AppendAsync(second, 10_000 + more)).ShouldBe(
                new AppendResult.Recorded(1 + more, more + Large));
        held.Set();
        foreach (var append in (Task<AppendResult>[])[one, two])
            (await Should.ThrowAsync<JournalFaultedException>(append.WaitAsync(Patience, Ct)))
                .InnerException.ShouldBeOfType<JournalFencedException>();
        first.Length.ShouldBe(1);
        server.Log.Of("ledger-test")!.Count.ShouldBe(1 + others);
        await using var again = await EventStoreDbJournal.OpenAsync(later.Options, Ct);
        again.Root.ShouldBe(second.Root);
    }

    [Theory]
    [InlineData("not written")]
    [InlineData("written, and the answer is lost")]
    [InlineData("not handled")]
    [InlineData("too late")]
    public async Task What_befalls_the_first_delays_the_second_and_both_are_written_once_in_their_order(string what)
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using var journal = await EventStoreDbJournal.OpenAsync(At(server).Options, Ct);
        await AppendAsync(journal, 0, 1);
        var from = 1;
        for (var round = 0; round < 5; round++, from += 3 * Large)
        {
            server.Faults.Add(what switch
            {
                "not written" => DoubleFault.Before(Unavailable),
                "not handled" => DoubleFault.NotHandled("Server Is Busy"),
                "too late" => DoubleFault.After(() => new RpcException(new(StatusCode.Aborted, "Operation timed out"))),
                _ => DoubleFault.After(Unavailable),
            });
            var appends = Enumerable.Range(0, 3).Select(i => AppendAsync(journal, from + (i * Large))).ToArray();
            var answers = await Task.WhenAll(appends).WaitAsync(Patience, Ct);
            answers.ShouldBe(Enumerable.Range(0, 3).Select(i => (AppendResult)new AppendResult.Recorded(
                from + (i * Large), from + ((i + 1) * Large) - 1)));
        }
        server.Log.Of("ledger-test")!.Count.ShouldBe(from);
        await using var again = await EventStoreDbJournal.OpenAsync(At(server).Options, Ct);
        again.Root.ShouldBe(journal.Root);
        (await AppendAsync(again, 1)).ShouldBe(new AppendResult.AlreadyRecorded(1));
    }

    [Fact]
    public async Task A_server_that_stays_away_amid_two_stops_the_journal_and_has_no_part_of_either()
    {
        await using var server = await EventStoreDouble.StartAsync();
        var options = At(server).Options with { OutageMax = TimeSpan.FromMilliseconds(300) };
        var journal = await EventStoreDbJournal.OpenAsync(options, Ct);
        await using (journal)
        {
            await AppendAsync(journal, 0, 1);
            using var held = new ManualResetEventSlim();
            using var reached = new ManualResetEventSlim();
            server.Faults.Add(new DoubleFault(() => { reached.Set(); held.Wait(Ct); throw Unavailable(); }, () => { }));
            var (one, two) = (AppendAsync(journal, 1), AppendAsync(journal, 1 + Large));
            reached.Wait(Patience, Ct).ShouldBeTrue();
            var stopping = server.StopAsync();
            held.Set();
            await stopping;
            foreach (var append in (Task<AppendResult>[])[one, two])
                await Should.ThrowAsync<JournalFaultedException>(append.WaitAsync(Patience, Ct));
        }
        await server.StartAgainAsync();
        await using var again = await EventStoreDbJournal.OpenAsync(options, Ct);
        again.Length.ShouldBe(1);
        (await AppendAsync(again, 1 + Large)).ShouldBe(new AppendResult.Recorded(1, Large));
    }

    [Fact]
    public async Task The_folder_keeps_the_places_of_what_was_answered_while_more_is_under_way()
    {
        await using var server = await EventStoreDouble.StartAsync();
        using var folder = new TestFolder();
        Directory.CreateDirectory(folder.Path);
        var notes = new List<string>();
        EventStoreDbJournalOptions Options() => At(server).Options with
        { Head = ServerHead.Open(folder.Path), Noted = notes.Add };
        byte[] root;
        await using (var journal = await EventStoreDbJournal.OpenAsync(Options(), Ct))
        {
            await Task.WhenAll(Enumerable.Range(0, 30).Select(i => AppendAsync(journal, i * Large)));
            root = journal.Root;
        }
        server.Faults.EventsRead = 0;
        await using (var again = await EventStoreDbJournal.OpenAsync(Options(), Ct))
        {
            again.Root.ShouldBe(root);
            (await AppendAsync(again, 3 * Large)).ShouldBeOfType<AppendResult.AlreadyRecorded>();
        }
        notes.ShouldBeEmpty();
        server.Faults.EventsRead.ShouldBeLessThan(30 * Large);
    }
}
