using System.Net;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Cli.Listings;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The verbs on a small ledger: what they print, as text and as JSON, and their exit codes.</summary>
public sealed class VerbTests : IDisposable
{
    private readonly SmallTown town = SmallTown.WithItsDay();

    public void Dispose() => town.Dispose();

    public static TheoryData<string, string> Pages() => new()
    {
        { "summary", "show" }, { "export", "show export --day 2026-02-27" }, { "compliance", "show compliance" },
        { "instruction", "show compliance I1" }, { "refusals", "show refusals" }, { "points", "show points" },
        { "registers", "show registers" }, { "tariffs", "show tariffs" }, { "event", "show event 2" },
        { "export-as-of", "show export --as-of 9" }, { "settle", "settle --account cpo --day 2026-02-27 --dry-run" },
        { "replay", "replay" }, { "diff", "replay --diff" },
    };

    [Theory, MemberData(nameof(Pages))]
    public void A_page_says_the_same_as_text_and_as_JSON(string name, string line)
    {
        var text = town.Run(line.Split(' '));
        text.Errors.ShouldBeEmpty();
        text.Exit.ShouldBe(ExitCode.Done);
        text.Output.Split('\n').Where(each => !each.Contains('{'))
            .ShouldAllBe(each => each.Length <= TextTable.WidthMax);
        var json = town.Run([.. line.Split(' '), "--json"]);
        json.Exit.ShouldBe(ExitCode.Done);
        JsonNode.Parse(json.Output).ShouldBeOfType<JsonObject>();
        Snapshot.Match($"$ ledger {line}\n{text.Output}\n$ ledger {line} --json\n{json.Output}", $"VerbTests.{name}");
    }

    [Fact]
    public void An_import_reports_every_part_that_does_not_count_and_a_repeat_finds_itself()
    {
        using var empty = new SmallTown();
        var first = empty.ImportMasterData();
        (first.Exit, first.Errors).ShouldBe((ExitCode.Done, ""));
        var readings = empty.ImportReadings();
        readings.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        var again = empty.ImportReadings("--json");
        again.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        var unknown = empty.Run("import", empty.File("note.txt", "Dear ledger"));
        unknown.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        Snapshot.Match(string.Join('\n', first.Output, readings.Output, again.Output, unknown.Output),
            "VerbTests.import");
    }

    [Fact]
    public async Task A_file_goes_to_the_owner_of_the_folder_and_the_report_is_the_same()
    {
        using var alone = new SmallTown();
        alone.ImportMasterData();
        using var served = new SmallTown();
        served.ImportMasterData();
        await using (var ledger = OpenLedger.Open(served.Data, null, new StandingClock(SmallTown.Now)))
        await using (await LedgerServer.StartAsync(
            ledger, new ServerOptions(IPAddress.Loopback, 0), TextWriter.Null, TestContext.Current.CancellationToken))
            (await served.ReadingsAsync()).ShouldBe(alone.ImportReadings());
        served.Run("show", "refusals", "--json").Output.ShouldBe(alone.Run("show", "refusals", "--json").Output);
    }

    [Fact]
    public void A_run_is_recorded_and_a_correction_explains_every_line_that_changed()
    {
        var first = town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1");
        (first.Exit, first.Errors).ShouldBe((ExitCode.Done, ""));
        town.Run("import",
            town.File("late.csv", "point,register,read_at,kwh\nS01-C1,2.8.0,2026-02-27T18:00:00+08:00,60\n"))
            .Exit.ShouldBe(ExitCode.Done);
        var correction = town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R2", "--kind",
            "correction");
        (correction.Exit, correction.Errors).ShouldBe((ExitCode.Done, ""));
        var statement = town.Run("show", "statement", "R1");
        statement.Exit.ShouldBe(ExitCode.Done);
        town.Run("replay", "--diff").Exit.ShouldBe(ExitCode.Done);
        Snapshot.Match(string.Join('\n', first.Output, correction.Output, statement.Output,
            town.Run("show", "settlement").Output, town.Run("show", "settlement", "--json").Output), "VerbTests.runs");
    }

    [Fact]
    public void A_final_run_with_missing_energy_is_refused_and_the_refusal_is_kept()
    {
        var run = town.Run("settle", "--account", "cpo", "--day", "2026-02-26", "--kind", "final", "--json");
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        ((string?)JsonNode.Parse(run.Output)!["outcome"]).ShouldNotBeNull()
            .ShouldStartWith("refused, PeriodIncomplete (406)");
        JsonNode.Parse(town.Run("show", "settlement", "--json").Output)!["runs"]!.AsArray().ShouldBeEmpty();
        town.Run("show", "refusals").Output.ShouldContain("PeriodIncomplete");
    }

    [Theory]
    [InlineData("points", "csv"), InlineData("export", "ndjson"), InlineData("journal", "json"),
        InlineData("refusals", "csv")]
    public void An_export_has_the_rows_of_show(string name, string format)
    {
        var path = Path.Combine(town.Data, "out");
        var written = town.Run("export", name, "--format", format, "--out", path, "--json");
        (written.Exit, written.Errors).ShouldBe((ExitCode.Done, ""));
        var text = File.ReadAllText(path);
        text.ShouldBe(town.Run("export", name, "--format", format).Output);
        Snapshot.Match(text, $"VerbTests.export-{name}");
    }

    /// <summary>Who sends evidence names it, and who reads it may use a spreadsheet.</summary>
    [Theory]
    [InlineData("settlement point nope is not registered", "records", "nope", "--day", "2026-02-27")]
    [InlineData("settlement point nope is not registered", "eligibility", "nope", "--day", "2026-02-27")]
    [InlineData("there is no station nope", "balance", "nope", "--day", "2026-02-27")]
    [InlineData("there is no station nope", "credible", "nope")]
    [InlineData("there is no account nope: no settlement point and no tariff is its own", "settlement", "--account", "nope")]
    public void Of_what_is_not_there_nothing_is_shown(string why, params string[] words) =>
        town.Run(["show", .. words]).ShouldBeFailure($"ledger show: {why}");

    [Fact]
    public void A_table_is_csv_that_no_spreadsheet_runs()
    {
        town.Run("import", town.File("=HYPERLINK(1).txt", "Dear ledger")).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        town.Run("export", "refusals").Output.ShouldContain(",'=HYPERLINK(1).txt,");
        // JSON is read by no spreadsheet, and a bundle's files are proven as they are.
        town.Run("export", "refusals", "--json").Output.ShouldContain("\"=HYPERLINK(1).txt\"");
        var listing = Listing.Of<string>(["=1+1", "-1.50", "-x", "@x,y"], new Column<string>("a", "a", row => row));
        Csv(listing).ShouldBe("a\r\n'=1+1\r\n-1.50\r\n'-x\r\n\"'@x,y\"\r\n");
        Csv(listing.Plain()).ShouldBe("a\r\n=1+1\r\n-1.50\r\n-x\r\n\"@x,y\"\r\n");

        static string Csv(Listing listing)
        {
            using var text = new StringWriter();
            listing.WriteCsv(text);
            return text.ToString();
        }
    }

    /// <summary>A file is what it was until the new one is whole; what has nothing to lose is written as it stands.
    /// </summary>
    [Fact]
    public async Task What_is_written_takes_the_place_of_a_file_when_it_is_whole()
    {
        var folder = Directory.CreateDirectory(Path.Combine(town.Data, "written")).FullName;
        var (path, link, empty) = (Path.Combine(folder, "p.json"), Path.Combine(folder, "link"), Path.Combine(folder, "empty"));
        await File.WriteAllTextAsync(path, "what was there", TestContext.Current.CancellationToken);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await Should.ThrowAsync<IOException>(() => OutFile.WriteAsync(path, async file =>
        {
            await file.WriteAsync("half"u8.ToArray(), TestContext.Current.CancellationToken);
            throw new IOException("no space left");
        }));
        File.ReadAllText(path).ShouldBe("what was there");
        File.CreateSymbolicLink(link, path);
        await File.WriteAllTextAsync(empty, "", TestContext.Current.CancellationToken);
        // --json says of a file too in what form it is.
        var written = town.Run("export", "points", "--json", "--out", path);
        (written.Exit, written.Errors).ShouldBe((ExitCode.Done, ""));
        JsonNode.Parse(File.ReadAllText(path))!.AsArray().Count.ShouldBe(2);
        if (!OperatingSystem.IsWindows())
            File.GetUnixFileMode(path).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        town.Run("export", "registers", "--out", link).Exit.ShouldBe(ExitCode.Done);
        new FileInfo(link).LinkTarget.ShouldBe(path);
        File.ReadAllText(path).ShouldBe(town.Run("export", "registers").Output);
        town.Run("export", "registers", "--out", empty).Exit.ShouldBe(ExitCode.Done);
        File.ReadAllText(empty).ShouldBe(File.ReadAllText(path));
        Directory.GetFileSystemEntries(folder).Select(Path.GetFileName).Order().ShouldBe(["empty", "link", "p.json"]);
    }

    [Fact]
    public void Evidence_comes_back_byte_for_byte()
    {
        var refused = JsonNode.Parse(town.Run("show", "refusals", "--json").Output)!["refusals"]!.AsArray()
            .First(row => (string?)row!["standing"] == "refused")!;
        var digest = (string)refused["evidence"]!;
        var shown = town.Run("show", "evidence", digest);
        shown.Raw.Length.ShouldBe(int.Parse((string)refused["bytes"]!,
            System.Globalization.CultureInfo.InvariantCulture));
        var path = Path.Combine(town.Data, "evidence.bytes");
        town.Run("show", "evidence", digest, "--out", path).Exit.ShouldBe(ExitCode.Done);
        File.ReadAllBytes(path).ShouldBe(shown.Raw.ToArray());
        town.Run("show", "evidence", new string('0', 64)).Exit.ShouldBe(ExitCode.CouldNot);
    }

    [Fact]
    public void A_row_changed_by_hand_is_named_and_the_exit_code_is_1()
    {
        town.Run("replay", "--diff").Exit.ShouldBe(ExitCode.Done);
        using (var views = new SqliteConnection($"Data Source={Path.Combine(town.Data, "views.db")};Pooling=False"))
        {
            views.Open();
            using var forge = views.CreateCommand();
            forge.CommandText = "UPDATE current_row SET json = replace(json, 'S01', 'S02') WHERE projection = (SELECT number FROM projection WHERE name = 'MasterData') AND key LIKE 'point|S01-C2%'";
            forge.ExecuteNonQuery().ShouldBe(1);
        }
        var diff = town.Run("replay", "--diff", "--json");
        diff.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        var row = JsonNode.Parse(diff.Output)!["rows"]!.AsArray().ShouldHaveSingleItem()!;
        ((string)row["projection"]!, ((string)row["key"]!)[..13]).ShouldBe(("MasterData", "point|S01-C2|"));
        town.Run("replay", "--diff", "--projection", "Refusals").Exit.ShouldBe(ExitCode.Done);
    }
}
