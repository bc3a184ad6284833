using System.Text;
using Ledger.Cli;
using Ledger.Cli.Bundles;
using Ledger.Journal.Proof;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// An evidence bundle is checked with the zip alone, by this program and by one that shares no code with it; whatever
/// somebody changes in it, both find it.
/// </summary>
public sealed class BundleTests : IDisposable
{
    private static readonly Lazy<SavedFolder> Made = SmallTown.Once(() =>
    {
        var town = SmallTown.WithItsDay();
        town.ImportCurve().Exit.ShouldBe(ExitCode.Done);
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1").Exit.ShouldBe(ExitCode.Done);
        town.Run("checkpoint", "--origin", "ledger.example/town").Exit.ShouldBe(ExitCode.Done);
        return town;
    });

    private readonly SmallTown town = SmallTown.From(Made);
    private readonly string zip;
    private readonly string keys;

    public BundleTests()
    {
        keys = town.File("keys.txt", town.Run("checkpoint", "--key").Output);
        zip = town.File("r1.zip", "");
        Make(zip);
    }

    public void Dispose() => town.Dispose();

    private void Make(string path)
    {
        var made = town.Run("bundle", "--statement", "R1", "--out", path);
        (made.Exit, made.Errors).ShouldBe((ExitCode.Done, ""));
    }

    /// <summary>The last line of a verification, with every fault of it before.</summary>
    private CommandRun Verify(string path, params string[] options) => town.Run(["verify", path, .. options]);

    [Fact]
    public void A_bundle_is_verified_by_both_programs_and_says_what_was_not_looked_at()
    {
        var mine = Verify(zip, "--keys", keys);
        mine.Exit.ShouldBe(ExitCode.Done, mine.Output + mine.Errors);
        mine.Output.TrimEnd().Split('\n')[^1].ShouldStartWith("VERIFIED files=");
        mine.Output.ShouldContain("statements=1 line-values=");
        mine.Output.ShouldNotContain("--keys");
        var unknown = Verify(zip);
        unknown.Exit.ShouldBe(ExitCode.Done);
        unknown.Output.ShouldContain("NOT CHECKED: whose key ledger.example/town+");
        unknown.Output.ShouldContain("key=not-checked");
        var other = OtherProgram.Run("--keys", keys, zip);
        other.Exit.ShouldBe(0, other.Output);
        other.Output.TrimEnd().Split('\n')[^1].ShouldStartWith("VERIFIED events=");
        other.Output.ShouldContain("NOT CHECKED: the energy of ");
        OtherProgram.Run(zip).Output.ShouldContain("key=not-checked");
    }

    [Fact]
    public void The_same_ledger_gives_the_same_bytes()
    {
        var again = town.File("again.zip", "");
        Make(again);
        File.ReadAllBytes(again).ShouldBe(File.ReadAllBytes(zip));
        var files = BundleZip.Read(File.ReadAllBytes(zip));
        BundleZip.Write(files).ShouldBe(File.ReadAllBytes(zip));
        using var opened = System.IO.Compression.ZipFile.OpenRead(zip);
        opened.Entries.Select(entry => entry.FullName).ShouldBe(files.Keys);
        foreach (var entry in opened.Entries)
        {
            using var content = new MemoryStream();
            using (var stream = entry.Open()) stream.CopyTo(content);
            content.ToArray().ShouldBe(files[entry.FullName]);
        }
    }

    /// <summary>One byte of each so many, so that every file of the zip is met, each third of them by the other program
    /// too; LEDGER_LONG=1 flips a bit of every byte, for both.</summary>
    [Fact]
    public void Every_flipped_byte_is_found_by_both()
    {
        WholeMachine.SkipWhileMutating();
        var whole = File.ReadAllBytes(zip);
        var isLong = Environment.GetEnvironmentVariable("LEDGER_LONG") == "1";
        var step = isLong ? 1 : Math.Max(1, whole.Length / 300);
        var flipped = new List<string>();
        for (var at = 0; at < whole.Length; at += step)
        {
            var bytes = whole.ToArray();
            bytes[at] ^= (byte)(1 << (at % 8));
            var path = town.File($"flipped-{at}.zip", "");
            File.WriteAllBytes(path, bytes);
            flipped.Add(path);
            Verify(path).Exit.ShouldBe(ExitCode.NotAsItShouldBe, $"byte {at}");
        }
        foreach (var some in flipped.Where((_, i) => isLong || i % 3 == 0).Chunk(200))
        {
            var verdicts = OtherProgram.Run([.. some]).Output.Split('\n')
                .Where(line => line.StartsWith("NOT VERIFIED", StringComparison.Ordinal)
                    || line.StartsWith("VERIFIED", StringComparison.Ordinal)).ToList();
            verdicts.Count.ShouldBe(some.Length);
            verdicts.ShouldAllBe(line => line.StartsWith("NOT VERIFIED", StringComparison.Ordinal));
        }
    }

    public static TheoryData<string, string> Changes => new()
    {
        { "amount", "statement.csv, line 2" },
        { "cell", "statement.csv, line 2" },
        { "member", "statement.json" },
        { "lines", "statement.lines" },
        { "more", "statement.lines" },
        { "event", "events/" },
        { "evidence", "evidence/" },
        { "payload", "events/" },
    };

    /// <summary>Whoever changes a bundle can write its lists anew;
    /// what it is about is bound by the signature.</summary>
    [Theory]
    [MemberData(nameof(Changes))]
    public void What_somebody_changes_and_lists_again_is_found_and_named(string change, string place)
    {
        var changed = Changed(change);
        var mine = Verify(changed);
        mine.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        mine.Output.ShouldContain(place);
        mine.Output.TrimEnd().Split('\n')[^1].ShouldStartWith("NOT VERIFIED faults=");
        var other = OtherProgram.Run(changed);
        other.Exit.ShouldBe(1, other.Output);
        other.Output.ShouldContain(place);
    }

    private string Changed(string change)
    {
        var files = BundleZip.Read(File.ReadAllBytes(zip));
        string Text(string name) => Encoding.UTF8.GetString(files[name]);
        string[] rows;
        switch (change)
        {
            case "amount":
                rows = Text(BundleFiles.Csv).Split("\r\n");
                var cells = rows[1].Split(',');
                cells[10] = "0.01";
                rows[1] = string.Join(',', cells);
                files[BundleFiles.Csv] = Encoding.UTF8.GetBytes(string.Join("\r\n", rows));
                break;
            case "lines":
                files[BundleFiles.Lines] = Encoding.UTF8.GetBytes(Text(BundleFiles.Lines)
                    .Replace("|Import|", "|Export|", StringComparison.Ordinal));
                break;
            case "cell":
                rows = Text(BundleFiles.Csv).Split("\r\n");
                rows[1] += ",as agreed";
                files[BundleFiles.Csv] = Encoding.UTF8.GetBytes(string.Join("\r\n", rows));
                break;
            case "member":
                files[BundleFiles.Json] = Encoding.UTF8.GetBytes(Text(BundleFiles.Json)
                    .Replace("{\n  \"run\"", "{\n  \"note\": \"as agreed\",\n  \"run\"", StringComparison.Ordinal));
                break;
            case "more":
                files[BundleFiles.Lines] = [.. files[BundleFiles.Lines], .. "as agreed"u8];
                break;
            case "event":
                files.Remove(files.Keys.First(name =>
                    name.StartsWith(BundleFiles.EventsFolder, StringComparison.Ordinal)));
                break;
            case "evidence":
                files.Remove(files.Keys.First(name =>
                    name.StartsWith(BundleFiles.EvidenceFolder, StringComparison.Ordinal)));
                break;
            case "payload":
                var name = files.Keys.First(file =>
                    file.StartsWith(BundleFiles.EventsFolder, StringComparison.Ordinal));
                var proof = TlogProof.Parse(Text(name));
                proof.Extra![^3] ^= 1;
                files[name] = Encoding.UTF8.GetBytes($"{proof}");
                break;
        }
        return Packed(files);
    }

    private string Packed(SortedDictionary<string, byte[]> files)
    {
        files[BundleFiles.Sums] = BundleFiles.SumsOf(files);
        files[BundleFiles.Manifest] = BundleManifest.Of("town", "R1", files).ToBytes();
        var path = town.File("changed.zip", "");
        File.WriteAllBytes(path, BundleZip.Write(files));
        return path;
    }

    /// <summary>Nobody can say of the last event of a stream that it is the last, but its row stands in
    /// evidence.</summary>
    [Fact]
    public void A_reading_that_was_left_out_at_the_end_of_its_register_is_counted()
    {
        const string said = "NOT CHECKED: 1 readings of these points that stand in evidence of others";
        Verify(zip).Output.ShouldNotContain("readings of these points");
        var files = BundleZip.Read(File.ReadAllBytes(zip));
        files.Remove(files.Single(file => file.Key.StartsWith(BundleFiles.EventsFolder, StringComparison.Ordinal)
            && TlogProof.Parse(Encoding.UTF8.GetString(file.Value)) is var proof
            && Ledger.Journal.EventCodec.Decode(DisclosedEvent.Read(proof.Extra!).At(proof.Index))
                is Ledger.Domain.RegisterReadingQuarantined).Key);
        var less = Verify(Packed(files));
        less.Exit.ShouldBe(ExitCode.Done, less.Output);
        less.Output.ShouldContain(said);
    }

    /// <summary>The station tree is one stream of the whole ledger.</summary>
    [Fact]
    public void Of_the_station_tree_a_bundle_shows_where_the_accounts_own_points_lie()
    {
        var facts = string.Concat(new[] { ("G8", "cpo8"), ("F8", "cpo8"), ("E8", "other"), ("G7", "other"), ("F7", "other") }
            .Select(point => $$"""
            {"type":"settlement-point","point":"{{point.Item1}}","station":"S08","kind":"gridConnection","owner":"{{point.Item2}}","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}

            """).Concat(new[] { ("F7", "G7"), ("F8", "E8"), ("E8", "G8") }.Select(place => $$"""
            {"type":"point-place","point":"{{place.Item1}}","parent":"{{place.Item2}}","validFrom":"2026-01-01T00:00:00+08:00"}

            """))) + """{"type":"tariff-assignment","account":"cpo8","tariff":"tou","validFrom":"2026-01-01T00:00:00+08:00"}""";
        Done("import", town.File("places.jsonl", facts));
        Done("settle", "--account", "cpo8", "--day", "2026-02-27", "--run", "P1");
        Done("checkpoint");
        Done("bundle", "--statement", "P1", "--out", zip);
        var shown = BundleZip.Read(File.ReadAllBytes(zip))
            .Where(file => file.Key.StartsWith(BundleFiles.EventsFolder, StringComparison.Ordinal))
            .Select(file => TlogProof.Parse(Encoding.UTF8.GetString(file.Value)))
            .Select(proof => Ledger.Journal.EventCodec.Decode(DisclosedEvent.Read(proof.Extra!).At(proof.Index)))
            .OfType<Ledger.Domain.PointPlaced>().Select(place => $"{place.Point} behind {place.Parent}");
        shown.ShouldBe(["F8 behind E8", "E8 behind G8"], ignoreOrder: true);
        var mine = Verify(zip, "--keys", keys);
        mine.Exit.ShouldBe(ExitCode.Done, mine.Output);
        var other = OtherProgram.Run("--keys", keys, zip);
        other.Exit.ShouldBe(0, other.Output);

        void Done(params string[] args)
        {
            var run = town.Run(args);
            run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        }
    }

    [Fact]
    public void A_foreign_key_is_named()
    {
        var foreign = new SignerKey("ledger.example/town", new byte[32]);
        var path = SignedBy(foreign, note => $"{note}");
        Verify(path).Exit.ShouldBe(ExitCode.Done); // by its own word
        var mine = Verify(path, "--keys", keys);
        mine.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        mine.Output.ShouldContain($"ledger.example/town+{foreign.Verifier.Id:x8}");
        var other = OtherProgram.Run("--keys", keys, path);
        other.Exit.ShouldBe(1, other.Output);
        other.Output.ShouldContain($"checkpoint: signed by ledger.example/town+{foreign.Verifier.Id:x8}");
    }

    /// <summary>A bundle whose checkpoint is signed by this key, which it brings.</summary>
    private string SignedBy(
        SignerKey key, Func<SignedNote, string> note, params (string Name, string Content)[] more)
    {
        var files = BundleZip.Read(File.ReadAllBytes(zip));
        var before = Encoding.UTF8.GetString(files[BundleFiles.Checkpoint]);
        var after = note(SignedNote.Sign(SignedNote.Parse(files[BundleFiles.Checkpoint]).Text, key));
        files[BundleFiles.Checkpoint] = Encoding.UTF8.GetBytes(after);
        files[BundleFiles.Keys] = Encoding.UTF8.GetBytes($"{key.Verifier}\n");
        foreach (var name in files.Keys.Where(file =>
            file.StartsWith(BundleFiles.EventsFolder, StringComparison.Ordinal)).ToList())
            files[name] = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(files[name])
                .Replace(before, after, StringComparison.Ordinal));
        foreach (var (name, content) in more) files[name] = Encoding.UTF8.GetBytes(content);
        return Packed(files);
    }

    /// <summary>Whom a log hands over to signs for it, and does not vouch for it.</summary>
    [Fact]
    public void A_log_hands_over_to_no_witness()
    {
        var key = new SignerKey("ledger.example/town", new byte[32]);
        var witness = new SignerKey("ledger.example/town", [.. Enumerable.Repeat((byte)7, 32)]);
        var handover = SignedNote.Sign($"the ledger signs from now on with\n{witness.WitnessVerifier}\n", key);
        var path = SignedBy(key, note => $"{note}{witness.Cosign(note.Text, 1_772_323_200)}\n",
            (BundleFiles.Handover(2), $"{handover}"));
        var trusted = town.File("trusted.txt", $"{key.Verifier}\n");
        Verify(path, "--keys", trusted).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        var other = OtherProgram.Run("--keys", trusted, path);
        other.Exit.ShouldBe(1, other.Output);
        other.Output.ShouldContain("no note of handover");
    }

    [Fact]
    public void Exported_tiles_are_verified_by_the_other_program()
    {
        var tiles = Path.Combine(Path.GetDirectoryName(zip)!, "tiles");
        town.Run("export", "tiles", tiles).Exit.ShouldBe(ExitCode.Done);
        var whole = OtherProgram.Run("--keys", keys, tiles);
        whole.Exit.ShouldBe(0, whole.Output);
        whole.Output.ShouldContain("VERIFIED leaves=");
        foreach (var tile in Directory.GetFiles(tiles, "*", SearchOption.AllDirectories))
        {
            var bytes = File.ReadAllBytes(tile);
            bytes[^10] ^= 4;
            File.WriteAllBytes(tile, bytes);
            OtherProgram.Run("--keys", keys, tiles).Exit.ShouldBe(1, tile);
            bytes[^10] ^= 4;
            File.WriteAllBytes(tile, bytes);
        }
    }

    [Fact]
    public void What_cannot_be_bundled_is_said()
    {
        town.Run("bundle", "--statement", "R9", "--out", zip).ShouldBeFailure(
            "ledger bundle: there is no settlement run R9; 'ledger show settlement' lists them");
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R2", "--kind",
            "correction").Exit.ShouldBe(ExitCode.Done);
        town.Run("bundle", "--statement", "R2", "--out", zip).Errors.ShouldContain("make one with: ledger checkpoint");
        town.Run("verify", zip, zip).Exit.ShouldBe(ExitCode.Usage);
        // No mistake of the command line: what was changed on its way is said alone, without the usage.
        var changed = town.File("changed.keys", "ledger.example/town+01234567+QUJD\n");
        var unread = town.Run("verify", zip, "--keys", changed);
        (unread.Exit, unread.Output, unread.Errors.Split('\n').Length).ShouldBe((ExitCode.CouldNot, "", 2));
        unread.Errors.ShouldStartWith($"ledger verify: --keys {changed}: ");
        var gone = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        town.Run("verify", gone).ShouldBeFailure($"ledger verify: there is no file {gone}");
        town.Run("import", gone).ShouldBeFailure($"ledger import: there is no file {gone}");
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        town.Run("bundle", "--statement", "R2", "--out", Path.Combine(gone, "x.zip"))
            .ShouldBeFailure($"ledger bundle: there is no folder {gone}");
    }

    [Fact]
    public void The_other_program_is_short_enough_to_be_read()
    {
        var lines = File.ReadAllLines(Repository.PathOf("tools/verify_ledger.py"));
        lines.Length.ShouldBeLessThanOrEqualTo(530);
        lines.ShouldAllBe(line => line.Length <= 120);
        OtherProgram.Run().Exit.ShouldBe(64);
    }
}
