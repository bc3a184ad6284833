using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Ledger.Journal.Verification;
using Ledger.Projections;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// <c>ledger verify</c> on a ledger made for it, which has every kind of file: what is whole is verified, and whatever
/// somebody changes is found and located, down to a single bit.
/// </summary>
public sealed class VerificationTests : IDisposable
{
    private static readonly Lazy<SavedFolder> Made = SmallTown.Once(() =>
    {
        var town = SmallTown.WithItsDay();
        town.ImportCurve().Exit.ShouldBe(ExitCode.Done);
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27").Exit.ShouldBe(ExitCode.Done);
        SigningKeyFile.ReadOrCreate(town.Data, "town", [.. Enumerable.Repeat((byte)7, 32)]);
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        town.Run("show").Exit.ShouldBe(ExitCode.Done); // which brings the views up to the journal
        return town;
    });

    private readonly SmallTown town = SmallTown.From(Made);

    public void Dispose() => town.Dispose();

    [Fact]
    public void A_whole_ledger_is_verified_and_says_what_was_not_looked_at()
    {
        var text = town.Run("verify");
        (text.Exit, text.Errors).ShouldBe((ExitCode.Done, ""));
        text.Output.TrimEnd().Split('\n')[^1].ShouldStartWith("VERIFIED events=");
        text.Output.ShouldContain("NOT CHECKED: ");
        var fast = town.Run("verify", "--fast");
        fast.Output.ShouldContain("NOT CHECKED: interval records against their raw evidence: --fast");
        Snapshot.Match(text.Output.Replace(town.Data, "DIR") + "\n"
            + town.Run("verify", "--json").Output.Replace(town.Data, "DIR"),
            "VerificationTests.verified");
    }

    [Theory]
    [InlineData(
        "UPDATE events SET payload = CAST(replace(CAST(payload AS TEXT), '\"', '''') AS BLOB) WHERE position = 9",
        "position 9, ")]
    [InlineData("UPDATE events SET leaf = zeroblob(32) WHERE position = 3", "position 3, ")]
    [InlineData("UPDATE events SET header = substr(header, 1, 20) WHERE position = 4", "position 4: ")]
    [InlineData("DELETE FROM events WHERE position = (SELECT max(position) FROM events)", "journal.head, slot ")]
    [InlineData("DELETE FROM events WHERE position = 5", "position 5")]
    [InlineData("UPDATE events SET position = 1000 WHERE position = 2; UPDATE events SET position = 2 WHERE position = 3; UPDATE events SET position = 3 WHERE position = 1000", "journal.head, slot ")]
    [InlineData("UPDATE events SET revision = revision + 7 WHERE position = 9", "position 9, ")]
    [InlineData("UPDATE streams SET name = 'another' WHERE key = (SELECT stream FROM events WHERE position = 1)",
        "position 1, ")]
    [InlineData("UPDATE ledger SET frontier = zeroblob(length(frontier))", "journal.db, ledger")]
    [InlineData(
        "CREATE TRIGGER hide AFTER INSERT ON events BEGIN DELETE FROM events WHERE position = new.position; END",
        "journal.db, trigger hide")]
    public void What_somebody_changes_in_the_journal_is_found_where_it_stands(string change, string place)
    {
        Change(SqliteJournal.FileName, change);
        var found = town.Run("verify");
        found.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        found.Output.TrimEnd().Split('\n')[^1].ShouldStartWith("NOT VERIFIED faults=");
        Verified().Faults.ShouldContain(fault =>
            $"{fault.Place}: ".StartsWith(place, StringComparison.Ordinal), string.Join('\n', Verified().Faults));
    }

    [Theory]
    [InlineData("UPDATE current_row SET json = json || ' ' WHERE projection = "
        + "(SELECT number FROM projection WHERE name = 'VerifiedExport')", "views.db, VerifiedExport ")]
    [InlineData("UPDATE view_history SET to_position = to_position + 1 WHERE projection = "
        + "(SELECT number FROM projection WHERE name = 'VerifiedExport')", "views.db, VerifiedExport ")]
    [InlineData("UPDATE view_history SET versions = x'00018101' WHERE projection = "
        + "(SELECT number FROM projection WHERE name = 'VerifiedExport')", "views.db, VerifiedExport ")]
    [InlineData("DELETE FROM view_history WHERE projection = (SELECT number FROM projection WHERE name = "
        + "'VerifiedExport')", "views.db, VerifiedExport ")]
    [InlineData("UPDATE projected SET next_position = 3", "views.db, MasterData ")]
    [InlineData("DROP INDEX current_key", "views.db, index current_key")]
    public void What_somebody_changes_in_the_views_is_found_where_it_stands(string change, string place)
    {
        Change(OpenLedger.ViewsFileName, change);
        Verified().Faults.ShouldContain(fault =>
            fault.Place.StartsWith(place, StringComparison.Ordinal), string.Join('\n', Verified().Faults));
    }

    /// <summary>
    /// A record that its evidence does not bear out is found although every hash of the journal is right: whoever holds
    /// the secret can write such a journal, and its evidence speaks against it.
    /// </summary>
    [Fact]
    public async Task A_record_that_its_evidence_does_not_bear_out_is_found()
    {
        await using (var ledger = OpenLedger.Open(Options))
        {
            var made = (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode)
                .OfType<IntervalRecorded>().First();
            var forged = made
                with
            { Version = made.Version + 1, Export = made.Export + new Energy(2_000_000_000_000_000) };
            await ledger.Journal.AppendAsync(Streams.Curve(made.Point, new(2026, 2, 27)), ExpectedRevision.Any,
                [new NewFact(forged, forged.Period, IntervalRecords.Key(forged.Point, forged.Period, forged.Version))],
                TestFolder.Tester, null, TestContext.Current.CancellationToken);
            await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        }
        var fault = Verified().Faults.ShouldHaveSingleItem();
        fault.Place.ShouldContain("record of S01-C1");
        fault.Found.ShouldStartWith("export ");
    }

    private const string OtherCurve = """
        point,time,kw
        S01-C1,2026-02-27T18:00:00+08:00,-90
        S01-C1,2026-02-27T18:10:00+08:00,-90
        S01-C1,2026-02-27T18:20:00+08:00,-90
        S01-C1,2026-02-27T18:30:00+08:00,-90
        S01-C1,2026-02-27T18:40:00+08:00,-90
        S01-C1,2026-02-27T18:50:00+08:00,-90
        S01-C1,2026-02-27T19:00:00+08:00,-90

        """;

    /// <summary>A period's record rests on all evidence of it: a later version that its own evidence bears out, but
    /// that leaves out what the version before named, is found.</summary>
    [Fact]
    public async Task A_later_version_that_leaves_out_evidence_of_the_one_before_is_found()
    {
        IntervalRecorded made;
        await using (var ledger = OpenLedger.Open(Options))
        {
            made = (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode)
                .OfType<IntervalRecorded>().First(record => record.Export > Energy.Zero);
            var other = made with { Evidence = ledger.Evidence.Put(Encoding.UTF8.GetBytes(OtherCurve)) };
            var (integral, isClosed) = new RecordVerification(ledger.Evidence.Get, new Findings()).Derive(other);
            (integral.Export < made.Export, isClosed).ShouldBe((true, true));
            var forged = IntervalRecords.From(made.Point, integral, IntervalRecordState.Final, 0, 0,
                ReadingQuality.Measured, other.Evidence, "late data") with
            { Version = 2 };
            await ledger.Journal.AppendAsync(Streams.Curve(made.Point, new(2026, 2, 27)), ExpectedRevision.Any,
                [new NewFact(forged, forged.Period, IntervalRecords.Key(forged.Point, forged.Period, 2))],
                TestFolder.Tester, null, TestContext.Current.CancellationToken);
            await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        }
        var fault = Verified().Faults.ShouldHaveSingleItem();
        (fault.Found, fault.Expected).ShouldBe(
            ($"evidence without {made.Evidence}", "all that the version before rests on and the period needs"));
    }

    [Fact]
    public async Task A_later_version_that_rests_on_all_evidence_is_verified()
    {
        town.Run("import", town.File("other.csv", OtherCurve));
        await using (var ledger = OpenLedger.Open(Options))
            (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode).OfType<IntervalRecorded>()
                .ShouldContain(record => record.Version == 2);
        Verified().Faults.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_reading_that_stands_in_kept_evidence_and_was_not_recorded_is_told()
    {
        const string said = "readings that stand in evidence of others and that no fact records from it: recorded from other "
            + "evidence before, refused, of no register, or left out";
        Verified().NotChecked.ShouldContain($"1 {said}"); // the row of a point that nobody registered
        var file = """
            point,register,read_at,kwh
            S01-C1,1.8.0,2026-02-28T01:00:00+08:00,1501.000
            S01-C1,1.8.0,2026-02-28T02:00:00+08:00,1901.000

            """u8.ToArray();
        await using (var ledger = OpenLedger.Open(Options))
        {
            var register = new RegisterId(new("S01-C1"), Direction.Import);
            var at = NodaTime.Instant.FromUtc(2026, 2, 27, 17, 0);
            await ledger.Journal.AppendAsync(Streams.Register(register), ExpectedRevision.Any,
                [NewFact.At(new RegisterReadingRecorded(register, at, 1_501_000, ReadingQuality.Measured,
                    ledger.Evidence.Put(file)), at, Register.ReadingKey(register, at))],
                TestFolder.Tester, null, TestContext.Current.CancellationToken);
            await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        }
        var found = Verified();
        found.Faults.ShouldBeEmpty();
        found.NotChecked.ShouldContain($"2 {said}");
    }

    [Theory]
    [InlineData(2, null)]
    [InlineData(3, "no later than 2026-02-28T23:59:57Z, now")]
    public void What_was_recorded_after_now_is_a_fault(int secondsAfter, string? found)
    {
        var run = CommandRun.Of(["verify", "--data", town.Data],
            clock: new StandingClock(SmallTown.Now - NodaTime.Duration.FromSeconds(secondsAfter)));
        run.Exit.ShouldBe(found is null ? ExitCode.Done : ExitCode.NotAsItShouldBe, run.Output);
        if (found is not null) run.Output.ShouldContain(found);
    }

    /// <summary>
    /// Every flipped bit is found, or it lies where nothing is kept: then all that the folder holds reads as before.
    /// LEDGER_LONG=1 flips a hundred thousand, every day some thirty of each file.
    /// </summary>
    [Fact]
    public async Task Every_flipped_bit_is_found_or_lies_in_unused_space()
    {
        WholeMachine.SkipWhileMutating();
        var flips = Environment.GetEnvironmentVariable("LEDGER_LONG") == "1" ? 100_000 : 500;
        using var copy = new TestFolder();
        var files = await FilesAsync();
        Write(files, copy.Path);
        var whole = Verified(copy.Path);
        whole.FaultCount.ShouldBe(0);
        var content = await ContentAsync(copy.Path);
        var random = new Random(20260227);
        var names = files.Keys.Where(name => files[name].Length > 0).Order(StringComparer.Ordinal).ToArray();
        names.ShouldContain("journal.db-wal");
        var found = names.ToDictionary(name => name, _ => (Flipped: 0, Found: 0));
        for (var i = 0; i < flips; i++)
        {
            var name = names[i % names.Length];
            var bit = random.NextInt64(files[name].Length * 8L);
            var flipped = (byte[])files[name].Clone();
            flipped[bit / 8] ^= (byte)(1 << (int)(bit % 8));
            Write(files, copy.Path, (name, flipped));
            var said = Verified(copy.Path);
            var isFound = said.FaultCount > 0 || said.NotChecked.Count > whole.NotChecked.Count;
            found[name] = (found[name].Flipped + 1, found[name].Found + (isFound ? 1 : 0));
            if (isFound) continue;
            Write(files, copy.Path, (name, flipped));
            (await ContentAsync(copy.Path)).ShouldBe(content, $"bit {bit} of {name} was not found");
        }
        foreach (var (name, (flipped, of)) in found)
            TestContext.Current.TestOutputHelper!.WriteLine(
                $"{name}: {of} of {flipped} found, the others lie in unused space");
        found.Values.Sum(counts => counts.Found).ShouldBeGreaterThan(flips / 4);
        (found["ledger.json"].Found, found["ledger.secret"].Found)
            .ShouldBe((found["ledger.json"].Flipped, found["ledger.secret"].Flipped));
        found.Where(each => each.Key.StartsWith("evidence", StringComparison.Ordinal))
            .ShouldAllBe(each => each.Value.Found == each.Value.Flipped);
    }

    /// <summary>A flipped bit can make a NULL where a table allows none; it is a fault with its place and no crash.
    /// </summary>
    [Theory]
    [InlineData("views.db", "current_row", "json", "json TEXT NOT NULL", "json TEXT")]
    [InlineData("views.db", "view_history", "to_position", "to_position INTEGER NOT NULL", "to_position INTEGER")]
    [InlineData("views.db", "view_history", "versions", "versions NOT NULL", "versions")]
    [InlineData("journal.db", "ledger", "recorded_at", "recorded_at INTEGER NOT NULL", "recorded_at INTEGER")]
    [InlineData("journal.db", "ledger", "name", "name TEXT NOT NULL", "name TEXT")]
    [InlineData("journal.db", "streams", "name", "name TEXT NOT NULL", "name TEXT")]
    [InlineData("journal.db", "events", "payload", "payload BLOB NOT NULL", "payload BLOB")]
    [InlineData("journal.db", "events", "header", "header BLOB NOT NULL", "header BLOB")]
    public void A_null_where_a_table_allows_none_is_a_fault(
        string file, string table, string column, string declared, string nullable)
    {
        string Schema(string from, string to) => $"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = "
            + $"replace(sql, '{from}', '{to}') WHERE name = '{table}'; PRAGMA writable_schema = OFF";
        Change(file, Schema(declared, nullable));
        Change(file, $"UPDATE {table} SET {column} = NULL WHERE rowid IN (SELECT rowid FROM {table} LIMIT 1)");
        Change(file, Schema(nullable, declared));
        Verified().FaultCount.ShouldBeGreaterThan(0);
    }

    /// <summary>
    /// Whoever has the ledger's secret and its key can write another history and sign it. A checkpoint that the auditor
    /// kept speaks against it.
    /// </summary>
    [Fact]
    public void A_history_that_was_rewritten_and_signed_again_is_found_by_a_checkpoint_that_was_kept()
    {
        var kept = town.File("kept", town.Run("checkpoint").Output);
        town.Run("verify", "--since", kept).Exit.ShouldBe(ExitCode.Done);
        using var other = SmallTown.WithItsDay(); // the same ledger, but for the curve and the settlement run
        File.Copy(Path.Combine(town.Data, SigningKeyFile.FileName), Path.Combine(other.Data, SigningKeyFile.FileName));
        other.Run("import", other.File("note.txt", "another history")).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        for (var i = 0; i < 5; i++) other.Run("import", other.File("note.txt", $"another history {i}"));
        other.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        other.Run("verify").Exit.ShouldBe(ExitCode.Done);
        var found = other.Run("verify", "--since", kept);
        found.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        found.Output.ShouldContain(kept[..20]);
    }

    /// <summary>After a handover the checkpoints of the key before still count: the journal names both.</summary>
    [Fact]
    public void Checkpoints_of_a_key_that_handed_over_still_hold()
    {
        town.Run("checkpoint", "--new-key").Exit.ShouldBe(ExitCode.Done);
        Verified().Faults.ShouldBeEmpty();
        File.WriteAllText(Path.Combine(town.Data, SigningKeyFile.FileName),
            new SignerKey("town", new byte[32]).ToText() + "\n");
        Verified().Faults.ShouldHaveSingleItem().Place.ShouldBe(SigningKeyFile.FileName);
    }

    [Fact]
    public void A_checkpoint_of_another_key_is_no_checkpoint_of_this_ledger()
    {
        var key = town.File("keys", new SignerKey("town", new byte[32]).Verifier + "\n");
        var found = town.Run("verify", "--keys", key);
        found.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        found.Output.ShouldContain("no known key signed the note");
    }

    /// <summary>Whoever names the keys that he trusts asks who vouches: that nobody does is no small print.</summary>
    [Fact]
    public void A_folder_without_a_checkpoint_is_not_verified_for_who_names_a_key()
    {
        var keys = town.File("keys", town.Run("checkpoint", "--key").Output);
        town.Run("verify", "--keys", keys).Exit.ShouldBe(ExitCode.Done);
        Directory.Delete(Path.Combine(town.Data, CheckpointStore.DirectoryName), recursive: true);
        Directory.Delete(Path.Combine(town.Data, TransparencyLog.DirectoryName), recursive: true);
        var found = town.Run("verify", "--keys", keys);
        found.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        found.Output.ShouldContain("none that a key you trust signed");
        var unasked = town.Run("verify");
        unasked.Exit.ShouldBe(ExitCode.Done);
        unasked.Output.ShouldContain("NOT CHECKED: who signed the journal: there is no checkpoint");
    }

    [Fact]
    public void Events_after_the_last_checkpoint_are_said_to_be_signed_by_nobody()
    {
        const string said = "NOT CHECKED: who signed events ";
        town.Run("verify").Output.ShouldNotContain(said);
        town.Run("import", town.File("more.jsonl", """
            {"type":"charging-fact","point":"S01-C1","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T19:00:00+08:00","reason":"fault","source":"charger"}
            """)).Exit.ShouldBe(ExitCode.Done);
        var found = town.Run("verify");
        found.Exit.ShouldBe(ExitCode.Done);
        found.Output.ShouldContain(said + "19 to 19");
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        town.Run("verify").Output.ShouldNotContain(said);
    }

    private SqliteJournalOptions Options =>
        new(town.Data, new LedgerId("town"), new StandingClock(SmallTown.Now), TestFolder.Secret);

    private Findings Verified(string? folder = null)
    {
        var shell = new Shell(Stream.Null, Stream.Null, TextWriter.Null, TextWriter.Null,
            new StandingClock(SmallTown.Now));
        var verification = new LedgerVerification(folder
            ?? town.Data, true, null, null, shell, TestContext.Current.CancellationToken);
        verification.RunAsync().GetAwaiter().GetResult();
        return verification.Findings;
    }

    private void Change(string file, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(town.Data, file)};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>The files while the ledger is open, so that the write-ahead logs are not empty.</summary>
    private async Task<Dictionary<string, byte[]>> FilesAsync()
    {
        await using var ledger = OpenLedger.Open(Options);
        await ledger.Intake.TakeAsync(new Submission(Encoding.UTF8.GetBytes("not a curve"), "note"), new IntakeHints(),
            ledger.Operator("test"), TestContext.Current.CancellationToken);
        await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        // The files of the lock say who owns the folder, not what it holds.
        return Directory.EnumerateFiles(town.Data, "*", SearchOption.AllDirectories)
            .Where(path => Path.GetFileName(path) is not ("journal.lock" or "journal.owner"))
            .ToDictionary(path => Path.GetRelativePath(town.Data, path), Read);

        static byte[] Read(string path)
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read,
                FileShare.ReadWrite | FileShare.Delete);
            using var bytes = new MemoryStream();
            file.CopyTo(bytes);
            return bytes.ToArray();
        }
    }

    private static void Write(Dictionary<string, byte[]> files, string folder,
        (string Name, byte[] Bytes)? changed = null)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        foreach (var (name, bytes) in files)
        {
            var path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, name == changed?.Name ? changed.Value.Bytes : bytes);
            if (name is LedgerIdentity.SecretFileName or SigningKeyFile.FileName && !OperatingSystem.IsWindows())
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }

    /// <summary>One digest over all that the folder holds: events, evidence, views.</summary>
    internal static async Task<string> ContentAsync(string folder)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var identity = LedgerIdentity.Open(folder);
        await using var journal =
            SqliteJournalReader.Open(new(folder, identity.Ledger, new StandingClock(SmallTown.Now), identity.Secret));
        using var archive = EvidenceArchive.OpenForReading(folder, identity.Secret);
        foreach (var recorded in await TestFolder.AllAsync(journal))
        {
            hash.AppendData(EnvelopeBytes.Write(recorded.Envelope, recorded.Payload.Length));
            hash.AppendData(recorded.Payload.Span);
            if (NamedEvidence.Of(EventCodec.Decode(recorded)) is { } evidence) hash.AppendData(archive.Get(evidence)!);
        }
        using var views = SqliteViews.OpenForReading(Path.Combine(folder, OpenLedger.ViewsFileName));
        foreach (var row in StandardProjections.All.SelectMany(view => views.Versions(view.Name)))
            hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
                $"{row.Projection} {row.Key} {row.FromPosition} {row.ToPosition} {row.Json}\n")));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
