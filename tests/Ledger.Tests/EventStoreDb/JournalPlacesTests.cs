using Ledger.Domain;
using Ledger.Journal;
using Ledger.Stores.EventStoreDb;
using NodaTime;
using Shouldly;

namespace Ledger.Tests.EventStoreDb;

/// <summary>What the folder keeps of a journal at a server is not read again, and what it does not prove counts for
/// nothing.</summary>
public sealed class JournalPlacesTests : IDisposable
{
    private const int Batch = 400, Batches = 30, Events = Batch * Batches;
    private const int Block = 11 * Batch; // the first batch with which there are 4096 events
    private const int Kept = 2 * Block;
    private readonly TestFolder folder = new();
    private readonly List<string> noted = [];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private string Places => Path.Combine(folder.Path, ServerHead.PlacesFileName);

    public void Dispose() => folder.Dispose();

    /// <summary>A journal and its folder, of five streams in turn.</summary>
    private async Task<EventStoreDouble> FilledAsync(TestFolder? of = null, Duration later = default)
    {
        var server = await EventStoreDouble.StartAsync();
        await using var journal = await OpenAsync(server, of, later);
        for (var batch = 0; batch < Batches; batch++) await AppendAsync(journal, batch);
        return server;
    }

    private static async Task AppendAsync(IJournal journal, int batch) => (await journal.AppendAsync(
            $"s{batch % 5}", ExpectedRevision.Any,
            [.. Enumerable.Range(batch * Batch, Batch).Select(number => TestFolder.Reading(number))],
            TestFolder.Tester, null, Ct))
        .ShouldBe(new AppendResult.Recorded(batch * Batch, ((batch / 5) + 1) * Batch - 1));

    private async Task<EventStoreDbJournal> OpenAsync(
        EventStoreDouble server, TestFolder? of = null, Duration later = default)
    {
        Directory.CreateDirectory((of ?? folder).Path);
        var head = ServerHead.Open((of ?? folder).Path);
        var place = new EventStoreDbPlace(server.ConnectionString, "ledger-");
        place.Clock.Now += later;
        server.Faults.EventsRead = 0;
        try
        {
            return await EventStoreDbJournal.OpenAsync(place.Options with { Head = head, Noted = noted.Add }, Ct);
        }
        catch
        {
            head.Dispose();
            throw;
        }
    }

    private static async Task<string> RootOfAllAsync(EventStoreDouble server)
    {
        await using var reader = await EventStoreDbJournalReader.OpenAsync(
            new EventStoreDbPlace(server.ConnectionString, "ledger-").Options, Ct);
        return Convert.ToHexString(reader.Root);
    }

    [Fact]
    public async Task An_opening_reads_what_comes_after_what_the_folder_keeps_and_knows_all()
    {
        await using var server = await FilledAsync();
        var root = await RootOfAllAsync(server);
        for (var opening = 0; opening < 2; opening++)
        {
            await using var journal = await OpenAsync(server);
            (journal.Length, Convert.ToHexString(journal.Root)).ShouldBe((Events, root));
            server.Faults.EventsRead.ShouldBe(Events - Kept);
            var positions = new List<long>();
            await foreach (var recorded in journal.ReadStreamAsync("s3", Batch - 1, Ct))
                positions.Add(recorded.Position);
            positions.ShouldBe(Enumerable.Range(0, Batches).Where(batch => batch % 5 == 3)
                .SelectMany(batch => Enumerable.Range(batch * Batch, Batch)).Skip(Batch - 1).Select(at => (long)at));
            foreach (var number in new[] { 0, Kept - 1, Kept, Events - 1 })
                (await journal.AppendAsync("s", ExpectedRevision.Any, [TestFolder.Reading(number)],
                    TestFolder.Tester, null, Ct)).ShouldBe(new AppendResult.AlreadyRecorded(number));
        }
        noted.ShouldBeEmpty();
        await using var next = await OpenAsync(server);
        await AppendAsync(next, Batches);
        Convert.ToHexString(next.Root).ShouldBe(await RootOfAllAsync(server));
    }

    [Theory]
    [InlineData("missing", 0)]
    [InlineData("empty", 0)]
    [InlineData("cut", 0)] // within the first block
    [InlineData("first", 0)] // a byte of it is another
    [InlineData("second", Block)]
    [InlineData("noise", 0)]
    public async Task What_is_lost_or_damaged_of_it_is_made_again(string harm, int kept)
    {
        await using var server = await FilledAsync();
        var bytes = await File.ReadAllBytesAsync(Places, Ct);
        switch (harm)
        {
            case "missing": File.Delete(Places); break;
            case "empty": bytes = []; break;
            case "cut": bytes = bytes[..5000]; break;
            case "first": bytes[5000] ^= 1; break;
            case "second": bytes[^5000] ^= 1; break;
            default: new Random(7).NextBytes(bytes); break;
        }
        if (harm != "missing") await File.WriteAllBytesAsync(Places, bytes, Ct);
        await using (var journal = await OpenAsync(server))
            for (var batch = Batches; batch < Batches + 10; batch++) await AppendAsync(journal, batch);
        server.Faults.EventsRead.ShouldBe(Events - kept);
        await using var again = await OpenAsync(server);
        Convert.ToHexString(again.Root).ShouldBe(await RootOfAllAsync(server));
        noted.ShouldBeEmpty();
    }

    /// <summary>A disk that cannot read the file keeps nobody's ledger closed: it is said, and the file is made again.
    /// </summary>
    [Fact]
    public async Task What_a_disk_cannot_read_of_it_is_made_again_and_said()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "where the first byte of a process's memory reads as EIO");
        await using var server = await FilledAsync();
        File.Delete(Places);
        File.CreateSymbolicLink(Places, "/proc/self/mem");
        await using (var journal = await OpenAsync(server)) await AppendAsync(journal, Batches);
        noted.ShouldHaveSingleItem().ShouldStartWith(
            "journal.places cannot be read, so all of the journal is, and it is made again: Input/output error");
        File.ResolveLinkTarget(Places, returnFinalTarget: false).ShouldBeNull();
        await using var again = await OpenAsync(server);
        server.Faults.EventsRead.ShouldBeLessThan(Events);
        noted.Count.ShouldBe(1);
    }

    [Fact]
    public async Task What_is_of_another_history_is_told_and_all_is_read()
    {
        await using var server = await FilledAsync();
        using var elsewhere = new TestFolder();
        await using (var other = await FilledAsync(elsewhere, Duration.FromSeconds(1)))
            File.Copy(Path.Combine(elsewhere.Path, ServerHead.PlacesFileName), Places, overwrite: true);
        await using (var journal = await OpenAsync(server))
            Convert.ToHexString(journal.Root).ShouldBe(await RootOfAllAsync(server));
        noted.Single().ShouldStartWith(
            $"journal.places does not fit the journal, all of which is read: the journal's root at position {Events} is ");
        await using var again = await OpenAsync(server);
        server.Faults.EventsRead.ShouldBeLessThan(Events);
        noted.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(300)]
    [InlineData(Events - Kept)]
    [InlineData(Events - 3000)] // ends before what the folder kept
    [InlineData(Events)]
    public async Task A_server_that_lost_what_was_acknowledged_is_refused_with_where_it_ends(int lost)
    {
        await using var server = await FilledAsync();
        server.Log.Lose("ledger-test", lost);
        for (var opening = 0; opening < 2; opening++)
            (await Should.ThrowAsync<JournalRefusedException>(() => OpenAsync(server))).Message.ShouldBe(
                $"the journal ends at position {Events - lost} but was acknowledged up to position {Events}");
    }

    [Theory]
    [InlineData(Events - 1)]
    [InlineData(Events - 2048)] // as many as are read again at least
    public async Task A_server_that_changed_one_of_the_last_events_is_refused(int position)
    {
        await using var server = await FilledAsync();
        server.Log.Change("ledger-test", position, data => data[^2] ^= 1);
        for (var opening = 0; opening < 2; opening++)
            (await Should.ThrowAsync<JournalRefusedException>(() => OpenAsync(server))).Message
                .ShouldStartWith($"the journal's root at position {Events} is ");
    }
}
