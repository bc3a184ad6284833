using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Ledger.Api;
using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A served ledger that asks for keys. Two charging operators, ACME and BETA, two grid operators, and an aggregator;
/// each has a point, an account with a run and a dispute, and what is asked of one is asked of the other in the same
/// words.
/// </summary>
internal sealed class AccessTown : IAsyncDisposable
{
    public static readonly Instant Now = Instant.FromUtc(2026, 3, 2, 0, 0);

    /// <summary>The names of one side; a request is the same text with other names in it.</summary>
    public sealed record Side(string Account, string Grid, int Number, int? Money = null)
    {
        /// <summary>Fills in a text: {point}, {run} and so on.</summary>
        public string In(string text) => new StringBuilder(text)
            .Replace("{point}", $"CP{Number}").Replace("{station}", $"S{Number}").Replace("{meter}", $"M{Number}")
            .Replace("{owner}", Owners[Number - 1]).Replace("{account}", Account).Replace("{grid}", Grid)
            .Replace("{order}", $"I{Number}").Replace("{withdrawn}", $"W{Number}").Replace("{programme}", $"PR{Number}")
            .Replace("{pack}", $"PK{Number}").Replace("{claim}", $"C{Number}")
            .Replace("{tariff}", $"T{Money ?? Number}").Replace("{run}", $"R{Money ?? Number}")
            .Replace("{dispute}", $"D{Money ?? Number}").Replace("{closed}", $"CL{Money ?? Number}")
            .Replace("{correction}", $"CR{Money ?? Number}").Replace("{deltas}", $"DE{Money ?? Number}")
            .Replace("{zero}", $"Z{Number}").Replace("{frozen}", $"F{Number}").Replace("{number}", Number.ToString(CultureInfo.InvariantCulture))
            .ToString();
    }

    /// <summary>Who owns the points CP1, CP2 and so on.</summary>
    private static readonly string[] Owners = ["ACME", "BETA", "AGG", "GRID"];

    public static readonly Side Own = new("ACME", "GRID", 1), Foreign = new("BETA", "GRID2", 2);

    /// <summary>What is a role's own: an aggregator and a grid operator act on ACME's points, and have accounts
    /// too.</summary>
    public static Side OwnOf(Role role) => role switch
    {
        Role.Aggregator => new("AGG", "GRID", 1, Money: 3),
        Role.GridOperator => new("GRID", "GRID", 1, Money: 4),
        _ => Own,
    };

    private readonly ServedLedger served;
    private readonly Dictionary<Role, AccessKeyText> keys = [];
    private int recorded;

    private AccessTown(ServedLedger served) => this.served = served;

    public ServedLedger Served => served;

    public AccessKeyText Key(Role role) => keys[role];

    public static async Task<AccessTown> StartAsync(FrameLogOptions? log = null, AccessOptions? access = null,
        Func<ServerOptions, ServerOptions>? options = null, EvidenceLimits? evidence = null)
    {
        options ??= same => same;
        var town = new AccessTown(await ServedLedger.StartAsync(given => options(given with
        {
            Access = access ?? new(IsRequired: true),
            ReadsPerSecondMax = 100_000,
            StrangersPerSecondMax = 100_000,
            Webhooks = new() { Every = Duration.FromDays(1) }, // nothing is told while it is asked who may ask
        }), log,
            hasIdentity: true, evidence: evidence));
        town.served.Clock.Now = Now;
        foreach (var role in Enum.GetValues<Role>())
            town.keys[role] = await town.GiveAsync($"{role}-1", role, role switch
            {
                Role.Station or Role.ChargingOperator => "ACME",
                Role.Aggregator => "AGG",
                Role.GridOperator => "GRID",
                _ => "office",
            }, role switch
            {
                Role.Station => ["S1"],
                Role.Aggregator => ["S1", "S3"],
                _ => [],
            });
        return town;
    }

    /// <summary>Gives a key to somebody.</summary>
    public async Task<AccessKeyText> GiveAsync(string holder, Role role, string party, string[] stations,
        Duration? life = null)
    {
        var key = AccessKeyText.Create();
        var expires = (Now + (life ?? Duration.FromDays(30))).ToString("uuuu-MM-dd'T'HH:mm:ss'Z'", null);
        await RecordAsync($$"""
            {"type":"access-key","key":"{{key.Key}}","secretSha256":"{{key.Digest}}","holder":"{{holder}}","role":"{{char.ToLowerInvariant($"{role}"[0])}}{{$"{role}"[1..]}}","party":"{{party}}","stations":[{{string.Join(',', stations.Select(station => $"\"{station}\""))}}],"expires":"{{expires}}"}
            """);
        return key;
    }

    /// <summary>Records a fact at the ledger's own machine, in a party's name.</summary>
    public async Task RecordAsync(string fact, string party = "test")
    {
        var outcome = await served.Ledger.Intake.TakeFactAsync(new Submission(Encoding.UTF8.GetBytes(fact), "set-up"),
            null, served.Ledger.Operator("set-up") with { Party = new(party) }, new($" {++recorded}"),
            TestContext.Current.CancellationToken);
        outcome.ShouldBeOfType<RecordOutcome.Recorded>($"{fact}: {outcome}");
    }

    /// <summary>All whose facts are there to be asked for.</summary>
    public static readonly Side[] Sides = [Own, Foreign, new("AGG", "GRID", 3), new("GRID", "GRID", 4)];

    /// <summary>Records of one side all that can be asked for; the positions of a fact that counts, and of one that was
    /// refused.</summary>
    public async Task<(long Fact, long Refusal)> RecordAllAsync(Side side)
    {
        var fact = 0L;
        foreach (var (operation, _, body) in AccessRequests.Posts)
        {
            if (AccessRequests.OfServer.Contains(operation)) continue;
            var party = operation is "programme" or "rule-pack" or "instruction" or "instruction-withdrawal"
                    or "openadr-event"
                ? side.Grid : side.Account;
            if (operation == "point-place") await RecordAsync(side.In(AccessRequests.Before[0]), party);
            if (operation == "instruction-withdrawal") await RecordAsync(side.In(AccessRequests.Before[1]), party);
            if (operation == "baseline-freeze") await RecordAsync(side.In(AccessRequests.Before[3]), side.Grid);
            if (operation == "programme") await RecordAsync(side.In(AccessRequests.Before[2]), party);
            if (operation == "month-close")
                foreach (var (first, text) in AccessRequests.OfClosedMonth)
                    await TakeAsync(first, side.In(text), party);
            await TakeAsync(operation, side.In(body.Replace("{holder}", "publisher", StringComparison.Ordinal)), party);
            if (operation == "register-reading") fact = Served.Ledger.Journal.Length - 1;
        }
        await TakeAsync("register-reading", side.In(AccessRequests.Refused), side.Account);
        var refusal = Served.Ledger.Journal.Length - 1;
        // Two pieces of a curve, each late for the runs before it.
        await TakeFileAsync(side.In(Curve(16)), side.Account);
        await TakeAsync("settlement-run", side.In(AccessRequests.Corrections[0]), side.Account);
        await TakeFileAsync(side.In(Curve(17)), side.Account);
        await TakeAsync("settlement-run", side.In(AccessRequests.Corrections[1]), side.Account);
        return (fact, refusal);
    }

    /// <summary>Half an hour of power at the point and at the connection, which is what is settled: a sample a minute,
    /// so that a period is whole.</summary>
    private static string Curve(int hour) => "point,time,kw\n" + string.Concat(
        from point in new[] { "{point}", "G{number}" }
        from minute in Enumerable.Range(0, 31)
        select string.Create(CultureInfo.InvariantCulture, $"{point},2026-02-26T{hour:D2}:{minute:D2}:00Z,10\n"));

    /// <summary>Hands in a fact of an operation in a party's name, whatever becomes of it.</summary>
    public async Task TakeAsync(string operation, string body, string party)
    {
        var text = new Submission(Encoding.UTF8.GetBytes(body), "set-up");
        var by = served.Ledger.Operator("set-up") with { Party = new(party) };
        if (operation != "settlement-run")
            await served.Ledger.Intake.TakeFactAsync(text, operation, by, new($" {++recorded}"),
                TestContext.Current.CancellationToken);
        else if (Api.RunSettlement.Read(text.Bytes, out var asked) is null)
            await served.Ledger.Commands.Send(new Command<Api.RunSettlement>(asked!, text, by, new($" {++recorded}")),
                TestContext.Current.CancellationToken);
    }

    public Task TakeFileAsync(string text, string party) => served.Ledger.Intake.TakeAsync(
        new Submission(Encoding.UTF8.GetBytes(text), "set-up.csv"), new Ingest.IntakeHints(),
        served.Ledger.Operator("set-up") with { Party = new(party) }, TestContext.Current.CancellationToken);

    public Task<Answer> GetAsync(AccessKeyText? key, string path) => SendAsync(HttpMethod.Get, key?.Shown, path, null);

    public Task<Answer> PostAsync(AccessKeyText? key, string path, string body, string? idempotencyKey = null) =>
        SendAsync(HttpMethod.Post, key?.Shown, path, Encoding.UTF8.GetBytes(body), idempotencyKey);

    public async Task<Answer> SendAsync(HttpMethod method, string? bearer, string path, byte[]? body,
        string? idempotencyKey = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (bearer is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        if (idempotencyKey is not null) request.Headers.Add("Idempotency-Key", idempotencyKey);
        if (body is not null) request.Content = new ByteArrayContent(body);
        using var response = await served.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead,
            TestContext.Current.CancellationToken);
        // A live answer has no end.
        return response.Content.Headers.ContentType?.MediaType == "text/event-stream"
            ? new((int)response.StatusCode, "", null, "text/event-stream", response)
            : await Answer.OfAsync(response);
    }

    public ValueTask DisposeAsync() => served.DisposeAsync();
}
