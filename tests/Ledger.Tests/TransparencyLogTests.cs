using System.Text;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The ledger of a data folder as a transparency log: it signs one history, and anyone can check it.</summary>
public sealed class TransparencyLogTests : IDisposable
{
    private readonly TestFolder folder = new();
    private static readonly SignerKey Key =
        new("ledger.example/test", [.. Enumerable.Range(0, 32).Select(i => (byte)i)]);

    public void Dispose() => folder.Dispose();

    private TransparencyLog Log => new(folder.Path, TestFolder.Secret);

    private async Task AppendAsync(int from, int count)
    {
        await using var journal = folder.Open();
        for (var at = from; at < from + count; at += 64)
            await journal.AppendAsync("register/CP1/1.8.0", ExpectedRevision.Any,
                [.. Enumerable.Range(at, Math.Min(64, from + count - at)).Select(number => TestFolder.Reading(number))],
                TestFolder.Tester, null, TestContext.Current.CancellationToken);
    }

    private async Task<SignedNote> SignAsync(SignerKey? key = null)
    {
        await using var journal = SqliteJournalReader.Open(folder.Options);
        return await Log.SignAsync(journal, key ?? Key, [Key.Verifier], TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Checkpoints_follow_the_journal_and_every_event_is_proven()
    {
        foreach (var (from, count) in ((int, int)[])[(0, 1), (1, 255), (256, 1), (257, 500)])
        {
            await AppendAsync(from, count);
            var checkpoint = Checkpoint.Parse((await SignAsync()).Text);
            await using var journal = SqliteJournalReader.Open(folder.Options);
            (checkpoint.Size, Convert.ToHexString(checkpoint.Root))
                .ShouldBe((from + count, Convert.ToHexString(journal.Root)));
            foreach (var recorded in await TestFolder.AllAsync(journal))
            {
                var proof = TlogProof.Parse($"{Log.Prove(recorded)}");
                var shown = DisclosedEvent.Read(proof.Extra);
                proof.Verify(shown.LeafEntry(), Key.Verifier).Size.ShouldBe(checkpoint.Size);
                var read = shown.At(proof.Index);
                read.Envelope.ShouldBe(recorded.Envelope with { Sealed = read.Envelope.Sealed });
                read.Payload.Span.SequenceEqual(recorded.Payload.Span).ShouldBeTrue();
            }
        }
        Log.Checkpoints.Sizes.ShouldBe([1, 256, 257, 757]);
        Directory.EnumerateFiles(Path.Combine(folder.Path, TransparencyLog.DirectoryName, "tile"), "*",
            SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Path.Combine(folder.Path, TransparencyLog.DirectoryName), path)
            .Replace('\\', '/'))
            .Order().ShouldBe(Tile.Of(757).Select(tile => $"{tile}").Append("tile/1/000.p/1").Order());
    }

    [Fact]
    public async Task Nothing_new_is_the_same_checkpoint()
    {
        await AppendAsync(0, 3);
        var first = await SignAsync();
        $"{await SignAsync()}".ShouldBe($"{first}");
        Log.Checkpoints.Sizes.ShouldBe([3]);
    }

    [Fact]
    public async Task Many_at_once_sign_one_history()
    {
        await AppendAsync(0, 300);
        var notes = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => SignAsync())));
        notes.Select(note => $"{note}").Distinct().Count().ShouldBe(1);
    }

    [Fact]
    public async Task Another_history_is_not_signed()
    {
        await AppendAsync(0, 5);
        await SignAsync();
        foreach (var path in Directory.EnumerateFiles(folder.Path)) File.Delete(path);
        await AppendAsync(100, 6);
        (await Should.ThrowAsync<NoteRefusedException>(() =>
            SignAsync())).Message.ShouldStartWith("the journal of 6 events does not continue the one of 5");
        foreach (var path in Directory.EnumerateFiles(folder.Path)) File.Delete(path);
        await AppendAsync(0, 4);
        (await Should.ThrowAsync<NoteRefusedException>(() =>
            SignAsync())).Message.ShouldBe("the journal has 4 events, and 5 were signed");
    }

    [Fact]
    public async Task A_checkpoint_of_another_key_or_log_is_not_continued()
    {
        await AppendAsync(0, 5);
        await SignAsync();
        await AppendAsync(5, 1);
        await using var journal = SqliteJournalReader.Open(folder.Options);
        var stolen = new SignerKey("ledger.example/test", new byte[32]);
        await Should.ThrowAsync<NoteRefusedException>(() =>
            Log.SignAsync(journal, stolen, [stolen.Verifier], TestContext.Current.CancellationToken));
        var renamed = new SignerKey("ledger.example/other", new byte[32]);
        await Should.ThrowAsync<NoteRefusedException>(() =>
            Log.SignAsync(journal, renamed, [Key.Verifier], TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Damaged_or_lost_tiles_are_computed_again()
    {
        await AppendAsync(0, 300);
        await SignAsync();
        foreach (var damage in (Action<string>[])[path => File.WriteAllBytes(path, new byte[3]), path =>
            File.WriteAllBytes(path, new byte[8192]), File.Delete])
        {
            damage(Log.Tiles.PathOf(new Tile(0, 0, Tile.FullWidth)));
            damage(Log.Tiles.PathOf(new Tile(0, 1, 44)));
            Checkpoint.Parse((await SignAsync()).Text).Size.ShouldBe(300);
            Log.Tiles.Read(new Tile(0, 0, Tile.FullWidth)).Length.ShouldBe(8192);
        }
    }

    /// <summary>Growing goes on from the edge, where nothing says whether a full tile is there.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(Tile.Entries)]
    public async Task A_full_tile_alone_that_is_lost_or_cut_short_is_computed_again(int level)
    {
        await AppendAsync(0, 300);
        await SignAsync();
        var path = Log.Tiles.PathOf(new Tile(level, 0, Tile.FullWidth));
        var whole = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        foreach (var damage in (Action[])[() => File.WriteAllBytes(path, []),
            () => File.WriteAllBytes(path, whole[..^1]), () => File.Delete(path)])
        {
            damage();
            await SignAsync();
            (await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken)).ShouldBe(whole);
        }
    }

    /// <summary>While witnesses are asked the tiles are ahead of what is published, and full ones have taken the place
    /// of partial ones; proofs under the published checkpoint go on.</summary>
    [Fact]
    public async Task An_event_is_proven_while_the_next_checkpoint_is_made()
    {
        await AppendAsync(0, 300);
        await SignAsync();
        await AppendAsync(300, 300);
        await using var journal = SqliteJournalReader.Open(folder.Options);
        await Log.SignAsync(journal, Key, [Key.Verifier], TestContext.Current.CancellationToken, publishes: false);
        Log.Tiles.Find(new Tile(0, 1, 44)).ShouldBeNull();
        var events = (await TestFolder.AllAsync(journal))[..300];
        foreach (var proof in Log.Prove(events))
            proof.Verify(DisclosedEvent.Read(proof.Extra).LeafEntry(), Key.Verifier).Size.ShouldBe(300);
        Should.Throw<FileNotFoundException>(() => Log.Tiles.ReadHashes(new Tile(0, 3, 7)));
    }

    [Fact]
    public async Task A_checkpoint_is_kept_for_ever_and_checked_when_it_is_read()
    {
        await AppendAsync(0, 2);
        await SignAsync();
        var path = Path.Combine(folder.Path, CheckpointStore.DirectoryName, "0000000000000000002");
        var note = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(path, note.Replace("\n2\n", "\n3\n", StringComparison.Ordinal),
            TestContext.Current.CancellationToken);
        Should.Throw<NoteRefusedException>(() => Log.Checkpoints.Read(2));
        await Should.ThrowAsync<NoteRefusedException>(() => SignAsync());
    }

    [Fact]
    public void The_key_is_made_once_and_only_its_owner_may_read_it()
    {
        DurableFolder();
        SigningKeyFile.Read(folder.Path).ShouldBeNull();
        var key = SigningKeyFile.ReadOrCreate(folder.Path, "a");
        $"{SigningKeyFile.ReadOrCreate(folder.Path, "b").Verifier}".ShouldBe($"{key.Verifier}");
        var path = Path.Combine(folder.Path, SigningKeyFile.FileName);
        if (!OperatingSystem.IsWindows())
        {
            File.GetUnixFileMode(path).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.GroupRead);
            Should.Throw<JournalRefusedException>(() => SigningKeyFile.Read(folder.Path));
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        File.WriteAllText(path, "PRIVATE+KEY+a");
        Should.Throw<NoteRefusedException>(() => SigningKeyFile.Read(folder.Path));
    }

    private void DurableFolder() => LedgerIdentity.OpenOrCreate(folder.Path, new LedgerId("test"), TestFolder.Secret);

    [Fact]
    public void The_verbs_sign_prove_and_export_what_public_formats_can_check()
    {
        using var town = SmallTown.WithItsDay();
        town.Run("prove", "0")
            .ShouldBeFailure("ledger prove: no checkpoint was signed yet; make one with: ledger checkpoint");
        town.Run("checkpoint", "--key")
            .ShouldBeFailure("ledger checkpoint: there is no key yet; make one with: ledger checkpoint");
        var signed = town.Run("checkpoint", "--origin", "ledger.example/town");
        signed.Errors.ShouldBeEmpty();
        var key = VerifierKey.Parse(town.Run("checkpoint", "--key").Output.TrimEnd());
        var note = SignedNote.Parse(Encoding.UTF8.GetBytes(signed.Output));
        note.SignedBy([key]).Count.ShouldBe(1);
        town.Run("checkpoint").Output.ShouldBe(signed.Output);
        town.Run("checkpoint", "--origin", "other")
            .ShouldBeFailure("ledger checkpoint: the log is called ledger.example/town for ever, not other");
        town.Run("checkpoint", "--json").Output.ShouldContain("\"origin\": \"ledger.example/town\"");

        var file = town.File("event.tlog-proof", "");
        town.Run("prove", "2", "--out", file).Exit.ShouldBe(ExitCode.Done);
        var proof = TlogProof.Parse(File.ReadAllText(file));
        var shown = DisclosedEvent.Read(proof.Extra);
        proof.Verify(shown.LeafEntry(), key).Origin.ShouldBe("ledger.example/town");
        EventCodec.Decode(shown.At(2)).ShouldBeOfType<RegisterInstalled>();
        town.Run("prove", "99").Exit.ShouldBe(ExitCode.CouldNot);

        var exported = file + ".tiles";
        town.Run("export", "tiles", exported).Exit.ShouldBe(ExitCode.Done);
        town.Run("export", "tiles", exported).Exit.ShouldBe(ExitCode.Done);
        var checkpoint = Checkpoint.Parse(note.Text);
        File.ReadAllText(Path.Combine(exported, TileFolder.CheckpointName)).ShouldBe(signed.Output);
        new TileHashes(checkpoint.Size, new TileFolder(exported).Read).Root().ShouldBe(checkpoint.Root);
        town.Run("export", "tiles").Exit.ShouldBe(ExitCode.Usage);
    }
}
