using System.Runtime.CompilerServices;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

public sealed class RecentStatesTests : IDisposable
{
    private const string Stream = "s";
    private static readonly RegisterId Register1 = new(new SettlementPointId("CP1"), Direction.Import);
    private static readonly RegisterInstalled Installed = new(Register1, "M1", 8, 2, 1, null);
    private static readonly Instant Now = TestFolder.Start + Duration.FromDays(1);
    private readonly TestFolder folder = new(), second = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        folder.Dispose();
        second.Dispose();
    }

    [Fact]
    public async Task A_reading_after_2000_reads_as_many_events_as_one_after_10()
    {
        await using var journal = new CountingJournal(folder.Open());
        using var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        var recorder = new Recorder(journal, archive, folder.Clock);
        await InstallAsync(recorder);
        foreach (var readings in new[] { 10, 2_000 })
        {
            var before = await recorder.LoadAsync(Stream, RegisterState.Empty, Register.Evolve, Ct);
            var known = before.State.Readings.Count;
            await recorder.AppendAsync(Stream, [.. Enumerable.Range(known, readings - known)
                .Select(i => TestFolder.Reading(i, i))], TestFolder.Tester, Ct);
            await recorder.LoadAsync(Stream, RegisterState.Empty, Register.Evolve, Ct);
            journal.EventsRead = 0;
            (await ReadAsync(recorder, readings, readings)).ShouldBeOfType<RecordOutcome.Recorded>();
            journal.EventsRead.ShouldBe(0);
            // The state in memory is never the kept one: what was just recorded is read back, and nothing else is.
            var after = await recorder.LoadAsync(Stream, RegisterState.Empty, Register.Evolve, Ct);
            after.Revision.ShouldBe(readings + 1);
            journal.EventsRead.ShouldBe(1);
        }
    }

    [Fact]
    public async Task Sixty_four_writers_of_one_stream_get_the_same_outcomes_warm_and_cold()
    {
        await using var warmJournal = folder.Open();
        await using var coldJournal = second.Open();
        using var warmArchive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        using var coldArchive = EvidenceArchive.Open(second.Path, TestFolder.Secret);
        var recorder = new Recorder(warmJournal, warmArchive, folder.Clock);
        var warm = await WriteAsync(() => recorder);
        var cold = await WriteAsync(() => new Recorder(coldJournal, coldArchive, second.Clock));
        warm.ShouldBe(cold);
        warm.Count(outcome => outcome.EndsWith(" Recorded", StringComparison.Ordinal)).ShouldBe(32);
        warm.Count(outcome => outcome.EndsWith(" AlreadyRecorded", StringComparison.Ordinal)).ShouldBe(32);

        var kept = await recorder.LoadAsync(Stream, RegisterState.Empty, Register.Evolve, Ct);
        var again = await new Recorder(warmJournal, warmArchive, folder.Clock)
            .LoadAsync(Stream, RegisterState.Empty, Register.Evolve, Ct);
        kept.Revision.ShouldBe(again.Revision);
        kept.State.Readings.ShouldBe(again.State.Readings);
        kept.State.Readings.Select(reading => reading.IndexSteps)
            .ShouldBe(Enumerable.Range(0, 32).Select(i => (long)i));
    }

    [Fact]
    public async Task What_another_wrote_in_between_is_seen()
    {
        await using var journal = folder.Open();
        using var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        var recorder = new Recorder(journal, archive, folder.Clock);
        var other = new Recorder(journal, archive, folder.Clock);
        await InstallAsync(recorder);
        (await ReadAsync(recorder, 0, 5)).ShouldBeOfType<RecordOutcome.Recorded>();
        (await ReadAsync(other, 1, 6)).ShouldBeOfType<RecordOutcome.Recorded>();
        (await ReadAsync(recorder, 1, 7)).ShouldBeOfType<RecordOutcome.Refused>().Code
            .ShouldBe(Rejection.EvidenceConflict);

        // Here the other comes between the decision and its append: a later index, before which this one does not fit.
        var decisions = 0;
        var outcome = await recorder.RecordAsync(Stream, RegisterState.Empty, Register.Evolve, state =>
        {
            if (decisions++ == 0)
                ReadAsync(other, 3, 8).GetAwaiter().GetResult().ShouldBeOfType<RecordOutcome.Recorded>();
            return Register.Decide(state, Reading(2, 9), Now);
        }, TestFolder.Tester, Ct);
        outcome.ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(Rejection.ReadBeforeLastReading);
        decisions.ShouldBe(2);
    }

    [Fact]
    public async Task Folds_of_one_stream_are_kept_apart_and_a_fold_that_captures_is_not_kept()
    {
        await using var journal = new CountingJournal(folder.Open());
        using var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        var recorder = new Recorder(journal, archive, folder.Clock);
        await recorder.AppendAsync(Stream, [TestFolder.Reading(1), TestFolder.Reading(2)], TestFolder.Tester, Ct);
        // Each of the four reads both events the first time; then only the one that captures its step does.
        foreach (var (read, step) in new[] { (8, 10), (2, 100) })
        {
            journal.EventsRead = 0;
            (await recorder.LoadAsync(Stream, 0, Count, Ct)).State.ShouldBe(2);
            (await recorder.LoadAsync(Stream, 0, (count, _) => count + 2, Ct)).State.ShouldBe(4);
            (await recorder.LoadAsync(Stream, 7, Count, Ct)).State.ShouldBe(9);
            (await recorder.LoadAsync(Stream, 0, (count, _) => count + step, Ct)).State.ShouldBe(2 * step);
            journal.EventsRead.ShouldBe(read);
        }
    }

    [Fact]
    public void States_are_bounded_by_their_number_and_their_events_and_the_longest_unasked_goes()
    {
        var recent = new RecentStates(streamsMax: 3, eventsMax: 10);
        foreach (var stream in new[] { "a", "b", "c" }) recent.Keep(stream, 0, Count, 1, 0);
        recent.Find("a", 0, Count).ShouldBe((1, 0));
        recent.Keep("d", 0, Count, 1, 0);
        Kept(recent, "a", "b", "c", "d").ShouldBe("acd");
        recent.Keep("d", 0, Count, 8, 7); // 1 + 1 + 8 events: just fits
        Kept(recent, "a", "c", "d").ShouldBe("acd");
        recent.Keep("c", 0, Count, 2, 1);
        Kept(recent, "a", "c", "d").ShouldBe("cd");
        recent.Keep("e", 0, Count, 11, 10); // more than all may have together
        Kept(recent, "c", "d", "e").ShouldBe("cd");
        recent.Keep("e", 0, Count, 10, 9);
        Kept(recent, "c", "d", "e").ShouldBe("e");
    }

    [Fact]
    public void A_newer_state_gives_way_to_no_older_one()
    {
        var recent = new RecentStates();
        recent.Keep(Stream, 0, Count, 6, 5);
        recent.Keep(Stream, 0, Count, 5, 4);
        recent.Find(Stream, 0, Count).ShouldBe((6, 5));
        Parallel.For(0, 64, writer =>
        {
            for (var revision = writer; revision < 6_400; revision += 64)
            {
                recent.Keep(Stream, 0, Count, revision + 1, revision);
                var (state, found) = recent.Find(Stream, 0, Count)!.Value;
                state.ShouldBe((int)found + 1);
                found.ShouldBeGreaterThanOrEqualTo(revision);
            }
        });
        recent.Find(Stream, 0, Count).ShouldBe((6_400, 6_399));
    }

    private static int Count(int count, LedgerEvent happened) => count + 1;

    private static string Kept(RecentStates recent, params string[] streams) =>
        string.Concat(streams.Where(stream => recent.Find(stream, 0, Count) is not null));

    private static RegisterReadingInput Reading(int number, long index) =>
        new(Register1, TestFolder.Start + Duration.FromSeconds(number), index, ReadingQuality.Measured, null);

    private static Task<RecordOutcome> InstallAsync(Recorder recorder) => recorder.RecordAsync(
        Stream, RegisterState.Empty, Register.Evolve,
        state => Register.DecideInstalled(state, Installed, TestFolder.Start), TestFolder.Tester, Ct);

    private static Task<RecordOutcome> ReadAsync(Recorder recorder, int number, long index) => recorder.RecordAsync(
        Stream, RegisterState.Empty, Register.Evolve,
        state => Register.Decide(state, Reading(number, index), Now), TestFolder.Tester, Ct);

    /// <summary>What 64 writers were told, two for each of 32 readings, in order of the readings.</summary>
    private static async Task<List<string>> WriteAsync(Func<Recorder> recorder)
    {
        await InstallAsync(recorder());
        var told = await Task.WhenAll(Enumerable.Range(0, 64).Select(writer => Task.Run(async () =>
        {
            while (true)
                if (await ReadAsync(recorder(), writer / 2, writer / 2) is not RecordOutcome.Busy and var outcome)
                    return $"{writer / 2:00} {outcome.GetType().Name}";
        })));
        return [.. told.Order(StringComparer.Ordinal)];
    }

    /// <summary>Counts the events that are read of streams.</summary>
    private sealed class CountingJournal(IJournal journal) : ForwardingJournal(journal)
    {
        public int EventsRead { get; set; }

        public override async IAsyncEnumerable<RecordedEvent> ReadStreamAsync(
            string stream, long fromRevision, [EnumeratorCancellation] CancellationToken ct)
        {
            await foreach (var recorded in base.ReadStreamAsync(stream, fromRevision, ct))
            {
                EventsRead++;
                yield return recorded;
            }
        }
    }
}
