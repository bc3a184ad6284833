using System.Globalization;
using System.Text.Json;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Projections;
using Microsoft.Data.Sqlite;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary><c>ledger copy</c>: the same ledger elsewhere, proven; whatever interrupts it, it goes on, and nothing else
/// is written over.</summary>
public sealed class CopyTests : IDisposable
{
    private readonly TestFolder elsewhere = new();
    private readonly SmallTown town = SmallTown.WithItsDay();
    private string Target => Path.Combine(elsewhere.Path, "copied");

    public CopyTests() => Directory.CreateDirectory(elsewhere.Path);

    public void Dispose()
    {
        town.Dispose();
        elsewhere.Dispose();
    }

    private CommandRun At(string data, params string[] args) =>
        CommandRun.Of([.. args, "--data", data], clock: new StandingClock(SmallTown.Now));

    private static JsonElement Json(CommandRun run)
    {
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        return JsonDocument.Parse(run.Output).RootElement;
    }

    [Fact]
    public void A_copy_has_every_byte_answers_the_same_and_is_verified()
    {
        town.ImportCurve().Exit.ShouldBe(ExitCode.Done);
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27").Exit.ShouldBe(ExitCode.Done);
        town.Run("checkpoint", "--origin", "example.org/town").Exit.ShouldBe(ExitCode.Done);
        var journal = Path.Combine(elsewhere.Path, "store");
        var copied = Json(town.Run("copy", "--to", $"sqlite:{journal}", "--to-data", Target, "--json"));
        copied.GetProperty("copy").GetString().ShouldBe("equal");
        copied.GetProperty("digest").GetString().ShouldBe(Json(town.Run("verify", "--json"))
            .GetProperty("digest").GetString());
        copied.GetProperty("checkpoints").ToString().ShouldBe("1");
        copied.GetProperty("evidence").ToString().ShouldBe(EvidenceCount(town.Data).ToString(CultureInfo.InvariantCulture));
        var verified = At(Target, "verify", "--store", $"sqlite:{journal}");
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output + verified.Errors);
        foreach (var verb in (string[][])[["show", "summary"], ["show", "settlement"], ["export", "journal"]])
            At(Target, [.. verb, "--store", $"sqlite:{journal}"]).ShouldBe(town.Run(verb));
        // And back, into one folder: a copy of a copy is equal too.
        var back = Path.Combine(elsewhere.Path, "back");
        Json(At(Target, "copy", "--from", $"sqlite:{journal}", "--to", $"sqlite:{back}", "--json"))
            .GetProperty("digest").GetString().ShouldBe(copied.GetProperty("digest").GetString());
        foreach (var name in (string[])["ledger.json", "ledger.secret", "evidence/000000.segment", "log/checkpoint"])
            File.ReadAllBytes(Path.Combine(back, name))
                .ShouldBe(File.ReadAllBytes(Path.Combine(town.Data, name)), name);
    }

    private static int EvidenceCount(string data)
    {
        using var archive = EvidenceArchive.OpenForReading(data, TestFolder.Secret);
        return archive.Kept.Count;
    }

    [Fact]
    public void A_copy_records_nothing_until_it_is_taken_over_and_follows_the_ledger_when_copied_again()
    {
        town.Run("copy", "--to", $"sqlite:{Target}").Exit.ShouldBe(ExitCode.Done);
        At(Target, "import", town.File("x.csv", "point,register,read_at,kwh\n")).Errors
            .ShouldStartWith($"ledger import: {Target} is a copy of 15 events, which can only be read");
        town.ImportCurve().Exit.ShouldBe(ExitCode.Done);
        var length = Json(town.Run("copy", "--to", $"sqlite:{Target}", "--json")).GetProperty("events").ToString();
        At(Target, "restore", "--take-over", "--no-checkpoint", "--by", "A. Person").Exit.ShouldBe(ExitCode.Done);
        At(Target, "verify").Exit.ShouldBe(ExitCode.Done);
        using var reader = new Reading(Target);
        reader.Facts.Count.ShouldBe(int.Parse(length, CultureInfo.InvariantCulture) + 1);
        reader.Facts[^1].ShouldBeOfType<LedgerRestored>().By.ShouldBe("A. Person");
        // Now it is a ledger of its own, and nothing is copied over it.
        town.Run("copy", "--to", $"sqlite:{Target}")
            .ShouldBeFailure($"ledger copy: {Target} is not empty, and no copy; name a folder that is not there yet");
    }

    /// <summary>The facts of a folder, decoded.</summary>
    private sealed class Reading : IDisposable
    {
        private readonly SqliteJournalReader reader;

        public Reading(string data)
        {
            reader = SqliteJournalReader.Open(new(data, new LedgerId("town"), SystemClock.Instance, TestFolder.Secret));
            Facts = TestFolder.AllAsync(reader).GetAwaiter().GetResult().ConvertAll(EventCodec.Decode);
        }

        public List<LedgerEvent> Facts { get; }
        public void Dispose() => reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    public async Task An_interrupted_copy_is_read_by_nobody_and_goes_on(int events)
    {
        // As a kill leaves it: the mark, the identity, and the first events.
        Directory.CreateDirectory(Target);
        new LedgerCopy(0, new MerkleTree().Root(), SmallTown.Now, IsUnfinished: true).Write(Target);
        LedgerIdentity.OpenOrCreate(Target, new LedgerId("town"), TestFolder.Secret);
        var options = new SqliteJournalOptions(town.Data, new LedgerId("town"), SystemClock.Instance, TestFolder.Secret);
        await using (var from = SqliteJournalReader.Open(options))
        await using (var to = SqliteJournal.Open(options with { Directory = Target, TakesOverCopy = true }))
            if (events > 0)
                await to.AppendRecordedAsync((await TestFolder.AllAsync(from))[..events],
                    TestContext.Current.CancellationToken);
        Directory.CreateDirectory(Path.Combine(Target, "evidence"));
        await File.WriteAllBytesAsync(Path.Combine(Target, "evidence", "000000.segment"), [1, 2, 3],
            TestContext.Current.CancellationToken);
        foreach (var verb in (string[][])[["show", "summary"], ["checkpoint"],
            ["restore", "--take-over", "--no-checkpoint", "--by", "A"]])
            At(Target, verb).ShouldBeFailure($"ledger {verb[0]}: {Target} is a copy that was not finished: run the same "
                + "ledger copy again");
        Json(town.Run("copy", "--to", $"sqlite:{Target}", "--json")).GetProperty("copy").GetString().ShouldBe("equal");
        At(Target, "verify").Exit.ShouldBe(ExitCode.Done);
    }

    /// <summary>As who ends the program while it computes them.</summary>
    [Fact]
    public async Task A_copy_whose_views_were_not_computed_is_not_finished()
    {
        Directory.CreateDirectory(Target);
        new LedgerCopy(0, new MerkleTree().Root(), SmallTown.Now, IsUnfinished: true).Write(Target);
        LedgerIdentity.OpenOrCreate(Target, new LedgerId("town"), TestFolder.Secret);
        var views = Path.Combine(Target, OpenLedger.ViewsFileName);
        await File.WriteAllTextAsync(views, new string('x', 5000), TestContext.Current.CancellationToken);
        town.Run("copy", "--to", $"sqlite:{Target}").Exit.ShouldBe(ExitCode.CouldNot);
        At(Target, "show", "summary").ShouldBeFailure(
            $"ledger show: {Target} is a copy that was not finished: run the same ledger copy again");
        File.Delete(views);
        Json(town.Run("copy", "--to", $"sqlite:{Target}", "--json")).GetProperty("copy").GetString().ShouldBe("equal");
        At(Target, "show", "summary").ShouldBe(town.Run("show", "summary"));
    }

    /// <summary>As a copy that was interrupted while its views were computed, or one of a program that had one view
    /// less.</summary>
    [Fact]
    public void A_copy_whose_views_are_behind_answers_from_the_whole_journal_and_stays_as_it_is()
    {
        town.Run("copy", "--to", $"sqlite:{Target}").Exit.ShouldBe(ExitCode.Done);
        var path = Path.Combine(Target, OpenLedger.ViewsFileName);
        using (var views = new SqliteViews(path)) views.Reset("MasterData");
        SqliteCopy.Settle(path);
        var bytes = File.ReadAllBytes(path);
        foreach (var verb in (string[][])[["show", "points"], ["show", "summary"], ["show", "registers"]])
            At(Target, verb).ShouldBe(town.Run(verb));
        File.ReadAllBytes(path).ShouldBe(bytes);
    }

    /// <summary>Subscriptions, deliveries and jobs: where it goes on, nothing is to be told twice or never.</summary>
    [Fact]
    public void What_the_server_keeps_beside_the_ledger_comes_along_and_views_of_another_store_do_not()
    {
        string[] kept = ["webhooks.db", "jobs.db", "frames/other.db"];
        Directory.CreateDirectory(Path.Combine(town.Data, "frames"));
        foreach (var name in kept)
            On(Path.Combine(town.Data, name),
                "PRAGMA journal_mode=WAL; CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (7)");
        string[] copy = ["copy", "--to", $"sqlite:{Path.Combine(elsewhere.Path, "store")}", "--to-data", Target];
        town.Run(copy).Exit.ShouldBe(ExitCode.Done);
        foreach (var name in kept) On(Path.Combine(Target, name), "SELECT n FROM t").ShouldBe(7L, name);
        foreach (var name in (string[])[SqliteJournal.FileName, OpenLedger.ViewsFileName])
            File.Exists(Path.Combine(Target, name)).ShouldBeFalse(name);
        On(Path.Combine(town.Data, kept[0]), "UPDATE t SET n = 8");
        town.Run(copy).Exit.ShouldBe(ExitCode.Done);
        On(Path.Combine(Target, kept[0]), "SELECT n FROM t").ShouldBe(8L);
    }

    private static object? On(string path, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    /// <summary>What of it is here is sound, and it is not the ledger that it says to be.</summary>
    [Fact]
    public void An_unfinished_copy_is_not_verified_and_makes_no_copy()
    {
        town.Run("copy", "--to", $"sqlite:{Target}").Exit.ShouldBe(ExitCode.Done);
        At(Target, "verify").Exit.ShouldBe(ExitCode.Done);
        (LedgerCopy.Find(Target)! with { IsUnfinished = true }).Write(Target);
        var verified = At(Target, "verify");
        verified.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        verified.Output.ShouldContain("a copy that was not finished");
        verified.Output.TrimEnd().Split('\n')[^1].ShouldStartWith("NOT VERIFIED");
        var further = Path.Combine(elsewhere.Path, "further");
        At(Target, "copy", "--to", $"sqlite:{further}").ShouldBeFailure(
            $"ledger copy: {Target} is a copy that was not finished: run the same ledger copy again");
        Directory.Exists(further).ShouldBeFalse();
    }

    [Fact]
    public async Task A_target_that_has_something_else_is_refused_and_left_as_it_is()
    {
        Directory.CreateDirectory(Target);
        await File.WriteAllTextAsync(Path.Combine(Target, "mine.txt"), "kept", TestContext.Current.CancellationToken);
        town.Run("copy", "--to", $"sqlite:{Target}")
            .ShouldBeFailure($"ledger copy: {Target} is not empty, and no copy; name a folder that is not there yet");
        Directory.GetFiles(Target).Select(Path.GetFileName).ShouldBe(["mine.txt"]);

        // A store with another history of the same ledger.
        var journal = Path.Combine(elsewhere.Path, "store");
        var options = new SqliteJournalOptions(journal, new LedgerId("town"), new StandingClock(SmallTown.Now),
            TestFolder.Secret);
        await using (var other = SqliteJournal.Open(options))
            await other.AppendAsync("s", ExpectedRevision.Any, [TestFolder.Reading(1)], TestFolder.Tester, null,
                TestContext.Current.CancellationToken);
        var run = town.Run("copy", "--to", $"sqlite:{journal}", "--to-data", Path.Combine(elsewhere.Path, "data"));
        run.Errors.ShouldStartWith("ledger copy: the target holds another journal: 1 events with root ");
        run.Exit.ShouldBe(ExitCode.CouldNot);
        await using (var other = SqliteJournalReader.Open(options)) other.Length.ShouldBe(1);
    }

    /// <summary>A copy is what is left when the ledger is gone: it is not given up for one that cannot be made.
    /// </summary>
    [Theory]
    [InlineData("the journal is gone")]
    [InlineData("the journal lost its end")]
    [InlineData("the ledger is set back")]
    [InlineData("another ledger")]
    [InlineData("another store")]
    public void A_finished_copy_stays_one_where_it_cannot_be_copied_again(string why)
    {
        var (journal, head) = (Path.Combine(town.Data, SqliteJournal.FileName),
            Path.Combine(town.Data, JournalHead.FileName));
        var earlier = (Journal: File.ReadAllBytes(journal), Head: File.ReadAllBytes(head));
        town.ImportCurve().Exit.ShouldBe(ExitCode.Done);
        town.Run("copy", "--to", $"sqlite:{Target}").Exit.ShouldBe(ExitCode.Done);
        var mark = File.ReadAllBytes(Path.Combine(Target, LedgerCopy.FileName));
        using var other = new SmallTown();
        var from = why == "another ledger" ? other : town;
        if (why == "another ledger")
        {
            File.Delete(Path.Combine(other.Data, LedgerIdentity.FileName));
            LedgerIdentity.OpenOrCreate(other.Data, new LedgerId("elsewhere"), TestFolder.Secret);
        }
        if (why == "the journal is gone") File.Delete(journal);
        if (why is "the journal lost its end" or "the ledger is set back") File.WriteAllBytes(journal, earlier.Journal);
        if (why == "the ledger is set back") File.WriteAllBytes(head, earlier.Head);
        var store = why switch
        {
            "another store" => $"sqlite:{Path.Combine(elsewhere.Path, "store")}",
            _ => $"sqlite:{Target}",
        };
        from.Run("copy", "--to", store, "--to-data", Target).Exit.ShouldBe(ExitCode.CouldNot);
        File.ReadAllBytes(Path.Combine(Target, LedgerCopy.FileName)).ShouldBe(mark);
        At(Target, "verify").Exit.ShouldBe(ExitCode.Done);
        At(Target, "restore", "--take-over", "--no-checkpoint", "--by", "A. Person").Exit.ShouldBe(ExitCode.Done);
    }

    [Fact]
    public void What_cannot_be_copied_says_why()
    {
        town.Run("copy").Exit.ShouldBe(ExitCode.Usage);
        town.Run("copy", "x", "--to", $"sqlite:{Target}").Exit.ShouldBe(ExitCode.Usage);
        town.Run("copy", "--to", "esdb://node:2113").Errors.ShouldStartWith("ledger copy: --to-data is needed\n");
        town.Run("copy", "--to", "oracle:x", "--to-data", Target).Errors.ShouldStartWith(
            $"ledger copy: --to is {StoreChoice.Rule}, not 'oracle:x'\n");
        town.Run("copy", "--to", $"sqlite:{town.Data}").ShouldBeFailure(
            $"ledger copy: sqlite:{town.Data} is where the ledger is already");
        var within = Path.Combine(town.Data, "copy");
        town.Run("copy", "--to", $"sqlite:{within}").ShouldBeFailure(
            $"ledger copy: {within} and {town.Data} lie in each other; name another folder with --to-data");
        At(Target, "copy", "--to", $"sqlite:{Path.Combine(elsewhere.Path, "x")}").Errors.ShouldStartWith(
            $"ledger copy: {Target} is no ledger's folder: ledger.json is missing");
    }
}
