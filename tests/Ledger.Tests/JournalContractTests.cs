using System.Security.Cryptography;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Stores.Postgres;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A place that holds the journal of ledger "test" and outlives its openings.</summary>
internal interface IJournalPlace : IAsyncDisposable
{
    /// <summary>The clock of every opening.</summary>
    StandingClock Clock { get; }

    /// <summary>Opens the journal that is there, or an empty one; the secret is <see cref="TestFolder.Secret"/>.</summary>
    Task<IJournal> OpenAsync(int queuedAppendsMax = 4096, int batchAppendsMax = 1024);

    /// <summary>
    /// Adds a fact as a later version of this program might have: under a wire name that this one does not know, of as
    /// many characters as the fact's own. The journal is closed.
    /// </summary>
    Task AddUnknownAsync(string stream, NewFact fact, string wireName);
}

/// <summary>
/// What every journal promises (<see cref="IJournal"/>), tested through the port alone. A store is held to it by a
/// subclass that says how its journal is opened.
/// </summary>
public abstract partial class JournalContractTests
{
    private protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    private protected abstract Task<IJournalPlace> PlaceAsync();

    private static ValueTask<AppendResult> Append(IJournal journal, string stream, ExpectedRevision expected,
        params NewFact[] facts) =>
        journal.AppendAsync(stream, expected, facts, TestFolder.Tester, null, Ct);

    private static IEnumerable<long> Numbers(int count, int from = 0) =>
        Enumerable.Range(from, count).Select(number => (long)number);

    private static async Task<List<long>> RevisionsAsync(IJournal journal, string stream, long from)
    {
        var revisions = new List<long>();
        await foreach (var recorded in journal.ReadStreamAsync(stream, from, Ct))
        {
            recorded.Envelope.Stream.ShouldBe(stream);
            revisions.Add(recorded.Envelope.Revision);
        }
        return revisions;
    }

    [Fact]
    public async Task Positions_of_64_concurrent_writers_are_gap_free_and_revisions_follow_them()
    {
        await using var place = await PlaceAsync();
        byte[] root;
        await using (var journal = await place.OpenAsync())
        {
            var given = await Task.WhenAll(Enumerable.Range(0, 64).Select(writer => Task.Run(async () =>
            {
                var positions = new List<long>();
                for (var i = 0; i < 20; i++)
                {
                    var answer = await Append(journal, $"register/{writer}", ExpectedRevision.Exactly(i - 1),
                        TestFolder.Reading((writer * 20) + i));
                    positions.Add(answer.ShouldBeOfType<AppendResult.Recorded>().FirstPosition);
                    journal.Length.ShouldBeGreaterThan(positions[^1], "an acknowledged event is there to be read");
                }
                positions.ShouldBe(positions.Order());
                return positions;
            }, Ct)));
            given.SelectMany(positions => positions).Order().ShouldBe(Numbers(1280));
            root = journal.Root;
        }
        await using var again = await place.OpenAsync();
        (again.Length, Convert.ToHexString(again.Root)).ShouldBe((1280, Convert.ToHexString(root)));
        var all = await TestFolder.AllAsync(again);
        all.Select(recorded => recorded.Position).ShouldBe(Numbers(1280));
        foreach (var stream in all.GroupBy(recorded => recorded.Envelope.Stream))
            stream.Select(recorded => recorded.Envelope.Revision).ShouldBe(Numbers(20));
    }

    [Fact]
    public async Task Expected_revisions_of_every_kind_are_kept()
    {
        await using var place = await PlaceAsync();
        await using var journal = await place.OpenAsync();
        foreach (var (expected, answer) in new (ExpectedRevision, AppendResult)[]
        {
            (ExpectedRevision.Exists, new AppendResult.WrongRevision(-1)),
            (ExpectedRevision.Exactly(0), new AppendResult.WrongRevision(-1)),
            (ExpectedRevision.NoStream, new AppendResult.Recorded(0, 0)),
            (ExpectedRevision.NoStream, new AppendResult.WrongRevision(0)),
            (ExpectedRevision.Exactly(1), new AppendResult.WrongRevision(0)),
            (ExpectedRevision.Exactly(0), new AppendResult.Recorded(1, 1)),
            (ExpectedRevision.Exactly(0), new AppendResult.WrongRevision(1)),
            (ExpectedRevision.Exists, new AppendResult.Recorded(2, 2)),
            (ExpectedRevision.Any, new AppendResult.Recorded(3, 3)),
        })
            (await Append(journal, "s", expected, TestFolder.Reading((int)journal.Length))).ShouldBe(answer);
        (await Append(journal, "t", ExpectedRevision.Any, TestFolder.Reading(4)))
            .ShouldBe(new AppendResult.Recorded(4, 0));
        (await Append(journal, "s", ExpectedRevision.Exactly(3), TestFolder.Reading(5)))
            .ShouldBe(new AppendResult.Recorded(5, 4), "what another stream does moves no revision");
    }

    [Fact]
    public async Task One_of_many_writers_that_expect_the_same_revision_is_recorded()
    {
        await using var place = await PlaceAsync();
        await using var journal = await place.OpenAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(async () =>
            await Append(journal, "s", ExpectedRevision.NoStream, TestFolder.Reading(i)), Ct)));
        answers.OfType<AppendResult.Recorded>().ShouldBe([new AppendResult.Recorded(0, 0)]);
        answers.OfType<AppendResult.WrongRevision>().Count(wrong => wrong.Actual == 0).ShouldBe(19);
    }

    [Fact]
    public async Task A_repeat_gets_its_first_answer_and_other_content_is_a_conflict_also_after_a_restart()
    {
        await using var place = await PlaceAsync();
        await using (var journal = await place.OpenAsync())
        {
            await Append(journal, "other", ExpectedRevision.NoStream, TestFolder.Reading(0));
            await Append(journal, "s", ExpectedRevision.NoStream, TestFolder.Reading(1), TestFolder.Reading(2));
            await Repeats(journal);
        }
        await using (var again = await place.OpenAsync())
        {
            await Repeats(again);
            (await Append(again, "s", ExpectedRevision.Exactly(1), TestFolder.Reading(3)))
                .ShouldBe(new AppendResult.Recorded(3, 2));
        }

        static async Task Repeats(IJournal journal)
        {
            (await Append(journal, "s", ExpectedRevision.NoStream, TestFolder.Reading(1), TestFolder.Reading(2)))
                .ShouldBe(new AppendResult.AlreadyRecorded(1));
            (await Append(journal, "s", ExpectedRevision.Exactly(1), TestFolder.Reading(2)))
                .ShouldBe(new AppendResult.AlreadyRecorded(2), "at the stream's very revision too");
            (await Append(journal, "elsewhere", ExpectedRevision.Any, TestFolder.Reading(2)))
                .ShouldBe(new AppendResult.AlreadyRecorded(2), "an id is one of the ledger, not of a stream");
            (await Conflict(journal, TestFolder.Reading(2, index: 9))).ShouldBe("another payload was recorded");
            var at = TestFolder.Start + Duration.FromSeconds(2);
            var longer = TestFolder.Reading(2) with { ValidTime = new Interval(at, at + Duration.FromSeconds(1)) };
            (await Conflict(journal, longer)).ShouldStartWith("valid time 2026-03-01T00:00:02Z/2026-03-01T00:00:02Z was");
            var other = TestFolder.Reading(2) with
            { Event = new ClockSteppedBack(TestFolder.Start, TestFolder.Start - Duration.FromSeconds(1)) };
            (await Conflict(journal, other)).ShouldBe("wire name register-reading-recorded version 1 was recorded");
            (await Conflict(journal, TestFolder.Reading(2), TestFolder.Reading(3))).ShouldStartWith("1 of 2 facts");
            (await Conflict(journal, TestFolder.Reading(3), TestFolder.Reading(3))).ShouldContain("twice");
            journal.Length.ShouldBe(3);
        }

        static async Task<string> Conflict(IJournal journal, params NewFact[] facts) =>
            (await Append(journal, "s", ExpectedRevision.Any, facts)).ShouldBeOfType<AppendResult.Conflict>().Differs;
    }

    [Fact]
    public async Task A_repeat_is_known_wherever_its_time_lies_among_the_others()
    {
        await using var place = await PlaceAsync();
        await using (var journal = await place.OpenAsync())
        {
            (await Of(journal, 50)).ShouldBe(new AppendResult.Recorded(0, 0));
            (await Of(journal, 30, 20, 40)).ShouldBe(new AppendResult.Recorded(1, 3), "earlier ones, and not in order");
            await Known(journal);
            (await Of(journal, 80, 70)).ShouldBe(new AppendResult.Recorded(4, 5), "later ones, and not in order");
            (await Of(journal, 80)).ShouldBe(new AppendResult.AlreadyRecorded(4));
            (await Of(journal, 70)).ShouldBe(new AppendResult.AlreadyRecorded(5));
            (await Of(journal, 60)).ShouldBe(new AppendResult.Recorded(6, 6), "between the others");
            await Twice(journal, 90, 91, 90);
            await Twice(journal, 91, 90, 90);
            await Twice(journal, 10, 10);
        }
        await using (var again = await place.OpenAsync())
        {
            (await Of(again, 80)).ShouldBe(new AppendResult.AlreadyRecorded(4), "the latest of all");
            (await Of(again, 60)).ShouldBe(new AppendResult.AlreadyRecorded(6));
            await Known(again);
            (await Of(again, 90, 91)).ShouldBe(new AppendResult.Recorded(7, 8));
            (await Of(again, 90, 91)).ShouldBe(new AppendResult.AlreadyRecorded(7));
            (await Of(again, 91, 92)).ShouldBeOfType<AppendResult.Conflict>().Differs.ShouldStartWith("1 of 2 facts");
        }

        static async Task Known(IJournal journal)
        {
            (await Of(journal, 50)).ShouldBe(new AppendResult.AlreadyRecorded(0));
            (await Of(journal, 30, 20, 40)).ShouldBe(new AppendResult.AlreadyRecorded(1));
            (await Of(journal, 20)).ShouldBe(new AppendResult.AlreadyRecorded(2));
        }

        static async Task Twice(IJournal journal, params int[] seconds) =>
            (await Of(journal, seconds)).ShouldBeOfType<AppendResult.Conflict>().Differs.ShouldContain("twice");

        static ValueTask<AppendResult> Of(IJournal journal, params int[] seconds) => Append(journal, "s",
            ExpectedRevision.Any, [.. seconds.Select(second => TestFolder.Reading(second))]);
    }

    [Fact]
    public async Task The_same_fact_of_many_writers_at_once_is_recorded_once()
    {
        await using var place = await PlaceAsync();
        await using var journal = await place.OpenAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => Task.Run(async () =>
            await Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(1)), Ct)));
        answers.OfType<AppendResult.Recorded>().ShouldBe([new AppendResult.Recorded(0, 0)]);
        answers.Count(answer => answer == new AppendResult.AlreadyRecorded(0)).ShouldBe(31);
        journal.Length.ShouldBe(1);
    }

    [Fact]
    public async Task The_facts_of_one_append_stand_together_or_not_at_all()
    {
        await using var place = await PlaceAsync();
        await using (var journal = await place.OpenAsync())
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(writer => Task.Run(async () =>
                await Append(journal, $"s{writer % 4}", ExpectedRevision.Any,
                    [.. Enumerable.Range(writer * 5, 5).Select(i => TestFolder.Reading(i))]), Ct)));
            answers.Cast<AppendResult.Recorded>().Select(recorded => recorded.FirstPosition).Order()
                .ShouldBe(Numbers(16).Select(writer => writer * 5));
            (await Append(journal, "s0", ExpectedRevision.NoStream, TestFolder.Reading(100), TestFolder.Reading(101)))
                .ShouldBeOfType<AppendResult.WrongRevision>();
            (await Append(journal, "s0", ExpectedRevision.Any, TestFolder.Reading(100), TestFolder.Reading(7)))
                .ShouldBeOfType<AppendResult.Conflict>();
            journal.Length.ShouldBe(80);
        }
        await using var again = await place.OpenAsync();
        foreach (var append in (await TestFolder.AllAsync(again)).Chunk(5))
        {
            append.Select(recorded => recorded.Envelope.Stream).Distinct().Count().ShouldBe(1);
            var first = (int)(append[0].Envelope.ValidFrom - TestFolder.Start).TotalSeconds;
            append.Select(recorded => recorded.Envelope.Id).ShouldBe(Enumerable.Range(first, 5).Select(i =>
                EventId.From(TestFolder.Start + Duration.FromSeconds(i), new EvidenceKey($"reading {i}"))));
        }
    }

    /// <summary>A fact whose payload is so many bytes.</summary>
    private static NewFact Sized(int bytes, int number)
    {
        NewFact Of(int length) => NewFact.At(
            new EvidenceKept(new EvidenceDigest(new string('0', 64)), new string('x', length), "", 0),
            TestFolder.Start, new EvidenceKey($"sized {number}"));
        return Of(bytes - EventCodec.Encode(Of(0).Event).Payload.Length);
    }

    [Fact]
    public async Task An_append_of_the_largest_size_is_recorded_and_one_byte_more_is_refused()
    {
        await using var place = await PlaceAsync();
        await using var journal = await place.OpenAsync();
        (await Append(journal, "s", ExpectedRevision.NoStream, Sized(Limits.DecisionBytesMax, 1)))
            .ShouldBe(new AppendResult.Recorded(0, 0));
        (await Append(journal, "s", ExpectedRevision.Any,
            Sized(Limits.DecisionBytesMax / 2, 2), Sized(Limits.DecisionBytesMax / 2, 3)))
            .ShouldBe(new AppendResult.Recorded(1, 2));
        (await Should.ThrowAsync<ArgumentException>(async () =>
            await Append(journal, "s", ExpectedRevision.Any, Sized(Limits.DecisionBytesMax + 1, 4))))
            .Message.ShouldContain("524288 bytes, not 524289");
        await Should.ThrowAsync<ArgumentException>(async () =>
            await Append(journal, "", ExpectedRevision.Any, TestFolder.Reading(1)));
        await Should.ThrowAsync<ArgumentException>(async () =>
            await Append(journal, new string('s', 201), ExpectedRevision.Any, TestFolder.Reading(1)));
        await Should.ThrowAsync<ArgumentException>(async () => await Append(journal, "s", ExpectedRevision.Any));
        journal.Length.ShouldBe(3);
        (await TestFolder.AllAsync(journal)).Select(recorded => recorded.Payload.Length)
            .ShouldBe([Limits.DecisionBytesMax, Limits.DecisionBytesMax / 2, Limits.DecisionBytesMax / 2]);
    }

    /// <summary>As a file of readings: small facts, of which the headers take more than the payloads.</summary>
    [Fact]
    public async Task Facts_of_one_stream_that_are_too_many_for_one_append_are_recorded_in_several()
    {
        const int count = 3000;
        using var folder = new TestFolder();
        using var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        await using var place = await PlaceAsync();
        await using var journal = await place.OpenAsync();
        var outcomes = await new Recorder(journal, archive, place.Clock).RecordEachAsync("register/CP1/1.8.0", 0,
            (known, _) => known + 1, [.. Enumerable.Range(0, count)],
            (_, number) => new Decision.Accepted(TestFolder.Reading(number)),
            number => new Submission(BitConverter.GetBytes(number), "readings.csv"), TestFolder.Tester, Ct);
        outcomes.ShouldBe(Numbers(count).Select(position => new RecordOutcome.Recorded(position)));
        (await RevisionsAsync(journal, "register/CP1/1.8.0", 0)).ShouldBe(Numbers(count));
    }

    [Fact]
    public async Task A_stream_and_all_events_are_read_from_the_start_the_middle_and_beyond_the_end()
    {
        await using var place = await PlaceAsync();
        await using (var journal = await place.OpenAsync())
        {
            for (var i = 0; i < 40; i++)
                await Append(journal, $"s/{i % 3}", ExpectedRevision.Any,
                    [.. Enumerable.Range(i * 30, 30).Select(number => TestFolder.Reading(number))]);
            await Check(journal);
        }
        await using var again = await place.OpenAsync();
        await Check(again);

        static async Task Check(IJournal journal)
        {
            (await RevisionsAsync(journal, "s/0", 0)).ShouldBe(Numbers(420));
            (await RevisionsAsync(journal, "s/1", 137)).ShouldBe(Numbers(253, 137));
            (await RevisionsAsync(journal, "s/2", 389)).ShouldBe([389]);
            (await RevisionsAsync(journal, "s/2", 390)).ShouldBeEmpty();
            (await RevisionsAsync(journal, "s/", 0)).ShouldBeEmpty();
            foreach (var from in new[] { 0, 1, 511, 512, 1199, 1200, 5000 })
                (await TestFolder.AllAsync(journal, from)).Select(recorded => recorded.Position)
                    .ShouldBe(Numbers(Math.Max(0, 1200 - from), from));
        }
    }

    [Fact]
    public async Task A_follower_from_any_checkpoint_sees_every_event_once_and_in_order_while_writers_append()
    {
        await using var place = await PlaceAsync();
        await using var journal = await place.OpenAsync();
        for (var i = 0; i < 100; i++) await Append(journal, "before", ExpectedRevision.Any, TestFolder.Reading(i));
        var followers = new[] { 0, 1, 50, 99, 100, 101, 350 }.Select(from => Task.Run(async () =>
        {
            var seen = new List<RecordedEvent>();
            for (var next = (long)from; next < 500; next = seen[^1].Position + 1)
            {
                await journal.WaitForAsync(next, Ct);
                await foreach (var recorded in journal.ReadAllAsync(next, Ct)) seen.Add(recorded);
            }
            return (from, seen);
        }, Ct)).ToList();
        var writers = Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 25; i++)
                await Append(journal, $"s{writer}", ExpectedRevision.Any,
                    TestFolder.Reading(1000 + (writer * 100) + i), TestFolder.Reading(5000 + (writer * 100) + i));
        }, Ct));
        await Task.WhenAll(writers);
        var all = await TestFolder.AllAsync(journal);
        foreach (var (from, seen) in await Task.WhenAll(followers))
        {
            seen.Select(recorded => recorded.Position).ShouldBe(Numbers(500 - from, from));
            seen.Select(recorded => recorded.Envelope.Id)
                .ShouldBe(all.Skip(from).Select(recorded => recorded.Envelope.Id));
        }
    }

    [Fact]
    public async Task An_unknown_wire_name_comes_back_as_it_is_and_stops_its_reader_with_the_position()
    {
        await using var place = await PlaceAsync();
        await using (var journal = await place.OpenAsync())
            await Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(1), TestFolder.Reading(2));
        var name = new string('u', EventCodec.Encode(TestFolder.Reading(3).Event).WireName.Length);
        await place.AddUnknownAsync("s", TestFolder.Reading(3), name);
        await using var again = await place.OpenAsync();
        var read = new List<LedgerEvent>();
        var stopped = await Should.ThrowAsync<UnknownWireNameException>(async () =>
        {
            await foreach (var recorded in again.ReadAllAsync(0, Ct)) read.Add(EventCodec.Decode(recorded));
        });
        stopped.Message.ShouldContain(name);
        stopped.Message.ShouldContain("position 2");
        read.Count.ShouldBe(2);
        (await RevisionsAsync(again, "s", 0)).ShouldBe([0, 1, 2]);
    }

    [Fact]
    public async Task What_is_cancelled_ends_and_appends_nothing()
    {
        await using var place = await PlaceAsync();
        await using var journal = await place.OpenAsync();
        for (var i = 0; i < 3; i++) await Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(i));
        using var cancelled = new CancellationTokenSource();
        var waiting = journal.WaitForAsync(3, cancelled.Token);
        waiting.IsCompleted.ShouldBeFalse();
        await cancelled.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(waiting);
        await Should.ThrowAsync<OperationCanceledException>(async () => await journal.AppendAsync(
            "s", ExpectedRevision.Any, [TestFolder.Reading(9)], TestFolder.Tester, null, cancelled.Token));
        await Should.ThrowAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in journal.ReadAllAsync(0, cancelled.Token)) { }
        });
        await Should.ThrowAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in journal.ReadStreamAsync("s", 0, cancelled.Token)) { }
        });
        await foreach (var first in journal.ReadAllAsync(0, Ct))
        {
            first.Position.ShouldBe(0);
            break; // a reader that loses interest disturbs nobody
        }
        (await Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(3)))
            .ShouldBe(new AppendResult.Recorded(3, 3));
    }

    [Fact]
    public async Task A_full_queue_answers_busy_and_loses_nothing()
    {
        await using var place = await PlaceAsync();
        await using var journal = await place.OpenAsync(queuedAppendsMax: 2, batchAppendsMax: 1);
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i =>
            Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(i)).AsTask()));
        var recorded = answers.Count(answer => answer is AppendResult.Recorded);
        answers.Count(answer => answer is AppendResult.Busy).ShouldBe(200 - recorded);
        recorded.ShouldBeInRange(1, 199);
        journal.Length.ShouldBe(recorded);
    }

    [Fact]
    public async Task A_second_sequencer_is_fenced_off()
    {
        await using var place = await PlaceAsync();
        await using var first = await place.OpenAsync();
        await Append(first, "s", ExpectedRevision.Any, TestFolder.Reading(0));
        IJournal second;
        try
        {
            second = await place.OpenAsync();
        }
        catch (Exception owned) when (owned is FolderOwnedException or LedgerOwnedException)
        {
            return; // at the door already
        }
        await using (second)
        {
            // Whichever appends first goes on; the other stops at its next append, and has recorded nothing.
            (await Append(first, "s", ExpectedRevision.Any, TestFolder.Reading(1)))
                .ShouldBe(new AppendResult.Recorded(1, 1));
            await Should.ThrowAsync<JournalFaultedException>(async () =>
                await Append(second, "t", ExpectedRevision.Any, TestFolder.Reading(2)));
            await Should.ThrowAsync<JournalFaultedException>(async () =>
                await Append(second, "t", ExpectedRevision.Any, TestFolder.Reading(3)));
            await Should.ThrowAsync<JournalFaultedException>(second.WaitForAsync(5, Ct));
        }
        (await Append(first, "s", ExpectedRevision.Any, TestFolder.Reading(4)))
            .ShouldBe(new AppendResult.Recorded(2, 2));
        (await TestFolder.AllAsync(first)).Select(recorded => recorded.Envelope.Stream).ShouldBe(["s", "s", "s"]);
    }

    [Fact]
    public async Task Header_and_payload_come_back_byte_for_byte_and_every_journal_has_the_same_root()
    {
        await using var place = await PlaceAsync();
        byte[] root;
        await using (var journal = await place.OpenAsync())
        {
            await Append(journal, "register/CP1", ExpectedRevision.NoStream, TestFolder.Reading(1, index: 123456));
            place.Clock.Now -= Duration.FromSeconds(5); // so that the journal has a fact of its own to record
            await journal.AppendAsync("ledger/größe/Ω", ExpectedRevision.NoStream, [Sized(300, 1), Sized(200_000, 2)],
                new Principal("prüfer", new PartyId("ACME"), new HashSet<string>()), new EventId(7), Ct);
            await Append(journal, "curve", ExpectedRevision.NoStream, Text("\"\\\u0001é漢😀\u2028"));
            root = journal.Root;
        }
        await using var again = await place.OpenAsync();
        var tree = new MerkleTree();
        var bytes = new List<byte>();
        foreach (var recorded in await TestFolder.AllAsync(again))
        {
            var header = EnvelopeBytes.Write(recorded.Envelope, recorded.Payload.Length);
            EventCodec.Encode(EventCodec.Decode(recorded)).Payload.ShouldBe(recorded.Payload.ToArray());
            bytes.AddRange(header);
            if (recorded.Payload.Length < 1000) bytes.AddRange(recorded.Payload.Span);
            tree.Append(EnvelopeBytes.LeafEntry(EnvelopeBytes.Salt(TestFolder.Secret, recorded.Envelope.Id), header,
                SHA256.HashData(recorded.Payload.Span)));
        }
        tree.Root().ShouldBe(root);
        again.Root.ShouldBe(root);
        bytes.AddRange(root);
        Snapshot.Match(bytes.ToArray(), "JournalContract");

        static NewFact Text(string text) => NewFact.At(
            new EvidenceKept(new EvidenceDigest(new string('1', 64)), text, "", 0), TestFolder.Start,
            new EvidenceKey("text"));
    }

    [Fact]
    public async Task The_time_of_recording_never_decreases_also_over_a_restart_and_a_step_back_is_a_fact()
    {
        await using var place = await PlaceAsync();
        await using (var journal = await place.OpenAsync())
            await Append(journal, "s", ExpectedRevision.Any, TestFolder.Reading(1));
        place.Clock.Now -= Duration.FromSeconds(5);
        await using var again = await place.OpenAsync();
        (await Append(again, "s", ExpectedRevision.Any, TestFolder.Reading(2)))
            .ShouldBe(new AppendResult.Recorded(2, 1));
        place.Clock.Now += Duration.FromSeconds(7);
        await Append(again, "s", ExpectedRevision.Any, TestFolder.Reading(3));
        var all = await TestFolder.AllAsync(again);
        all.Select(recorded => (recorded.Envelope.RecordedAt - TestFolder.Start).TotalSeconds).ShouldBe([0, 0, 0, 2]);
        all.Select(EventCodec.Decode).OfType<ClockSteppedBack>()
            .ShouldBe([new ClockSteppedBack(TestFolder.Start, TestFolder.Start - Duration.FromSeconds(5))]);
    }

    [Fact]
    public async Task A_clock_that_is_set_back_amid_appends_never_sets_the_time_of_recording_back()
    {
        await using var place = await PlaceAsync();
        await using var journal = await place.OpenAsync();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 60; i++)
            {
                // On the whole it goes on; each third time it is set back.
                if (writer == 0) place.Clock.Now += Duration.FromSeconds(i % 3 == 2 ? -3 : 2);
                (await Append(journal, $"s{writer}", ExpectedRevision.Any, TestFolder.Reading((writer * 60) + i)))
                    .ShouldBeOfType<AppendResult.Recorded>();
            }
        }, Ct)));
        var all = await TestFolder.AllAsync(journal);
        all.Select(recorded => recorded.Position).ShouldBe(Numbers(all.Count));
        all.Select(recorded => recorded.Envelope.RecordedAt).ShouldBeInOrder();
        var facts = all.ConvertAll(EventCodec.Decode);
        facts.Count(fact => fact is RegisterReadingRecorded).ShouldBe(240);
        var back = facts.OfType<ClockSteppedBack>().ToList();
        back.ShouldAllBe(step => step.Before - step.Now == Duration.FromSeconds(3));
        (back.Count, all.Count).ShouldBe((20, 260));
    }

    [Fact]
    public async Task An_empty_journal_has_the_root_of_nothing_and_waits_for_its_first_event()
    {
        await using var place = await PlaceAsync();
        await using var journal = await place.OpenAsync();
        (journal.Ledger, journal.Length).ShouldBe((new LedgerId("test"), 0));
        journal.Root.ShouldBe(SHA256.HashData([]));
        (await TestFolder.AllAsync(journal)).ShouldBeEmpty();
        (await RevisionsAsync(journal, "s", 0)).ShouldBeEmpty();
        var waiting = journal.WaitForAsync(0, Ct);
        waiting.IsCompleted.ShouldBeFalse();
        await Append(journal, "s", ExpectedRevision.NoStream, TestFolder.Reading(0));
        await waiting;
        journal.Root.ShouldNotBe(SHA256.HashData([]));
    }
}
