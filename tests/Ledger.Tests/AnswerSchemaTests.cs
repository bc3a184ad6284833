using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// What the document says of answers is so. A town is asked all that there is to ask, by everybody, and each answer is
/// held against what is said of it: its status, form, headers and, strictly, its schema.
/// </summary>
public sealed class AnswerSchemaTests
{
    private sealed record Said(string Operation, string Method, JsonNode Responses);

    /// <summary>Headers that every answer may have, or that are of HTTP itself.</summary>
    private static readonly HashSet<string> OfAll = new(StringComparer.OrdinalIgnoreCase)
    {
        "Cache-Control", "Content-Security-Policy", "Cross-Origin-Resource-Policy", "Date", "Referrer-Policy", "Vary",
        "X-Content-Type-Options", "X-Frame-Options", "Transfer-Encoding", "Connection", "Content-Length", "Content-Type",
    };

    /// <summary>What this town has nothing of, so that no answer of it has any: these schemas are right as far as the
    /// way in which all are made is. A schema that is not here and that no answer is held against is found
    /// out.</summary>
    private static readonly string[] NotHere =
    [
        "BalanceAnswer", "BehindAnswer", "BoundsOfPower", "ChangedChargeAnswer", "ChangedFlexibilityAnswer",
        "ChargeAnswer", "ContradictedClockAnswer", "CurveWithheld", "DeliveryLineAnswer", "DeliveryShareAnswer", "EntryAnswer",
        "FlexibilityAnswer", "FramesAnswer", "HeldElsewhereAnswer", "IssuedRecordAnswer", "LimitCompliancePeriodRow",
        "MasterDataLimitStepRow", "MasterDataStandardRow", "NotedPart", "PeriodCheckRow", "PeriodSideRow", "ProgrammesViewLossRow",
        "ReportedClockAnswer", "StreamsAnswer",
        "TakenOfferAnswer", "TargetBehindAnswer", "TimeOfUseSettlementPackRow", "UnprovenAnswer", "WebhookDelivery", "WebhookRedriven",
        .. ((string[])[
            "BaselineAdjustment", "BaselineDayUse", "BaselineFallbackStep", "BaselineGate", "BaselinePool",
            "BaselineSelection", "BaselineWindow", "DemandCharge", "DemandPrice", "DemandRatchet", "DemandWindow",
            "EnergyPrice", "FactorStep", "HoursPrice", "PointOffer", "PriceBounds", "PriceTier", "RatioRule", "TariffFee",
        ]).Select(fact => $"fact.{fact}"),
    ];

    /// <summary>What a rule judges in this town, or what is no answer of one piece: the problem is held against the
    /// document, and what else they answer is the answer of others.</summary>
    private static readonly string[] NotServed = ["interval-reading-correction", "subject-erasure", "disclosure", "frames",
        "instruction-events", "flex-settlement", "checkpoint", "tile", "inclusion-proofs", "webhook-redrive", "job-cancellation"];

    private readonly List<string> faults = [];
    private readonly HashSet<string> answered = [];

    [Fact]
    public async Task Every_answer_is_what_the_document_says()
    {
        await using var town = await AccessTown.StartAsync(new FrameLogOptions(""));
        var document = JsonNode.Parse((await town.GetAsync(null, "/openapi/v1.json")).Text)!.AsObject();
        var schemas = new StrictSchemas(document);
        var said = document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()).ToDictionary(
            method => (string)method.Value!["operationId"]!, method => method.Value!["responses"]!);
        var asked = new TownQuestions(town);
        await asked.SetUpAsync();
        foreach (var (operation, answer) in await asked.AskAllAsync())
            Hold(operation, answer, said[operation], schemas);
        foreach (var (order, events) in asked.Orders) await HoldEventsAsync(town, order, events, said, schemas);
        faults.Distinct().ShouldBeEmpty();
        said.Keys.Except(answered).ShouldBe(NotServed, ignoreOrder: true);
        document["components"]!["schemas"]!.AsObject().Select(schema => schema.Key).Except(schemas.Seen)
            .Except(["IFormFile"]).ShouldBe(NotHere, ignoreOrder: true);
        town.Served.Errors.ToString().ShouldBeEmpty();
    }

    private void Hold(string operation, Answer answer, JsonNode responses, StrictSchemas schemas)
    {
        var asked = $"{operation} ({answer.Status})";
        if (responses[$"{answer.Status}"] is not { } response)
        {
            faults.Add($"{asked} is not said: {answer.Text}");
            return;
        }
        var headers = answer.Response.Headers.Concat(answer.Response.Content.Headers).Select(header => header.Key);
        foreach (var header in headers.Where(header => !OfAll.Contains(header)
            && response["headers"]?.AsObject().Any(known => known.Key.Equals(header, StringComparison.OrdinalIgnoreCase)) != true))
            faults.Add($"{asked} has the header {header}, which is not said");
        if (answer.Text.Length == 0) return;
        if (answer.Media is null || response["content"]?[answer.Media] is not { } content)
        {
            faults.Add($"{asked} is {answer.Media}, which is not said");
            return;
        }
        if (answer.Status is >= 200 and < 300) answered.Add(operation);
        if (!answer.Media.EndsWith("json", StringComparison.Ordinal) || answer.Media == "application/x-ndjson") return;
        foreach (var fault in schemas.Faults(content["schema"]!, answer.Json)) faults.Add(asked + fault);
        foreach (var word in Spelled(answer.Json)) faults.Add($"{asked} says {word} where one posts it otherwise");
    }

    /// <summary>What is told live is a fact, and the document says which.</summary>
    private async Task HoldEventsAsync(AccessTown town, string order, int events, Dictionary<string, JsonNode> said,
        StrictSchemas schemas)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/instruction-events?instruction={order}");
        request.Headers.Authorization = new("Bearer", town.Key(Role.Auditor).Shown);
        using var response = await town.Served.Client.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        using var lines = new StreamReader(
            await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        var data = said["instruction-events"]["200"]!["content"]!["text/event-stream"]!["schema"]!["x-event-data"]!;
        while (events > 0 && await lines.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            if (!line.StartsWith("data: ", StringComparison.Ordinal)) continue;
            using var fact = JsonDocument.Parse(line[6..]);
            faults.AddRange(schemas.Faults(data, fact.RootElement, order));
            faults.AddRange(Spelled(fact.RootElement).Select(word => $"{order} tells {word}"));
            events--;
        }
        events.ShouldBe(0);
    }

    /// <summary>The names of all choices as the program has them, where they are posted otherwise; rules of refusal are
    /// named so everywhere, and what is said in words is for people.</summary>
    private static readonly HashSet<string> OfProgram = typeof(Direction).Assembly.GetTypes()
        .Concat(typeof(Projections.Answers).Assembly.GetTypes()).Concat(typeof(Api.LedgerServer).Assembly.GetTypes())
        .Where(type => type.IsEnum && type != typeof(Rejection)).SelectMany(Enum.GetNames)
        .Except(Enum.GetNames<Rejection>()).Where(name => char.IsUpper(name[0])).ToHashSet(StringComparer.Ordinal);

    private static IEnumerable<string> Spelled(JsonElement value, string? member = null) => value.ValueKind switch
    {
        JsonValueKind.Object => value.EnumerateObject().SelectMany(part => Spelled(part.Value, part.Name)),
        JsonValueKind.Array => value.EnumerateArray().SelectMany(part => Spelled(part, member)),
        JsonValueKind.String when member is not ("name" or "title" or "says" or "follows") && OfProgram.Contains(value.GetString()!) =>
            [$"{member} {value.GetString()}"],
        _ => [],
    };

    /// <summary>A choice says more than its text: what a client may compare with is all there.</summary>
    [Fact]
    public async Task Problems_and_standings_are_named_in_the_document()
    {
        await using var served = await ServedLedger.StartAsync();
        var schemas = JsonNode.Parse((await served.GetAsync("/openapi/v1.json")).Text)!["components"]!["schemas"]!;
        var names = schemas["ProblemAnswer"]!["properties"]!["name"]!["enum"]!.AsArray().Select(name => (string)name!).ToList();
        foreach (var name in (string[])["UnknownSettlementPoint", "NotReached", "Busy", "InFlight", "NotKnown"])
            names.ShouldContain(name);
        names.Count.ShouldBe(names.Distinct().Count());
        schemas["JobRow"]!["properties"]!["standing"]!.ToJsonString()
            .ShouldBe("""{"enum":["waiting","running","done","failed","cancelled","cut"],"type":"string"}""");
        var export = schemas["VerifiedExportPeriodRow"]!["properties"]!["export"]!;
        ((string?)export["pattern"], (string?)export["type"]).ShouldBe(("^-?[0-9]+$", "string"));
        schemas["MasterDataPointRow"]!["required"]!.AsArray().Select(name => (string)name!).ShouldNotContain("gridOperator");
    }
}
