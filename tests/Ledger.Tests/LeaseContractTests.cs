using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using Ledger.Stores.Postgres;
using Microsoft.Data.Sqlite;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// What every stored read model promises of its leases beyond <see cref="ViewStoreContractTests"/>: whoever has
/// stopped, was paused or has a clock that was set back keeps nobody else from the views, and makes no rows live that
/// he did not build.
/// </summary>
public abstract class LeaseContractTests
{
    private static readonly Duration Short = Duration.FromMilliseconds(300), Long = Duration.FromMinutes(1),
        NoTime = Duration.Zero; // has run out at once
    private static readonly TimeSpan Enough = TimeSpan.FromSeconds(50); // less than a long lease
    private static readonly IReadOnlyList<string> Names = [.. StandardProjections.All.Select(view => view.Name)];
    private readonly InMemoryJournal journal = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Opens the views of this test, once more each time.</summary>
    private protected abstract IViewStore Open();

    /// <summary>Lets every lease run out an hour later than its holder said, as where the clock was set back.</summary>
    private protected abstract void SetClockBackAnHour();

    private static NewFact Fact(int number) => NewFact.At(Refused(number), TestFolder.Start,
        new EvidenceKey($"n{number}"));

    private static EvidenceRefused Refused(int number) => new(new EvidenceDigest(new string('a', 64)),
        $"curve{number}.csv", Rejection.Truncated, "ends inside a line", 12);

    private async Task AppendAsync(int from, int count)
    {
        for (var number = from; number < from + count; number++)
            await journal.AppendAsync("s", ExpectedRevision.Any, [Fact(number)], TestFolder.Tester, null, Ct);
    }

    /// <summary>A program that knows the event which an earlier one does not.</summary>
    private LedgerEvent DecodeAll(string wireName, int version, ReadOnlySpan<byte> payload) =>
        wireName == "unknown" ? Refused(5) : journal.Decode(wireName, version, payload);

    private ProjectionRunner Earlier(IViewStore views, RunnerLease lease) =>
        new(journal, views, StandardProjections.All, journal.Decode, 7, lease);

    private ProjectionRunner Later(IViewStore views, RunnerLease lease) =>
        new(journal, views, StandardProjections.All, DecodeAll, 7, lease);

    private async Task PoisonAsync()
    {
        await AppendAsync(0, 5);
        journal.AppendUnknown(Fact(5));
        await AppendAsync(6, 5);
    }

    [Fact]
    public async Task A_runner_that_knows_the_event_goes_on_at_once_from_where_another_one_stopped()
    {
        await PoisonAsync();
        var (one, two) = (Open(), Open());
        var earlier = Earlier(one, new RunnerLease("earlier", Long));
        await Should.ThrowAsync<ProjectionStoppedException>(() => earlier.CatchUpAsync(Ct));
        await Should.ThrowAsync<ProjectionStoppedException>(() => earlier.CatchUpAsync(Ct)); // as a refused read
        one.Alarm.ShouldNotBeNull().Position.ShouldBe(5);
        (await Later(two, new RunnerLease("later", Long)).CatchUpAsync(Ct).WaitAsync(Enough, Ct)).ShouldBe(11);
        one.Alarm.ShouldBeNull();
        (await Replay.DiffAsync(journal, one, StandardProjections.All, DecodeAll, null, Ct)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_runner_that_does_not_know_the_event_either_is_told_so_and_both_go_on_being_told()
    {
        await PoisonAsync();
        var (one, two) = (Earlier(Open(), new RunnerLease("one", Long)), Earlier(Open(), new RunnerLease("two", Long)));
        for (var again = 0; again < 3; again++)
            foreach (var runner in (ProjectionRunner[])[one, two])
                (await Should.ThrowAsync<ProjectionStoppedException>(
                    () => runner.CatchUpAsync(Ct).WaitAsync(Enough, Ct))).Alarm.Position.ShouldBe(5);
    }

    /// <summary>An earlier program keeps the lease while it stands at an event.</summary>
    [Fact]
    public async Task The_alarm_of_a_holder_that_does_not_let_go_is_believed_when_its_time_would_have_run_out()
    {
        await PoisonAsync();
        var holder = Open();
        await Earlier(holder, new RunnerLease("holder", Long)).CatchUpAsync(Ct, 5);
        holder.Alarm = new ProjectionAlarm(5, "codec", "unknown", "why");
        holder.TryHold(ViewLease.Live, "holder", Long).ShouldBeTrue();
        (await Should.ThrowAsync<ProjectionStoppedException>(() => Later(Open(), new RunnerLease("later", Short))
            .CatchUpAsync(Ct).WaitAsync(Enough, Ct))).Alarm.Reason.ShouldBe("why");
    }

    [Fact]
    public async Task An_alarm_before_what_the_views_have_is_of_nobody_who_is_there()
    {
        await AppendAsync(0, 10);
        var holder = Open();
        await Earlier(holder, new RunnerLease("holder", Long)).CatchUpAsync(Ct);
        holder.Alarm = new ProjectionAlarm(5, "codec", "unknown", "it was applied since");
        holder.TryHold(ViewLease.Live, "holder", Long).ShouldBeTrue();
        await AppendAsync(10, 10);
        var waits = Later(Open(), new RunnerLease("later", Short)).CatchUpAsync(Ct);
        await Task.WhenAny(waits, Task.Delay(1000, Ct));
        holder.TryKeep(ViewLease.Live, "holder", NoTime).ShouldBeTrue();
        (await waits.WaitAsync(Enough, Ct)).ShouldBe(20);
    }

    [Fact]
    public void A_lease_does_not_outlive_its_length_where_the_clock_was_set_back()
    {
        var (before, after) = (Open(), Open());
        before.TryHold(ViewLease.Live, "before", Long).ShouldBeTrue();
        after.TryHold(ViewLease.Live, "after", Long).ShouldBeFalse();
        SetClockBackAnHour();
        after.TryHold(ViewLease.Live, "after", Long).ShouldBeTrue();
        Should.Throw<LeaseLostException>(() => before.Commit(Checkpoints.Of(("P", 1)), []));
        before.TryHold(ViewLease.Live, "before", NoTime).ShouldBeFalse();
    }

    /// <summary>It has folded and is paused; another one folds too, switches, and dies before it has forgotten the old
    /// rows, which stand where this one's had been.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_rebuild_that_was_overtaken_builds_anew_and_makes_no_row_live_that_it_did_not_build(bool isMore)
    {
        await AppendAsync(0, 30);
        var (paused, other) = (Open(), Open());
        await Earlier(paused, new RunnerLease("runner", NoTime)).CatchUpAsync(Ct);
        paused.Commit(Checkpoints.Of(("Refusals", 30)),
            [new("Refusals", 29, "made up", "{}")]);
        var rebuild = new Rebuild(journal, paused, StandardProjections.All, journal.Decode,
            new RunnerLease("paused", NoTime));
        await rebuild.FoldAsync(Ct);
        other.TryHold(ViewLease.Next, "other", NoTime).ShouldBeTrue();
        other.TryHold(ViewLease.Live, "other", NoTime).ShouldBeTrue();
        other.Switch([.. Names]);
        if (isMore) await AppendAsync(30, 1);
        (await rebuild.SwitchAsync(Ct)).ShouldBeEmpty("what the other one made live is as it should be");
        (await Replay.DiffAsync(journal, other, StandardProjections.All, journal.Decode, null, Ct)).ShouldBeEmpty();
        Names.Min(other.Checkpoint).ShouldBe(journal.Length);
    }
}

/// <summary>Leases in views.db.</summary>
public sealed class SqliteLeaseTests : LeaseContractTests, IDisposable
{
    private readonly string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
    private readonly List<SqliteViews> opened = [];

    private protected override IViewStore Open()
    {
        opened.Add(new SqliteViews(path));
        return opened[^1];
    }

    private protected override void SetClockBackAnHour()
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        using var later = connection.CreateCommand();
        later.CommandText = "UPDATE lease SET expires_at = expires_at + 3600000";
        later.ExecuteNonQuery();
    }

    public void Dispose()
    {
        opened.ForEach(views => views.Dispose());
        foreach (var file in new[] { path, path + "-wal", path + "-shm" }) File.Delete(file);
    }
}

/// <summary>Leases on PostgreSQL.</summary>
[Collection(OnPostgres.Name)]
public sealed class MartenLeaseTests(PostgresCluster cluster) : LeaseContractTests, IDisposable
{
    private readonly LedgerId ledger = PostgresCluster.NewLedger();
    private readonly List<MartenViews> opened = [];

    private protected override IViewStore Open()
    {
        opened.Add(MartenViews.Open(new PostgresLedger(cluster.Server.Connection(), ledger)));
        return opened[^1];
    }

    private protected override void SetClockBackAnHour() => cluster.Server.Execute(
        $"UPDATE ledger_{ledger}.lease SET expires_at = expires_at + interval '1 hour'");

    public void Dispose() => opened.ForEach(views => views.Dispose());
}
