using System.Collections.Concurrent;
using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Stores.Postgres;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What the journal on PostgreSQL promises beyond the contract of every journal.</summary>
[Collection(OnPostgres.Name)]
public sealed class MartenJournalTests(PostgresCluster cluster)
{
    private static readonly int LostAnswers = LongRun.Samples >= 1_000_000 ? 200 : 12;
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static ValueTask<AppendResult> Append(IJournal journal, string stream, params NewFact[] facts) =>
        journal.AppendAsync(stream, ExpectedRevision.Any, facts, TestFolder.Tester, null, Ct);

    [Fact]
    public async Task The_stored_bytes_are_the_canonical_ones_which_jsonb_would_not_give_back()
    {
        await using var place = new PostgresPlace(cluster);
        var fact = TestFolder.Reading(1, index: 123456);
        await using (var journal = place.Open())
        {
            await Append(journal, "register/CP1", fact);
            var stored = (await TestFolder.AllAsync(journal)).Single();
            place.Execute("SELECT payload FROM ledger_test.events").ShouldBe(EventCodec.Encode(fact.Event).Payload);
            place.Execute("SELECT header FROM ledger_test.events")
                .ShouldBe(EnvelopeBytes.Write(stored.Envelope, stored.Payload.Length));
            place.Execute("SELECT leaf FROM ledger_test.events").ShouldBe(journal.LeafEntries(0, 1).Single());
        }
        place.Execute("SELECT convert_from(payload, 'UTF8') = convert_from(payload, 'UTF8')::jsonb::text "
            + "FROM ledger_test.events").ShouldBe(false);
    }

    [Fact]
    public async Task A_cable_cut_before_the_commit_keeps_nothing_and_one_cut_after_it_loses_no_fact_and_doubles_none()
    {
        await using var cable = new CutCable(cluster.Server.Port);
        await using var place = new PostgresPlace(cluster)
        {
            Through = connection => connection.Replace(Text($"Port={cluster.Server.Port}"), Text($"Port={cable.Port}"),
                StringComparison.Ordinal),
        };
        var journal = place.Open();
        for (var i = 0; i < LostAnswers; i++)
        {
            foreach (var where in (Cut[])[Cut.BeforeCommit, Cut.BeforeAnswer])
            {
                var fact = TestFolder.Reading((2 * i) + (int)where);
                var length = journal.Length;
                cable.CutAt(where);
                (await Should.ThrowAsync<JournalFaultedException>(async () => await Append(journal, "s", fact)))
                    .Message.ShouldStartWith("the journal has stopped: ");
                Should.Throw<JournalFaultedException>(() => journal.ReadAllAsync(0, Ct));
                await journal.DisposeAsync();
                journal = place.Open();
                journal.Length.ShouldBe(where == Cut.BeforeCommit ? length : length + 1);
                (await Append(journal, "s", fact)).ShouldBe(where == Cut.BeforeCommit
                    ? new AppendResult.Recorded(length, length) : new AppendResult.AlreadyRecorded(length));
            }
        }
        (await TestFolder.AllAsync(journal)).Select(recorded => recorded.Envelope.Revision)
            .ShouldBe(Enumerable.Range(0, 2 * LostAnswers).Select(i => (long)i));
        await journal.DisposeAsync();
    }

    [Fact]
    public async Task What_was_acknowledged_outlives_a_crash_of_the_server_and_stands_once()
    {
        await using var place = new PostgresPlace(cluster);
        var acknowledged = new ConcurrentDictionary<int, long>();
        for (var crash = 0; crash < 2; crash++)
        {
            await using (var journal = place.Open())
            {
                var writers = Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
                {
                    try
                    {
                        for (var i = 0; ; i++)
                        {
                            var number = (((crash * 8) + writer) * 100_000) + i;
                            var answer = await Append(journal, $"s{writer}", TestFolder.Reading(number));
                            acknowledged[number] = answer.ShouldBeOfType<AppendResult.Recorded>().FirstPosition;
                        }
                    }
                    catch (JournalFaultedException)
                    {
                        return; // it stopped, loudly
                    }
                }, Ct)).ToList();
                while (acknowledged.Count < 200 * (crash + 1)) await Task.Delay(5, Ct);
                await cluster.Server.CrashAsync();
                await Task.WhenAll(writers);
            }
            await cluster.Server.StartAsync();
        }
        await using var again = place.Open();
        var all = await TestFolder.AllAsync(again);
        all.Select(recorded => recorded.Position).ShouldBe(Enumerable.Range(0, all.Count).Select(i => (long)i));
        all.Select(recorded => recorded.Envelope.Id).Distinct().Count().ShouldBe(all.Count);
        foreach (var (number, position) in acknowledged)
            ((int)(all[(int)position].Envelope.ValidFrom - TestFolder.Start).TotalSeconds).ShouldBe(number);
    }

    [Fact]
    public async Task A_second_writer_is_refused_and_takes_over_when_the_first_is_gone_which_then_writes_nothing()
    {
        await using var place = new PostgresPlace(cluster);
        await using var first = place.Open(application: "first");
        await Append(first, "s", TestFolder.Reading(0));
        Should.Throw<LedgerOwnedException>(() => place.Open()).Message
            .ShouldStartWith("another process records facts of ledger test in this database (server process ");
        cluster.Server.Cut("first");
        await using var second = place.Open(patience: Duration.FromSeconds(5));
        (await Append(second, "s", TestFolder.Reading(1))).ShouldBe(new AppendResult.Recorded(1, 1));
        await Should.ThrowAsync<JournalFaultedException>(async () => await Append(first, "s", TestFolder.Reading(2)));
        (await Append(second, "s", TestFolder.Reading(3))).ShouldBe(new AppendResult.Recorded(2, 2));
    }

    [Fact]
    public async Task A_writer_whose_lock_a_pooler_has_lost_is_fenced_off_by_its_token()
    {
        await using var place = new PostgresPlace(cluster);
        await using var journal = place.Open();
        await Append(journal, "s", TestFolder.Reading(0));
        place.Execute("UPDATE ledger_test.ledger SET fence = fence + 1"); // as a second one does when it opens
        (await Should.ThrowAsync<JournalFaultedException>(async () => await Append(journal, "s", TestFolder.Reading(1))))
            .Message.ShouldContain("this one is fenced off");
        place.Execute("SELECT count(*) FROM ledger_test.events").ShouldBe(1L);
        place.Execute("SELECT length FROM ledger_test.ledger").ShouldBe(1L);
    }

    [Fact]
    public async Task A_reader_sees_beside_the_owner_what_is_acknowledged_and_appends_nothing()
    {
        await using var place = new PostgresPlace(cluster);
        Should.Throw<JournalRefusedException>(() => MartenJournalReader.Open(place.Connect()))
            .Message.ShouldContain("no journal of test");
        await using var owner = place.Open();
        for (var i = 0; i < 3; i++) await Append(owner, "s", TestFolder.Reading(i));
        await using var reader = MartenJournalReader.Open(place.Connect());
        (reader.Ledger, reader.Length, Convert.ToHexString(reader.Root))
            .ShouldBe((owner.Ledger, 3L, Convert.ToHexString(owner.Root)));
        await Append(owner, "s", TestFolder.Reading(3));
        reader.Length.ShouldBe(3);
        (await TestFolder.AllAsync(reader)).Count.ShouldBe(3);
        var waiting = reader.WaitForAsync(4, Ct);
        await Append(owner, "s", TestFolder.Reading(4));
        await waiting;
        reader.Root.ShouldBe(owner.Root);
        reader.LeafEntries(1, 5).Select(Convert.ToHexString)
            .ShouldBe(owner.LeafEntries(1, 5).Select(Convert.ToHexString));
        await Should.ThrowAsync<InvalidOperationException>(async () => await Append(reader, "s", TestFolder.Reading(9)));
    }

    [Fact]
    public async Task Pages_of_thousands_are_read_whole_left_amid_and_refused_where_an_event_is_missing()
    {
        const int events = 12_000, lost = 7_000;
        await using var place = new PostgresPlace(cluster);
        await using var journal = place.Open();
        for (var i = 0; i < events; i += 500)
            await Append(journal, "s", [.. Enumerable.Range(i, 500).Select(number => TestFolder.Reading(number))]);
        var all = await TestFolder.AllAsync(journal);
        all.Select(recorded => recorded.Position).ShouldBe(Enumerable.Range(0, events).Select(i => (long)i));
        for (var i = 0; i < events; i += 7)
            all[i].Payload.ToArray().ShouldBe(EventCodec.Encode(TestFolder.Reading(i).Event).Payload);
        foreach (var read in (int[])[1_500, 6_000])
        {
            var left = read;
            await foreach (var recorded in journal.ReadAllAsync(0, Ct))
                if (--left == 0) break;
        }
        place.Execute(Text($"DELETE FROM ledger_test.events WHERE position = {lost}"));
        var given = 0;
        (await Should.ThrowAsync<JournalRefusedException>(async () =>
        {
            await foreach (var recorded in journal.ReadAllAsync(0, Ct)) recorded.Position.ShouldBe(given++);
        })).Message.ShouldBe(Text($"the event at position {lost} is missing"));
        given.ShouldBe(lost);
    }

    [Fact]
    public async Task A_stream_and_the_leaves_are_refused_where_an_event_is_missing()
    {
        const int events = 1200, lost = 700;
        await using var place = new PostgresPlace(cluster);
        await using var journal = place.Open();
        for (var i = 0; i < events; i += 400)
            await Append(journal, "s", [.. Enumerable.Range(i, 400).Select(number => TestFolder.Reading(number))]);
        var leaves = journal.LeafEntries(0, events).ToList();
        leaves.Count.ShouldBe(events);
        (await StreamAsync(journal, 0)).ShouldBe(Enumerable.Range(0, events).Select(i => (long)i));
        place.Execute(Text($"DELETE FROM ledger_test.events WHERE position = {lost}"));
        foreach (var from in (int[])[0, 650, lost])
        {
            (await Should.ThrowAsync<JournalRefusedException>(() => StreamAsync(journal, from)))
                .Message.ShouldBe(Text($"revision {lost} of s is missing"));
            Should.Throw<JournalRefusedException>(() => journal.LeafEntries(from, events).Count())
                .Message.ShouldBe(Text($"the leaf at position {lost} is missing"));
        }
        (await StreamAsync(journal, lost + 1)).Count.ShouldBe(events - lost - 1);
        journal.LeafEntries(0, lost).ShouldBe(leaves[..lost]);
    }

    private static async Task<List<long>> StreamAsync(IJournal journal, long from)
    {
        var revisions = new List<long>();
        await foreach (var recorded in journal.ReadStreamAsync("s", from, Ct))
            revisions.Add(recorded.Envelope.Revision);
        return revisions;
    }

    [Fact]
    public async Task Another_ledgers_journal_and_one_that_lacks_events_are_refused()
    {
        await using var place = new PostgresPlace(cluster);
        await using (var journal = place.Open()) await Append(journal, "s", TestFolder.Reading(0), TestFolder.Reading(1));
        place.Execute("UPDATE ledger_test.ledger SET name = 'other'");
        Should.Throw<JournalRefusedException>(() => place.Open()).Message.ShouldContain("ledger other");
        place.Execute("UPDATE ledger_test.ledger SET name = 'test'");
        place.Execute("DELETE FROM ledger_test.events WHERE position = 1");
        Should.Throw<JournalRefusedException>(() => place.Open()).Message
            .ShouldBe("the journal says 2 events and holds 1");
    }

    [Theory]
    [InlineData("town", "ledger_town")]
    [InlineData("town_2", "ledger_town_2")]
    [InlineData("Town", "ledger_town_390f2513")]
    [InlineData("town-2", "ledger_town_2_09f2e9cf")]
    public void Each_ledger_has_a_schema_of_its_own(string id, string schema)
    {
        using var ledger = new PostgresLedger("Host=127.0.0.1", new LedgerId(id));
        ledger.Schema.ShouldBe(schema);
        ledger.SchemaSql.ShouldContain($"CREATE TABLE IF NOT EXISTS {schema}.events");
    }

    [Fact]
    public void Schemas_of_long_ids_fit_into_an_identifier_and_differ()
    {
        using var one = new PostgresLedger("Host=127.0.0.1", new LedgerId(new string('a', 64)));
        using var other = new PostgresLedger("Host=127.0.0.1", new LedgerId(new string('a', 63) + "b"));
        one.Schema.Length.ShouldBe(63);
        other.Schema.ShouldNotBe(one.Schema);
    }

    [Fact]
    public async Task The_printed_schema_is_what_is_made_and_may_be_run_again()
    {
        await using var place = new PostgresPlace(cluster);
        using (var ledger = place.Connect())
            for (var i = 0; i < 2; i++) place.Execute(ledger.SchemaSql);
        await using var journal = place.Open();
        (await Append(journal, "s", TestFolder.Reading(0))).ShouldBe(new AppendResult.Recorded(0, 0));
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
