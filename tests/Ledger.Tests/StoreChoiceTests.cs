using System.Diagnostics;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Tests.EventStoreDb;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Which store a ledger is in: read by its rule, shown without secrets, and the same each time.</summary>
public sealed class StoreChoiceTests : IDisposable
{
    private readonly TestFolder elsewhere = new();

    public void Dispose() => elsewhere.Dispose();

    private static StoreChoice Parse(string text, string? views = null) => StoreChoice.Parse(text, "--store", views, "/data");

    [Theory]
    [InlineData("sqlite:/var/ledger/", null, "sqlite:/var/ledger")]
    [InlineData("postgres:Host=db;Database=ledger", null, "postgres:Host=db;Database=ledger")]
    [InlineData("postgres:Password=p;Username=u;Port=5433;Database=ledger;Host=db", null,
        "postgres:Host=db;Port=5433;Database=ledger")]
    [InlineData("esdb://node:2113?tls=false", null, "esdb://node:2113")]
    [InlineData("esdb+discover://admin:changeit@cluster:2113/?keepAliveInterval=10000", null,
        "esdb+discover://cluster:2113")]
    [InlineData("esdb://u:p@ss@a:1,b:2,c:3", "postgres:Host=v;Database=views", "esdb://a:1,b:2,c:3")]
    public void A_store_is_called_without_who_asks_and_without_settings(string text, string? views, string name) =>
        Parse(text, views).Name.ShouldBe(name);

    [Fact]
    public void Views_of_an_event_store_are_in_the_data_folder_where_nobody_says_where()
    {
        Parse("esdb://node:2113").ShouldBe(new StoreChoice.EventStoreDb("esdb://node:2113",
            new StoreChoice.ViewsChoice.SqliteFile("/data/views.db")));
        Parse("esdb://node:2113", "sqlite:/views/v.db").ShouldBe(new StoreChoice.EventStoreDb("esdb://node:2113",
            new StoreChoice.ViewsChoice.SqliteFile("/views/v.db")));
        Parse("esdb://node:2113", "postgres:Host=v;Database=d").ShouldBe(new StoreChoice.EventStoreDb(
            "esdb://node:2113", new StoreChoice.ViewsChoice.Postgres("Host=v;Database=d")));
    }

    [Theory]
    [InlineData("oracle:x", null, "--store is sqlite:DIR, postgres:Host=…;Database=…, esdb://HOST:PORT or "
        + "esdb+discover://HOST:PORT, not 'oracle:x'")]
    [InlineData("", null, "--store is sqlite:DIR, postgres:Host=…;Database=…, esdb://HOST:PORT or "
        + "esdb+discover://HOST:PORT, not ''")]
    [InlineData("sqlite:", null, "--store is 'sqlite:', and names no folder: ")]
    [InlineData("postgres:Host=db", null, "--store is 'postgres:Host=db', and names no Database: ")]
    [InlineData("postgres:Database=db", null, "--store is 'postgres:Database=db', and names no Host: ")]
    [InlineData("postgres:db", null, "--store is 'postgres:db', which is no list of NAME=VALUE;…: ")]
    [InlineData("postgres:Database=db;Password=secret", null, "--store is 'postgres:…', and names no Host: ")]
    [InlineData("esdb://", null, "--store is 'esdb://', and names no host: ")]
    [InlineData("esdb://u:p@?tls=true", null, "--store is 'esdb:…', and names no host: ")]
    [InlineData("esdb://h?tls=perhaps", null, "--store is 'esdb://h?tls=perhaps': ")]
    [InlineData("esdb://h?nodePreference=random", null, "--store is 'esdb://h?nodePreference=random': the connection string "
        + "says nodePreference=random; a journal is read from the leader, ")]
    [InlineData("esdb://admin:ab/cd@node:2113", null, "--store is 'esdb:…': the connection string has an '@' behind a '/'")]
    [InlineData("postgres:Host=db;Database=l;Pasword=x", null,
        "--store is 'postgres:…', and has a NAME that no connection to PostgreSQL has")]
    [InlineData("postgres:Host=db;Database=l;Ssl Mode=Requir", null,
        "--store is 'postgres:…', and has a ssl mode that cannot be")]
    [InlineData("postgres:Host=db;Database=l;Port=many", null, "--store is 'postgres:Host=db;Database=l;Port=many', and has a "
        + "port that cannot be")]
    [InlineData("postgres:Host=a,b;Database=l;Target Session Attributes=prefer-standby", null, "--store is 'postgres:…', "
        + "and says Target Session Attributes=prefer-standby; a journal is read where it is written, ")]
    [InlineData("postgres:Host=a,b;Database=l;Load Balance Hosts=true", null,
        "--store is 'postgres:…', and says Load Balance Hosts; a journal is read where it is written, ")]
    [InlineData("esdb://h", "postgres:Host=a,b;Database=l;Target Session Attributes=any", "--views is 'postgres:…', and "
        + "says Target Session Attributes=any; ")]
    [InlineData("sqlite:/d", "sqlite:/d/views.db", "--views goes with an esdb:// store; ")]
    [InlineData("esdb://h", "views.db", "--views is sqlite:FILE or postgres:Host=…;Database=…, not 'views.db'")]
    [InlineData("esdb://h", "sqlite:", "--views is sqlite:FILE or postgres:Host=…;Database=…, not 'sqlite:'")]
    [InlineData("esdb://h", "postgres:Host=v", "--views is 'postgres:Host=v', and names no Database: sqlite:FILE or ")]
    public void A_wrong_store_is_refused_with_its_value_and_the_rule(string text, string? views, string message) =>
        Should.Throw<StoreRefusedException>(() => Parse(text, views)).Message.ShouldStartWith(message);

    [Theory]
    [InlineData("esdb://admin:se/cret@node:2113")]
    [InlineData("esdb://admin:se?cret@node")]
    [InlineData("esdb://admin:12?cret@node")]
    [InlineData("esdb://admin:12?tls=cret@node")]
    [InlineData("esdb://admin:12?connectionName=cret@node")]
    [InlineData("esdb://cret@node")]
    [InlineData("postgres:Host=db;Username=l;PSW=cret")]
    [InlineData("postgres:Host=db;Database=l;Pasword=cret")]
    [InlineData("postgres:Host=db;Database=l;Password=se;cret=1")]
    [InlineData("postgres:Host=db;cret")]
    [InlineData("postgresql://l:cret@db/l")]
    [InlineData("Host=db;PSW=cret")]
    public void A_password_is_in_no_message(string text) =>
        Should.Throw<StoreRefusedException>(() => Parse(text)).Message.ShouldNotContain("cret");

    [Theory]
    [InlineData("postgres:Host=a,b;Database=l")]
    [InlineData("postgres:Host=a,b;Database=l;Target Session Attributes=Primary")]
    public void Several_servers_of_which_the_one_that_is_written_is_read_are_a_store(string text) =>
        Parse(text).Name.ShouldBe("postgres:Host=a,b;Database=l");

    [Fact]
    public void A_file_is_no_folder_and_a_folder_no_file()
    {
        using var town = new SmallTown();
        var file = town.File("f", "");
        Should.Throw<StoreRefusedException>(() => Parse($"sqlite:{file}")).Message
            .ShouldBe($"--store is 'sqlite:{file}', and {file} is a file: sqlite:DIR names the folder of journal.db");
        Should.Throw<StoreRefusedException>(() => Parse("esdb://h", $"sqlite:{town.Data}")).Message
            .ShouldBe($"--views is 'sqlite:{town.Data}', and {town.Data} is a folder: sqlite:FILE names a file");
    }

    [Fact]
    public void A_ledger_with_its_journal_elsewhere_is_the_same_ledger_and_says_where_that_is()
    {
        using var town = new SmallTown();
        using var inOneFolder = SmallTown.WithItsDay();
        var store = $"sqlite:{elsewhere.Path}";
        town.ImportMasterData("--store", store).Exit.ShouldBe(ExitCode.Done);
        town.ImportReadings("--store", store).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        File.Exists(Path.Combine(town.Data, SqliteJournal.FileName)).ShouldBeFalse();
        File.Exists(Path.Combine(town.Data, OpenLedger.ViewsFileName)).ShouldBeFalse();
        File.ReadAllText(Path.Combine(town.Data, "store.json"))
            .ShouldBe($$"""{"store":"sqlite:{{elsewhere.Path}}"}""");
        foreach (var verb in (string[][])[["show", "summary"], ["show", "registers"], ["export", "export"]])
            town.Run([.. verb, "--store", store]).ShouldBe(inOneFolder.Run(verb));
        town.Run("verify", "--store", store).Exit.ShouldBe(ExitCode.Done);
        town.Run("checkpoint", "--store", store).Exit.ShouldBe(ExitCode.Done);
        town.Run("prove", "2", "--store", store, "--out", town.File("p", "")).Exit.ShouldBe(ExitCode.Done);
    }

    [Fact]
    public void A_ledger_whose_store_is_forgotten_or_another_one_is_refused_with_both()
    {
        using var town = new SmallTown();
        var store = $"sqlite:{elsewhere.Path}";
        town.ImportMasterData("--store", store).Exit.ShouldBe(ExitCode.Done);
        var line = $"the journal of the ledger in {town.Data} is in {store}, as store.json says, and not in "
            + $"sqlite:{town.Data}: name it with --store";
        town.Run("show", "summary").ShouldBeFailure($"ledger show: {line}");
        town.ImportReadings().ShouldBeFailure($"ledger import: {line}");
        town.Run("verify").ShouldBeFailure($"ledger verify: {line}");
        town.Run("recover").ShouldBeFailure($"ledger recover: {line}");
        town.Run("recover", "--by", "A. Person", "--accept-loss").ShouldBeFailure($"ledger recover: {line}");
        town.Run("backup", Path.Combine(elsewhere.Path, "b")).ShouldBeFailure($"ledger backup: {line}");
        town.Run("backup", Path.Combine(elsewhere.Path, "b"), "--store", store).Errors
            .ShouldStartWith($"ledger backup: backup copies one folder, and the journal of this ledger is in {store}: ");
        using var whole = SmallTown.WithItsDay();
        whole.Run("show", "summary", "--store", store).Errors.ShouldStartWith(
            $"ledger show: {whole.Data} has a journal of its own, so its ledger is not in {store}; move it with: ");
    }

    [Fact]
    public void A_copy_whose_store_is_forgotten_is_not_taken_over_with_an_empty_journal()
    {
        using var town = SmallTown.WithItsDay();
        var (store, copied) = ($"sqlite:{Path.Combine(elsewhere.Path, "store")}", Path.Combine(elsewhere.Path, "copied"));
        town.Run("copy", "--to", store, "--to-data", copied).Exit.ShouldBe(ExitCode.Done);
        CommandRun At(params string[] words) => CommandRun.Of(
            [.. words, "--data", copied], clock: new StandingClock(SmallTown.Now));
        string[] takeOver = ["restore", "--take-over", "--no-checkpoint", "--by", "A. Person"];
        At(takeOver).ShouldBeFailure($"ledger restore: the journal of the ledger in {copied} is in {store}, as store.json "
            + $"says, and not in sqlite:{copied}: name it with --store");
        File.Exists(Path.Combine(copied, SqliteJournal.FileName)).ShouldBeFalse();
        At("import", town.File("x.csv", "point,register,read_at,kwh\n"), "--store", store).Errors.ShouldContain(
            $"ledger restore --take-over --by NAME --data {copied} --store STORE");
        At([.. takeOver, "--store", store]).Exit.ShouldBe(ExitCode.Done);
    }

    /// <summary>Who has mistyped a server's name has begun nothing there.</summary>
    [Fact]
    public async Task A_store_that_was_never_reached_is_not_the_ledger_s()
    {
        await using var server = await EventStoreDouble.StartAsync();
        using var town = new SmallTown();
        const string nowhere = "postgres:Host=127.0.0.1;Port=1;Database=x;Timeout=60";
        town.ImportMasterData("--store", nowhere).Errors.ShouldStartWith(
            "ledger import: postgres:Host=127.0.0.1;Port=1;Database=x cannot be opened: ");
        File.Exists(Path.Combine(town.Data, "store.json")).ShouldBeFalse();
        town.ImportMasterData("--store", server.ConnectionString).Exit.ShouldBe(ExitCode.Done);
        town.Run("show", "summary", "--store", nowhere).Errors.ShouldContain("as store.json says");

        var copied = Path.Combine(elsewhere.Path, "copied");
        using var day = SmallTown.WithItsDay();
        day.Run("copy", "--to", nowhere, "--to-data", copied).Exit.ShouldBe(ExitCode.CouldNot);
        day.Run("copy", "--to", $"sqlite:{copied}").Exit.ShouldBe(ExitCode.Done);
    }

    [Fact]
    public void Every_verb_is_told_a_wrong_store_and_those_of_files_say_that_they_are()
    {
        using var town = SmallTown.WithItsDay();
        foreach (var verb in (string[][])[["show", "summary"], ["verify"], ["serve"], ["recover"], ["checkpoint"],
            ["replay"], ["backup", "b"], ["settle", "--account", "cpo", "--day", "2026-02-27"]])
        {
            var run = town.Run([.. verb, "--store", "oracle:x"]);
            run.Errors.ShouldStartWith($"ledger {verb[0]}: --store is {StoreChoice.Rule}, not 'oracle:x'\n");
            run.Exit.ShouldBe(ExitCode.Usage);
        }
    }

    [Fact]
    public async Task The_command_line_comes_before_the_environment_and_that_before_the_settings_file()
    {
        using var town = SmallTown.WithItsDay();
        var whole = town.Run("show", "summary");
        Directory.CreateDirectory(elsewhere.Path);
        await File.WriteAllTextAsync(Path.Combine(elsewhere.Path, "appsettings.json"),
            """{ "Ledger": { "Store": "oracle:file" } /* a comment */ }""", TestContext.Current.CancellationToken);
        (await RunAsync(town, null)).ShouldBe((ExitCode.Usage,
            $"ledger show: Store in appsettings.json is {StoreChoice.Rule}, not 'oracle:file'"));
        (await RunAsync(town, "oracle:environment")).ShouldBe((ExitCode.Usage,
            $"ledger show: LEDGER_STORE is {StoreChoice.Rule}, not 'oracle:environment'"));
        (await RunAsync(town, "oracle:environment", "--store", $"sqlite:{town.Data}"))
            .ShouldBe((ExitCode.Done, whole.Output.Split('\n')[0]));
        (await RunAsync(town, $"sqlite:{town.Data}")).ShouldBe((ExitCode.Done, whole.Output.Split('\n')[0]));
        await File.WriteAllTextAsync(Path.Combine(elsewhere.Path, "appsettings.json"), "{",
            TestContext.Current.CancellationToken);
        (await RunAsync(town, null)).Line.ShouldStartWith(
            $"ledger show: {Path.Combine(elsewhere.Path, "appsettings.json")} cannot be read: ");
    }

    [Theory]
    [InlineData("esdb://127.0.0.1:1")]
    [InlineData("kurrentdb://127.0.0.1:1")]
    [InlineData("kurrentdb+discover://127.0.0.1:1")]
    public async Task Views_of_either_event_store_are_where_the_settings_say(string store)
    {
        using var town = new SmallTown();
        Directory.CreateDirectory(elsewhere.Path);
        await File.WriteAllTextAsync(Path.Combine(elsewhere.Path, "appsettings.json"),
            $$"""{ "Ledger": { "Store": "{{store}}", "Views": "oracle:views" } }""",
            TestContext.Current.CancellationToken);
        (await RunAsync(town, null)).ShouldBe((ExitCode.Usage,
            $"ledger show: --views is {StoreChoice.ViewsRule}, not 'oracle:views'"));
    }

    /// <summary>Runs <c>show summary</c> in a process of its own; its exit code and the first line that it
    /// wrote.</summary>
    private async Task<(int Exit, string? Line)> RunAsync(SmallTown town, string? store, params string[] options)
    {
        var start = new ProcessStartInfo("dotnet",
            [Path.Combine(AppContext.BaseDirectory, "ledger.dll"), "show", "summary", "--data", town.Data, .. options])
        {
            WorkingDirectory = elsewhere.Path,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (store is not null) start.Environment[StoreVariable] = store;
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
            process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, ((await output) + (await errors)).Split('\n')[0]);
    }

    private const string StoreVariable = "LEDGER_STORE";
}
