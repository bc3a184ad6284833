using System.Diagnostics;
using System.Text;
using CsCheck;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// What every stored read model promises (<see cref="IViewStore"/>), tested through the port alone. Rows in memory are
/// what they are compared with.
/// </summary>
public abstract class ViewStoreContractTests
{
    private static readonly Duration Short = Duration.FromMilliseconds(300), Long = Duration.FromMinutes(1);
    /// <summary>A lease that is held for no time has run out, and whoever asks for it so is never answered from what he
    /// remembers: as after a pause, without one.</summary>
    private static readonly Duration NoTime = Duration.Zero;
    private static readonly TimeSpan Enough = TimeSpan.FromSeconds(60);
    private static readonly EvidenceDigest Digest = new(new string('a', 64));
    private protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Opens the views of this test, once more each time.</summary>
    private protected abstract IViewStore Open();

    private static readonly string[] Keys = ["B", "a", "a|1", "b~", "~"];

    private static Dictionary<string, ViewCheckpoint> At(long position) => Checkpoints.Of(("P", position));

    private static PositionedChange Change(long position, string key, string? json, string projection = "P") =>
        new(projection, position, key, json);

    [Fact]
    public void Rows_are_opened_and_closed_and_each_is_there_as_known_at_every_position()
    {
        var views = Open();
        views.Checkpoint("P").ShouldBe(0);
        views.Commit(At(3), [Change(0, "a", "1"), Change(2, "a", "2"), Change(2, "b", "x")]);
        views.Commit(At(6), [Change(4, "a", null), Change(5, "b", "y"), Change(5, "a", "3")]);
        views.Checkpoint("P").ShouldBe(6);
        Enumerable.Range(0, 7).Select(asOf => views.Get("P", "a", asOf)).ShouldBe(["1", "1", "2", "2", null, "3", "3"]);
        Enumerable.Range(0, 7).Select(asOf => views.Get("P", "b", asOf))
            .ShouldBe([null, null, "x", "x", "x", "y", "y"]);
        (views.Get("P", "a"), views.Get("P", "c"), views.Get("Q", "a")).ShouldBe(("3", null, null));
        views.Versions("P").ShouldBe([
            new("P", "a", 0, 2, "1"), new("P", "a", 2, 4, "2"), new("P", "a", 5, ViewRow.Open, "3"),
            new("P", "b", 2, 5, "x"), new("P", "b", 5, ViewRow.Open, "y")]);
    }

    [Fact]
    public void Ranges_are_inclusive_and_in_the_order_of_bytes()
    {
        var views = Open();
        views.Commit(At(1), [.. Keys.Select(key => Change(0, key, $"\"{key}\"")), Change(0, "a", "0", "Q")]);
        views.Range("P", "", "~").Select(row => row.Key).ShouldBe(["B", "a", "a|1", "b~", "~"]);
        views.Range("P", "a", "b~").ShouldBe([new("P", "a", 0, ViewRow.Open, "\"a\""),
            new("P", "a|1", 0, ViewRow.Open, "\"a|1\""), new("P", "b~", 0, ViewRow.Open, "\"b~\"")]);
        views.Range("P", "a", "b~", 0).Count.ShouldBe(3);
        views.Range("P", "C", "Z").ShouldBeEmpty();
        views.Range("P", "a", "a", -1).ShouldBeEmpty();
    }

    [Fact]
    public void The_text_of_a_row_comes_back_as_it_is()
    {
        var views = Open();
        const string json = """{"b":1,"a":"é漢😀","b2":1.10,"d":{}, "c":"\u2028"}""";
        views.Commit(At(1), [Change(0, "a", json)]);
        views.Get("P", "a").ShouldBe(json);
    }

    private sealed record Told(string Text, long Number, decimal Price, Instant At);

    [Fact]
    public void A_row_that_a_fold_made_is_stored_as_its_JSON_however_long_it_is()
    {
        var views = Open();
        string[] texts = ["", "a\"b\\é漢😀\u2028<+>\n", new('x', 1000), new('é', 30_000), "😀" + new string('y', 70_000)];
        // Of one batch: versions that it closes again, of which some are longer than what shares a row or a block of
        // memory, and those that stay.
        var rows = Enumerable.Range(0, 200).Select(number => new Told(texts[(number % 7) switch
        {
            < 5 and var each => each,
            _ => 2,
        }], long.MaxValue - number, number / 8m, Instant.FromUnixTimeTicks(number))).ToList();
        PositionedChange Fold(int position) =>
            new("P", position, position % 2 == 0 ? "a" : "b", RowContent.Of(rows[position]));
        views.Commit(At(150), [.. Enumerable.Range(0, 150).Select(Fold)]);
        views.Commit(At(200), [.. Enumerable.Range(150, 50).Select(Fold)]);
        for (var position = 0; position < 200; position++)
            views.Get("P", position % 2 == 0 ? "a" : "b", position).ShouldBe(RowJson.Write(rows[position]));
        views.Versions("P").Count.ShouldBe(200);
        (views.Get("P", "a"), views.Get("P", "b")).ShouldBe((RowJson.Write(rows[198]), RowJson.Write(rows[199])));
    }

    [Fact]
    public void Any_changes_in_any_batches_leave_the_rows_that_memory_has()
    {
        var change = Gen.Select(Gen.Int[0, Keys.Length - 1], Gen.Int[0, 3], (key, json) => (Keys[key], json));
        var views = Open();
        var number = 0;
        Gen.Select(change.List[1, 30], Gen.Int[1, 7]).Sample((changes, size) =>
        {
            var (projection, memory) = ($"P{Interlocked.Increment(ref number)}", new MemoryViews());
            var positioned = changes.Select((one, at) =>
                Change(at, one.Item1, one.json == 0 ? null : $"{one.json}", projection)).ToList();
            foreach (var batch in positioned.Chunk(size))
            {
                var next = Checkpoints.Of((projection, batch[^1].Position + 1));
                views.Commit(next, batch);
                memory.Commit(next, batch);
            }
            views.Versions(projection).ShouldBe(memory.Versions(projection));
            Scanned(views, projection).ShouldBe(memory.Versions(projection));
            views.Range(projection, "", "~").ShouldBe(memory.Range(projection, "", "~"));
            views.Range(projection, "a", "b", 5).ShouldBe(memory.Range(projection, "a", "b", 5));
            views.Checkpoint(projection).ShouldBe(memory.Checkpoint(projection));
        }, seed: "0000KOIPJtv3", iter: 60, threads: 1);
    }

    private static List<ViewRow> Scanned(IViewStore views, string projection)
    {
        var rows = new List<ViewRow>();
        views.ScanVersions(projection, (key, from, to, json) => rows.Add(
            new(projection, Encoding.UTF8.GetString(key), from, to, Encoding.UTF8.GetString(json))));
        return rows;
    }

    /// <summary>By the digest, which keeps none of the rows: as of any position, however they were stored.</summary>
    [Fact]
    public async Task What_a_runner_stored_is_what_is_recomputed_and_one_row_beside_it_is_named()
    {
        var days = EventfulDays.All.Array[3].Single(_ => true, "0000KOIPJtv3");
        foreach (var (day, batch) in days.Zip((int[])[1, 7, 500]))
        {
            var (journal, views) = (new InMemoryJournal(asStored: true), Open());
            foreach (var (stream, fact) in day.Facts)
                await journal.AppendAsync(stream, ExpectedRevision.Any, [fact], TestFolder.Tester, null, Ct);
            foreach (var view in StandardProjections.All) views.Reset(view.Name);
            await new ProjectionRunner(journal, views, StandardProjections.All, journal.Decode, batch).CatchUpAsync(Ct);
            (await Agrees(null)).ShouldBeTrue();
            for (var asOf = 0; asOf < journal.Length; asOf += 5) (await Agrees(asOf)).ShouldBeTrue();
            var end = (int)journal.Length;
            views.Commit(Checkpoints.Of(("MasterData", end)),
                [Change(end - 1, "point|Z", "{}", "MasterData")]);
            (await Agrees(null), await Agrees(end - 1), await Agrees(end - 2)).ShouldBe((false, false, true));
            (await Replay.DiffAsync(journal, views, StandardProjections.All, journal.Decode, null, Ct))
                .ShouldHaveSingleItem().ToString()
                .ShouldBe($"MasterData point|Z: stored [{end - 1}, open) {{}}, recomputed no such row");

            Task<bool> Agrees(long? asOf) =>
                Replay.AgreesAsync(journal, views, StandardProjections.All, journal.Decode, asOf, Ct);
        }
    }

    [Fact]
    public void Very_many_versions_of_a_row_in_one_batch_are_all_there_as_known_at_every_position()
    {
        var views = Open();
        string? Row(long position) => position % 100 == 99 ? null : $"{position} " + new string('x', (int)position * 2);
        views.Commit(At(1), [Change(0, "a", Row(0)), Change(0, "b", "b")]);
        views.Commit(At(600), [.. Enumerable.Range(1, 599).Select(position => Change(position, "a", Row(position)))]);
        views.Commit(At(601), [Change(600, "a", "last")]);
        for (var position = 0; position < 600; position += 7) views.Get("P", "a", position).ShouldBe(Row(position));
        (views.Get("P", "a", 599), views.Get("P", "a", 600), views.Get("P", "a")).ShouldBe((null, "last", "last"));
        views.Range("P", "", "~", 255).Select(row => row.Json).ShouldBe([Row(255), "b"]);
        views.Range("P", "", "~", 599).Select(row => row.Json).ShouldBe(["b"]);
        views.Versions("P").ShouldBe([
            .. Enumerable.Range(0, 600).Where(position => position % 100 != 99)
                .Select(position => new ViewRow("P", "a", position, position + 1, Row(position)!)),
            new("P", "a", 600, ViewRow.Open, "last"), new("P", "b", 0, ViewRow.Open, "b")]);
        views.Reset("P");
        (views.Versions("P").Count, views.Get("P", "a", 300)).ShouldBe((0, null));
    }

    [Fact]
    public void A_reset_forgets_one_projection_and_an_alarm_is_kept_until_it_is_taken_back()
    {
        var views = Open();
        views.Commit(Checkpoints.Of(("P", 1), ("Q", 1)),
            [Change(0, "a", "1"), Change(0, "a", "2", "Q")]);
        views.Reset("P");
        (views.Checkpoint("P"), views.Versions("P").Count, views.Get("Q", "a")).ShouldBe((0L, 0, "2"));
        var alarm = new ProjectionAlarm(7, "P", "name", "why");
        views.Alarm = alarm;
        Open().Alarm.ShouldBe(alarm);
        views.Alarm = null;
        views.Alarm.ShouldBeNull();
    }

    [Fact]
    public void A_holder_that_pauses_writes_nothing_more_once_another_has_taken_over()
    {
        var (paused, other) = (Open(), Open());
        paused.TryHold(ViewLease.Live, "one", Long).ShouldBeTrue();
        paused.Commit(At(1), [Change(0, "a", "1")]);
        other.TryHold(ViewLease.Live, "two", Long).ShouldBeFalse();
        paused.TryHold(ViewLease.Live, "one", NoTime).ShouldBeTrue();
        other.TryHold(ViewLease.Live, "two", Long).ShouldBeTrue();
        Should.Throw<LeaseLostException>(() => paused.Commit(At(2), [Change(1, "a", "2")]));
        Should.Throw<LeaseLostException>(() => paused.Reset("P"));
        Should.Throw<LeaseLostException>(() => paused.Alarm = new ProjectionAlarm(0, "P", "n", "r"));
        Should.Throw<LeaseLostException>(() => paused.Switch(["P"]));
        paused.TryHold(ViewLease.Live, "one", NoTime).ShouldBeFalse();
        (other.Checkpoint("P"), other.Get("P", "a"), other.Alarm).ShouldBe((1L, "1", (ProjectionAlarm?)null));
        other.Commit(At(2), [Change(1, "a", "3")]);
        paused.Get("P", "a").ShouldBe("3");
    }

    [Fact]
    public async Task A_holder_amid_its_fold_does_not_take_back_what_another_took_and_left()
    {
        var (paused, other) = (Open(), Open());
        paused.TryKeep(ViewLease.Live, "one", Short).ShouldBeFalse("it was not taken here");
        paused.TryHold(ViewLease.Live, "one", NoTime).ShouldBeTrue();
        paused.Commit(At(1), [Change(0, "a", "1")]);
        await KeepLateAsync(paused, other);
        paused.TryKeep(ViewLease.Live, "one", NoTime).ShouldBeTrue();
        other.TryHold(ViewLease.Live, "two", NoTime).ShouldBeTrue();
        other.Commit(At(2), [Change(1, "a", "2")]);
        paused.TryKeep(ViewLease.Live, "one", NoTime).ShouldBeFalse("the other's time has run out, its rows are there");
        Should.Throw<LeaseLostException>(() => paused.Commit(At(2), [Change(1, "a", "3")]));
        paused.TryHold(ViewLease.Live, "one", NoTime).ShouldBeTrue("to begin anew");
        paused.Commit(At(3), [Change(2, "a", "3")]);
        other.Versions("P").Select(row => row.Json).ShouldBe(["1", "2", "3"]);
    }

    /// <summary>The first keeps what has run out, and the other is refused. What was renewed within half of its length
    /// is not asked for again, so it is kept for less than twice the time that has passed; where the other came too
    /// late to be refused, it is tried again with more time.</summary>
    private static async Task KeepLateAsync(IViewStore paused, IViewStore other)
    {
        for (var late = 200; ; late *= 3)
        {
            await Task.Delay(late, Ct);
            var kept = Duration.FromMilliseconds(late * 1.9);
            var began = Stopwatch.GetTimestamp();
            paused.TryKeep(ViewLease.Live, "one", kept).ShouldBeTrue("nobody took it, however late it is");
            if (!other.TryHold(ViewLease.Live, "two", NoTime)) return;
            Stopwatch.GetElapsedTime(began).ShouldBeGreaterThan(kept.ToTimeSpan(), "it was kept");
            paused.TryHold(ViewLease.Live, "one", NoTime).ShouldBeTrue();
        }
    }

    [Fact]
    public void A_holder_of_the_same_name_that_was_started_anew_keeps_it_from_the_one_before()
    {
        var (before, anew) = (Open(), Open());
        before.TryHold(ViewLease.Live, "owner", Long).ShouldBeTrue();
        anew.TryHold(ViewLease.Live, "owner", Long).ShouldBeTrue();
        before.TryKeep(ViewLease.Live, "owner", NoTime).ShouldBeFalse();
        anew.TryKeep(ViewLease.Live, "owner", NoTime).ShouldBeTrue();
        anew.Commit(At(1), []);
    }

    [Fact]
    public void A_holder_keeps_what_nobody_else_takes_and_the_same_owner_started_anew_goes_on_at_once()
    {
        var first = Open();
        first.TryHold(ViewLease.Live, "owner", NoTime).ShouldBeTrue();
        first.Commit(At(1), [Change(0, "a", "1")]);
        first.TryHold(ViewLease.Live, "owner", NoTime).ShouldBeTrue();
        first.Commit(At(2), []);
        var again = Open();
        again.TryHold(ViewLease.Live, "owner", Long).ShouldBeTrue();
        again.Commit(At(3), []);
        Should.Throw<LeaseLostException>(() => first.Commit(At(4), []));
        again.Checkpoint("P").ShouldBe(3);
    }

    [Fact]
    public void Views_that_were_built_beside_take_their_place_at_once_and_never_fall_back()
    {
        var (views, reader) = (Open(), Open());
        var next = new NextViews(views);
        views.Commit(At(2), [Change(0, "a", "old")]);
        next.Commit(At(1), [Change(0, "a", "new")]);
        Should.Throw<InvalidOperationException>(() => views.Switch(["P"])).Message.ShouldContain("earlier position");
        next.Commit(At(3), [Change(2, "b", "new")]);
        (reader.Get("P", "a"), reader.Checkpoint("P"), next.Checkpoint("P")).ShouldBe(("old", 2L, 3L));
        views.Switch(["P"]);
        (reader.Get("P", "a"), reader.Get("P", "b"), reader.Checkpoint("P")).ShouldBe(("new", "new", 3L));
        (next.Get("P", "a"), next.Checkpoint("P")).ShouldBe(("old", 2L));
        next.Reset("P");
        views.Commit(At(4), [Change(3, "a", "newer")]);
        next.Commit(At(4), [Change(0, "a", "newest")]);
        views.Switch(["P"]);
        reader.Versions("P").ShouldBe([new("P", "a", 0, ViewRow.Open, "newest")]);
        next.Versions("P").Select(row => row.Json).ShouldBe(["new", "newer", "new"]);
        Open().Get("P", "a").ShouldBe("newest");
    }

    private static LedgerEvent Refused(int number) =>
        new EvidenceRefused(Digest, $"curve{number}.csv", Rejection.Truncated, "ends inside a line", 12);

    private static async Task AppendAsync(InMemoryJournal journal, int count)
    {
        for (var i = 0; i < count; i++)
            await journal.AppendAsync("s", ExpectedRevision.Any, [NewFact.At(Refused(i), TestFolder.Start,
                new EvidenceKey($"n{journal.Length}"))], TestFolder.Tester, null, Ct);
    }

    private static ProjectionRunner Runner(InMemoryJournal journal, IViewStore views, RunnerLease? lease) =>
        new(journal, views, StandardProjections.All, journal.Decode, 7, lease);

    [Fact]
    public async Task One_runner_is_active_and_another_takes_over_when_it_is_gone()
    {
        var journal = new InMemoryJournal();
        var (one, two) = (Open(), Open());
        var first = Runner(journal, one, new RunnerLease("one", Duration.FromSeconds(1)));
        var second = Runner(journal, two, new RunnerLease("two", Duration.FromSeconds(1)));
        await AppendAsync(journal, 20);
        var began = Stopwatch.GetTimestamp();
        await first.CatchUpAsync(Ct);
        await AppendAsync(journal, 20);
        (await second.CatchUpAsync(Ct).WaitAsync(Enough, Ct)).ShouldBe(40);
        // Not before the first one's time has run out, of which clocks may differ by a tick.
        Stopwatch.GetElapsedTime(began).ShouldBeGreaterThan(TimeSpan.FromMilliseconds(950));
        await AppendAsync(journal, 20);
        var waits = first.CatchUpAsync(Ct);
        await second.CatchUpAsync(Ct);
        (await waits.WaitAsync(Enough, Ct)).ShouldBe(60);
        (await Replay.DiffAsync(journal, one, StandardProjections.All, journal.Decode, null, Ct)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Two_runners_at_once_leave_the_rows_that_the_journal_says()
    {
        var journal = new InMemoryJournal();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var followers = ((string[])["one", "two"]).Select(name => Task.Run(() =>
            Runner(journal, Open(), new RunnerLease(name, Duration.FromMilliseconds(50))).FollowAsync(stop.Token), Ct))
            .ToList();
        for (var i = 0; i < 20; i++)
        {
            await AppendAsync(journal, 10);
            await Task.Delay(10, Ct);
        }
        var views = Open();
        while (StandardProjections.All.Min(projection => views.Checkpoint(projection.Name)) < 200)
            await Task.Delay(10, Ct);
        await stop.CancelAsync();
        foreach (var follower in followers) await Should.ThrowAsync<OperationCanceledException>(follower);
        (await Replay.DiffAsync(journal, views, StandardProjections.All, journal.Decode, null, Ct)).ShouldBeEmpty();
    }

    /// <summary>How far the views are is read before the lease is asked for, and until then another goes on.</summary>
    [Fact]
    public async Task What_another_runner_has_written_until_the_lease_was_taken_is_not_folded_again()
    {
        var journal = new InMemoryJournal();
        await AppendAsync(journal, 30);
        var first = Runner(journal, Open(), new RunnerLease("one", Short));
        await first.CatchUpAsync(Ct, 20);
        var overtaken = new OvertakenViews(Open(), async () =>
        {
            await first.CatchUpAsync(Ct);
            await Task.Delay(400, Ct);
        });
        var second = Runner(journal, overtaken, new RunnerLease("two", Duration.FromSeconds(5)));
        (await second.CatchUpAsync(Ct)).ShouldBe(30);
        (await Replay.DiffAsync(journal, Open(), StandardProjections.All, journal.Decode, null, Ct)).ShouldBeEmpty();
        await AppendAsync(journal, 5);
        (await second.CatchUpAsync(Ct)).ShouldBe(35);
        (await Replay.DiffAsync(journal, Open(), StandardProjections.All, journal.Decode, null, Ct)).ShouldBeEmpty();
    }

    /// <summary>Between two batches of a fold it is paused, and another goes on, idles and loses its time too.
    /// </summary>
    [Fact]
    public async Task A_runner_that_was_overtaken_amid_its_fold_begins_anew_with_the_rows_that_are_there()
    {
        var journal = new InMemoryJournal();
        await AppendAsync(journal, 60);
        var second = Runner(journal, Open(), new RunnerLease("two", Short));
        var first = Runner(journal, new OvertakenViews(Open(), amid: async () =>
        {
            await Task.Delay(400, Ct);
            await second.CatchUpAsync(Ct, 40);
            await Task.Delay(400, Ct);
        }), new RunnerLease("one", Short));
        (await first.CatchUpAsync(Ct)).ShouldBe(60);
        (await Replay.DiffAsync(journal, Open(), StandardProjections.All, journal.Decode, null, Ct)).ShouldBeEmpty();
    }

    /// <summary>Views of which something happens before their lease is asked for the first time, or is to be kept, or
    /// before they are switched.</summary>
    internal sealed class OvertakenViews(
        IViewStore views, Func<Task>? before = null, Func<Task>? amid = null, Action? switched = null) : IViewStore
    {
        private Func<Task>? before = before, amid = amid;
        private Action? switched = switched;

        public ProjectionAlarm? Alarm { get => views.Alarm; set => views.Alarm = value; }

        public bool TryHold(string lease, string holder, Duration length)
        {
            Interlocked.Exchange(ref before, null)?.Invoke().GetAwaiter().GetResult();
            return views.TryHold(lease, holder, length);
        }

        public bool TryKeep(string lease, string holder, Duration length)
        {
            Interlocked.Exchange(ref amid, null)?.Invoke().GetAwaiter().GetResult();
            return views.TryKeep(lease, holder, length);
        }

        public ViewCheckpoint Reached(string projection) => views.Reached(projection);
        public void Commit(
            IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes) =>
            views.Commit(checkpoints, changes);
        public string? Get(string projection, string key, long? asOf = null) => views.Get(projection, key, asOf);
        public IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null) =>
            views.Range(projection, first, last, asOf);
        public IReadOnlyList<ViewRow> Versions(string projection) => views.Versions(projection);
        public void Reset(string projection) => views.Reset(projection);
        public void Switch(IReadOnlyCollection<string> projections)
        {
            Interlocked.Exchange(ref switched, null)?.Invoke();
            views.Switch(projections);
        }
    }

    [Fact]
    public async Task A_rebuild_beside_the_live_views_tells_what_differed_and_puts_it_right()
    {
        var journal = new InMemoryJournal();
        var (views, reader) = (Open(), Open());
        var lease = new RunnerLease("owner", Duration.FromSeconds(5));
        await AppendAsync(journal, 30);
        await Runner(journal, views, lease).CatchUpAsync(Ct);
        var before = reader.Versions("Refusals");
        views.Commit(Checkpoints.Of(("Refusals", 30)),
            [Change(29, before[0].Key, "{\"damaged\":1}", "Refusals"), Change(29, "made up", "{}", "Refusals")]);
        var rebuild = new Rebuild(journal, views, StandardProjections.All, journal.Decode, lease);
        (await rebuild.FoldAsync(Ct)).ShouldBe(30);
        reader.Get("Refusals", "made up").ShouldBe("{}", "the live views are read meanwhile");
        await AppendAsync(journal, 5);
        await Runner(journal, views, lease).CatchUpAsync(Ct); // and followed
        var differences = await rebuild.SwitchAsync(Ct);
        differences.Select(row => (row.Projection, row.Key)).Distinct()
            .ShouldBe([("Refusals", before[0].Key), ("Refusals", "made up")], ignoreOrder: true);
        differences.Single(row => row.Key == "made up").ToString()
            .ShouldBe("Refusals made up: stored [29, open) {}, recomputed no such row");
        reader.Checkpoint("Refusals").ShouldBe(35);
        (await Replay.DiffAsync(journal, reader, StandardProjections.All, journal.Decode, null, Ct)).ShouldBeEmpty();
        new NextViews(views).Versions("Refusals").ShouldBeEmpty();
        await AppendAsync(journal, 5);
        await Runner(journal, views, lease).CatchUpAsync(Ct);
        (await Replay.DiffAsync(journal, reader, StandardProjections.All, journal.Decode, null, Ct)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_second_rebuild_is_refused_and_a_live_runner_elsewhere_is_fenced_off_by_the_switch()
    {
        var journal = new InMemoryJournal();
        var (views, elsewhere) = (Open(), Open());
        await AppendAsync(journal, 10);
        await Runner(journal, elsewhere, new RunnerLease("elsewhere", Short)).CatchUpAsync(Ct);
        var rebuild = new Rebuild(journal, views, StandardProjections.All, journal.Decode,
            new RunnerLease("rebuilder", Long));
        await rebuild.FoldAsync(Ct);
        await Should.ThrowAsync<RebuildUnderWayException>(() => new Rebuild(journal, elsewhere, StandardProjections.All,
            journal.Decode, new RunnerLease("elsewhere", Short)).FoldAsync(Ct));
        (await rebuild.SwitchAsync(Ct)).ShouldBeEmpty(); // after the other's time has run out
        Should.Throw<LeaseLostException>(() => elsewhere.Commit(At(99), []));
        elsewhere.Checkpoint("Refusals").ShouldBe(10);
    }
}

/// <summary>The promises of every read model, in views.db.</summary>
public sealed class SqliteViewsContractTests : ViewStoreContractTests, IDisposable
{
    private readonly string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
    private readonly List<SqliteViews> opened = [];

    private protected override IViewStore Open()
    {
        lock (opened)
        {
            opened.Add(new SqliteViews(path));
            return opened[^1];
        }
    }

    public void Dispose()
    {
        opened.ForEach(views => views.Dispose());
        foreach (var file in new[] { path, path + "-wal", path + "-shm" }) File.Delete(file);
    }
}
