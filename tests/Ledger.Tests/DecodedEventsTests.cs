using System.Runtime.CompilerServices;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Many events are decoded ahead of the fold, and nobody sees it: rows, errors and where they stand are those
/// of events that are decoded one by one, and nobody reads the journal any more when a fold has ended.</summary>
public sealed class DecodedEventsTests
{
    private const int Many = 3000; // of which the last ones are further ahead than anything is decoded
    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private readonly InMemoryJournal journal = new();
    private readonly MemoryViews views = new();

    private ProjectionRunner Runner(IJournal from, EventDecoder decode) =>
        new(from, views, StandardProjections.All, decode, 100);

    private async Task RecordAsync(int count)
    {
        var first = journal.Length;
        await journal.AppendAsync("s", ExpectedRevision.Any, [.. Enumerable.Range(0, count).Select(i => NewFact.At(
            new EvidenceRefused(new(new string('a', 64)), $"curve{first + i}.csv", Rejection.Truncated, "cut", 12),
            TestFolder.Start, new EvidenceKey($"n{first + i}")))], TestFolder.Tester, null, Ct);
    }

    /// <summary>Gives events as the journal behind it does, but for one, and knows who reads.</summary>
    private sealed class OddJournal(IJournal journal, long odd, Func<RecordedEvent?> instead)
        : ForwardingJournal(journal)
    {
        public int Readers { get; private set; }

        public override async IAsyncEnumerable<RecordedEvent> ReadAllAsync(
            long fromPosition, [EnumeratorCancellation] CancellationToken ct)
        {
            Readers++;
            try
            {
                await foreach (var stored in base.ReadAllAsync(fromPosition, ct))
                    if (stored.Position != odd) yield return stored;
                    else if (instead() is { } other) yield return other;
            }
            finally
            {
                Readers--;
            }
        }
    }

    [Fact]
    public async Task Rows_are_those_of_events_that_are_decoded_one_by_one()
    {
        await RecordAsync(Many);
        await Runner(journal, journal.Decode).CatchUpAsync(Ct);
        var byFew = new MemoryViews();
        for (var end = 500; end <= Many; end += 500)
            await new ProjectionRunner(journal, byFew, StandardProjections.All, journal.Decode).CatchUpAsync(Ct, end);
        foreach (var projection in StandardProjections.All)
            views.Versions(projection.Name).ShouldBe(byFew.Versions(projection.Name));
        views.Versions("Refusals").Count.ShouldBeGreaterThanOrEqualTo(Many);
    }

    [Fact]
    public async Task An_event_that_cannot_be_decoded_stops_the_fold_there_and_nothing_behind_it_is_decoded()
    {
        await RecordAsync(2000);
        journal.AppendUnknown(NewFact.At(new EvidenceRefused(new(new string('a', 64)), "unknown.csv",
            Rejection.Truncated, "cut", 12), TestFolder.Start, new EvidenceKey("unknown")));
        await RecordAsync(Many);
        var decoded = 0;
        var stopped = await Should.ThrowAsync<ProjectionStoppedException>(
            () => Runner(journal, Counted).CatchUpAsync(Ct));
        stopped.Alarm.ShouldBe(new ProjectionAlarm(2000, "codec", "unknown", "unknown wire name 'unknown'"));
        views.Alarm.ShouldBe(stopped.Alarm);
        views.Checkpoint("Refusals").ShouldBe(2000);
        decoded.ShouldBe(2001);

        LedgerEvent Counted(string wireName, int version, ReadOnlySpan<byte> payload)
        {
            decoded++;
            return journal.Decode(wireName, version, payload);
        }
    }

    [Fact]
    public async Task What_the_journal_throws_comes_behind_all_events_before_it()
    {
        await RecordAsync(Many);
        var broken = new OddJournal(journal, 1777, () => throw new IOException("the disk does not answer"));
        (await Should.ThrowAsync<IOException>(() => Runner(broken, journal.Decode).CatchUpAsync(Ct))).Message
            .ShouldBe("the disk does not answer");
        views.Checkpoint("Refusals").ShouldBe(1700); // whole batches
        views.Alarm.ShouldBeNull();
        broken.Readers.ShouldBe(0);
    }

    [Fact]
    public async Task Nothing_is_folded_behind_an_event_that_the_journal_does_not_give()
    {
        await RecordAsync(Many);
        var losing = new OddJournal(journal, 1234, () => null);
        (await Should.ThrowAsync<JournalRefusedException>(() => Runner(losing, journal.Decode).CatchUpAsync(Ct)))
            .Message.ShouldBe("position 1234 is missing");
        views.Checkpoint("Refusals").ShouldBe(1200);
        losing.Readers.ShouldBe(0);
    }

    [Fact]
    public async Task Who_cancels_is_told_so_and_nobody_reads_any_more()
    {
        await RecordAsync(Many);
        using var cancelled = new CancellationTokenSource();
        var watched = new OddJournal(journal, -1, () => null);
        await Should.ThrowAsync<OperationCanceledException>(
            () => Runner(watched, Cancelling).CatchUpAsync(cancelled.Token));
        views.Checkpoint("Refusals").ShouldBeLessThan(Many);
        watched.Readers.ShouldBe(0);

        LedgerEvent Cancelling(string wireName, int version, ReadOnlySpan<byte> payload)
        {
            if (journal.Decode(wireName, version, payload) is EvidenceRefused { Source: "curve1500.csv" })
                cancelled.Cancel();
            return journal.Decode(wireName, version, payload);
        }
    }

    [Fact]
    public async Task A_fold_that_cannot_go_on_lets_the_journal_go()
    {
        await RecordAsync(1500);
        await journal.AppendAsync("s", ExpectedRevision.Any, [NewFact.At(new ReasonClaimed(
            new("none"), new("p1"), ShortfallReason.NoVehicle, new("cpo")), TestFolder.Start, new EvidenceKey("c"))],
            TestFolder.Tester, null, Ct);
        await RecordAsync(Many);
        var watched = new OddJournal(journal, -1, () => null);
        var stopped = await Should.ThrowAsync<ProjectionStoppedException>(
            () => Runner(watched, journal.Decode).CatchUpAsync(Ct));
        (stopped.Alarm.Position, stopped.Alarm.Projection).ShouldBe((1500, "CurtailmentCompliance"));
        views.Checkpoint("Refusals").ShouldBe(1500);
        watched.Readers.ShouldBe(0);
    }
}
