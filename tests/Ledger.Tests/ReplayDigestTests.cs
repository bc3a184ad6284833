using System.Globalization;
using CsCheck;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Stored rows are compared by a digest, and asked while they are doubted: whatever is wrong with them is found, and
/// named as a comparison of every version with every other would name it.
/// </summary>
public sealed class ReplayDigestTests(ITestOutputHelper output)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>What may be wrong with stored rows.</summary>
    public enum Forgery
    {
        /// <summary>Which parses to the same row.</summary>
        Text,
        Value, Closing, Opening, Missing, Extra, Key, SwappedRows, SwappedClosings, ClosedForEver,
    }

    /// <summary>Rows as somebody has them stored, of which a fold keeps few: it asks these for the rest.</summary>
    private sealed class StoredRows(MemoryViews right, IReadOnlyList<ViewRow> rows, string projection, int kept)
        : IViewStore
    {
        public int Questions { get; private set; }
        public int RowsKnownMax => kept;
        public ProjectionAlarm? Alarm { get; set; }
        /// <summary>What somebody does before the first row is read.</summary>
        public Action? Meanwhile { get; set; }
        public ViewCheckpoint Reached(string name) => right.Reached(name);

        public IReadOnlyList<ViewRow> Versions(string name)
        {
            (var first, Meanwhile) = (Meanwhile, null);
            first?.Invoke();
            return name == projection ? rows : right.Versions(name);
        }

        public string? Get(string name, string key, long? asOf = null)
        {
            Questions++;
            return AsOf(name, asOf!.Value).LastOrDefault(row => row.Key == key)?.Json;
        }

        public IReadOnlyList<ViewRow> Range(string name, string first, string last, long? asOf = null)
        {
            Questions++;
            return [.. AsOf(name, asOf!.Value).Where(row => string.CompareOrdinal(row.Key, first) >= 0
                && string.CompareOrdinal(row.Key, last) <= 0)];
        }

        private IEnumerable<ViewRow> AsOf(string name, long position) =>
            Versions(name).Where(row => row.FromPosition <= position && position < row.ToPosition);

        public bool TryHold(string lease, string holder, Duration length) => true;
        public bool TryKeep(string lease, string holder, Duration length) => true;
        public void Commit(
            IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes) =>
            throw new NotSupportedException();
        public void Reset(string name) => throw new NotSupportedException();
        public void Switch(IReadOnlyCollection<string> projections) => throw new NotSupportedException();
    }

    private sealed record Town(InMemoryJournal Journal, MemoryViews Views)
    {
        public static Town Of(IEnumerable<StationFact> facts)
        {
            var town = new Town(new(asStored: true), new());
            foreach (var (stream, fact) in facts)
                town.Journal.AppendAsync(stream, ExpectedRevision.Any, [fact], TestFolder.Tester, null, default)
                    .AsTask().GetAwaiter().GetResult();
            new ProjectionRunner(town.Journal, town.Views, StandardProjections.All, town.Journal.Decode)
                .CatchUpAsync(default).GetAwaiter().GetResult();
            return town;
        }

        public StoredRows Stored(string projection, IEnumerable<ViewRow> rows, int kept = 3) => new(Views,
            [.. rows.OrderBy(row => row.Key, StringComparer.Ordinal).ThenBy(row => row.FromPosition)],
            projection, kept);

        public bool Agrees(IViewStore stored, long? asOf = null) => Replay.AgreesAsync(
            Journal, stored, StandardProjections.All, Journal.Decode, asOf, default).GetAwaiter().GetResult();

        public IReadOnlyList<string> Differences(IViewStore stored, long? asOf = null) => [.. Replay.DiffAsync(
            Journal, stored, StandardProjections.All, Journal.Decode, asOf, default).GetAwaiter().GetResult()
            .Select(each => each.ToString())];
    }

    /// <summary>Every version of one side held against the one of the same key and position on the other.</summary>
    private static List<string> Expected(IReadOnlyList<ViewRow> stored, IReadOnlyList<ViewRow> right, long end)
    {
        var (one, other) = (Known(stored), Known(right));
        return
        [
            .. one.Keys.Union(other.Keys).Where(place => one.GetValueOrDefault(place) != other.GetValueOrDefault(place))
                .Select(place => $"{right[0].Projection} {place.Key}: "
                    + $"stored {one.GetValueOrDefault(place) ?? "no such row"}, "
                    + $"recomputed {other.GetValueOrDefault(place) ?? "no such row"}"),
        ];

        Dictionary<(string Key, long From), string> Known(IEnumerable<ViewRow> rows) =>
            rows.Where(row => row.FromPosition < end).ToDictionary(row => (row.Key, row.FromPosition), row =>
                string.Create(CultureInfo.InvariantCulture,
                    $"[{row.FromPosition}, {(row.ToPosition >= end ? "open" : row.ToPosition)}) {row.Json}"));
    }

    private static List<ViewRow>? Forged(IReadOnlyList<ViewRow> right, Forgery forgery, Random chance)
    {
        var rows = right.ToList();
        var (at, other) = (chance.Next(rows.Count), chance.Next(rows.Count));
        var (row, beside) = (rows[at], rows[other]);
        switch (forgery)
        {
            case Forgery.Text:
                rows[at] = row with { Row = row.Json.Replace(",\"", ", \"", StringComparison.Ordinal) };
                break;
            case Forgery.Value: rows[at] = row with { Row = Digit(row.Json, chance) }; break;
            case Forgery.Closing: rows[at] = row with { ToPosition = row.FromPosition + 1 + chance.Next(60) }; break;
            case Forgery.Opening: rows[at] = row with { FromPosition = chance.Next(60) }; break;
            case Forgery.Missing: rows.RemoveAt(at); break;
            case Forgery.Extra: rows.Add(row with { Key = row.Key[..^1] + (char)(row.Key[^1] + 1) }); break;
            case Forgery.Key:
                (rows[at], rows[other]) = (row with { Key = beside.Key }, beside with { Key = row.Key });
                break;
            case Forgery.SwappedRows:
                (rows[at], rows[other]) = (row with { Row = beside.Row }, beside with { Row = row.Row });
                break;
            case Forgery.SwappedClosings: // of one key, so that the same begin and the same end
                var closed = Enumerable.Range(1, rows.Count - 1)
                    .Where(number => rows[number].Key == rows[number - 1].Key).ToList();
                if (closed.Count == 0) return null;
                at = closed[chance.Next(closed.Count)];
                (rows[at], rows[at - 1]) = (rows[at] with { ToPosition = rows[at - 1].ToPosition },
                    rows[at - 1] with { ToPosition = rows[at].ToPosition });
                break;
            case Forgery.ClosedForEver:
                rows[at] = row with { ToPosition = row.ToPosition == ViewRow.Open ? 1_000 : ViewRow.Open };
                break;
        }
        // Two rows that differ in nothing but their keys are the same ones with their keys swapped. No store holds two
        // versions of a key from one position.
        return rows.ToHashSet().SetEquals(right)
            || rows.DistinctBy(each => (each.Key, each.FromPosition)).Count() < rows.Count ? null : rows;
    }

    private static string Digit(string json, Random chance)
    {
        int[] digits = [.. Enumerable.Range(0, json.Length).Where(place => char.IsAsciiDigit(json[place]))];
        if (digits.Length == 0) return json + " ";
        var changed = digits[chance.Next(digits.Length)];
        return json[..changed] + (char)('0' + (json[changed] - '0' + 1) % 10) + json[(changed + 1)..];
    }

    /// <summary>A server goes on while it is verified.</summary>
    [Fact]
    public async Task What_is_applied_while_views_are_compared_is_no_difference()
    {
        var whole = Town.Of(EventfulDays.All.Single().Facts);
        foreach (var compare in (Func<IViewStore, bool>[])
            [stored => whole.Agrees(stored), stored => whole.Differences(stored) is []])
        {
            var views = new MemoryViews();
            var follower = new ProjectionRunner(whole.Journal, views, StandardProjections.All, whole.Journal.Decode);
            await follower.CatchUpAsync(Ct, whole.Journal.Length / 2);
            compare(new StoredRows(views, [], "none", 100_000)
            {
                Meanwhile = () => follower.CatchUpAsync(Ct).GetAwaiter().GetResult(),
            }).ShouldBeTrue();
            views.Checkpoint(StandardProjections.All[0].Name).ShouldBe(whole.Journal.Length);
        }
    }

    /// <summary>Of each view, and of whatever kind the forgery is; where a view has no rows that can be forged so, of
    /// the next one that has.</summary>
    [Fact]
    public void Whatever_is_forged_is_found_and_named()
    {
        var (kinds, views) = (Enum.GetValues<Forgery>(), StandardProjections.All.Count);
        var seen = new SampleShares([.. kinds.Select(kind => ($"{kind}", 1))]);
        Gen.Select(EventfulDays.All, Gen.Int[0, views - 1], Gen.Int[0, kinds.Length - 1], Gen.Int).Sample(
            (day, view, kind, seed) =>
            {
                var (town, chance) = (Town.Of(day.Facts), new Random(seed));
                var (name, right, forged) = Enumerable.Range(view, views)
                    .Select(each => StandardProjections.All[each % views].Name)
                    .Select(each => (Name: each, Right: town.Views.Versions(each)))
                    .Where(each => each.Right.Count > 0)
                    .Select(each => (each.Name, each.Right, Forged: Forged(each.Right, kinds[kind], chance)))
                    .FirstOrDefault(each => each.Forged is not null);
                seen.Add([.. kinds.Select(each => forged is not null && each == kinds[kind])]);
                if (forged is null) return;
                var stored = town.Stored(name, forged);
                town.Agrees(stored).ShouldBeFalse();
                town.Differences(stored).ShouldBe(
                    Expected(stored.Versions(name), right, ViewRow.Open), ignoreOrder: true);
                var asOf = chance.NextInt64(town.Journal.Length);
                var known = Expected(stored.Versions(name), right, asOf + 1);
                town.Agrees(stored, asOf).ShouldBe(known.Count == 0);
                town.Differences(stored, asOf).ShouldBe(known, ignoreOrder: true);
            }, iter: LongRun.Samples / 20);
        seen.ShouldBeEnough(output);
    }

    /// <summary>However few rows a fold keeps, and as of whatever position.</summary>
    [Fact]
    public void Rows_that_are_as_the_journal_says_agree() =>
        Gen.Select(EventfulDays.All, Gen.Int[0, 40], Gen.Int[0, 1000]).Sample((day, kept, place) =>
        {
            var town = Town.Of(day.Facts);
            var stored = town.Stored("", [], kept);
            town.Agrees(stored).ShouldBeTrue();
            town.Agrees(stored, place % town.Journal.Length).ShouldBeTrue();
            town.Differences(stored).ShouldBeEmpty();
            town.Agrees(town.Views, place % town.Journal.Length).ShouldBeTrue();
        }, iter: LongRun.Samples / 50);

    /// <summary>Else nothing would be tried of a fold that asks.</summary>
    [Fact]
    public void A_fold_that_keeps_few_rows_asks_for_the_others()
    {
        var day = EventfulDays.All.Array[4].Single(_ => true, "0000KOIPJtv3").MaxBy(each => each.Facts.Count)!;
        var town = Town.Of(day.Facts);
        var stored = town.Stored("", [], kept: 0);
        town.Agrees(stored).ShouldBeTrue();
        stored.Questions.ShouldBeGreaterThan(10);
    }

    private sealed record Row(long Number);

    /// <summary>A row of a series and a row that always changes, of each fact.</summary>
    /// <param name="coming">Is told of each fact before it is folded.</param>
    private sealed class Counted(List<WeakReference<Row>>? made, Action<long>? coming = null) : IProjection
    {
        public string Name => "Counted";
        public int RowVersion => 1;
        public IReadOnlySet<Type> Handled { get; } = new HashSet<Type> { typeof(EvidenceRefused) };

        public IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact)
        {
            coming?.Invoke(fact.Position);
            // What is forgotten is asked for.
            rows.Get<Row>(new RowKey("s|", Instant.FromUnixTimeSeconds(fact.Position / 2)))?.Number
                .ShouldBe(fact.Position / 2);
            return
            [
                new(new("s|", Instant.FromUnixTimeSeconds(fact.Position)), Made(fact.Position)),
                new("last", Made(fact.Position)),
            ];
        }

        private Row Made(long number)
        {
            var row = new Row(number);
            made?.Add(new(row));
            return row;
        }
    }

    [Fact]
    public async Task No_more_rows_are_kept_of_a_long_journal_than_of_a_short_one()
    {
        const int events = 3000, kept = 100;
        var (journal, views, made) = (new InMemoryJournal(), new MemoryViews(), new List<WeakReference<Row>>());
        for (var i = 0; i < events; i++)
            await journal.AppendAsync("s", ExpectedRevision.Any, [NewFact.At(new EvidenceRefused(
                new(new string('a', 64)), "curve.csv", Rejection.Truncated, "ends inside a line", i),
                TestFolder.Start, new EvidenceKey($"n{i}"))], TestFolder.Tester, null, Ct);
        await new ProjectionRunner(journal, views, [new Counted(null)], journal.Decode).CatchUpAsync(Ct);
        var alive = -1;
        var watched = new Counted(made, position =>
        {
            if (position < events - 1) return;
            GC.Collect();
            alive = made.Count(row => row.TryGetTarget(out _));
        });
        (await Replay.AgreesAsync(journal, new StoredRows(views, [], "", kept), [watched], journal.Decode, null, Ct))
            .ShouldBeTrue();
        made.Count.ShouldBe(2 * events);
        alive.ShouldBeInRange(1, 3 * kept);
    }

    /// <summary>A row that no fold can read stops it, and is a difference and no failure.</summary>
    [Fact]
    public void A_stored_row_that_stops_a_fold_is_named()
    {
        var day = EventfulDays.All.Array[4].Single(_ => true, "0000KOIPJtv3").MaxBy(each => each.Facts.Count)!;
        var town = Town.Of(day.Facts);
        var right = town.Views.Versions("VerifiedExport");
        var stored = town.Stored("VerifiedExport", right.Select(row => row with { Row = "no JSON" }), kept: 0);
        town.Agrees(stored).ShouldBeFalse();
        town.Differences(stored).Count.ShouldBe(right.Count);
    }

    /// <summary>The position may be that of what stops everybody, which no store excuses.</summary>
    [Fact]
    public async Task An_event_that_cannot_be_applied_stops_the_comparison_as_it_does_a_runner()
    {
        var journal = new InMemoryJournal();
        journal.AppendUnknown(NewFact.At(new EvidenceRefused(new(new string('a', 64)), "curve.csv",
            Rejection.Truncated, "ends inside a line", 12), TestFolder.Start, new EvidenceKey("poison")));
        var views = new MemoryViews();
        views.Commit(Checkpoints.Of(StandardProjections.All.Select(view => (view.Name, 1L))), []);
        (await Replay.AgreesAsync(journal, views, StandardProjections.All, journal.Decode, null, Ct)).ShouldBeFalse();
        await Should.ThrowAsync<ProjectionStoppedException>(() =>
            Replay.DiffAsync(journal, views, StandardProjections.All, journal.Decode, null, Ct));
    }
}
