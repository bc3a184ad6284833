using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Every operation of the interface, as its own document lists them, as every role, on what is its own and on what is
/// somebody else's, and as nobody. What came of it is a table that an auditor can read:
/// <c>AccessMatrix.verified.txt</c>. An operation without a request here fails, so a new one is not forgotten.
/// </summary>
public sealed class AccessMatrixTests
{
    private const string Legend = """
        What each role gets of its own data and of somebody else's (the column after it), and what nobody gets.
        served     it is answered with what was asked for, or it is recorded
        nothing    it is answered, and of that side there is nothing in it
        judged     the role may hand it in; a rule of the ledger decides what becomes of it
        hidden     404, in the same words as of what does not exist
        forbidden  403, the role does not hold the scope
        unknown    401, a key is needed

        """;

    private static readonly Role[] Columns = Enum.GetValues<Role>();

    /// <summary>Names that are somebody's: positions of a fact that counts and of one that was refused, a webhook, and
    /// a job.</summary>
    private sealed record Places(long Fact, long Refusal, string Webhook, string Job);

    private readonly Dictionary<int, Places> places = [];
    private readonly HashSet<(string Operation, Role Role)> forbidden = [];

    [Fact]
    public async Task Every_operation_is_for_exactly_those_who_may()
    {
        await using var town = await AccessTown.StartAsync(new FrameLogOptions(""));
        await SetUpAsync(town);
        (await town.GetAsync(town.Key(Role.ChargingOperator), "/v1/disputes")).Text.ShouldNotContain("BETA");
        var scopes = await DescribedAsync(town);
        var entries = AccessRequests.Posts.Select(post => post.Operation)
            .Concat(AccessRequests.Gets.Select(get => get.Operation)).Append("frames").ToList();
        scopes.Keys.ShouldBe(entries, ignoreOrder: true,
            customMessage: "an operation has no entry in AccessRequests, or an entry has no operation");
        var table = new StringBuilder(Legend.ReplaceLineEndings("\n"));
        table.Append(Line("operation", Columns.SelectMany(role => new[] { Name(role), "other's" }), "nobody"));
        foreach (var (operation, path) in AccessRequests.Gets)
            table.Append(await RowAsync(town, operation, path.Contains('{', StringComparison.Ordinal),
                (side, holder, key) => town.SendAsync(HttpMethod.Get, key, Filled(path, side, holder), null)));
        foreach (var (operation, path, body) in AccessRequests.Posts)
            table.Append(await RowAsync(town, operation, false, (side, holder, key) => town.SendAsync(HttpMethod.Post,
                key, Filled($"/v1/{path}", side, holder), Encoding.UTF8.GetBytes(Filled(body, side, holder)))));
        table.Append(await RowAsync(town, "frames", false, (side, _, key) =>
            town.SendAsync(HttpMethod.Post, key, "/v1/frames", Announced(side.In("{point}")))));
        town.Served.Errors.ToString().ShouldBeEmpty();
        foreach (var (operation, scope) in scopes)
            foreach (var role in Columns)
                // Of a file each part needs a scope of its own, too; and who subscribes that of what is told, which of
                // runs an administrator has not.
                if (scope is not null && operation != "import" && (operation, role) is not ("webhook", Role.Administrator))
                    forbidden.Contains((operation, role)).ShouldBe(!Roles.ScopesOf(role).Contains(scope),
                        $"the document says that {operation} needs {scope}, and {role} found otherwise");
        Snapshot.Match(table.ToString(), "AccessMatrix");
    }

    /// <summary>Records of each side what is asked for, in the name of whose it is.</summary>
    private async Task SetUpAsync(AccessTown town)
    {
        foreach (var side in AccessTown.Sides)
        {
            var (fact, refusal) = await town.RecordAllAsync(side);
            // A webhook and a job are of whoever asked for them, and not of the journal.
            var key = await town.GiveAsync($"other-{side.Account}", Role.ChargingOperator, side.Account, []);
            var webhook = await town.PostAsync(key, "/v1/webhooks",
                """{"url":"https://hooks.example/","events":["run.published"]}""");
            var job = await town.PostAsync(key, "/v1/jobs", Filled(side.In(AccessRequests.Job), side, "other"));
            places[side.Number] = new(fact, refusal, webhook["webhook"]!, job["job"]!);
        }
    }

    /// <summary>The operations of the document, each with the one scope that it names; null where it names none.
    /// </summary>
    private static async Task<Dictionary<string, string?>> DescribedAsync(AccessTown town)
    {
        var document = await town.GetAsync(null, "/openapi/v1.json");
        return document.Json.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject())
            .ToDictionary(method => method.Value.GetProperty("operationId").GetString()!, method =>
                method.Value.TryGetProperty("security", out var needs)
                    ? needs[0].GetProperty("accessKey").EnumerateArray().Select(scope => scope.GetString()).SingleOrDefault() : null);
    }

    private async Task<string> RowAsync(AccessTown town, string operation, bool namesIt,
        Func<AccessTown.Side, string, string?, Task<Answer>> ask)
    {
        var cells = new List<string>();
        foreach (var role in Columns)
            foreach (var side in new[] { AccessTown.OwnOf(role), AccessTown.Foreign })
            {
                cells.Add(Word(operation, await ask(side, $"{role}-1", town.Key(role).Shown), side, namesIt));
                if (cells[^1] == "forbidden") forbidden.Add((operation, role));
            }
        return Line(operation, cells,
            Word(operation, await ask(AccessTown.Own, "nobody", null), AccessTown.Own, namesIt));
    }

    /// <summary>What came of a request, in one word.</summary>
    /// <param name="namesIt">The question names what it asks for, so that any content is of it.</param>
    private static string Word(string operation, Answer answer, AccessTown.Side side, bool namesIt)
    {
        answer.Status.ShouldBeLessThan(500, $"{operation}: {answer.Text}");
        return answer.Status switch
        {
            401 => "unknown",
            403 => "forbidden",
            404 when answer.Json.TryGetProperty("name", out var why) && why.GetString() == "NotPublished" => "served", // nothing was signed yet; anybody is told
            404 => "hidden",
            400 or 409 or 413 or 422 => "judged",
            201 or 202 => "served",
            200 when operation is "import" or "curves" => OfPart(answer),
            200 when answer.Media != "application/json" || answer.Text.StartsWith("{\"outcome\"", StringComparison.Ordinal)
                => "served",
            200 => Content(answer.Json) switch
            {
                null => "served", // single values, which are of nobody
                var content when IsFound(content) => "served",
                _ => "nothing",
            },
            _ => throw new InvalidDataException($"{operation}: {answer.Status} {answer.Text}"),
        };

        bool IsFound(string content) => namesIt ? content.Length > 0
            : operation is "access-keys" or "data-reads" or "projections" || Names(side).IsMatch(content);
    }

    private static string OfPart(Answer answer) => answer.Json.GetProperty("uncounted") is var parts
        && parts.GetArrayLength() == 0 ? "served" : parts[0].GetProperty("code").GetInt32() switch
        {
            (int)Rejection.NotReached => "hidden",
            (int)Rejection.NotAuthorised => "forbidden",
            _ => "judged",
        };

    /// <summary>What an answer has beside single values, which may only repeat the question; null where it has nothing
    /// else.</summary>
    private static string? Content(JsonElement answer)
    {
        // Some standards answer with a list alone.
        if (answer.ValueKind == JsonValueKind.Array) return answer.GetArrayLength() == 0 ? "" : answer.GetRawText();
        var parts = answer.EnumerateObject().Where(member => member.Name is "peak" or "total"
            || member.Value.ValueKind is JsonValueKind.Array or JsonValueKind.Object).ToList();
        return parts.Count == 0 ? null : string.Concat(parts
            .Where(part => part.Value.ValueKind == JsonValueKind.Object
                || (part.Value.ValueKind == JsonValueKind.Array && part.Value.GetArrayLength() > 0))
            .Select(part => part.Value.GetRawText()));
    }

    /// <summary>Names that only one side has.</summary>
    private static Regex Names(AccessTown.Side side) => new(
        side.In(@"\b({point}|{station}|{meter}|{order}|{programme}|{pack}|{tariff}|{run}|{dispute}|{claim}|{account})\b"));

    private string Filled(string text, AccessTown.Side side, string holder) => side.In(text)
        .Replace("{holder}", holder, StringComparison.Ordinal)
        .Replace("{webhook}", places.GetValueOrDefault(side.Money ?? side.Number)?.Webhook, StringComparison.Ordinal)
        .Replace("{job}", places.GetValueOrDefault(side.Money ?? side.Number)?.Job, StringComparison.Ordinal)
        .Replace("{fact}", places.GetValueOrDefault(side.Number)?.Fact.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{refusal}", places.GetValueOrDefault(side.Money ?? side.Number)?.Refusal.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    private static byte[] Announced(string point)
    {
        var buffer = new byte[1024];
        var frame = FrameWriter.Announce(buffer, 0, AccessTown.Now.ToUnixTimeTicks() / 10, 0);
        frame.TryAdd(new Announcement(0, new(point), SampleSemantics.Instant, 1_000_000)).ShouldBeTrue();
        var length = frame.Finish();
        var body = new byte[sizeof(int) + length];
        BinaryPrimitives.WriteInt32LittleEndian(body, length);
        buffer.AsSpan(0, length).CopyTo(body.AsSpan(sizeof(int)));
        return body;
    }

    private static string Line(string operation, IEnumerable<string> cells, string nobody) =>
        string.Join(" | ", [operation.PadRight(27), .. cells.Select(cell => cell.PadRight(16)), nobody]) + "\n";

    private static string Name(Role role) => char.ToLowerInvariant($"{role}"[0]) + $"{role}"[1..];
}
