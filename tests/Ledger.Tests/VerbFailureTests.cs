using System.Net;
using System.Text;
using Ledger.Api;
using Ledger.Api.Resources;
using Ledger.Cli;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What goes wrong outside the program is one clear line and exit code 2;
/// what is asked wrongly is usage.</summary>
public sealed class VerbFailureTests : IDisposable
{
    private readonly SmallTown town = new();

    public VerbFailureTests() => town.ImportMasterData().Exit.ShouldBe(ExitCode.Done);

    public void Dispose() => town.Dispose();

    [Theory]
    [InlineData("show"), InlineData("replay"), InlineData("export points"), InlineData("recover")]
    [InlineData("settle --account cpo --day 2026-02-27")]
    public void A_folder_that_is_not_there_is_named_with_what_to_do(string line)
    {
        var nowhere = Path.Combine(Path.GetTempPath(), "no-such-ledger");
        var run = CommandRun.Of([.. line.Split(' '), "--data", nowhere]);
        run.ShouldBeFailure($"ledger {line.Split(' ')[0]}: there is no folder {nowhere}; name another with --data, "
            + "or make a ledger with import --ledger ID");
    }

    [Fact]
    public void A_folder_without_a_ledger_is_named()
    {
        var empty = Directory.CreateTempSubdirectory();
        CommandRun.Of(["show", "--data", empty.FullName])
            .ShouldBeFailure($"ledger show: {empty.FullName} holds no ledger (ledger.json is missing); "
                + "name another with --data, or make a ledger with import --ledger ID");
        empty.Delete();
    }

    [Fact]
    public void A_new_ledger_is_made_only_by_name()
    {
        var data = Path.Combine(town.Data, "new");
        var file = town.File("points.jsonl", "{}");
        CommandRun.Of(["import", file, "--data", data]).Exit.ShouldBe(ExitCode.CouldNot);
        Directory.Exists(data).ShouldBeFalse();
        CommandRun.Of(["import", file, "--data", data, "--ledger", "area"]).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        CommandRun.Of(["show", "--data", data]).Output.ShouldStartWith("ledger");
        CommandRun.Of(["import", file, "--data", data, "--ledger", "another"])
            .ShouldBeFailure($"ledger import: {data} is the folder of ledger area, not of another");
    }

    [Fact]
    public async Task A_folder_that_another_owns_is_read_beside_it_but_not_written()
    {
        var identity = LedgerIdentity.Open(town.Data);
        await using var owner =
            SqliteJournal.Open(new(town.Data, identity.Ledger, new StandingClock(SmallTown.Now), identity.Secret));
        town.Run("show").Exit.ShouldBe(ExitCode.Done);
        town.ImportReadings()
            .ShouldBeFailure($"ledger import: {town.Data} is owned by process {Environment.ProcessId}; "
            + "stop it, or name another folder with --data");
    }

    /// <summary>What the owner records while a page is made is in no part of it.</summary>
    [Fact]
    public async Task A_page_says_from_how_many_events_its_rows_are_while_the_owner_records()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var owner = OpenLedger.Open(town.Data, null, new StandingClock(SmallTown.Now));
        CommandLine.TryParse(["show", "points", "--data", town.Data], out var line, out _).ShouldBeTrue();
        await using var reader = await LedgerReader.OpenAsync(line, new Shell(Stream.Null, Stream.Null, TextWriter.Null,
            TextWriter.Null, new StandingClock(SmallTown.Now)), ct);
        var (page, points) = (Text(), reader.Answers(null).Points().Count);
        page.ShouldContain("\"events\": \"8\"");
        (await owner.Intake.TakeFactAsync(new(Encoding.UTF8.GetBytes("""
            {"point":"S01-C7","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":350,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
            """), "test"), "settlement-point", owner.Operator("test"), new IdempotencyKey("c7"), ct))
            .ShouldBeOfType<RecordOutcome.Recorded>();
        await owner.CatchUpAsync(ct);
        (Text(), reader.Answers(null).Points().Count, reader.Answers(null).KnownBefore).ShouldBe((page, points, 8));
        new Answers(reader.Views).Points().Count.ShouldBe(points + 1);
        await using var later = await LedgerReader.OpenAsync(line, new Shell(Stream.Null, Stream.Null, TextWriter.Null,
            TextWriter.Null, new StandingClock(SmallTown.Now)), ct);
        later.Answers(null).Points().Count.ShouldBe(points + 1);
        later.Answers(7).KnownBefore.ShouldBe(8);

        string Text()
        {
            using var text = new StringWriter();
            reader.Page("points", null).Write(text, json: true);
            return text.ToString();
        }
    }

    /// <summary>What an owner took stays taken, and who is refused a later file is told so.</summary>
    [Fact]
    public async Task A_file_that_the_owner_refuses_is_named_beside_those_that_it_took()
    {
        using var client = OwnerClient.Create(new("http://127.0.0.1:1"), town.Data);
        client.Timeout.ShouldBe(Timeout.InfiniteTimeSpan); // its work takes as long as it takes
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        await using var app = builder.Build();
        var came = 0;
        app.Run(async context =>
        {
            if (++came == 1)
                await context.Response.WriteAsJsonAsync(
                    new FileAnswer("town", "a.csv", "csv", 5, 1, 0, 2, 0, [], []), context.RequestAborted);
            else context.Response.StatusCode = 503;
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        using var owned = FolderLock.Take(town.Data);
        var url = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        owned.PublishUrl(url);
        (await CommandRun.OfAsync(
            ["import", town.File("a.csv", "a"), town.File("b.csv", "b"), town.File("c.csv", "c"), "--data", town.Data]))
            .ShouldBeFailure($"ledger import: b.csv: the owner at {url}/ refuses b.csv with 503: . Before it the owner took "
                + "a.csv (5 recorded, 1 already there, 2 refused)");
        came.ShouldBe(2);
    }

    [Fact]
    public void A_damaged_head_is_refused_with_the_remedy_and_recovered_only_by_a_person()
    {
        var (db, wal) = (Path.Combine(town.Data, "journal.db"), Path.Combine(town.Data, "journal.db-wal"));
        var before = File.ReadAllBytes(db);
        town.Run("import", town.File("more.jsonl", """
            {"type":"tariff-assignment","account":"other","tariff":"tou","validFrom":"2026-01-01T00:00:00+08:00"}
            """)).Exit.ShouldBe(ExitCode.Done);
        File.Delete(wal);
        File.WriteAllBytes(db, before);
        const string positions = "the journal ends at position 8 but was acknowledged up to position 9";
        town.Run("show").ShouldBeFailure($"ledger show: {positions}; restore {town.Data} from a copy, "
            + $"or accept the loss with: ledger recover --data {town.Data} --by NAME --accept-loss");
        var asked = town.Run("recover");
        (asked.Exit, asked.Output).ShouldBe((ExitCode.NotAsItShouldBe, ""));
        asked.Errors.ShouldContain(positions);
        town.Run("recover", "--accept-loss").Exit.ShouldBe(ExitCode.Usage);
        var recovered = town.Run("recover", "--by", "A. Person", "--accept-loss");
        (recovered.Exit, recovered.Errors).ShouldBe((ExitCode.Done, ""));
        recovered.Output.ShouldContain("1");
        town.Run("show", "event", "8").Output.ShouldContain("A. Person");
        town.Run("replay", "--diff").Exit.ShouldBe(ExitCode.Done);
        town.Run("recover").Output.ShouldStartWith("the journal holds all 9 events");
    }

    [Theory]
    [InlineData("ledger show: show does not know 'nonsense'", "show nonsense")]
    [InlineData("ledger show: show statement needs RUN", "show statement")]
    [InlineData("ledger show: show points does not know the option --day", "show points --day 2026-02-27")]
    [InlineData("ledger show: --day is a day like 2026-06-02, not 'today'", "show export --day today")]
    [InlineData("ledger show: --as-of is a position or an instant like 2026-06-02T08:00:00Z, not 'then'",
        "show --as-of then")]
    [InlineData("ledger show: show does not know the option --zone", "show --zone UTC")]
    [InlineData("ledger import: import needs a FILE", "import")]
    [InlineData("ledger import: --zone is an IANA time zone like Europe/Berlin, not 'Mars'", "import x --zone Mars")]
    [InlineData("ledger settle: --account is needed", "settle --day 2026-02-27")]
    [InlineData("ledger settle: --kind is initial, interim, final or correction, not 'last'",
        "settle --account a --day 2026-02-27 --kind last")]
    [InlineData("ledger export: --format is csv, json, ndjson, xlsx or parquet, not 'xml'", "export points --format xml")]
    [InlineData("ledger export: export points does not know the option --account", "export points --account cpo")]
    [InlineData("ledger export: export points does not know the option --signed", "export points --signed")]
    [InlineData("ledger export: export cdr does not know the option --format",
        "export cdr cpo 2026-02-27 --tariff t --format csv")]
    [InlineData("ledger export: export cdr does not know the option --operator",
        "export cdr cpo 2026-02-27 --tariff t --operator MA5DA0053")]
    [InlineData("ledger export: export tiles does not know the option --out", "export tiles log --out x")]
    [InlineData("ledger replay: there is no view Nothing", "replay --projection Nothing")]
    public void What_is_asked_wrongly_is_usage(string problem, string line)
    {
        var run = town.Run(line.Split(' '));
        (run.Exit, run.Output).ShouldBe((ExitCode.Usage, ""));
        run.Errors.Split('\n')[0].ShouldBe(problem);
    }

    [Theory]
    [InlineData("ledger show: there is no event at position 99; the journal has 8 events", "show --as-of 99")]
    [InlineData("ledger show: there is no event at position 99", "show event 99")]
    [InlineData("ledger show: there is no dispatch instruction I9", "show compliance I9")]
    [InlineData("ledger settle: UnknownSettlementPoint (202): nobody owns no settlement point on 2026-02-27",
        "settle --account nobody --day 2026-02-27")]
    public void What_is_not_there_is_named(string problem, string line) =>
        town.Run(line.Split(' ')).ShouldBeFailure(problem);
}
