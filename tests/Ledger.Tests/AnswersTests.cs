using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Those whose facts shared a batch are told together, and each goes on for himself.</summary>
public sealed class AnswersTests : IAsyncDisposable
{
    private const int Together = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly HeldStore store = new();
    private readonly JournalWriter writer;
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public AnswersTests() => writer = new(
        new SequencingOptions(new LedgerId("test"), new StandingClock(TestFolder.Start), TestFolder.Secret), store,
        JournalState.Empty);

    public ValueTask DisposeAsync() => writer.DisposeAsync();

    private Task<AppendResult> AppendAsync(int number) => writer.AppendAsync(
        "s", ExpectedRevision.Any, [TestFolder.Reading(number)], TestFolder.Tester, null, Ct).AsTask();

    /// <summary>Each goes on only when all of them have been told.</summary>
    [Fact]
    public async Task Who_does_not_go_on_when_he_is_told_holds_up_nobody()
    {
        var before = AppendAsync(0);
        await store.Asked.WaitAsync(Patience, Ct); // so that the others share the batch behind it
        using var told = new CountdownEvent(Together);
        var together = Enumerable.Range(1, Together).Select(WaitForAllAsync).ToArray();
        store.LetGo();
        (await Task.WhenAll(together)).ShouldBe(
            Enumerable.Range(1, Together).Select(i => (true, (AppendResult)new AppendResult.Recorded(i, i))));
        (await before).ShouldBe(new AppendResult.Recorded(0, 0));

        async Task<(bool, AppendResult)> WaitForAllAsync(int number)
        {
            var result = await AppendAsync(number).ConfigureAwait(false);
            told.Signal();
            return (told.Wait(Patience, Ct), result);
        }
    }

    [Fact]
    public async Task Who_was_told_that_it_is_recorded_is_told_nothing_else_when_the_store_fails_after_that()
    {
        var recorded = AppendAsync(0);
        await store.Asked.WaitAsync(Patience, Ct);
        var waiting = Enumerable.Range(1, Together).Select(AppendAsync).ToArray();
        store.FailsAfter = new IOException("no room");
        store.LetGo();
        (await recorded).ShouldBe(new AppendResult.Recorded(0, 0));
        foreach (var append in waiting)
            (await Should.ThrowAsync<JournalFaultedException>(append)).Message
                .ShouldBe("the journal has stopped: no room");
        writer.Acknowledged.Length.ShouldBe(1);
    }

    /// <summary>Keeps nothing, and commits when it is let go.</summary>
    private sealed class HeldStore : IJournalStore
    {
        private readonly TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource held = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Asked => asked.Task;
        public Exception? FailsAfter { get; set; }
        public void LetGo() => held.SetResult();
        public void Begin() { }
        public StoredEvent? Find(EventId id) => null;
        public void Insert(in PlacedEvent placed) { }

        public Task CommitAsync(MerkleTree tree, Instant recordedAt)
        {
            asked.TrySetResult();
            return held.Task;
        }

        public Task TidyAsync() => FailsAfter is { } why ? Task.FromException(why) : Task.CompletedTask;
    }
}
