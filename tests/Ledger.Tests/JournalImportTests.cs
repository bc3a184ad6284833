using CsCheck;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Journal.Proof;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Events as another journal recorded them: every byte and position stays, and what does not come next is
/// refused whole.</summary>
public sealed class JournalImportTests : IDisposable
{
    private readonly TestFolder original = new(), copy = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        original.Dispose();
        copy.Dispose();
    }

    /// <summary>Events of three streams, with a step back of the clock amid them.</summary>
    private static async Task FillAsync(TestFolder folder, int events)
    {
        await using var journal = folder.Open();
        for (var i = 0; i < events; i++)
        {
            folder.Clock.Now += i == events / 2 ? Duration.FromSeconds(-7) : Duration.FromMilliseconds(i);
            await journal.AppendAsync($"s/{i % 3}", ExpectedRevision.Any, [TestFolder.Reading(i, index: i)],
                TestFolder.Tester, i % 2 == 0 ? null : new EventId((UInt128)i), Ct);
        }
    }

    private static async Task<List<RecordedEvent>> EventsAsync(TestFolder folder)
    {
        await using var reader = SqliteJournalReader.Open(folder.Options);
        return await TestFolder.AllAsync(reader);
    }

    [Fact]
    public async Task A_journal_that_was_copied_in_any_parts_has_the_same_bytes_and_roots()
    {
        await FillAsync(original, 40);
        await using var from = SqliteJournalReader.Open(original.Options);
        var events = await TestFolder.AllAsync(from);
        Gen.Int[1, 17].Array[1, 12].Sample(sizes =>
        {
            using var folder = new TestFolder();
            var at = 0;
            for (var part = 0; at < events.Count; part++)
            {
                // Opened again each time: what an interrupted copy left is where the next one goes on.
                using var journal = new Opened(folder.Open());
                journal.Journal.Length.ShouldBe(at);
                var next = Math.Min(events.Count, at + sizes[part % sizes.Length]);
                journal.Journal.AppendRecordedAsync(events[at..next], Ct).AsTask().GetAwaiter().GetResult();
                at = next;
                LeafEntries.RootAt(from, TestFolder.Secret, at).ShouldBe(journal.Journal.Root);
            }
            EventsAsync(folder).GetAwaiter().GetResult().Select(Bytes).ShouldBe(events.Select(Bytes));
        }, iter: LongRun.Samples / 2_000);
    }

    private static string Bytes(RecordedEvent recorded) => $"{recorded.Position} "
        + Convert.ToHexString(EnvelopeBytes.Write(recorded.Envelope, recorded.Payload.Length))
        + Convert.ToHexString(recorded.Payload.Span);

    /// <summary>A journal that is closed where nothing can be awaited.</summary>
    private sealed record Opened(SqliteJournal Journal) : IDisposable
    {
        public void Dispose() => Journal.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    [Fact]
    public async Task After_a_copy_the_journal_goes_on_as_the_original_would()
    {
        await FillAsync(original, 9);
        var events = await EventsAsync(original);
        await using (var journal = copy.Open()) await journal.AppendRecordedAsync(events, Ct);
        copy.Clock.Now = original.Clock.Now += Duration.FromMinutes(1);
        byte[] expected;
        await using (var journal = original.Open())
        {
            (await journal.AppendAsync("s/1", ExpectedRevision.Exactly(2), [TestFolder.Reading(50)], TestFolder.Tester,
                null, Ct)).ShouldBe(new AppendResult.Recorded(10, 3));
            expected = journal.Root;
        }
        await using var copied = copy.Open();
        (await copied.AppendAsync("s/0", ExpectedRevision.Any, [TestFolder.Reading(3, index: 3)], TestFolder.Tester,
            null, Ct)).ShouldBe(new AppendResult.AlreadyRecorded(3));
        (await copied.AppendAsync("s/1", ExpectedRevision.Exactly(2), [TestFolder.Reading(50)], TestFolder.Tester,
            null, Ct)).ShouldBe(new AppendResult.Recorded(10, 3));
        copied.Root.ShouldBe(expected);
    }

    [Fact]
    public async Task What_does_not_come_next_is_refused_with_its_place_and_nothing_of_it_is_kept()
    {
        await FillAsync(original, 6);
        var events = await EventsAsync(original);
        await using var journal = copy.Open();
        await journal.AppendRecordedAsync(events[..2], Ct);
        await ShouldBeRefusedAsync(journal, events[3..], "position 3: position 2 comes next");
        await ShouldBeRefusedAsync(journal, events[..1], "position 0: position 2 comes next");
        await ShouldBeRefusedAsync(journal,
            [events[2], events[3] with { Envelope = events[3].Envelope with { Ledger = new LedgerId("other") } }],
            "position 3: it is of ledger other, and this is the journal of test");
        await ShouldBeRefusedAsync(journal,
            [events[2] with { Envelope = events[2].Envelope with { Revision = 1 } }],
            "position 2: s/2 is at revision -1, and its next is not 1");
        var early = events[2].Envelope with { RecordedAt = events[1].Envelope.RecordedAt - Duration.FromTicks(1) };
        await ShouldBeRefusedAsync(journal, [events[2] with { Envelope = early }],
            $"position 2: it was recorded at {early.RecordedAt}, before the event before it");
        await journal.AppendRecordedAsync(events[2..], Ct);
        await using var from = SqliteJournalReader.Open(original.Options);
        journal.Root.ShouldBe(from.Root);
    }

    private static async Task ShouldBeRefusedAsync(IJournalImport journal, List<RecordedEvent> events, string why)
    {
        var (length, root) = (journal.Length, journal.Root);
        (await Should.ThrowAsync<JournalRefusedException>(() => journal.AppendRecordedAsync(events, Ct).AsTask()))
            .Message.ShouldBe(why);
        (journal.Length, Convert.ToHexString(journal.Root)).ShouldBe((length, Convert.ToHexString(root)));
    }

    [Fact]
    public async Task A_copy_is_proven_byte_by_byte_and_a_difference_is_named()
    {
        await FillAsync(original, 8);
        await using var from = SqliteJournalReader.Open(original.Options);
        var cut = from.Look();
        var signed = new[] { 0L, 3, 9 }
            .Select(length => (length, LeafEntries.RootAt(from, TestFolder.Secret, length)!)).ToList();
        await using (var to = copy.Open())
            await JournalCopy.WriteAsync(from, to, TestFolder.Secret, cut, _ => { }, Ct);
        await using (var to = SqliteJournalReader.Open(copy.Options))
        {
            var equal = await JournalCopy.ProveAsync(from, to, TestFolder.Secret, cut, signed, _ => { }, Ct);
            (equal.Events, equal.Checkpoints, Convert.ToHexString(equal.Root))
                .ShouldBe((9, 3, Convert.ToHexString(cut.Root)));
        }
        var wrong = signed.ToList();
        wrong[1] = (3, new byte[32]);
        await using (var to = SqliteJournalReader.Open(copy.Options))
            (await Should.ThrowAsync<JournalRefusedException>(() =>
                JournalCopy.ProveAsync(from, to, TestFolder.Secret, cut, wrong, _ => { }, Ct)))
                .Message.ShouldStartWith("the copy is not the original at position 3: root ");
        using var other = new TestFolder();
        await FillAsync(other, 7);
        await using (var to = SqliteJournalReader.Open(other.Options))
            (await Should.ThrowAsync<JournalRefusedException>(() =>
                JournalCopy.ProveAsync(from, to, TestFolder.Secret, cut, signed, _ => { }, Ct)))
                .Message.ShouldBe("the copy is not the original at position 3: another header");
        await using (var to = other.Open())
            (await Should.ThrowAsync<JournalRefusedException>(() =>
                JournalCopy.WriteAsync(from, to, TestFolder.Secret, cut, _ => { }, Ct)))
                .Message.ShouldStartWith("the target holds another journal: 8 events with root ");
    }
}
