using System.Net;
using System.Text.Json;
using Ledger.Api;
using Ledger.Api.Webhooks;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
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
        foreach (var order in (string[])["I1", "I2", "I3"])
            (await served.PostAsync("/v1/instructions", $$"""{"instruction":"{{order}}","kind":"curtail","issuedBy":"GRID","issuedAt":"2026-03-02T10:00:00Z","start":"2026-03-02T10:30:00Z","end":"2026-03-02T11:00:00Z","targets":[{"point":"CP1","kw":5}]}"""))
                .Status.ShouldBe(201);
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
