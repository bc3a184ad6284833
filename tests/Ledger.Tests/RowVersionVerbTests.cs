using System.Net;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What verbs and the server do with views whose rows another version of the program made: they are computed
/// anew or not read, and never an answer, nor a fault.</summary>
public sealed class RowVersionVerbTests : IDisposable
{
    private const string Readings = "point,register,read_at,kwh\nS01-C1,1.8.0,2026-02-26T00:00:00+08:00,900\n";
    private readonly SmallTown town = SmallTown.WithItsDay();
    private readonly TestFolder elsewhere = new();
    private readonly string points, digests;
    private readonly int verified;

    public RowVersionVerbTests()
    {
        points = town.Run("show", "points").Output;
        (digests, verified) = (town.Run("replay").Output, town.Run("verify").Exit);
        Directory.CreateDirectory(elsewhere.Path);
    }

    public void Dispose()
    {
        town.Dispose();
        elsewhere.Dispose();
    }

    private string Views => ViewsOf(town.Data);
    private static string ViewsOf(string data) => Path.Combine(data, OpenLedger.ViewsFileName);

    private static CommandRun At(string data, params string[] args) =>
        CommandRun.Of([.. args, "--data", data], clock: new StandingClock(SmallTown.Now));

    /// <summary>Makes the rows of two views those of a program of this version, which said another station.</summary>
    private static void MakeRowsOf(string views, long version) => UnversionedViews.On(views, $"""
        UPDATE projected SET row_version = {version} WHERE name IN ('MasterData', 'VerifiedExport');
        UPDATE current_row SET json = replace(json, 'S01', 'S02') WHERE projection =
          (SELECT number FROM projected WHERE name = 'MasterData');
        PRAGMA wal_checkpoint(TRUNCATE);
        """);

    private void ShouldBeAsTheJournalSays()
    {
        var diff = town.Run("replay", "--diff");
        diff.Exit.ShouldBe(ExitCode.Done, diff.Output);
        town.Run("replay").Output.ShouldBe(digests);
        town.Run("show", "points").Output.ShouldBe(points);
        town.Run("verify").Output.ShouldNotContain("its rows are of version");
    }

    /// <summary>What <c>replay --diff</c> says that it did not look at; nothing else may differ.</summary>
    private static string? NotComparedBy(CommandRun diff)
    {
        var page = JsonNode.Parse(diff.Output)!;
        (diff.Exit, (int)page["differences"]!).ShouldBe((ExitCode.Done, 0), diff.Output);
        return (string?)page["notCompared"];
    }

    private static string NotChecked(string view, int version) => $"view {view}: its rows are of version {version}, and this "
        + "program makes version 1; ledger rebuild computes them anew";

    [Fact]
    public void Rows_of_an_earlier_version_are_not_verified_and_are_computed_anew_by_who_opens_the_ledger()
    {
        MakeRowsOf(Views, 0);
        var bytes = File.ReadAllBytes(Views);
        var verify = town.Run("verify");
        verify.Exit.ShouldBe(verified, verify.Output);
        verify.Output.ShouldContain(NotChecked("MasterData", 0));
        verify.Output.ShouldContain(NotChecked("VerifiedExport", 0));
        verify.Output.ShouldNotContain("S02");
        File.ReadAllBytes(Views).ShouldBe(bytes);
        town.Run("show", "points").Output.ShouldBe(points);
        ShouldBeAsTheJournalSays();
        MakeRowsOf(Views, 0);
        NotComparedBy(town.Run("replay", "--diff", "--json"))
            .ShouldBe("MasterData (version 0, now 1), VerifiedExport (version 0, now 1)");
        NotComparedBy(town.Run("replay", "--diff", "--json")).ShouldBeNull(); // they are of this version now
        MakeRowsOf(Views, 0);
        NotComparedBy(town.Run("replay", "--diff", "--projection", "TimeOfUseSettlement", "--json")).ShouldBeNull();
        MakeRowsOf(Views, 0);
        town.Run("rebuild").Exit.ShouldBe(ExitCode.Done);
        ShouldBeAsTheJournalSays();
    }

    /// <summary>As the last release left them.</summary>
    [Fact]
    public void Rows_of_a_folder_that_kept_no_versions_are_computed_anew()
    {
        MakeRowsOf(Views, 0);
        UnversionedViews.Make(Views);
        var verify = town.Run("verify");
        verify.Exit.ShouldBe(verified, verify.Output);
        foreach (var view in Projections.StandardProjections.All)
            verify.Output.ShouldContain($"view {view.Name}: its rows are of version 0, ");
        town.Run("import", town.File("more.csv", Readings)).Exit.ShouldBe(ExitCode.Done);
        var diff = town.Run("replay", "--diff");
        diff.Exit.ShouldBe(ExitCode.Done, diff.Output);
        town.Run("show", "points").Output.ShouldContain("S01");
    }

    /// <summary>One that is no version of a program is a later one too.</summary>
    [Theory]
    [InlineData(7, 7)]
    [InlineData(4_294_967_297, int.MaxValue)]
    public void Rows_of_a_later_version_stay_until_somebody_decides_to_go_back(long stored, int version)
    {
        MakeRowsOf(Views, stored);
        var said = $"the rows of view MasterData are of version {version}, and this program makes version 1: a later "
            + $"program made them; use that one, or compute them as this one does: ledger rebuild --data {town.Data}";
        var length = JournalHead.Read(town.Data)!.Length;
        town.Run("show", "points").ShouldBeFailure($"ledger show: {said}");
        town.Run("import", town.File("more.csv", Readings)).ShouldBeFailure($"ledger import: {said}");
        JournalHead.Read(town.Data)!.Length.ShouldBe(length);
        var verify = town.Run("verify");
        verify.Exit.ShouldBe(verified, verify.Output);
        verify.Output.ShouldContain(NotChecked("MasterData", version));
        town.Run("rebuild").Exit.ShouldBe(ExitCode.Done);
        ShouldBeAsTheJournalSays();
    }

    [Theory]
    [InlineData(0, "whoever owns {0} computes them anew, which takes a while, or is an earlier program, and then is to be started as this one")]
    [InlineData(7, "a later program made them; use that one, or compute them as this one does: ledger rebuild --data {0}")]
    public void Beside_an_owner_rows_of_another_version_are_not_read(int version, string what)
    {
        MakeRowsOf(Views, version);
        var bytes = File.ReadAllBytes(Views);
        using (FolderLock.Take(town.Data))
            foreach (var verb in (string[])["show", "replay", "export"])
                town.Run(verb == "show" ? [verb, "points"] : verb == "replay" ? [verb, "--diff"] : [verb, "points"])
                    .ShouldBeFailure($"ledger {verb}: the rows of view MasterData are of version {version}, and this program "
                        + $"makes version 1: {string.Format(null, what, town.Data)}");
        File.ReadAllBytes(Views).ShouldBe(bytes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void Of_a_copy_they_are_computed_beside_it_and_by_who_copies_again_in_their_place(int version)
    {
        var copy = Path.Combine(elsewhere.Path, "copied");
        town.Run("copy", "--to", $"sqlite:{copy}").Exit.ShouldBe(ExitCode.Done);
        MakeRowsOf(ViewsOf(copy), version);
        var bytes = File.ReadAllBytes(ViewsOf(copy));
        At(copy, "show", "points").Output.ShouldBe(points);
        At(copy, "verify").Output.ShouldContain(NotChecked("MasterData", version));
        NotComparedBy(At(copy, "replay", "--diff", "--json"))
            .ShouldBe($"MasterData (version {version}, now 1), VerifiedExport (version {version}, now 1)");
        At(copy, "replay", "--diff").Output.ShouldContain($"not compared      MasterData (version {version}, now 1), ");
        File.ReadAllBytes(ViewsOf(copy)).ShouldBe(bytes);
        if (version == 7) return;
        town.Run("copy", "--to", $"sqlite:{copy}").Exit.ShouldBe(ExitCode.Done);
        At(copy, "verify").Output.ShouldNotContain("its rows are of version");
        At(copy, "replay").Output.ShouldBe(digests);
    }

    /// <summary>Which version they are of is nothing that would hide it.</summary>
    [Fact]
    public void Rows_of_another_version_that_are_ahead_of_the_journal_are_a_fault_and_not_read_of_a_copy()
    {
        var copy = Path.Combine(elsewhere.Path, "copied");
        town.Run("copy", "--to", $"sqlite:{copy}").Exit.ShouldBe(ExitCode.Done);
        MakeRowsOf(ViewsOf(copy), 0);
        UnversionedViews.On(ViewsOf(copy), """
            UPDATE projected SET next_position = next_position + 3 WHERE name = 'MasterData';
            PRAGMA wal_checkpoint(TRUNCATE);
            """);
        var length = JournalHead.Read(town.Data)!.Length;
        var verify = At(copy, "verify");
        verify.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        verify.Output.ShouldContain("views.db, MasterData checkpoint");
        verify.Output.ShouldContain(NotChecked("MasterData", 0));
        var show = At(copy, "show", "points");
        (show.Exit, show.Output).ShouldBe((ExitCode.CouldNot, ""));
        show.Errors.ShouldContain($"view MasterData has applied {length + 3} events and the journal has {length}");
    }

    /// <summary>The rows of this version are compared as they lie in the copy, and not as they are computed beside it
    /// because others are of another one.</summary>
    [Fact]
    public void Of_a_copy_the_stored_rows_are_compared()
    {
        var copy = Path.Combine(elsewhere.Path, "copied");
        town.Run("copy", "--to", $"sqlite:{copy}").Exit.ShouldBe(ExitCode.Done);
        MakeRowsOf(ViewsOf(copy), 0);
        UnversionedViews.On(ViewsOf(copy), """
            UPDATE projected SET row_version = 1 WHERE name = 'MasterData';
            PRAGMA wal_checkpoint(TRUNCATE);
            """);
        var diff = At(copy, "replay", "--diff", "--json");
        diff.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        var page = JsonNode.Parse(diff.Output)!;
        ((string?)page["notCompared"]).ShouldBe("VerifiedExport (version 0, now 1)");
        page["rows"]!.AsArray().ShouldNotBeEmpty();
        page["rows"]!.AsArray().ShouldAllBe(row => (string)row!["projection"]! == "MasterData");
        At(copy, "replay").Output.ShouldBe(digests);
    }

    [Fact]
    public void A_backup_has_rows_of_this_program()
    {
        MakeRowsOf(Views, 0);
        var backup = Path.Combine(elsewhere.Path, "backup");
        town.Run("backup", backup).Exit.ShouldBe(ExitCode.Done);
        var restored = Path.Combine(elsewhere.Path, "restored");
        At(restored, "restore", backup).Exit.ShouldBe(ExitCode.Done);
        var bytes = File.ReadAllBytes(ViewsOf(restored));
        At(restored, "verify").Output.ShouldNotContain("its rows are of version");
        At(restored, "show", "points").Output.ShouldBe(points);
        File.ReadAllBytes(ViewsOf(restored)).ShouldBe(bytes);
    }

    [Fact]
    public async Task A_server_answers_with_rows_of_its_own_version_and_with_none_of_a_later_one()
    {
        var ct = TestContext.Current.CancellationToken;
        MakeRowsOf(Views, 0);
        var identity = LedgerIdentity.Open(town.Data);
        await using var ledger = OpenLedger.Open(
            new LedgerOptions(town.Data, identity.Ledger, new StandingClock(SmallTown.Now), identity.Secret));
        await using var errors = new StringWriter();
        await using var server = await LedgerServer.StartAsync(
            ledger, new ServerOptions(IPAddress.Loopback, 0), errors, ct);
        using var client = new HttpClient { BaseAddress = server.Url };
        var answer = await client.GetStringAsync("/v1/settlement-points", ct);
        (answer.Contains("\"S01\"", StringComparison.Ordinal), answer.Contains("\"S02\"", StringComparison.Ordinal))
            .ShouldBe((true, false), answer);
        (await client.GetAsync("/health/ready", ct)).StatusCode.ShouldBe(HttpStatusCode.OK);
        MakeRowsOf(Views, 7);
        (await ledger.Journal.AppendAsync("s", ExpectedRevision.Any, [TestFolder.Reading(1)], TestFolder.Tester, null, ct))
            .ShouldBeOfType<AppendResult.Recorded>("facts are recorded all the same");
        var refused = await client.GetAsync("/v1/settlement-points", ct);
        refused.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await refused.Content.ReadAsStringAsync(ct)).ShouldContain("makes version 1");
        string ready;
        while (!(ready = await (await client.GetAsync("/health/ready", ct)).Content.ReadAsStringAsync(ct))
            .Contains("are of version 7, and this program makes version 1", StringComparison.Ordinal))
            await Task.Delay(10, ct);
        errors.ToString().ShouldContain("facts are still recorded, reads are refused");
    }
}
