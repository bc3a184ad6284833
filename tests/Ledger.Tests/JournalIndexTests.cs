using CsCheck;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Journal.Indexing;
using Ledger.Journal.Verification;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Whatever is indexed together, and whenever, each stream is read whole and in order, by its owner and beside
/// it, and each fact is recorded once; a journal that was made before is read and goes on.</summary>
public sealed class JournalIndexTests
{
    /// <summary>While each event was put into both indexes at once.</summary>
    private const string Earliest = """
        CREATE TABLE ledger(id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL,
            length INTEGER NOT NULL, frontier BLOB NOT NULL, recorded_at INTEGER NOT NULL) STRICT;
        CREATE TABLE streams(key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE events(position INTEGER PRIMARY KEY, stream INTEGER NOT NULL,
            revision INTEGER NOT NULL, id BLOB NOT NULL UNIQUE, header BLOB NOT NULL, payload BLOB NOT NULL,
            leaf BLOB NOT NULL, UNIQUE(stream, revision)) STRICT;
        """;

    /// <summary>While each event was put into the index of ids at once.</summary>
    private const string Earlier = """
        CREATE TABLE ledger(id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL,
            length INTEGER NOT NULL, frontier BLOB NOT NULL, recorded_at INTEGER NOT NULL) STRICT;
        CREATE TABLE streams(key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE events(position INTEGER PRIMARY KEY, stream INTEGER NOT NULL,
            revision INTEGER NOT NULL, id BLOB NOT NULL UNIQUE, header BLOB NOT NULL, payload BLOB NOT NULL,
            leaf BLOB NOT NULL) STRICT;
        CREATE TABLE stream_events(stream INTEGER NOT NULL, revision INTEGER NOT NULL,
            position INTEGER NOT NULL, PRIMARY KEY(stream, revision)) STRICT, WITHOUT ROWID;
        CREATE TABLE stream_index(id INTEGER PRIMARY KEY CHECK (id = 1), length INTEGER NOT NULL) STRICT;
        INSERT INTO stream_index VALUES(1, 0);
        """;

    /// <summary>While many events were put into both indexes together, in tables of journal.db.</summary>
    private const string Late = """
        CREATE TABLE ledger(id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL,
            length INTEGER NOT NULL, frontier BLOB NOT NULL, recorded_at INTEGER NOT NULL) STRICT;
        CREATE TABLE streams(key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE events(position INTEGER PRIMARY KEY, stream INTEGER NOT NULL,
            revision INTEGER NOT NULL, id BLOB NOT NULL, header BLOB NOT NULL, payload BLOB NOT NULL,
            leaf BLOB NOT NULL) STRICT;
        """ + LateTables;

    private const string LateTables = """
        CREATE TABLE stream_events(stream INTEGER NOT NULL, revision INTEGER NOT NULL,
            position INTEGER NOT NULL, PRIMARY KEY(stream, revision)) STRICT, WITHOUT ROWID;
        CREATE TABLE stream_index(id INTEGER PRIMARY KEY CHECK (id = 1), length INTEGER NOT NULL) STRICT;
        INSERT INTO stream_index VALUES(1, 0);
        CREATE TABLE event_ids(id BLOB PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE id_index(id INTEGER PRIMARY KEY CHECK (id = 1), length INTEGER NOT NULL) STRICT;
        INSERT INTO id_index VALUES(1, 0);
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    internal static ValueTask<AppendResult> Append(IJournal journal, string stream, int from, int count) =>
        journal.AppendAsync(stream, ExpectedRevision.Any,
            [.. Enumerable.Range(from, count).Select(i => TestFolder.Reading(i, index: i))], TestFolder.Tester, null,
            Ct);

    /// <summary>Each stream from each revision is what reading everything gives.</summary>
    internal static async Task ShouldReadEachStreamAsync(IJournal journal)
    {
        foreach (var stream in (await TestFolder.AllAsync(journal)).GroupBy(recorded => recorded.Envelope.Stream))
        {
            var expected = stream.Select(recorded => recorded.Position).ToList();
            for (var from = 0; from <= expected.Count; from++)
            {
                var read = new List<long>();
                await foreach (var recorded in journal.ReadStreamAsync(stream.Key, from, Ct))
                {
                    recorded.Envelope.Revision.ShouldBe(from + read.Count);
                    read.Add(recorded.Position);
                }
                read.ShouldBe(expected[from..]);
            }
        }
        await foreach (var recorded in journal.ReadStreamAsync("no such stream", 0, Ct))
            throw new InvalidOperationException($"{recorded.Position} is of no such stream");
    }

    [Fact]
    public void Each_stream_is_read_whole_whatever_is_indexed_and_after_each_start() =>
        Gen.Select(Gen.Int[1, 9], Gen.Select(Gen.Int[0, 3], Gen.Int[1, 5]).Array[1, 30], Gen.Int[0, 29]).Sample(
            (together, appends, restart) => RunAsync(together, appends, restart).GetAwaiter().GetResult(),
            iter: LongRun.Samples / 500);

    private static async Task RunAsync(int together, (int Stream, int Count)[] appends, int restart)
    {
        using var folder = new TestFolder();
        var options = folder.Options with { IndexedTogether = together };
        var journal = SqliteJournal.Open(options);
        SqliteJournalReader? beside = null;
        try
        {
            var number = 0;
            for (var i = 0; i < appends.Length; i++)
            {
                if (i == restart)
                {
                    await journal.DisposeAsync();
                    journal = SqliteJournal.Open(options);
                }
                (await Append(journal, $"s/{appends[i].Stream}", number, appends[i].Count))
                    .ShouldBeOfType<AppendResult.Recorded>().FirstPosition.ShouldBe(number);
                number += appends[i].Count;
                beside ??= SqliteJournalReader.Open(options);
            }
            await ShouldReadEachStreamAsync(journal);
            for (var i = 0; i < number; i++)
                (await Append(journal, "another", i, 1)).ShouldBe(new AppendResult.AlreadyRecorded(i));
            await ShouldReadEachStreamAsync(beside!); // as of when it was opened
            beside!.Look().Length.ShouldBe(number);
            await ShouldReadEachStreamAsync(beside);
        }
        finally
        {
            if (beside is not null) await beside.DisposeAsync();
            await journal.DisposeAsync();
        }
        ShouldBeSound(folder);
    }

    internal static void ShouldBeSound(TestFolder folder)
    {
        var findings = new Findings();
        JournalVerification.Verify(
            folder.Path, folder.Options.Ledger, TestFolder.Secret, [], true, findings, _ => { }, Ct);
        findings.Faults.Select(fault => $"{fault}").ShouldBeEmpty();
    }

    [Fact]
    public async Task A_stream_longer_than_a_page_is_read_across_what_is_indexed_and_what_is_not()
    {
        using var folder = new TestFolder();
        await using var journal = SqliteJournal.Open(folder.Options with { IndexedTogether = 700 });
        for (var i = 0; i < 1500; i += 100)
        {
            await Append(journal, "long", i * 2, 100);
            await Append(journal, "other", i * 2 + 100, 100);
        }
        foreach (var from in (int[])[0, 1, 511, 512, 513, 1024, 1399, 1400, 1499])
        {
            var read = new List<long>();
            await foreach (var recorded in journal.ReadStreamAsync("long", from, Ct)) read.Add(recorded.Envelope.Revision);
            read.ShouldBe(Enumerable.Range(from, 1500 - from).Select(revision => (long)revision));
        }
    }

    [Theory]
    [InlineData(Earliest)]
    [InlineData(Earlier)]
    [InlineData(Late)]
    public async Task A_journal_that_was_made_before_is_read_goes_on_and_is_verified(string schema)
    {
        using var folder = new TestFolder();
        var options = folder.Options with { IndexedTogether = 6 };
        Directory.CreateDirectory(folder.Path);
        Execute(folder, schema);
        await using (var journal = SqliteJournal.Open(options))
        {
            for (var i = 0; i < 20; i++) await Append(journal, $"s/{i % 3}", i, 1);
            await ShouldReadEachStreamAsync(journal);
        }
        // As the program before this one left it: with its tables, and without an index beside it.
        Directory.Delete(Index(folder), recursive: true);
        if (schema == Late) Execute(folder, LateTables);
        await using (var reader = SqliteJournalReader.Open(options)) await ShouldReadEachStreamAsync(reader);
        ShouldBeSound(folder);
        Directory.Exists(Index(folder)).ShouldBeFalse();
        await using (var journal = SqliteJournal.Open(options))
        {
            (await Append(journal, "s/1", 20, 1)).ShouldBe(new AppendResult.Recorded(20, 7));
            (await Append(journal, "s/1", 3, 1)).ShouldBe(new AppendResult.AlreadyRecorded(3));
            await ShouldReadEachStreamAsync(journal);
        }
        Runs(folder).ShouldBe([new(0, 6), new(6, 12), new(12, 18)]);
        ShouldBeSound(folder);
        Text(folder, "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table'").ShouldBe("ledger,streams,events");
    }

    internal static string Index(TestFolder folder) => Path.Combine(folder.Path, "index");

    internal static List<RunName> Runs(TestFolder folder) => [.. Directory.GetFiles(Index(folder))
        .Select(path => RunName.Parse(Path.GetFileName(path))).OfType<RunName>().OrderBy(name => name.From)];

    internal static string PathOf(TestFolder folder, RunName name) => Path.Combine(Index(folder), name.ToString());

    internal static List<string> Faults(TestFolder folder)
    {
        var findings = new Findings();
        JournalVerification.Verify(
            folder.Path, folder.Options.Ledger, TestFolder.Secret, [], false, findings, _ => { }, Ct);
        return [.. findings.Faults.Select(fault => $"{fault}")];
    }

    /// <summary>While its first append waits, is hashed, is written, is committed, is acknowledged or is put into the
    /// index.</summary>
    [Theory]
    [InlineData(null, 5)]
    [InlineData(null, 100)]
    [InlineData(null, JournalLength)]
    [InlineData(Earlier, 5)]
    [InlineData(Earliest, 5)]
    [InlineData(Late, 5)]
    public async Task What_is_sent_again_and_again_while_it_is_on_its_way_is_recorded_once(string? schema, int together)
    {
        using var folder = new TestFolder();
        Directory.CreateDirectory(folder.Path);
        if (schema is not null) Execute(folder, schema);
        await using (var journal = SqliteJournal.Open(folder.Options with { IndexedTogether = together }))
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(sender => Task.Run(async () =>
            {
                var positions = new long[JournalLength];
                var recorded = 0;
                for (var i = 0; i < JournalLength; i++)
                {
                    var number = (i + (sender * 7)) % JournalLength;
                    var answer = await Append(journal, $"s/{number % 3}", number, 1);
                    if (answer is AppendResult.Recorded) recorded++;
                    positions[number] = answer switch
                    {
                        AppendResult.Recorded now => now.FirstPosition,
                        AppendResult.AlreadyRecorded before => before.FirstPosition,
                        _ => throw new InvalidOperationException($"{number}: {answer}"),
                    };
                }
                return (recorded, positions);
            })));
            answers.Sum(answer => answer.recorded).ShouldBe(JournalLength);
            answers[0].positions.Order().ShouldBe(
                Enumerable.Range(0, JournalLength).Select(position => (long)position));
            foreach (var (_, positions) in answers) positions.ShouldBe(answers[0].positions);
            (await Append(journal, "s/1", JournalLength - 1, 2)).ShouldBeOfType<AppendResult.Conflict>();
        }
        ShouldBeSound(folder);
    }

    private const int JournalLength = 600;

    [Fact]
    public async Task The_same_events_have_the_same_index_however_they_came()
    {
        using var one = new TestFolder();
        using var other = new TestFolder();
        await using (var journal = SqliteJournal.Open(one.Options with { IndexedTogether = 3 }))
            for (var i = 0; i < 3 * 256; i++) await Append(journal, $"s/{i % 2}", i, 1);
        await using (var journal = SqliteJournal.Open(other.Options))
            for (var i = 0; i < 3 * 256; i++) await Append(journal, $"s/{i % 2}", i, 1);
        foreach (var folder in (TestFolder[])[one, other])
            await using (SqliteJournal.Open(folder.Options with { IndexedTogether = 3 }))
                await FullyMergedAsync(folder);
        File.ReadAllBytes(PathOf(one, Merged)).ShouldBe(File.ReadAllBytes(PathOf(other, Merged)));
        ShouldBeSound(other);
    }

    private static readonly RunName Merged = new(0, 3 * 256);

    /// <summary>Merging goes on while nothing else is to be done.</summary>
    private static async Task FullyMergedAsync(TestFolder folder)
    {
        for (var waited = 0; Runs(folder).Count > 1 && waited < 600; waited++) await Task.Delay(50, Ct);
        Runs(folder).ShouldBe([Merged]);
    }

    private const int CopiesMax = 12; // each is verified

    /// <summary>Who reads, verifies or copies beside an owner that writes runs and merges them sees no half of it.
    /// </summary>
    [Fact]
    public async Task Beside_an_owner_that_merges_everything_is_read_verified_and_copied()
    {
        using var folder = TestFolder.OnDisk();
        using var elsewhere = new TestFolder();
        Directory.CreateDirectory(elsewhere.Path);
        var options = folder.Options with { IndexedTogether = 2 };
        LedgerIdentity.OpenOrCreate(folder.Path, options.Ledger, TestFolder.Secret);
        await using (var journal = SqliteJournal.Open(options))
        {
            await Append(journal, "s/0", 0, 1);
            await using var reader = SqliteJournalReader.Open(options);
            var (isDone, copies) = (false, 0);
            var writing = Task.Run(async () =>
            {
                for (var i = 1; i < 1500; i += 3) await Append(journal, $"s/{i % 5}", i, 3);
                Volatile.Write(ref isDone, true);
            }, Ct);
            while (!Volatile.Read(ref isDone))
            {
                reader.Refresh();
                await ShouldReadEachStreamAsync(reader);
                Faults(folder).Where(fault => fault.StartsWith("index", StringComparison.Ordinal)).ShouldBeEmpty();
                if (copies == CopiesMax) continue;
                var copy = Path.Combine(elsewhere.Path, $"{copies++}");
                await DataFolderCopy.WriteAsync(options, copy, Ct);
                await using (var copied = SqliteJournalReader.Open(options with { Directory = copy }))
                    await ShouldReadEachStreamAsync(copied);
            }
            await writing;
            await ShouldReadEachStreamAsync(journal);
            copies.ShouldBeGreaterThan(0);
        }
        ShouldBeSound(folder);
        foreach (var copy in Directory.GetDirectories(elsewhere.Path))
        {
            using var copied = new TestFolder { Path = copy };
            ShouldBeSound(copied);
        }
    }

    [Fact]
    public async Task An_event_that_is_in_no_index_and_has_no_id_is_refused()
    {
        using var folder = new TestFolder();
        await using (var journal = folder.Open())
            for (var i = 0; i < 3000; i += 100) await Append(journal, "s", i, 100);
        Execute(folder, "UPDATE events SET id = x'00' WHERE position = 5"); // before those that are hashed at opening
        Should.Throw<JournalRefusedException>(folder.Open).Message.ShouldBe("position 5 has no id");
    }

    private static string Text(TestFolder folder, string sql)
    {
        using var connection =
            new SqliteConnection($"Data Source={Path.Combine(folder.Path, SqliteJournal.FileName)};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return $"{command.ExecuteScalar()}";
    }

    private static void Execute(TestFolder folder, string sql)
    {
        using var connection =
            new SqliteConnection($"Data Source={Path.Combine(folder.Path, SqliteJournal.FileName)};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
