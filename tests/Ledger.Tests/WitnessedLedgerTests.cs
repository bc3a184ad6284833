using System.Net;
using System.Text;
using Ledger.Cli;
using Ledger.Cli.Bundles;
using Ledger.Journal.Proof;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Checkpoints that witnesses vouch for, from <c>ledger checkpoint --witnesses</c> to whoever
/// verifies.</summary>
public sealed class WitnessedLedgerTests
{
    private static SignedNote Note(string text) => SignedNote.Parse(Encoding.UTF8.GetBytes(text));

    [Fact]
    public async Task A_witness_vouches_and_everyone_sees_it()
    {
        await using var witnessed = await WitnessedTown.StartAsync();
        var (town, policy) = (witnessed.Town, witnessed.Policy("quorum w1"));
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1").Exit.ShouldBe(ExitCode.Done);
        town.Run("verify", "--policy", policy).Output.ShouldContain("vouched for by nobody, not by w1");
        var asked = town.Run("checkpoint", "--witnesses", policy);
        (asked.Exit, asked.Errors).ShouldBe((ExitCode.Done, "w1 vouches, at 2026-03-01T00:00:00Z\n"));
        var (log, witness) = (VerifierKey.Parse(witnessed.LogKey), VerifierKey.Parse(witnessed.WitnessKey));
        CheckpointSigners.Of(Note(asked.Output), [log, witness]).Witnesses.ShouldHaveSingleItem();
        var again = town.Run("checkpoint", "--witnesses", policy, "--json");
        again.Exit.ShouldBe(ExitCode.Done);
        again.Output.ShouldContain("\"vouches\": true");
        town.Run("checkpoint").Output.ShouldBe(asked.Output, "what witnesses signed stays");

        var url = await witnessed.ServeAsync(town);
        using var client = new HttpClient { BaseAddress = url };
        (await client.GetStringAsync(new Uri("/checkpoint", UriKind.Relative), TestContext.Current.CancellationToken))
            .ShouldBe(asked.Output);
        foreach (var verified in (CommandRun[])[town.Run("verify", "--keys", witnessed.Keys),
            town.Run("verify", "--policy", policy), CommandRun.Of(["verify", $"{url}", "--policy", policy])])
        {
            verified.Exit.ShouldBe(ExitCode.Done, verified.Output + verified.Errors);
            verified.Output.ShouldContain("witness.example/w1+");
            verified.Output.TrimEnd().ShouldEndWith("witnesses=1");
        }

        var zip = town.File("r1.zip", "");
        town.Run("bundle", "--statement", "R1", "--out", zip).Exit.ShouldBe(ExitCode.Done);
        Encoding.UTF8.GetString(BundleZip.Read(File.ReadAllBytes(zip))[BundleFiles.Keys])
            .ShouldBe($"{witnessed.LogKey}\n{witnessed.WitnessKey}\n");
        var bundle = CommandRun.Of(["verify", zip, "--policy", policy]);
        (bundle.Exit, bundle.Errors).ShouldBe((ExitCode.Done, ""));
        bundle.Output.ShouldContain("witnesses=1");
        // By its own word nobody vouches: whoever packs a bundle could name any witness.
        CommandRun.Of(["verify", zip]).Output.ShouldContain("witnesses=0");
        var logAlone = town.File("log.keys", witnessed.LogKey + "\n");
        CommandRun.Of(["verify", zip, "--keys", logAlone]).Output
            .ShouldContain("NOT CHECKED: whether another history was signed with this key: no witness that you trust");
    }

    [Fact]
    public async Task A_witness_that_does_not_answer_or_lies_is_said_and_the_checkpoint_is_kept()
    {
        await using var witnessed = await WitnessedTown.StartAsync();
        var town = witnessed.Town;
        var gone = new SignerKey("gone.example", [.. Enumerable.Repeat((byte)3, 32)]);
        using var liar = new Liar(new SignerKey("liar.example", [.. Enumerable.Repeat((byte)4, 32)]));
        string[] lines =
        [
            $"witness gone {gone.WitnessVerifier} http://127.0.0.1:{FreePorts.Next()}/",
            $"witness liar {liar.Key} {liar.Url}",
            $"witness silent {new SignerKey("silent.example", [.. Enumerable.Repeat((byte)5, 32)]).WitnessVerifier}",
        ];
        var some = town.Run("checkpoint", "--witnesses",
            witnessed.Policy([.. lines, "group any any w1 gone liar silent", "quorum any"]));
        some.Exit.ShouldBe(ExitCode.Done, some.Errors);
        var said = some.Errors.TrimEnd().Split('\n');
        said[0].ShouldStartWith("w1 vouches, at ");
        said[1].ShouldStartWith("gone does not answer: ");
        said[2].ShouldBe($"liar answers without a signature of liar.example+{liar.Key.Id:x8} that holds");
        said[3].ShouldBe("silent the policy gives no address of it");
        Note(some.Output).Signatures.Count.ShouldBe(2);

        witnessed.Grow(1);
        var all = witnessed.Policy([.. lines, "group all all w1 gone liar silent", "quorum all"]);
        var missing = town.Run("checkpoint", "--witnesses", all);
        missing.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        missing.Errors.ShouldContain(
            "signed and kept, but vouched for by w1, not by gone, liar, silent; the quorum is all");
        town.Run("checkpoint").Output.ShouldBe(missing.Output);
        var verified = town.Run("verify", "--policy", all);
        verified.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        verified.Output.ShouldContain("not by gone, liar, silent");
        File.ReadAllText(Path.Combine(town.Data, TransparencyLog.DirectoryName, TileFolder.CheckpointName))
            .ShouldBe(missing.Output);
    }

    /// <summary>
    /// The test of the whole: whoever has the machine, the secret and the signing key writes another history and signs
    /// it. Every hash and signature is right, and the witness and whoever kept a checkpoint find it.
    /// </summary>
    [Theory]
    [InlineData(20, "w1 refuses with 422: ")] // longer than the history that was vouched for
    [InlineData(0, "w1 has vouched for ")] // shorter
    public async Task A_history_that_was_rewritten_with_the_stolen_key_is_found(int more, string said)
    {
        await using var witnessed = await WitnessedTown.StartAsync();
        witnessed.Grow(6);
        var policy = witnessed.Policy("quorum w1");
        var kept = witnessed.Town.File("kept",
            witnessed.Town.Run("checkpoint", "--witnesses", policy).Output);
        var keep = Path.Combine(witnessed.Town.Data, "auditor");
        var before = await witnessed.ServeAsync(witnessed.Town);
        string[] watch = ["--keep", keep, "--keys", witnessed.Keys, "--once"];
        CommandRun.Of(["watch", $"{before}", .. watch]).Exit.ShouldBe(ExitCode.Done);

        using var other = witnessed.Rewritten(more);
        other.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        other.Run("verify").Exit.ShouldBe(ExitCode.Done, "by itself the other history is without fault");
        var asked = other.Run("checkpoint", "--witnesses", policy);
        asked.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        asked.Errors.ShouldStartWith(said);
        Note(asked.Output).Signatures.Count.ShouldBe(1, "nobody vouches for it");

        var after = await witnessed.ServeAsync(other);
        var found = CommandRun.Of(["watch", $"{after}", .. watch]);
        found.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        found.Output.ShouldContain(more > 0 ? " FORK ledger.example/town " : " SHRUNK ledger.example/town ");
        found.Output.ShouldContain($"kept before:\n{File.ReadAllText(kept)}");
        found.Output.ShouldContain($"published now:\n{asked.Output}");
        Directory.EnumerateFiles(Path.Combine(keep, "evidence")).ShouldHaveSingleItem();
        CommandRun.Of(["watch", $"{before}", .. watch]).Exit.ShouldBe(ExitCode.Done, "what was kept is what it was");
        foreach (var verify in (string[][])[["verify", $"{after}"], ["verify", "--data", other.Data]])
        {
            var since = CommandRun.Of([.. verify, "--since", kept, "--keys", witnessed.Keys]);
            since.Exit.ShouldBe(ExitCode.NotAsItShouldBe, since.Output);
            since.Output.ShouldContain(kept[..20]);
        }
        CommandRun.Of(["verify", $"{after}", "--policy", policy]).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
    }

    [Fact]
    public async Task A_policy_of_another_log_or_form_is_refused()
    {
        await using var witnessed = await WitnessedTown.StartAsync();
        var town = witnessed.Town;
        var other = new SignerKey("ledger.example/town", [.. Enumerable.Repeat((byte)3, 32)]).Verifier;
        var foreign = town.File("foreign.txt", $"log {other}\nwitness w1 {witnessed.WitnessKey} {witnessed.WitnessUrl}\nquorum w1\n");
        town.Run("checkpoint", "--witnesses", foreign).ShouldBeFailure(
            $"ledger checkpoint: the policy is not of this log: it does not name {witnessed.LogKey}");
        town.Run("verify", "--policy", foreign).Output.ShouldContain("no known key signed the note");
        var bad = town.File("bad.txt", "quorum w2\n");
        town.Run("checkpoint", "--witnesses", bad).ShouldBeFailure(
            $"ledger checkpoint: --witnesses {bad}: line 1: no line above defines w2");
        town.Run("verify", "--policy", town.File("no-log.txt", "quorum none\n")).Errors.ShouldContain("names no log");
    }

    [Fact]
    public void The_verb_makes_a_witness_and_shows_it()
    {
        using var folder = new TestFolder();
        using var town = new SmallTown();
        CommandRun Run(params string[] args) => CommandRun.Of(["witness", .. args, "--data", folder.Path]);
        Run("key").ShouldBeFailure($"ledger witness: {folder.Path} holds no witness; make one with --name NAME");
        var key = Run("key", "--name", "witness.example/w1").Output.TrimEnd();
        VerifierKey.Parse(key).Algorithm.ShouldBe(NoteAlgorithm.Cosignature);
        Run("key").Output.TrimEnd().ShouldBe(key);
        Run("key", "--name", "other").Errors.ShouldContain("is called witness.example/w1, not other");
        Run("trust", $"{WitnessLog.Key.Verifier}").Output.ShouldContain(WitnessLog.Origin);
        Run("trust", key).Exit.ShouldBe(ExitCode.CouldNot);
        Run("show").Output.ShouldContain(WitnessLog.Origin);
        Run("trust").Exit.ShouldBe(ExitCode.Usage);
        town.Run("witness", "key", "--name", "w").Errors.ShouldContain("is a ledger's folder");
    }

    /// <summary>A server that answers every checkpoint with a signature of another text.</summary>
    private sealed class Liar : IDisposable
    {
        private readonly HttpListener listener = new();

        public Liar(SignerKey key)
        {
            (Key, Url) = (key.WitnessVerifier, new Uri($"http://127.0.0.1:{FreePorts.Next()}/"));
            listener.Prefixes.Add($"{Url}");
            listener.Start();
            _ = AnswerAsync(Encoding.UTF8.GetBytes($"{key.Cosign("another text\n", 1)}\n"));
        }

        public VerifierKey Key { get; }
        public Uri Url { get; }

        private async Task AnswerAsync(byte[] answer)
        {
            while (listener.IsListening)
                try
                {
                    using var response = (await listener.GetContextAsync()).Response;
                    await response.OutputStream.WriteAsync(answer);
                }
                catch (Exception stopped) when (stopped is HttpListenerException or ObjectDisposedException)
                {
                    return; // the test has ended
                }
        }

        public void Dispose() => listener.Close();
    }
}
