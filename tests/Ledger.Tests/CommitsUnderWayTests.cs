using System.Collections.Concurrent;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Of a store that takes a second commit before the first has ended: what is answered, when, and what a
/// failure of either leaves.</summary>
public sealed class CommitsUnderWayTests : IAsyncDisposable
{
    private const int Large = 500; // facts, which are enough not to wait for others
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly HeldStore store = new();
    private readonly ConcurrentQueue<long> vouchedFor = new(); // lengths, before anybody is answered
    private readonly JournalWriter writer;
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public CommitsUnderWayTests() => writer = new(
        new SequencingOptions(new LedgerId("test"), new StandingClock(TestFolder.Start), TestFolder.Secret), store,
        JournalState.Empty, reached => vouchedFor.Enqueue(reached.Length));

    public ValueTask DisposeAsync() => writer.DisposeAsync();

    private Task<AppendResult> AppendAsync(int first, int count = Large, CancellationToken? ct = null) =>
        writer.AppendAsync("s", ExpectedRevision.Any,
            [.. Enumerable.Range(first, count).Select(number => TestFolder.Reading(number))], TestFolder.Tester, null,
            ct ?? Ct).AsTask();

    /// <summary>Two large appends, whose commits are both asked for.</summary>
    private async Task<(Task<AppendResult> First, Task<AppendResult> Second)> TwoUnderWayAsync()
    {
        var first = AppendAsync(0);
        await store.AskedAsync(1);
        var second = AppendAsync(Large);
        await store.AskedAsync(2);
        return (first, second);
    }

    private static async Task ShouldBeRefusedAsync(Task<AppendResult> append, string why) =>
        (await Should.ThrowAsync<JournalFaultedException>(append.WaitAsync(Patience, Ct))).Message
            .ShouldBe($"the journal has stopped: {why}");

    [Fact]
    public async Task The_second_is_answered_after_the_first_though_the_store_has_ended_it_before()
    {
        var (first, second) = await TwoUnderWayAsync();
        store.End(1);
        store.End(0);
        (await first.WaitAsync(Patience, Ct), await second.WaitAsync(Patience, Ct))
            .ShouldBe((new AppendResult.Recorded(0, Large - 1), new AppendResult.Recorded(Large, (2 * Large) - 1)));
        vouchedFor.ShouldBe([Large, 2 * Large]);
        writer.Acknowledged.Length.ShouldBe(2 * Large);
    }

    [Fact]
    public async Task Where_the_first_fails_the_second_is_not_recorded_whatever_the_store_says_of_it()
    {
        var (first, second) = await TwoUnderWayAsync();
        store.End(1);
        store.End(0, new IOException("no room"));
        await ShouldBeRefusedAsync(first, "no room");
        await ShouldBeRefusedAsync(second, "no room");
        await Should.ThrowAsync<JournalFaultedException>(writer.WaitForAsync(0, Ct));
        vouchedFor.ShouldBeEmpty();
        writer.Acknowledged.Length.ShouldBe(0);
    }

    [Fact]
    public async Task Where_the_second_fails_before_the_first_has_ended_the_first_is_recorded_all_the_same()
    {
        var (first, second) = await TwoUnderWayAsync();
        store.End(1, new IOException("no room"));
        store.End(0);
        (await first.WaitAsync(Patience, Ct)).ShouldBe(new AppendResult.Recorded(0, Large - 1));
        await ShouldBeRefusedAsync(second, "no room");
        await ShouldBeRefusedAsync(AppendAsync(2 * Large), "no room");
        vouchedFor.ShouldBe([Large]);
    }

    [Fact]
    public async Task A_commit_that_the_store_refuses_to_begin_leaves_the_one_before_to_be_answered()
    {
        var first = AppendAsync(0);
        await store.AskedAsync(1);
        store.FailsAtOnce = new IOException("no room");
        await ShouldBeRefusedAsync(AppendAsync(Large), "no room");
        store.End(0);
        (await first.WaitAsync(Patience, Ct)).ShouldBe(new AppendResult.Recorded(0, Large - 1));
        writer.Acknowledged.Length.ShouldBe(Large);
    }

    [Fact]
    public async Task No_more_are_under_way_than_the_store_takes_and_a_small_one_waits_until_none_is()
    {
        var (first, second) = await TwoUnderWayAsync();
        var third = AppendAsync(2 * Large);
        store.End(0);
        await store.AskedAsync(3);
        var small = AppendAsync(3 * Large, 1);
        store.End(1);
        store.End(2);
        await store.AskedAsync(4);
        store.End(3);
        await Task.WhenAll(first, second, third, small).WaitAsync(Patience, Ct);
        store.UnderWayBefore.ShouldBe([0, 1, 1, 0]);
        (await small).ShouldBe(new AppendResult.Recorded(3 * Large, 3 * Large));
    }

    [Fact]
    public async Task Who_loses_interest_while_his_batch_is_the_second_is_answered_all_the_same()
    {
        using var interest = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var first = AppendAsync(0);
        await store.AskedAsync(1);
        var second = AppendAsync(Large, ct: interest.Token);
        await store.AskedAsync(2);
        await interest.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(AppendAsync(5 * Large, ct: interest.Token));
        store.End(0);
        store.End(1);
        (await second.WaitAsync(Patience, Ct)).ShouldBe(new AppendResult.Recorded(Large, (2 * Large) - 1));
        var third = AppendAsync(2 * Large);
        await store.AskedAsync(3);
        store.End(2);
        (await third.WaitAsync(Patience, Ct)).ShouldBe(new AppendResult.Recorded(2 * Large, (3 * Large) - 1));
        await first;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_repeat_of_what_is_under_way_is_answered_as_that_is(bool isRecorded)
    {
        var (first, second) = await TwoUnderWayAsync();
        var repeat = AppendAsync(Large);
        store.End(1);
        store.End(0, isRecorded ? null : new IOException("no room"));
        if (isRecorded)
        {
            (await repeat.WaitAsync(Patience, Ct)).ShouldBe(new AppendResult.AlreadyRecorded(Large));
            await Task.WhenAll(first, second);
        }
        else
            foreach (var append in (Task<AppendResult>[])[first, second, repeat])
                await ShouldBeRefusedAsync(append, "no room");
        writer.Acknowledged.Length.ShouldBe(isRecorded ? 2 * Large : 0);
    }

    /// <summary>Events in memory, whose commits end when they are told to; one of nothing ends at once.</summary>
    private sealed class HeldStore : IJournalStore
    {
        private readonly Dictionary<EventId, StoredEvent> placed = [];
        private readonly List<TaskCompletionSource> commits = [];
        private readonly object gate = new(); // a monitor, on which the test can sleep
        private int underWay, inserted;

        public bool TakesSecondCommit => true;

        /// <summary>Of each commit, how many others had not ended when it was asked for.</summary>
        public List<int> UnderWayBefore { get; } = [];

        public Exception? FailsAtOnce { get; set; }

        /// <summary>Returns when so many commits were asked for.</summary>
        public Task AskedAsync(int count) => Task.Run(() =>
        {
            lock (gate)
                while (commits.Count < count)
                    Monitor.Wait(gate, Patience).ShouldBeTrue($"{commits.Count} commits were asked for, not {count}");
        }, Ct);

        public void End(int number, Exception? why = null)
        {
            TaskCompletionSource commit;
            lock (gate)
            {
                commit = commits[number];
                underWay--;
            }
            if (why is null) commit.SetResult();
            else commit.SetException(why);
        }

        public void Begin() => inserted = 0;
        public StoredEvent? Find(EventId id) => placed.GetValueOrDefault(id);

        public void Insert(in PlacedEvent next)
        {
            placed[next.Envelope.Id] = new(next.Position, next.Header, next.Payload);
            inserted++;
        }

        public Task CommitAsync(MerkleTree tree, Instant recordedAt)
        {
            if (FailsAtOnce is { } why) throw why;
            if (inserted == 0) return Task.CompletedTask;
            lock (gate)
            {
                UnderWayBefore.Add(underWay++);
                commits.Add(new(TaskCreationOptions.RunContinuationsAsynchronously));
                Monitor.PulseAll(gate);
                return commits[^1].Task;
            }
        }
    }
}
