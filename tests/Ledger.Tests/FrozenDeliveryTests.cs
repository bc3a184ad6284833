using System.Globalization;
using System.Text;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A call under a programme, from notice to money, by the command line and over HTTP.
/// The figures are calculated by hand: the kept days have 120 and 110 kWh an hour, so 115;
/// the two hours before the call have 120 and 130, so 10 more: 125. The order is a cap of 40 kW, 85 kWh less an hour;
/// 45 and 30 kWh were metered, so 80 and 95 were delivered.
/// </summary>
public sealed class FrozenDeliveryTests
{
    private const string Terms = """
        {"type":"settlement-point","point":"C1","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"register","point":"C1","direction":"import","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"rule-pack","pack":"two-of-three","version":1,"provisional":true,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","baseline":{"method":"days","dayClass":"any","pool":3,"keep":2,"minDays":2,"keepBy":"highest","lookbackDaysMax":10,"holidays":"ignored","adjustment":{"kind":"additive","windows":[{"anchor":"eventStart","fromMinutes":-120,"toMinutes":0}]}}}
        {"type":"rule-pack","pack":"up-to-order","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","scoring":{"level":"hour","bands":[{"slope":"1"},{"from":"1","slope":"0"}],"payment":[{"quantity":"effective","price":"price"}],"penalty":{"edge":"1","against":"delivered","price":"penaltyPrice"}}}
        {"type":"programme","programme":"reduce","version":1,"validFrom":"2026-01-01T00:00:00+08:00","service":"demandReduction","baselinePack":"two-of-three","scoringPack":"up-to-order","paidPer":"settlementPoint","precedence":1,"currency":"CNY","pricePerKwh":"2"}
        {"type":"enrolment","programme":"reduce","point":"C1","prequalifiedKw":500,"from":"2026-01-01T00:00:00+08:00"}
        {"type":"instruction","instruction":"I0","kind":"curtail","issuedBy":"dso","issuedAt":"2026-02-25T08:00:00+08:00","start":"2026-02-25T18:00:00+08:00","end":"2026-02-25T20:00:00+08:00","targets":[{"point":"C1","kw":40}]}
        """;

    private const string Call = """
        {"type":"instruction","instruction":"I1","kind":"curtail","issuedBy":"dso","issuedAt":"2026-02-27T08:00:00+08:00","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T20:00:00+08:00","targets":[{"point":"C1","kw":40}],"penaltyPerKwh":"1","programme":"reduce"}
        """;

    /// <summary>kWh an hour of each day from 22 February on; the 25th has a call and counts for nothing.</summary>
    private static readonly int[] HistoryKwh = [80, 100, 120, 500, 110];
    private static readonly Instant Midnight = Instant.FromUtc(2026, 2, 21, 16, 0);
    private static readonly Instant Notice = Instant.FromUtc(2026, 2, 27, 0, 0);

    [Fact]
    public void A_baseline_is_frozen_at_the_notice_completed_when_metered_and_never_changed()
    {
        using var town = Town(Terms);
        var frozen = town.Run("freeze", "I1");
        (frozen.Exit, frozen.Errors).ShouldBe((ExitCode.Done, ""));
        var open = town.Run("show", "delivery", "I1");
        Said(town.Run("freeze", "I1")).ShouldContain("already recorded, with the same result");
        var early = town.Run("freeze", "I1", "--complete");
        early.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        Said(early).ShouldContain("nothing completes it yet");
        // What was known later of earlier days is not the notice's: another result by it is refused.
        Import(town, """{"type":"register-reading-correction","point":"C1","direction":"import","readAt":"2026-02-24T19:00:00+08:00","supersedes":1,"indexSteps":6700000,"reason":"read again"}""");
        Said(town.Run("freeze", "I1")).ShouldContain("already recorded, with the same result");
        Said(town.Run("freeze", "I1", "--at", "130")).ShouldContain("AlreadyRegistered (207)");
        Import(town, OwnDay());
        var completed = town.Run("freeze", "I1", "--complete");
        completed.Exit.ShouldBe(ExitCode.Done, completed.Output + completed.Errors);
        Said(town.Run("freeze", "I1", "--complete")).ShouldContain("already recorded, with the same result");
        var delivery = town.Run("show", "delivery", "I1");
        Snapshot.Match(string.Join("\n", frozen.Output, open.Output, completed.Output, delivery.Output),
            "FrozenDelivery.pages");
        delivery.Output.ShouldContain("325 CNY");

        // Later versions, dated back: nobody settles an old call by them.
        Import(town, Pack("two-of-three", 2, -60) + "\n" + Pack("up-to-order", 2, "0.9"));
        Below(town.Run("show", "delivery", "I1").Output).ShouldBe(Below(delivery.Output));
        town.Run("replay", "--diff").Exit.ShouldBe(ExitCode.Done);
    }

    [Theory]
    // The pack pays up to 0.9 of the order: 76.5 kWh an hour, 153.00 each, less 5.00 of penalty.
    [InlineData(-120, "0.9", "301 CNY")]
    // The window is the last hour alone: 130, so the baseline is 130, the order 90, and 85 and 90 are paid, 5 missing.
    [InlineData(-60, "1", "345 CNY")]
    public void One_knot_or_one_window_of_a_pack_changes_the_amount_to_that_by_hand(int window, string knot, string net)
    {
        using var town = Town(Terms.Replace("\"fromMinutes\":-120", $"\"fromMinutes\":{window}")
            .Replace("\"from\":\"1\"", $"\"from\":\"{knot}\""));
        town.Run("freeze", "I1").Exit.ShouldBe(ExitCode.Done);
        Import(town, OwnDay());
        town.Run("freeze", "I1", "--complete").Exit.ShouldBe(ExitCode.Done);
        Said(town.Run("show", "delivery", "I1")).ShouldContain(net);
    }

    [Fact]
    public void What_another_programme_holds_is_not_paid_again()
    {
        using var town = Town(Terms);
        town.Run("freeze", "I1").Exit.ShouldBe(ExitCode.Done);
        Import(town, OwnDay());
        town.Run("freeze", "I1", "--complete").Exit.ShouldBe(ExitCode.Done);
        Import(town, """
            {"type":"programme","programme":"other","version":1,"validFrom":"2026-01-01T00:00:00+08:00","service":"reserve","baselinePack":"two-of-three","scoringPack":"up-to-order","paidPer":"settlementPoint","precedence":5,"currency":"CNY","pricePerKwh":"1"}
            {"type":"enrolment","programme":"other","point":"C1","prequalifiedKw":500,"from":"2026-01-01T00:00:00+08:00"}
            {"type":"delivery-claim","claim":"D1","programme":"other","point":"C1","direction":"import","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T19:00:00+08:00","energyKwh":30,"claimedBy":"cpo"}
            """);
        // 50 of 80 kWh are left of the first hour: 100.00 less 35.00; the second pays 170.00.
        var page = Said(town.Run("show", "delivery", "I1"));
        page.ShouldContain("235 CNY");
        page.ShouldContain("energy that another programme holds");
    }

    [Fact]
    public void Without_history_the_baseline_is_insufficient_and_nothing_looks_complete()
    {
        using var town = new SmallTown();
        Import(town, Terms);
        Import(town, Call);
        Said(town.Run("freeze", "I1", "--json")).ShouldContain("\"insufficient\": \"0 of 2 days needed\"");
        var page = Said(town.Run("show", "delivery", "I1"));
        Said(town.Run("show", "delivery", "I1", "--json")).ShouldContain("no baseline: 0 of 2 days needed");
        page.ShouldContain("unknown: something of it is unproven");
        Said(town.Run("freeze", "I0")).ShouldContain("UnknownProgramme (605)");
        Said(town.Run("freeze", "I9")).ShouldContain("UnknownInstruction (204)");
        Said(town.Run("show", "delivery", "I0")).ShouldContain("no baseline of it is frozen");
    }

    [Fact]
    public async Task At_a_bidirectional_connector_the_baseline_is_zero_and_needs_no_history()
    {
        await using var served = await ServedLedger.StartAsync();
        await served.RegisterConnectorAsync();
        foreach (var (path, body) in new[]
        {
            ("rule-packs", """{"pack":"zero","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00Z","baseline":{"method":"zero"}}"""),
            ("rule-packs", """{"pack":"all","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00Z","scoring":{"level":"interval","bands":[{"slope":"1"}],"payment":[{"quantity":"effective","price":"price"}]}}"""),
            ("programmes", """{"programme":"v2g","version":1,"validFrom":"2026-01-01T00:00:00Z","service":"export","baselinePack":"zero","scoringPack":"all","paidPer":"station","precedence":1,"currency":"CNY","pricePerKwh":"1.5"}"""),
            ("instructions", """{"instruction":"I1","kind":"export","issuedBy":"GRID","issuedAt":"2026-02-27T09:00:00Z","start":"2026-02-27T10:00:00Z","end":"2026-02-27T10:30:00Z","targets":[{"point":"CP1","kw":200}],"programme":"v2g"}"""),
        })
            (await served.PostAsync($"/v1/{path}", body)).Status.ShouldBe(201, path);
        (await served.GetAsync("/v1/deliveries?instruction=I1"))["notScored"].ShouldBe("no baseline of it is frozen");
        var first = await served.PostAsync("/v1/frozen-baselines", """{"instruction":"I1"}""");
        (first.Status, first["outcome"]).ShouldBe((201, "recorded"), first.Text);
        (await served.PostAsync("/v1/frozen-baselines", """{"instruction":"I1"}""")).Status.ShouldBe(200);
        (await served.PostAsync("/v1/frozen-baselines", """{"instruction":"I1","point":"CP2"}"""))["name"]
            .ShouldBe("UnknownSettlementPoint");
        var frozen = (await served.GetAsync("/v1/frozen-baselines?instruction=I1")).Json.GetProperty("baselines")[0];
        frozen.GetProperty("periods").EnumerateArray().Select(period => period.GetProperty("kwh").GetString())
            .ShouldBe(["0", "0"]);

        var unproven = await served.GetAsync("/v1/deliveries?instruction=I1");
        (unproven["net"], unproven.Json.GetProperty("shares")[0].GetProperty("unproven").GetArrayLength())
            .ShouldBe(("", 2));
        foreach (var (at, export) in new[] { ("10:00", "0"), ("10:15", "50"), ("10:30", "90") })
            foreach (var (direction, kwh) in new[] { ("import", "7"), ("export", export) })
                (await served.PostAsync("/v1/register-readings",
                    $$"""{"point":"CP1","direction":"{{direction}}","readAt":"2026-02-27T{{at}}:00Z","kwh":"{{kwh}}"}""")).Status.ShouldBe(201);
        var proven = await served.GetAsync("/v1/deliveries?instruction=I1");
        // 50 and 40 kWh at 1.5.
        (proven["net"], proven["provisional"]).ShouldBe(("135", "False"));
        proven.Json.GetProperty("periods").EnumerateArray()
            .Select(period => period.GetProperty("deficiencyKwh").GetString()).ShouldBe(["0", "10"]);
        (await served.GetAsync("/v1/deliveries?instruction=I2")).Status.ShouldBe(404);
        await TheDayPageShowsItAsync(served);
    }

    [Fact]
    public async Task Availability_is_paid_by_the_order_and_never_by_a_price_that_nobody_states()
    {
        await using var served = await ServedLedger.StartAsync();
        await served.RegisterConnectorAsync();
        foreach (var (path, body) in new[]
        {
            ("rule-packs", """{"pack":"zero","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00Z","baseline":{"method":"zero"}}"""),
            ("rule-packs", """{"pack":"ready","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00Z","scoring":{"level":"event","bands":[{"slope":"1"}],"payment":[{"quantity":"ordered","price":"capacityPrice"},{"quantity":"delivered","price":"price"}]}}"""),
            ("rule-packs", """{"pack":"ready","version":2,"provisional":false,"source":"a contract","validFrom":"2026-02-27T09:30:00Z","scoring":{"level":"event","bands":[{"slope":"1"}],"payment":[{"quantity":"ordered","price":"fixed","fixedPrice":"0.1"},{"quantity":"delivered","price":"price"}]}}"""),
            ("programmes", """{"programme":"v2g","version":1,"validFrom":"2026-01-01T00:00:00Z","service":"reserve","baselinePack":"zero","scoringPack":"ready","paidPer":"station","precedence":1,"currency":"CNY","pricePerKwh":"2"}"""),
            ("programmes", """{"programme":"v2g-late","version":1,"validFrom":"2026-01-01T00:00:00Z","service":"reserve","baselinePack":"zero","scoringPack":"ready","paidPer":"station","precedence":2,"currency":"CNY","pricePerKwh":"2"}"""),
            ("instructions", """{"instruction":"I1","kind":"export","issuedBy":"GRID","issuedAt":"2026-02-27T09:00:00Z","start":"2026-02-27T10:00:00Z","end":"2026-02-27T10:30:00Z","targets":[{"point":"CP1","kw":200}],"programme":"v2g"}"""),
            ("instructions", """{"instruction":"I2","kind":"export","issuedBy":"GRID","issuedAt":"2026-02-27T09:45:00Z","start":"2026-02-27T10:00:00Z","end":"2026-02-27T10:30:00Z","targets":[{"point":"CP1","kw":200}],"programme":"v2g-late"}"""),
            ("frozen-baselines", """{"instruction":"I1"}"""), ("frozen-baselines", """{"instruction":"I2"}"""),
        })
            (await served.PostAsync($"/v1/{path}", body)).Status.ShouldBe(201, path);
        foreach (var (at, export) in new[] { ("10:00", "0"), ("10:15", "50"), ("10:30", "90") })
            foreach (var (direction, kwh) in new[] { ("import", "7"), ("export", export) })
                (await served.PostAsync("/v1/register-readings",
                    $$"""{"point":"CP1","direction":"{{direction}}","readAt":"2026-02-27T{{at}}:00Z","kwh":"{{kwh}}"}""")).Status.ShouldBe(201);
        var unpriced = await served.GetAsync("/v1/deliveries?instruction=I1");
        (unpriced["net"], unpriced.Json.GetProperty("shares")[0].GetProperty("whyNot").GetString()).ShouldBe(("",
            "ready pays by a capacity or an energy price, which neither order nor programme states; a version of the pack can fix it"));
        // 100 kWh ordered at 0.1 and 90 delivered at 2.
        (await served.GetAsync("/v1/deliveries?instruction=I2"))["net"].ShouldBe("190");
    }

    private static async Task TheDayPageShowsItAsync(ServedLedger served)
    {
        (await served.GetAsync("/?day=2026-02-27")).Text.ShouldContain("No standing limit holds on this day");
        foreach (var (path, body) in new[]
        {
            ("standing-limits", """{"point":"CP1","kind":"connectionLimit","direction":"export","kw":150,"validFrom":"2026-01-01T00:00:00Z","source":"grid contract"}"""),
            ("enrolments", """{"programme":"v2g","point":"CP1","prequalifiedKw":200,"from":"2026-01-01T00:00:00Z"}"""),
            ("delivery-claims", """{"claim":"D<1>","programme":"v2g","point":"CP1","direction":"export","start":"2026-02-27T10:00:00Z","end":"2026-02-27T10:15:00Z","energyKwh":"50","claimedBy":"AGG"}"""),
            ("delivery-claims", """{"claim":"D1","programme":"v2g","point":"CP1","direction":"export","start":"2026-02-27T10:00:00Z","end":"2026-02-27T10:15:00Z","energyKwh":"50","claimedBy":"AGG"}"""),
        })
            (await served.PostAsync($"/v1/{path}", body)).Status.ShouldBe(body.Contains('<') ? 422 : 201, path);
        var page = (await served.GetAsync("/?day=2026-02-27")).Text;
        page.ShouldContain("<b>135.00</b> CNY net");
        page.ShouldContain("connection limit");
        page.ShouldContain("Energy claimed for a programme");
        page.ShouldContain("<td class=\"number\">50.000</td><td class=\"text\">held</td>");
    }

    /// <summary>
    /// Frozen and completed baselines come out again from the facts before their positions; one that was written
    /// otherwise is found with both values, although every hash is right.
    /// </summary>
    [Fact]
    public async Task Baselines_are_derived_again_when_the_ledger_is_verified()
    {
        using var town = Town(Terms);
        town.Run("freeze", "I1").Exit.ShouldBe(ExitCode.Done);
        Import(town, OwnDay());
        town.Run("freeze", "I1", "--complete").Exit.ShouldBe(ExitCode.Done);
        var whole = town.Run("verify");
        whole.Exit.ShouldBe(ExitCode.Done, whole.Output + whole.Errors);
        whole.Output.ShouldContain(" baselines=2 ");
        var options = new SqliteJournalOptions(
            town.Data, new LedgerId("town"), new StandingClock(SmallTown.Now), TestFolder.Secret);
        await using (var ledger = OpenLedger.Open(options))
        {
            var made = (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode)
                .OfType<BaselineFrozen>().Last();
            made.Periods[0].Kwh.ShouldBe(125m);
            var forged = made with { Periods = [made.Periods[0] with { Kwh = 126m }, .. made.Periods.Skip(1)] };
            await ledger.Journal.AppendAsync(Streams.Baselines(made.Instruction), ExpectedRevision.Any,
                [NewFact.At(forged, SmallTown.Now, new EvidenceKey("forged"))], TestFolder.Tester, null,
                TestContext.Current.CancellationToken);
            await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        }
        var found = town.Run("verify", "--json");
        found.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        Said(found).ShouldContain("126 kWh");
        Said(found).ShouldContain("125 kWh");
        Said(found).ShouldContain("baseline of C1 for I1");
    }

    /// <summary>The ledger at the notice: terms and history before the call's instruction.</summary>
    private static SmallTown Town(string terms)
    {
        var town = new SmallTown();
        Import(town, terms, Notice);
        var rows = new StringBuilder("point,register,read_at,kwh\n");
        var index = 0;
        for (var hour = 0; hour <= HistoryKwh.Length * 24; hour++)
        {
            rows.Append(Row(hour, index));
            if (hour < HistoryKwh.Length * 24) index += HistoryKwh[hour / 24];
        }
        Import(town, rows.ToString(), Notice);
        Import(town, Call, Notice);
        return town;
    }

    /// <summary>The call's own day: 100 kWh an hour, but 120 and 130 before the call, 45 and 30 in it.</summary>
    private static string OwnDay()
    {
        var rows = new StringBuilder("point,register,read_at,kwh\n");
        var index = HistoryKwh.Sum() * 24;
        for (var hour = 0; hour < 24; hour++)
        {
            index += hour switch { 16 => 120, 17 => 130, 18 => 45, 19 => 30, _ => 100 };
            rows.Append(Row((HistoryKwh.Length * 24) + hour + 1, index));
        }
        return rows.ToString();
    }

    private static string Row(int hour, int kwh) => string.Create(CultureInfo.InvariantCulture,
        $"C1,1.8.0,{InstantPattern.ExtendedIso.Format(Midnight + Duration.FromHours(hour))},{kwh}\n");

    private static string Pack(string name, int version, object changed) => Terms.Split('\n')
        .First(line => line.Contains($"\"pack\":\"{name}\"", StringComparison.Ordinal))
        .Replace("\"version\":1", $"\"version\":{version}")
        .Replace("\"fromMinutes\":-120", $"\"fromMinutes\":{changed}")
        .Replace("\"from\":\"1\"", $"\"from\":\"{changed}\"");

    private static void Import(SmallTown town, string text, Instant? now = null)
    {
        var run = town.RunAt(now ?? SmallTown.Now, "import", town.File(text.StartsWith('{') ? "facts.jsonl" : "readings.csv", text));
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
    }

    /// <summary>What a page says, however its lines are broken.</summary>
    private static string Said(CommandRun run) =>
        string.Join(' ', run.Output.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries));

    /// <summary>A page without the line that says from how many events it is known.</summary>
    private static string Below(string page) =>
        string.Join('\n', page.Split('\n').Where(line => !line.StartsWith("ledger", StringComparison.Ordinal)));
}
