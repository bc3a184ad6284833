using CsCheck;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Whatever is indexed together, and whenever, each stream is read whole and in order, by its owner and beside
/// it, and each fact is recorded once; a journal that was made before is read and goes on.</summary>
public sealed class LateIndexTests
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

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static ValueTask<AppendResult> Append(IJournal journal, string stream, int from, int count) =>
        journal.AppendAsync(stream, ExpectedRevision.Any,
            [.. Enumerable.Range(from, count).Select(i => TestFolder.Reading(i, index: i))], TestFolder.Tester, null,
            Ct);

    /// <summary>Each stream from each revision is what reading everything gives.</summary>
    private static async Task ShouldReadEachStreamAsync(IJournal journal)
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

    private static void ShouldBeSound(TestFolder folder)
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
        await using (var journal = SqliteJournal.Open(options))
        {
            (await Append(journal, "s/1", 20, 1)).ShouldBe(new AppendResult.Recorded(20, 7));
            (await Append(journal, "s/1", 3, 1)).ShouldBe(new AppendResult.AlreadyRecorded(3));
            await ShouldReadEachStreamAsync(journal);
        }
        ShouldBeSound(folder);
    }

    /// <summary>While its first append waits, is hashed, is written, is committed, is acknowledged or is put into the
    /// index.</summary>
    [Theory]
    [InlineData(null, 5)]
    [InlineData(null, 100)]
    [InlineData(null, JournalLength)]
    [InlineData(Earlier, 5)]
    [InlineData(Earliest, 5)]
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

    [Theory]
    [InlineData("DELETE FROM stream_events WHERE stream = 0 AND revision = 1", "stream_events", "entries 7")]
    [InlineData("UPDATE stream_events SET position = 3 WHERE stream = 0 AND revision = 1", "stream_events",
        "entries that lead to their event 7")]
    [InlineData("DELETE FROM event_ids WHERE position = 2", "event_ids", "entries 7")]
    [InlineData("UPDATE event_ids SET position = 3 WHERE position = 2", "event_ids",
        "entries that lead to their event 7")]
    public async Task A_wrong_entry_of_an_index_is_found(string change, string index, string found)
    {
        using var folder = new TestFolder();
        await using (var journal = SqliteJournal.Open(folder.Options with { IndexedTogether = 8 }))
            for (var i = 0; i < 10; i++) await Append(journal, $"s/{i % 2}", i, 1);
        Execute(folder, change);
        var findings = new Findings();
        JournalVerification.Verify(
            folder.Path, folder.Options.Ledger, TestFolder.Secret, [], true, findings, _ => { }, Ct);
        findings.Faults.ShouldContain(fault =>
            fault.Place == $"journal.db, {index}" && fault.Found == found && fault.Expected == "8");
        Should.Throw<JournalRefusedException>(folder.Open).Message.ShouldBe(
            "position 2 of journal.db is damaged: an index does not lead to it");
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
