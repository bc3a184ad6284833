using System.Text;
using Ledger.Domain;

namespace Ledger.Tests;

/// <summary>All that can be asked of a town, by everybody: each read whole, as a page, by its tag and in each form, and
/// each order, in the names of one side that owns and one that does not.</summary>
internal sealed class TownQuestions(AccessTown town)
{
    private string token = "", webhook = "", job = "";
    private long fact, refusal;

    /// <summary>Orders, and how many events there are of each.</summary>
    public (string Order, int Events)[] Orders { get; } = [("I1", 3), ("W1", 2), ("F1", 2)];

    public async Task SetUpAsync()
    {
        foreach (var side in AccessTown.Sides)
        {
            var (at, refused) = await town.RecordAllAsync(side);
            if (side == AccessTown.Own) (fact, refusal) = (at, refused);
        }
        token = await File.ReadAllTextAsync(
            Path.Combine(town.Served.Options.Directory, Api.OpenLedger.TokenFileName),
            TestContext.Current.CancellationToken);
        webhook = (await PostAsync(token, "webhooks", """{"url":"https://hooks.example/","events":["run.published"]}"""))["webhook"]!;
        await PostAsync(token, "run-publications", AccessTown.Foreign.In(
            """{"run":"{run}","account":"{account}","day":"2026-02-27","by":"another"}"""));
        await town.Served.TellAsync();
        job = (await PostAsync(token, "jobs", AccessTown.Own.In(AccessRequests.Job)))["job"]!;
        while (!(await town.SendAsync(HttpMethod.Get, token, $"/v1/jobs/{job}", null)).Text.Contains("\"ended\":\"", StringComparison.Ordinal))
            await Task.Delay(10, TestContext.Current.CancellationToken);
    }

    public async Task<List<(string Operation, Answer Answer)>> AskAllAsync()
    {
        var answers = new List<(string, Answer)>();
        List<string?> callers = [.. Enum.GetValues<Role>().Select(role => town.Key(role).Shown), token, null];
        foreach (var (operation, path) in AccessRequests.Gets.Where(get => get.Operation != "instruction-events"))
        {
            foreach (var caller in callers)
                foreach (var side in (AccessTown.Side[])[AccessTown.Own, AccessTown.Foreign])
                    answers.Add((operation, await GetAsync(caller, Filled(path, side))));
            var asked = Filled(path, AccessTown.Own);
            foreach (var more in (string[])["limit=1", "asOf=5", "asOf=99999999", "format=ndjson", "format=csv", "format=xlsx",
                "format=parquet", "format=xml", "points=1", "line=1"])
                answers.Add((operation, await GetAsync(token, $"{asked}{(asked.Contains('?') ? '&' : '?')}{more}")));
            answers.Add((operation, await GetAsync(token, asked.Split('?')[0])));
            answers.Add((operation, await KnownAsync(asked)));
        }
        answers.Add(("interval-records", await GetAsync(token, "/v1/interval-records?point=CP1&from=2026-02-26&to=2026-03-01")));
        answers.Add(("explanations", await GetAsync(token, "/v1/explanations?run=R1&account=ACME&line=1")));
        answers.Add(("explanations", await GetAsync(token, Filled("/v1/explanations?run={deltas}&line=1", AccessTown.Own))));
        foreach (var side in (AccessTown.Side[])[AccessTown.Own, AccessTown.Foreign])
            foreach (var (operation, path, body) in AccessRequests.Posts)
                foreach (var caller in callers)
                    foreach (var text in (string[])[Filled(body, side), "{}", "{"])
                        answers.Add((operation, await PostAsync(caller, path.Contains("{point}") ? Filled(path, side) : path, text)));
        foreach (var (operation, path, body) in AccessRequests.Posts)
            answers.Add((operation, await OtherwiseAsync(Filled(path, AccessTown.Own), Filled(body, AccessTown.Own))));
        answers.Add(("settlement-run", await LaterAsync()));
        answers.Add(("data-reads", await NotedAsync()));
        return answers;
    }

    /// <summary>What was read of others, once the server has recorded it, which it does now and then.</summary>
    private async Task<Answer> NotedAsync()
    {
        while (true)
        {
            var noted = await GetAsync(town.Key(Role.Auditor).Shown, "/v1/data-reads?day=2026-03-02");
            if (noted.Json.GetProperty("reads").GetArrayLength() > 0) return noted;
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    private Task<Answer> GetAsync(string? caller, string path) => town.SendAsync(HttpMethod.Get, caller, path, null);

    private Task<Answer> PostAsync(string? caller, string path, string body) => town.SendAsync(
        HttpMethod.Post, caller, $"/v1/{path}", Encoding.UTF8.GetBytes(body), $"{path.Length}-{caller?.Length}-{body.GetHashCode(StringComparison.Ordinal)}");

    /// <summary>Asked by the tag of an answer that the caller has.</summary>
    private async Task<Answer> KnownAsync(string path)
    {
        var first = await GetAsync(token, path);
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new("Bearer", token);
        if (first.Response.Headers.ETag is { } tag) request.Headers.IfNoneMatch.Add(tag);
        using var again = await town.Served.Client.SendAsync(request, TestContext.Current.CancellationToken);
        return await Answer.OfAsync(again);
    }

    /// <summary>Posted as what it is not.</summary>
    private async Task<Answer> OtherwiseAsync(string path, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/v1/{path}") { Content = new StringContent(body) };
        request.Headers.Authorization = new("Bearer", token);
        using var answer = await town.Served.Client.SendAsync(request, TestContext.Current.CancellationToken);
        return await Answer.OfAsync(answer);
    }

    /// <summary>A run that is taken as a job.</summary>
    private async Task<Answer> LaterAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/settlement-runs")
        { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(AccessTown.Own.In("""{"run":"later","account":"{account}","day":"2026-02-26"}"""))) };
        request.Headers.Authorization = new("Bearer", token);
        request.Headers.Add("Prefer", "respond-async");
        using var taken = await town.Served.Client.SendAsync(request, TestContext.Current.CancellationToken);
        return await Answer.OfAsync(taken);
    }

    private string Filled(string text, AccessTown.Side side) => side.In(text)
        .Replace("{holder}", "publisher", StringComparison.Ordinal).Replace("{webhook}", webhook, StringComparison.Ordinal)
        .Replace("{job}", job, StringComparison.Ordinal).Replace("{fact}", $"{fact}", StringComparison.Ordinal)
        .Replace("{refusal}", $"{refusal}", StringComparison.Ordinal)
        .Replace("?run=", $"?account={side.Account}&run=", StringComparison.Ordinal);
}
