using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Cli;
using NodaTime;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>
/// Calls whose baseline rests on a declared schedule, on what a session asked for, or on days without an outage, from
/// their facts to amounts, by hand; and that what is said after the notice changes nothing. All calls are of 27
/// February, from 18 to 20 o'clock, with their notice at 08:00.
/// </summary>
public sealed class PlannedDeliveryTests
{
    /// <summary>
    /// 103 kWh an hour are declared and 100 metered on eleven days: 3 % of bias are allowed. For the call's hours 110
    /// and 90 are declared at last. Capped at 40, 70 and 50 are asked; 60 and 50 come: 120.00 less 10.00, and 100.00.
    /// Neither what was declared after the notice counts, nor what was recorded after it, whenever it says that it was
    /// declared, also not where the meter values are taken from later.
    /// </summary>
    [Fact]
    public void A_declared_schedule_is_the_baseline_as_it_was_declared_last_before_the_notice()
    {
        using var town = Declared(103);
        Declare(town, "27T00", "26T09", Hours(24, 200));
        Declare(town, "27T00", "26T10", [.. Hours(18, 100), 110, 90, .. Hours(4, 100)]);
        town.Cap("I1", """{"point":"C1","kw":40}""", programme: "own");
        Declare(town, "27T18", "27T09", [500, 500]);
        Declare(town, "27T18", "27T07", [600, 600]);
        town.Freeze("I1", "--at", Length(town));
        Declare(town, "27T18", "27T10", [700, 700]);
        town.Meter("C1", [.. Hours(10, 100), 50, 40]);
        var page = town.Delivery("I1");
        Column(page, "periods", "baselineKwh").ShouldBe(["110", "90"]);
        page.GetProperty("net").GetString().ShouldBe("210");
        Notes(town).ShouldBe(
        [
            "nothing is measured before 2026-02-16, of 45 days back", "cpo declared the schedule at 2026-02-26T02:00:00Z",
            "the declaration had an RRMSE of 3 % and a bias of 3 %",
        ], ignoreOrder: true);
    }

    /// <summary>
    /// 105 kWh an hour are declared and 100 metered: 5 % of bias are too many. What corrects the fourteen hours from 10
    /// o'clock on lowers it to 50 of 2400 kWh where it came by the time of day of the notice, and not where it came
    /// later: such a correction would not be known at a notice.
    /// </summary>
    [Theory]
    [InlineData(null, null)]
    [InlineData("09", null)]
    [InlineData("08", "240")]
    [InlineData("07", "240")]
    public void A_schedule_is_judged_by_what_was_declared_as_long_before(string? hour, string? net)
    {
        using var town = Declared(105);
        if (hour is not null)
            town.Import(EachDay(day => Schedule($"{day}T10", $"{day}T{hour}", Hours(14, 100))));
        Declare(town, "27T00", "26T10", Hours(24, 100));
        town.Cap("I1", """{"point":"C1","kw":40}""", programme: "own");
        town.Freeze("I1");
        town.Meter("C1", [.. Hours(10, 100), 40, 40]);
        town.Net("I1").ShouldBe(net);
        Insufficient(town).ShouldBe(net is not null ? null
            : "the declaration had an RRMSE of 5 % and a bias of 5 %: at most 4 % bias either way is allowed");
    }

    /// <summary>Without a schedule for every period of the call there is no baseline, and no money.</summary>
    [Fact]
    public void A_call_of_which_half_is_declared_has_no_baseline()
    {
        using var town = Declared(100);
        Declare(town, "27T18", "26T10", [100]);
        town.Cap("I1", """{"point":"C1","kw":40}""", programme: "own");
        town.Freeze("I1");
        Insufficient(town).ShouldBe("1 declared values for 2 periods");
        town.Meter("C1", [.. Hours(10, 100), 40, 40]);
        town.Net("I1").ShouldBeNull();
    }

    /// <summary>
    /// A vehicle of 20 kW comes at 16:30 and asks for 60 kWh until 19:30. At once it has 10 by 17:00, 30 by 18:00,
    /// 50 by 19:00 and all by 19:30: 20 and 10 kWh in the call. Capped at 5, 15 and 5 are asked; 15 and 2 come: 30.00,
    /// and 4.00 less 3.00. With a contract of 15 kW it draws 15 and, until it leaves, 7.5: 10 and 2.5 are asked, 10
    /// come, and then 8 are drawn, which is 3 above the cap: 20.00 less 3.00.
    /// </summary>
    [Theory]
    [InlineData(null, "20 10", "31")]
    [InlineData("15", "15 7.5", "17")]
    [InlineData("20", "20 10", "31")]
    public void A_session_is_charged_at_once_in_its_baseline_by_what_it_asked_for_before_the_notice(
        string? contract, string baseline, string net)
    {
        using var town = Own("baseline-session", Instant.FromUtc(2026, 2, 26, 16, 0));
        if (contract is not null)
            town.Import($$"""
                {"type":"standing-limit","point":"C1","kind":"contractDemand","direction":"import","kw":{{contract}},"validFrom":"2026-01-01T00:00:00+08:00","source":"contract"}
                """);
        Ask(town, "26T20:00", "27T16:30", "27T23:00", 200);
        Ask(town, "27T07:00", "27T16:30", "27T19:30", 60);
        town.Cap("I1", """{"point":"C1","kw":5}""", programme: "own");
        Ask(town, "27T09:00", "27T16:30", "27T23:00", 500);
        Ask(town, "27T07:30", "27T17:00", "27T18:00", 1);
        town.Freeze("I1", "--at", Length(town));
        town.Meter("C1", [.. Hours(18, 100), 5, 8]);
        var page = town.Delivery("I1");
        Column(page, "periods", "baselineKwh").ShouldBe(baseline.Split(' '));
        page.GetProperty("net").GetString().ShouldBe(net);
        Notes(town).ShouldBe(["charged at once: 60.000000 kWh from 2026-02-27T08:30:00Z to 2026-02-27T11:30:00Z, "
            + "requested at 2026-02-26T23:00:00Z"]);
    }

    /// <summary>A session that was asked for after the notice, or that is over before the call or comes after it, says
    /// nothing of it.</summary>
    [Theory]
    [InlineData("27T08:01", "27T16:30", "27T19:30")]
    [InlineData("27T07:00", "27T16:30", "27T18:00")]
    [InlineData("27T07:00", "27T20:00", "27T21:00")]
    public void A_call_of_which_no_session_is_known_has_no_baseline(string requested, string arrival, string departure)
    {
        using var town = Own("baseline-session", Instant.FromUtc(2026, 2, 26, 16, 0));
        Ask(town, requested, arrival, departure, 60);
        town.Cap("I1", """{"point":"C1","kw":5}""", programme: "own");
        town.Freeze("I1");
        Insufficient(town).ShouldBe("what the session asked for is not given");
        town.Meter("C1", [.. Hours(18, 100), 5, 8]);
        town.Net("I1").ShouldBeNull();
    }

    /// <summary>
    /// The days before drew 120, 120, 120, 100 and, with five minutes of an outage, 20 kWh an hour; the last two stand
    /// for the call. With the outage's day 60 are its baseline: capped at 40, 20 are asked twice, 10 and 20 come, 20.00
    /// less 10.00 and 40.00. Without it 110 are: 70 are asked twice, 60 and 70 come, 120.00 less 10.00 and 140.00.
    /// </summary>
    [Theory]
    [InlineData("before", "outageDays", "110 110", "250", "outage")]
    [InlineData("before", "eventDays", "60 60", "50", "rank 2 of 2")]
    [InlineData("after", "outageDays", "60 60", "50", "rank 2 of 2")]
    public void A_day_with_an_outage_is_no_day_of_the_pool_where_the_rule_says_so(
        string recorded, string exclude, string baseline, string net, string reason)
    {
        using var town = new CalledTown();
        town.Connector("C1");
        town.Import($$$"""
            {"type":"rule-pack","pack":"served","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","baseline":{"method":"days","dayClass":"any","pool":2,"keep":2,"minDays":2,"keepBy":"highest","lookbackDaysMax":10,"exclude":["{{{exclude}}}"],"holidays":"ignored"}}
            """);
        town.Publish("own", 1, "settlementPoint", baseline: "served");
        town.Meter("C1", [.. Hours(3 * 24, 120), .. Hours(24, 100), .. Hours(24, 20), .. Hours(8, 100)]);
        if (recorded == "before") Outage(town);
        town.Cap("I1", """{"point":"C1","kw":40}""", programme: "own");
        if (recorded == "after") Outage(town);
        town.Freeze("I1");
        town.Meter("C1", [.. Hours(10, 100), 50, 40]);
        var page = town.Delivery("I1");
        Column(page, "periods", "baselineKwh").ShouldBe(baseline.Split(' '));
        page.GetProperty("net").GetString().ShouldBe(net);
        Baseline(town)["days"]!.AsArray().Where(row => (string?)row!["day"] == "2026-02-26")
            .Select(row => ((string)row!["reason"]!).Split(" from")[0])
            .ShouldBe([reason]);

        static void Outage(CalledTown town) => town.Import("""
            {"type":"outage","point":"C1","start":"2026-02-26T10:00:00+08:00","end":"2026-02-26T10:05:00+08:00","source":"ems"}
            """);
    }

    /// <summary>What was planned is shown and exported with every value; the trial of an import records nothing of
    /// it.</summary>
    [Fact]
    public void Plans_and_outages_are_shown_exported_and_tried()
    {
        using var town = new CalledTown();
        town.Connector("C1");
        Declare(town, "27T22", "26T10", [7, 8]);
        Ask(town, "27T07:00", "27T16:30", "27T19:30", 60);
        const string Outage = """
            {"type":"outage","point":"C1","start":"2026-02-26T10:00:00+08:00","end":"2026-02-26T10:05:00+08:00","source":"ems"}
            """;
        town.Import(Outage);
        var known = Length(town);
        town.Run("export", "schedules").Output.ShouldContain(
            "C1,2026-02-27T14:00:00Z,60,7.000000000000; 8.000000000000,2026-02-26T02:00:00Z,cpo");
        town.Run("export", "sessions").Output.ShouldContain(
            "C1,2026-02-27T08:30:00Z,2026-02-27T11:30:00Z,60.000000000000,20,2026-02-26T23:00:00Z,csms");
        town.Run("export", "outages").Output.ShouldContain("C1,2026-02-26T02:00:00Z,2026-02-26T02:05:00Z,ems");
        foreach (var (page, cell) in new[] { ("schedules", "15.000000"), ("sessions", "60.000000"), ("outages", "ems") })
        {
            var shown = town.Run("show", page);
            shown.Exit.ShouldBe(ExitCode.Done, shown.Errors);
            shown.Output.ShouldContain(cell);
        }
        foreach (var text in new[] { Outage, Outage.Replace("ems", "dso") })
            town.TryImport(text, "--dry-run").Exit.ShouldBe(ExitCode.Done);
        Length(town).ShouldBe(known);
    }

    /// <summary>Eleven days of 100 kWh an hour, each declared at 10 o'clock of the day before.</summary>
    private static CalledTown Declared(int kwh)
    {
        var town = Own("baseline-declared", Instant.FromUtc(2026, 2, 15, 16, 0));
        town.Import(EachDay(day => Schedule($"{day}T00", $"{day - 1}T10", Hours(24, kwh))));
        town.Meter("C1", Hours((11 * 24) + 8, 100));
        return town;
    }

    /// <summary>A connector under a programme whose baseline is a pack that comes with the program.</summary>
    private static CalledTown Own(string pack, Instant from)
    {
        var town = new CalledTown { MeteredFrom = from };
        town.Connector("C1");
        var rule = JsonNode.Parse(Repository.Text($"src/Ledger.Ingest/Packs/{pack}.json"))!.AsObject();
        rule["type"] = "rule-pack";
        rule["validFrom"] = "2026-01-01T00:00:00+08:00";
        town.Import(rule.ToJsonString());
        town.Publish("own", 1, "settlementPoint", baseline: pack);
        return town;
    }

    private static string EachDay(Func<int, string> text) =>
        string.Join('\n', Enumerable.Range(16, 11).Select(text));

    private static void Declare(CalledTown town, string start, string at, IEnumerable<int> hours) =>
        town.Import(Schedule(start, at, hours));

    private static string Schedule(string start, string at, IEnumerable<int> hours) => $$"""
        {"type":"declared-schedule","point":"C1","declaredBy":"cpo","declaredAt":"2026-02-{{at}}:00:00+08:00","start":"2026-02-{{start}}:00:00+08:00","periodMinutes":60,"kwh":[{{string.Join(',', hours)}}]}
        """;

    private static void Ask(CalledTown town, string at, string arrival, string departure, int kwh) =>
        town.Import(string.Create(CultureInfo.InvariantCulture, $$"""
        {"type":"session-request","point":"C1","requestedAt":"2026-02-{{at}}:00+08:00","arrival":"2026-02-{{arrival}}:00+08:00","departure":"2026-02-{{departure}}:00+08:00","requestedKwh":{{kwh}},"vehicleMaxKw":20,"source":"csms"}
        """));

    private static JsonNode Baseline(CalledTown town) =>
        JsonNode.Parse(town.Run("show", "baseline", "I1", "--json").Output)!;

    private static string? Insufficient(CalledTown town) => (string?)Baseline(town)["baselines"]![0]!["insufficient"];

    private static IEnumerable<string> Notes(CalledTown town) =>
        Baseline(town)["notes"]!.AsArray().Select(row => (string)row!["note"]!);

    private static string Length(CalledTown town) =>
        (string)JsonNode.Parse(town.Run("show", "summary", "--json").Output)!["journalEvents"]!;
}
