using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using Ledger.Stores.Postgres;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The promises of every read model, on PostgreSQL through Marten.</summary>
[Collection(OnPostgres.Name)]
public sealed class MartenViewsContractTests(PostgresCluster cluster) : ViewStoreContractTests, IDisposable
{
    private readonly LedgerId ledger = PostgresCluster.NewLedger();
    private readonly List<MartenViews> opened = [];

    private protected override IViewStore Open()
    {
        lock (opened)
        {
            opened.Add(MartenViews.Open(new PostgresLedger(cluster.Server.Connection(), ledger)));
            return opened[^1];
        }
    }

    [Fact]
    public async Task A_holder_that_is_paused_amid_its_commit_is_ended_by_the_server_and_another_takes_over()
    {
        var (paused, other) = (Open(), Open());
        paused.TryHold(ViewLease.Live, "paused", Duration.FromSeconds(1)).ShouldBeTrue();
        paused.Commit(Checkpoints.Of(("P", 1)), []);
        // What a commit has done when its process is stopped: the token is locked, and COMMIT does not come.
        await using var amid = new Npgsql.NpgsqlConnection(cluster.Server.Connection("paused")
            + ";Options=-c idle_in_transaction_session_timeout=1500");
        await amid.OpenAsync(Ct);
        await using var transaction = await amid.BeginTransactionAsync(Ct);
        await using var locks = new Npgsql.NpgsqlCommand(
            $"SELECT token FROM ledger_{ledger}.lease WHERE name = 'live' FOR UPDATE", amid, transaction);
        await locks.ExecuteScalarAsync(Ct);
        await Task.Delay(1000, Ct);
        other.TryHold(ViewLease.Live, "other", Duration.FromSeconds(1)).ShouldBeTrue();
        await Should.ThrowAsync<Npgsql.NpgsqlException>(() => transaction.CommitAsync(Ct));
        Should.Throw<LeaseLostException>(() => paused.Commit(Checkpoints.Of(("P", 2)), []));
        other.Checkpoint("P").ShouldBe(1);
    }

    [Fact]
    public void Views_are_opened_for_reading_where_there_are_some_and_then_change_nothing()
    {
        MartenViews.OpenForReading(new PostgresLedger(cluster.Server.Connection(), ledger)).ShouldBeNull();
        Open().Commit(Checkpoints.Of(("P", 1)), [new("P", 0, "a", "1")]);
        using var reading = MartenViews.OpenForReading(new PostgresLedger(cluster.Server.Connection(), ledger))
            .ShouldNotBeNull();
        reading.Get("P", "a").ShouldBe("1");
        Should.Throw<InvalidOperationException>(() => reading.Reset("P"));
    }

    [Fact]
    public async Task Views_are_forgotten_however_long_the_server_takes_for_it()
    {
        Open().Commit(Checkpoints.Of(("P", 1)), [new("P", 0, "a", "1")]);
        using var views = MartenViews.Open(new PostgresLedger(cluster.Server.Connection() + ";Command Timeout=3", ledger));
        await using var busy = new Npgsql.NpgsqlConnection(cluster.Server.Connection("busy"));
        await busy.OpenAsync(Ct);
        await using var transaction = await busy.BeginTransactionAsync(Ct);
        await using var locks = new Npgsql.NpgsqlCommand(
            $"SELECT json FROM ledger_{ledger}.view_row FOR UPDATE", busy, transaction);
        await locks.ExecuteScalarAsync(Ct);
        var forgetting = Task.Run(() => views.Reset("P"), Ct);
        await Task.Delay(4500, Ct);
        forgetting.IsCompleted.ShouldBeFalse();
        await transaction.RollbackAsync(Ct);
        await forgetting.WaitAsync(TimeSpan.FromSeconds(60), Ct);
        views.Get("P", "a").ShouldBeNull();
    }

    [Fact]
    public void Views_of_a_database_without_history_are_read_and_whoever_writes_makes_it()
    {
        Open().Commit(Checkpoints.Of(("P", 1)), [new("P", 0, "a", "1")]);
        cluster.Server.Execute($"DROP TABLE ledger_{ledger}.view_history");
        using var reading = MartenViews.OpenForReading(new PostgresLedger(cluster.Server.Connection(), ledger))
            .ShouldNotBeNull();
        (reading.Get("P", "a", 0), reading.Range("P", "a", "a", 0).Count, reading.Versions("P").Count)
            .ShouldBe(("1", 1, 1));
        Open().Commit(Checkpoints.Of(("P", 3)), [new("P", 1, "a", "2"), new("P", 2, "a", "3")]);
        Enumerable.Range(0, 3).Select(asOf => reading.Get("P", "a", asOf)).ShouldBe(["1", "2", "3"]);
        reading.Versions("P").Select(row => row.Json).ShouldBe(["1", "2", "3"]);
    }

    [Fact]
    public void Views_of_another_ledger_whose_id_gives_the_same_schema_are_refused()
    {
        PostgresLedger Of(string id) => new(cluster.Server.Connection(), new LedgerId(id));
        Of("town-2").Schema.ShouldBe(Of("town_2_09f2e9cf").Schema);
        opened.Add(MartenViews.Open(Of("town-2")));
        opened[^1].Commit(Checkpoints.Of(("P", 1)), [new("P", 0, "a", "1")]);
        opened.Add(MartenViews.Open(Of("town-2"))); // once more, as the same
        foreach (var open in (Func<PostgresLedger, MartenViews?>[])[MartenViews.Open, MartenViews.OpenForReading])
            Should.Throw<JournalRefusedException>(() => open(Of("town_2_09f2e9cf")))
                .Message.ShouldBe("these are the views of ledger town-2, not of town_2_09f2e9cf");
    }

    public void Dispose() => opened.ForEach(views => views.Dispose());
}
