using System.Buffers.Binary;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

public sealed class SqliteJournalTests : IDisposable
{
    private readonly TestFolder folder = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    private static ValueTask<AppendResult> Append(IJournal journal, string stream, ExpectedRevision expected,
        params NewFact[] facts) =>
        journal.AppendAsync(stream, expected, facts, TestFolder.Tester, null, Ct);

    [Fact]
    public async Task Positions_of_64_writers_are_gap_free_and_the_digest_comes_back()
    {
        byte[] root;
        await using (var journal = folder.Open())
        {
            var results = await Task.WhenAll(Enumerable.Range(0, 64).Select(writer => Task.Run(async () =>
            {
                var positions = new List<long>();
                for (var i = 0; i < 20; i++)
                    positions.Add((await Append(journal, $"register/{writer}", ExpectedRevision.Any,
                        TestFolder.Reading(writer * 20 + i)))
                        .ShouldBeOfType<AppendResult.Recorded>().FirstPosition);
                return positions;
            })));
            results.SelectMany(p => p).Order().ShouldBe(Enumerable.Range(0, 1280).Select(i => (long)i));
            root = journal.Root;
        }
        await using var again = folder.Open();
        again.Root.ShouldBe(root);
        var all = await TestFolder.AllAsync(again);
        all.Select(e => e.Position).ShouldBe(Enumerable.Range(0, 1280).Select(i => (long)i));
        var tree = new MerkleTree();
        foreach (var e in all)
            tree.Append(EnvelopeBytes.LeafEntry(EnvelopeBytes.Salt(TestFolder.Secret, e.Envelope.Id),
                EnvelopeBytes.Write(e.Envelope, e.Payload.Length),
                System.Security.Cryptography.SHA256.HashData(e.Payload.Span)));
        tree.Root().ShouldBe(root);
    }

    [Fact]
    public async Task Expected_revisions_are_kept()
    {
        await using var journal = folder.Open();
        (await Append(journal, "s", ExpectedRevision.Exists, TestFolder.Reading(1)))
            .ShouldBe(new AppendResult.WrongRevision(-1));
        (await Append(journal, "s", ExpectedRevision.Exactly(0), TestFolder.Reading(1)))
            .ShouldBe(new AppendResult.WrongRevision(-1));
        (await Append(journal, "s", ExpectedRevision.NoStream, TestFolder.Reading(1)))
            .ShouldBe(new AppendResult.Recorded(0, 0));
        (await Append(journal, "s", ExpectedRevision.NoStream, TestFolder.Reading(2)))
            .ShouldBe(new AppendResult.WrongRevision(0));
        (await Append(journal, "s", ExpectedRevision.Exactly(0), TestFolder.Reading(2)))
            .ShouldBe(new AppendResult.Recorded(1, 1));
        (await Append(journal, "s", ExpectedRevision.Exists, TestFolder.Reading(3)))
            .ShouldBe(new AppendResult.Recorded(2, 2));
        (await Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(4)))
            .ShouldBe(new AppendResult.Recorded(3, 3));
        var from = new List<long>();
        await foreach (var e in journal.ReadStreamAsync("s", 2, Ct)) from.Add(e.Envelope.Revision);
        from.ShouldBe([2, 3]);
    }

    [Fact]
    public async Task A_repeat_is_recognised_across_restarts_and_a_conflict_says_what_differs()
    {
        await using (var journal = folder.Open())
            await Append(journal, "s", ExpectedRevision.NoStream, TestFolder.Reading(1), TestFolder.Reading(2));
        await using var again = folder.Open();
        (await Append(again, "s", ExpectedRevision.NoStream, TestFolder.Reading(1), TestFolder.Reading(2)))
            .ShouldBe(new AppendResult.AlreadyRecorded(0));
        (await Append(again, "s", ExpectedRevision.Any, TestFolder.Reading(2)))
            .ShouldBe(new AppendResult.AlreadyRecorded(1));
        (await Append(again, "s", ExpectedRevision.Any, TestFolder.Reading(2, index: 9)))
            .ShouldBeOfType<AppendResult.Conflict>().Differs.ShouldContain("payload");
        (await Append(again, "s", ExpectedRevision.Any, TestFolder.Reading(2), TestFolder.Reading(3)))
            .ShouldBeOfType<AppendResult.Conflict>().Differs.ShouldContain("1 of 2");
        (await Append(again, "s", ExpectedRevision.Any, TestFolder.Reading(3), TestFolder.Reading(3)))
            .ShouldBeOfType<AppendResult.Conflict>();
        again.Length.ShouldBe(2);
    }

    [Fact]
    public async Task What_cannot_be_appended_leaves_nothing()
    {
        await using var journal = folder.Open();
        var long1 = new string('x', Limits.DecisionBytesMax);
        var tooLarge = NewFact.At(new EvidenceKept(new EvidenceDigest(new string('0', 64)), long1, "", 0),
            TestFolder.Start, new EvidenceKey("k"));
        await Should.ThrowAsync<ArgumentException>(async () =>
            await Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(1), tooLarge));
        await Should.ThrowAsync<ArgumentException>(async () =>
            await Append(journal, "", ExpectedRevision.Any, TestFolder.Reading(1)));
        await Should.ThrowAsync<ArgumentException>(async () => await Append(journal, "s", ExpectedRevision.Any));
        journal.Length.ShouldBe(0);
    }

    [Fact]
    public async Task Facts_of_any_length_are_read_as_they_were_written()
    {
        var facts = Enumerable.Range(0, 60).Select(i => NewFact.At(
            new EvidenceKept(new EvidenceDigest(new string('0', 64)), "",
                new string((char)('a' + (i % 26)), i % 7 == 0 ? 3800 + (20 * i) : i), i),
            TestFolder.Start, new EvidenceKey($"of length {i}"))).ToArray();
        await using var journal = folder.Open();
        await Append(journal, "s", ExpectedRevision.Any, facts[..41]);
        foreach (var fact in facts[41..]) await Append(journal, "s", ExpectedRevision.Any, fact);
        (await TestFolder.AllAsync(journal)).Select(e => Convert.ToHexString(e.Payload.Span))
            .ShouldBe(facts.Select(fact => Convert.ToHexString(EventCodec.Encode(fact.Event).Payload)));
    }

    [Fact]
    public async Task A_full_queue_answers_busy_and_loses_nothing()
    {
        await using var journal = SqliteJournal.Open(folder.Options with { QueuedAppendsMax = 2, BatchAppendsMax = 1 });
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i =>
            Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(i)).AsTask()));
        var recorded = answers.Count(a => a is AppendResult.Recorded);
        answers.Count(a => a is AppendResult.Busy).ShouldBe(200 - recorded);
        recorded.ShouldBeLessThan(200);
        journal.Length.ShouldBe(recorded);
    }

    [Fact]
    public async Task A_queue_is_full_of_bytes_too_and_takes_any_append_when_it_is_empty()
    {
        await using var journal = SqliteJournal.Open(
            folder.Options with { QueuedBytesMax = 2000, BatchAppendsMax = 1 });
        var many = Enumerable.Range(0, 100).Select(i => TestFolder.Reading(i, 0, "many")).ToArray();
        (await Append(journal, "s", ExpectedRevision.Any, many)).ShouldBe(new AppendResult.Recorded(0, 99));
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i =>
            Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(i)).AsTask()));
        var recorded = answers.Count(a => a is AppendResult.Recorded);
        answers.Count(a => a is AppendResult.Busy).ShouldBe(200 - recorded);
        recorded.ShouldBeInRange(1, 199);
        journal.Length.ShouldBe(100 + recorded);
        (await Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(200))).ShouldBeOfType<AppendResult.Recorded>(
            "what was taken has left its room");
    }

    [Fact]
    public async Task A_journal_that_is_closed_says_so_and_not_that_it_is_busy()
    {
        var journal = folder.Open();
        await journal.DisposeAsync();
        await Should.ThrowAsync<ObjectDisposedException>(async () =>
            await Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(1)));
    }

    /// <summary>The step is an event of the stream that is asked for: whoever expects its revision decides again.
    /// </summary>
    [Fact]
    public async Task A_step_back_of_the_clock_counts_for_whoever_expects_a_revision_of_its_stream()
    {
        await using var journal = folder.Open();
        (await Append(journal, Streams.Ledger, ExpectedRevision.NoStream, TestFolder.Reading(1)))
            .ShouldBe(new AppendResult.Recorded(0, 0));
        folder.Clock.Now -= Duration.FromSeconds(5);
        (await Append(journal, Streams.Ledger, ExpectedRevision.Exactly(0), TestFolder.Reading(2)))
            .ShouldBe(new AppendResult.WrongRevision(1));
        EventCodec.Decode((await TestFolder.AllAsync(journal))[^1]).ShouldBeOfType<ClockSteppedBack>();
        (await Append(journal, Streams.Ledger, ExpectedRevision.Exactly(1), TestFolder.Reading(2)))
            .ShouldBe(new AppendResult.Recorded(2, 2));
    }

    [Fact]
    public async Task The_time_of_recording_never_decreases_and_a_step_back_is_a_fact()
    {
        await using var journal = folder.Open();
        await Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(1));
        folder.Clock.Now -= Duration.FromSeconds(5);
        (await Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(2)))
            .ShouldBe(new AppendResult.Recorded(2, 1));
        await Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(3));
        var all = await TestFolder.AllAsync(journal);
        all.Select(e => e.Envelope.RecordedAt).Distinct().ShouldBe([TestFolder.Start]);
        all.Select(EventCodec.Decode).OfType<ClockSteppedBack>()
            .ShouldBe([new ClockSteppedBack(TestFolder.Start, TestFolder.Start - Duration.FromSeconds(5))]);
    }

    [Fact]
    public async Task A_clock_that_is_set_back_again_and_again_amid_writers_loses_nothing_and_each_step_is_a_fact()
    {
        const int Steps = 50, Writers = 8, PerWriter = 60;
        var clock = new SteppingClock(folder.Clock.Now, Steps);
        await using (var journal = SqliteJournal.Open(folder.Options with { Clock = clock }))
            await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
            {
                for (var i = 0; i < PerWriter; i++)
                    (await Append(journal, $"s/{writer}", ExpectedRevision.Any,
                        TestFolder.Reading(writer * PerWriter + i))).ShouldBeOfType<AppendResult.Recorded>();
            }, Ct)));
        await using var again = folder.Open();
        var all = await TestFolder.AllAsync(again);
        var steps = all.Select(EventCodec.Decode).OfType<ClockSteppedBack>().ToList();
        (steps.Count, all.Count).ShouldBe((Steps, Steps + Writers * PerWriter));
        steps.ShouldAllBe(step => step.Now < step.Before);
        all.Zip(all.Skip(1)).ShouldAllBe(pair => pair.First.Envelope.RecordedAt <= pair.Second.Envelope.RecordedAt);
    }

    /// <summary>A clock that goes on by a second each time, and every fifth time back by a minute, so often.</summary>
    private sealed class SteppingClock(Instant start, int steps) : IClock
    {
        private int asked;

        public Instant GetCurrentInstant()
        {
            asked++;
            return start + Duration.FromSeconds(asked) - Duration.FromMinutes(Math.Min(steps, asked / 5));
        }
    }

    [Fact]
    public async Task A_second_owner_is_refused_with_the_pid_of_the_first()
    {
        await using var journal = folder.Open();
        Should.Throw<FolderOwnedException>(folder.Open).Owner.ShouldBe(Environment.ProcessId);
    }

    [Fact]
    public async Task Another_ledgers_journal_is_refused()
    {
        await using (folder.Open()) { }
        Should.Throw<JournalRefusedException>(() =>
            SqliteJournal.Open(folder.Options with { Ledger = new LedgerId("other") }))
            .Message.ShouldContain("ledger test");
    }

    [Fact]
    public async Task A_waiting_subscriber_sees_every_event_once_and_in_order()
    {
        await using var journal = folder.Open();
        var reader = Task.Run(async () =>
        {
            var seen = new List<long>();
            while (seen.Count < 50)
            {
                await journal.WaitForAsync(seen.Count, Ct);
                await foreach (var e in journal.ReadAllAsync(seen.Count, Ct)) seen.Add(e.Position);
            }
            return seen;
        }, Ct);
        for (var i = 0; i < 50; i++) await Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(i));
        (await reader).ShouldBe(Enumerable.Range(0, 50).Select(i => (long)i));
    }

    /// <summary>So many that the log is written to the database on the thread beside, then to its end between two
    /// batches: else it would go on growing.</summary>
    [Fact]
    public async Task A_long_log_begins_anew_while_facts_are_recorded_and_nothing_is_lost()
    {
        const int Batch = 500;
        var log = Path.Combine(folder.Path, SqliteJournal.FileName + "-wal");
        var (number, root) = (0, Array.Empty<byte>());
        await using (var journal = folder.Open())
        {
            await AppendNextAsync(journal);
            var begun = TimesBegun(log);
            var end = Environment.TickCount64 + 60_000;
            while (TimesBegun(log) == begun && Environment.TickCount64 < end) await AppendNextAsync(journal);
            TimesBegun(log).ShouldBeGreaterThan(begun);
            root = journal.Root;
        }
        await using var again = folder.Open();
        (again.Length, Convert.ToHexString(again.Root)).ShouldBe((number, Convert.ToHexString(root)));

        async Task AppendNextAsync(SqliteJournal journal)
        {
            await Append(journal, $"s/{number / Batch % 7}", ExpectedRevision.Any,
                [.. Enumerable.Range(number, Batch).Select(i => TestFolder.Reading(i, i))]);
            number += Batch;
        }
    }

    /// <summary>The checkpoint sequence number of a log, which changes when it begins at its front again
    /// (sqlite.org/fileformat2.html §4.1).</summary>
    private static uint TimesBegun(string log)
    {
        Span<byte> header = stackalloc byte[32];
        using var file = new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.ReadExactly(header);
        return BinaryPrimitives.ReadUInt32BigEndian(header[12..]);
    }

    [Fact]
    public async Task The_bytes_of_header_leaf_and_digest_are_the_accepted_ones()
    {
        await using var journal = folder.Open();
        await journal.AppendAsync("register/CP1", ExpectedRevision.NoStream, [TestFolder.Reading(1, index: 123456)],
            TestFolder.Tester, new EventId(7), Ct);
        var e = (await TestFolder.AllAsync(journal)).Single();
        var header = EnvelopeBytes.Write(e.Envelope, e.Payload.Length);
        Snapshot.Match(header, "Journal.header");
        Snapshot.Match(e.Payload.ToArray(), "Journal.payload");
        Snapshot.Match(journal.Root, "Journal.digest");
        var withSealed = e.Envelope
            with
        { Causation = null, Sealed = [new SealedField("driver", "subject-1", new byte[] { 1, 2, 3 })] };
        Snapshot.Match(EnvelopeBytes.Write(withSealed, 9), "Journal.header-sealed");
        var (back, length) = EnvelopeBytes.Read(EnvelopeBytes.Write(withSealed, 9));
        (length, back.Sealed[0].Name, back.Sealed[0].Ciphertext.ToArray()).ToString()
            .ShouldBe((9, "driver", new byte[] { 1, 2, 3 }).ToString());
        for (var cut = 0; cut < header.Length; cut++)
            Should.Throw<InvalidDataException>(() => EnvelopeBytes.Read(header.AsSpan(0, cut)));
    }
}
