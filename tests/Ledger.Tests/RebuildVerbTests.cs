using System.Text.Json.Nodes;
using Ledger.Cli;
using Ledger.Journal;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Views that are computed anew, and the schema that is printed.</summary>
public sealed class RebuildVerbTests : IDisposable
{
    private readonly SmallTown town = SmallTown.WithItsDay();

    public RebuildVerbTests() =>
        town.Run("show").Exit.ShouldBe(ExitCode.Done); // which brings the views up to the journal

    public void Dispose() => town.Dispose();

    private object? OnViews(string sql)
    {
        using var views = new SqliteConnection($"Data Source={Path.Combine(town.Data, "views.db")};Pooling=False");
        views.Open();
        using var command = views.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    private const string RowsBeside = """
        SELECT count(*) FROM view_row WHERE projection IN (SELECT number FROM projection WHERE name LIKE '%~next')
        """;

    [Fact]
    public void A_damaged_row_is_named_with_what_it_was_and_what_it_is_and_then_is_right()
    {
        var (digests, verified) = (town.Run("replay").Output, town.Run("verify").Exit);
        OnViews("""
            UPDATE current_row SET json = replace(json, 'S01', 'S02')
            WHERE projection = (SELECT number FROM projection WHERE name = 'MasterData') AND key LIKE 'point|S01-C2%'
            """);
        var rebuilt = town.Run("rebuild", "--json");
        (rebuilt.Exit, rebuilt.Errors).ShouldBe((ExitCode.Done, ""));
        var page = JsonNode.Parse(rebuilt.Output)!;
        ((string?)page["rebuild"], (int)page["differences"]!).ShouldBe(("switched", 1));
        var row = page["rows"]!.AsArray().ShouldHaveSingleItem()!;
        ((string)row["projection"]!, ((string)row["key"]!)[..13]).ShouldBe(("MasterData", "point|S01-C2|"));
        ((string)row["stored"]!).ShouldContain("S02");
        ((string)row["recomputed"]!).ShouldNotContain("S02");
        town.Run("replay", "--diff").Exit.ShouldBe(ExitCode.Done);
        town.Run("replay").Output.ShouldBe(digests);
        town.Run("verify").Exit.ShouldBe(verified);
        OnViews(RowsBeside).ShouldBe(0L);
        town.Run("rebuild").Output.ShouldContain("rows that differed");
        town.Run("replay", "--diff").Exit.ShouldBe(ExitCode.Done);
        OnViews(RowsBeside).ShouldBe(0L);
    }

    [Fact]
    public void One_view_is_rebuilt_alone_and_one_that_there_is_not_is_usage()
    {
        town.Run("rebuild", "--projection", "Refusals").Exit.ShouldBe(ExitCode.Done);
        OnViews("SELECT count(*) FROM projection WHERE name LIKE '%~next'").ShouldBe(1L);
        OnViews(RowsBeside).ShouldBe(0L);
        town.Run("show", "refusals").Exit.ShouldBe(ExitCode.Done);
        town.Run("replay", "--diff").Exit.ShouldBe(ExitCode.Done);
        town.Run("rebuild", "--projection", "Nothing").Exit.ShouldBe(ExitCode.Usage);
    }

    [Fact]
    public void Views_of_an_earlier_version_of_the_file_are_verified_as_they_are_and_taken_over_by_who_opens_it()
    {
        var (refusals, verified) = (town.Run("show", "refusals").Output, town.Run("verify").Exit);
        EarlierViews.Make(Path.Combine(town.Data, "views.db"), hasVersions: false);
        town.Run("verify").Exit.ShouldBe(verified);
        OnViews("SELECT count(*) FROM sqlite_schema WHERE name = 'lease'").ShouldBe(0L);
        OnViews("SELECT count(*) FROM sqlite_schema WHERE name = 'checkpoint'").ShouldBe(1L, "nobody wrote");
        town.Run("show", "refusals").Output.ShouldBe(refusals);
        OnViews("SELECT count(*) FROM sqlite_schema WHERE name = 'checkpoint'").ShouldBe(0L, "they were taken over");
        town.Run("replay", "--diff").Exit.ShouldBe(ExitCode.Done);
        town.Run("rebuild").Exit.ShouldBe(ExitCode.Done);
        town.Run("show", "refusals").Output.ShouldBe(refusals);
        town.Run("verify").Exit.ShouldBe(verified);
    }

    /// <summary>An owner that is amid a batch.</summary>
    [Fact]
    public void Who_reads_beside_an_owner_waits_for_no_batch_and_changes_no_byte_of_the_views()
    {
        var refusals = town.Run("show", "refusals").Output;
        var path = Path.Combine(town.Data, "views.db");
        OnViews("PRAGMA wal_checkpoint(TRUNCATE)");
        var bytes = File.ReadAllBytes(path);
        using (FolderLock.Take(town.Data))
        using (var owner = new SqliteConnection($"Data Source={path};Pooling=False"))
        {
            owner.Open();
            using var batch = owner.BeginTransaction();
            using var write = owner.CreateCommand();
            write.Transaction = batch;
            write.CommandText = "UPDATE projected SET next_position = next_position";
            write.ExecuteNonQuery();
            var read = town.Run("show", "refusals");
            (read.Exit, read.Output, read.Errors).ShouldBe((ExitCode.Done, refusals, ""));
            batch.Rollback();
            File.ReadAllBytes(path).ShouldBe(bytes);
        }
    }

    /// <summary>What a crash left of a file that was being made.</summary>
    [Fact]
    public void Views_in_which_nothing_was_made_yet_are_computed_when_somebody_asks()
    {
        var refusals = town.Run("show", "refusals").Output;
        File.WriteAllBytes(Path.Combine(town.Data, "views.db"), []);
        town.Run("show", "refusals").Output.ShouldBe(refusals);
    }

    [Fact]
    public void Who_reads_is_told_of_views_that_cannot_be_read()
    {
        var path = Path.Combine(town.Data, "views.db");
        File.WriteAllText(path, new string('x', 8192));
        var show = town.Run("show", "refusals");
        show.ShouldBeFailure($"ledger show: {path} cannot be read (SQLite Error 26: 'file is not a database'.); it holds "
            + "nothing of its own: delete it, and it is computed again from the journal");
    }

    [Fact]
    public void The_schema_is_printed_for_the_ledger_in_the_folder_or_any_other()
    {
        var own = town.Run("schema");
        (own.Exit, own.Errors).ShouldBe((ExitCode.Done, ""));
        foreach (var table in (string[])["ledger", "streams", "events", "view_row", "view_history", "checkpoint", "view_version", "lease", "alarm"])
            own.Output.ShouldContain($".{table} (");
        CommandRun.Of(["schema", "--ledger", "elsewhere"]).Output
            .ShouldContain("CREATE TABLE IF NOT EXISTS ledger_elsewhere.events (");
        ((string?)JsonNode.Parse(CommandRun.Of(["schema", "--ledger", "elsewhere", "--json"]).Output)!["schema"])
            .ShouldNotBeNull().ShouldContain("ledger_elsewhere.lease");
        CommandRun.Of(["schema", "--ledger", "no such id"]).Exit.ShouldBe(ExitCode.Usage);
    }
}
