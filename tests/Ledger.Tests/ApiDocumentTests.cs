using System.Text;
using System.Text.Json.Nodes;
using Ledger.Ingest.Frames;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Whoever has nothing but the document can ask all that may be asked: its examples are taken, its members are those
/// that are read, its parameters are those that are known, and what it does not name is refused and not overlooked.
/// </summary>
public sealed class ApiDocumentTests
{
    private sealed record Operation(string Path, string Method, string Id, JsonNode Said)
    {
        public JsonNode? Body => Said["requestBody"]?["content"]?["application/json"];
    }

    private static async Task<List<Operation>> OperationsAsync(ServedLedger served)
    {
        var document = JsonNode.Parse((await served.GetAsync("/openapi/v1.json")).Text)!;
        return [.. document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject().Select(method =>
            new Operation(path.Key, method.Key, (string)method.Value!["operationId"]!, method.Value)))];
    }

    /// <summary>What has to be there before what is judged with it.</summary>
    private static readonly string[] First =
        ["settlement-point", "register", "rule-pack", "programme", "enrolment", "instruction", "tariff", "tariff-assignment", "settlement-run",
            "legal-hold"];

    /// <summary>Examples that are well formed, and that a rule refuses where nothing more was done before.</summary>
    private static readonly Dictionary<string, string> Judged = new()
    {
        ["interval-reading-correction"] = "UnknownVersion",
        ["month-close"] = "NotAllPublished",
        ["subject-erasure"] = "LegalHold",
        ["refusal-release"] = "UnknownEvidence",
        ["disclosure"] = "UnknownEvidence",
        ["webhook-ending"] = "NotReached",
        ["webhook-redrive"] = "NotReached",
        ["job-cancellation"] = "NotReached",
    };

    [Fact]
    public async Task Every_example_of_the_document_is_taken()
    {
        await using var served = await ServedLedger.StartAsync();
        served.Clock.Now = AccessTown.Now;
        (await served.PostAsync("/v1/settlement-points", """{"point":"GRID-1","station":"S1","kind":"gridConnection","owner":"ACME","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":2000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}"""))
            .Status.ShouldBe(201);
        (await served.PostAsync("/v1/imports?name=session.csv", "point,register,read_at,kwh\nGRID-1,1.8.0,2026-02-01T17:00:00Z,9.000\n",
            null, ("Ledger-Subject", "DE-ABC-C12345678-9"))).Status.ShouldBe(200);
        var examples = (await OperationsAsync(served)).Where(operation => operation.Body?["example"] is not null)
            .OrderBy(operation => Array.IndexOf(First, operation.Id) is >= 0 and var at ? at : First.Length).ToList();
        examples.Count.ShouldBeGreaterThan(45);
        var otherwise = new List<string>();
        foreach (var operation in examples)
        {
            var answer = await served.PostAsync(operation.Path, operation.Body!["example"]!.ToJsonString());
            if (Judged.TryGetValue(operation.Id, out var rule) ? answer["name"] != rule : answer.Status is < 200 or > 202)
                otherwise.Add($"{operation.Id}: {answer.Text}");
        }
        otherwise.ShouldBeEmpty();
        served.Errors.ToString().ShouldBeEmpty();
    }

    /// <summary>The members are written once for people and for clients, and an example has all that are needed.
    /// </summary>
    [Fact]
    public async Task The_members_of_a_body_are_those_that_are_read()
    {
        await using var served = await ServedLedger.StartAsync();
        var described = 0;
        foreach (var operation in await OperationsAsync(served))
        {
            if (operation.Body?["schema"]?["properties"] is not JsonObject properties) continue;
            described++;
            operation.Body["schema"]!["additionalProperties"]!.GetValue<bool>().ShouldBeFalse();
            var needed = (operation.Body["schema"]!["required"]?.AsArray() ?? []).Select(name => (string)name!).ToList();
            if (operation.Body["example"] is JsonObject example)
            {
                example.Select(member => member.Key)
                    .ShouldBeSubsetOf(properties.Select(member => member.Key), operation.Id);
                needed.ShouldBeSubsetOf(example.Select(member => member.Key), operation.Id);
            }
            // One that nobody knows is answered with all that are known: the same ones.
            var refused = await served.PostAsync(operation.Path, """{"nobodyKnows":1}""");
            refused["name"].ShouldBe("UnknownField", $"{operation.Id}: {refused.Text}");
            var known = refused["detail"]![(refused["detail"]!.IndexOf("known here: ", StringComparison.Ordinal) + 12)..].Split(", ");
            known.Except(["type"]).ShouldBe(properties.Select(member => member.Key), ignoreOrder: true, operation.Id);
            // What may not be left out is named when it is.
            foreach (var name in needed)
            {
                var members = operation.Body["example"]?.DeepClone().AsObject() ?? [];
                if (!members.Remove(name)) continue;
                var missing = await served.PostAsync(operation.Path, members.ToJsonString());
                (missing["name"], missing["detail"]!.Contains(name, StringComparison.Ordinal))
                    .ShouldBe(("MissingField", true), $"{operation.Id} without {name}: {missing.Text}");
            }
        }
        described.ShouldBeGreaterThan(45);
    }

    [Fact]
    public async Task Choices_and_lists_are_said_as_such()
    {
        await using var served = await ServedLedger.StartAsync();
        var instruction = (await OperationsAsync(served)).Single(operation => operation.Id == "instruction").Body!["schema"]!;
        instruction["properties"]!["kind"]!.ToJsonString().ShouldBe("""{"enum":["export","curtail"],"type":"string"}""");
        instruction["properties"]!["targets"]!.ToJsonString().ShouldBe("""{"type":"array","description":"[{point, kw, offeredKw?}]"}""");
        instruction["required"]!.ToJsonString()
            .ShouldBe("""["instruction","kind","issuedBy","issuedAt","start","end","targets"]""");
        var limit = (await OperationsAsync(served)).Single(operation => operation.Id == "standing-limit").Body!["schema"]!;
        // Of two ways to say it neither is needed, since the other one may be given.
        limit["required"]!.ToJsonString().ShouldBe("""["point","kind","direction","validFrom","source"]""");
        limit["properties"]!["steps"]!["description"]!.GetValue<string>().ShouldBe("[{start | daily, kw}]");
    }

    [Fact]
    public async Task A_parameter_that_nobody_knows_is_refused_and_not_overlooked()
    {
        await using var served = await ServedLedger.StartAsync(log: new FrameLogOptions(""));
        await served.RegisterConnectorAsync();
        foreach (var operation in await OperationsAsync(served))
        {
            var parameters = (operation.Said["parameters"]?.AsArray() ?? [])
                .Where(parameter => (string)parameter!["in"]! == "query").Select(parameter => (string)parameter!["name"]!).ToList();
            if (parameters.Count == 0) continue;
            var path = operation.Path.Contains('{') ? operation.Path.Split('{')[0] + "1" : operation.Path;
            var asked = $"{path}?asof=0&nobodyKnows=1";
            var refused = operation.Method == "get" ? await served.GetAsync(asked) : await served.PostAsync(asked, "x");
            refused.Status.ShouldBe(400, $"{operation.Id}: {refused.Text}");
            refused["name"].ShouldBe("UnknownField");
            var known = refused["detail"]![(refused["detail"]!.IndexOf("known here: ", StringComparison.Ordinal) + 12)..];
            known.ShouldBe(string.Join(", ", parameters), operation.Id);
        }
        // Names of the address are known in any case, as before; a form that there is not is said by the answer itself.
        (await served.GetAsync("/v1/settlement-points?ASOF=0")).Status.ShouldBe(200);
        (await served.GetAsync("/v1/peaks?station=S1&day=2026-03-01&format=csv"))["detail"]!.ShouldContain("this answer is no table");
        (await served.GetAsync("/v1/interval-records?point=CP1&day=2026-03-01&fromat=csv"))["detail"]
            .ShouldBe("fromat is no parameter of this resource: known here: point, day, from, to, station, asOf, limit, cursor, format");
    }

    /// <summary>A key that came before with another body, and one whose first request is under way.</summary>
    [Fact]
    public async Task What_takes_a_key_of_an_attempt_says_what_it_answers_where_the_key_was_there()
    {
        await using var served = await ServedLedger.StartAsync(log: new FrameLogOptions(""));
        var keyed = (await OperationsAsync(served)).Where(operation => operation.Said["parameters"]?.AsArray()
            .Any(parameter => (string)parameter!["name"]! == "Idempotency-Key") == true).ToList();
        keyed.Count.ShouldBeGreaterThan(50);
        keyed.Where(operation => operation.Said["responses"]!["409"] is null || operation.Said["responses"]!["422"] is null)
            .Select(operation => operation.Id).ShouldBeEmpty();
    }

    /// <summary>Everything is for somebody: what is not for anybody says how one shows who one is.</summary>
    [Fact]
    public async Task The_document_says_who_may_call_what_and_when_to_come_again()
    {
        await using var served = await ServedLedger.StartAsync(log: new FrameLogOptions(""));
        var operations = await OperationsAsync(served);
        operations.Where(operation => operation.Said["security"] is null).Select(operation => operation.Id)
            .ShouldBe(["checkpoint", "tile", "live", "ready"], ignoreOrder: true);
        string Scopes(string id) => operations.Single(operation => operation.Id == id).Said["security"]!.ToJsonString();
        Scopes("settlement-points").ShouldBe("""[{"accessKey":["points:read"]}]""");
        Scopes("enrolment").ShouldBe("""[{"accessKey":["enrolments:write"]}]""");
        Scopes("job").ShouldBe("""[{"accessKey":[]}]""");
        foreach (var operation in operations)
            foreach (var (status, answer) in operation.Said["responses"]!.AsObject())
                if (status is "429" or "503") answer!["headers"]!["Retry-After"].ShouldNotBeNull(operation.Id);
        var lines = operations.Single(operation => operation.Id == "statement-lines").Said["responses"]!["200"]!;
        lines["content"]!.AsObject().Select(form => form.Key).ShouldBe(["application/json", "text/csv", "application/x-ndjson",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/vnd.apache.parquet"]);
        lines["headers"]!.AsObject().Select(header => header.Key).ShouldBe(["ETag", "Ledger-Position", "Ledger-Checkpoint", "Content-Disposition", "Link"]);
    }

    /// <summary>What is read by people is not escaped beyond what JSON needs: a secret can be copied from the screen.
    /// </summary>
    [Fact]
    public async Task Text_is_written_as_it_is()
    {
        await using var served = await ServedLedger.StartAsync();
        var refused = await served.PostAsync("/v1/outages", """{"point":"a+b's <é>"}""");
        refused.Text.ShouldContain("""point is \"a+b's <é>\": must be""");
        (await served.GetAsync("/v1/refusals")).Text.ShouldContain("a+b's <é>");
        Encoding.UTF8.GetString(await served.Client.GetByteArrayAsync("/v1/refusals?format=ndjson", TestContext.Current.CancellationToken))
            .ShouldContain("a+b's <é>");
    }
}
