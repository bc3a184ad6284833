using System.Net;
using System.Text.Json;
using Ledger.Api;
using Ledger.Api.Webhooks;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Ledger.Projections;
using Microsoft.Data.Sqlite;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Each subscriber is told in a time of its own, with what it may know when it is told, and late rather than
/// never.</summary>
public sealed class WebhookTurnTests
{
    private static readonly WebhookOptions Options = new()
    {
        AllowedNetworks = [IPNetwork.Parse("127.0.0.0/8")],
        Every = Duration.FromDays(1), // a test says when it is looked
        Patience = Duration.FromSeconds(5),
    };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static async Task PublishAsync(OpenLedger ledger, Instant now, string run) =>
        await ledger.Journal.AppendAsync(Streams.Settlement(new("ACME"), new LocalDate(2026, 2, 1)),
            ExpectedRevision.Any, [NewFact.At(new SettlementRunPublished(new(run), new("ACME"), new(2026, 2, 1), "kim",
                "lee", new(new string('1', 64)), new(new string('2', 64)), [], new(1, 1, 1, 1, 1, 0)), now,
                new EvidenceKey(run))], ledger.Operator("test"), null, Ct);

    private static string[] Told(HookReceiver receiver, string path, string member) => [.. receiver.Came
        .Where(each => each.Path.EndsWith(path, StringComparison.Ordinal))
        .Select(each => JsonDocument.Parse(each.Body).RootElement)
        .Select(each => $"{each.GetProperty("type")} {each.GetProperty("data").GetProperty(member)}")];

    [Fact]
    public async Task One_that_does_not_answer_keeps_nobody_else_waiting()
    {
        await using var receiver = await HookReceiver.StartAsync();
        var go = new TaskCompletionSource();
        receiver.Slow = ("/slow", go.Task);
        await using var served = await ServedLedger.StartAsync(options => options with
        {
            Webhooks = Options with { Every = Duration.FromMilliseconds(20), Patience = Duration.FromHours(1) },
        });
        foreach (var path in (string[])["slow", "quick"])
            (await served.PostAsync("/v1/webhooks", $$"""{"url":"{{receiver.Url}}/{{path}}","events":["run.published"]}"""))
                .Status.ShouldBe(201);
        await PublishAsync(served.Ledger, served.Clock.Now, "R1");
        for (var i = 0; i < 3000 && receiver.Came.Count < 2; i++) await Task.Delay(20, Ct);
        await PublishAsync(served.Ledger, served.Clock.Now, "R2"); // while the first one is waited for
        for (var i = 0; i < 1500 && receiver.Came.Count < 3; i++) await Task.Delay(20, Ct);
        Told(receiver, "/quick", "run").ShouldBe(["run.published R1", "run.published R2"]);
        Told(receiver, "/slow", "run").ShouldBe(["run.published R1"]);
        go.SetResult();
        for (var i = 0; i < 1500 && receiver.Came.Count < 4; i++) await Task.Delay(20, Ct);
        Told(receiver, "/slow", "run").ShouldBe(["run.published R1", "run.published R2"]);
    }

    /// <summary>That takes hours, and what waits needs none of them; who subscribes meanwhile is told of what comes
    /// then.</summary>
    [Fact]
    public async Task While_rows_are_computed_anew_what_waits_is_sent()
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var served = await ServedLedger.StartAsync(options => options with { Webhooks = Options });
        string Asked(string path) => $$"""{"url":"{{receiver.Url}}/{{path}}","events":["run.published"]}""";
        (await served.PostAsync("/v1/webhooks", Asked("x"))).Status.ShouldBe(201);
        receiver.Answers.Enqueue(503);
        await PublishAsync(served.Ledger, served.Clock.Now, "R1");
        await served.TellAsync();
        await served.StopServerAsync();
        var views = Path.Combine(served.Options.Directory, OpenLedger.ViewsFileName);
        // The lease of who computes them is not to be had.
        UnversionedViews.On(views, "UPDATE projected SET row_version = 0; UPDATE lease SET name = '-' WHERE name = 'next'");
        await PublishAsync(served.Ledger, served.Clock.Now, "R2");
        served.Clock.Now += Duration.FromMinutes(1);
        await using (var again = await LedgerServer.StartAsync(served.Ledger, new(IPAddress.Loopback, 0)
        {
            Webhooks = Options with { Every = Duration.FromMilliseconds(20) },
        }, TextWriter.Null, Ct))
        {
            for (var i = 0; i < 3000 && receiver.Came.Count < 2; i++) await Task.Delay(20, Ct);
            Told(receiver, "/x", "run").ShouldBe(["run.published R1", "run.published R1"]);
            RowVersions.Others(served.Ledger.Views, StandardProjections.All).ShouldNotBeEmpty();
            using var client = new HttpClient { BaseAddress = again.Url };
            using var body = new ByteArrayContent(System.Text.Encoding.UTF8.GetBytes(Asked("y")));
            (await client.PostAsync("/v1/webhooks", body, Ct)).StatusCode.ShouldBe(HttpStatusCode.Created);
            await PublishAsync(served.Ledger, served.Clock.Now, "R3");
            UnversionedViews.On(views, "UPDATE lease SET name = 'next' WHERE name = '-'");
            for (var i = 0; i < 3000 && receiver.Came.Count < 5; i++) await Task.Delay(20, Ct);
        }
        Told(receiver, "/x", "run")[2..].ShouldBe(["run.published R2", "run.published R3"]);
        Told(receiver, "/y", "run").ShouldBe(["run.published R3"]);
    }

    /// <summary>Much may wait for one subscriber, and its key may end meanwhile.</summary>
    [Fact]
    public async Task A_key_is_asked_for_again_before_each_delivery()
    {
        await using var receiver = await HookReceiver.StartAsync();
        var go = new TaskCompletionSource();
        receiver.Slow = ("/slow", go.Task);
        await using var town = await AccessTown.StartAsync(options: given => given with
        {
            Webhooks = Options with { Patience = Duration.FromHours(1) },
        });
        var key = town.Key(Role.ChargingOperator);
        (await town.PostAsync(key, "/v1/webhooks", $$"""{"url":"{{receiver.Url}}/slow","events":["run.published"]}"""))
            .Status.ShouldBe(201);
        foreach (var run in (string[])["R1", "R2"]) await PublishAsync(town.Served.Ledger, town.Served.Clock.Now, run);
        var telling = town.Served.TellAsync();
        while (receiver.Came.IsEmpty) await Task.Delay(10, Ct);
        await town.RecordAsync($$"""{"type":"access-key-revocation","key":"{{key.Key}}","reason":"left"}""");
        await Task.Delay(300, Ct); // what is known of keys may be a quarter of a second old
        go.SetResult();
        await telling;
        Told(receiver, "/slow", "run").ShouldBe(["run.published R1"]);
    }

    /// <summary>Nobody looked from before it was late until after the call: the server was down, or had too much to do.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_not_in_time_is_told_late_rather_than_never(bool isRestarted)
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var served = await ServedLedger.StartAsync(options => options with { Webhooks = Options },
            new FrameLogOptions(""));
        await served.RegisterConnectorAsync();
        async Task SubscribeAsync(string path) => (await served.PostAsync("/v1/webhooks", $$"""{"url":"{{receiver.Url}}/{{path}}","events":["instruction.unacknowledged","telemetry.stale"],"afterSeconds":120}"""))
            .Status.ShouldBe(201);
        await SubscribeAsync("before");
        served.Clock.Now = Instant.FromUtc(2026, 3, 2, 10, 0);
        foreach (var order in (string[])["I1", "I2", "I3"]) await OrderAsync(served, order);
        await served.TellAsync();
        served.Clock.Now = Instant.FromUtc(2026, 3, 2, 10, 10);
        foreach (var (order, at) in ((string, string)[])[("I2", "10:02:00"), ("I3", "10:02:01")])
            (await served.PostAsync("/v1/instruction-clocks", $$"""{"instruction":"{{order}}","point":"CP1","clock":"acknowledged","at":"2026-03-02T{{at}}Z","source":"csms"}"""))
                .Status.ShouldBe(201);
        served.Clock.Now = Instant.FromUtc(2026, 3, 2, 15, 0);
        await SubscribeAsync("after"); // of what was over before, it is not told
        if (isRestarted)
        {
            await served.StopServerAsync();
            await using var again = await LedgerServer.StartAsync(served.Ledger,
                new(IPAddress.Loopback, 0) { Webhooks = Options }, TextWriter.Null, Ct);
            await again.TellAsync(Ct);
            await again.TellAsync(Ct);
        }
        else
        {
            await served.TellAsync();
            await served.TellAsync();
        }
        Told(receiver, "/after", "instruction").ShouldBeEmpty();
        Told(receiver, "/before", "instruction").Order(StringComparer.Ordinal).ShouldBe([
            "instruction.unacknowledged I1", "instruction.unacknowledged I3",
            "telemetry.stale I1", "telemetry.stale I2", "telemetry.stale I3"]);
    }

    private static async Task OrderAsync(ServedLedger served, string order) =>
        (await served.PostAsync("/v1/instructions", $$"""{"instruction":"{{order}}","kind":"curtail","issuedBy":"GRID","issuedAt":"2026-03-02T10:00:00Z","start":"2026-03-02T10:30:00Z","end":"2026-03-02T11:00:00Z","targets":[{"point":"CP1","kw":5}]}"""))
            .Status.ShouldBe(201);

    private static void On(ServedLedger served, string sql)
    {
        using var connection = new SqliteConnection(
            $"Data Source={Path.Combine(served.Options.Directory, "webhooks.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    [Fact]
    public async Task More_deliveries_than_are_listed_are_counted()
    {
        await using var served = await ServedLedger.StartAsync(options => options with { Webhooks = Options });
        var webhook = (await served.PostAsync("/v1/webhooks", """{"url":"http://127.0.0.1:9/","events":["run.published"]}"""))["webhook"];
        async Task<(int, int)> ListedAsync()
        {
            var answer = (await served.GetAsync($"/v1/webhook-deliveries?webhook={webhook}")).Json;
            return (answer.GetProperty("deliveries").GetArrayLength(), answer.GetProperty("leftOff").GetInt32());
        }
        void Add(int from, int to) => On(served, $"WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to}) "
            + "INSERT INTO delivery (delivery, webhook, type, of, body, created, dead_after, attempts, standing) "
            + $"SELECT 'msg_' || i, '{webhook}', 'run.published', 'run R', x'00', 0, 0, 1, 'delivered' FROM n");
        Add(1, 10_000);
        (await ListedAsync()).ShouldBe((10_000, 0));
        Add(10_001, 10_003);
        (await ListedAsync()).ShouldBe((10_000, 3));
    }

    private const string Full =
        "CREATE TRIGGER full BEFORE INSERT ON delivery BEGIN SELECT RAISE(ABORT, 'full'); END";

    /// <summary>In time, after the call, and by a server that has just started: a disk that is full for a moment costs
    /// the moment.</summary>
    [Theory]
    [InlineData(2, false)]
    [InlineData(300, false)]
    [InlineData(300, true)]
    public async Task What_cannot_be_kept_is_told_when_it_can(int minutes, bool isRestarted)
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var served = await ServedLedger.StartAsync(options => options with { Webhooks = Options },
            new FrameLogOptions(""));
        await served.RegisterConnectorAsync();
        (await served.PostAsync("/v1/webhooks", $$"""{"url":"{{receiver.Url}}/x","events":["instruction.unacknowledged"],"afterSeconds":120}"""))
            .Status.ShouldBe(201);
        served.Clock.Now = Instant.FromUtc(2026, 3, 2, 10, 0);
        await OrderAsync(served, "I1");
        await served.TellAsync();
        served.Clock.Now += Duration.FromMinutes(minutes);
        On(served, Full);
        if (isRestarted) await served.StopServerAsync();
        await using var again = !isRestarted ? null : await LedgerServer.StartAsync(served.Ledger,
            new(IPAddress.Loopback, 0) { Webhooks = Options }, TextWriter.Null, Ct);
        Task TellAsync() => again?.TellAsync(Ct) ?? served.TellAsync();
        (await Should.ThrowAsync<SqliteException>(TellAsync)).Message.ShouldContain("full");
        On(served, "DROP TRIGGER full");
        await TellAsync();
        Told(receiver, "/x", "instruction").ShouldBe(["instruction.unacknowledged I1"]);
    }

    /// <summary>A period that has only begun is known until its samples end, also where some in it are missing.
    /// </summary>
    [Fact]
    public async Task Of_a_period_that_has_only_begun_silence_begins_with_the_last_sample()
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var served = await ServedLedger.StartAsync(options => options with { Webhooks = Options });
        await served.RegisterConnectorAsync();
        (await served.PostAsync("/v1/webhooks", $$"""{"url":"{{receiver.Url}}/x","events":["telemetry.stale"],"afterSeconds":120}"""))
            .Status.ShouldBe(201);
        served.Clock.Now = Instant.FromUtc(2026, 3, 2, 10, 0);
        await OrderAsync(served, "I1");
        async Task CurveAsync(int minute)
        {
            served.Clock.Now = Instant.FromUtc(2026, 3, 2, 10, minute + 1);
            (await served.PostAsync("/v1/curves?point=CP1", "time,kw\n" + string.Concat(Enumerable.Range(0, 6).Select(i =>
                $"2026-03-02T10:{minute}:{i}0Z,1\n")))).Status.ShouldBe(201);
        }
        async Task<string[]> ToldAtAsync(int minute, int second)
        {
            served.Clock.Now = Instant.FromUtc(2026, 3, 2, 10, minute, second);
            var before = receiver.Came.Count;
            await served.TellAsync();
            return [.. receiver.Came.Skip(before).Select(each => JsonDocument.Parse(each.Body).RootElement)
                .Select(each => each.GetProperty("data").GetProperty("since").GetString()!)];
        }
        await CurveAsync(30);
        (await ToldAtAsync(32, 49)).ShouldBeEmpty();
        (await ToldAtAsync(32, 50)).ShouldBe(["2026-03-02T10:30:50Z"]);
        await CurveAsync(40);
        (await ToldAtAsync(42, 49)).ShouldBeEmpty();
        (await ToldAtAsync(42, 50)).ShouldBe(["2026-03-02T10:40:50Z"]);
        (await ToldAtAsync(59, 0)).ShouldBeEmpty(); // the same silence
    }

    /// <summary>What was told was told, also where the server is stopped before the next one was taken.</summary>
    [Fact]
    public async Task Each_that_was_told_is_in_the_register_of_reads_when_the_server_has_stopped()
    {
        await using var receiver = await HookReceiver.StartAsync();
        var (first, second) = (new TaskCompletionSource(), new TaskCompletionSource());
        receiver.Slow = ("/slow", first.Task);
        await using var town = await AccessTown.StartAsync(options: given => given with
        {
            Webhooks = Options with { Every = Duration.FromMilliseconds(20), Patience = Duration.FromHours(1) },
        });
        var made = await town.PostAsync(town.Key(Role.ChargingOperator), "/v1/webhooks",
            $$"""{"url":"{{receiver.Url}}/slow","events":["run.published"]}""");
        made.Status.ShouldBe(201);
        foreach (var run in (string[])["R1", "R2"]) await PublishAsync(town.Served.Ledger, town.Served.Clock.Now, run);
        while (receiver.Came.IsEmpty) await Task.Delay(10, Ct);
        receiver.Slow = ("/slow", second.Task);
        first.SetResult();
        while (receiver.Came.Count < 2) await Task.Delay(10, Ct);
        await town.Served.StopServerAsync();
        (await TestFolder.AllAsync(town.Served.Ledger.Journal)).ConvertAll(EventCodec.Decode).OfType<DataRead>()
            .SelectMany(read => read.Reads).Where(read => read.Operation == "told by webhook")
            .Select(read => (read.Of, read.Times)).ShouldBe([($"webhook {made["webhook"]}", 1)]);
        second.SetResult();
    }

    /// <summary>Its end is the last word, but for what was taken.</summary>
    [Theory]
    [InlineData(500, "dead")]
    [InlineData(204, "delivered")]
    public async Task What_is_under_way_when_a_webhook_ends_waits_no_more(int status, string standing)
    {
        await using var receiver = await HookReceiver.StartAsync();
        var go = new TaskCompletionSource();
        receiver.Slow = ("/slow", go.Task);
        receiver.Answers.Enqueue(status);
        await using var served = await ServedLedger.StartAsync(options => options with
        {
            Webhooks = Options with { Patience = Duration.FromHours(1) },
        });
        var webhook = (await served.PostAsync("/v1/webhooks", $$"""{"url":"{{receiver.Url}}/slow","events":["run.published"]}"""))["webhook"];
        await PublishAsync(served.Ledger, served.Clock.Now, "R1");
        var telling = served.TellAsync();
        while (receiver.Came.IsEmpty) await Task.Delay(10, Ct);
        (await served.PostAsync("/v1/webhook-endings", $$"""{"webhook":"{{webhook}}","reason":"moved"}""")).Status.ShouldBe(200);
        go.SetResult();
        await telling;
        (await served.GetAsync($"/v1/webhook-deliveries?webhook={webhook}")).Json.GetProperty("deliveries")[0]
            .GetProperty("standing").GetString().ShouldBe(standing);
    }

    [Fact]
    public async Task What_its_holder_does_not_reach_any_more_a_webhook_is_not_told()
    {
        await using var receiver = await HookReceiver.StartAsync();
        await using var town = await AccessTown.StartAsync(options: given => given with { Webhooks = Options });
        foreach (var side in (AccessTown.Side[])[AccessTown.Own, new("AGG", "GRID", 3)])
            await town.TakeAsync("settlement-point", side.In(AccessRequests.Posts[0].Body), side.Account);
        Task OrderAsync(string order, string point) => town.TakeAsync("instruction", $$"""{"instruction":"{{order}}","kind":"curtail","issuedBy":"GRID","issuedAt":"2026-03-02T00:00:00Z","start":"2026-03-02T10:30:00Z","end":"2026-03-02T11:00:00Z","targets":[{"point":"{{point}}","kw":5}]}""", "GRID");
        var both = town.Key(Role.Aggregator); // of the stations S1 and S3
        (await town.PostAsync(both, "/v1/webhooks", $$"""{"url":"{{receiver.Url}}/agg","events":["instruction.issued"]}"""))
            .Status.ShouldBe(201);
        async Task RevokeAsync(string key)
        {
            await town.RecordAsync($$"""{"type":"access-key-revocation","key":"{{key}}","reason":"another"}""");
            await Task.Delay(300, Ct); // what is known of keys may be a quarter of a second old
            town.Served.Clock.Now += Duration.FromSeconds(1);
        }
        var one = await town.GiveAsync("Aggregator-1", Role.Aggregator, "AGG", ["S3"]);
        await RevokeAsync($"{both.Key}");
        await OrderAsync("I1", "CP1");
        await OrderAsync("I2", "CP3");
        await town.Served.TellAsync();
        Told(receiver, "/agg", "instruction").ShouldBe(["instruction.issued I2"]);
        // A key of the own points alone reaches none of those that were subscribed for.
        await town.GiveAsync("Aggregator-1", Role.Aggregator, "AGG", []);
        await RevokeAsync($"{one.Key}");
        await OrderAsync("I3", "CP3");
        await town.Served.TellAsync();
        receiver.Came.Count.ShouldBe(1);
        (await town.GetAsync(town.Key(Role.Administrator), "/v1/webhooks")).Json.GetProperty("webhooks")[0]
            .GetProperty("ended").GetString().ShouldBe("Aggregator-1 has no valid access key any more that reaches what it is about");
    }
}
