using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Journal;
using Ledger.Tests.EventStoreDb;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A server that comes back with less than it has acknowledged, after a fail-over that waited for no standby or from a
/// backup: the ledger's folder knows better, and nothing is recorded until a person has decided.
/// </summary>
[Collection(OnPostgres.Name)]
public sealed partial class ServerHeadTests(PostgresCluster cluster)
{
    private static int made;

    /// <summary>A store that can be put back to what it was.</summary>
    /// <param name="Keep">Remembers what it is now.</param>
    /// <param name="FallBack">Puts that back.</param>
    private sealed record Losing(string Name, Action Keep, Action FallBack);

    private Losing Postgres()
    {
        var database = string.Create(CultureInfo.InvariantCulture, $"losing{Interlocked.Increment(ref made)}");
        cluster.Server.Execute($"CREATE DATABASE {database}");
        return new("postgres:" + cluster.Server.Connection("ledger", database),
            () => cluster.Server.Execute($"CREATE DATABASE {database}_kept TEMPLATE {database}"),
            () =>
            {
                cluster.Server.Execute($"DROP DATABASE {database} WITH (FORCE)");
                cluster.Server.Execute($"ALTER DATABASE {database}_kept RENAME TO {database}");
            });
    }

    private static Losing EventStore(EventStoreDouble server)
    {
        var kept = 0;
        return new(server.ConnectionString, () => kept = server.Log.Of("ledger-town")!.Count,
            () => server.Log.Lose("ledger-town", server.Log.Of("ledger-town")!.Count - kept));
    }

    [Theory]
    [InlineData("postgres")]
    [InlineData("esdb")]
    public async Task A_server_that_lost_acknowledged_facts_is_refused_and_goes_on_when_a_person_accepts_it(string kind)
    {
        await using var server = await EventStoreDouble.StartAsync();
        var store = kind == "esdb" ? EventStore(server) : Postgres();
        using var town = new SmallTown();
        CommandRun Run(params string[] args) => town.Run([.. args, "--store", store.Name]);
        town.ImportMasterData("--store", store.Name).Exit.ShouldBe(ExitCode.Done);
        store.Keep();
        var kept = LengthOf(Run("recover"));
        town.ImportReadings("--store", store.Name).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        var acknowledged = LengthOf(Run("recover"));
        acknowledged.ShouldBeGreaterThan(kept);
        JournalHead.Read(town.Data)!.Length.ShouldBe(acknowledged);
        store.FallBack();

        var why = $"the journal ends at position {kept} but was acknowledged up to position {acknowledged}";
        town.ImportReadings("--store", store.Name).ShouldBeFailure($"ledger import: {why}; restore {town.Data} from a "
            + $"copy, or accept the loss with: ledger recover --data {town.Data} --store STORE --by NAME --accept-loss");
        var known = await File.ReadAllBytesAsync(HeadOf(town), TestContext.Current.CancellationToken);
        var forgotten = $"the journal of the ledger in {town.Data} is in "
            + $"{StoreChoice.Parse(store.Name, "--store", null, town.Data).Name}, as store.json says, and not in "
            + $"sqlite:{town.Data}: name it with --store";
        foreach (var verb in (string[][])[["recover"], ["recover", "--by", "A. Person", "--accept-loss"],
            ["backup", town.File("b", "") + "-backup"]])
            town.Run(verb).ShouldBeFailure($"ledger {verb[0]}: {forgotten}");
        File.Exists(Path.Combine(town.Data, SqliteJournal.FileName)).ShouldBeFalse();
        (await File.ReadAllBytesAsync(HeadOf(town), TestContext.Current.CancellationToken)).ShouldBe(known);
        Run("verify").Output.ShouldContain($"{JournalHead.FileName}");
        var asked = Run("recover");
        (asked.Exit, asked.Output).ShouldBe((ExitCode.NotAsItShouldBe, ""));
        asked.Errors.ShouldContain(why);
        Run("recover").Errors.ShouldContain("Nothing was changed");

        var recovered = Run("recover", "--by", "A. Person", "--accept-loss");
        (recovered.Exit, recovered.Errors).ShouldBe((ExitCode.Done, ""), recovered.Errors);
        Run("show", "event", $"{kept}").Output.ShouldContain("A. Person");
        town.ImportReadings("--store", store.Name).Exit.ShouldBe(ExitCode.NotAsItShouldBe); // as the first time
        LengthOf(Run("recover")).ShouldBe(acknowledged + 1);
        Run("replay", "--diff").Exit.ShouldBe(ExitCode.Done, "the views have forgotten what was lost");
        Run("verify").Exit.ShouldBe(ExitCode.Done);
    }

    [Theory]
    [InlineData("postgres")]
    [InlineData("esdb")]
    public async Task A_second_loss_from_the_same_position_is_another_fact(string kind)
    {
        await using var server = await EventStoreDouble.StartAsync();
        var store = kind == "esdb" ? EventStore(server) : Postgres();
        using var town = new SmallTown();
        string Recovered() => (string)JsonNode.Parse(town.Run(
            "recover", "--by", "A. Person", "--accept-loss", "--store", store.Name, "--json").Output)!["foundPosition"]!;
        town.ImportMasterData("--store", store.Name).Exit.ShouldBe(ExitCode.Done);
        store.Keep();
        var kept = JournalHead.Read(town.Data)!.Length;
        Assign(town, store, "one", "two", "three").Exit.ShouldBe(ExitCode.Done);
        store.FallBack();
        Recovered().ShouldBe($"{kept}");
        store.Keep();
        Assign(town, store, "four", "five").Exit.ShouldBe(ExitCode.Done);
        JournalHead.Read(town.Data)!.Length.ShouldBe(kept + 3, "as far as it was acknowledged the first time");
        store.FallBack();
        Recovered().ShouldBe($"{kept + 1}");
        LengthOf(town.Run("recover", "--store", store.Name)).ShouldBe(kept + 2);
        town.Run("show", "event", $"{kept + 1}", "--store", store.Name).Output.ShouldContain("A. Person");
        Directory.GetDirectories(Path.Combine(town.Data, "damaged")).Length.ShouldBe(2);
    }

    [Theory]
    [InlineData("postgres", 1)] // as long as it was
    [InlineData("postgres", 3)] // and longer
    [InlineData("esdb", 1)]
    [InlineData("esdb", 3)]
    public async Task A_journal_whose_positions_were_used_again_is_another_history_and_no_loss(string kind, int more)
    {
        await using var server = await EventStoreDouble.StartAsync();
        var store = kind == "esdb" ? EventStore(server) : Postgres();
        using var town = new SmallTown();
        town.ImportMasterData("--store", store.Name).Exit.ShouldBe(ExitCode.Done);
        store.Keep();
        Assign(town, store, "first").Exit.ShouldBe(ExitCode.Done);
        var head = JournalHead.Read(town.Data)!;
        var known = await File.ReadAllBytesAsync(HeadOf(town), TestContext.Current.CancellationToken);
        store.FallBack();
        File.Delete(HeadOf(town)); // as who has a folder and views of his own that know less
        foreach (var views in Directory.EnumerateFiles(town.Data, $"{OpenLedger.ViewsFileName}*")) File.Delete(views);
        Assign(town, store, [.. Enumerable.Range(0, more).Select(i => $"other{i}")]).Exit.ShouldBe(ExitCode.Done);
        var used = JournalHead.Read(town.Data)!;
        used.Length.ShouldBe(head.Length + more - 1);
        await File.WriteAllBytesAsync(HeadOf(town), known, TestContext.Current.CancellationToken);

        Assign(town, store, "last").Errors.ShouldMatch(
            $"the journal's root at position {head.Length} is [0-9a-f]{{64}} but {Convert.ToHexStringLower(head.Root)} "
            + "was acknowledged");
        town.Run("recover", "--store", store.Name, "--by", "A. Person", "--accept-loss").Errors.ShouldContain(
            $"the journal holds {used.Length} events and {head.Length} were acknowledged: it is not behind its head");
    }

    [Theory]
    [InlineData("postgres")]
    [InlineData("esdb")]
    public async Task A_folder_that_knows_less_is_brought_up_and_without_a_head_a_checkpoint_speaks(string kind)
    {
        await using var server = await EventStoreDouble.StartAsync();
        var store = kind == "esdb" ? EventStore(server) : Postgres();
        using var town = new SmallTown();
        town.ImportMasterData("--store", store.Name).Exit.ShouldBe(ExitCode.Done);
        store.Keep();
        var earlier = await File.ReadAllBytesAsync(HeadOf(town), TestContext.Current.CancellationToken);
        Assign(town, store, "one", "two").Exit.ShouldBe(ExitCode.Done);
        var now = JournalHead.Read(town.Data)!;
        await File.WriteAllBytesAsync(HeadOf(town), earlier, TestContext.Current.CancellationToken);
        Assign(town, store, "one", "two").Exit.ShouldBe(ExitCode.Done); // a repeat: opened, and nothing recorded
        JournalHead.Read(town.Data).ShouldBeEquivalentTo(now);

        town.Run("checkpoint", "--origin", "example.org/town", "--store", store.Name).Exit.ShouldBe(ExitCode.Done);
        var signed = LengthOf(town.Run("recover", "--store", store.Name));
        store.FallBack();
        File.Delete(HeadOf(town));
        Assign(town, store, "three").Errors.ShouldContain($"but was acknowledged up to position {signed}");
    }

    /// <summary>
    /// The machine that records lost its power before it wrote down how far the journal was, and the server comes back
    /// without its end: no checkpoint says more than the folder still knows, so what is recorded next contradicts none.
    /// </summary>
    [Theory]
    [InlineData("postgres")]
    [InlineData("esdb")]
    public async Task No_checkpoint_is_of_more_than_the_folder_knows_on_its_disk(string kind)
    {
        await using var server = await EventStoreDouble.StartAsync();
        var store = kind == "esdb" ? EventStore(server) : Postgres();
        using var town = new SmallTown();
        string Sign() => (string)JsonNode.Parse(town.Run(
            "checkpoint", "--origin", "example.org/town", "--store", store.Name, "--json").Output)!["root"]!;
        town.ImportMasterData("--store", store.Name).Exit.ShouldBe(ExitCode.Done);
        Sign(); // with it the ledger has a key
        Assign(town, store, "one").Exit.ShouldBe(ExitCode.Done);
        store.Keep();
        var known = JournalHead.Read(town.Data)!;
        var onDisk = await File.ReadAllBytesAsync(HeadOf(town), TestContext.Current.CancellationToken);
        Assign(town, store, "two", "three").Exit.ShouldBe(ExitCode.Done);
        foreach (var views in Directory.EnumerateFiles(town.Data, $"{OpenLedger.ViewsFileName}*")) File.Delete(views);
        await File.WriteAllBytesAsync(HeadOf(town), onDisk, TestContext.Current.CancellationToken);

        Sign().ShouldBe(Convert.ToHexStringLower(known.Root));
        store.FallBack();
        Assign(town, store, "four", "five", "six").Exit.ShouldBe(ExitCode.Done);
        var next = JournalHead.Read(town.Data)!;
        next.Length.ShouldBeGreaterThan(known.Length + 2);
        Sign().ShouldBe(Convert.ToHexStringLower(next.Root));
    }

    [Fact]
    public async Task A_journal_that_lost_what_the_folder_knows_is_no_history_to_sign()
    {
        await using var server = await EventStoreDouble.StartAsync();
        using var town = new SmallTown();
        CommandRun Sign() =>
            town.Run("checkpoint", "--origin", "example.org/town", "--store", server.ConnectionString);
        town.ImportMasterData("--store", server.ConnectionString).Exit.ShouldBe(ExitCode.Done);
        Sign().Exit.ShouldBe(ExitCode.Done);
        var store = EventStore(server);
        Assign(town, store, "one", "two").Exit.ShouldBe(ExitCode.Done);
        var known = JournalHead.Read(town.Data)!.Length;
        server.Log.Lose("ledger-town", 1);
        var refused = Sign();
        refused.Exit.ShouldBe(ExitCode.CouldNot);
        refused.Errors.ShouldContain(
            $"the journal ends at position {known - 1} but was acknowledged up to position {known}");
    }

    [Fact]
    public void What_is_written_is_read_again_and_a_damaged_word_is_none()
    {
        using var folder = new TestFolder();
        Directory.CreateDirectory(folder.Path);
        var (tree, next) = (new MerkleTree(), new MerkleTree());
        next.Append(new byte[32]);
        using (var head = ServerHead.Open(folder.Path))
        {
            head.Claim.ShouldBeEquivalentTo(new Ledger.Journal.Acknowledged(0, tree.Root()));
            head.Verify(tree, _ => throw new InvalidOperationException("there is nothing to compare"));
            head.Write(new(1, next.Root()));
        }
        using (var again = ServerHead.Open(folder.Path))
        {
            again.Claim.ShouldBeEquivalentTo(new Ledger.Journal.Acknowledged(1, next.Root()));
            Should.Throw<JournalRefusedException>(() => again.Verify(tree, _ => []))
                .Message.ShouldBe("the journal ends at position 0 but was acknowledged up to position 1");
        }
        File.WriteAllBytes(Path.Combine(folder.Path, JournalHead.FileName), new byte[8192]);
        Should.Throw<JournalRefusedException>(() => ServerHead.Open(folder.Path))
            .Message.ShouldBe("both slots of journal.head are damaged");
    }

    private static string HeadOf(SmallTown town) => Path.Combine(town.Data, JournalHead.FileName);

    /// <summary>Records a fact for each account, one append each.</summary>
    private static CommandRun Assign(SmallTown town, Losing store, params string[] accounts) => town.Run("import",
        town.File($"{accounts[0]}.jsonl", string.Join('\n', accounts.Select(account =>
            $$"""{"type":"tariff-assignment","account":"{{account}}","tariff":"tou","validFrom":"2026-01-01T00:00:00+08:00"}"""))
            + "\n"), "--store", store.Name);

    private static long LengthOf(CommandRun recover)
    {
        recover.Exit.ShouldBe(ExitCode.Done, recover.Output + recover.Errors);
        return long.Parse(Events().Match(recover.Output).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex("^the journal holds all ([0-9]+) events")]
    private static partial Regex Events();
}
