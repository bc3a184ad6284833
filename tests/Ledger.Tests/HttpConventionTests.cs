using System.Net;
using System.Net.Sockets;
using System.Text;
using Ledger.Api;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What HTTP itself promises of every address: HEAD with GET, the methods that there are, and the forms of an
/// answer by how gladly they are accepted (RFC 9110).</summary>
public sealed class HttpConventionTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static async Task<ServedLedger> ServedAsync()
    {
        var served = await ServedLedger.StartAsync();
        await served.RegisterConnectorAsync();
        return served;
    }

    private static async Task<(HttpResponseMessage Response, string Text)> SendAsync(
        ServedLedger served, string method, string path, string? accept = null)
    {
        using var request = new HttpRequestMessage(new(method), path);
        if (accept is not null) request.Headers.TryAddWithoutValidation("Accept", accept);
        var response = await served.Client.SendAsync(request, Ct);
        return (response, await response.Content.ReadAsStringAsync(Ct));
    }

    [Theory]
    [InlineData("/v1/settlement-points")]
    [InlineData("/v1/settlement-points?format=csv")]
    [InlineData("/v1/settlement-points?format=xlsx")]
    [InlineData("/v1/settlement-points?limit=1")]
    [InlineData("/v1/interval-records?point=CP1&day=2026-03-01")]
    [InlineData("/v1/interval-records?from=2026-03-01&to=2026-03-02")]
    [InlineData("/v1/journal")]
    [InlineData("/health/live")]
    [InlineData("/openapi/v1.json")]
    [InlineData("/v1/settlement-points?format=xml")]
    [InlineData("/v1/nothing")]
    [InlineData("/")]
    public async Task Head_answers_as_get_does_without_the_body(string path)
    {
        await using var served = await ServedAsync();
        var (get, _) = await SendAsync(served, "GET", path);
        var (head, text) = await SendAsync(served, "HEAD", path);
        text.ShouldBeEmpty();
        head.StatusCode.ShouldBe(get.StatusCode);
        foreach (var header in get.Headers.Where(one => one.Key is not ("Date" or "Transfer-Encoding" or "Connection")))
            string.Join(",", head.Headers.GetValues(header.Key)).ShouldBe(string.Join(",", header.Value), header.Key);
        head.Content.Headers.ContentType.ShouldBe(get.Content.Headers.ContentType);
        LengthOf(head).ShouldBe(LengthOf(get));
        get.Dispose();
        head.Dispose();
        served.Errors.ToString().ShouldBeEmpty();

        // What the head says, and not what was read of the body.
        static string? LengthOf(HttpResponseMessage response) =>
            response.Content.Headers.TryGetValues("Content-Length", out var length) ? length.Single() : null;
    }

    [Fact]
    public async Task Head_of_a_live_answer_ends()
    {
        await using var served = await ServedAsync();
        (await served.PostAsync("/v1/instructions", """
            {"instruction":"I1","kind":"curtail","issuedBy":"GRID","issuedAt":"2026-03-01T09:00:00Z","start":"2026-03-03T10:00:00Z","end":"2026-03-03T11:00:00Z","targets":[{"point":"CP1","kw":500}]}
            """)).Status.ShouldBe(201);
        var (head, text) = await SendAsync(served, "HEAD", "/v1/instruction-events?instruction=I1");
        (head.StatusCode, head.Content.Headers.ContentType!.MediaType, text).ShouldBe((HttpStatusCode.OK, "text/event-stream", ""));
        head.Dispose();
    }

    [Theory]
    [InlineData("DELETE", "/v1/settlement-points", 405, "GET, HEAD, OPTIONS, POST")]
    [InlineData("PUT", "/v1/imports", 405, "OPTIONS, POST")]
    [InlineData("HEAD", "/v1/imports", 405, "OPTIONS, POST")]
    [InlineData("POST", "/v1/journal", 405, "GET, HEAD, OPTIONS")]
    [InlineData("OPTIONS", "/v1/journal", 204, "GET, HEAD, OPTIONS")]
    [InlineData("OPTIONS", "/v1/settlement-points", 204, "GET, HEAD, OPTIONS, POST")]
    public async Task An_address_says_which_methods_it_knows(string method, string path, int status, string allow)
    {
        await using var served = await ServedAsync();
        var (response, text) = await SendAsync(served, method, path);
        ((int)response.StatusCode, string.Join(", ", response.Content.Headers.Allow.Order(StringComparer.Ordinal)))
            .ShouldBe((status, allow));
        if (status == 405 && method != "HEAD") text.ShouldContain("this resource does not know this method");
        else text.ShouldBeEmpty();
        response.Dispose();
        var (nowhere, _) = await SendAsync(served, "OPTIONS", "/v1/nothing");
        nowhere.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        nowhere.Dispose();
    }

    [Theory]
    [InlineData("text/csv;q=0.5, application/json", "application/json")]
    [InlineData("application/json;q=0.5, text/csv", "text/csv")]
    [InlineData("text/csv, application/json", "text/csv")]
    [InlineData("application/json, text/csv", "application/json")]
    [InlineData("*/*", "application/json")]
    [InlineData("text/*", "text/csv")]
    [InlineData("application/*;q=0.1, text/csv;q=0.2", "text/csv")]
    [InlineData("application/json;q=0, */*", "text/csv")]
    [InlineData("text/html, */*;q=0.8", "application/json")]
    [InlineData("application/x-ndjson;q=0.3, application/json;q=0.2", "application/x-ndjson")]
    [InlineData("what is this", "application/json")]
    public async Task The_form_is_the_one_that_is_accepted_most_gladly(string accept, string media)
    {
        await using var served = await ServedAsync();
        foreach (var path in new[] { "/v1/settlement-points", "/v1/interval-records?from=2026-03-01&to=2026-03-02" })
        {
            var (response, _) = await SendAsync(served, "GET", path, accept);
            (response.StatusCode, response.Content.Headers.ContentType!.MediaType)
                .ShouldBe((HttpStatusCode.OK, media), path);
            response.Dispose();
        }
    }

    [Theory]
    [InlineData("/v1/journal", "text/csv")]
    [InlineData("/v1/journal", "application/json;q=0")]
    [InlineData("/v1/settlement-points", "text/html")]
    [InlineData("/v1/settlement-points", "*/*;q=0")]
    [InlineData("/v1/interval-records?point=CP1&day=2026-03-01", "image/png, text/html;q=0.4")]
    public async Task An_answer_that_has_no_accepted_form_is_406_and_says_which_it_has(string path, string accept)
    {
        await using var served = await ServedAsync();
        var (response, text) = await SendAsync(served, "GET", path, accept);
        ((int)response.StatusCode, response.Content.Headers.ContentType!.MediaType).ShouldBe((406, "application/problem+json"));
        text.ShouldContain("this answer is given as json");
        response.Dispose();
        served.Errors.ToString().ShouldBeEmpty();
    }

    [Fact]
    public async Task The_document_is_the_same_bytes_for_everybody_and_is_sent_once()
    {
        await using var served = await ServedAsync();
        var (first, text) = await SendAsync(served, "GET", "/openapi/v1.json");
        text.ShouldNotContain("\"servers\"");
        using var named = new HttpRequestMessage(HttpMethod.Get, "/openapi/v1.json");
        named.Headers.Host = "localhost:1"; // what a caller says of the host is in nobody's answer
        using var second = await served.Client.SendAsync(named, Ct);
        (await second.Content.ReadAsStringAsync(Ct)).ShouldBe(text);
        using var again = new HttpRequestMessage(HttpMethod.Get, "/openapi/v1.json");
        again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using var known = await served.Client.SendAsync(again, Ct);
        known.StatusCode.ShouldBe(HttpStatusCode.NotModified);
        first.Dispose();
        (await served.GetAsync("/openapi/v2.json")).Status.ShouldBe(404);
    }

    private static async Task<NetworkStream> BeginAsync(ServedLedger served, string path, string body, int length = 100)
    {
        var url = served.Client.BaseAddress!;
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, url.Port, Ct);
        var stream = client.GetStream(); // which closes the connection when it is disposed
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST {path} HTTP/1.1\r\nHost: {url.Authority}\r\nContent-Length: {length}\r\n\r\n{body}"), Ct);
        return stream;
    }

    private static async Task<string> EndAsync(NetworkStream stream)
    {
        using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
        return await reader.ReadToEndAsync(Ct);
    }

    [Fact]
    public async Task A_body_that_does_not_come_is_408_and_its_connection_ends()
    {
        await using var served = await ServedLedger.StartAsync(options => options with
        {
            BodyPatience = Duration.FromSeconds(2),
        });
        await using var slow = await BeginAsync(served, "/v1/outages", "{");
        var answer = await EndAsync(slow);
        answer.ShouldStartWith("HTTP/1.1 408 ");
        answer.ShouldContain("Connection: close");
        answer.ShouldContain("TooSlow");
        served.Errors.ToString().ShouldBeEmpty();
        // What comes in time is taken, in how many pieces whatever.
        await using var quick = await BeginAsync(served, "/v1/outages", "{");
        await quick.WriteAsync(Encoding.ASCII.GetBytes(new string(' ', 99)), Ct);
        var buffer = new byte[64];
        (await quick.ReadAsync(buffer, Ct)).ShouldBeGreaterThan(0);
        Encoding.ASCII.GetString(buffer).ShouldStartWith("HTTP/1.1 422 ");
    }

    /// <summary>Whole runs are calculated by few at once, so that the others are served meanwhile.</summary>
    [Theory]
    [InlineData("/v1/statement-lines?run=R1")]
    [InlineData("/v1/explanations?run=R1")]
    [InlineData("/v1/run-differences?before=R1&after=R2")]
    [InlineData("/v1/settlement-previews?account=ACME&day=2026-02-27")]
    [InlineData("/v1/fact-uses?position=0")]
    [InlineData("/")]
    public async Task What_calculates_a_run_has_few_places_of_its_own(string heavy)
    {
        await using var served = await ServedLedger.StartAsync(options => options with { HeavyRequestsMax = 1 });
        (await served.GetAsync(heavy)).Status.ShouldBeOneOf(200, 404, 422);
        for (var attempt = 0; attempt < 100; attempt++)
        {
            await using var slow = await BeginAsync(served, "/v1/settlement-runs", "{");
            await Task.Delay(TimeSpan.FromMilliseconds(50), Ct);
            if ((await served.GetAsync(heavy)).Status != 429) continue; // it came first, and the other was refused
            (await served.GetAsync("/v1/settlement-points")).Status.ShouldBe(200);
            (await served.PostAsync("/v1/outages", "{}")).Status.ShouldBe(422);
            return;
        }
        Assert.Fail($"{heavy} has a place of another kind");
    }

    /// <summary>An address whose part is missing has no body from the framework, and still says why.</summary>
    [Fact]
    public async Task What_the_framework_refuses_without_a_word_is_said()
    {
        await using var served = await ServedAsync();
        var missing = await served.GetAsync("/tile/");
        (missing.Status, missing.Media, missing["name"], missing["detail"]).ShouldBe((400, "application/problem+json",
            "NoResource", "a part of the address is missing, or is not what it must be"));
        var nothing = await served.GetAsync("/v1/refusals/twelve");
        (nothing.Status, nothing["name"]).ShouldBe((404, "NoResource"));
    }
}
