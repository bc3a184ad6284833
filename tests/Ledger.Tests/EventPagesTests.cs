using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A journal of which a fold makes facts without objects of headers and bytes says what it always says, and
/// stops a fold where it always does: amid its pages too.</summary>
public sealed class EventPagesTests : IDisposable
{
    private const int Many = 3000; // of several pages, and further than anything is decoded ahead
    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private readonly TestFolder folder = new();
    private readonly MemoryViews views = new();

    public void Dispose() => folder.Dispose();

    private async Task<SqliteJournal> RecordedAsync(int count = Many)
    {
        var journal = folder.Open();
        foreach (var facts in Enumerable.Range(0, count).Select(Fact).Chunk(250))
            (await journal.AppendAsync($"s{facts.Length}", ExpectedRevision.Any, facts, TestFolder.Tester, null, Ct))
                .ShouldBeOfType<AppendResult.Recorded>();
        return journal;
    }

    /// <summary>Every hundredth is about as long as the room that a reader keeps for one, or longer.</summary>
    private static NewFact Fact(int number)
    {
        var detail = new string('d', number % 100 == 7 ? 3900 + number : 9);
        return NewFact.At(
            new EvidenceRefused(new(new string('a', 64)), $"curve{number}.csv", Rejection.Truncated, detail, 12),
            TestFolder.Start, new EvidenceKey($"n{number}"));
    }

    private Task<long> FoldAsync(IJournal journal, EventDecoder decode, long? end = null) =>
        new ProjectionRunner(journal, views, StandardProjections.All, decode, 100).CatchUpAsync(Ct, end);

    private static LedgerEvent Decode(string wireName, int version, ReadOnlySpan<byte> payload) =>
        EventCodec.Decode(wireName, version, payload);

    [Theory]
    [InlineData(0), InlineData(1), InlineData(15), InlineData(16), InlineData(47), InlineData(107), InlineData(699),
     InlineData(700)]
    public async Task What_is_made_of_an_event_is_made_of_what_the_event_says(int from)
    {
        await using var journal = await RecordedAsync(700);
        var events = (await TestFolder.AllAsync(journal, from)).ConvertAll(stored => Told(stored.Position,
            stored.Envelope.WireName, stored.Envelope.WireVersion, stored.Payload.Span) + Times(
            stored.Envelope.ValidFrom, stored.Envelope.ValidTo, stored.Envelope.RecordedAt, stored.Envelope.Tenant));
        var made = new List<string>();
        var all = journal.ReadAllAsync(from, Ct).ShouldBeAssignableTo<EventPages>()!;
        var pages = all.MadeAsync((in PassingEvent stored) =>
            Told(stored.Position, stored.WireName, stored.WireVersion, stored.Payload)
            + Times(stored.ValidFrom, stored.ValidTo, stored.RecordedAt, stored.Tenant));
        await foreach (var page in pages) made.AddRange(page);
        made.ShouldBe(events);
        made.Count.ShouldBe(700 - from);

        static string Told(long position, string wireName, int version, ReadOnlySpan<byte> payload) =>
            $"{position} {wireName} {version} {Convert.ToHexString(payload)}";

        static string Times(NodaTime.Instant from, NodaTime.Instant to, NodaTime.Instant at, PartyId tenant) =>
            $" {from} {to} {at} {tenant}";
    }

    [Fact]
    public async Task Rows_are_those_of_events_that_are_decoded_one_by_one()
    {
        await using var journal = await RecordedAsync();
        (await FoldAsync(journal, Decode)).ShouldBe(Many);
        var byFew = new MemoryViews();
        for (var end = 500; end <= Many; end += 500)
            await new ProjectionRunner(journal, byFew, StandardProjections.All, Decode).CatchUpAsync(Ct, end);
        foreach (var projection in StandardProjections.All)
            views.Versions(projection.Name).ShouldBe(byFew.Versions(projection.Name));
        views.Versions("Refusals").Count.ShouldBeGreaterThanOrEqualTo(Many);
    }

    /// <summary>Many are decoded ahead, and few where they are folded.</summary>
    [Theory]
    [InlineData(1717)]
    [InlineData(717)]
    public async Task Nothing_is_decoded_from_the_end_on_that_was_asked_for(int end)
    {
        await using var journal = await RecordedAsync();
        var decoded = 0;
        (await FoldAsync(journal, Counted, end)).ShouldBe(end);
        views.Checkpoint("Refusals").ShouldBe(end);
        decoded.ShouldBe(end);

        LedgerEvent Counted(string wireName, int version, ReadOnlySpan<byte> payload)
        {
            decoded++;
            return Decode(wireName, version, payload);
        }
    }

    [Theory]
    [InlineData(1777, Many)]
    [InlineData(777, 1000)]
    public async Task An_event_that_cannot_be_decoded_stops_the_fold_there_and_nothing_behind_it_is_decoded(
        int poison, int end)
    {
        await using var journal = await RecordedAsync();
        var decoded = 0;
        var stopped = await Should.ThrowAsync<ProjectionStoppedException>(() => FoldAsync(journal, Poisoned, end));
        stopped.Alarm.ShouldBe(new ProjectionAlarm(poison, "codec", "evidence-refused", "it is poison"));
        views.Alarm.ShouldBe(stopped.Alarm);
        views.Checkpoint("Refusals").ShouldBe(poison);
        decoded.ShouldBe(poison + 1);

        LedgerEvent Poisoned(string wireName, int version, ReadOnlySpan<byte> payload)
        {
            decoded++;
            var fact = (EvidenceRefused)Decode(wireName, version, payload);
            return fact.Source != $"curve{poison}.csv" ? fact : throw new InvalidDataException("it is poison");
        }
    }

    [Fact]
    public async Task Nothing_is_folded_behind_an_event_whose_row_is_gone()
    {
        await using var journal = await RecordedAsync();
        using (var connection = new Microsoft.Data.Sqlite.SqliteConnection(
            $"Data Source={Path.Combine(folder.Path, SqliteJournal.FileName)};Pooling=False"))
        {
            connection.Open();
            using var delete = connection.CreateCommand();
            delete.CommandText = "DELETE FROM events WHERE position = 1234";
            delete.ExecuteNonQuery().ShouldBe(1);
        }
        (await Should.ThrowAsync<JournalRefusedException>(() => FoldAsync(journal, Decode))).Message
            .ShouldBe("position 1234 is missing");
        views.Checkpoint("Refusals").ShouldBeInRange(1, 1234);
    }
}
