using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using Ledger.Stores.Postgres;
using Microsoft.Data.Sqlite;
using NodaTime;
using Npgsql;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// What every stored read model promises of the versions of its rows: rows of an earlier program are computed anew
/// beside the live ones, those of a later one stay, and no two versions stand among each other, whoever writes when.
/// </summary>
public abstract class RowVersionContractTests
{
    private const int Events = 1200, Killed = 900, Batch = 500;
    private static readonly Duration NoTime = Duration.Zero, Short = Duration.FromMilliseconds(50);
    private static readonly TimeSpan Enough = TimeSpan.FromSeconds(60);
    private readonly InMemoryJournal journal = new();
    private readonly List<string> noted = [];
    private protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Opens the views of this test, once more each time.</summary>
    private protected abstract IViewStore Open();

    /// <summary>Opens them for who only looks.</summary>
    private protected abstract IViewStore OpenForReading();

    /// <summary>Makes the store one of the programs that kept no versions.</summary>
    private protected abstract void ForgetVersions();

    /// <summary>Writes how far "Changed" has come, as those programs did.</summary>
    private protected abstract void WriteAsBefore();

    private sealed record Row(int Version, long Position);

    /// <summary>Of each fact a row, and one that always changes; each says of which version it is.</summary>
    /// <param name="folding">Is told of each fact.</param>
    private sealed class Said(string name, int version, Action<long>? folding = null) : IProjection
    {
        public string Name => name;
        public int RowVersion => version;
        public IReadOnlySet<Type> Handled { get; } = new HashSet<Type> { typeof(EvidenceRefused) };

        public IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact)
        {
            folding?.Invoke(fact.Position);
            rows.Get<Row>("last")?.Version.ShouldBe(version, "a fold reads its own rows alone");
            return
            [
                new($"row {fact.Position % 100}", new Row(version, fact.Position)),
                new("last", new Row(version, fact.Position)),
            ];
        }
    }

    /// <summary>A program, of whose two projections one makes other rows in each version.</summary>
    private static IReadOnlyList<IProjection> Program(int version, Action<long>? folding = null) =>
        [new Said("Changed", version, folding), new Said("Same", 1)];

    private CurrentViews Current(
        IViewStore views, int version, string holder = "owner", Action<long>? folding = null) =>
        new(journal, views, Program(version, folding), journal.Decode, new RunnerLease(holder, NoTime), noted.Add);

    private async Task AppendAsync(int count)
    {
        for (var i = 0; i < count; i++)
            await journal.AppendAsync("s", ExpectedRevision.Any, [NewFact.At(new EvidenceRefused(
                new EvidenceDigest(new string('a', 64)), $"curve{journal.Length}.csv", Rejection.Truncated,
                "ends inside a line", 12), TestFolder.Start, new EvidenceKey($"n{journal.Length}"))],
                TestFolder.Tester, null, Ct);
    }

    /// <summary>Live rows are those of a version, as if it alone had folded them, and no others are kept.</summary>
    private async Task ShouldBeOf(int version, IViewStore views)
    {
        var fresh = await Replay.RecomputeAsync(journal, Program(version), journal.Decode, null, Ct);
        foreach (var projection in Program(version))
        {
            views.Reached(projection.Name).ShouldBe(new ViewCheckpoint(journal.Length, projection.RowVersion));
            views.Versions(projection.Name).ShouldBe(fresh.Versions(projection.Name));
            new NextViews(views).Versions(projection.Name).ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task Rows_of_an_earlier_version_are_computed_anew_and_no_others()
    {
        await AppendAsync(30);
        await Current(Open(), 1).CatchUpAsync(Ct);
        noted.ShouldBeEmpty();
        var (views, reader) = (Open(), OpenForReading());
        views.Commit(new Dictionary<string, ViewCheckpoint> { ["Same"] = new(30, 1) },
            [new("Same", 29, "mine", "{}")]); // by which it is seen that these rows are left alone
        RowVersions.Others(views, Program(2)).Select(view => view.Name).ShouldBe(["Changed"]);
        await Should.ThrowAsync<RowVersionException>(() => new ProjectionRunner(journal, views, Program(2),
            journal.Decode).CatchUpAsync(Ct));
        (await Current(views, 2).CatchUpAsync(Ct)).ShouldBe(30);
        noted.ShouldBe(["rows of an earlier program are computed anew: Changed (version 1, now 2); until then nothing is "
            + "read from the views", "rows of this program have taken their place"]);
        reader.Get("Same", "mine").ShouldBe("{}");
        views.Reset("Same");
        await AppendAsync(5);
        await Current(views, 2).CatchUpAsync(Ct);
        await ShouldBeOf(2, reader);
        noted.Count.ShouldBe(2);
    }

    /// <summary>What it had stored beside the live rows is gone on with.</summary>
    [Fact]
    public async Task A_program_that_ends_amid_it_leaves_the_rows_that_were_there_and_the_next_goes_on()
    {
        await AppendAsync(Events);
        await Current(Open(), 1).CatchUpAsync(Ct);
        await Should.ThrowAsync<OperationCanceledException>(() => Current(Open(), 2, folding: position =>
        {
            if (position == Killed) throw new OperationCanceledException();
        }).CatchUpAsync(Ct));
        var left = Open();
        left.Reached("Changed").ShouldBe(new ViewCheckpoint(Events, 1));
        new NextViews(left).Reached("Changed").ShouldBe(new ViewCheckpoint(Batch, 2));
        RowVersions.Applied(left, Program(2)[0]).ShouldBe(Batch);
        (await Current(left, 1).CatchUpAsync(Ct)).ShouldBe(Events); // who goes back goes on with what was there
        left.Reached("Changed").ShouldBe(new ViewCheckpoint(Events, 1));
        var folded = 0;
        (await Current(Open(), 2, folding: _ => folded++).CatchUpAsync(Ct)).ShouldBe(Events);
        folded.ShouldBe(Events - Batch);
        await ShouldBeOf(2, Open());
    }

    /// <summary>As of a program that ended between the switch and the end of the old rows.</summary>
    [Fact]
    public async Task Rows_of_another_version_that_were_left_beside_are_not_gone_on_with()
    {
        await AppendAsync(30);
        var views = Open();
        await Current(views, 1).CatchUpAsync(Ct);
        new NextViews(views).Commit(new Dictionary<string, ViewCheckpoint> { ["Changed"] = new(20, 3) },
            [new("Changed", 3, "left", "{}")]);
        RowVersions.Applied(views, Program(2)[0]).ShouldBe(0);
        (await Current(views, 2).CatchUpAsync(Ct)).ShouldBe(30);
        await ShouldBeOf(2, views);
    }

    [Fact]
    public async Task Rows_of_a_later_version_stay_as_they_are()
    {
        await AppendAsync(30);
        await Current(Open(), 2).CatchUpAsync(Ct);
        await AppendAsync(5);
        var views = Open();
        var refused = await Should.ThrowAsync<RowVersionException>(() => Current(views, 1).CatchUpAsync(Ct));
        (refused.Message, refused.IsLater)
            .ShouldBe(("the rows of view Changed are of version 2, and this program makes version 1", true));
        Should.Throw<RowVersionException>(() => RowVersions.RefuseLater(views, Program(1)));
        RowVersions.RefuseLater(views, Program(3));
        Should.Throw<RowVersionException>(() => RowVersions.Refuse(views, Program(3))).IsLater.ShouldBeFalse();
        Should.Throw<RowVersionException>(() => views.Commit(
            new Dictionary<string, ViewCheckpoint> { ["Same"] = new(31, 1), ["Changed"] = new(31, 1) },
            [new("Same", 30, "a", "{}"), new("Changed", 30, "a", "{}")]));
        (views.Checkpoint("Same"), views.Checkpoint("Changed"), views.Get("Same", "a")).ShouldBe((30L, 30L, null));
        noted.ShouldBeEmpty();
        // A person may decide to go back.
        var rebuild = new Rebuild(journal, views, Program(1), journal.Decode, new RunnerLease("owner", NoTime));
        await rebuild.FoldAsync(Ct);
        await rebuild.SwitchAsync(Ct);
        await ShouldBeOf(1, views);
    }

    [Fact]
    public async Task A_program_amid_its_fold_writes_nothing_to_rows_of_another_version_that_came_meanwhile()
    {
        await AppendAsync(30);
        var (earlier, later) = (Open(), Open());
        await Current(earlier, 1, "earlier").CatchUpAsync(Ct);
        await Current(later, 2, "later").CatchUpAsync(Ct);
        var write = () => earlier.Commit(new Dictionary<string, ViewCheckpoint> { ["Changed"] = new(31, 1) },
            [new("Changed", 30, "a", "{}")]);
        Should.Throw<LeaseLostException>(write);
        earlier.TryHold(ViewLease.Live, "earlier", NoTime).ShouldBeTrue();
        Should.Throw<RowVersionException>(write);
        await AppendAsync(5);
        (await Should.ThrowAsync<RowVersionException>(() => Current(earlier, 1, "earlier").CatchUpAsync(Ct))).IsLater
            .ShouldBeTrue();
        await Current(later, 2, "later").CatchUpAsync(Ct);
        await ShouldBeOf(2, later);
    }

    /// <summary>Where it comes amid the fold, and where amid what is folded under the lease of the live rows.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(32)]
    public async Task Rows_of_a_later_program_that_comes_meanwhile_are_not_taken_back(int comes)
    {
        await AppendAsync(30);
        await Current(Open(), 1).CatchUpAsync(Ct);
        var (views, later, came) = (Open(), Open(), false);
        void Amid(long position)
        {
            if (position == 29 && journal.Length == 30) Task.Run(() => AppendAsync(5)).GetAwaiter().GetResult();
            if (came || position != comes) return;
            came = true;
            Task.Run(() => Current(later, 3, "later").CatchUpAsync(Ct)).GetAwaiter().GetResult();
        }

        var earlier = Current(views, 2, "earlier", Amid);
        (await Should.ThrowAsync<RowVersionException>(() => earlier.CatchUpAsync(Ct))).IsLater.ShouldBeTrue();
        came.ShouldBeTrue();
        await Current(later, 3, "later").CatchUpAsync(Ct); // which forgets what the earlier one has built
        await ShouldBeOf(3, later);
    }

    [Fact]
    public async Task Who_loses_the_lease_when_the_rows_are_ready_begins_to_ask_anew()
    {
        await AppendAsync(30);
        await Current(Open(), 1).CatchUpAsync(Ct);
        var (views, other, isOvertaken) = (Open(), Open(), false);
        var overtaken = new ViewStoreContractTests.OvertakenViews(views, switched: () =>
            isOvertaken = other.TryHold(ViewLease.Live, "other", NoTime));
        (await Current(overtaken, 2).CatchUpAsync(Ct)).ShouldBe(30);
        isOvertaken.ShouldBeTrue();
        await ShouldBeOf(2, views);
    }

    /// <summary>As of a program that was killed while it deleted rows that it had taken out of the live ones.</summary>
    [Fact]
    public async Task Replaced_rows_that_were_left_are_forgotten_by_the_next_program_and_those_of_a_later_one_stay()
    {
        await AppendAsync(30);
        await Current(Open(), 2).CatchUpAsync(Ct);
        var (views, other) = (Open(), Open());
        var beside = new NextViews(views);
        void Leave(int version) => beside.Commit(new Dictionary<string, ViewCheckpoint>
        {
            ["Changed"] = new(20, version),
        }, [new("Changed", 3, "left", "{}")]);
        Leave(1);
        other.TryHold(ViewLease.Next, "other", Duration.FromMinutes(1)).ShouldBeTrue();
        await Current(views, 2).CatchUpAsync(Ct);
        beside.Reached("Changed").ShouldBe(new ViewCheckpoint(20, 1), "whoever builds there forgets them");
        other.TryKeep(ViewLease.Next, "other", NoTime).ShouldBeTrue();
        await Current(views, 2).CatchUpAsync(Ct);
        await ShouldBeOf(2, views);
        Leave(3);
        await Current(views, 2).CatchUpAsync(Ct);
        beside.Reached("Changed").ShouldBe(new ViewCheckpoint(20, 3));
        noted.ShouldBeEmpty();
    }

    /// <summary>Whoever holds the lease when.</summary>
    [Fact]
    public async Task Of_two_programs_that_follow_at_once_the_earlier_one_ends_and_the_rows_are_those_of_the_later()
    {
        await AppendAsync(200);
        await Current(Open(), 1).CatchUpAsync(Ct);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        stop.CancelAfter(2 * Enough); // whatever waits here for what does not come
        async Task FollowAsync(int version)
        {
            var current = new CurrentViews(journal, Open(), Program(version), journal.Decode,
                new RunnerLease($"program {version}", Short), _ => { });
            while (true) await journal.WaitForAsync(await current.CatchUpAsync(stop.Token), stop.Token);
        }

        var (earlier, later) = (Task.Run(() => FollowAsync(1), Ct), Task.Run(() => FollowAsync(2), Ct));
        var views = Open();
        await AppendAsync(10);
        while (!later.IsCompleted && views.Reached("Changed").RowVersion == 1) await Task.Delay(10, stop.Token);
        await AppendAsync(10); // by which the earlier one sees it
        (await Should.ThrowAsync<RowVersionException>(() => earlier.WaitAsync(Enough, Ct))).IsLater.ShouldBeTrue();
        while (!later.IsCompleted
            && (views.Checkpoint("Changed") < journal.Length || views.Checkpoint("Same") < journal.Length))
            await Task.Delay(10, stop.Token);
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(later);
        await ShouldBeOf(2, views);
    }

    [Fact]
    public async Task Whoever_finds_another_one_computing_them_anew_waits_for_it()
    {
        await AppendAsync(30);
        var (views, other) = (Open(), Open());
        await Current(views, 1).CatchUpAsync(Ct);
        other.TryHold(ViewLease.Next, "other", Duration.FromMinutes(1)).ShouldBeTrue();
        var waits = Current(views, 2).CatchUpAsync(Ct);
        await Task.WhenAny(waits, Task.Delay(300, Ct));
        waits.IsCompleted.ShouldBeFalse();
        other.TryKeep(ViewLease.Next, "other", NoTime).ShouldBeTrue();
        (await waits.WaitAsync(Enough, Ct)).ShouldBe(30);
        await ShouldBeOf(2, views);
        noted.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Rows_of_before_versions_were_kept_are_of_none_and_a_program_of_before_stops()
    {
        await AppendAsync(30);
        var views = Open();
        await Current(views, 1).CatchUpAsync(Ct);
        ForgetVersions();
        var reading = OpenForReading();
        reading.Reached("Changed").ShouldBe(new ViewCheckpoint(30, 0));
        RowVersions.Others(reading, Program(1)).Count.ShouldBe(2);
        WriteAsBefore(); // nothing has kept versions there yet
        var current = Open();
        current.Reached("Same").ShouldBe(new ViewCheckpoint(30, 0));
        Should.Throw<Exception>(WriteAsBefore).ShouldBeAssignableTo<System.Data.Common.DbException>();
        (await Current(current, 1).CatchUpAsync(Ct)).ShouldBe(30);
        await ShouldBeOf(1, current);
        Should.Throw<Exception>(WriteAsBefore).ShouldBeAssignableTo<System.Data.Common.DbException>();
    }
}

/// <summary>Versions of rows in views.db.</summary>
public sealed class SqliteRowVersionTests : RowVersionContractTests, IDisposable
{
    private readonly string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
    private readonly List<SqliteViews> opened = [];

    private protected override IViewStore Open() => Opened(new SqliteViews(path));
    private protected override IViewStore OpenForReading() => Opened(SqliteViews.OpenForReading(path));

    private SqliteViews Opened(SqliteViews views)
    {
        lock (opened) opened.Add(views);
        return views;
    }

    private protected override void ForgetVersions() => UnversionedViews.Make(path);

    private protected override void WriteAsBefore() => UnversionedViews.On(path,
        "UPDATE projection SET next_position = 30 WHERE name = 'Changed'");

    public void Dispose()
    {
        opened.ForEach(views => views.Dispose());
        foreach (var file in new[] { path, path + "-wal", path + "-shm" }) File.Delete(file);
    }
}

/// <summary>Makes of a file of views one of the programs that kept no versions of rows.</summary>
internal static class UnversionedViews
{
    public static void Make(string path) => On(path, """
        DROP VIEW projection;
        CREATE TABLE projection (
          number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, next_position INTEGER NOT NULL);
        INSERT INTO projection SELECT number, name, next_position FROM projected;
        DROP TABLE projected;
        """);

    public static void On(string path, string sql)
    {
        using var file = new SqliteConnection($"Data Source={path};Pooling=False");
        file.Open();
        using var command = file.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}

/// <summary>Versions of rows on PostgreSQL.</summary>
[Collection(OnPostgres.Name)]
public sealed class MartenRowVersionTests(PostgresCluster cluster) : RowVersionContractTests, IDisposable
{
    private readonly LedgerId ledger = PostgresCluster.NewLedger();
    private readonly List<MartenViews> opened = [];

    private protected override IViewStore Open() =>
        Opened(MartenViews.Open(new PostgresLedger(cluster.Server.Connection(), ledger)));

    private protected override IViewStore OpenForReading() => Opened(
        MartenViews.OpenForReading(new PostgresLedger(cluster.Server.Connection(), ledger)).ShouldNotBeNull());

    private MartenViews Opened(MartenViews views)
    {
        lock (opened) opened.Add(views);
        return views;
    }

    private protected override void ForgetVersions() =>
        cluster.Server.Execute($"ALTER TABLE ledger_{ledger}.checkpoint DROP COLUMN row_version");

    private protected override void WriteAsBefore() => cluster.Server.Execute($"""
        INSERT INTO ledger_{ledger}.checkpoint (projection, next_position) VALUES ('Changed', 30)
        ON CONFLICT (projection) DO UPDATE SET next_position = excluded.next_position
        """);

    public void Dispose() => opened.ForEach(views => views.Dispose());
}
