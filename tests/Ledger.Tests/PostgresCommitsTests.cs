using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Npgsql;
using Shouldly;

namespace Ledger.Tests;

/// <summary>One batch that is committed at a PostgreSQL server, and the next one, which is copied in meanwhile: it
/// counts where the first one does, and never without it.</summary>
[Collection(OnPostgres.Name)]
public sealed class PostgresCommitsTests(PostgresCluster cluster)
{
    private const int Large = 500; // facts, which are enough not to wait for others
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static Task<AppendResult> AppendAsync(IJournal journal, int first, int count = Large) =>
        journal.AppendAsync("s", ExpectedRevision.Any,
            [.. Enumerable.Range(first, count).Select(number => TestFolder.Reading(number))], TestFolder.Tester, null,
            Ct).AsTask();

    /// <summary>The row that each batch changes, held by somebody else until this is let go of.</summary>
    private async Task<NpgsqlConnection> HoldRowAsync(PostgresPlace place)
    {
        var holder = new NpgsqlConnection(cluster.Server.Connection("holder", place.Database));
        await holder.OpenAsync(Ct);
        await ExecuteAsync(holder, "BEGIN; SELECT 1 FROM ledger_test.ledger FOR UPDATE");
        return holder;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Ct);
    }

    /// <summary>Returns when so many sessions do what a condition says.</summary>
    private static async Task UntilAsync(PostgresPlace place, long sessions, string condition)
    {
        var sql = $"SELECT count(*) FROM pg_stat_activity WHERE datname = '{place.Database}' AND {condition}";
        for (var look = 0; look < 3000 && place.Execute(sql) is long seen && seen != sessions; look++)
            await Task.Delay(20, Ct);
        place.Execute(sql).ShouldBe(sessions, condition);
    }

    private const string WaitsForTheRow = "wait_event_type = 'Lock'";
    private const string IsCopiedInto = "state = 'active' AND query LIKE 'COPY%'";

    /// <summary>Two appends, of which the first waits for the row and the second is at the server but for its end.
    /// </summary>
    private static async Task<(Task<AppendResult> First, Task<AppendResult> Second)> TwoUnderWayAsync(
        PostgresPlace place, IJournal journal)
    {
        var first = AppendAsync(journal, 1);
        await UntilAsync(place, 1, WaitsForTheRow);
        var second = AppendAsync(journal, 1 + Large);
        await UntilAsync(place, 1, IsCopiedInto);
        return (first, second);
    }

    [Theory]
    [InlineData(nameof(Cut.BeforeCommit))]
    [InlineData(nameof(Cut.BeforeAnswer))]
    public async Task Where_the_first_commit_fails_neither_is_acknowledged_and_their_repeats_stand_once(string where)
    {
        await using var cable = new CutCable(cluster.Server.Port);
        await using var place = new PostgresPlace(cluster)
        {
            Through = connection => connection.Replace(Text($"Port={cluster.Server.Port}"), Text($"Port={cable.Port}"),
                StringComparison.Ordinal),
        };
        var journal = place.Open();
        await AppendAsync(journal, 0, 1);
        await using (var holder = await HoldRowAsync(place))
        {
            var (first, second) = await TwoUnderWayAsync(place, journal);
            cable.CutAt(Enum.Parse<Cut>(where));
            await ExecuteAsync(holder, "COMMIT");
            foreach (var append in (Task<AppendResult>[])[first, second])
                await Should.ThrowAsync<JournalFaultedException>(append.WaitAsync(Patience, Ct));
            journal.Length.ShouldBe(1);
        }
        await journal.DisposeAsync();
        await using var again = place.Open();
        var isThere = where == nameof(Cut.BeforeAnswer);
        again.Length.ShouldBe(isThere ? 1 + Large : 1, "the first was not answered, so the second is not there");
        (await AppendAsync(again, 1)).ShouldBe(isThere
            ? new AppendResult.AlreadyRecorded(1) : new AppendResult.Recorded(1, Large));
        (await AppendAsync(again, 1 + Large)).ShouldBe(new AppendResult.Recorded(1 + Large, 2 * Large));
        (await TestFolder.AllAsync(again)).Select(recorded => recorded.Envelope.Revision)
            .ShouldBe(Enumerable.Range(0, 1 + (2 * Large)).Select(i => (long)i));
    }

    [Theory]
    [InlineData("fence = fence + 1", typeof(JournalFencedException))] // as another process does when it takes over
    [InlineData("length = length + 500", typeof(JournalRefusedException))] // as many as the first one has
    public async Task Where_the_row_that_the_first_waits_for_says_that_others_have_gone_on_neither_is_recorded(
        string gone, Type why)
    {
        await using var place = new PostgresPlace(cluster);
        await using var journal = place.Open();
        await AppendAsync(journal, 0, 1);
        await using var holder = await HoldRowAsync(place);
        var (first, second) = await TwoUnderWayAsync(place, journal);
        await ExecuteAsync(holder, $"UPDATE ledger_test.ledger SET {gone}; COMMIT");
        foreach (var append in (Task<AppendResult>[])[first, second])
            (await Should.ThrowAsync<JournalFaultedException>(append.WaitAsync(Patience, Ct)))
                .InnerException.ShouldBeOfType(why);
        journal.Length.ShouldBe(1);
        place.Execute("SELECT count(*) FROM ledger_test.events").ShouldBe(1L);
    }

    [Fact]
    public async Task A_journal_whose_sessions_the_server_ended_while_rows_were_copied_stops_and_can_be_closed()
    {
        await using var place = new PostgresPlace(cluster);
        var journal = place.Open(application: "gone");
        await AppendAsync(journal, 0, 1);
        await using (await HoldRowAsync(place))
        {
            var (first, second) = await TwoUnderWayAsync(place, journal);
            cluster.Server.Cut("gone");
            foreach (var append in (Task<AppendResult>[])[first, second])
                await Should.ThrowAsync<JournalFaultedException>(append.WaitAsync(Patience, Ct));
            // The rows of the second were never completed: they are given up on a connection whose end is told only
            // when it is used.
            await UntilAsync(place, 0, "application_name = 'gone'");
            await journal.DisposeAsync();
        }
        await using var again = place.Open();
        again.Length.ShouldBe(1);
        (await AppendAsync(again, 1)).ShouldBe(new AppendResult.Recorded(1, Large));
    }

    [Fact]
    public async Task Many_large_batches_of_many_writers_stand_in_the_order_of_their_positions()
    {
        const int writers = 4, appends = 8;
        await using var place = new PostgresPlace(cluster);
        await using var journal = place.Open();
        await Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < appends; i++)
                (await journal.AppendAsync($"s{writer}", ExpectedRevision.Exactly((i * Large) - 1),
                    [.. Enumerable.Range(((writer * appends) + i) * Large, Large)
                        .Select(number => TestFolder.Reading(number))], TestFolder.Tester, null, Ct))
                    .ShouldBeOfType<AppendResult.Recorded>().Revision.ShouldBe(((i + 1) * Large) - 1);
        }, Ct)));
        journal.Length.ShouldBe(writers * appends * Large);
        (await TestFolder.AllAsync(journal)).Select(recorded => recorded.Position)
            .ShouldBe(Enumerable.Range(0, writers * appends * Large).Select(i => (long)i));
        var root = journal.Root;
        await journal.DisposeAsync();
        await using var again = place.Open();
        again.Root.ShouldBe(root);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
