using Ledger.Domain;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

public sealed class SqliteJournalReaderTests : IDisposable
{
    private readonly TestFolder folder = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    private static ValueTask<AppendResult> Append(IJournal journal, int number) =>
        journal.AppendAsync("s", ExpectedRevision.Any, [TestFolder.Reading(number)], TestFolder.Tester, null, Ct);

    [Fact]
    public async Task It_reads_beside_the_owner_what_is_acknowledged_and_more_when_it_looks_again()
    {
        await using var owner = folder.Open();
        for (var i = 0; i < 3; i++) await Append(owner, i);
        await using var reader = SqliteJournalReader.Open(folder.Options);
        (reader.Ledger, reader.Length, Convert.ToHexString(reader.Root))
            .ShouldBe((owner.Ledger, 3L, Convert.ToHexString(owner.Root)));
        await Append(owner, 3);
        reader.Length.ShouldBe(3);
        (await TestFolder.AllAsync(reader)).Count.ShouldBe(3);
        var waiting = reader.WaitForAsync(4, Ct);
        await Append(owner, 4);
        await waiting;
        reader.Root.ShouldBe(owner.Root);
        (await TestFolder.AllAsync(reader, 2)).Select(e => e.Position).ShouldBe([2L, 3L, 4L]);
        var revisions = new List<long>();
        await foreach (var e in reader.ReadStreamAsync("s", 3, Ct)) revisions.Add(e.Envelope.Revision);
        revisions.ShouldBe([3L, 4L]);
    }

    [Fact]
    public async Task It_never_sees_more_than_is_acknowledged_nor_less_while_64_writers_append()
    {
        await using var owner = folder.Open();
        var writers = Task.WhenAll(Enumerable.Range(0, 64).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 10; i++) await Append(owner, writer * 10 + i);
        }, Ct)));
        while (!writers.IsCompleted)
        {
            await using var reader = SqliteJournalReader.Open(folder.Options);
            (await TestFolder.AllAsync(reader)).Count.ShouldBe((int)reader.Length);
        }
        await writers;
    }

    [Fact]
    public async Task It_appends_nothing()
    {
        await using (var owner = folder.Open()) await Append(owner, 1);
        await using var reader = SqliteJournalReader.Open(folder.Options);
        (await Should.ThrowAsync<InvalidOperationException>(async () =>
            await Append(reader, 2))).Message.ShouldContain("reading only");
    }

    [Fact]
    public async Task It_refuses_an_empty_folder_and_another_ledgers_journal()
    {
        Directory.CreateDirectory(folder.Path);
        Should.Throw<JournalRefusedException>(() =>
            SqliteJournalReader.Open(folder.Options)).Message.ShouldContain("no journal");
        await using (folder.Open()) { }
        Should.Throw<JournalRefusedException>(() =>
            SqliteJournalReader.Open(folder.Options with { Ledger = new LedgerId("other") }));
    }

    [Fact]
    public async Task Evidence_is_read_beside_its_owner_and_a_record_being_written_is_left_alone()
    {
        await using var owner = folder.Open();
        using var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        var digest = archive.Put("kept"u8);
        var segment = Path.Combine(folder.Path, "evidence", "000000.segment");
        File.AppendAllBytes(segment, [.. "LEV1"u8]);
        using var reading = EvidenceArchive.OpenForReading(folder.Path, TestFolder.Secret);
        reading.Get(digest).ShouldBe("kept"u8.ToArray());
        new FileInfo(segment).Length.ShouldBe(64 + 4 + 4);
        Should.Throw<InvalidOperationException>(() => reading.Put("more"u8));
        using var nothing = new TestFolder();
        using var empty = EvidenceArchive.OpenForReading(nothing.Path, TestFolder.Secret);
        empty.Get(digest).ShouldBeNull();
        Directory.Exists(nothing.Path).ShouldBeFalse();
    }

    [Fact]
    public async Task Who_comes_second_learns_where_the_owner_answers()
    {
        Directory.CreateDirectory(folder.Path);
        using var owner = FolderLock.Take(folder.Path);
        await using var journal = SqliteJournal.Open(folder.Options with { Owned = owner });
        Should.Throw<FolderOwnedException>(folder.Open).Url.ShouldBeNull();
        owner.PublishUrl("http://127.0.0.1:5080");
        var refused = Should.Throw<FolderOwnedException>(folder.Open);
        (refused.Owner, refused.Url).ShouldBe((Environment.ProcessId, "http://127.0.0.1:5080"));
        refused.Message
            .ShouldEndWith($"is owned by process {Environment.ProcessId}, which answers at http://127.0.0.1:5080");
    }
}
