using System.Globalization;
using System.Text.Json;
using Ledger.Cli;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The report of a station by HTTP: the figures of the command line's, for who reaches all of the
/// station.</summary>
public sealed class StationReportTests
{
    private const string Path = "/v1/station-reports?station=";

    /// <summary>The called town, of which one connector has a limit, and is above it in the hour of which there is a
    /// curve; a standard is declared, and a test was ordered on the day after.</summary>
    private static async Task<ExchangeTown> TownAsync()
    {
        var town = await ExchangeTown.CalledAsync();
        await town.ImportAsync("""
            {"type":"standing-limit","point":"C2","kind":"connectionLimit","direction":"import","kw":90,"validFrom":"2026-02-26T16:00:00Z","source":"DSO 2026-7"}
            {"type":"standard","station":"S01","point":"C1","standard":"GB/T 18487.1","certificate":"Z-17","issuer":"a laboratory","validFrom":"2026-01-01T00:00:00Z"}
            {"type":"instruction","instruction":"T1","kind":"export","issuedBy":"dso","issuedAt":"2026-02-28T00:00:00Z","start":"2026-02-28T02:00:00Z","end":"2026-02-28T03:00:00Z","targets":[{"point":"C1","kw":50}],"test":{"deliveredPermilleMin":950,"t90MsMax":60000}}
            """);
        await town.ImportAsync("point,time,kw\n" + string.Concat(Enumerable.Range(0, 61).Select(minute =>
            string.Create(CultureInfo.InvariantCulture, $"C2,2026-02-27T{4 + minute / 60:D2}:{minute % 60:D2}:00Z,100\n"))));
        return town;
    }

    [Fact]
    public async Task A_report_says_what_the_facts_of_its_days_come_to()
    {
        await using var town = await TownAsync();
        var report = (await town.Served.GetAsync($"{Path}S01&day=2026-02-27")).Json;

        string Of(string member) => report.GetProperty(member).ToString();
        (Of("station"), Of("from"), Of("to"), Of("zone"), Of("owners"), Of("connectors"), Of("installedKw"), Of("v2gKw"))
            .ShouldBe(("S01", "2026-02-27", "2026-02-27", "Asia/Shanghai", "[\"cpo\"]", "2", "2000", "0"));
        report.GetProperty("standards")[0].GetProperty("standard").GetString().ShouldBe("GB/T 18487.1");
        report.GetProperty("tests").GetArrayLength().ShouldBe(0); // it is of the day after
        var call = report.GetProperty("calls").EnumerateArray().ShouldHaveSingleItem();
        (call.GetProperty("instruction").GetString(), call.GetProperty("kind").GetString(),
            call.GetProperty("targets").GetInt32(), Plain(call.GetProperty("orderedKwh").GetString()!),
            Plain(call.GetProperty("excessKwh").GetString()!), call.GetProperty("deliveredKwh").ValueKind)
            .ShouldBe(("I1", "curtail", 2, "240", "0", JsonValueKind.Null));
        // Registers alone do not prove what the power of each moment was.
        call.GetProperty("verdicts").GetRawText().ShouldBe("""[{"verdict":"unproven","targets":2}]""");
        (Of("callsWithoutSample"), report.GetProperty("windows")[0].GetProperty("calls").GetInt32()).ShouldBe(("1", 0));

        var energy = report.GetProperty("energy").EnumerateArray().ShouldHaveSingleItem();
        (energy.GetProperty("day").GetString(), Plain(energy.GetProperty("importKwh").GetString()!),
            Plain(energy.GetProperty("exportKwh").GetString()!)).ShouldBe(("2026-02-27", "4640", "0"));
        var limit = report.GetProperty("limitTotals").EnumerateArray().ShouldHaveSingleItem();
        (limit.GetProperty("point").GetString(), limit.GetProperty("days").GetInt32(),
            limit.GetProperty("periods").GetInt32(), limit.GetProperty("periodsAbove").GetInt32(),
            limit.GetProperty("verdict").GetString(), report.GetProperty("limitViolations").GetArrayLength())
            .ShouldBe(("C2", 1, 24, 1, "above", 1));
        // Only of the hour of the curve is there a record; of each other one the registers alone are known.
        string[] counted = ["point", "kind", "ratedKw", "periodsExpected", "periodsRecorded", "periodsSuspect",
            "periodsMissing", "readings", "readingsSigned"];
        report.GetProperty("evidence").EnumerateArray()
            .Select(point => string.Join(' ', counted.Select(name => point.GetProperty(name))))
            .ShouldBe(["C1 connector 1000 24 0 0 24 25 0", "C2 connector 1000 24 1 0 23 25 0"]);
    }

    /// <summary>Of each table the command line's rows have the same values under the same names.</summary>
    [Fact]
    public async Task A_report_has_the_figures_of_the_command_line()
    {
        await using var town = await TownAsync();
        var data = town.Served.Options.Directory;
        var answer = await town.Served.GetAsync($"{Path}S01&from=2026-02-26&to=2026-02-28");
        answer.Status.ShouldBe(200, answer.Text);
        var run = await CommandRun.OfAsync(["report", "station", "S01", "--period", "2026-02-26..2026-02-28", "--json",
            "--data", data], clock: new StandingClock(ExchangeTown.Now));
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        var written = JsonDocument.Parse(run.Output).RootElement;
        foreach (var (table, rows) in new[]
        {
            ("energy", written.GetProperty("energy").GetArrayLength()),
            ("standards", 1), ("tests", 1), ("calls", 1), ("limitTotals", 1), ("limitViolations", 1), ("evidence", 2),
        })
        {
            var (here, there) = (answer.Json.GetProperty(table), written.GetProperty(table));
            (here.GetArrayLength(), there.GetArrayLength()).ShouldBe((rows, rows), table);
            for (var i = 0; i < rows; i++)
                foreach (var member in there[i].EnumerateObject())
                    if (here[i].TryGetProperty(member.Name, out var value)
                        && value.ValueKind is not JsonValueKind.Array)
                        Plain($"{value}").ShouldBe(Plain($"{member.Value}"), $"{table} {i} {member.Name}");
        }
        var test = answer.Json.GetProperty("tests")[0].GetProperty("test");
        (test.GetProperty("mustDeliverPermille").GetInt32(), test.GetProperty("mustReachNinetySeconds").GetString(),
            test.GetProperty("outcome").GetString()).ShouldBe((950, "60", "unproven"));
        foreach (var name in (string[])["zone", "connectors", "installedKw", "v2gKw", "callsWithoutSample"])
            Plain(answer[name]!).ShouldBe(Plain($"{written.GetProperty(name)}"), name);
    }

    /// <summary>A number, an instant and a choice are the same however they are written.</summary>
    private static string Plain(string text) =>
        decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint,
            CultureInfo.InvariantCulture, out var number) ? number.ToString("0.############", CultureInfo.InvariantCulture)
        : InstantPattern.ExtendedIso.Parse(text).TryGetValue(default, out var at)
            ? InstantPattern.ExtendedIso.Format(at)
        : text.ToUpperInvariant();

    [Fact]
    public async Task A_report_as_of_a_position_is_the_same_for_ever()
    {
        await using var town = await TownAsync();
        var first = await town.Served.GetAsync($"{Path}S01&day=2026-02-27");
        var then = $"{Path}S01&day=2026-02-27&asOf={first.Position}";
        var before = await town.Served.GetAsync(then);
        before.Text.ShouldBe(first.Text);
        await town.MeterAsync("C1", 100);
        await town.ImportAsync("""{"type":"standard","station":"S01","standard":"ISO 15118","validFrom":"2026-01-01T00:00:00Z"}""");
        var after = await town.Served.GetAsync(then);
        (after.Text, after.Response.Headers.ETag).ShouldBe((before.Text, before.Response.Headers.ETag));
        (await town.Served.GetAsync($"{Path}S01&day=2026-02-27")).Json.GetProperty("standards").GetArrayLength()
            .ShouldBe(2);
    }

    [Theory]
    [InlineData("S01", 400, "MissingField")]
    [InlineData("S01&from=2026-02-27", 400, "MissingField")]
    [InlineData("S01&day=2026-02-27&to=2026-02-28", 400, "UnknownField")]
    [InlineData("S01&from=2026-02-28&to=2026-02-27", 400, "IntervalEmpty")]
    [InlineData("S01&from=2026-01-01&to=2026-02-01", 400, "IntervalEmpty")] // 32 days
    [InlineData("S01&from=2026-01-01&to=2026-01-31", 200, null)]
    [InlineData("S01&day=1899-12-31", 400, "IntervalEmpty")]
    [InlineData("S01&day=1900-01-01", 200, null)]
    [InlineData("S01&day=2999-12-31", 200, null)]
    [InlineData("S01&day=3000-01-01", 400, "IntervalEmpty")]
    [InlineData("S99&day=2026-02-27", 404, "NotReached")]
    [InlineData("S01&day=2026-02-27&period=1", 400, "UnknownField")]
    [InlineData("S01&day=2026-02-27&format=csv", 400, "UnknownFormat")]
    public async Task What_is_no_question_is_refused(string asked, int status, string? name)
    {
        await using var served = await ServedLedger.StartAsync();
        served.Clock.Now = ExchangeTown.Now;
        (await served.PostAsync("/v1/settlement-points", """{"point":"C1","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":false,"validFrom":"2026-01-01T00:00:00Z"}"""))
            .Status.ShouldBe(201);
        var answer = await served.GetAsync(Path + asked);
        (answer.Status, answer.Json.TryGetProperty("name", out var said) ? said.GetString() : null)
            .ShouldBe((status, name), answer.Text);
    }

    /// <summary>A station's sums say what each of its points did, so one of somebody else's hides them.</summary>
    [Fact]
    public async Task A_report_is_for_who_reaches_all_of_the_station()
    {
        await using var town = await AccessTown.StartAsync();
        await town.RecordAllAsync(AccessTown.Own);
        var operators = town.Key(Role.ChargingOperator);
        var own = await town.GetAsync(operators, $"{Path}S1&day=2026-02-27");
        (own.Status, own.Json.GetProperty("evidence").GetArrayLength()).ShouldBe((200, 2));
        var missing = await town.GetAsync(operators, $"{Path}S2&day=2026-02-27");
        (missing.Status, missing["detail"]).ShouldBe((404, "there is no station S2, or not all of it is yours"));

        await town.RecordAsync("""{"type":"settlement-point","point":"OTHER","station":"S1","kind":"connector","owner":"BETA","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":7,"bidirectional":false,"validFrom":"2026-01-01T00:00:00Z"}""");
        (await town.GetAsync(operators, $"{Path}S1&day=2026-02-27")).Status.ShouldBe(404);
        (await town.GetAsync(town.Key(Role.Station), $"{Path}S1&day=2026-02-27")).Status.ShouldBe(404);
        var whole = await town.GetAsync(town.Key(Role.Auditor), $"{Path}S1&day=2026-02-27");
        whole.Json.GetProperty("evidence").GetArrayLength().ShouldBe(3);
        (await town.GetAsync(town.Key(Role.Administrator), $"{Path}S1&day=2026-02-27")).Status.ShouldBe(403);
    }
}
