using System.Net;
using System.Net.Sockets;
using System.Text;
using Ledger.Api;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using MediatR;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The HTTP interface over real Kestrel: every resource, its statuses, and what it refuses.</summary>
public sealed class ApiTests
{
    private const string Reading =
        """{"point":"CP1","direction":"import","readAt":"2026-03-01T01:00:00Z","kwh":"1.000"}""";

    [Fact]
    public async Task Every_resource_takes_its_fact_and_knows_it_again()
    {
        await using var served = await ServedLedger.StartAsync();
        var facts = new (string Path, string Body)[]
        {
            ("settlement-points", """{"point":"CP1","station":"S1","kind":"connector","owner":"ACME","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}"""),
            ("registers", """{"point":"CP1","direction":"import","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00Z"}"""),
            ("register-readings", Reading),
            ("instructions", """{"instruction":"I1","kind":"export","issuedBy":"GRID","issuedAt":"2026-03-01T09:00:00Z","start":"2026-03-03T10:00:00Z","end":"2026-03-03T11:00:00Z","targets":[{"point":"CP1","kw":500}],"toleranceKw":"10","rampSeconds":60,"pricePerKwh":"2","penaltyPerKwh":"0.5"}"""),
            ("instruction-clocks", """{"instruction":"I1","point":"CP1","clock":"received","at":"2026-03-01T09:00:02Z","source":"csms"}"""),
            ("charging-facts", """{"point":"CP1","start":"2026-03-01T10:00:00Z","end":"2026-03-01T10:30:00Z","reason":"noVehicle","source":"csms"}"""),
            ("charging-states", """{"point":"CP1","at":"2026-03-01T10:30:00Z","connected":true,"stateOfChargePercent":"62.5","vehicleExportKw":400,"source":"csms"}"""),
            ("reason-claims", """{"instruction":"I1","point":"CP1","reason":"safety","claimedBy":"ACME"}"""),
            ("withdrawals", """{"instruction":"I1","at":"2026-03-02T00:00:00Z","reason":"no need"}"""),
            ("programmes", """{"programme":"PR1","version":1,"validFrom":"2026-01-01T00:00:00Z","service":"export","baselinePack":"zero","scoringPack":"uftp","noticeSeconds":3600,"tolerancePermille":50,"paidPer":"station","precedence":2,"sharesWith":["PR2"],"currency":"CNY","pricePerKwh":"1.5"}"""),
            ("enrolments", """{"programme":"PR1","point":"CP1","prequalifiedKw":800,"from":"2026-01-01T00:00:00Z"}"""),
            ("availabilities", """{"programme":"PR1","point":"CP1","declaredAt":"2026-02-01T00:00:00Z","start":"2026-03-02T10:00:00Z","end":"2026-03-02T12:00:00Z","availableKw":"750.5"}"""),
            ("declared-schedules", """{"point":"CP1","declaredBy":"ACME","declaredAt":"2026-02-28T02:00:00Z","start":"2026-03-01T10:00:00Z","periodMinutes":15,"kw":[700,"-20.5"]}"""),
            ("session-requests", """{"point":"CP1","requestedAt":"2026-03-01T09:00:00Z","arrival":"2026-03-01T10:00:00Z","departure":"2026-03-01T12:00:00Z","requestedKwh":"40.5","vehicleMaxKw":50,"source":"csms"}"""),
            ("charge-records", """{"country_code":"CN","party_id":"ABC","id":"R1","start_date_time":"2026-02-01T10:00:00Z","end_date_time":"2026-02-01T12:00:00Z","cdr_token":{"uid":"04A2","contract_id":"C1"},"cdr_location":{"evse_id":"CP1"},"currency":"CNY","charging_periods":[],"total_cost":{"excl_vat":5},"total_energy":10}"""),
            ("outages", """{"point":"CP1","start":"2026-02-01T10:00:00Z","end":"2026-02-01T12:00:00Z","source":"csms"}"""),
            ("delivery-claims", """{"claim":"D1","programme":"PR1","point":"CP1","direction":"export","start":"2026-03-01T10:00:00Z","end":"2026-03-01T10:15:00Z","energyKwh":"187.625","claimedBy":"ACME"}"""),
            ("enrolment-ends", """{"programme":"PR1","point":"CP1","at":"2026-04-01T00:00:00Z","reason":"sold"}"""),
            ("tariffs", """{"tariff":"T1","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00Z","rules":[{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"00:00","to":"24:00","period":"flat"}],"prices":[{"period":"flat","importPerKwh":"0.7","exportPerKwh":"0.6"}]}"""),
            ("standing-limits", """{"point":"CP1","kind":"operatingEnvelope","direction":"import","steps":[{"daily":"08:00","kw":400},{"daily":"20:00","kw":null}],"zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00Z","source":"DSO 2026-7"}"""),
            ("rule-packs", """{"pack":"half","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00Z","scoring":{"level":"hour","bands":[{"slope":"0.5"}],"payment":[{"quantity":"effective","price":"price"}]}}"""),
            ("tariff-assignments", """{"account":"ACME","tariff":"T1","validFrom":"2026-01-01T00:00:00Z"}"""),
            ("meter-classes", """{"meterSerial":"M1","accuracyClass":"0.5S","validFrom":"2026-01-01T00:00:00Z"}"""),
            ("meter-keys", """{"meterSerial":"M1","publicKey":"30AB","validFrom":"2026-01-01T00:00:00Z"}"""),
            ("signing-keys", """{"key":"ledger.example/test+7a864099+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"}"""),
            ("point-places", """{"point":"CP1","parent":"F1","validFrom":"2026-01-01T00:00:00Z"}"""),
            ("loss-factors", """{"point":"CP1","lossFactor":"0.02","fixedKw":1,"validFrom":"2026-01-01T00:00:00Z"}"""),
        };
        for (var i = 0; i < facts.Length; i++)
        {
            var first = await served.PostAsync($"/v1/{facts[i].Path}", facts[i].Body);
            first.Status.ShouldBe(201, $"{facts[i].Path}: {first.Text}");
            (first["outcome"], first["position"], first.Position).ShouldBe(("recorded", $"{i}", $"{i}"));
            var again = await served.PostAsync($"/v1/{facts[i].Path}", facts[i].Body);
            again.Status.ShouldBe(200, $"{facts[i].Path}: {again.Text}");
            // Also where a rule knew it by its state alone, who sends it again is told where it is.
            (again["outcome"], again["position"], again.Position).ShouldBe(("alreadyRecorded", $"{i}", $"{i}"),
                facts[i].Path);
        }
        served.Ledger.Journal.Length.ShouldBe(facts.Length);
    }

    [Fact]
    public async Task A_key_gets_the_first_answer_again_and_refuses_another_body()
    {
        await using var served = await ServedLedger.StartAsync();
        await served.RegisterConnectorAsync();
        var first = await served.PostAsync("/v1/register-readings", Reading, "k1");
        var again = await served.PostAsync("/v1/register-readings", Reading, "k1");
        (again.Status, again.Text).ShouldBe((first.Status, first.Text));
        again.Response.Headers.GetValues("Idempotency-Hit").ShouldBe(["true"]);
        first.Response.Headers.Contains("Idempotency-Hit").ShouldBeFalse();
        (await served.PostAsync("/v1/register-readings", Reading.Replace("1.000", "2.000"), "k1")).Status.ShouldBe(422);
        (await served.PostAsync("/v1/register-readings", Reading.Replace("1.000", "2.000"))).Status.ShouldBe(409);
        (await served.PostAsync("/v1/register-readings", Reading, "no blanks")).Status.ShouldBe(400);
    }

    [Fact]
    public async Task A_problem_names_code_rule_and_field()
    {
        await using var served = await ServedLedger.StartAsync();
        var refused = await served.PostAsync("/v1/register-readings", Reading.Replace("1.000", "1.0o0"));
        (refused.Status, refused.Media).ShouldBe((422, "application/problem+json"));
        (refused["code"], refused["name"], refused["type"], refused["title"], refused["status"])
            .ShouldBe(("109", "NotANumber", "urn:ledger:refusal:NotANumber", "Not a number", "422"));
        refused["detail"]!.ShouldStartWith("kwh is");
        (await served.PostAsync("/v1/register-readings", "{\"point\":")).Json.GetProperty("code").GetInt32()
            .ShouldBe(104);
        (await served.PostAsync("/v1/register-readings", new string('[', 5000))).Status.ShouldBe(422);
        (await served.PostAsync("/v1/register-readings", "")).Status.ShouldBe(422);
        var nowhere = await served.GetAsync("/v2");
        (nowhere.Status, nowhere["name"], nowhere.Media).ShouldBe((404, "NoResource", "application/problem+json"));
        (await served.GetAsync("/v1/withdrawals"))["status"].ShouldBe("405");
        (await served.PostAsync("/v1/settlement-runs", """{"run":"r","account":"A","day":"today"}"""))["name"]
            .ShouldBe("InvalidTime");
        (await served.PostAsync("/v1/settlement-runs", """{"run":"r","account":"A","day":"2026-03-01"}"""))["name"]
            .ShouldBe("UnknownSettlementPoint");
        (await served.GetAsync("/v1/refusals")).Json.GetProperty("refusals").GetArrayLength()
            .ShouldBeGreaterThanOrEqualTo(5);
    }

    [Fact]
    public async Task A_fall_of_the_register_is_quarantined()
    {
        await using var served = await ServedLedger.StartAsync();
        await served.RegisterConnectorAsync();
        await served.PostAsync("/v1/register-readings", Reading.Replace("1.000", "500.000"));
        var held = await served.PostAsync("/v1/register-readings", Reading.Replace("T01", "T02"));
        (held.Status, held["outcome"], held["name"]).ShouldBe((202, "quarantined", "ChangeOfBasis"));
    }

    [Fact]
    public async Task A_file_is_taken_part_by_part()
    {
        await using var served = await ServedLedger.StartAsync();
        await served.RegisterConnectorAsync();
        const string rows = "point,register,read_at,kwh\nCP1,1.8.0,2026-03-01T01:00:00Z,1.000\nCP1,1.8.0,never,2.000\n";
        var taken = await served.PostAsync("/v1/imports?name=readings.csv", rows);
        (taken.Status, taken["ledger"], taken["format"], taken["recorded"], taken["refused"])
            .ShouldBe((200, "test", "register readings", "1", "1"));
        var uncounted = taken.Json.GetProperty("uncounted")[0];
        (uncounted.GetProperty("standing").GetString(), uncounted.GetProperty("code").GetInt32())
            .ShouldBe(("refused", 114));
        (await served.PostAsync("/v1/imports?name=readings.csv", rows))["alreadyThere"].ShouldBe("1");
        (await served.PostAsync("/v1/imports", rows)).Status.ShouldBe(400);
        (await served.PostAsync("/v1/curves?point=CP1&sentAt=soon", "time,kw\n")).Status.ShouldBe(400);
        (await served.PostAsync("/v1/curves?point=CP1", "nothing that is read here")).Status.ShouldBe(422);
    }

    [Fact]
    public async Task Reads_answer_as_of_a_position()
    {
        await using var served = await ServedLedger.StartAsync();
        (await served.GetAsync("/v1/settlement-points")).Position.ShouldBeNull();
        await served.RegisterConnectorAsync();
        var now = await served.GetAsync("/v1/registers?point=CP1");
        (now.Status, now.Position, now.Json.GetProperty("registers").GetArrayLength()).ShouldBe((200, "2", 2));
        var before = await served.GetAsync("/v1/registers?point=CP1&asOf=1");
        (before.Position, before["asOf"], before.Json.GetProperty("registers").GetArrayLength())
            .ShouldBe(("1", "1", 1));
        foreach (var path in new[]
        {
            "/v1/exports?day=2026-03-01", "/v1/balances?station=S1&day=2026-03-01", "/v1/meters", "/v1/station-tree",
            "/v1/interval-records?point=CP1&day=2026-03-01", "/v1/instructions", "/v1/tariffs", "/v1/rule-packs",
            "/v1/declared-schedules?point=CP1", "/v1/session-requests?point=CP1", "/v1/outages?point=CP1",
            "/v1/settlement-runs?account=ACME&day=2026-03-01", "/v1/refusals", "/v1/journal", "/health/live",
            "/health/ready", "/v1/run-publications", "/v1/run-deltas", "/v1/month-closes", "/v1/disputes",
            "/v1/fact-uses?position=0",
            "/openapi/v1.json", "/",
        })
            (await served.GetAsync(path)).Status.ShouldBe(200, path);
        foreach (var path in new[] { "/v1/exports", "/v1/exports?day=1", "/v1/refusals?asOf=99", "/v1/refusals?asOf=-1",
            "/v1/compliance" })
            (await served.GetAsync(path)).Status.ShouldBe(400, path);
        (await served.GetAsync("/v1/compliance?instruction=I9"))["name"].ShouldBe("UnknownInstruction");
        foreach (var path in new[] { "/v1/statement-lines?run=R9", "/v1/statement-entries?run=R9",
            "/v1/statement-rows?run=R9", "/v1/explanations?run=R9",
            "/v1/explanations?run=R9&line=1", "/v1/run-differences?before=R8&after=R9" })
            (await served.GetAsync(path))["name"].ShouldBe("UnknownRun", path);
        (await served.GetAsync("/v1/fact-uses?position=99"))["name"].ShouldBe("OutOfRange");
        (await served.GetAsync("/v1/journal"))["digest"].ShouldBe(Convert.ToHexStringLower(served.Ledger.Journal.Root));
    }

    [Fact]
    public async Task The_document_describes_every_resource()
    {
        await using var served = await ServedLedger.StartAsync();
        var paths = (await served.GetAsync("/openapi/v1.json")).Json.GetProperty("paths");
        foreach (var path in new[]
        {
            "settlement-points", "registers", "register-readings", "curves", "instructions", "instruction-clocks",
            "withdrawals",
            "charging-facts", "charging-states", "reason-claims", "tariffs", "tariff-assignments", "settlement-runs",
            "imports",
        })
            paths.GetProperty($"/v1/{path}").GetProperty("post").GetProperty("responses").TryGetProperty("429", out _)
                .ShouldBeTrue(path);
    }

    [Fact]
    public async Task A_body_that_is_too_large_and_a_queue_that_is_full_are_refused()
    {
        await using var served = await ServedLedger.StartAsync(options =>
            options with { FileBytesMax = 2 << 20, FileRequestsMax = 1 });
        (await served.PostAsync("/v1/register-readings", new string(' ', 1_048_577)))["name"].ShouldBe("TooLarge");
        (await served.PostAsync("/v1/imports?name=x", new string('x', (2 << 20) + 1))).Status.ShouldBe(413);
        Answer refused;
        do
        {
            // The half sent file and the whole one race for the one place; the loser of a round is refused and gone.
            using var slow = await HalfSentAsync(served.Client.BaseAddress!);
            refused = await served.PostAsync("/v1/imports?name=x", "x");
        } while (refused.Status == 200);
        (refused.Status, refused["name"], refused.Response.Headers.RetryAfter?.ToString()).ShouldBe((429, "Busy", "1"));
        (await served.PostAsync("/v1/register-readings", Reading)).Status.ShouldBe(422);
    }

    /// <summary>A request of a file whose last byte does not come.</summary>
    internal static async Task<TcpClient> HalfSentAsync(Uri server)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, server.Port, TestContext.Current.CancellationToken);
        await client.GetStream().WriteAsync(
            Encoding.ASCII.GetBytes(
                $"POST /v1/imports?name=slow HTTP/1.1\r\nHost: {server.Authority}\r\nContent-Length: 10\r\n\r\nhalf"),
            TestContext.Current.CancellationToken);
        return client;
    }

    [Fact]
    public async Task Only_this_machine_and_its_own_pages_are_served()
    {
        LedgerServer.WhyNot(IPAddress.Any).ShouldNotBeNull().ShouldContain("needs access keys (--access keys) and TLS");
        LedgerServer.WhyNot(IPAddress.IPv6Loopback).ShouldBeNull();
        await using var served = await ServedLedger.StartAsync();
        (await served.PostAsync("/v1/register-readings", Reading, null, ("Host", "ledger.example"))).Status
            .ShouldBe(403);
        (await served.PostAsync("/v1/register-readings", Reading, null, ("Origin", "https://elsewhere.example"))).Status
            .ShouldBe(403);
        (await served.PostAsync("/v1/register-readings", Reading, null, ("X-Forwarded-For", "192.0.2.7"))).Status
            .ShouldBe(403);
        var page = await served.GetAsync("/");
        page.Response.Headers.GetValues("Content-Security-Policy").Single().ShouldStartWith("default-src 'none'");
        page.Response.Headers.Contains("Server").ShouldBeFalse();
    }

    [Fact]
    public async Task A_view_that_stopped_fails_readiness_loudly_and_facts_are_still_recorded()
    {
        await using var served = await ServedLedger.StartAsync();
        await served.RegisterConnectorAsync();
        await served.GetAsync("/v1/tariffs");
        // A withdrawal of an instruction that no view knows: a fact that no door would let in.
        await served.Ledger.Journal.AppendAsync("instruction/X", ExpectedRevision.Any,
            [Domain.NewFact.At(new Domain.InstructionWithdrawn(new("X"), TestFolder.Start, "no reason"),
                TestFolder.Start, new("x"))],
            TestFolder.Tester, null, TestContext.Current.CancellationToken);
        (await served.GetAsync("/v1/tariffs"))["name"].ShouldBe("ViewsStopped");
        Answer ready;
        do ready = await served.GetAsync("/health/ready");
        while (ready.Status == 200);
        (ready.Status, ready["name"]).ShouldBe((503, "NotReady"));
        served.Errors.ToString().ShouldContain("ALARM the views stopped at position 3");
        (await served.PostAsync("/v1/register-readings", Reading)).Status.ShouldBe(201);
    }

    /// <summary>Nothing is known of what is not there, and it is not said as if it were there.</summary>
    [Theory]
    [InlineData("interval-records?point=nope&day=2026-03-01", "settlement point nope")]
    [InlineData("interval-records?point=nope&day=2026-03-01&limit=5", "settlement point nope")]
    [InlineData("interval-records?point=nope&from=2026-03-01&to=2026-03-02", "settlement point nope")]
    [InlineData("register-readings?point=nope&day=2026-03-01", "settlement point nope")]
    [InlineData("balances?station=nope&day=2026-03-01", "station nope")]
    public async Task A_name_that_nobody_registered_is_not_there(string path, string what)
    {
        await using var served = await ServedLedger.StartAsync();
        await served.RegisterConnectorAsync();
        var answer = await served.GetAsync($"/v1/{path}");
        (answer.Status, answer["name"]).ShouldBe((404, "NotReached"));
        answer.Text.ShouldContain($"there is no {what}, or ");
        // What is registered and has nothing is answered as before.
        (await served.GetAsync($"/v1/{path.Replace("station=nope", "station=S1").Replace("nope", "CP1")}")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Every_route_resolves_its_handler_when_the_program_is_composed()
    {
        using var folder = new TestFolder();
        await using var ledger = OpenLedger.Open(folder.Options);
        ledger.Routes.Inputs.ShouldContain(typeof(RunSettlement));
        foreach (var input in ledger.Routes.Inputs)
            ledger.Resolves(typeof(Command<>).MakeGenericType(input)).ShouldBeTrue(input.Name);
    }
}
