using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Nobody owes by what others say, nobody learns another's prices, and nobody takes another's numbers.
/// </summary>
public sealed class AccessMoneyTests
{
    private const string Programmes = "/v1/programmes", Instructions = "/v1/instructions", Charges = "/v1/charge-records";

    private static string Programme(string id, string more, int version = 1) =>
        $$"""{"programme":"{{id}}","version":{{version}},"validFrom":"2026-01-01T00:00:00Z","service":"export","baselinePack":"zero","scoringPack":"uftp","noticeSeconds":3600,"tolerancePermille":50,"paidPer":"station","precedence":2,"currency":"CNY","pricePerKwh":"1.5"{{more}}}""";

    private static string Instruction(string id, string by, string programme) =>
        $$"""{"instruction":"{{id}}","kind":"export","issuedBy":"{{by}}","issuedAt":"2026-03-01T09:00:00Z","start":"2026-03-03T10:00:00Z","end":"2026-03-03T11:00:00Z","targets":[{"point":"CP1","kw":500}],"programme":"{{programme}}"}""";

    private static string Posted(string operation, AccessTown.Side side) =>
        side.In(AccessRequests.Posts.Single(post => post.Operation == operation).Body);

    private static Task TakeAsync(AccessTown town, string operation, AccessTown.Side side) =>
        town.TakeAsync(operation, Posted(operation, side), side.Account);

    /// <summary>The party in whose name the ledger's own operator publishes.</summary>
    private static string Ledger(AccessTown town) => town.Served.Ledger.Operator("set-up").Party.Value;

    [Fact]
    public async Task Nobody_publishes_a_programme_that_another_pays_nor_orders_in_one()
    {
        await using var town = await AccessTown.StartAsync();
        await TakeAsync(town, "settlement-point", AccessTown.Own);
        var (grid, other) = (town.Key(Role.GridOperator), await town.GiveAsync("gus", Role.GridOperator, "GRID2", []));
        (await town.PostAsync(other, Programmes, Programme("PR1", ",\"payer\":\"GRID\"")))["name"].ShouldBe("NotReached");
        (await town.PostAsync(other, Programmes, Programme("PR2", ",\"payer\":\"GRID2\""))).Status.ShouldBe(201);
        (await town.PostAsync(grid, Programmes, Programme("PR1", ",\"payer\":\"GRID\",\"payee\":\"AGG\""))).Status
            .ShouldBe(201);
        await town.TakeAsync("programme", Programme("PR7", ",\"payer\":\"GRID\""), Ledger(town));
        await town.TakeAsync("programme", Programme("PR8", ""), Ledger(town));
        foreach (var foreign in new[] { "PR1", "PR7", "PR9" })
            (await town.PostAsync(other, Instructions, Instruction("I" + foreign, "GRID2", foreign)))["name"]
                .ShouldBe("NotReached", foreign);
        foreach (var foreign in new[] { "PR2", "PR9" })
            (await town.PostAsync(grid, Instructions, Instruction("I" + foreign, "GRID", foreign)))["name"]
                .ShouldBe("NotReached", foreign);
        foreach (var own in new[] { "PR1", "PR7", "PR8" })
            (await town.PostAsync(grid, Instructions, Instruction("J" + own, "GRID", own))).Status.ShouldBe(201, own);
        (await town.PostAsync(other, Instructions, Instruction("KPR8", "GRID2", "PR8"))).Status.ShouldBe(201);
    }

    /// <summary>A run's name is its account's own, also where a clock shows one instant for two of them.</summary>
    [Fact]
    public async Task Two_accounts_call_runs_alike_at_one_instant()
    {
        await using var town = await AccessTown.StartAsync();
        foreach (var side in (AccessTown.Side[])[AccessTown.Own, AccessTown.Foreign])
        {
            foreach (var operation in (string[])["settlement-point", "tariff", "tariff-assignment"])
                await TakeAsync(town, operation, side);
            var key = await town.GiveAsync($"of-{side.Account}", Role.ChargingOperator, side.Account, []);
            foreach (var (name, day) in ((string, string)[])[("alike", "2026-02-27"), ("alike", "2026-02-26"),
                ($"{side.Account}-2026-02-25", "2026-02-25")])
            {
                var run = $$"""{"run":"{{name}}","account":"{{side.Account}}","day":"{{day}}"}""";
                var first = await town.PostAsync(key, "/v1/settlement-runs", run);
                first.Status.ShouldBe(201, first.Text);
                var again = await town.PostAsync(key, "/v1/settlement-runs", run);
                (again.Status, again["outcome"], again["position"]).ShouldBe((200, "alreadyRecorded", first["position"]));
            }
            (await town.GetAsync(key, "/v1/settlement-runs")).Json.GetProperty("runs").EnumerateArray()
                .Select(run => run.GetProperty("run").GetString()).ShouldBe(["alike", "alike", $"{side.Account}-2026-02-25"]);
        }
    }

    [Fact]
    public async Task Power_held_ready_is_owed_only_by_an_enrolment_that_who_pays_has_recorded()
    {
        await using var town = await AccessTown.StartAsync();
        var (acme, grid) = (town.Key(Role.ChargingOperator), town.Key(Role.GridOperator));
        await TakeAsync(town, "settlement-point", AccessTown.Own);
        const string paid = ",\"payer\":\"GRID\",\"availabilityPerKwHour\":\"0.5\"";
        (await town.PostAsync(grid, Programmes, Programme("PR1", paid))).Status.ShouldBe(201);
        var (enrolment, availability) = (Posted("enrolment", AccessTown.Own), Posted("availability", AccessTown.Own));
        (await town.PostAsync(acme, "/v1/enrolments", enrolment))["name"].ShouldBe("NotAuthorised");
        (await town.PostAsync(acme, "/v1/availabilities", availability))["name"].ShouldBe("NotEnrolled");
        (await LinesAsync(town)).ShouldBeEmpty();
        // An enrolment of before the programme paid for it does not become one that was proven.
        (await town.PostAsync(grid, Programmes, Programme("PR3", ""))).Status.ShouldBe(201);
        (await town.PostAsync(acme, "/v1/enrolments", enrolment.Replace("PR1", "PR3"))).Status.ShouldBe(201);
        (await town.PostAsync(grid, Programmes, Programme("PR3", paid, version: 2))).Status.ShouldBe(201);
        (await town.PostAsync(acme, "/v1/availabilities", availability.Replace("PR1", "PR3")))["name"]
            .ShouldBe("NotAuthorised");
        (await LinesAsync(town)).ShouldBeEmpty();

        // The payer enrols, and declares nothing in the participant's place.
        (await town.PostAsync(grid, "/v1/enrolments", enrolment)).Status.ShouldBe(201);
        (await town.PostAsync(grid, "/v1/availabilities", availability))["detail"]
            .ShouldBe("scope availability:write is needed");
        (await town.PostAsync(acme, "/v1/availabilities", availability)).Status.ShouldBe(201);
        (await LinesAsync(town)).ShouldHaveSingleItem().ShouldBe(("PR1", new PartyId("GRID"), -750.5m));
    }

    /// <summary>A grid operator reaches every point, and brings none into a programme that is not its own; whoever owns
    /// the point takes part where it likes.</summary>
    [Fact]
    public async Task A_grid_operator_enrols_in_its_own_programmes_alone()
    {
        await using var town = await AccessTown.StartAsync();
        var (acme, grid) = (town.Key(Role.ChargingOperator), town.Key(Role.GridOperator));
        var other = await town.GiveAsync("gus", Role.GridOperator, "GRID2", []);
        await TakeAsync(town, "settlement-point", AccessTown.Own);
        (await town.PostAsync(grid, Programmes, Programme("PR1", ""))).Status.ShouldBe(201);
        await town.TakeAsync("programme", Programme("PR7", ",\"payer\":\"GRID\",\"availabilityPerKwHour\":\"0.5\""), Ledger(town));
        await town.TakeAsync("programme", Programme("PR8", ""), Ledger(town));
        var enrolment = Posted("enrolment", AccessTown.Own);
        string[] all = ["PR1", "PR7", "PR8", "PR9"];
        foreach (var programme in all)
            (await town.PostAsync(other, "/v1/enrolments", enrolment.Replace("PR1", programme)))["name"]
                .ShouldBe("NotReached", programme);
        foreach (var foreign in new[] { "PR8", "PR9" })
            (await town.PostAsync(grid, "/v1/enrolments", enrolment.Replace("PR1", foreign)))["detail"]
                .ShouldBe("there is no such programme, or it is not yours", foreign);
        foreach (var own in new[] { "PR1", "PR7" })
            (await town.PostAsync(grid, "/v1/enrolments", enrolment.Replace("PR1", own))).Status.ShouldBe(201, own);
        (await town.PostAsync(acme, "/v1/enrolments", enrolment.Replace("PR1", "PR8"))).Status.ShouldBe(201);
        var end = Posted("enrolment-end", AccessTown.Own);
        (await town.PostAsync(other, "/v1/enrolment-ends", end))["name"].ShouldBe("NotReached");
        (await town.PostAsync(grid, "/v1/enrolment-ends", end.Replace("PR1", "PR8")))["name"].ShouldBe("NotReached");
        (await town.PostAsync(grid, "/v1/enrolment-ends", end)).Status.ShouldBe(201);
        (await town.PostAsync(acme, "/v1/enrolment-ends", end.Replace("PR1", "PR7"))).Status.ShouldBe(201);
    }

    /// <summary>
    /// Whoever orders writes the penalty: 500 kW of export that do not come for an hour at 1000 a kWh, less the
    /// tolerance of 50 per mille. An owner owes it who takes part: by his own enrolment, or by what he has declared
    /// under one of the buyer's.
    /// </summary>
    [Fact]
    public async Task A_buyer_penalises_nobody_who_takes_part_in_nothing_also_where_it_enrols_him_itself()
    {
        await using var town = await AccessTown.StartAsync();
        var (acme, grid) = (town.Key(Role.ChargingOperator), town.Key(Role.GridOperator));
        await TakeAsync(town, "settlement-point", AccessTown.Own);
        foreach (var direction in (string[])["import", "export"])
            await town.TakeAsync("register", Posted("register", AccessTown.Own)
                .Replace("import", direction, StringComparison.Ordinal), "ACME");
        await town.RecordAsync("""{"type":"rule-pack","pack":"zero","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00Z","baseline":{"method":"zero"}}""");
        await town.RecordAsync("""{"type":"rule-pack","pack":"uftp","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00Z","scoring":{"level":"interval","bands":[{"slope":"1"}],"payment":[{"quantity":"effective","price":"price"}],"penalty":{"edge":"1","against":"delivered","price":"penaltyPrice"}}}""");
        string[] programmes = ["NONE", "BUYER", "DECLARED", "OWN"];
        foreach (var programme in programmes)
            (await town.PostAsync(grid, Programmes, Programme(programme, ",\"payer\":\"GRID\""))).Status.ShouldBe(201);
        foreach (var (programme, by) in ((string, AccessKeyText)[])[("BUYER", grid), ("DECLARED", grid), ("OWN", acme)])
            (await town.PostAsync(by, "/v1/enrolments", Posted("enrolment", AccessTown.Own).Replace("PR1", programme)))
                .Status.ShouldBe(201, programme);
        (await town.PostAsync(acme, "/v1/availabilities", Posted("availability", AccessTown.Own)
            .Replace("PR1", "DECLARED").Replace("03-02T1", "03-03T1"))).Status.ShouldBe(201);
        foreach (var programme in programmes)
        {
            (await town.PostAsync(grid, Instructions, Instruction($"I{programme}", "GRID", programme)
                .Replace("\"programme\"", "\"penaltyPerKwh\":\"1000\",\"programme\""))).Status.ShouldBe(201, programme);
            (await town.PostAsync(grid, "/v1/frozen-baselines", $$"""{"instruction":"I{{programme}}"}""")).Status
                .ShouldBe(201, programme);
        }
        town.Served.Clock.Now = Instant.FromUtc(2026, 3, 4, 0, 0);
        foreach (var minutes in (int[])[0, 15, 30, 45, 60])
            foreach (var direction in (string[])["import", "export"])
                await town.TakeAsync("register-reading", $$"""
                    {"point":"CP1","direction":"{{direction}}","readAt":"{{Instant.FromUtc(2026, 3, 3, 10, 0) + Duration.FromMinutes(minutes)}}","kwh":"1.000"}
                    """, "ACME");
        var (ledger, ct) = (town.Served.Ledger, TestContext.Current.CancellationToken);
        await ledger.CatchUpAsync(ct);
        async Task<List<string>> PenaltiesAsync(string ruleVersion) =>
            [.. (await FlexibilityStatements.OfAsync(ledger.Journal, ledger.Views, new("ACME"), new(2026, 3, 3),
                ledger.Journal.Length, ruleVersion, ct)).Lines
                .GroupBy(line => line.Programme.Value).Select(lines => $"{lines.Key} {lines.Sum(line => line.Amount)}")
                .Order(StringComparer.Ordinal)];
        (await PenaltiesAsync(Settlement.NewestRuleVersion)).ShouldBe(
            ["BUYER 0", "DECLARED 475000", "NONE 0", "OWN 475000"]);
        (await PenaltiesAsync(Settlement.InTimeRuleVersion)).ShouldBe(
            ["BUYER 500000", "DECLARED 500000", "NONE 500000", "OWN 500000"]);
        (await town.GetAsync(acme, "/v1/deliveries?instruction=IBUYER")).Json.GetProperty("shares")[0]
            .GetProperty("whyNoPenalty").GetString()
            .ShouldBe("CP1 was enrolled in BUYER by GRID, who buys there, and has declared nothing under it");
    }

    /// <summary>What ACME is owed for flexibility on the day of the declaration: 750.5 kW for two hours at 0.5.
    /// </summary>
    private static async Task<List<(string Programme, PartyId Payer, decimal Amount)>> LinesAsync(
        AccessTown town)
    {
        var (ledger, ct) = (town.Served.Ledger, TestContext.Current.CancellationToken);
        await ledger.CatchUpAsync(ct);
        return [.. (await FlexibilityStatements.OfAsync(ledger.Journal, ledger.Views, new("ACME"),
            new LocalDate(2026, 3, 2), ledger.Journal.Length, Settlement.NewestRuleVersion, ct)).Lines
            .Select(line => ($"{line.Programme}", line.Payer, line.Amount!.Value))];
    }

    [Fact]
    public async Task A_tariff_is_assigned_once_it_is_there_so_nobody_waits_for_anothers_prices()
    {
        await using var town = await AccessTown.StartAsync();
        var acme = town.Key(Role.ChargingOperator);
        string Assigned(string tariff) =>
            $$"""{"account":"ACME","tariff":"{{tariff}}","validFrom":"2026-01-01T00:00:00Z"}""";
        (await town.PostAsync(acme, "/v1/tariff-assignments", Assigned("T2")))["name"].ShouldBe("NotReached");
        await TakeAsync(town, "tariff", AccessTown.Foreign);
        (await town.PostAsync(acme, "/v1/tariff-assignments", Assigned("T2")))["name"].ShouldBe("NotReached");
        (await town.GetAsync(acme, "/v1/tariffs")).Text.ShouldNotContain("T2");
        // One that dangles in an older journal prices nothing.
        await TakeAsync(town, "settlement-point", AccessTown.Own);
        await town.TakeAsync("tariff-assignment", Assigned("T9"), "ACME");
        (await town.PostAsync(acme, "/v1/settlement-runs", Posted("settlement-run", AccessTown.Own)))["name"]
            .ShouldBe("UnknownTariff");
        await town.TakeAsync("tariff", Posted("tariff", AccessTown.Own), Ledger(town));
        (await town.PostAsync(acme, "/v1/tariff-assignments",
            Assigned("T1").Replace("2026-01-01", "2026-01-02"))).Status.ShouldBe(201);
    }

    [Fact]
    public async Task Nobody_takes_the_numbers_of_anothers_charge_records()
    {
        await using var town = await AccessTown.StartAsync();
        var evil = await town.GiveAsync("eve", Role.ChargingOperator, "EVIL", []);
        var beta = await town.GiveAsync("lee", Role.ChargingOperator, "BETA", []);
        await TakeAsync(town, "settlement-point", AccessTown.Foreign);
        await town.TakeAsync("settlement-point", Posted("settlement-point", AccessTown.Foreign)
            .Replace("CP2", "CP9").Replace("\"S2\"", "\"S9\"").Replace("BETA", "EVIL"), "EVIL");
        var record = Posted("charge-record", AccessTown.Foreign);
        (await town.PostAsync(evil, Charges, record.Replace("CP2", "CP9").Replace("vat\":5", "vat\":9"))).Status
            .ShouldBe(201);
        (await town.PostAsync(beta, Charges, record)).Status.ShouldBe(201);
        (await town.PostAsync(beta, Charges, record)).Status.ShouldBe(200);
        (await town.PostAsync(beta, Charges, record.Replace("vat\":5", "vat\":6"))).Status.ShouldBe(409);
        // The names of an issuer and of a record may hold the sign that parts them.
        string Named(string party, string id, int cost) => record.Replace("\"ABC\"", $"\"{party}\"")
            .Replace("\"CDR2\"", $"\"{id}\"").Replace("vat\":5", $"vat\":{cost}");
        (await town.PostAsync(beta, Charges, Named("A", "B/C", 7))).Status.ShouldBe(201);
        (await town.PostAsync(beta, Charges, Named("A/B", "C", 8))).Status.ShouldBe(201);
        var streams = (await TestFolder.AllAsync(town.Served.Ledger.Journal))
            .Where(recorded => EventCodec.Decode(recorded) is ChargeRecorded)
            .Select(recorded => recorded.Envelope.Stream).ToList();
        streams.ShouldBe(["cdr/EVIL|CN*ABC|CDR2", "cdr/BETA|CN*ABC|CDR2", "cdr/BETA|CN*A|B/C", "cdr/BETA|CN*A/B|C"]);

        // Each reads his own, and who reads both is asked whose.
        const string one = "/v1/ocpi/cdrs/CDR2";
        (await CostAsync(evil, one), await CostAsync(beta, one)).ShouldBe((9, 5));
        var auditor = town.Key(Role.Auditor);
        var both = await town.GetAsync(auditor, one);
        (both.Status, both["detail"]).ShouldBe(
            (400, "record CDR2 is of several: account EVIL and issuer CN*ABC, account BETA and issuer CN*ABC"));
        (await CostAsync(auditor, $"{one}?account=BETA"), await CostAsync(auditor, $"{one}?account=EVIL&issuer=cn*abc"))
            .ShouldBe((5, 9));
        (await town.GetAsync(beta, $"{one}?account=EVIL")).Status.ShouldBe(404);
        (await town.GetAsync(beta, one.Replace("CDR2", "CDR"))).Status.ShouldBe(404);
        async Task<int> CostAsync(AccessKeyText key, string path) => (await town.GetAsync(key, path)).Json
            .GetProperty("data").GetProperty("total_cost").GetProperty("excl_vat").GetInt32();
    }

    [Fact]
    public async Task A_charge_of_an_older_journal_goes_on_where_it_is_and_one_that_was_taken_holds_nobody_up()
    {
        await using var town = await AccessTown.StartAsync();
        var beta = await town.GiveAsync("lee", Role.ChargingOperator, "BETA", []);
        await TakeAsync(town, "settlement-point", AccessTown.Foreign);
        await town.TakeAsync("settlement-point", Posted("settlement-point", AccessTown.Foreign)
            .Replace("CP2", "CP9").Replace("\"S2\"", "\"S9\"").Replace("BETA", "EVIL"), "EVIL");
        var recorder = town.Served.Ledger.Recorder;
        async Task BeforeAsync(string id, string point)
        {
            var old = new ChargeRecorded(new("CN*ABC"), new(id), new(point), Instant.FromUtc(2026, 2, 1, 10, 0),
                Instant.FromUtc(2026, 2, 1, 12, 0), Energy.FromWattHours(10_000), "CNY", 5m, null, null, null);
            (await recorder.RecordAsync(Streams.ChargeRecord(old.Operator, old.Record), ChargeRecordState.Empty,
                ChargeRecords.Evolve, state => ChargeRecords.Decide(state, new(old, [old.Point]), old.Point,
                    AccessTown.Now), town.Served.Ledger.Operator("set-up"), TestContext.Current.CancellationToken))
                .ShouldBeOfType<RecordOutcome.Recorded>();
        }
        await BeforeAsync("CDR2", "CP2");
        // A stream of before also has its names as they were written.
        var small = new ChargeRecorded(new("cn*abc"), new("cdr5"), new("CP2"), Instant.FromUtc(2026, 2, 1, 10, 0),
            Instant.FromUtc(2026, 2, 1, 12, 0), Energy.FromWattHours(10_000), "CNY", 5m, null, null, null);
        await recorder.AppendAsync(Streams.ChargeRecord(new("BETA"), small.Operator, small.Record),
            [new NewFact(small, new Interval(small.Start, small.End), new EvidenceKey("small"))],
            town.Served.Ledger.Operator("set-up"), TestContext.Current.CancellationToken);
        await BeforeAsync("CDR3", "CP9");
        var record = Posted("charge-record", AccessTown.Foreign);
        (await town.PostAsync(beta, Charges, record)).Status.ShouldBe(200);
        (await town.PostAsync(beta, Charges, record.Replace("CDR2", "CDR5"))).Status.ShouldBe(200);
        (await town.PostAsync(beta, Charges, record.Replace("CDR2", "CDR4").Replace("vat\":5", "vat\":-5")
            .Replace("\"currency\"", "\"credit\":true,\"credit_reference_id\":\"CDR2\",\"currency\""))).Status
            .ShouldBe(201);
        (await town.PostAsync(beta, Charges, record.Replace("CDR2", "CDR3"))).Status.ShouldBe(201);
        (await TestFolder.AllAsync(town.Served.Ledger.Journal))
            .Where(recorded => EventCodec.Decode(recorded) is ChargeRecorded { Point.Value: "CP2" })
            .Select(recorded => recorded.Envelope.Stream).ShouldBe(["charge-record/CN*ABC/CDR2",
                "cdr/BETA|cn*abc|cdr5", "charge-record/CN*ABC/CDR2", "cdr/BETA|CN*ABC|CDR3"]);
    }
}
