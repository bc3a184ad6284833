using Ledger.Journal;
using Ledger.Stores.Postgres;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What the server did not say is durable is not acknowledged, whoever set what.</summary>
[Collection(OnPostgres.Name)]
public sealed class PostgresDurabilityTests(PostgresCluster cluster)
{
    private static readonly TimeSpan Enough = TimeSpan.FromSeconds(60);
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static Task<AppendResult> Append(IJournal journal, int number) => journal.AppendAsync("s",
        ExpectedRevision.Any, [TestFolder.Reading(number)], TestFolder.Tester, null, Ct).AsTask();

    [Fact]
    public async Task A_commit_waits_for_its_standby_and_one_whose_wait_was_cancelled_is_not_acknowledged()
    {
        await using var place = new PostgresPlace(cluster) { Through = text => $"{text};Command Timeout=1" };
        var journal = place.Open();
        try
        {
            await Append(journal, 0);
            await StandbyAsync("nobody");
            await UntilCommitsWaitAsync();
            var waiting = Append(journal, 1);
            await UntilOneWaitsAsync();
            await Task.Delay(2500, Ct);
            waiting.IsCompleted.ShouldBeFalse("more than the second after which a command would be given up");
            await StandbyAsync("");
            (await waiting.WaitAsync(Enough, Ct)).ShouldBe(new AppendResult.Recorded(1, 1));

            await StandbyAsync("nobody");
            await UntilCommitsWaitAsync();
            var cancelled = Append(journal, 2);
            await CancelAsync();
            (await Should.ThrowAsync<JournalFaultedException>(() => cancelled.WaitAsync(Enough, Ct))).InnerException
                .ShouldBeOfType<IOException>().Message.ShouldStartWith("the server does not vouch for a commit: ");
            await journal.DisposeAsync();

            var opening = Task.Run(() => place.Open(), Ct);
            await CancelAsync();
            (await Should.ThrowAsync<IOException>(() => opening.WaitAsync(Enough, Ct)))
                .Message.ShouldStartWith("the server does not vouch for a commit: ");
        }
        finally
        {
            await StandbyAsync("");
        }
        // Here the server has it, and no standby is asked for: it is told as what it is.
        await using var again = place.Open();
        (await Append(again, 2)).ShouldBe(new AppendResult.AlreadyRecorded(2));
    }

    [Fact]
    public async Task Each_batch_says_itself_that_its_commit_waits_for_the_disk()
    {
        await using var place = new PostgresPlace(cluster);
        await using var journal = place.Open();
        // As behind a pooler, where the session of a batch is one that another client has set otherwise.
        place.Execute("""
            CREATE TABLE seen (setting text);
            CREATE FUNCTION pooled() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN PERFORM set_config('synchronous_commit', 'off', false); RETURN NULL; END $$;
            CREATE TRIGGER pooled BEFORE INSERT ON ledger_test.events EXECUTE FUNCTION pooled();
            CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER see AFTER UPDATE ON ledger_test.ledger DEFERRABLE INITIALLY DEFERRED
              FOR EACH ROW EXECUTE FUNCTION see();
            """);
        for (var number = 0; number < 3; number++) await Append(journal, number);
        place.Execute("SELECT string_agg(setting, ' ') FROM seen").ShouldBe("on on on");
    }

    /// <summary>Another bound than this process's own: the database says how long a statement may take.</summary>
    [Fact]
    public async Task A_commit_and_the_batch_behind_it_wait_for_a_standby_whatever_the_database_says_of_statements()
    {
        await using var place = new PostgresPlace(cluster);
        await place.Open().DisposeAsync(); // with its tables, for which there is time
        foreach (var bound in (string[])["statement_timeout", "lock_timeout", "idle_session_timeout"])
            cluster.Server.Execute($"ALTER DATABASE {place.Database} SET {bound} = '2s'");
        await using var journal = place.Open(batchAppendsMax: 1);
        try
        {
            await Append(journal, 0);
            await StandbyAsync("nobody");
            await UntilCommitsWaitAsync();
            var first = Append(journal, 1);
            await UntilOneWaitsAsync();
            var second = Append(journal, 2);
            await Task.Delay(5000, Ct);
            (first.IsCompleted, second.IsCompleted).ShouldBe((false, false));
            await StandbyAsync("");
            (await first.WaitAsync(Enough, Ct)).ShouldBe(new AppendResult.Recorded(1, 1));
            (await second.WaitAsync(Enough, Ct)).ShouldBe(new AppendResult.Recorded(2, 2));
            // A repeat is asked for after that time too, in a session that the database has not ended.
            await Task.Delay(2500, Ct);
            (await Append(journal, 1).WaitAsync(Enough, Ct)).ShouldBe(new AppendResult.AlreadyRecorded(1));
        }
        finally
        {
            await StandbyAsync("");
        }
    }

    /// <summary>A standby that is behind looks whole.</summary>
    [Fact]
    public async Task Of_several_servers_the_one_that_is_written_is_read()
    {
        cluster.Server.ShouldNotBeNull();
        await using var primary = await PostgresServer.StartNewAsync();
        MartenJournal Open(string connection) => MartenJournal.Open(
            new PostgresLedger(connection, PostgresPlace.Ledger),
            new SequencingOptions(PostgresPlace.Ledger, new StandingClock(TestFolder.Start), TestFolder.Secret));
        await using (var journal = Open(primary.Connection())) await Append(journal, 0);
        await using var standby = await primary.WithStandbyBehindAsync();
        var both = primary.Connection().Replace($"127.0.0.1;Port={primary.Port}",
            $"127.0.0.1:{standby.Port},127.0.0.1:{primary.Port}", StringComparison.Ordinal);
        await using (var journal = Open(both)) (await Append(journal, 1)).ShouldBe(new AppendResult.Recorded(1, 1));
        await using (var behind = MartenJournalReader.Open(new(standby.Connection(), PostgresPlace.Ledger)))
            behind.Length.ShouldBe(1);
        foreach (var said in (string[])["", ";Target Session Attributes=primary"])
        {
            await using var reader = MartenJournalReader.Open(new(both + said, PostgresPlace.Ledger));
            reader.Length.ShouldBe(2, said);
        }
    }

    private async Task StandbyAsync(string name)
    {
        cluster.Server.Execute($"ALTER SYSTEM SET synchronous_standby_names = '{name}'");
        cluster.Server.Execute("SELECT pg_reload_conf()");
        for (var look = 0; look < 1500
            && cluster.Server.Execute("SHOW synchronous_standby_names") as string != name; look++)
            await Task.Delay(20, Ct);
    }

    /// <summary>A process of the server's own says whether commits wait for a standby, once it has read that they
    /// should; until then they do not.</summary>
    private async Task UntilCommitsWaitAsync()
    {
        for (var hasWaited = false; !hasWaited;)
        {
            var commit = Task.Run(
                () => cluster.Server.Execute("SELECT pg_logical_emit_message(true, 'probe', '')"), Ct);
            while (!commit.IsCompleted && !hasWaited)
            {
                await Task.Delay(20, Ct);
                hasWaited = cluster.Server.Execute($"SELECT count(pg_cancel_backend(pid)) {Waits}") is 1L;
            }
            await commit.WaitAsync(Enough, Ct);
        }
    }

    private const string Waits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

    private async Task UntilOneWaitsAsync()
    {
        for (var look = 0; look < 1500 && cluster.Server.Execute($"SELECT count(*) {Waits}") is not 1L; look++)
            await Task.Delay(20, Ct);
        cluster.Server.Execute($"SELECT count(*) {Waits}").ShouldBe(1L);
    }

    private async Task CancelAsync()
    {
        await UntilOneWaitsAsync();
        cluster.Server.Execute($"SELECT count(pg_cancel_backend(pid)) {Waits}").ShouldBe(1L);
    }
}
