using System.Text;
using Grpc.Core;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Stores.EventStoreDb;
using NodaTime;
using Shouldly;

namespace Ledger.Tests.EventStoreDb;

/// <summary>What only a journal at a server withstands: servers go away, and other programs write to them.</summary>
public sealed class EventStoreDbJournalTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static EventStoreDbPlace At(EventStoreDouble server) => new(server.ConnectionString, "ledger-");

    private static Task<EventStoreDbJournal> OpenAsync(EventStoreDouble server) =>
        EventStoreDbJournal.OpenAsync(At(server).Options, Ct);

    private static ValueTask<AppendResult> Append(IJournal journal, int number, string stream = "s") =>
        journal.AppendAsync(stream, ExpectedRevision.Any, [TestFolder.Reading(number)], TestFolder.Tester, null, Ct);

    private static RpcException Unavailable() => new(new(StatusCode.Unavailable, "gone"));

    [Fact]
    public async Task The_same_fact_of_two_processes_at_one_position_is_recorded_by_one_of_them()
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using var first = await OpenAsync(server);
        var later = At(server);
        later.Clock.Now += Duration.FromSeconds(1);
        await using var second = await EventStoreDbJournal.OpenAsync(later.Options, Ct);
        (await Append(first, 1)).ShouldBe(new AppendResult.Recorded(0, 0));
        // Of the ledger's own ids the server would say that it has them, though the second would record another time.
        var stopped = await Should.ThrowAsync<JournalFaultedException>(async () => await Append(second, 1));
        stopped.InnerException.ShouldBeOfType<JournalFencedException>().Message
            .ShouldContain("another process appended to stream ledger-test at position 0");
        server.Log.Of("ledger-test")!.Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_append_whose_answer_is_lost_is_recorded_once_200_times()
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using var journal = await OpenAsync(server);
        for (var i = 0; i < 200; i++)
        {
            server.Faults.Add((i % 5) switch
            {
                0 => DoubleFault.After(Unavailable),
                1 => DoubleFault.Before(Unavailable),
                2 => DoubleFault.After(() => new RpcException(new(StatusCode.Cancelled, "dropped"))),
                3 => DoubleFault.NotHandled("Server Is Not Ready"),
                _ => DoubleFault.After(() => new RpcException(new(StatusCode.Aborted, "Operation timed out"))),
            });
            (await Append(journal, i)).ShouldBe(new AppendResult.Recorded(i, i));
        }
        server.Log.Of("ledger-test")!.Count.ShouldBe(200);
        (await TestFolder.AllAsync(journal)).Select(recorded => recorded.Envelope.Id).Distinct().Count().ShouldBe(200);
    }

    [Fact]
    public async Task What_a_writer_that_died_had_written_unanswered_is_there_and_its_repeat_is_known()
    {
        await using var server = await EventStoreDouble.StartAsync();
        using var dead = new ManualResetEventSlim();
        var dying = await OpenAsync(server);
        server.Faults.Add(new DoubleFault(() => { }, () => dead.Wait(Ct)));
        var grown = server.Log.Grown;
        var unanswered = Append(dying, 1).AsTask();
        await grown.WaitAsync(TimeSpan.FromMinutes(2), Ct);
        await using (var next = await OpenAsync(server))
        {
            (await Append(next, 1)).ShouldBe(new AppendResult.AlreadyRecorded(0));
            (await Append(next, 2)).ShouldBe(new AppendResult.Recorded(1, 1));
        }
        unanswered.IsCompleted.ShouldBeFalse();
        dead.Set();
        (await unanswered).ShouldBe(new AppendResult.Recorded(0, 0), "for so it was");
        await Should.ThrowAsync<JournalFaultedException>(async () => await Append(dying, 3));
        await dying.DisposeAsync();
    }

    [Fact]
    public async Task A_server_that_restarts_under_load_loses_and_doubles_nothing()
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using var journal = await OpenAsync(server);
        var writers = Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 40; i++)
                (await Append(journal, (writer * 40) + i, $"s{writer}"))
                    .ShouldBeOfType<AppendResult.Recorded>().Revision.ShouldBe(i);
        }, Ct)).ToList();
        for (var restart = 0; restart < 3; restart++)
        {
            await journal.WaitForAsync(restart * 60, Ct);
            await server.StopAsync();
            await server.StartAgainAsync();
        }
        await Task.WhenAll(writers);
        await using var again = await OpenAsync(server);
        (again.Length, Convert.ToHexString(again.Root)).ShouldBe((320, Convert.ToHexString(journal.Root)));
    }

    private static Task<AppendResult> AppendMany(IJournal journal, int first) => journal.AppendAsync("s",
        ExpectedRevision.Any, [.. Enumerable.Range(first, 400).Select(number => TestFolder.Reading(number))],
        TestFolder.Tester, null, Ct).AsTask();

    [Fact]
    public async Task A_large_batch_is_sent_in_parts_and_written_with_the_last()
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using var journal = await OpenAsync(server);
        (await Append(journal, 0)).ShouldBe(new AppendResult.Recorded(0, 0));
        (await AppendMany(journal, 1)).ShouldBe(new AppendResult.Recorded(1, 400));
        server.Faults.Parts.ShouldBeGreaterThan(2);
        (await AppendMany(journal, 1)).ShouldBe(new AppendResult.AlreadyRecorded(1));
        await using var again = await OpenAsync(server);
        (again.Length, Convert.ToHexString(again.Root)).ShouldBe((401, Convert.ToHexString(journal.Root)));
    }

    [Theory]
    [InlineData("ended")]
    [InlineData("not handled")]
    [InlineData("restarted")]
    public async Task A_batch_that_was_begun_while_the_one_before_failed_is_written_once_after_it(string failure)
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using var journal = await OpenAsync(server);
        await Append(journal, 0);
        using var held = new ManualResetEventSlim();
        server.Faults.Add(failure switch
        {
            "not handled" => DoubleFault.NotHandled("Server Is Busy") with { BeforeWrite = () => held.Wait(Ct) },
            "ended" => new DoubleFault(() => { held.Wait(Ct); throw Unavailable(); }, () => { }),
            _ => new DoubleFault(() => { }, () => held.Wait(Ct)), // written, and the answer is lost
        });
        var before = AppendMany(journal, 1);
        await Task.Delay(100, Ct);
        var next = AppendMany(journal, 401); // its first parts are on the way, and wait at the server
        await Task.Delay(100, Ct);
        if (failure == "restarted")
        {
            var stopping = server.StopAsync();
            held.Set();
            await stopping;
            await server.StartAgainAsync();
        }
        held.Set();
        (await before, await next).ShouldBe((new AppendResult.Recorded(1, 400), new AppendResult.Recorded(401, 800)));
        server.Log.Of("ledger-test")!.Count.ShouldBe(801);
        await using var again = await OpenAsync(server);
        Convert.ToHexString(again.Root).ShouldBe(Convert.ToHexString(journal.Root));
    }

    [Fact]
    public async Task A_server_that_stays_away_stops_the_journal_and_one_that_lost_events_is_refused()
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using var journal = await EventStoreDbJournal.OpenAsync(
            At(server).Options with { OutageMax = TimeSpan.FromMilliseconds(300) }, Ct);
        await Append(journal, 1);
        await server.StopAsync();
        (await Should.ThrowAsync<JournalFaultedException>(async () => await Append(journal, 2)))
            .InnerException.ShouldBeOfType<RpcException>().StatusCode.ShouldBe(StatusCode.Unavailable);
        await Should.ThrowAsync<JournalFaultedException>(journal.WaitForAsync(5, Ct));
        Should.Throw<JournalFaultedException>(() => journal.ReadAllAsync(0, Ct));

        await server.StartAgainAsync();
        await using var other = await OpenAsync(server);
        (await Append(other, 2)).ShouldBe(new AppendResult.Recorded(1, 1));
        server.Faults.Add(DoubleFault.Before(Unavailable));
        server.Log.Lose("ledger-test", 1);
        (await Should.ThrowAsync<JournalFaultedException>(async () => await Append(other, 3)))
            .InnerException.ShouldBeOfType<JournalRefusedException>().Message
            .ShouldBe("stream ledger-test ends at position 1 but was acknowledged up to 2");
    }

    [Fact]
    public async Task A_node_that_does_not_lead_sends_the_journal_to_the_leader()
    {
        await using var leader = await EventStoreDouble.StartAsync();
        await using var follower = await EventStoreDouble.StartAsync(log: leader.Log);
        await using var journal = await OpenAsync(follower);
        (await Append(journal, 1)).ShouldBe(new AppendResult.Recorded(0, 0));
        follower.Faults.Calls.Count.ShouldBeGreaterThan(0);
        leader.Faults.Calls.ShouldBeEmpty();
        follower.Faults.Add(DoubleFault.Before(() => DoubleMessages.Status(StatusCode.NotFound, "Leader info available",
            ("exception", "not-leader"), ("leader-endpoint-host", "127.0.0.1"), ("leader-endpoint-port", $"{leader.Port}"))));
        (await Append(journal, 2)).ShouldBe(new AppendResult.Recorded(1, 1));
        leader.Faults.Calls.Single().Method.ShouldBe("/event_store.client.streams.Streams/BatchAppend");
        leader.Faults.Calls.Single().Headers["requires-leader"].ShouldBe("true");
        (await TestFolder.AllAsync(journal)).Count.ShouldBe(2);
    }

    [Theory]
    [InlineData("""{"$maxAge":3600}""", "$maxAge")]
    [InlineData("""{"$maxCount":10}""", "$maxCount")]
    [InlineData("""{"$tb":0}""", "$tb")]
    [InlineData("""{"$cacheControl":60,"$acl":{"$r":"$all"}}""", null)]
    public async Task A_stream_of_which_the_server_may_remove_events_is_refused(string metadata, string? bound)
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using (var journal = await OpenAsync(server)) await Append(journal, 1);
        await At(server).AppendAsync(0, "$metadata", Encoding.UTF8.GetBytes(metadata), "", "$$");
        if (bound is null) await (await OpenAsync(server)).DisposeAsync();
        else
            (await Should.ThrowAsync<JournalRefusedException>(() => OpenAsync(server))).Message.ShouldBe(
                $"the metadata of stream ledger-test sets {bound}, by which the server removes events of the ledger");
    }

    [Fact]
    public async Task A_stream_that_was_deleted_for_good_is_said_to_be()
    {
        const string why = "stream ledger-test was deleted for good: the server has nothing of it any more, and takes "
            + "nothing under its name";
        await using var server = await EventStoreDouble.StartAsync();
        await using (var journal = await OpenAsync(server))
        {
            await Append(journal, 1);
            server.Log.Delete("ledger-test", DoubleLog.Any, isForGood: true);
            var stopped = await Should.ThrowAsync<JournalFaultedException>(async () => await Append(journal, 2));
            stopped.InnerException.ShouldBeOfType<JournalRefusedException>().Message.ShouldBe(why);
        }
        (await Should.ThrowAsync<JournalRefusedException>(() => OpenAsync(server))).Message.ShouldBe(why);
        (await Should.ThrowAsync<JournalRefusedException>(() => EventStoreDbJournalReader.OpenAsync(At(server).Options,
            Ct))).Message.ShouldBe(why);
    }

    [Theory]
    [InlineData("", "was not written by a ledger")]
    [InlineData("""{"header":"!"}""", "was not written by a ledger")]
    [InlineData("""{"header":"AQ=="}""", "has no readable header: the header is cut short")]
    public async Task A_stream_to_which_another_program_wrote_is_refused(string metadata, string why)
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using (var journal = await OpenAsync(server)) await Append(journal, 1);
        await At(server).AppendAsync(1, "other", "{}"u8.ToArray(), metadata);
        var refused = await Should.ThrowAsync<JournalRefusedException>(() => OpenAsync(server));
        refused.Message.ShouldContain("position 1");
        refused.Message.ShouldContain(why);
    }

    [Fact]
    public async Task Another_ledgers_stream_is_refused()
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using (var journal = await OpenAsync(server)) await Append(journal, 1);
        (await Should.ThrowAsync<JournalRefusedException>(() => EventStoreDbJournal.OpenAsync(At(server).Options with
        { Ledger = new LedgerId("t"), StreamPrefix = "ledger-tes" }, Ct)))
            .Message.ShouldBe("position 0 is of ledger test, not of t");
    }

    [Fact]
    public async Task A_server_without_batches_is_written_to_one_append_at_a_time()
    {
        await using var server = await EventStoreDouble.StartAsync(hasBatches: false);
        await using var journal = await OpenAsync(server);
        (await Append(journal, 1)).ShouldBe(new AppendResult.Recorded(0, 0));
        (await Append(journal, 2)).ShouldBe(new AppendResult.Recorded(1, 1));
        server.Faults.Calls.Count(call => call.Method.EndsWith("/Append", StringComparison.Ordinal)).ShouldBe(2);
        await using var fenced = await OpenAsync(server);
        await Append(journal, 3);
        (await Should.ThrowAsync<JournalFaultedException>(async () => await Append(fenced, 4)))
            .InnerException.ShouldBeOfType<JournalFencedException>();
    }

    [Fact]
    public async Task A_reader_beside_the_writer_follows_it_over_a_restart_and_appends_nothing()
    {
        await using var server = await EventStoreDouble.StartAsync();
        (await Should.ThrowAsync<JournalRefusedException>(() => EventStoreDbJournalReader.OpenAsync(
            At(server).Options, Ct))).Message.ShouldBe("there is no journal in stream ledger-test");
        await using var journal = await OpenAsync(server);
        for (var i = 0; i < 3; i++) await Append(journal, i);
        await using var reader = await EventStoreDbJournalReader.OpenAsync(At(server).Options, Ct);
        (reader.Ledger, reader.Length).ShouldBe((new LedgerId("test"), 3));
        reader.Root.ShouldBe(journal.Root);
        var waiting = reader.WaitForAsync(4, Ct);
        await Append(journal, 3);
        waiting.IsCompleted.ShouldBeFalse();
        await server.StopAsync();
        await server.StartAgainAsync();
        await Append(journal, 4);
        await waiting;
        reader.Look().ShouldBeEquivalentTo(new Ledger.Journal.Acknowledged(5, journal.Root));
        (await TestFolder.AllAsync(reader, 3)).Select(recorded => recorded.Position).ShouldBe([3, 4]);
        var revisions = new List<long>();
        await foreach (var recorded in reader.ReadStreamAsync("s", 1, Ct)) revisions.Add(recorded.Envelope.Revision);
        revisions.ShouldBe([1, 2, 3, 4]);
        await Should.ThrowAsync<InvalidOperationException>(async () => await Append(reader, 9));
    }

    [Fact]
    public async Task Events_recorded_elsewhere_come_in_with_their_bytes_and_their_root()
    {
        await using var server = await EventStoreDouble.StartAsync();
        using var folder = new TestFolder();
        await using var embedded = folder.Open();
        for (var i = 0; i < 30; i++) await Append(embedded, i, $"s{i % 4}");
        await using (var journal = await OpenAsync(server))
        {
            await journal.AppendRecordedAsync(await TestFolder.AllAsync(embedded), Ct);
            journal.Root.ShouldBe(embedded.Root);
            (await Append(journal, 7)).ShouldBe(new AppendResult.AlreadyRecorded(7));
            var repeated = (await TestFolder.AllAsync(embedded)).Take(1).ToList();
            (await Should.ThrowAsync<JournalRefusedException>(async () =>
                await journal.AppendRecordedAsync(repeated, Ct))).Message.ShouldContain("position 30 comes next");
        }
        await using var again = await OpenAsync(server);
        again.Root.ShouldBe(embedded.Root);
    }

    [Fact]
    public async Task Repeats_are_answered_from_pages_that_are_read_once()
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using var journal = await OpenAsync(server);
        for (var i = 0; i < 700; i++) await Append(journal, i);
        var before = server.Faults.Calls.Count;
        for (var i = 0; i < 700; i++) (await Append(journal, i)).ShouldBe(new AppendResult.AlreadyRecorded(i));
        (server.Faults.Calls.Count - before).ShouldBe(11, "64 at a time");
    }

    [Fact]
    public async Task The_event_at_the_server_is_json_with_the_payload_as_its_data()
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using var journal = await OpenAsync(server);
        await Append(journal, 1);
        var written = server.Log.Of("ledger-test")!.Single();
        var recorded = (await TestFolder.AllAsync(journal)).Single();
        (written.Type, written.ContentType).ShouldBe(("register-reading-recorded", "application/json"));
        written.Data.ShouldBe(recorded.Payload.ToArray());
        Encoding.UTF8.GetString(written.Metadata).ShouldBe("{\"header\":\""
            + Convert.ToBase64String(EnvelopeBytes.Write(recorded.Envelope, recorded.Payload.Length)) + "\"}");
    }

    /// <summary>A call of the copy is one append there, and headers count as well as payloads.</summary>
    [Fact]
    public async Task A_journal_whose_headers_are_long_is_copied_too()
    {
        using var original = new TestFolder();
        var (name, text) = (new string('計', Limits.IdentifierLengthMax), new string('x', Limits.TextLengthMax));
        var by = new Principal(name, new PartyId(new string('P', Limits.IdentifierLengthMax)), new HashSet<string>());
        await using (var journal = original.Open())
            for (var number = 0; number < 1000; number += 100)
                (await journal.AppendAsync(new string('s', 200), ExpectedRevision.Any,
                    [.. Enumerable.Range(number, 100).Select(each => NewFact.At(new EvidenceKept(
                        new EvidenceDigest(new string('0', 64)), text, text, each), TestFolder.Start,
                        new EvidenceKey($"{each}")))], by, null, Ct)).ShouldBeOfType<AppendResult.Recorded>();
        await using var from = SqliteJournalReader.Open(original.Options);
        await using var server = await EventStoreDouble.StartAsync();
        await using var to = await OpenAsync(server);
        await JournalCopy.WriteAsync(from, to, TestFolder.Secret, from.Look(), _ => { }, Ct);
        (to.Length, Convert.ToHexString(to.Root)).ShouldBe((1000, Convert.ToHexString(from.Root)));
    }
}
