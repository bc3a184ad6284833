using CsCheck;
using Ledger.Projections;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What is particular to views.db: how versions share a row, and files of an earlier version.</summary>
public sealed class SqliteViewsTests : IDisposable
{
    private readonly TestFolder folder = new();
    private string Path => System.IO.Path.Combine(folder.Path, "views.db");

    public SqliteViewsTests() => Directory.CreateDirectory(folder.Path);

    public void Dispose() => folder.Dispose();

    private static Dictionary<string, ViewCheckpoint> At(long position, string projection = "P") =>
        Checkpoints.Of((projection, position));

    private object? OnFile(string sql)
    {
        using var file = new SqliteConnection($"Data Source={Path};Pooling=False");
        file.Open();
        using var command = file.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    /// <summary>Texts that share beginnings, ends, both or nothing, whose members come, go and change their length.
    /// </summary>
    [Fact]
    public void Versions_that_share_a_row_come_back_byte_for_byte()
    {
        string[] values = ["", "1", "12", "null", "\"é漢😀\"", "{\"x\":1,\"y\":2}", "[]", ",", "}", ",,}}", "{", "\0"];
        var value = Gen.Int[0, values.Length - 1].Select(at => values[at]);
        var text = Gen.Select(value, value, value, (a, b, c) => $"{{\"a\":{a},\"b\":{b},\"c\":{{\"d\":{c}}}}}");
        var version = Gen.Frequency((8, text), (1, Gen.String), (1, Gen.Int[0, 1].Select(at => at == 0 ? "" : null!)));
        using var views = new SqliteViews(Path);
        var number = 0;
        version.List[1, 150].Sample(versions =>
        {
            var (projection, memory) = ($"P{number++}", new MemoryViews());
            // A lone surrogate is no text, and no row has one.
            var changes = versions.Select((json, at) => new PositionedChange(projection, 1000L * at, "k",
                json is null ? null : Text(json))).ToList();
            views.Commit(At(1_000_000, projection), changes);
            memory.Commit(At(1_000_000, projection), changes);
            views.Versions(projection).ShouldBe(memory.Versions(projection));
            for (var at = 0; at < versions.Count; at += 7)
                views.Get(projection, "k", 1000L * at).ShouldBe(memory.Get(projection, "k", 1000L * at));
        }, seed: "0000KOIPJtv3", iter: 200, threads: 1);
    }

    private static string Text(string json) =>
        System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(json));

    [Fact]
    public void Versions_that_a_batch_closes_share_rows_with_the_one_that_was_there_before()
    {
        using var views = new SqliteViews(Path);
        views.Commit(At(1), [new("P", 0, "a", "{\"n\":0}")]);
        OnFile("SELECT count(*) FROM view_history").ShouldBe(0L);
        views.Commit(At(40), [.. Enumerable.Range(1, 39).Select(n => new PositionedChange("P", n, "a", $"{{\"n\":{n}}}"))]);
        OnFile("SELECT count(*) || '|' || min(from_position) || '|' || max(to_position) FROM view_history")
            .ShouldBe("1|0|39");
        OnFile("SELECT json || '|' || from_position FROM current_row").ShouldBe("{\"n\":39}|39");
        views.Commit(At(200), [.. Enumerable.Range(40, 160).Select(n => new PositionedChange("P", n, "a", $"{{\"n\":{n}}}"))]);
        OnFile("SELECT count(*) FROM view_history").ShouldBe(4L, "no more than 64 share one");
        views.Commit(At(201), [new("P", 200, "a", (string?)null)]);
        OnFile("SELECT count(*) FROM current_row").ShouldBe(0L);
        OnFile("SELECT versions FROM view_history WHERE to_position = 200").ShouldBe("{\"n\":199}", "one alone is a text");
        for (var position = 0; position < 200; position++)
            views.Get("P", "a", position).ShouldBe($"{{\"n\":{position}}}");
        views.Get("P", "a", 200).ShouldBeNull();
    }

    [Fact]
    public void Damaged_versions_are_handed_over_as_no_fold_makes_them_and_are_never_an_answer()
    {
        using var views = new SqliteViews(Path);
        views.Commit(At(9), [.. Enumerable.Range(0, 9).Select(n => new PositionedChange("P", n, "a", $"{{\"n\":{n}}}"))]);
        var whole = (byte[])OnFile("SELECT versions FROM view_history")!;
        var rows = views.Versions("P");
        for (var at = 0; at < whole.Length; at++)
            for (var bit = 0; bit < 8; bit++)
            {
                var flipped = (byte[])whole.Clone();
                flipped[at] ^= (byte)(1 << bit);
                OnFile($"UPDATE view_history SET versions = x'{Convert.ToHexString(flipped)}'");
                views.Versions("P").SequenceEqual(rows).ShouldBeFalse($"bit {bit} of {at}");
            }
        OnFile($"UPDATE view_history SET versions = x'{Convert.ToHexString(whole[..^1])}'");
        views.Get("P", "a", 0).ShouldBe("{\"n\":0}");
        Should.Throw<InvalidDataException>(() => views.Get("P", "a", 7)).Message
            .ShouldBe("versions of a are damaged: rebuild the views");
        // The last of them is missing: what is left ends where a version does.
        views.Commit(At(8, "Q"), [.. Enumerable.Range(0, 8).Select(n => new PositionedChange("Q", n, "a", $"{{\"n\":{n}}}"))]);
        var fewer = (byte[])OnFile("SELECT versions FROM view_history WHERE to_position = 7")!;
        fewer.ShouldBe(whole[..fewer.Length]);
        OnFile($"UPDATE view_history SET versions = x'{Convert.ToHexString(fewer)}' WHERE to_position = 8");
        views.Get("P", "a", 6).ShouldBe("{\"n\":6}");
        Should.Throw<InvalidDataException>(() => views.Get("P", "a", 7));
        Should.Throw<InvalidDataException>(() => views.Range("P", "a", "a", 7));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_file_of_an_earlier_version_is_read_as_it_is_and_taken_over_by_who_writes(bool hasVersions)
    {
        using (var made = new SqliteViews(Path))
        {
            made.Commit(Checkpoints.Of(("P", 5), ("Q", 4)), [new("P", 0, "a", "1"), new("P", 1, "b", "x"),
                new("P", 2, "a", "2"), new("P", 3, "b", (string?)null), new("P", 4, "a", "3"), new("Q", 3, "a", "q")]);
        }
        EarlierViews.Make(Path, hasVersions);
        ViewRow[] rows = [new("P", "a", 0, 2, "1"), new("P", "a", 2, 4, "2"), new("P", "a", 4, ViewRow.Open, "3"),
            new("P", "b", 1, 3, "x")];
        var before = File.ReadAllBytes(Path);
        using (var reading = SqliteViews.OpenForReading(Path)) Check(reading);
        File.ReadAllBytes(Path).ShouldBe(before);
        using (var views = new SqliteViews(Path))
        {
            Check(views);
            views.Reached("P").ShouldBe(new ViewCheckpoint(5, 0));
            views.Commit(new Dictionary<string, ViewCheckpoint> { ["P"] = new(6, 0) }, [new("P", 5, "a", "4")]);
            views.Get("P", "a", 4).ShouldBe("3");
            new NextViews(views).Commit(At(7), [new("P", 0, "a", "new")]);
            views.Switch(["P"]);
            views.Get("P", "a").ShouldBe("new");
        }
        using (var again = new SqliteViews(Path)) again.Get("P", "a").ShouldBe("new");
        OnFile("SELECT group_concat(name) FROM sqlite_schema WHERE name LIKE 'earlier%' OR name IN ('checkpoint', "
            + "'view_version', 'open_row')").ShouldBe(DBNull.Value);

        void Check(SqliteViews views)
        {
            views.Versions("P").ShouldBe(rows);
            views.Versions("Q").ShouldBe([new("Q", "a", 3, ViewRow.Open, "q")]);
            (views.Checkpoint("P"), views.Checkpoint("Q"), views.Checkpoint("R")).ShouldBe((5L, 4L, 0L));
            Enumerable.Range(0, 5).Select(at => views.Get("P", "a", at)).ShouldBe(["1", "1", "2", "2", "3"]);
            (views.Get("P", "a"), views.Get("P", "b"), views.Get("P", "b", 2)).ShouldBe(("3", null, "x"));
            views.Range("P", "a", "b", 1).Select(row => row.Json).ShouldBe(["1", "x"]);
            views.Range("P", "a", "b").Select(row => row.Json).ShouldBe(["3"]);
        }
    }

    /// <summary>It would find no rows and yet a checkpoint, or make them all again beside these.</summary>
    [Fact]
    public void An_earlier_program_stops_at_this_file()
    {
        new SqliteViews(Path).Dispose();
        Should.Throw<SqliteException>(() => OnFile(EarlierViews.Tables)).Message.ShouldContain("views may not be indexed");
    }

    [Fact]
    public async Task A_batch_on_its_way_keeps_nobody_from_reading_and_its_failure_is_told()
    {
        using var views = new SqliteViews(Path);
        PositionedChange[] many = [.. Enumerable.Range(0, 500).Select(n => new PositionedChange("P", n, $"k{n:D3}", "1"))];
        await views.CommitAsync(At(500), many);
        (views.Checkpoint("P"), views.Range("P", "", "~").Count).ShouldBe((500L, 500));
        using (var other = new SqliteViews(Path))
            other.TryHold(ViewLease.Live, "other", NodaTime.Duration.FromSeconds(5)).ShouldBeTrue();
        await Should.ThrowAsync<LeaseLostException>(() => views.CommitAsync(At(1000), many));
        (views.Checkpoint("P"), views.Versions("P").Count).ShouldBe((500L, 500));
    }

    /// <summary>A row that tells when its text is written, which is amid the transaction that stores it.</summary>
    private sealed class TellingRow(Action written)
    {
        public bool IsWritten
        {
            get
            {
                written();
                return true;
            }
        }
    }

    /// <summary>SQLite's statements that the batch runs would be gone beneath it.</summary>
    [Fact]
    public async Task Views_are_closed_when_the_batch_that_is_on_its_way_is_stored()
    {
        var (views, closing, ct) = (new SqliteViews(Path), Task.CompletedTask, TestContext.Current.CancellationToken);
        var telling = new TellingRow(() =>
        {
            closing = Task.Run(views.Dispose, ct);
            closing.Wait(300, ct).ShouldBeFalse("it waits for the batch"); // milliseconds
        });
        await views.CommitAsync(At(100), [new("P", 0, "a", RowContent.Of(telling)),
            .. Enumerable.Range(1, 99).Select(n => new PositionedChange("P", n, $"k{n}", "1"))]);
        await closing;
        using var again = new SqliteViews(Path);
        (again.Checkpoint("P"), again.Range("P", "", "~").Count).ShouldBe((100L, 100));
    }
}

/// <summary>Makes of a file of views one as earlier programs made it, with the same rows.</summary>
internal static class EarlierViews
{
    public const string Tables = """
        CREATE TABLE IF NOT EXISTS view_row (
          projection TEXT NOT NULL, key TEXT NOT NULL, from_position INTEGER NOT NULL,
          to_position INTEGER NOT NULL, json TEXT NOT NULL,
          PRIMARY KEY (projection, key, from_position)) WITHOUT ROWID;
        CREATE UNIQUE INDEX IF NOT EXISTS open_row ON view_row (projection, key)
          WHERE to_position = 9223372036854775807;
        CREATE TABLE IF NOT EXISTS checkpoint (projection TEXT PRIMARY KEY, next_position INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS alarm (
          position INTEGER NOT NULL, projection TEXT NOT NULL, wire_name TEXT NOT NULL, reason TEXT NOT NULL);
        """;

    /// <param name="hasVersions">Whether it is of a program that could rebuild views; rows of Q then stand under the
    /// name of those that were built beside.</param>
    public static void Make(string path, bool hasVersions)
    {
        List<(string Name, long Next, IReadOnlyList<ViewRow> Rows)> all = [];
        using (var views = SqliteViews.OpenForReading(path))
            foreach (var name in StandardProjections.All.Select(view => view.Name).Concat(["P", "Q"]))
                if (views.Checkpoint(name) is var next and > 0) all.Add((name, next, views.Versions(name)));
        foreach (var file in (string[])[path, path + "-wal", path + "-shm"]) File.Delete(file);
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        Run("PRAGMA journal_mode=WAL");
        Run(Tables);
        if (hasVersions)
        {
            Run("CREATE TABLE view_version (projection TEXT PRIMARY KEY, stored_as TEXT NOT NULL)");
            Run("CREATE TABLE lease (name TEXT PRIMARY KEY, token INTEGER NOT NULL, holder TEXT NOT NULL, "
                + "expires_at INTEGER NOT NULL)");
            Run("INSERT INTO view_version VALUES ('Q', 'Q~next'), ('Q~next', 'Q')");
        }
        foreach (var (name, next, rows) in all)
        {
            var storedAs = hasVersions && name == "Q" ? "Q~next" : name;
            Run("INSERT INTO checkpoint VALUES ($p, $n)", ("$p", storedAs), ("$n", next));
            foreach (var row in rows)
                Run("INSERT INTO view_row VALUES ($p, $k, $f, $t, $j)", ("$p", storedAs), ("$k", row.Key),
                    ("$f", row.FromPosition), ("$t", row.ToPosition), ("$j", row.Json));
        }

        void Run(string sql, params (string Name, object Value)[] values)
        {
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            foreach (var (name, value) in values) command.Parameters.AddWithValue(name, value);
            command.ExecuteNonQuery();
        }
    }
}
