using System.Diagnostics;
using System.Text;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Erasing a person leaves the tree and every amount, and nothing in any file from which the person's evidence could be
/// read again.
/// </summary>
public sealed class ErasureTests : IDisposable
{
    private readonly PersonalTown town = new();

    public void Dispose() => town.Dispose();

    /// <summary>While the ledger is open, so that its logs are not empty; and again when it is closed.</summary>
    [Fact]
    public async Task No_byte_of_any_file_holds_the_person_or_the_key()
    {
        var keys = town.KeyBytes();
        var evidence = await town.FirstEvidenceAsync();
        var before = town.Run("show", "evidence", evidence.Hex, "--by", "staff-7", "--why", "audit");
        Encoding.UTF8.GetString(before.Raw.Span).ShouldContain(PersonalTown.First);
        string[] names = [PersonalTown.First, "04A2B3C4D5E6F7"];
        await using (var ledger = OpenLedger.Open(town.Options))
        {
            (await EraseAsync(ledger, PersonalTown.First)).ShouldBeOfType<RecordOutcome.Recorded>();
            await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
            var files = town.Files();
            files["journal.db-wal"].Length.ShouldBeGreaterThan(0);
            Search(files, names, keys, town.KeyBytes());
        }
        Search(town.Files(), names, keys, town.KeyBytes());
        var gone = town.Run("show", "evidence", evidence.Hex, "--by", "staff-7", "--why", "audit");
        gone.ShouldBeFailure($"ledger show: evidence {evidence} was erased with the person whom it names");
        (await town.FactsAsync()).Select(known => known.Fact).OfType<EvidenceRefused>().ShouldContain(refused =>
            refused.Source.Contains("[sealed]", StringComparison.Ordinal)); // a file's name that named the person
    }

    /// <summary>The search itself finds what it looks for: nothing that is sealed stands in plain anywhere, but a name
    /// that somebody writes into a file is seen.</summary>
    [Fact]
    public void The_search_would_find_it()
    {
        var key = town.KeyBytes()[0];
        File.WriteAllBytes(Path.Combine(town.Data, "stray"), [1, .. key, 2]);
        File.WriteAllText(Path.Combine(town.Data, "note"), $"x{PersonalTown.First}x");
        Should.Throw<ShouldAssertException>(() => Search(town.Files(), [PersonalTown.First], [], []));
        Should.Throw<ShouldAssertException>(() => Search(town.Files(), [], [key], []));
    }

    [Fact]
    public async Task The_tree_and_every_amount_stay_and_what_is_erased_is_said()
    {
        var kept = town.File("kept", town.Run("checkpoint").Output);
        var facts = await town.FactsAsync();
        var statement = town.Run("show", "statement", "R1", "--lines").Output;
        var energy = town.Run("show", "export", "--json").Output;
        town.Run("verify").Output.ShouldNotContain("ERASED");
        var done = town.Run("erase", PersonalTown.First.ToLowerInvariant()); // readers of cards write one number so or so
        (done.Exit, done.Errors).ShouldBe((ExitCode.Done, ""));

        var after = await town.FactsAsync();
        after.Take(facts.Count).Select(known => EventCodec.ToJson(known.Fact)).ShouldBe(
            facts.Select(known => EventCodec.ToJson(known.Fact)));
        var erased = after.Skip(facts.Count).ShouldHaveSingleItem().Fact.ShouldBeOfType<SubjectErased>();
        (erased.Generation, erased.Reason).ShouldBe((1, ErasureReason.Requested));
        town.Run("show", "statement", "R1", "--lines").Output.Split('\n').Skip(1).ShouldBe(
            statement.Split('\n').Skip(1));
        Without("events", town.Run("show", "export", "--json").Output).ShouldBe(Without("events", energy));
        town.Run("replay", "--diff").Exit.ShouldBe(ExitCode.Done);

        var verified = town.Run("verify", "--since", kept);
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output);
        var lines = verified.Output.TrimEnd().Split('\n');
        // The first reading, the damaged value, the value of another meter, the record of a charge.
        lines.Count(line => line.StartsWith("ERASED: evidence ", StringComparison.Ordinal)).ShouldBe(4);
        lines.ShouldContain("NOT CHECKED: 4 pieces of evidence that were erased, wholly or in part, and what comes "
            + "from them");
        lines[^1].ShouldStartWith("VERIFIED events=");
        town.Run("verify", "--json").Output.ShouldContain((await town.FirstEvidenceAsync()).Hex);
    }

    [Fact]
    public void A_case_that_holds_a_person_refuses_the_erasure_and_a_second_one_is_already_done()
    {
        town.Run("hold", PersonalTown.First, "--case", "2026-17").Exit.ShouldBe(ExitCode.Done);
        var held = town.Run("erase", PersonalTown.First);
        held.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        held.Errors.ShouldBe("ledger erase: LegalHold (802): held by case 2026-17\n");
        town.KeyBytes().Count.ShouldBe(Subjects);
        town.Run("hold", PersonalTown.First, "--case", "2026-18", "--release").Errors.ShouldContain("UnknownHold (803)");
        town.Run("hold", PersonalTown.First, "--case", "2026-17", "--release").Exit.ShouldBe(ExitCode.Done);
        town.Run("erase", PersonalTown.First, "--json").Output.ShouldContain("\"erase\": \"erased\"");
        town.KeyBytes().Count.ShouldBe(Subjects - 1);
        var again = town.Run("erase", PersonalTown.First, "--json");
        (again.Exit, again.Errors).ShouldBe((ExitCode.Done, ""));
        again.Output.ShouldContain("\"erase\": \"already\"");
        town.Run("erase", "nobody").Errors.ShouldStartWith("ledger erase: UnknownSubject (801): ");
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);
        Search(town.Files(), [PersonalTown.First], [], []);
    }

    /// <summary>The first card, the second, the driver of the curve, and two sessions.</summary>
    private const int Subjects = 5;

    /// <summary>A crash between the fact and the destruction: the next who opens the ledger finishes it.</summary>
    [Fact]
    public async Task What_a_crash_interrupted_is_finished_when_the_ledger_is_opened()
    {
        await using (var ledger = OpenLedger.Open(town.Options))
        {
            var subject = ledger.Evidence.PseudonymOf(PersonalTown.First);
            var (generation, pieces, _) = ledger.Evidence.CloseKeys(subject);
            var fact = new SubjectErased(subject, generation!.Value, ledger.Evidence.Put(EvidenceManifest.Of(pieces)),
                ErasureReason.Unlawful);
            await ledger.Recorder.AppendAsync(Streams.Subjects,
                [NewFact.At(fact, SmallTown.Now, new EvidenceKey("interrupted"))], TestFolder.Tester,
                TestContext.Current.CancellationToken);
            await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        }
        town.KeyBytes().Count.ShouldBe(Subjects);
        var unfinished = town.Run("verify");
        unfinished.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        unfinished.Output.ShouldContain("ledger.subjects");
        await using (OpenLedger.Open(town.Options)) town.KeyBytes().Count.ShouldBe(Subjects - 1);
        var finished = town.Run("verify");
        finished.Exit.ShouldBe(ExitCode.Done, finished.Output);
        finished.Output.ShouldContain("ERASED: evidence ");
    }

    /// <summary>A crash while the file of the keys gives way: the one without the key may have its name and the old
    /// one's bytes stand still, or the old one may have both names.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_a_crash_left_of_the_keys_is_overwritten_when_the_ledger_is_opened(bool isReplaced)
    {
        var before = File.ReadAllBytes(town.Keys);
        if (isReplaced)
        {
            town.Run("erase", PersonalTown.First).Exit.ShouldBe(ExitCode.Done);
            File.WriteAllBytes(town.Keys + ".old", before);
        }
        else
        {
            Process.Start("ln", [town.Keys, town.Keys + ".old"])!.WaitForExit();
            File.WriteAllBytes(town.Keys + ".new", before[80..]);
        }
        File.Exists(town.Keys + ".old").ShouldBeTrue();
        using var copies = new TestFolder();
        var backup = Path.Combine(copies.Path, "backup");
        Directory.CreateDirectory(copies.Path);
        town.Run("backup", backup).Exit.ShouldBe(ExitCode.Done);
        Directory.EnumerateFiles(backup, "ledger.subjects*", SearchOption.AllDirectories).Select(Path.GetFileName)
            .ShouldBe(["ledger.subjects"]);
        using var held = File.OpenHandle(town.Keys + ".old", options: FileOptions.None, share: FileShare.ReadWrite | FileShare.Delete);
        await using (OpenLedger.Open(town.Options))
            town.KeyBytes().Count.ShouldBe(isReplaced ? Subjects - 1 : Subjects);
        Directory.EnumerateFiles(town.Data, "ledger.subjects*").ShouldBe([town.Keys]);
        var bytes = new byte[before.Length];
        RandomAccess.Read(held, bytes, 0).ShouldBe(before.Length);
        bytes.ShouldBe(isReplaced ? new byte[before.Length] : before);
        if (!isReplaced) town.Run("erase", PersonalTown.First).Exit.ShouldBe(ExitCode.Done);
        RandomAccess.Read(held, bytes, 0);
        bytes.ShouldBe(new byte[before.Length]); // whoever has it open reads nothing
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);
    }

    [Fact]
    public void A_key_that_is_missing_without_an_erasure_is_a_fault()
    {
        var keys = File.ReadAllBytes(town.Keys);
        File.WriteAllBytes(town.Keys, keys[80..]);
        var found = town.Run("verify");
        found.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        found.Output.ShouldContain("the key, or the fact that its");
        keys[10] ^= 1;
        File.WriteAllBytes(town.Keys, keys);
        town.Run("verify").Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        Should.Throw<JournalRefusedException>(() => OpenLedger.Open(town.Options)).Message.ShouldEndWith(
            "ledger.subjects is damaged at byte 0");
    }

    /// <summary>A record at the end that is not whole was never acknowledged; the next key takes its place.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(79)]
    [InlineData(80)]
    public void A_key_that_was_torn_at_the_end_was_never_used(int bytes)
    {
        var keys = File.ReadAllBytes(town.Keys);
        File.WriteAllBytes(town.Keys, [.. keys, .. new byte[bytes]]);
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);
        town.Import("new.json", """{"type":"cdr","uid":"another"}""");
        File.ReadAllBytes(town.Keys)[..keys.Length].ShouldBe(keys);
        new FileInfo(town.Keys).Length.ShouldBe(keys.Length + 80);
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);
    }

    /// <summary>Of a table the row of one is erased; those of others stay, and so do their keys.</summary>
    [Fact]
    public async Task Erasing_one_row_of_a_table_leaves_the_others()
    {
        var table = (await town.FactsAsync()).Select(known => known.Fact).OfType<RegisterReadingRecorded>()
            .First(reading => reading.Register.Point.Value.EndsWith(":1", StringComparison.Ordinal)).Evidence!.Value;
        string Shown() => Encoding.UTF8.GetString(
            town.Run("show", "evidence", table.Hex, "--by", "staff-7", "--why", "dispute").Raw.Span);
        var before = Shown();
        before.ShouldContain("910077001,1,2026-02-20");
        town.Run("erase", "session/910077001").Exit.ShouldBe(ExitCode.Done);
        Shown().ShouldBe(before.Replace(before.Split('\n')[1], "[erased]", StringComparison.Ordinal));
        town.Run("erase", "session/910077002").Exit.ShouldBe(ExitCode.Done);
        // What is left names nobody, and nobody has to say why they read it.
        Encoding.UTF8.GetString(town.Run("show", "evidence", table.Hex).Raw.Span).ShouldBe(
            before.Split('\n')[0] + "\n[erased]\n[erased]\n");
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);
        Search(town.Files(), ["910077001", "910077002"], [], []);
    }

    /// <summary>The same bytes again bring nothing back; what is new of the same person has a key of its own.</summary>
    [Fact]
    public async Task What_comes_again_stays_erased_and_what_is_new_can_be_erased_again()
    {
        town.Run("erase", PersonalTown.First).Exit.ShouldBe(ExitCode.Done);
        var length = (await town.FactsAsync()).Count;
        var again = town.Import("first.ocmf",
            PersonalTown.Signed("T1", PersonalTown.First, "2026-02-27T00:00:00,000+0800 S", "1000.000"), "--json");
        again.Output.ShouldContain("\"alreadyThere\": 1");
        ((await town.FactsAsync()).Count, town.KeyBytes().Count).ShouldBe((length, Subjects - 1));
        town.Import("later.ocmf",
            PersonalTown.Signed("T9", PersonalTown.First, "2026-02-28T07:00:00,000+0800 S", "1510.000")).Exit
            .ShouldBe(ExitCode.Done);
        town.KeyBytes().Count.ShouldBe(Subjects);
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);
        town.Run("erase", PersonalTown.First).Exit.ShouldBe(ExitCode.Done);
        (await town.FactsAsync()).Select(known => known.Fact).OfType<SubjectErased>()
            .Select(erased => erased.Generation).ShouldBe([1, 2]);
        var verified = town.Run("verify");
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output);
        verified.Output.Split('\n').Count(line => line.StartsWith("ERASED: ", StringComparison.Ordinal)).ShouldBe(5);
    }

    /// <summary>The same bytes stay sealed where the sender does not say again whom they are about, before the erasure
    /// and after it; what lay open before is not sealed by saying so, and the sender is told.</summary>
    [Fact]
    public async Task What_was_sealed_by_the_senders_word_stays_sealed_when_it_comes_without_it()
    {
        const string note = "a note";
        town.Import("note.txt", note, "--subject", "Ada").Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        town.Import("note.txt", note).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        town.Run("erase", "Ada").Exit.ShouldBe(ExitCode.Done);
        town.Run("erase", PersonalTown.Third).Exit.ShouldBe(ExitCode.Done);
        town.Import("note.txt", note).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        town.Import("curve.csv", PersonalTown.Curve);
        using (var evidence = EvidenceArchive.OpenForReading(town.Data, TestFolder.Secret))
            foreach (var bytes in (string[])[note, PersonalTown.Curve])
                evidence.Has(ArchivedTown.Digest(bytes)).ShouldBeFalse();
        var refused = (await town.FactsAsync()).Where(known => known.Fact is EvidenceRefused { Source: "note.txt" })
            .Select(known => PersonalTown.Count((int)known.Position)).ToList();
        refused.ShouldNotBeEmpty();
        foreach (var position in refused) town.Run("show", "refusal", position).Output.ShouldNotContain(note);
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);

        town.Import("other.txt", "another").Errors.ShouldNotContain("lie open");
        var late = town.Import("other.txt", "another", "--subject", "Ada", "--json");
        late.Output.ShouldContain("so they lie open, and erasing the person does not reach them");
    }

    /// <summary>A record whose curve was erased stays; late samples of its period change nothing, others count.
    /// </summary>
    [Fact]
    public async Task Records_of_an_erased_curve_stay_and_are_not_checked()
    {
        town.Run("erase", PersonalTown.Third, "--reason", "retentionEnded").Exit.ShouldBe(ExitCode.Done);
        var verified = town.Run("verify");
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output);
        verified.Output.ShouldContain(" interval records whose evidence was erased");
        var records = (await town.FactsAsync()).Select(known => known.Fact).OfType<IntervalRecorded>().ToList();
        // What was recorded of it is shown as before; only that nobody can derive it again is said.
        string[] record = ["show", "evidence", "S01-C1", "2026-02-27T10:00:00Z"];
        var shown = town.Run([.. record, "--json"]);
        (shown.Exit, shown.Errors).ShouldBe((ExitCode.Done, ""));
        shown.Output.ShouldContain("\"derived\": \"not again: its evidence was erased with a person whom it names\"");
        shown.Output.ShouldContain($"\"recorded\": \"{records[0].Export.ToKwh()}\"");
        town.Run([.. record, "--out", Path.Combine(town.Data, "out")]).ShouldBeFailure("ledger show: the evidence of the "
            + "record was erased with a person whom it names: nothing has all of that any more, but a backup that was made "
            + "before");
        var late = town.Import("late.csv", """
            point,time,kw
            S01-C1,2026-02-27T18:20:00+08:00,-10
            S01-C1,2026-02-27T20:00:00+08:00,-20
            S01-C1,2026-02-27T20:30:00+08:00,-20
            S01-C1,2026-02-27T21:00:00+08:00,-20

            """, "--json");
        late.Output.ShouldContain("EvidenceErased");
        var after = (await town.FactsAsync()).Select(known => known.Fact).OfType<IntervalRecorded>().ToList();
        after.Take(records.Count).Select(EventCodec.ToJson).ShouldBe(records.Select(EventCodec.ToJson));
        after.Count.ShouldBeGreaterThan(records.Count);
        after.Skip(records.Count).ShouldAllBe(record => record.Period.Start > records[0].Period.Start);
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);
    }

    /// <summary>Whoever reads sealed evidence says who they are and why, and the fact stands first.</summary>
    [Fact]
    public async Task Reading_what_names_a_person_is_itself_a_fact()
    {
        var evidence = await town.FirstEvidenceAsync();
        town.Run("show", "evidence", evidence.Hex).Errors.ShouldContain("--by WHO --why PURPOSE");
        (await town.FactsAsync()).Select(known => known.Fact).OfType<EvidenceDisclosed>().ShouldBeEmpty();
        town.Run("show", "evidence", evidence.Hex, "--by", "staff-7", "--why", "curiosity").Exit
            .ShouldBe(ExitCode.Usage);
        town.Run("show", "evidence", evidence.Hex, "--by", "staff-7", "--why", "subjectRequest").Exit
            .ShouldBe(ExitCode.Done);
        (await town.FactsAsync())[^1].Fact.ShouldBe(
            new EvidenceDisclosed(evidence, "staff-7", "show evidence", DisclosurePurpose.SubjectRequest));
        // Exports and reports are made of facts and views, in which nobody is named: they ask nothing.
        var length = (await town.FactsAsync()).Count;
        foreach (var export in (string[][])[["export", "events"], ["export", "statement", "R1"], ["show", "refusals"]])
        {
            var output = town.Run([.. export, "--json"]);
            foreach (var name in (string[])[PersonalTown.First, PersonalTown.Second, PersonalTown.Third, "910077001"])
                output.Output.ShouldNotContain(name);
        }
        (await town.FactsAsync()).Count.ShouldBe(length);
    }

    [Fact]
    public async Task A_served_ledger_erases_and_holds_for_the_command_line_beside_it()
    {
        var evidence = await town.FirstEvidenceAsync();
        await using var ledger = OpenLedger.Open(town.Options);
        await using var server = await LedgerServer.StartAsync(ledger, new(System.Net.IPAddress.Loopback, 0),
            TextWriter.Null, TestContext.Current.CancellationToken);
        CommandRun Beside(params string[] args) => Task.Run(() => town.Run(args)).GetAwaiter().GetResult();
        Beside("hold", PersonalTown.First, "--case", "C-1").Exit.ShouldBe(ExitCode.Done);
        Beside("erase", PersonalTown.First).Errors.ShouldContain("LegalHold (802): held by case C-1");
        Beside("hold", PersonalTown.First, "--case", "C-1", "--release").Exit.ShouldBe(ExitCode.Done);
        var shown = Beside("show", "evidence", evidence.Hex, "--by", "staff-7", "--why", "authority");
        Encoding.UTF8.GetString(shown.Raw.Span).ShouldContain(PersonalTown.First);
        Beside("erase", PersonalTown.First).Exit.ShouldBe(ExitCode.Done);
        Beside("show", "evidence", evidence.Hex).Exit.ShouldBe(ExitCode.CouldNot);
        Should.Throw<EvidenceErasedException>(() => ledger.Evidence.Get(evidence));
        Beside("erase", PersonalTown.First, "--json").Output.ShouldContain("already");
        // A file that is handed to the owner is about whom the sender says, whatever the letters of the name.
        Beside("import", town.File("note.txt", "a note"), "--subject", "Ärztin Ö").Exit
            .ShouldBe(ExitCode.NotAsItShouldBe);
        var note = (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode).OfType<EvidenceRefused>()
            .Last();
        ledger.Evidence.Find(note.Evidence)!.Subjects.ShouldHaveSingleItem().Subject.ShouldBe(
            ledger.Evidence.PseudonymOf("ärztin ö"));
        Search(town.Files(), [PersonalTown.First], [], []);
    }

    private static async Task<RecordOutcome> EraseAsync(OpenLedger ledger, string subject) =>
        await ledger.Intake.TakeFactAsync(
            new Submission(Encoding.UTF8.GetBytes($$"""{"subject":"{{subject}}","reason":"requested"}"""), "test"),
            "subject-erasure", ledger.Operator("test"), new IdempotencyKey("erase"),
            TestContext.Current.CancellationToken);

    /// <summary>No file holds a name, in any way in which text is kept, nor a key that should be gone.</summary>
    internal static void Search(
        Dictionary<string, byte[]> files, string[] names, IReadOnlyList<byte[]> before, IReadOnlyList<byte[]> after)
    {
        var gone = before.Where(key => !after.Any(left => left.AsSpan().SequenceEqual(key))).ToList();
        if (before.Count > 0) gone.ShouldNotBeEmpty();
        var texts = names.SelectMany(name => (byte[][])[
            Encoding.UTF8.GetBytes(name), Encoding.Unicode.GetBytes(name),
            Encoding.UTF8.GetBytes(name.ToLowerInvariant()),
            Encoding.ASCII.GetBytes(Convert.ToHexString(Encoding.UTF8.GetBytes(name))),
            Encoding.ASCII.GetBytes(Convert.ToHexStringLower(Encoding.UTF8.GetBytes(name)))]).Concat(gone).ToList();
        foreach (var (file, bytes) in files)
            foreach (var text in texts)
                bytes.AsSpan().IndexOf(text).ShouldBe(-1, $"{file} holds {Encoding.Latin1.GetString(text)}");
    }

    private static string Without(string member, string json) => string.Join('\n', json.Split('\n')
        .Where(line => !line.Contains($"\"{member}\"", StringComparison.Ordinal)));
}
