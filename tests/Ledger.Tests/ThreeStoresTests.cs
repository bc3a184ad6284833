using System.Globalization;
using System.Text.Json;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Ingest.Fleet;
using Ledger.Projections;
using Ledger.Tests.EventStoreDb;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The same ledger on SQLite, on PostgreSQL and on EventStoreDB: the same numbers, the same proofs, and the
/// same bytes when it moves from one to the next.</summary>
[Collection(OnPostgres.Name)]
public sealed class ThreeStoresTests(PostgresCluster cluster) : IDisposable
{
    private static int made;
    private readonly TestFolder elsewhere = new();

    public void Dispose() => elsewhere.Dispose();

    private string Folder(string name) => Path.Combine(elsewhere.Path, name);

    /// <summary>A database of its own, as a store.</summary>
    private string Postgres()
    {
        var database = string.Create(CultureInfo.InvariantCulture, $"stores{Interlocked.Increment(ref made)}");
        cluster.Server.Execute($"CREATE DATABASE {database}");
        return "postgres:" + cluster.Server.Connection("ledger", database);
    }

    [Fact]
    public async Task A_demonstration_has_the_same_digest_and_the_same_answers_on_each()
    {
        WholeMachine.SkipWhileMutating();
        await using var server = await EventStoreDouble.StartAsync();
        var answers = new List<string>();
        foreach (var (name, store) in new[]
        {
            ("sqlite", $"sqlite:{Folder("journal")}"), ("postgres", Postgres()), ("esdb", server.ConnectionString),
        })
            answers.Add(await PlayAsync(Folder(name), store));
        answers[1].ShouldBe(answers[0]);
        answers[2].ShouldBe(answers[0]);
    }

    private static Task<string> PlayAsync(string data, string store) => Demo.JsonOfAsync(FleetPlan.TwoStations(7), data,
        StoreChoice.Parse(store, "--store", null, data), TestContext.Current.CancellationToken);

    [Fact]
    public async Task A_ledger_goes_from_one_to_the_next_and_back_with_equal_digests_and_is_verified_on_each()
    {
        await using var server = await EventStoreDouble.StartAsync();
        using var town = SmallTown.WithItsDay();
        town.ImportCurve().Exit.ShouldBe(ExitCode.Done);
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27").Exit.ShouldBe(ExitCode.Done);
        town.Run("checkpoint", "--origin", "example.org/town").Exit.ShouldBe(ExitCode.Done);
        var summary = town.Run("show", "summary");
        var digest = Json(town.Run("verify", "--json")).GetProperty("digest").GetString();
        (string Data, string Store) from = (town.Data, $"sqlite:{town.Data}");
        foreach (var to in new (string Data, string Store)[]
        {
            (Folder("in-postgres"), Postgres()), (Folder("in-esdb"), server.ConnectionString),
            (Folder("back"), $"sqlite:{Folder("back")}"),
        })
        {
            var copied = Json(At(from.Data, "copy", "--from", from.Store, "--to", to.Store, "--to-data", to.Data,
                "--json"));
            (copied.GetProperty("copy").GetString(), copied.GetProperty("digest").GetString(),
                copied.GetProperty("checkpoints").ToString()).ShouldBe(("equal", digest, "1"));
            At(to.Data, "show", "summary", "--store", to.Store).ShouldBe(summary);
            var verified = At(to.Data, "verify", "--store", to.Store);
            verified.Exit.ShouldBe(ExitCode.Done, verified.Output + verified.Errors);
            verified.Output.Contains("NOT CHECKED: how ", StringComparison.Ordinal)
                .ShouldBe(to.Data != Folder("back"), verified.Output);
            from = to;
        }
        foreach (var name in (string[])["ledger.json", "ledger.secret", "evidence/000000.segment", "log/checkpoint"])
            File.ReadAllBytes(Path.Combine(from.Data, name))
                .ShouldBe(File.ReadAllBytes(Path.Combine(town.Data, name)), name);
    }

    /// <summary>One store has many names, and a copy of a ledger onto itself is none.</summary>
    [Fact]
    public async Task A_ledger_is_not_copied_onto_itself_whatever_its_store_is_called()
    {
        await using var server = await EventStoreDouble.StartAsync();
        using var town = SmallTown.WithItsDay();
        var (postgres, link) = (Postgres(), Folder("link"));
        Directory.CreateDirectory(elsewhere.Path);
        Directory.CreateSymbolicLink(link, town.Data);
        var number = 0;
        foreach (var (store, also) in new[]
        {
            ($"sqlite:{town.Data}", $"sqlite:{link}"), (postgres, $"{postgres};Search Path=public"),
            (server.ConnectionString, server.ConnectionString.Replace("esdb:", "kurrentdb:", StringComparison.Ordinal)),
        })
        {
            var data = store.StartsWith("sqlite", StringComparison.Ordinal) ? town.Data : Folder($"data{number++}");
            if (data != town.Data) Json(town.Run("copy", "--to", store, "--to-data", data, "--json"));
            var again = Folder($"again{number}");
            At(data, "copy", "--from", store, "--to", also, "--to-data", again).ShouldBeFailure(
                $"ledger copy: {StoreChoice.Parse(also, "--to", null, again).Name} is where the ledger is already");
            Directory.Exists(again).ShouldBeFalse();
        }
    }

    [Fact]
    public async Task A_copy_at_a_server_is_taken_over_and_goes_on_there()
    {
        await using var server = await EventStoreDouble.StartAsync();
        using var town = SmallTown.WithItsDay();
        foreach (var (name, store) in new[] { ("pg", Postgres()), ("es", server.ConnectionString) })
        {
            var data = Folder(name);
            Json(town.Run("copy", "--to", store, "--to-data", data, "--json"));
            At(data, "import", town.File("x.csv", "point,register,read_at,kwh\n"), "--store", store).Errors
                .ShouldContain("is a copy of ");
            var taken = At(data, "restore", "--take-over", "--no-checkpoint", "--by", "A. Person", "--store", store);
            taken.Exit.ShouldBe(ExitCode.Done, taken.Output + taken.Errors);
            var imported = At(data, "import", town.File("more.csv",
                "point,register,read_at,kwh\nS01-C1,2.8.0,2026-02-28T08:00:00+08:00,231\n"), "--store", store);
            imported.Exit.ShouldBe(ExitCode.Done, imported.Output + imported.Errors);
            At(data, "verify", "--store", store).Exit.ShouldBe(ExitCode.Done);
            At(data, "show", "summary").Errors.ShouldContain("as store.json says");
            At(data, "backup", Folder("b"), "--store", store).Errors
                .ShouldContain("or take all of it into a folder of its own with: ledger copy --to sqlite:DIR");
        }
    }

    [Fact]
    public async Task Views_that_somebody_else_has_open_are_brought_up_to_a_journal_at_a_server()
    {
        await using var server = await EventStoreDouble.StartAsync();
        using var town = new SmallTown();
        town.ImportMasterData("--store", server.ConnectionString).Exit.ShouldBe(ExitCode.Done);
        var path = Path.Combine(town.Data, OpenLedger.ViewsFileName);
        File.Delete(path); // which has come as far as the journal
        using var other = new SqliteViews(path);
        var read = At(town.Data, "show", "points", "--store", server.ConnectionString);
        (read.Exit, read.Errors).ShouldBe((ExitCode.Done, ""));
        StandardProjections.All.Min(view => other.Checkpoint(view.Name)).ShouldBeGreaterThan(0);
    }

    private static CommandRun At(string data, params string[] args) =>
        CommandRun.Of([.. args, "--data", data], clock: new StandingClock(SmallTown.Now));

    private static JsonElement Json(CommandRun run)
    {
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        return JsonDocument.Parse(run.Output).RootElement;
    }
}
