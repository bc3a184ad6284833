using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A served ledger of connectors that are metered by the hour, with a call of 27 February 2026, for what other
/// standards take and give: the same market as <see cref="CalledTown"/>, by HTTP. The programme pays 2 per kWh to the
/// account of the points, and the order penalises with 1.
/// </summary>
internal sealed class ExchangeTown : IAsyncDisposable
{
    private const string Packs = """
        {"type":"rule-pack","pack":"days","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","baseline":{"method":"days","dayClass":"any","pool":3,"keep":2,"minDays":2,"keepBy":"highest","lookbackDaysMax":10,"holidays":"ignored"}}
        {"type":"rule-pack","pack":"up-to-order","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","scoring":{"level":"interval","bands":[{"value":"0"},{"from":"0","slope":"1"},{"from":"1","slope":"0"}],"payment":[{"quantity":"effective","price":"price"}],"penalty":{"edge":"1","against":"delivered","price":"penaltyPrice"}}}
        """;

    public static readonly Instant Now = Instant.FromUtc(2026, 3, 2, 0, 0);
    private static readonly Instant MeteredFrom = Instant.FromUtc(2026, 2, 21, 16, 0);

    private readonly Dictionary<string, (Instant Next, int Index)> meters = [];
    private readonly HashSet<(string Programme, string Point)> enrolled = [];

    private ExchangeTown(ServedLedger served) => Served = served;

    public ServedLedger Served { get; }

    /// <param name="isBeforeTheCall">Whether its clock shows the afternoon before the call, until a baseline is frozen.
    /// </param>
    public static async Task<ExchangeTown> StartAsync(string price = "2", string more = "",
        bool isBeforeTheCall = false)
    {
        var town = new ExchangeTown(await ServedLedger.StartAsync(hasIdentity: true));
        town.Served.Clock.Now = isBeforeTheCall ? Instant.FromUtc(2026, 2, 27, 8, 30) : Now;
        await town.ImportAsync(Packs);
        await town.PublishAsync("reduce", price, more);
        return town;
    }

    public Task PublishAsync(string programme, string price = "2", string more = "") =>
        ImportAsync($$"""{"type":"programme","programme":"{{programme}}","version":1,"validFrom":"2026-01-01T00:00:00+08:00","service":"demandReduction","baselinePack":"days","scoringPack":"up-to-order","paidPer":"settlementPoint","precedence":1,"currency":"CNY","pricePerKwh":"{{price}}"{{more}}}""");

    /// <summary>The market of two connectors: both of 100 kWh an hour are capped at 60 from 18:00 to 20:00, C1 comes
    /// down to 20 and C2 not at all.</summary>
    public static async Task<ExchangeTown> CalledAsync()
    {
        var town = await StartAsync(isBeforeTheCall: true);
        foreach (var point in new[] { "C1", "C2" })
        {
            await town.ConnectorAsync(point);
            await town.MeterAsync(point, CalledTown.Hours((5 * 24) + 8, 100));
        }
        await town.CapAsync("I1", """{"point":"C1","kw":60},{"point":"C2","kw":60}""");
        await town.FreezeAsync("I1");
        await town.MeterAsync("C1", [.. CalledTown.Hours(10, 100), 20, 20, .. CalledTown.Hours(4, 100)]);
        await town.MeterAsync("C2", CalledTown.Hours(16, 100));
        return town;
    }

    public Task ConnectorAsync(string point, int minutes = 60, string zone = "Asia/Shanghai") => ImportAsync($$"""
        {"type":"settlement-point","point":"{{point}}","station":"S01","kind":"connector","owner":"cpo","zone":"{{zone}}","periodMinutes":{{minutes}},"ratedKw":1000,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"register","point":"{{point}}","direction":"import","meterSerial":"M-{{point}}","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
        """);

    /// <summary>Meters one hour after another, from the midnight of 22 February on.</summary>
    public Task MeterAsync(string point, params IEnumerable<int> hours) => MeterAsync(point, 60, hours);

    /// <summary>The same of periods of so many minutes.</summary>
    public Task MeterAsync(string point, int minutes, IEnumerable<int> periods)
    {
        var rows = new StringBuilder("point,register,read_at,kwh\n");
        if (!meters.TryGetValue(point, out var meter))
        {
            meter = (MeteredFrom, 0);
            rows.Append(Row(point, meter));
        }
        foreach (var kwh in periods)
        {
            meter = (meter.Next + Duration.FromMinutes(minutes), meter.Index + kwh);
            rows.Append(Row(point, meter));
        }
        meters[point] = meter;
        return ImportAsync(rows.ToString());
    }

    public Task CapAsync(string instruction, string targets, string to = "20", string penalty = "1") =>
        CapAsync(instruction, targets, "18:00", $"{to}:00", "reduce", penalty);

    /// <param name="from">An hour and minute of 27 February, as <paramref name="to"/>.</param>
    /// <param name="issued">An hour of it.</param>
    public async Task CapAsync(string instruction, string targets, string from, string to, string programme,
        string penalty = "1", string issued = "08")
    {
        foreach (var target in JsonNode.Parse($"[{targets}]")!.AsArray())
            await EnrolAsync(programme, (string)target!["point"]!);
        await ImportAsync($$"""
        {"type":"instruction","instruction":"{{instruction}}","kind":"curtail","issuedBy":"dso","issuedAt":"2026-02-27T{{issued}}:00:00+08:00","start":"2026-02-27T{{from}}:00+08:00","end":"2026-02-27T{{to}}:00+08:00","targets":[{{targets}}],"penaltyPerKwh":"{{penalty}}","programme":"{{programme}}"}
        """);
    }

    /// <summary>Whoever owes a penalty takes part.</summary>
    public async Task EnrolAsync(string programme, string point)
    {
        if (enrolled.Add((programme, point)))
            await ImportAsync($$"""
                {"type":"enrolment","programme":"{{programme}}","point":"{{point}}","prequalifiedKw":80,"from":"2026-01-01T00:00:00+08:00"}
                """);
    }

    public async Task FreezeAsync(string instruction)
    {
        Served.Clock.Now = Now;
        (await Served.PostAsync("/v1/frozen-baselines", $$"""{"instruction":"{{instruction}}"}""")).Status.ShouldBe(201);
    }

    public async Task ImportAsync(string text)
    {
        var answer = await Served.PostAsync("/v1/imports?name=town", text);
        answer.Status.ShouldBe(200);
        answer["refused"].ShouldBe("0", answer.Text);
    }

    /// <summary>The ledger holds facts as they were recorded before (<see cref="EarlierFacts"/>).</summary>
    public Task HoldsAsync(string facts) => EarlierFacts.AppendAsync(Served.Ledger.Journal, facts);

    /// <summary>What is at an address, as JSON.</summary>
    public async Task<JsonNode> ReadAsync(string path)
    {
        var answer = await Served.GetAsync(path);
        answer.Status.ShouldBe(200, answer.Text);
        return JsonNode.Parse(answer.Text)!;
    }

    public ValueTask DisposeAsync() => Served.DisposeAsync();

    private static string Row(string point, (Instant At, int Index) meter) => string.Create(
        CultureInfo.InvariantCulture, $"{point},1.8.0,{InstantPattern.ExtendedIso.Format(meter.At)},{meter.Index}\n");
}
