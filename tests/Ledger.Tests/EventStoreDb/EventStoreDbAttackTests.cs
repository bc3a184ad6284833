using Grpc.Core;
using Ledger.Journal;
using Ledger.Stores.EventStoreDb;
using Ledger.Stores.EventStoreDb.Wire;
using Shouldly;

namespace Ledger.Tests.EventStoreDb;

/// <summary>A journal at a server whose settings, nodes or connections are as somebody who wants to lose a fact would
/// have them.</summary>
public sealed class EventStoreDbAttackTests
{
    private static readonly TimeSpan Enough = TimeSpan.FromSeconds(60);
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static EventStoreDbJournalOptions At(EventStoreDouble server, string more = "") =>
        new EventStoreDbPlace(server.ConnectionString + more, "ledger-").Options;

    private static EventStoreDbJournalOptions Trapped(EventStoreDouble server, CallTrap trap) =>
        At(server) is var options ? options with { Server = options.Server with { Interceptors = [trap] } } : null!;

    private static Task<AppendResult> Append(IJournal journal, int number) => journal.AppendAsync("s",
        ExpectedRevision.Any, [TestFolder.Reading(number)], TestFolder.Tester, null, Ct).AsTask();

    private static void DropByAppend(EventStoreDouble server, IJournal journal)
    {
        server.Faults.Add(DoubleFault.Before(() => new RpcException(new(StatusCode.Unavailable, "gone"))));
        Task.Run(() => Append(journal, 2), Ct).Wait(Ct);
    }

    private static void DropByRead(EventStoreDouble server, IJournal journal)
    {
        server.StopAsync().Wait(Ct);
        var reading = Task.Run(() => TestFolder.AllAsync(journal), Ct);
        Task.Delay(200, Ct).Wait(Ct); // it has failed by now, and its connection is dropped
        server.StartAgainAsync().Wait(Ct);
        reading.Wait(Ct);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_refused_append_is_the_fence_whatever_the_connection_string_makes_of_refusals(bool hasBatches)
    {
        await using var server = await EventStoreDouble.StartAsync(hasBatches: hasBatches);
        var options = At(server, "&throwOnAppendFailure=false");
        await using var first = await EventStoreDbJournal.OpenAsync(options, Ct);
        await using var second = await EventStoreDbJournal.OpenAsync(options, Ct);
        (await Append(second, 1)).ShouldBe(new AppendResult.Recorded(0, 0));
        // As many events as the other one has written: the stream is where the first one would have brought it.
        (await Should.ThrowAsync<JournalFaultedException>(() => Append(first, 2))).InnerException
            .ShouldBeOfType<JournalFencedException>().Message.ShouldContain("another process appended to stream");
        first.Length.ShouldBe(0);
        server.Log.Of("ledger-test")!.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("follower")]
    [InlineData("random")]
    [InlineData("readOnlyReplica")]
    public async Task A_node_that_may_not_have_what_was_acknowledged_is_no_place_to_read_a_journal_from(string node)
    {
        await using var server = await EventStoreDouble.StartAsync();
        var options = At(server, $"&nodePreference={node}");
        var why = $"the connection string says nodePreference={node}; a journal is read from the leader, because another "
            + "node may not have yet what was acknowledged";
        (await Should.ThrowAsync<ConnectionStringParseException>(() => EventStoreDbJournal.OpenAsync(options, Ct)))
            .Message.ShouldBe(why);
        (await Should.ThrowAsync<ConnectionStringParseException>(
            () => EventStoreDbJournalReader.OpenAsync(options, Ct))).Message.ShouldBe(why);
    }

    [Theory]
    [InlineData(-1, 10)]
    [InlineData(11, 10)]
    [InlineData(3, 3)]
    public void Nodes_are_looked_for_in_few_rounds_because_an_outage_has_its_own_end(int said, int rounds) =>
        EventStoreClientSettings.Create($"esdb://a?maxDiscoverAttempts={said}").ForJournal().MaxDiscoverAttempts
            .ShouldBe(rounds);

    [Fact]
    public async Task A_read_goes_on_where_another_call_has_just_dropped_its_connection()
    {
        await using var server = await EventStoreDouble.StartAsync();
        var trap = new CallTrap();
        await using var journal = await EventStoreDbJournal.OpenAsync(Trapped(server, trap), Ct);
        await Append(journal, 1);
        trap.BeforeNextCall(() => DropByAppend(server, journal));
        (await TestFolder.AllAsync(journal)).Count.ShouldBe(1, "what was acknowledged when the reading began");
        journal.Length.ShouldBe(2);
    }

    [Fact]
    public async Task An_append_is_sent_again_where_another_call_has_just_dropped_its_connection()
    {
        await using var server = await EventStoreDouble.StartAsync(hasBatches: false);
        var trap = new CallTrap();
        await using var journal = await EventStoreDbJournal.OpenAsync(Trapped(server, trap), Ct);
        await Append(journal, 1);
        trap.BeforeNextCall(() => DropByRead(server, journal));
        (await Append(journal, 2)).ShouldBe(new AppendResult.Recorded(1, 1));
    }

    [Fact]
    public async Task A_call_that_takes_no_more_while_its_answers_stay_open_is_given_up_at_once()
    {
        await using var server = await EventStoreDouble.StartAsync();
        var trap = new CallTrap();
        await using var journal = await EventStoreDbJournal.OpenAsync(Trapped(server, trap), Ct);
        await Append(journal, 1);
        trap.BreakNextWrite();
        (await Append(journal, 2).WaitAsync(Enough, Ct)).ShouldBe(new AppendResult.Recorded(1, 1));
    }

    [Theory]
    [InlineData(0)] // asked which methods it has
    [InlineData(2)] // asked for an event that is repeated
    public async Task A_node_that_says_nothing_any_more_stops_the_journal_when_the_outage_has_lasted(int known)
    {
        await using var server = await EventStoreDouble.StartAsync();
        // What comes first in a process takes long, and is not what the short patience below is for.
        await using (var before = await EventStoreDbJournal.OpenAsync(At(server, ""), Ct))
        {
            await Append(before, 3);
            await Append(before, 4);
        }
        await using var journal = await EventStoreDbJournal.OpenAsync(
            At(server, "&defaultDeadline=500") with { OutageMax = TimeSpan.FromSeconds(2) }, Ct);
        for (var number = 0; number < known; number++) await Append(journal, number);
        server.Faults.IsSilent = true;
        (await Should.ThrowAsync<JournalFaultedException>(() => Append(journal, 0).WaitAsync(Enough, Ct)))
            .InnerException.ShouldBeOfType<RpcException>();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_append_that_a_node_never_answers_goes_to_the_node_that_leads_now(bool hasBatches)
    {
        await using var silent = await EventStoreDouble.StartAsync(hasBatches: hasBatches);
        await using var next = await EventStoreDouble.StartAsync(hasBatches: hasBatches, log: silent.Log);
        var options = new EventStoreDbPlace(
            $"esdb+discover://127.0.0.1:{silent.Port}?tls=false&defaultDeadline=1000", "ledger-").Options;
        await using var journal = await EventStoreDbJournal.OpenAsync(options, Ct);
        (await Append(journal, 1)).ShouldBe(new AppendResult.Recorded(0, 0));
        silent.Faults.IsSilentToAppends = true;
        silent.Members.Add((MemberInfo.Types.VNodeState.Leader, true, next.Port));
        (await Append(journal, 2).WaitAsync(Enough, Ct)).ShouldBe(new AppendResult.Recorded(1, 1));
        next.Faults.Calls.ShouldNotBeEmpty();
    }

    [Fact]
    public async Task A_node_that_is_silent_for_a_while_is_asked_again()
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using var journal = await EventStoreDbJournal.OpenAsync(At(server, "&defaultDeadline=100"), Ct);
        await Append(journal, 0);
        await Append(journal, 1);
        server.Faults.IsSilent = true;
        var (repeated, reading) = (Append(journal, 0), TestFolder.AllAsync(journal));
        await Task.Delay(400, Ct);
        server.Faults.IsSilent = false;
        (await repeated.WaitAsync(Enough, Ct)).ShouldBe(new AppendResult.AlreadyRecorded(0));
        (await reading.WaitAsync(Enough, Ct)).Count.ShouldBe(2);
    }
}
