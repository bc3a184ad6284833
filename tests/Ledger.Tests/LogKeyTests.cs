using System.Net;
using System.Text;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The log's keys as facts, how one follows another, and the log over HTTP.</summary>
public sealed class LogKeyTests
{
    private static readonly SignerKey First = new("log.example", [.. Enumerable.Range(0, 32).Select(i => (byte)i)]);
    private static readonly SignerKey Second = new("log.example", new byte[32]);

    private static SigningKeyCheck Check(string key, string? handover, params string[] known) =>
        LogKeys.Check(new([.. known]), new(key, handover));

    [Fact]
    public void Only_the_current_key_hands_over_and_only_to_the_key_it_names()
    {
        var (first, second) = ($"{First.Verifier}", $"{Second.Verifier}");
        var handover = LogKeys.HandOver(First, Second.Verifier);
        Check(second, handover, first).ShouldBe(new SigningKeyCheck(true, true));
        Check(first, null).ShouldBe(new SigningKeyCheck(true, false));
        Check("text", null).ShouldBe(new SigningKeyCheck(false, false));
        Check($"{First.WitnessVerifier}", null).IsKey.ShouldBeFalse("a witness signs no log");
        Check(second, handover, second).IsHandedOver.ShouldBeFalse("signed by another than the current key");
        Check(first, handover, first).IsHandedOver.ShouldBeFalse("another key is named");
        Check(second, "text", first).IsHandedOver.ShouldBeFalse();
        Check(second, $"{SignedNote.Sign(second + "\n", First)}",
            first).IsHandedOver.ShouldBeFalse("a note of another kind");
        for (var bit = 0; bit < handover.Length * 8; bit++)
        {
            var flipped = Encoding.UTF8.GetBytes(handover);
            flipped[bit / 8] ^= (byte)(1 << bit % 8);
            Check(second, Encoding.UTF8.GetString(flipped), first).IsHandedOver.ShouldBeFalse($"bit {bit}");
        }
    }

    [Fact]
    public void A_new_key_signs_after_it_was_handed_over_and_the_old_one_is_gone()
    {
        using var town = SmallTown.WithItsDay();
        var before = Note(town.Run("checkpoint", "--origin", "log.example"));
        var first = VerifierKey.Parse(town.Run("checkpoint", "--key").Output.TrimEnd());
        using var held = File.OpenHandle(
            KeyFile(town), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var after = Note(town.Run("checkpoint", "--new-key"));
        var bytes = new byte[RandomAccess.GetLength(held)];
        RandomAccess.Read(held, bytes, 0).ShouldBeGreaterThan(50);
        bytes.ShouldAllBe(of => of == 0); // whoever has it open reads nothing
        var second = VerifierKey.Parse(town.Run("checkpoint", "--key").Output.TrimEnd());
        (first.Name, first.Id == second.Id).ShouldBe((second.Name, false));
        before.SignedBy([first]).ShouldBe([first]);
        after.SignedBy([second]).ShouldBe([second]);
        Checkpoint.Parse(after.Text).Size.ShouldBe(Checkpoint.Parse(before.Text).Size + 1);
        $"{Note(town.Run("checkpoint"))}".ShouldBe($"{after}");
        Directory.GetFiles(town.Data, SigningKeyFile.FileName + "*").ShouldBe([KeyFile(town)]);
    }

    [Fact]
    public void A_handover_that_a_crash_cut_off_is_brought_to_its_end()
    {
        using var town = SmallTown.WithItsDay();
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        var old = File.ReadAllText(KeyFile(town));
        town.Run("checkpoint", "--new-key").Exit.ShouldBe(ExitCode.Done);
        // As it was after the fact and before the file took its place.
        File.Move(KeyFile(town), Path.Combine(town.Data, SigningKeyFile.NextFileName));
        File.WriteAllText(KeyFile(town), old);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(KeyFile(town), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        File.ReadAllText(KeyFile(town)).ShouldNotBe(old);
        // As it was after the file took its place and before the bytes of the old one were overwritten.
        File.WriteAllText(KeyFile(town) + ".old", old);
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        File.Exists(KeyFile(town) + ".old").ShouldBeFalse();
    }

    [Fact]
    public void Without_the_key_that_the_journal_has_nothing_is_signed()
    {
        using var town = SmallTown.WithItsDay();
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        File.Delete(KeyFile(town));
        var lost = town.Run("checkpoint");
        lost.Exit.ShouldBe(ExitCode.CouldNot);
        lost.Errors.ShouldContain("whose private key is not in");
        File.Exists(KeyFile(town)).ShouldBeFalse();
    }

    [Fact]
    public async Task The_log_is_served_with_headers_that_caches_understand()
    {
        await using var served = await ServedLedger.StartAsync();
        (await served.GetAsync("/checkpoint")).Status.ShouldBe(404);
        await served.RegisterConnectorAsync();
        await using var journal = SqliteJournalReader.Open(served.Options);
        var note = await served.Ledger.Log.SignAsync(journal, First, [First.Verifier],
            TestContext.Current.CancellationToken);
        var checkpoint = await served.GetAsync("/checkpoint");
        (checkpoint.Status, checkpoint.Text, checkpoint.Media).ShouldBe((200, $"{note}", "text/plain"));
        $"{checkpoint.Response.Headers.CacheControl}".ShouldBe("public, max-age=5");
        foreach (var path in Tile.Of(journal.Length).Select(tile => $"/{tile}"))
        {
            var tile = await served.GetAsync(path);
            (tile.Status, tile.Media).ShouldBe((200, "application/octet-stream"), path);
            $"{tile.Response.Headers.CacheControl}".ShouldBe("public, max-age=31536000, immutable");
        }
        foreach (var path in (string[])["/tile/0/000", "/tile/0/000.p/99", "/tile/0/0",
            "/tile/entries/..%2f..%2fledger.secret", "/tile/9/x001/000"])
            (await served.GetAsync(path)).Status.ShouldBe(404, path);
    }

    [Fact]
    public async Task Beside_a_server_the_key_is_recorded_by_it_and_the_checkpoint_is_served_at_once()
    {
        using var town = SmallTown.WithItsDay();
        await using var ledger = OpenLedger.Open(town.Data, null, new StandingClock(SmallTown.Now));
        await using var server = await LedgerServer.StartAsync(
            ledger, new ServerOptions(IPAddress.Loopback, 0), TextWriter.Null, TestContext.Current.CancellationToken);
        var note = Note(await CommandRun.OfAsync(["checkpoint", "--data", town.Data]));
        Checkpoint.Parse(note.Text).Size.ShouldBe(ledger.Journal.Length);
        using var client = new HttpClient { BaseAddress = server.Url };
        (await client.GetStringAsync(new Uri("checkpoint", UriKind.Relative), TestContext.Current.CancellationToken))
            .ShouldBe($"{note}");
    }

    private static string KeyFile(SmallTown town) => Path.Combine(town.Data, SigningKeyFile.FileName);

    private static SignedNote Note(CommandRun run)
    {
        run.Errors.ShouldBeEmpty();
        return SignedNote.Parse(Encoding.UTF8.GetBytes(run.Output));
    }
}
