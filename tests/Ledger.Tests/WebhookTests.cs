using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Ledger.Api;
using Ledger.Api.Access;
using Ledger.Api.Webhooks;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Subscribers are told what they may know, signed, in order, again until they take it, and nowhere else.
/// </summary>
public sealed class WebhookTests
{
    private static readonly WebhookOptions Options = new()
    {
        AllowedNetworks = [IPNetwork.Parse("127.0.0.0/8")],
        Every = Duration.FromDays(1), // a test says when it is looked
        Patience = Duration.FromSeconds(5),
    };

    private static Task<ServedLedger> ServeAsync(Func<ServerOptions, ServerOptions>? more = null) =>
        ServedLedger.StartAsync(options => more is null ? options with { Webhooks = Options }
            : more(options with { Webhooks = Options }), new FrameLogOptions(""));

    private static async Task<(string Webhook, byte[] Secret)> SubscribeAsync(
        ServedLedger served, HookReceiver receiver, string events, int afterSeconds = 60)
    {
        var made = await served.PostAsync("/v1/webhooks",
            $$"""{"url":"{{receiver.Url}}","events":[{{events}}],"afterSeconds":{{afterSeconds}}}""");
        made.Status.ShouldBe(201, made.Text);
        return (made["webhook"]!, Convert.FromBase64String(made["secret"]!["whsec_".Length..]));
    }

    private static async Task PublishAsync(ServedLedger served, string run, string account = "ACME", int day = 1) =>
        await served.Ledger.Journal.AppendAsync(Streams.Settlement(new(account), new LocalDate(2026, 2, day)),
            ExpectedRevision.Any, [NewFact.At(new SettlementRunPublished(new(run), new(account), new(2026, 2, day), "kim",
                "lee", new(new string('1', 64)), new(new string('2', 64)), [], new(1, 1, 1, 1, 1, 0)),
                served.Clock.Now, new EvidenceKey($"{run} {account} {day}"))], served.Ledger.Operator("test"), null,
            TestContext.Current.CancellationToken);

    private static async Task<List<(string Type, string Standing, int Attempts, string? Detail)>> DeliveriesAsync(
        ServedLedger served, string webhook) =>
        [.. (await served.GetAsync($"/v1/webhook-deliveries?webhook={webhook}")).Json.GetProperty("deliveries")
            .EnumerateArray().Reverse().Select(each => (each.GetProperty("type").GetString()!,
                each.GetProperty("standing").GetString()!, each.GetProperty("attempts").GetInt32(),
                each.GetProperty("detail").GetString()))];

    /// <summary>The example of the specification: another program's signature.</summary>
    [Fact]
    public void A_signature_is_that_of_the_specification() => WebhookSignature.Of(
        Convert.FromBase64String("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "msg_p5jXN8AQM9LWM0D4loKWxJek",
        Instant.FromUnixTimeSeconds(1614265330), "{\"test\": 2432232314}"u8)
        .ShouldBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");

    [Fact]
    public async Task A_published_run_is_told_once_and_signed()
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var served = await ServeAsync();
        await PublishAsync(served, "R0"); // before there was anybody to tell
        var (webhook, secret) = await SubscribeAsync(served, receiver, "\"run.published\"");
        await PublishAsync(served, "R1");
        await served.TellAsync();
        await served.TellAsync();
        var told = receiver.Came.ShouldHaveSingleItem();
        told.Path.ShouldBe("/hook");
        told.Body.ShouldBe("""{"type":"run.published","timestamp":"2026-03-02T00:00:00Z","data":{"run":"R1","account":"ACME","day":"2026-02-01","position":"1"}}""");
        told.Signature.ShouldBe(
            WebhookSignature.Of(secret, told.Id, served.Clock.Now, Encoding.UTF8.GetBytes(told.Body)));
        told.Timestamp.ShouldBe(served.Clock.Now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
        (await DeliveriesAsync(served, webhook)).ShouldBe([("run.published", "delivered", 1, "No Content")]);
        (await served.GetAsync("/v1/webhooks")).Text.ShouldNotContain("whsec_");
    }

    /// <summary>A run's name is its account's own, for a day.</summary>
    [Fact]
    public async Task Runs_of_one_name_are_told_each()
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var served = await ServeAsync();
        await SubscribeAsync(served, receiver, "\"run.published\"");
        foreach (var (account, day) in ((string, int)[])[("ACME", 1), ("ACME", 2), ("BETA", 1)])
            await PublishAsync(served, "R1", account, day);
        await served.TellAsync();
        receiver.Came.Select(each => JsonDocument.Parse(each.Body).RootElement.GetProperty("data"))
            .Select(data => $"{data.GetProperty("run")} {data.GetProperty("account")} {data.GetProperty("day")}")
            .ShouldBe(["R1 ACME 2026-02-01", "R1 ACME 2026-02-02", "R1 BETA 2026-02-01"]);
    }

    [Fact]
    public async Task What_is_not_taken_is_tried_again_later_and_what_follows_waits_for_it()
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var served = await ServeAsync();
        var (webhook, _) = await SubscribeAsync(served, receiver, "\"run.published\"");
        foreach (var status in (int[])[500, 503, 302, 429]) receiver.Answers.Enqueue(status);
        await PublishAsync(served, "R1");
        await PublishAsync(served, "R2");
        var waits = new List<double>();
        for (var attempt = 1; attempt <= 4; attempt++)
        {
            await served.TellAsync();
            await served.TellAsync(); // it is not time yet
            receiver.Came.Count.ShouldBe(attempt);
            var row = (await served.GetAsync($"/v1/webhook-deliveries?webhook={webhook}")).Json
                .GetProperty("deliveries")[1];
            var next = NodaTime.Text.InstantPattern.ExtendedIso.Parse(row.GetProperty("next").GetString()!).Value;
            waits.Add((next - served.Clock.Now).TotalSeconds);
            served.Clock.Now = next;
        }
        for (var i = 0; i < 4; i++) waits[i].ShouldBeInRange(2.5 * (1 << i), 7.5 * (1 << i));
        await served.TellAsync();
        receiver.Came.Select(each => each.Body.Contains("R1", StringComparison.Ordinal)).ShouldBe([true, true, true, true, true, false]);
        receiver.Came.ShouldAllBe(each => each.Path == "/hook"); // nothing is followed elsewhere
        receiver.Came.Take(5).Select(each => each.Id).Distinct().ShouldHaveSingleItem();
        receiver.Came.Select(each => each.Signature).Distinct().Count().ShouldBe(6); // each of its own second
        (await DeliveriesAsync(served, webhook)).Select(each => (each.Standing, each.Attempts))
            .ShouldBe([("delivered", 5), ("delivered", 1)]);
    }

    [Fact]
    public async Task What_is_refused_as_such_is_dead_at_once_and_can_be_driven_again()
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var served = await ServeAsync();
        var (webhook, _) = await SubscribeAsync(served, receiver, "\"run.published\"");
        receiver.Answers.Enqueue(422);
        await PublishAsync(served, "R1");
        await PublishAsync(served, "R2");
        await served.TellAsync();
        (await DeliveriesAsync(served, webhook)).Select(each => (each.Standing, each.Attempts))
            .ShouldBe([("dead", 1), ("delivered", 1)]);
        (await served.PostAsync("/v1/webhook-redrives", $$"""{"webhook":"{{webhook}}","delivery":"msg_0"}""")).Status.ShouldBe(404);
        var again = await served.PostAsync("/v1/webhook-redrives", $$"""{"webhook":"{{webhook}}"}""");
        (again.Status, again["waiting"]).ShouldBe((202, "1"));
        await served.TellAsync();
        (await DeliveriesAsync(served, webhook)).Select(each => each.Standing).ShouldBe(["delivered", "delivered"]);
        receiver.Came.Count.ShouldBe(3);
    }

    [Fact]
    public async Task Who_takes_nothing_for_a_day_has_dead_letters_and_after_five_days_is_told_no_more()
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var served = await ServeAsync();
        var (webhook, _) = await SubscribeAsync(served, receiver, "\"run.published\"");
        for (var i = 0; i < 1000; i++) receiver.Answers.Enqueue(500);
        async Task PassAsync(int hours)
        {
            for (var hour = 0; hour < hours; hour++)
            {
                served.Clock.Now += Duration.FromHours(1);
                await served.TellAsync();
            }
        }
        await PublishAsync(served, "R1");
        await served.TellAsync();
        await PassAsync(25);
        var dead = (await DeliveriesAsync(served, webhook)).ShouldHaveSingleItem();
        (dead.Standing, dead.Detail).ShouldBe(("dead", "given up: Internal Server Error"));
        (await served.GetAsync("/v1/webhooks")).Json.GetProperty("webhooks")[0].GetProperty("standing").GetString().ShouldBe("failing");
        for (var day = 2; day <= 6; day++)
        {
            await PublishAsync(served, $"R{day}");
            await PassAsync(24);
        }
        var row = (await served.GetAsync("/v1/webhooks")).Json.GetProperty("webhooks")[0];
        (row.GetProperty("standing").GetString(), row.GetProperty("ended").GetString())
            .ShouldBe(("ended", "nothing was taken for 5 days"));
        (await DeliveriesAsync(served, webhook)).ShouldAllBe(each => each.Standing == "dead");
        (await served.PostAsync("/v1/webhook-redrives", $$"""{"webhook":"{{webhook}}"}""")).Status.ShouldBe(409);
        var came = receiver.Came.Count;
        await PublishAsync(served, "R9");
        await PassAsync(2);
        receiver.Came.Count.ShouldBe(came);
    }

    /// <summary>Between the two there was nothing to tell, and the second is still tried.</summary>
    [Fact]
    public async Task Who_refused_one_thing_and_misses_another_days_later_is_told_all_the_same()
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var served = await ServeAsync();
        var (webhook, _) = await SubscribeAsync(served, receiver, "\"run.published\"");
        foreach (var status in (int[])[422, 503]) receiver.Answers.Enqueue(status);
        async Task<string?> StandingAsync() => (await served.GetAsync("/v1/webhooks")).Json.GetProperty("webhooks")[0]
            .GetProperty("standing").GetString();
        await PublishAsync(served, "R1");
        await served.TellAsync();
        served.Clock.Now += Duration.FromDays(6);
        await PublishAsync(served, "R2");
        await served.TellAsync();
        receiver.Came.Count.ShouldBe(2);
        (await StandingAsync()).ShouldBe("failing");
        served.Clock.Now += Duration.FromMinutes(1);
        await served.TellAsync();
        (await DeliveriesAsync(served, webhook)).Select(each => each.Standing).ShouldBe(["dead", "delivered"]);
        (await StandingAsync()).ShouldBe("active");
    }

    [Fact]
    public async Task What_ended_is_listed_for_a_while_and_then_forgotten()
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var served = await ServeAsync(options => options with
        {
            Webhooks = Options with { EndedPerPartyMax = 10 },
        });
        var made = new List<string>();
        for (var i = 0; i < 20; i++)
        {
            served.Clock.Now += Duration.FromSeconds(1);
            made.Add((await SubscribeAsync(served, receiver, "\"run.published\"")).Webhook);
            (await served.PostAsync("/v1/webhook-endings", $$"""{"webhook":"{{made[^1]}}","reason":"moved"}""")).Status.ShouldBe(200);
        }
        async Task<string?[]> ListedAsync() => [.. (await served.GetAsync("/v1/webhooks")).Json.GetProperty("webhooks")
            .EnumerateArray().Select(each => each.GetProperty("webhook").GetString())];
        (await ListedAsync()).ShouldBe(made.Skip(9)); // the ten that ended last before the twentieth was made
        served.Clock.Now += Duration.FromDays(29);
        await served.TellAsync();
        (await ListedAsync()).Length.ShouldBe(11);
        served.Clock.Now += Duration.FromDays(2);
        await served.TellAsync();
        (await ListedAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_instruction_that_nobody_acknowledges_and_silence_during_a_call_are_told_in_time()
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var served = await ServeAsync();
        await served.RegisterConnectorAsync();
        await SubscribeAsync(served, receiver, "\"instruction.unacknowledged\",\"telemetry.stale\"", 120);
        served.Clock.Now = Instant.FromUtc(2026, 3, 2, 10, 0);
        foreach (var (order, start) in ((string, string)[])[("I1", "10:30"), ("I2", "10:30")])
            (await served.PostAsync("/v1/instructions", $$"""{"instruction":"{{order}}","kind":"curtail","issuedBy":"GRID","issuedAt":"2026-03-02T10:00:00Z","start":"2026-03-02T{{start}}:00Z","end":"2026-03-02T11:00:00Z","targets":[{"point":"CP1","kw":5}]}"""))
                .Status.ShouldBe(201);
        (await served.PostAsync("/v1/instruction-clocks", """{"instruction":"I2","point":"CP1","clock":"acknowledged","at":"2026-03-02T10:00:00Z","source":"csms"}"""))
            .Status.ShouldBe(201);
        async Task<string[]> ToldAtAsync(int minute, int second)
        {
            served.Clock.Now = Instant.FromUtc(2026, 3, 2, 10, minute, second);
            var before = receiver.Came.Count;
            await served.TellAsync();
            return [.. receiver.Came.Skip(before).Select(each => JsonDocument.Parse(each.Body).RootElement)
                .Select(each => $"{each.GetProperty("type")} {each.GetProperty("data").GetProperty("instruction")} {each.GetProperty("data").GetProperty("since")}")
                .Order(StringComparer.Ordinal)];
        }
        (await ToldAtAsync(1, 59)).ShouldBeEmpty();
        (await ToldAtAsync(2, 0)).ShouldBe(["instruction.unacknowledged I1 2026-03-02T10:00:00Z"]);
        (await ToldAtAsync(31, 59)).ShouldBeEmpty();
        (await ToldAtAsync(32, 0)).ShouldBe(["telemetry.stale I1 2026-03-02T10:30:00Z", "telemetry.stale I2 2026-03-02T10:30:00Z"]);
        (await ToldAtAsync(45, 0)).ShouldBeEmpty(); // the same silence
        (await served.PostAsync("/v1/withdrawals", """{"instruction":"I2","at":"2026-03-02T10:45:00Z","reason":"no need"}""")).Status.ShouldBe(201);
        (await served.PostAsync("/v1/curves?point=CP1", "time,kw\n2026-03-02T10:30:00Z,1\n2026-03-02T10:45:00Z,1\n")).Status.ShouldBe(201);
        (await ToldAtAsync(46, 59)).ShouldBeEmpty(); // until then it is known
        (await ToldAtAsync(47, 0)).ShouldBe(["telemetry.stale I1 2026-03-02T10:45:00Z"]);
    }

    /// <summary>What is issued and withdrawn is told whoever reaches a target, once, and nobody before it subscribed.
    /// </summary>
    [Fact]
    public async Task An_instruction_is_told_to_those_whom_it_concerns_when_it_is_issued_and_withdrawn()
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var town = await AccessTown.StartAsync(options: given => given with { Webhooks = Options });
        foreach (var side in (AccessTown.Side[])[AccessTown.Own, AccessTown.Foreign])
            await town.TakeAsync("settlement-point", side.In(AccessRequests.Posts[0].Body), side.Account);
        Task OrderAsync(string order, string targets) => town.TakeAsync("instruction", $$"""{"instruction":"{{order}}","kind":"curtail","issuedBy":"GRID","issuedAt":"2026-03-02T00:00:00Z","start":"2026-03-02T10:30:00Z","end":"2026-03-02T11:00:00Z","targets":[{{targets}}]}""", "GRID");
        const string own = """{"point":"CP1","kw":5}""", foreign = """{"point":"CP2","kw":5}""";
        await OrderAsync("I0", own);
        foreach (var (role, path) in ((Role, string)[])[(Role.ChargingOperator, "cpo"), (Role.Aggregator, "agg"),
            (Role.GridOperator, "dso")])
            (await town.PostAsync(town.Key(role), "/v1/webhooks",
                $$"""{"url":"{{receiver.Url}}/{{path}}","events":["instruction.issued","instruction.withdrawn"]}"""))
                .Status.ShouldBe(201);
        town.Served.Clock.Now += Duration.FromSeconds(1);
        await OrderAsync("I1", own);
        await OrderAsync("I2", foreign);
        await OrderAsync("I3", $"{own},{foreign}");
        await town.TakeAsync("instruction-withdrawal", """{"instruction":"I1","at":"2026-03-02T00:00:01Z","reason":"no need"}""", "GRID");
        await town.Served.TellAsync();
        await town.Served.TellAsync();
        string[] Told(string path) => [.. receiver.Came
            .Where(each => each.Path.EndsWith(path, StringComparison.Ordinal))
            .Select(each => JsonDocument.Parse(each.Body).RootElement)
            .Select(each => $"{each.GetProperty("type")} {each.GetProperty("data").GetProperty("instruction")}")];
        string[] concerned = ["instruction.issued I1", "instruction.issued I3", "instruction.withdrawn I1"];
        Told("/cpo").ShouldBe(concerned);
        Told("/agg").ShouldBe(concerned);
        Told("/dso").ShouldBe(["instruction.issued I1", "instruction.issued I2", "instruction.issued I3", "instruction.withdrawn I1"]);
        // The address learns no figure: whoever is told asks.
        receiver.Came.ShouldAllBe(each => JsonDocument.Parse(each.Body, default).RootElement.GetProperty("data")
            .EnumerateObject().Count() == 2);
    }

    [Fact]
    public async Task Each_is_told_of_its_own_and_no_more_when_its_key_has_ended()
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var served = await ServedLedger.StartAsync(options => options with
        {
            Webhooks = Options,
            Access = new(IsRequired: true),
        }, hasIdentity: true);
        var (acme, beta) = (await KeyAsync(served, "kim", "ACME"), await KeyAsync(served, "lou", "BETA"));
        async Task<Answer> AskAsync(AccessKeyText key, HttpMethod method, string path, string? body = null)
        {
            using var request = new HttpRequestMessage(method, path);
            request.Headers.Authorization = new("Bearer", key.Shown);
            if (body is not null) request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            using var response = await served.Client.SendAsync(request, TestContext.Current.CancellationToken);
            return await Answer.OfAsync(response);
        }
        var subscription = $$"""{"url":"{{receiver.Url}}","events":["run.published"]}""";
        // Nobody waits for what it would never be told.
        var never = await AskAsync(acme, HttpMethod.Post, "/v1/webhooks", subscription.Replace("]", ",\"verification.failed\"]"));
        (never.Status, never["detail"]).ShouldBe((403, "scope access:read is needed"));
        var own = (await AskAsync(acme, HttpMethod.Post, "/v1/webhooks", subscription))["webhook"]!;
        (await AskAsync(beta, HttpMethod.Get, $"/v1/webhook-deliveries?webhook={own}")).Status.ShouldBe(404);
        (await AskAsync(beta, HttpMethod.Post, "/v1/webhook-endings", $$"""{"webhook":"{{own}}","reason":"x"}""")).Status.ShouldBe(404);
        (await AskAsync(beta, HttpMethod.Get, "/v1/webhooks")).Json.GetProperty("webhooks").GetArrayLength().ShouldBe(0);
        await PublishAsync(served, "RB", "BETA");
        await PublishAsync(served, "RA");
        await served.TellAsync();
        receiver.Came.ShouldHaveSingleItem().Body.ShouldContain("\"RA\"");
        await served.Ledger.Intake.TakeFactAsync(new Submission(Encoding.UTF8.GetBytes(
            $$"""{"type":"access-key-revocation","key":"{{acme.Key}}","reason":"left"}"""), "test"), null,
            served.Ledger.Operator("test"), new("revoke"), TestContext.Current.CancellationToken);
        await PublishAsync(served, "RC");
        // What is known of keys may be a quarter of a second old.
        await Task.Delay(300, TestContext.Current.CancellationToken);
        await served.TellAsync();
        receiver.Came.Count.ShouldBe(1);
    }

    private static async Task<AccessKeyText> KeyAsync(ServedLedger served, string holder, string party)
    {
        var key = AccessKeyText.Create();
        await served.Ledger.Intake.TakeFactAsync(new Submission(Encoding.UTF8.GetBytes(
            $$"""{"type":"access-key","key":"{{key.Key}}","secretSha256":"{{key.Digest}}","holder":"{{holder}}","role":"chargingOperator","party":"{{party}}","expires":"2026-04-01T00:00:00Z"}"""),
            "test"), null, served.Ledger.Operator("test"), new($"key {holder}"), TestContext.Current.CancellationToken);
        return key;
    }

    [Fact]
    public async Task A_view_that_stops_is_told()
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var served = await ServeAsync();
        var (webhook, _) = await SubscribeAsync(served, receiver, "\"projection.stopped\"");
        await served.Ledger.Journal.AppendAsync("instruction/X", ExpectedRevision.Any,
            [NewFact.At(new InstructionWithdrawn(new("X"), served.Clock.Now, "no reason"), served.Clock.Now,
                new EvidenceKey("x"))], served.Ledger.Operator("test"), null,
            TestContext.Current.CancellationToken);
        for (var i = 0; i < 1500 && receiver.Came.IsEmpty; i++) // the views follow by themselves
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
            await served.TellAsync();
        }
        receiver.Came.ShouldHaveSingleItem().Body.ShouldContain("""{"projection":"CurtailmentCompliance","position":"0"}""");
        served.Errors.GetStringBuilder().Clear();
    }

    [Theory]
    [InlineData("https://hooks.example/x", null)]
    [InlineData("http://hooks.example/x", "a public address is sent to with https alone")]
    [InlineData("ftp://hooks.example/x", "it is https, or http within an allowed network")]
    [InlineData("https://kim:x@hooks.example/", "it has no user and no fragment")]
    [InlineData("https://127.0.0.1/", "127.0.0.1 is no public address")]
    [InlineData("https://[::1]/", "::1 is no public address")]
    [InlineData("https://[::ffff:10.0.0.1]/", "10.0.0.1 is no public address")]
    [InlineData("https://169.254.169.254/latest/meta-data", "169.254.169.254 is no public address")]
    [InlineData("https://2130706433/", "127.0.0.1 is no public address")]
    [InlineData("https://0x7f.1/", "127.0.0.1 is no public address")]
    [InlineData("https://[fd00::1]/", "fd00::1 is no public address")]
    [InlineData("https://[64:ff9b::a00:1]/", "64:ff9b::a00:1 is no public address")]
    [InlineData("https://100.64.0.1/", "100.64.0.1 is no public address")]
    [InlineData("https://224.0.0.1/", "224.0.0.1 is no public address")]
    [InlineData("https://93.184.215.14/", null)]
    public void An_address_within_is_not_sent_to(string url, string? why) =>
        WebhookTargets.WhyNot(new Uri(url), []).ShouldBe(why);

    [Theory]
    [InlineData("10.1.2.3", false, null)]
    [InlineData("10.2.0.1", true, "10.2.0.1 is no public address")]
    [InlineData("93.184.215.14", false, "a public address is sent to with https alone")]
    [InlineData("93.184.215.14", true, null)]
    public void An_allowed_network_is_sent_to_without_tls_too(string address, bool isSecure, string? why) =>
        WebhookTargets.WhyNot(IPAddress.Parse(address), isSecure, [IPNetwork.Parse("10.1.0.0/16")]).ShouldBe(why);

    [Fact]
    public async Task A_name_that_means_an_address_within_is_not_connected_to()
    {
        await using var served = await ServedLedger.StartAsync(options => options with
        {
            Webhooks = Options with { AllowedNetworks = [] },
        });
        var made = await served.PostAsync("/v1/webhooks", """{"url":"https://localhost:9/","events":["run.published"]}""");
        made.Status.ShouldBe(201);
        await PublishAsync(served, "R1");
        await served.TellAsync();
        var tried = (await DeliveriesAsync(served, made["webhook"]!)).ShouldHaveSingleItem();
        (tried.Standing, tried.Attempts).ShouldBe(("waiting", 1));
        tried.Detail.ShouldBe("localhost is no public address"); // and not what the name means here
        foreach (var (wrong, status) in ((string, int)[])[
            ("""{"url":"https://10.0.0.1/","events":["run.published"]}""", 422), ("""{"url":"x","events":["run.published"]}""", 422),
            ("""{"url":"https://a.example/","events":[]}""", 422), ("""{"url":"https://a.example/","events":["x"]}""", 422),
            ("""{"url":"https://a.example/","events":["run.published"],"afterSeconds":0}""", 422), ("""{"url":""", 422),
            ("""{"url":"https://a.example/","events":["run.published"],"secret":"mine"}""", 422)])
            (await served.PostAsync("/v1/webhooks", wrong)).Status.ShouldBe(status, wrong);
    }

    [Fact]
    public async Task Where_data_is_kept_nobody_is_subscribed_and_nothing_is_sent()
    {
        await using var served = await ServeAsync(options => options with
        {
            Access = AccessOptions.Open with { KeepsDataHere = true },
        });
        var refused = await served.PostAsync("/v1/webhooks", """{"url":"https://a.example/","events":["run.published"]}""");
        (refused.Status, refused["detail"]).ShouldBe((403, "data is kept here: nothing is sent to another machine"));
    }
}
