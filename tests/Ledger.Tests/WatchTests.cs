using Ledger.Cli;
using Ledger.Journal.Proof;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What an auditor sees of a ledger over HTTP: <c>ledger watch</c> and <c>ledger verify URL</c>.</summary>
public sealed class WatchTests
{
    [Fact]
    public async Task It_keeps_every_checkpoint_that_continues_the_one_before()
    {
        await using var witnessed = await WitnessedTown.StartAsync();
        var (town, keep) = (witnessed.Town, Path.Combine(witnessed.Town.Data, "auditor"));
        var url = await witnessed.ServeAsync(town);
        CommandRun Watch(params string[] more) =>
            CommandRun.Of(["watch", $"{url}", "--keep", keep, "--once", .. more]);
        var first = Watch("--keys", witnessed.Keys);
        (first.Exit, first.Errors).ShouldBe((ExitCode.Done, ""));
        first.Output.ShouldContain(" FIRST ledger.example/town size=");
        Watch("--keys", witnessed.Keys).Output.ShouldContain(" UNCHANGED ledger.example/town ");
        witnessed.Grow(3);
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        Watch("--keys", witnessed.Keys).Output.ShouldContain(" CONTINUED ledger.example/town ");
        new CheckpointStore(keep).Sizes.ShouldBe(new CheckpointStore(town.Data).Sizes);

        var unmet = Watch("--policy", witnessed.Policy("quorum w1"));
        unmet.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        unmet.Output.ShouldContain("vouched for by nobody, not by w1");
        var stranger = town.File("stranger.keys", $"{new SignerKey("ledger.example/town", new byte[32]).Verifier}\n");
        var refused = Watch("--keys", stranger);
        refused.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        refused.Output.ShouldContain(" REFUSED ");
        Watch().Exit.ShouldBe(ExitCode.Usage);
        Watch("--keys", witnessed.Keys, "--json").Output.ShouldContain("\"watch\": \"UNCHANGED\"");
        CommandRun.Of(["watch", $"http://127.0.0.1:{FreePorts.Next()}", "--keep", keep, "--once", "--keys",
            witnessed.Keys]).Exit.ShouldBe(ExitCode.CouldNot);
        CommandRun.Of(["watch", "here", "--keep", keep]).Exit.ShouldBe(ExitCode.Usage);
    }

    /// <summary>Without --once it looks again and again, says what it could not see, and ends at a fork.</summary>
    [Fact]
    public async Task It_looks_until_it_finds_something()
    {
        await using var witnessed = await WitnessedTown.StartAsync();
        var keep = Path.Combine(witnessed.Town.Data, "auditor");
        using var other = witnessed.Rewritten(20);
        other.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        var url = await witnessed.ServeAsync(other);
        CommandRun.Of(["watch", $"{await witnessed.ServeAsync(witnessed.Town)}", "--keep", keep, "--once", "--keys",
            witnessed.Keys]).Exit.ShouldBe(ExitCode.Done);
        var tile = Directory.EnumerateFiles(Path.Combine(other.Data, "log", "tile", "0"), "*",
            SearchOption.AllDirectories).Single();
        File.Move(tile, tile + ".away");
        var missed = new TaskCompletionSource();
        var watching = CommandRun.OfAsync(["watch", $"{url}", "--keep", keep, "--every", "1", "--keys", witnessed.Keys],
            said: () => missed.TrySetResult());
        await missed.Task.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        watching.IsCompleted.ShouldBeFalse();
        File.Move(tile + ".away", tile);
        var found = await watching.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        found.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        found.Errors.ShouldContain("is not there");
        found.Output.ShouldContain(" FORK ");
    }

    [Fact]
    public async Task What_a_url_publishes_is_verified_to_the_last_byte()
    {
        await using var witnessed = await WitnessedTown.StartAsync();
        var town = witnessed.Town;
        var earlier = town.File("earlier", town.Run("checkpoint").Output);
        witnessed.Grow(2);
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        var url = await witnessed.ServeAsync(town);
        CommandRun Verify(params string[] more) => CommandRun.Of(["verify", $"{url}", .. more]);
        var whole = Verify("--keys", witnessed.Keys, "--since", earlier);
        whole.Exit.ShouldBe(ExitCode.Done, whole.Output + whole.Errors);
        whole.Output.ShouldContain("NOT CHECKED: events, evidence, interval records, views and statements");
        whole.Output.ShouldContain("VERIFIED checkpoints=2 entries=");
        var unknown = Verify();
        unknown.Exit.ShouldBe(ExitCode.Done);
        unknown.Output.ShouldContain("NOT CHECKED: who signed the checkpoint");
        unknown.Output.ShouldContain("key=not-checked");
        var log = Path.Combine(town.Data, TransparencyLog.DirectoryName);
        foreach (var file in Directory.EnumerateFiles(log, "*", SearchOption.AllDirectories)
            .Where(file => IsRead(Path.GetRelativePath(log, file).Replace('\\', '/'), log)))
        {
            var bytes = File.ReadAllBytes(file);
            byte[] flipped = [.. bytes[..^10], (byte)(bytes[^10] ^ 4), .. bytes[^9..]];
            foreach (var changed in (byte[][])[flipped, bytes[..^1], []])
            {
                File.WriteAllBytes(file, changed);
                Verify("--keys", witnessed.Keys).Exit.ShouldNotBe(ExitCode.Done, file);
            }
            File.WriteAllBytes(file, bytes);
        }
        var edge = Directory.EnumerateFiles(Path.Combine(log, "tile", "entries"), "*", SearchOption.AllDirectories)
            .MaxBy(file => new FileInfo(file).Length)!;
        File.Delete(edge);
        var lost = Verify("--keys", witnessed.Keys);
        lost.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        lost.Output.ShouldContain("no such file");
    }

    /// <summary>Whether the tree of the published checkpoint has this file; partial tiles of earlier ones
    /// stay.</summary>
    private static bool IsRead(string path, string log) => path == TileFolder.CheckpointName
        || (Tile.TryParse(path, out var tile)
            && Tile.Of(Checkpoint.Parse(new TileFolder(log).Checkpoint()!.Text).Size).Contains(tile));
}
