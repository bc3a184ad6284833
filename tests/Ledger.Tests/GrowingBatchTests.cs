using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>While a store has to do with a batch of a fold the next one grows, within bounds, and so it does where much
/// is left; nothing is lost.</summary>
public sealed class GrowingBatchTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private readonly InMemoryJournal journal = new();

    [Fact]
    public async Task A_batch_grows_to_eight_times_while_the_one_before_is_on_its_way()
    {
        await RecordAsync();
        var views = new HeldViews();
        await Task.Run(() => Fold(views), Ct);
        views.Checkpoints.ShouldBe([5, 45, 85, 100]);
        (await Replay.DiffAsync(journal, views, StandardProjections.All, journal.Decode, null, Ct)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Beside_a_quick_store_a_batch_grows_too_but_to_no_more_than_what_is_left()
    {
        await RecordAsync();
        var views = new HeldViews();
        await Task.Run(() => FoldBesideQuick(views), Ct);
        views.Checkpoints.ShouldBe([5, 45, 73, 87, 94, 99, 100]);
        (await Replay.DiffAsync(journal, views, StandardProjections.All, journal.Decode, null, Ct)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_store_that_is_done_at_once_is_given_batches_of_one_size()
    {
        await RecordAsync();
        var views = new HeldViews { IsHolding = false };
        await new ProjectionRunner(journal, views, StandardProjections.All, journal.Decode, 40).CatchUpAsync(Ct);
        views.Checkpoints.ShouldBe([40, 80, 100]);
    }

    private async Task RecordAsync()
    {
        for (var i = 0; i < 100; i++)
            await journal.AppendAsync("s", ExpectedRevision.Any, [NewFact.At(
                new EvidenceRefused(new(new string('a', 64)), $"curve{i}.csv", Rejection.Truncated, "cut", 12),
                TestFolder.Start, new EvidenceKey($"n{i}"))], TestFolder.Tester, null, Ct);
    }

    /// <summary>Each commit is done when the next event is read.</summary>
    private async Task FoldBesideQuick(HeldViews views)
    {
        var folding = new ProjectionRunner(journal, views, StandardProjections.All, Decode, 5).CatchUpAsync(Ct);
        views.LetGo();
        (await folding).ShouldBe(100);

        LedgerEvent Decode(string wireName, int version, ReadOnlySpan<byte> payload)
        {
            views.LetGo();
            return journal.Decode(wireName, version, payload);
        }
    }

    /// <summary>Nothing waits but for the store, so the runner has gone on as far as it can whenever a call returns.
    /// </summary>
    private async Task Fold(HeldViews views)
    {
        var folding = new ProjectionRunner(journal, views, StandardProjections.All, journal.Decode, 5).CatchUpAsync(Ct);
        views.Checkpoints.ShouldBe([5]);
        views.LetGo();
        views.Checkpoints.ShouldBe([5, 45]);
        views.LetGo();
        views.Checkpoints.ShouldBe([5, 45, 85]);
        views.IsHolding = false;
        views.LetGo();
        (await folding).ShouldBe(100);
    }

    /// <summary>Rows in memory, of which each commit lasts until it is let go.</summary>
    private sealed class HeldViews : IViewStore
    {
        private readonly MemoryViews rows = new();
        private TaskCompletionSource held = new();

        public List<long> Checkpoints { get; } = [];
        public bool IsHolding { get; set; } = true;

        public void LetGo()
        {
            var before = held;
            held = new TaskCompletionSource();
            before.SetResult();
        }

        public Task CommitAsync(
            IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes)
        {
            Checkpoints.Add(checkpoints.Values.Min(each => each.Next));
            Commit(checkpoints, changes);
            return IsHolding ? held.Task : Task.CompletedTask;
        }

        public ProjectionAlarm? Alarm { get => rows.Alarm; set => rows.Alarm = value; }
        public ViewCheckpoint Reached(string projection) => rows.Reached(projection);
        public void Commit(
            IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes) =>
            rows.Commit(checkpoints, changes);
        public string? Get(string projection, string key, long? asOf = null) => rows.Get(projection, key, asOf);
        public IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null) =>
            rows.Range(projection, first, last, asOf);
        public IReadOnlyList<ViewRow> Versions(string projection) => rows.Versions(projection);
        public void Reset(string projection) => rows.Reset(projection);
        public bool TryHold(string lease, string holder, Duration length) => true;
        public bool TryKeep(string lease, string holder, Duration length) => true;
        public void Switch(IReadOnlyCollection<string> projections) => rows.Switch(projections);
    }
}
