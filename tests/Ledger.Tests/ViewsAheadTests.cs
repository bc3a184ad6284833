using Ledger.Api;
using Ledger.Cli;
using Ledger.Journal;
using Ledger.Projections;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Views that have applied events which their journal does not have: of a journal that a server gave back shorter, or
/// whose loss was accepted while they stayed. They are never taken for views that are up to date.
/// </summary>
public sealed class ViewsAheadTests : IDisposable
{
    private const string Readings = "point,register,read_at,kwh\nS01-C1,1.8.0,2026-02-26T00:00:00+08:00,";
    private readonly SmallTown town = SmallTown.WithItsDay();

    public void Dispose() => town.Dispose();

    private string Views => Path.Combine(town.Data, OpenLedger.ViewsFileName);

    private object? On(string file, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(town.Data, file)};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    private long Length() => JournalHead.Read(town.Data)!.Length;

    /// <summary>Loses the last event of the journal, which the views have applied, and accepts the loss; the views are
    /// then as an earlier program, or a crash amid it, left them.</summary>
    private long LoseOneAndKeepTheViews()
    {
        var (db, before) = (Path.Combine(town.Data, SqliteJournal.FileName), Length());
        var bytes = File.ReadAllBytes(db);
        town.Run("import", town.File("more.csv", Readings + "900\n")).Exit.ShouldBe(ExitCode.Done);
        town.Run("show").Exit.ShouldBe(ExitCode.Done);
        Length().ShouldBe(before + 1);
        var applied = File.ReadAllBytes(Views);
        File.WriteAllBytes(db, bytes);
        town.Run("recover", "--by", "A. Person", "--accept-loss").Exit.ShouldBe(ExitCode.Done);
        File.Exists(Views).ShouldBeFalse();
        On(Views, "PRAGMA user_version"); // made anew
        File.WriteAllBytes(Views, applied);
        On(Views, "UPDATE projected SET next_position = next_position + 1"); // the loss itself is an event too
        return before + 2;
    }

    [Fact]
    public void A_ledger_whose_views_are_ahead_is_refused_until_they_are_rebuilt()
    {
        var applied = LoseOneAndKeepTheViews();
        var length = Length();
        applied.ShouldBe(length + 1);
        var settle = town.Run("settle", "--account", "cpo", "--day", "2026-02-27");
        settle.Exit.ShouldBe(ExitCode.CouldNot);
        settle.Errors.ShouldContain($"has applied {applied} events and the journal has {length}: the journal has lost "
            + $"events, or the view is another journal's; restore the journal, or, where it is as it should be, compute "
            + $"the views from it: ledger rebuild --data {town.Data}");
        Length().ShouldBe(length, "nothing is recorded at the positions of what is lost");
        // Nor is anything read from rows that lost events made.
        var show = town.Run("show");
        (show.Exit, show.Output, show.Errors).ShouldBe((
            settle.Exit, "", settle.Errors.Replace("ledger settle:", "ledger show:", StringComparison.Ordinal)));
        var rebuilt = town.Run("rebuild");
        (rebuilt.Exit, rebuilt.Errors).ShouldBe((ExitCode.Done, ""));
        town.Run("replay", "--diff").Exit.ShouldBe(ExitCode.Done);
        // Another reading: it is applied.
        town.Run("import", town.File("again.csv", Readings + "901\n")).Exit.ShouldBe(ExitCode.Done);
        town.Run("replay", "--diff").Exit.ShouldBe(ExitCode.Done);
        On(Views, "SELECT min(next_position) FROM projection WHERE name NOT LIKE '%~next'").ShouldBe(Length());
    }

    [Fact]
    public async Task Views_are_ahead_by_the_furthest_of_them_and_only_that_is_forgotten()
    {
        var (journal, views) = (new InMemoryJournal(), new MemoryViews());
        ViewsAhead.Refuse(journal, views, StandardProjections.All);
        await journal.AppendAsync("s", ExpectedRevision.Any, [TestFolder.Reading(1)], TestFolder.Tester, null,
            TestContext.Current.CancellationToken);
        views.Commit(Checkpoints.Of(("Refusals", 1), ("MasterData", 2)), []);
        Should.Throw<ViewsAheadException>(() => ViewsAhead.Refuse(journal, views, StandardProjections.All)).Message
            .ShouldStartWith("view MasterData has applied 2 events and the journal has 1: ");
        ViewsAhead.Forget(journal, views, StandardProjections.All);
        ViewsAhead.Refuse(journal, views, StandardProjections.All);
        (views.Checkpoint("MasterData"), views.Checkpoint("Refusals")).ShouldBe((0L, 1L));
    }

    [Fact]
    public void A_subscriber_is_looked_for_again_from_where_the_journal_goes_on()
    {
        var path = Path.Combine(town.Data, "webhooks.db");
        On(path, """
            CREATE TABLE progress (id INTEGER PRIMARY KEY CHECK (id = 1), next INTEGER NOT NULL) STRICT;
            INSERT INTO progress VALUES (1, 1000);
            """);
        LostEvents.ForgetBeside(town.Data, town.Data, 7);
        On(path, "SELECT next FROM progress").ShouldBe(7L);
        LostEvents.ForgetBeside(town.Data, town.Data, 8);
        On(path, "SELECT next FROM progress").ShouldBe(7L);
        File.Exists(Views).ShouldBeFalse();
    }
}
