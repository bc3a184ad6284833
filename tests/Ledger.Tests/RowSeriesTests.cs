using CsCheck;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Rows of a series are found by instant as they are by the text of their keys.</summary>
public sealed class RowSeriesTests
{
    private sealed record Row(int Number);

    private const string Name = "s|P1|";
    private static readonly Instant Start = Instant.FromUtc(2026, 6, 1, 16, 0);
    private static Instant At(int quarter) => Start + Duration.FromMinutes(15 * quarter);

    private static readonly string[] Rests = ["", "|a", "|b|2"];

    private static readonly Gen<RowKey> Key = Gen.Select(Gen.Int[0, 40], Gen.Int[0, 2].Select(rest => Rests[rest]),
        (quarter, rest) => new RowKey(Name, At(quarter), rest));

    private static Dictionary<string, ViewCheckpoint> Next(int position) => Checkpoints.Of(("P", position));

    [Fact]
    public void A_key_is_the_text_of_its_parts_and_comes_back_from_it()
    {
        new RowKey(Name, Start).ToString().ShouldBe("s|P1|2026-06-01T16:00:00.000000000Z");
        new RowKey("day|2026-06-02|P1").ToString().ShouldBe("day|2026-06-02|P1");
        new RowKey("day|2026-06-02|P1").IsOfSeries.ShouldBeFalse();
        foreach (var at in (Instant[])[Instant.MinValue, default, Start, Start + Duration.Epsilon, Instant.MaxValue])
            foreach (var rest in (string[])["", "|x", "|2026-06-01T16:00:00.000000000Z|a"])
                RowKey.Of(Name, new RowKey(Name, at, rest).ToString()).ShouldBe(new RowKey(Name, at, rest));
    }

    /// <summary>Some rows are stored, some were changed by earlier facts, some by this one, and some ended.</summary>
    [Fact]
    public void A_stretch_has_the_rows_that_a_range_of_texts_has()
    {
        var changes = Gen.Select(Key, Gen.Int[-1, 9]).Array[0, 40];
        Gen.Select(changes, changes, changes, Gen.Int[-1, 41], Gen.Int[-1, 41], Gen.Bool)
            .Sample((stored, earlier, now, first, last, isEmpty) =>
            {
                var (views, all) = (new MemoryViews(), new SortedDictionary<string, int>(StringComparer.Ordinal));
                if (isEmpty) stored = [];
                views.Commit(Next(1), [.. stored.Select(change =>
                    new PositionedChange("P", 0, change.Item1, RowContent.Of(Made(change.Item2))))]);
                var rows = new WorkingRows(new TextsOnly(views), "P", isEmpty);
                var accepted = new List<PositionedChange>();
                rows.Accept([.. earlier.Select(Change)], 1, accepted);
                var changed = new ChangedRows(rows);
                foreach (var change in now) changed.Put(change.Item1, Made(change.Item2));
                foreach (var (key, number) in stored.Concat(earlier).Concat(now))
                    if (number < 0) all.Remove(key.ToString());
                    else all[key.ToString()] = number;
                var (from, to) = (new RowKey(Name, At(first)).ToString(), new RowKey(Name, At(last), "~").ToString());
                changed.Between<Row>(Name, At(first), At(last)).All.Select(row => row.Number).ShouldBe(
                    all.Where(row => string.CompareOrdinal(row.Key, from) >= 0
                        && string.CompareOrdinal(row.Key, to) <= 0).Select(row => row.Value));
                foreach (var (key, _) in stored.Concat(earlier).Concat(now))
                    changed.Get<Row>(key)?.Number.ShouldBe(all[key.ToString()]);
            }, iter: LongRun.Samples / 5);
    }

    private sealed record LastingRow(Instant End) : ILastingRow;

    /// <summary>Of rows that say when they end, stored ones and changed ones, short, long and wrong.</summary>
    [Fact]
    public void Rows_that_have_ended_may_be_passed_over_and_no_others()
    {
        var lasting = Gen.Select(Gen.Int[0, 20], Gen.Int[-3, 200], (quarter, quarters) =>
            (Key: new RowKey(Name, At(quarter)), Row: new LastingRow(At(quarter + quarters) + Duration.Epsilon)))
            .Array[0, 30];
        var passed = 0;
        Gen.Select(lasting, lasting, lasting, Gen.Int[0, 40]).Sample((stored, earlier, now, until) =>
        {
            var (views, accepted) = (new MemoryViews(), new List<PositionedChange>());
            views.Commit(Next(1), [.. stored.Select(each =>
                new PositionedChange("P", 0, each.Key, RowContent.Of(each.Row)))]);
            var rows = new WorkingRows(new TextsOnly(views), "P");
            foreach (var (key, row) in earlier) rows.Accept([new(key, row)], 1, accepted);
            var changed = new ChangedRows(rows);
            foreach (var (key, row) in now) changed.Put(key, row);
            var all = changed.Between<LastingRow>(Name, At(0), At(20)).All.ToList();
            var left = changed.Between<LastingRow>(Name, At(0), At(20), At(until)).All.ToList();
            left.Where(row => row.End >= At(until)).ShouldBe(all.Where(row => row.End >= At(until)));
            all.ShouldBe(all.Where(row => left.Contains(row) || row.End < At(until)));
            Interlocked.Add(ref passed, all.Count - left.Count);
        }, iter: LongRun.Samples / 5);
        passed.ShouldBeGreaterThan(0);
    }

    private static Row? Made(int number) => number < 0 ? null : new Row(number);
    private static RowChange Change((RowKey, int) change) => new(change.Item1, Made(change.Item2));

    [Fact]
    public void A_change_that_changes_nothing_is_none()
    {
        var (views, changes) = (new MemoryViews(), new List<PositionedChange>());
        views.Commit(Next(1), [new("P", 0, new RowKey(Name, Start), "{\"number\":1}"), new("P", 0, "a", "{\"number\":1}")]);
        var rows = new WorkingRows(views, "P");
        rows.Accept([new(new(Name, Start), new Row(1)), new("a", new Row(1)), new("b", null)], 1, changes);
        changes.ShouldBeEmpty();
        rows.Accept([new(new(Name, Start), new Row(2)), new("a", null)], 1, changes);
        rows.Accept([new(new(Name, Start), new Row(2)), new("a", null)], 2, changes);
        changes.Select(change => (change.Position, change.Key, change.Json)).ShouldBe(
            [(1L, "s|P1|2026-06-01T16:00:00.000000000Z", "{\"number\":2}"), (1L, "a", null)]);
    }

    /// <summary>
    /// A store at a server keeps what a fold forgets: with more rows than are known at a time each is still found,
    /// whether it is late, recent, or not there.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void More_rows_than_are_kept_are_found_again(bool isEmpty)
    {
        const int series = 30, quarters = 8000, batch = 20_000;
        var store = new TextsOnly(new MemoryViews());
        var rows = new WorkingRows(store, "P", isEmpty);
        var changes = new List<PositionedChange>();
        for (var n = 0; n < series * quarters; n++)
        {
            rows.Accept([new(new($"s|P{n % series}|", At(n / series)), new Row(n)), new($"day|{n / 500}", new Row(n))],
                n, changes);
            if ((n + 1) % batch != 0) continue;
            store.Commit(Next(n + 1), changes);
            changes = [];
            rows.Sent();
            rows.Committed();
        }
        var changed = new ChangedRows(rows);
        store.Questions = 0;
        for (var n = 0; n < series; n++) // of the last days nobody asks the store
            changed.Between<Row>($"s|P{n}|", At(quarters - 192), At(quarters)).Count.ShouldBe(192);
        if (isEmpty) store.Questions.ShouldBe(0);
        for (var quarter = 0; quarter < quarters; quarter += 777)
            changed.Get<Row>(new($"s|P7|", At(quarter)))!.Number.ShouldBe((quarter * series) + 7);
        changed.Get<Row>(new("s|P7|", At(5) + Duration.Epsilon)).ShouldBeNull();
        changed.Between<Row>("s|P7|", At(0), At(quarters)).All.Select(row => row.Number)
            .ShouldBe(Enumerable.Range(0, quarters).Select(quarter => (quarter * series) + 7));
        changed.Get<Row>("day|3")!.Number.ShouldBe(1999);
        changed.Range<Row>("day|", "day|~").Count.ShouldBe(series * quarters / 500);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(17)] // from here on changes are looked up
    [InlineData(40)]
    public void Changes_of_the_next_fact_know_nothing_of_the_fact_before(int count)
    {
        var rows = new WorkingRows(new MemoryViews(), "P", isEmpty: true);
        var before = rows.Unchanged();
        for (var number = 0; number < count; number++) before.Put($"k{number}", new Row(number));
        before.Put("k0", new Row(-1)); // the last change counts, in the place of the first
        before.Count.ShouldBe(count);
        before[0].ShouldBe(new RowChange("k0", new Row(-1)));
        before.Select(change => change.Key.Series).ShouldBe(Enumerable.Range(0, count).Select(number => $"k{number}"));
        Should.Throw<IndexOutOfRangeException>(() => before[count]);

        var next = rows.Unchanged();
        next.ShouldBeSameAs(before, "one list serves all facts");
        next.ShouldBeEmpty();
        for (var number = 0; number < count; number++) next.Get<Row>($"k{number}").ShouldBeNull();
        next.Put("k7", new Row(7));
        next.ShouldHaveSingleItem().ShouldBe(new RowChange("k7", new Row(7)));
        rows.Accept(next, 0, []);
        rows.Unchanged().Get<Row>("k7").ShouldBe(new Row(7));
    }

    /// <summary>A name knows where it was found; nobody else's rows, and none that were forgotten since, are meant.
    /// </summary>
    [Fact]
    public void A_name_that_was_found_elsewhere_is_looked_up_again()
    {
        var (row, series) = (new RowKey(new RowName("day|P1")), new RowKey(new RowName(Name), Start));
        var stores = Enumerable.Range(0, 2).Select(_ => new TextsOnly(new MemoryViews())).ToList();
        var rows = stores.Select(store => new WorkingRows(store, "P", isEmpty: true)).ToList();
        for (var n = 0; n < rows.Count; n++)
            foreach (var key in (RowKey[])[row, series])
            {
                rows[n].Get<Row>(key).ShouldBeNull();
                rows[n].Accept([new(key, new Row(n))], 0, []);
            }
        for (var n = rows.Count - 1; n >= 0; n--)
        {
            rows[n].Get<Row>(row).ShouldBe(new Row(n));
            rows[n].Get<Row>(series).ShouldBe(new Row(n));
        }
        List<RowChange> many = [new(row, new Row(8)), new(series, new Row(8))];
        for (var n = 0; n <= ((IViewStore)stores[0]).RowsKnownMax; n++) many.Add(new($"other|{n}", new Row(n)));
        var changes = new List<PositionedChange>();
        rows[0].Accept(many, 1, changes);
        rows[0].Sent();
        stores[0].Commit(Next(2), changes);
        rows[0].Committed(); // more than are kept: they are the store's now
        stores[0].Questions = 0;
        rows[0].Get<Row>(row).ShouldBe(new Row(8));
        rows[0].Get<Row>(series).ShouldBe(new Row(8));
        stores[0].Questions.ShouldBe(1, "a row of its own is forgotten, and the last of a series is not");
        rows[0].Accept([new(row, new Row(9))], 2, []);
        rows[0].Get<Row>(row).ShouldBe(new Row(9));
        rows[1].Get<Row>(row).ShouldBe(new Row(1));
    }

    /// <summary>What has no end is in the series by the last instant that there is.</summary>
    [Fact]
    public void A_stored_row_at_the_last_of_all_instants_is_found()
    {
        var store = new TextsOnly(new MemoryViews());
        var key = new RowKey("s|", Instant.MaxValue);
        store.Commit(Next(1), [new("P", 0, key, RowContent.Of(new Row(7)))]);
        new WorkingRows(store, "P").Get<Row>(key).ShouldBe(new Row(7));
        new ChangedRows(new WorkingRows(store, "P")).Between<Row>("s|", At(0), Instant.MaxValue).Count.ShouldBe(1);
        var (rows, changes) = (new WorkingRows(store, "P"), new List<PositionedChange>());
        rows.Accept([new(key, new Row(7))], 1, changes);
        changes.ShouldBeEmpty("it is there already");
    }

    /// <summary>A store that forgets what rows were before they were texts, as one at a server does.</summary>
    private sealed class TextsOnly(MemoryViews views) : IViewStore
    {
        public int Questions { get; set; }
        public ProjectionAlarm? Alarm { get => views.Alarm; set => views.Alarm = value; }
        public ViewCheckpoint Reached(string projection) => views.Reached(projection);
        public void Commit(
            IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes) =>
            views.Commit(checkpoints, changes);
        public string? Get(string projection, string key, long? asOf = null)
        {
            Questions++;
            return views.Get(projection, key, asOf);
        }

        public IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null)
        {
            Questions++;
            return views.Range(projection, first, last, asOf);
        }

        public IReadOnlyList<ViewRow> Versions(string projection) => views.Versions(projection);
        public void Reset(string projection) => views.Reset(projection);
        public bool TryHold(string lease, string holder, Duration length) => views.TryHold(lease, holder, length);
        public bool TryKeep(string lease, string holder, Duration length) => views.TryKeep(lease, holder, length);
        public void Switch(IReadOnlyCollection<string> projections) => views.Switch(projections);
    }
}
