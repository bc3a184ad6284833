using Ledger.Domain;
using Ledger.Journal;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Events whose rows are gone from journal.db while it is open: whoever reads is told which one is missing,
/// and is never given what comes behind it as if it came next.</summary>
public sealed class MissingEventTests : IDisposable
{
    private const int Events = 1200; // more than two pages
    private readonly TestFolder folder = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    private async Task<SqliteJournal> LoseAsync(params long[] positions)
    {
        var journal = folder.Open();
        for (var i = 0; i < Events; i += 100)
            (await journal.AppendAsync("s", ExpectedRevision.Any,
                [.. Enumerable.Range(i, 100).Select(number => TestFolder.Reading(number))], TestFolder.Tester, null,
                Ct)).ShouldBeOfType<AppendResult.Recorded>();
        using var connection = new SqliteConnection(
            $"Data Source={Path.Combine(folder.Path, SqliteJournal.FileName)};Pooling=False");
        connection.Open();
        using var delete = connection.CreateCommand();
        delete.CommandText = $"DELETE FROM events WHERE position IN ({string.Join(',', positions)})";
        delete.ExecuteNonQuery().ShouldBe(positions.Length);
        return journal;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(511)]
    [InlineData(512)]
    [InlineData(700)]
    [InlineData(Events - 1)]
    public async Task A_missing_event_is_named_by_whoever_reads_all(long lost)
    {
        await using var journal = await LoseAsync(lost);
        var given = new List<long>();
        (await Should.ThrowAsync<JournalRefusedException>(async () =>
        {
            await foreach (var recorded in journal.ReadAllAsync(0, Ct)) given.Add(recorded.Position);
        })).Message.ShouldBe($"position {lost} is missing");
        given.ShouldBe(Enumerable.Range(0, given.Count).Select(position => (long)position));
        given.Count.ShouldBeLessThanOrEqualTo((int)lost);
        Should.Throw<JournalRefusedException>(() => journal.LeafEntries(0, Events).Count()).Message
            .ShouldBe($"position {lost} is missing");
    }

    [Fact]
    public async Task What_does_not_reach_the_missing_event_is_read()
    {
        await using var journal = await LoseAsync(700, 701);
        (await TestFolder.AllAsync(journal, 702)).Count.ShouldBe(Events - 702);
        journal.LeafEntries(0, 700).Count().ShouldBe(700);
        journal.LeafEntries(702, Events).Count().ShouldBe(Events - 702);
        (await TestFolder.AllAsync(journal, Events)).ShouldBeEmpty();
        (await TestFolder.AllAsync(journal, Events + 5)).ShouldBeEmpty();
        Should.Throw<JournalRefusedException>(() => journal.LeafEntries(701, Events).Count()).Message
            .ShouldBe("position 701 is missing");
    }
}
