using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Cli.Bundles;
using Ledger.Domain;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// One line of a statement, and samples of lines, as bundles that are verified alone: every value from its children,
/// every amount once from the facts and once from the raw evidence.
/// </summary>
public sealed class LinesBundleTests : IDisposable
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

    public LinesBundleTests()
    {
        keys = town.File("keys.txt", town.Run("checkpoint", "--key").Output);
        zip = town.File("lines.zip", "");
    }

    public void Dispose() => town.Dispose();

    /// <summary>18:00 to 19:00 of the connector that exports: shaped by the curve, priced as peak.</summary>
    private static readonly string[] Evening = ["R1", "S01-C1", "export", "2026-02-27T10:00:00Z"];

    private SortedDictionary<string, byte[]> Proven(params string[] words)
    {
        var proven = town.Run(["prove", .. words, "--out", zip]);
        (proven.Exit, proven.Errors).ShouldBe((ExitCode.Done, ""));
        return BundleZip.Read(File.ReadAllBytes(zip));
    }

    private JsonNode Document(SortedDictionary<string, byte[]> files) =>
        JsonNode.Parse(files[BundleFiles.LinesJson])!;

    [Fact]
    public void A_line_is_proven_by_its_own_point_alone_and_verified_offline()
    {
        var files = Proven(Evening);
        var document = Document(files);
        var line = document["lines"]![0]!;
        var number = (int)line["number"]!;
        files[BundleFiles.LinesJson].ShouldBe(Proven($"R1#{number}")[BundleFiles.LinesJson]);
        Snapshot.Match(document["lines"]!.ToJsonString(new() { WriteIndented = true }), "LinesBundle.line");
        line["values"]!.AsArray().ShouldAllBe(value => (string)value!["says"]! == (string)value["follows"]!);
        // The lines before it are there, those after it and the other connector's facts are not.
        var texts = Encoding.UTF8.GetString(files.Single(file =>
            file.Key.StartsWith(BundleFiles.StatementsFolder, StringComparison.Ordinal)).Value).TrimEnd().Split('\n');
        texts.Length.ShouldBe(number);
        texts[^1].ShouldBe((string)line["text"]!);
        foreach (var (_, bytes) in files.Where(file =>
            file.Key.StartsWith(BundleFiles.EventsFolder, StringComparison.Ordinal)))
            Encoding.Latin1.GetString(Convert.FromBase64String(Encoding.UTF8.GetString(bytes).Split('\n')[1][6..]))
                .ShouldNotContain("S01-C2");
        var verified = town.Run("verify", zip, "--keys", keys);
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output + verified.Errors);
        verified.Output.TrimEnd().Split('\n')[^1].ShouldStartWith("VERIFIED files=");
        verified.Output.ShouldContain(" lines=1 ");
    }

    [Fact]
    public void Every_line_of_a_run_is_proven()
    {
        var lines = (int)JsonNode.Parse(town.Run("show", "settlement", "--json").Output)!["runs"]![0]!["lines"]!;
        for (var number = 1; number <= lines; number += 7)
        {
            Proven($"R1#{number}");
            var verified = town.Run("verify", zip);
            verified.Exit.ShouldBe(ExitCode.Done, verified.Output);
        }
        Proven($"R1#{lines}");
        town.Run("verify", zip).Exit.ShouldBe(ExitCode.Done);
    }

    /// <summary>10, 5 and 20 of a register that begins anew after 99 are 110 kWh; without the 5, which no source names,
    /// they were 10.</summary>
    [Fact]
    public void A_line_names_the_reading_by_which_its_register_began_anew()
    {
        const string facts = """
            {"type":"settlement-point","point":"S02-C1","station":"S02","kind":"connector","owner":"cpo2","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":350,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
            {"type":"register","point":"S02-C1","direction":"import","meterSerial":"M2","digits":3,"decimals":0,"modulusKwh":"100","validFrom":"2026-01-01T00:00:00+08:00"}
            {"type":"tariff-assignment","account":"cpo2","tariff":"tou","validFrom":"2026-01-01T00:00:00+08:00"}
            """;
        const string readings = """
            point,register,read_at,kwh
            S02-C1,1.8.0,2026-02-27T00:00:00+08:00,10
            S02-C1,1.8.0,2026-02-27T10:07:00+08:00,5
            S02-C1,1.8.0,2026-02-28T00:00:00+08:00,20

            """;
        town.Run("import", town.File("facts.jsonl", facts)).Exit.ShouldBe(ExitCode.Done);
        town.Run("import", town.File("round.csv", readings)).Exit.ShouldBe(ExitCode.Done);
        town.Run("settle", "--account", "cpo2", "--day", "2026-02-27", "--run", "R2").Exit.ShouldBe(ExitCode.Done);
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        var line = Document(Proven("R2", "S02-C1", "import", "2026-02-27T10:00:00Z"))["lines"]![0]!;
        line["facts"]!.AsArray().Count(fact => fact!.ToJsonString().Contains("register-reading-recorded")).ShouldBe(3);
        var verified = town.Run("verify", zip);
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output);
    }

    public static TheoryData<string, string> Changes => new()
    {
        { "amount", "lines.json, line " }, { "line", "statements/" }, { "before", "statements/" },
        { "event", "events/" }, { "evidence", "evidence/" }, { "seed", "lines.json" },
    };

    /// <summary>Whoever changes a bundle can list its files anew; what the signature binds cannot be listed.</summary>
    [Theory]
    [MemberData(nameof(Changes))]
    public void What_somebody_changes_and_lists_again_is_found(string change, string place)
    {
        if (change == "seed")
            town.Run("sample", "--lines", "10", "--seed", "mine", "--out", zip).Exit.ShouldBe(ExitCode.Done);
        else Proven(Evening);
        var files = BundleZip.Read(File.ReadAllBytes(zip));
        string First(string folder) => files.Keys.First(name => name.StartsWith(folder, StringComparison.Ordinal));
        void Replace(string name, string from, string to) => files[name] =
            Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(files[name]).Replace(from, to, StringComparison.Ordinal));
        var statement = First(BundleFiles.StatementsFolder);
        switch (change)
        {
            case "amount": Replace(BundleFiles.LinesJson, "\"carriedMoney\": \"", "\"carriedMoney\": \"1"); break;
            case "line": Replace(statement, "|Peak|", "|Valley|"); break;
            case "before":
                var texts = Encoding.UTF8.GetString(files[statement]);
                files[statement] = Encoding.UTF8.GetBytes(texts.Replace("1|S01-C1|Import", "1|S01-C0|Import"));
                break;
            case "event": files.Remove(First(BundleFiles.EventsFolder)); break;
            case "evidence": files.Remove(First(BundleFiles.EvidenceFolder)); break;
            case "seed": Replace(BundleFiles.LinesJson, "\"seed\": \"mine\"", "\"seed\": \"theirs\""); break;
        }
        var manifest = BundleManifest.Parse(files[BundleFiles.Manifest]);
        files[BundleFiles.Sums] = BundleFiles.SumsOf(files);
        files[BundleFiles.Manifest] =
            BundleManifest.Of(manifest.Ledger, manifest.Run, files, manifest.Format).ToBytes();
        File.WriteAllBytes(zip, BundleZip.Write(files));
        var found = town.Run("verify", zip, "--json");
        found.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        JsonNode.Parse(found.Output)!["faults"]!.AsArray().Select(fault => (string)fault!["place"]!)
            .ShouldContain(at => at.StartsWith(place, StringComparison.Ordinal), found.Output);
    }

    /// <summary>Who draws a sample says of which run and by which seed: a bundle of another run is no answer, and the
    /// verification says whose question it is.</summary>
    [Fact]
    public void A_sample_that_says_another_run_than_it_has_is_found()
    {
        town.Run("sample", "--lines", "5", "--seed", "a b", "--statement", "R1", "--out", zip).Exit
            .ShouldBe(ExitCode.Done);
        var right = town.Run("verify", zip);
        right.Exit.ShouldBe(ExitCode.Done, right.Output);
        right.Output.ShouldContain("sample of 5 lines of R1 by the seed a b");
        right.Output.TrimEnd().Split('\n')[^1].ShouldEndWith(" run=R1 sample=5 seed=a%20b");
        var files = BundleZip.Read(File.ReadAllBytes(zip));
        files[BundleFiles.LinesJson] = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(files[BundleFiles.LinesJson])
            .Replace("\"statement\": \"R1\"", "\"statement\": \"R7\"", StringComparison.Ordinal));
        var manifest = BundleManifest.Parse(files[BundleFiles.Manifest]);
        files[BundleFiles.Sums] = BundleFiles.SumsOf(files);
        files[BundleFiles.Manifest] = BundleManifest.Of(manifest.Ledger,
            manifest.Run.Replace("R1", "R7", StringComparison.Ordinal), files, manifest.Format).ToBytes();
        File.WriteAllBytes(zip, BundleZip.Write(files));
        var found = town.Run("verify", zip, "--json");
        found.Exit.ShouldBe(ExitCode.NotAsItShouldBe, found.Output);
        found.Output.ShouldContain("the sample is of R7, and the runs here are R1");
    }

    /// <summary>Who draws from one account or one day alone sees it in the sample, and nobody can say it of a sample
    /// that was drawn from others too.</summary>
    [Fact]
    public void A_sample_of_one_account_or_day_has_its_runs_alone_and_says_so()
    {
        Done("settle", "--account", "cpo", "--day", "2026-02-26", "--run", "R0");
        Done("checkpoint");
        int Runs(params string[] of)
        {
            Done(["sample", "--lines", "5", "--seed", "a", .. of, "--out", zip]);
            return Document(BundleZip.Read(File.ReadAllBytes(zip)))["runs"]!.AsArray().Count;
        }
        (Runs(), Runs("--account", "cpo"), Runs("--day", "2026-02-27")).ShouldBe((2, 2, 1));
        Runs("--account", "cpo", "--day", "2026-02-27").ShouldBe(1);
        var verified = town.Run("verify", zip);
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output);
        verified.Output.ShouldContain("sample of 5 lines of all runs that hold of cpo on 2026-02-27 by the seed a");
        verified.Output.TrimEnd().Split('\n')[^1].ShouldEndWith(" account=cpo day=2026-02-27 sample=5 seed=a");
        foreach (var of in (string[][])[["--account", "nobody"], ["--day", "2026-02-25"]])
        {
            var nothing = town.Run(["sample", "--lines", "5", "--seed", "a", .. of, "--out", zip]);
            (nothing.Exit, nothing.Output).ShouldBe((ExitCode.CouldNot, ""));
            nothing.Errors.ShouldContain("there is no settlement run o");
        }
        // A day that the runs are not of.
        var files = BundleZip.Read(File.ReadAllBytes(zip));
        files[BundleFiles.LinesJson] = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(files[BundleFiles.LinesJson])
            .Replace("\"day\": \"2026-02-27\"\n  }", "\"day\": \"2026-02-26\"\n  }", StringComparison.Ordinal));
        var manifest = BundleManifest.Parse(files[BundleFiles.Manifest]);
        files[BundleFiles.Sums] = BundleFiles.SumsOf(files);
        files[BundleFiles.Manifest] = BundleManifest.Of(manifest.Ledger,
            manifest.Run.Replace("2026-02-27", "2026-02-26", StringComparison.Ordinal), files, manifest.Format).ToBytes();
        File.WriteAllBytes(zip, BundleZip.Write(files));
        var found = town.Run("verify", zip, "--json");
        found.Exit.ShouldBe(ExitCode.NotAsItShouldBe, found.Output);
        found.Output.ShouldContain("the sample is of cpo on 2026-02-26, and R1 is of cpo on 2026-02-27");

        void Done(params string[] words)
        {
            var run = town.Run(words);
            run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        }
    }

    [Fact]
    public void Every_flipped_byte_of_a_bundle_of_lines_is_found()
    {
        Proven(Evening);
        var whole = File.ReadAllBytes(zip);
        var step = Environment.GetEnvironmentVariable("LEDGER_LONG") == "1" ? 1 : Math.Max(1, whole.Length / 60);
        for (var at = 0; at < whole.Length; at += step)
        {
            var bytes = whole.ToArray();
            bytes[at] ^= (byte)(1 << (at % 8));
            File.WriteAllBytes(zip, bytes);
            town.Run("verify", zip).Exit.ShouldBe(ExitCode.NotAsItShouldBe, $"byte {at}");
        }
    }

    [Fact]
    public void A_sample_is_the_same_for_whoever_draws_it_and_its_bundle_is_verified_alone()
    {
        string[] asked = ["sample", "--lines", "12", "--seed", "8f2c41", "--statement", "R1"];
        var drawn = town.Run([.. asked, "--out", zip]);
        (drawn.Exit, drawn.Errors).ShouldBe((ExitCode.Done, ""));
        var again = town.File("again.zip", "");
        town.Run([.. asked, "--out", again]).Exit.ShouldBe(ExitCode.Done);
        File.ReadAllBytes(again).ShouldBe(File.ReadAllBytes(zip));
        // Without a name the runs that hold are drawn from: here the same one.
        town.Run("sample", "--lines", "12", "--seed", "8f2c41", "--out", again).Exit.ShouldBe(ExitCode.Done);
        Document(BundleZip.Read(File.ReadAllBytes(again)))["lines"]!.ToJsonString().ShouldBe(
            Document(BundleZip.Read(File.ReadAllBytes(zip)))["lines"]!.ToJsonString());
        Snapshot.Match(drawn.Output[drawn.Output.IndexOf("settlement runs", StringComparison.Ordinal)..] + "\n" + Document(BundleZip.Read(File.ReadAllBytes(zip)))
            ["sample"]!.ToJsonString(new() { WriteIndented = true }), "LinesBundle.sample");
        var verified = town.Run("verify", zip, "--keys", keys);
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output + verified.Errors);
        verified.Output.ShouldContain(" lines=12 ");
        verified.Output.ShouldContain("other lines, but for what they leave over to these");
    }

    /// <summary>
    /// A record that its evidence does not bear out is drawn, is an exception with both amounts, and is projected:
    /// whoever holds the secret can write such a journal, and its evidence speaks against it.
    /// </summary>
    [Fact]
    public async Task A_fact_that_its_evidence_does_not_bear_out_is_an_exception_and_projected()
    {
        var options = new SqliteJournalOptions(
            town.Data, new LedgerId("town"), new StandingClock(SmallTown.Now), TestFolder.Secret);
        await using (var ledger = OpenLedger.Open(options))
        {
            var made = (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode)
                .OfType<RegisterReadingRecorded>().Last(reading => reading.Register.Direction == Direction.Export);
            // 23 kWh more than the evidence says, at the end of the day.
            var at = made.ReadAt.Plus(NodaTime.Duration.FromHours(-1));
            var forged = made with { ReadAt = at, IndexSteps = made.IndexSteps + 23_000 };
            await ledger.Journal.AppendAsync(Streams.Register(made.Register), ExpectedRevision.Any,
                [NewFact.At(forged, at, Register.ReadingKey(forged.Register, at))],
                TestFolder.Tester, null, TestContext.Current.CancellationToken);
            await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        }
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R2", "--kind", "correction")
            .Exit.ShouldBe(ExitCode.Done);
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        var drawn = town.Run("sample", "--lines", "200", "--seed", "x", "--statement", "R2", "--out", zip, "--json");
        drawn.Exit.ShouldBe(ExitCode.NotAsItShouldBe, drawn.Output + drawn.Errors);
        var page = JsonNode.Parse(drawn.Output)!;
        page["exceptions"]!.AsArray().ShouldNotBeEmpty();
        page["exceptions"]!.ToJsonString().ShouldContain("is not as its evidence gives it");
        decimal.Parse((string)page["projected"]!, CultureInfo.InvariantCulture).ShouldBeGreaterThan(0m);
        page["exceptions"]!.AsArray().ShouldAllBe(line => line!["byEvidence"] == null);
        var verified = town.Run("verify", zip, "--json");
        verified.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        verified.Output.ShouldContain("is not as its evidence gives it");
        var folder = town.Run("verify", "--json");
        folder.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        folder.Output.ShouldContain("register/S01-C1/2.8.0");
    }

    /// <summary>An auditor who has only the first key follows the notes of handover in the bundle.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_bundle_that_a_later_key_signed_is_verified_by_the_first(int handovers)
    {
        for (var i = 0; i < handovers; i++) town.Run("checkpoint", "--new-key").Exit.ShouldBe(ExitCode.Done);
        var later = town.File("later.txt", town.Run("checkpoint", "--key").Output);
        foreach (var made in (string[][])[["prove", .. Evening], ["bundle", "--statement", "R1"]])
        {
            town.Run([.. made, "--out", zip]).Exit.ShouldBe(ExitCode.Done);
            foreach (var known in (string[])[keys, later])
            {
                var verified = town.Run("verify", zip, "--keys", known);
                verified.Exit.ShouldBe(ExitCode.Done, verified.Output + verified.Errors);
                // It reads no bundles of lines, and does not call one wrong that is as it should be.
                OtherProgram.Says(made[0] == "bundle" ? 0 : 2, "--keys", known, zip);
            }
        }
        town.Run("verify", "--keys", keys).Exit.ShouldBe(ExitCode.Done);
        // Without the notes the first key alone says nothing of the later one.
        var files = BundleZip.Read(File.ReadAllBytes(zip));
        files.Keys.Count(name => name.StartsWith(BundleFiles.HandoversFolder, StringComparison.Ordinal))
            .ShouldBe(handovers);
        foreach (var name in files.Keys.Where(name =>
            name.StartsWith(BundleFiles.HandoversFolder, StringComparison.Ordinal)).ToList()) files.Remove(name);
        files[BundleFiles.Sums] = BundleFiles.SumsOf(files);
        files[BundleFiles.Manifest] = BundleManifest.Of("town", "R1", files).ToBytes();
        File.WriteAllBytes(zip, BundleZip.Write(files));
        town.Run("verify", zip, "--keys", keys).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        town.Run("verify", zip, "--keys", later).Exit.ShouldBe(ExitCode.Done);
    }

    [Fact]
    public void What_cannot_be_proven_or_drawn_is_said()
    {
        town.Run("prove", "R9#1").Errors.ShouldContain("there is no settlement run R9");
        town.Run("prove", "R1#0").Errors.ShouldContain("has the lines 1 to ");
        town.Run("prove", "R1#x").Exit.ShouldBe(ExitCode.Usage);
        town.Run("prove", "R1", "S01-C1", "sideways", "2026-02-27T10:00:00Z").Exit.ShouldBe(ExitCode.Usage);
        town.Run("prove", "R1", "S01-C1", "import", "2026-02-27T10:00:01Z").Errors.ShouldContain("has no line of");
        town.Run("sample", "--lines", "0", "--seed", "x", "--out", zip).Exit.ShouldBe(ExitCode.Usage);
        town.Run("sample", "--lines", "5", "--seed", "", "--out", zip).Exit.ShouldBe(ExitCode.Usage);
        town.Run("sample", "--lines", "5", "--seed", "x", "--confidence", "100", "--out", zip).Exit
            .ShouldBe(ExitCode.Usage);
        town.Run("sample", "--lines", "5", "--seed", "x", "--statement", "R9", "--out", zip).Errors
            .ShouldContain("there is no settlement run R9");
    }

    /// <summary>A statement's bundle, for a spreadsheet and for a program: what others read must not move.</summary>
    [Fact]
    public void The_statement_of_a_bundle_has_its_accepted_bytes()
    {
        town.Run("bundle", "--statement", "R1", "--out", zip).Exit.ShouldBe(ExitCode.Done);
        var files = BundleZip.Read(File.ReadAllBytes(zip));
        Snapshot.Match(string.Join('\n', ((string[])[BundleFiles.Csv, BundleFiles.Json, BundleFiles.Lines])
            .Select(name => $"{name}\n{Encoding.UTF8.GetString(files[name])}")), "Bundle.statement");
        Snapshot.Match(string.Join('\n', files.Keys.Select(name => name.StartsWith(
            BundleFiles.EvidenceFolder, StringComparison.Ordinal) ? BundleFiles.EvidenceFolder : name)),
            "Bundle.files");
    }
}
