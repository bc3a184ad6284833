using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Api.Tables;
using Ledger.Cli;
using Ledger.Ingest.Frames;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What all resources have in common: pages, forms, tags, keys of attempts, live answers, and the document.
/// </summary>
public sealed class ApiConventionTests
{
    private static async Task<ServedLedger> WithPointsAsync(int points)
    {
        var served = await ServedLedger.StartAsync(log: new FrameLogOptions(""));
        var text = new StringBuilder();
        for (var i = 0; i < points; i++)
            text.Append(CultureInfo.InvariantCulture, $$"""{"type":"settlement-point","point":"CP{{i:D3}}","station":"=S{{i % 2}}","kind":"connector","owner":"ACME","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}""").Append('\n');
        (await served.PostAsync("/v1/imports?name=points.jsonl", text.ToString().Replace("=S", "S")))["recorded"]
            .ShouldBe(points.ToString(CultureInfo.InvariantCulture));
        return served;
    }

    private static List<string> PointsOf(Answer answer) => [.. answer.Json.GetProperty("points").EnumerateArray()
        .Select(point => point.GetProperty("point").GetString()!)];

    [Fact]
    public async Task Pages_have_every_row_once_though_facts_come_in_between()
    {
        await using var served = await WithPointsAsync(7);
        var whole = PointsOf(await served.GetAsync("/v1/settlement-points"));
        var seen = new List<string>();
        var path = "/v1/settlement-points?limit=3";
        var pages = 0;
        while (true)
        {
            var page = await served.GetAsync(path);
            (page.Status, page["asOf"], page.Position).ShouldBe((200, "6", "6"));
            seen.AddRange(PointsOf(page));
            pages++;
            if (page.Json.GetProperty("next").ValueKind == JsonValueKind.Null) break;
            var link = page.Response.Headers.GetValues("Link").Single();
            link.ShouldEndWith("; rel=\"next\"");
            path = link[1..link.IndexOf('>', StringComparison.Ordinal)];
            path.ShouldContain(page["next"]!);
            // What is recorded meanwhile is on no page.
            (await served.PostAsync("/v1/settlement-points", $$"""{"point":"AA{{pages}}","station":"S0","kind":"connector","owner":"ACME","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}"""))
                .Status.ShouldBe(201);
        }
        (pages, string.Join(' ', seen)).ShouldBe((3, string.Join(' ', whole)));
        var next = (await served.GetAsync("/v1/settlement-points?limit=1"))["next"]!;
        PointsOf(await served.GetAsync($"/v1/settlement-points?cursor={next}")).Count.ShouldBe(8);
        foreach (var wrong in new[] { $"/v1/registers?cursor={next}", "/v1/settlement-points?cursor=x",
            $"/v1/settlement-points?cursor={next}&asOf=1", "/v1/settlement-points?cursor=", "/v1/settlement-points?limit=0",
            "/v1/settlement-points?limit=10001", $"/v1/settlement-points?cursor={next}&cursor={next}",
            "/v1/settlement-points?format=xml", "/v1/journal?format=csv" })
            (await served.GetAsync(wrong)).Status.ShouldBe(400, wrong);
    }

    /// <summary>A cursor is the caller's to change; and its own link is good however the position was written.
    /// </summary>
    [Fact]
    public async Task A_cursor_of_a_time_that_no_calendar_has_is_refused_and_a_position_with_zeros_is_that_position()
    {
        await using var served = await WithPointsAsync(2);
        foreach (var order in (string[])["I1", "I2"])
            (await served.PostAsync("/v1/instructions", $$"""{"instruction":"{{order}}","kind":"export","issuedBy":"GRID","issuedAt":"2026-03-01T09:00:00Z","start":"2026-03-03T10:00:00Z","end":"2026-03-03T11:00:00Z","targets":[{"point":"CP000","kw":500}],"toleranceKw":"10","rampSeconds":60,"pricePerKwh":"2","penaltyPerKwh":"0.5"}"""))
                .Status.ShouldBe(201);
        var next = (await served.GetAsync("/v1/instructions?limit=1"))["next"]!.Replace('-', '+').Replace('_', '/');
        var parts = Encoding.ASCII.GetString(
            Convert.FromBase64String(next.PadRight((next.Length + 3) / 4 * 4, '='))).Split(' ');
        parts.Length.ShouldBe(5);
        (await served.GetAsync($"/v1/instructions?limit=1&cursor={Cursor(parts)}")).Status.ShouldBe(200);
        foreach (var at in (long[])[long.MaxValue, DateTime.MaxValue.Ticks - DateTime.UnixEpoch.Ticks])
            (await served.GetAsync($"/v1/instructions?limit=1&cursor={Cursor([.. parts[..^1], $"{at}"])}")).Status.ShouldBe(400);
        var page = await served.GetAsync("/v1/settlement-points?limit=1&asOf=001");
        var link = page.Response.Headers.GetValues("Link").Single();
        PointsOf(await served.GetAsync(link[1..link.IndexOf('>', StringComparison.Ordinal)])).ShouldBe(["CP001"]);

        static string Cursor(string[] parts) => Convert.ToBase64String(Encoding.ASCII.GetBytes(string.Join(' ', parts)))
            .TrimEnd('=').Replace('+', '-').Replace('/', '_');
    }

    /// <summary>Records are issued from what is known now.</summary>
    [Fact]
    public async Task What_issues_records_is_asked_as_of_no_position()
    {
        await using var served = await ServedLedger.StartAsync();
        var refused = await served.PostAsync("/v1/ocpi/cdr-issues?asOf=0", "{}");
        (refused.Status, refused["detail"]).ShouldBe((400, "asOf is no parameter of this resource: known here: none"));
    }

    [Fact]
    public async Task A_table_has_the_same_rows_in_every_form()
    {
        await using var served = await WithPointsAsync(3);
        var rows = (await served.GetAsync("/v1/settlement-points?asOf=1")).Json.GetProperty("points").EnumerateArray().ToList();
        var lines = await served.GetAsync("/v1/settlement-points?asOf=1&format=ndjson");
        (lines.Media, lines.Position).ShouldBe(("application/x-ndjson", "1"));
        lines.Text.TrimEnd('\n').Split('\n').ShouldBe(rows.Select(row => row.GetRawText()));
        var csv = await served.GetAsync("/v1/settlement-points?asOf=1&format=csv");
        csv.Media.ShouldBe("text/csv");
        csv.Text.ShouldBe(string.Join("\r\n",
        [
            "point,station,kind,owner,zone,periodMinutes,ratedMilliwatts,bidirectional,validFrom,gridOperator",
            "CP000,S0,connector,ACME,Asia/Shanghai,15,1000000000,true,2026-01-01T00:00:00.000000000Z,",
            "CP001,S1,connector,ACME,Asia/Shanghai,15,1000000000,true,2026-01-01T00:00:00.000000000Z,", "",
        ]));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/settlement-points?asOf=1");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/csv"));
        using var negotiated = await served.Client.SendAsync(request, TestContext.Current.CancellationToken);
        (await negotiated.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).ShouldBe(csv.Text);
    }

    [Theory]
    [InlineData("""[]""", "\r\n")]
    [InlineData("""[{"a":1,"b":{"c":"x","d":null}},{"e":[1,2],"b":{"c":"y,\"z\""}}]""",
        "a,b.c,b.d,e\r\n1,x,,\r\n,\"y,\"\"z\"\"\",,\"[1,2]\"\r\n")]
    [InlineData("""[{"a":"=1+1","b":"-1.50","c":"-x","d":"@x","e":"+2","f":"{}"}]""",
        "a,b,c,d,e,f\r\n'=1+1,-1.50,'-x,'@x,+2,{}\r\n")]
    [InlineData("""[{"a":{}}]""", "a\r\n{}\r\n")]
    public void A_table_is_csv_that_no_spreadsheet_runs(string rows, string csv) =>
        Csv([.. JsonNode.Parse(rows)!.AsArray().Select(row => Encoding.UTF8.GetBytes(row!.ToJsonString()))])
            .ShouldBe(csv);

    private static string Csv(IReadOnlyList<byte[]> rows)
    {
        var text = new ArrayBufferWriter<byte>();
        IEnumerable<ReadOnlyMemory<byte>> Rows() => rows.Select(row => (ReadOnlyMemory<byte>)row);
        new AnsweredTable("table", TableColumn.Of(Rows()), Rows).WriteText(TableForm.Csv, text);
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    [Fact]
    public async Task An_answer_has_a_tag_and_is_sent_again_only_where_it_changed()
    {
        await using var served = await WithPointsAsync(1);
        async Task<HttpResponseMessage> AskAsync(string path, string? tag)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            if (tag is not null) request.Headers.TryAddWithoutValidation("If-None-Match", tag);
            return await served.Client.SendAsync(request, TestContext.Current.CancellationToken);
        }
        using var first = await AskAsync("/v1/settlement-points?asOf=0", null);
        var tag = first.Headers.ETag!.Tag;
        first.Headers.CacheControl!.ToString().ShouldBe("no-cache, private");
        using var again = await AskAsync("/v1/settlement-points?asOf=0", tag);
        (again.StatusCode, again.Content.Headers.ContentLength ?? 0, again.Headers.ETag!.Tag)
            .ShouldBe((HttpStatusCode.NotModified, 0L, tag));
        using var other = await AskAsync("/v1/settlement-points?asOf=0", "\"x\"");
        other.StatusCode.ShouldBe(HttpStatusCode.OK);
        await served.RegisterConnectorAsync();
        using var live = await AskAsync("/v1/settlement-points", tag);
        (live.StatusCode, live.Headers.CacheControl!.NoStore).ShouldBe((HttpStatusCode.OK, true));
    }

    [Fact]
    public async Task A_key_that_is_under_way_is_refused_and_only_what_is_durable_is_answered_again()
    {
        await using var served = await ServedLedger.StartAsync();
        const string reading = """{"point":"CP1","direction":"import","readAt":"2026-03-01T01:00:00Z","kwh":"1.000"}""";
        (await served.PostAsync("/v1/register-readings", reading, "k1")).Status.ShouldBe(422);
        await served.RegisterConnectorAsync();
        // A refusal may end otherwise the next time, so it was not kept.
        var first = await served.PostAsync("/v1/register-readings", reading, "k1");
        first.Status.ShouldBe(201);
        var again = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ =>
            served.PostAsync("/v1/register-readings", reading, "k1")));
        again.ShouldAllBe(answer => answer.Status == 201 && answer.Text == first.Text
            && answer.Position == first.Position && answer.Response.Headers.Contains("Idempotency-Hit"));
        var racing = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ =>
            served.PostAsync("/v1/register-readings", reading.Replace("T01", "T02"), "k2")));
        racing.Count(answer => answer.Status == 201 && !answer.Response.Headers.Contains("Idempotency-Hit")).ShouldBe(1);
        racing.ShouldAllBe(answer => answer.Status == 201 || (answer.Status == 409 && answer["name"] == "InFlight"));
        // The same key at another resource, or with another question, is another attempt.
        (await served.PostAsync("/v1/register-readings?x=1", reading, "k1")).Status.ShouldBe(422);
        (await served.PostAsync("/v1/outages", reading, "k1"))["name"].ShouldNotBe("EvidenceConflict");
    }

    [Fact]
    public async Task An_instruction_is_followed_live_and_whoever_was_cut_off_misses_nothing()
    {
        await using var served = await WithPointsAsync(1);
        const string order = """{"instruction":"I1","kind":"export","issuedBy":"GRID","issuedAt":"2026-03-01T09:00:00Z","start":"2026-03-03T10:00:00Z","end":"2026-03-03T11:00:00Z","targets":[{"point":"CP000","kw":500}],"toleranceKw":"10","rampSeconds":60,"pricePerKwh":"2","penaltyPerKwh":"0.5"}""";
        (await served.GetAsync("/v1/instruction-events?instruction=I1")).Status.ShouldBe(404);
        (await served.PostAsync("/v1/instructions", order)).Position.ShouldBe("1");
        async Task<StreamReader> FollowAsync(string? last)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/instruction-events?instruction=I1");
            if (last is not null) request.Headers.Add("Last-Event-ID", last);
            var response = await served.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead,
                TestContext.Current.CancellationToken);
            response.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
            return new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        }
        static async Task<string> NextAsync(StreamReader events)
        {
            var text = new List<string>();
            while (await events.ReadLineAsync(TestContext.Current.CancellationToken) is { Length: > 0 } line)
                text.Add(line);
            text[2].ShouldStartWith("data: {");
            return $"{text[0]} {text[1]}";
        }
        using (var events = await FollowAsync(null))
        {
            (await NextAsync(events)).ShouldBe("id: 1 event: dispatch-instructed");
            await served.PostAsync("/v1/instruction-clocks", """{"instruction":"I1","point":"CP000","clock":"received","at":"2026-03-01T09:00:02Z","source":"csms"}""");
            (await NextAsync(events)).ShouldBe("id: 2 event: instruction-clock-recorded");
        }
        await served.PostAsync("/v1/withdrawals", """{"instruction":"I1","at":"2026-03-02T00:00:00Z","reason":"no need"}""");
        using var later = await FollowAsync("2");
        (await NextAsync(later)).ShouldBe("id: 3 event: instruction-withdrawn");
        (await served.GetAsync("/v1/instruction-events?instruction=I1&after=x")).Status.ShouldBe(400);
    }

    [Fact]
    public async Task The_page_of_the_interface_is_all_from_here_and_asks_nobody_else()
    {
        await using var served = await ServedLedger.StartAsync(options =>
            options with { Access = new(IsRequired: true) });
        var page = await served.GetAsync("/docs");
        (page.Status, page.Media).ShouldBe((200, "text/html"));
        var policy = page.Response.Headers.GetValues("Content-Security-Policy").Single();
        policy.ShouldStartWith("default-src 'none'; script-src 'self';");
        policy.ShouldContain("connect-src 'self';");
        policy.ShouldNotContain("http");
        var start = await served.GetAsync("/docs/start.js");
        foreach (var text in (string[])[page.Text, start.Text])
        {
            text.ShouldNotContain("//");
            text.ShouldNotContain("<style");
        }
        start.Text.ShouldContain("url: '/openapi/v1.json'");
        var script = await served.GetAsync("/docs/scalar.js");
        (script.Status, script.Media).ShouldBe((200, "text/javascript"));
        script.Text.ShouldContain("createApiReference");
        using var again = new HttpRequestMessage(HttpMethod.Get, "/docs/scalar.js");
        again.Headers.TryAddWithoutValidation("If-None-Match", script.Response.Headers.ETag!.Tag);
        using var known = await served.Client.SendAsync(again, TestContext.Current.CancellationToken);
        known.StatusCode.ShouldBe(HttpStatusCode.NotModified);
    }

    /// <summary>The document of this version is in the repository, so that a change of it is seen by whoever reads the
    /// change; it is what the program says that was built from these resources, and what every server gives.</summary>
    [Fact]
    public async Task The_document_is_the_built_one_and_has_no_binary_fraction()
    {
        var ct = TestContext.Current.CancellationToken;
        var built = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        var path = $"src/Ledger.Cli/obj/{built.Parent!.Name}/{built.Name}/openapi.json";
        var text = await File.ReadAllTextAsync(Repository.PathOf(path), ct);
        text.ShouldNotContain("\"format\": \"double\"");
        text.ShouldNotContain("\"type\": \"number\"");
        foreach (var operation in JsonNode.Parse(text)!["paths"]!.AsObject().SelectMany(each => each.Value!.AsObject()))
        {
            operation.Value!["operationId"].ShouldNotBeNull();
            operation.Value["summary"].ShouldNotBeNull();
        }
        ((await File.ReadAllTextAsync(Repository.PathOf("docs/openapi.json"), ct)).ReplaceLineEndings("\n") == text)
            .ShouldBeTrue($"docs/openapi.json is not what the program says; read what differs, then copy {path} there");
        await using var served = await ServedLedger.StartAsync();
        ((await served.GetAsync("/openapi/v1.json")).Text == text).ShouldBeTrue("a server gives another document");
    }

    /// <summary>The same as the build makes it, where it makes nothing.</summary>
    [Fact]
    public void The_document_is_printed_by_the_command_line()
    {
        var printed = CommandRun.Of(["schema", "api"]);
        printed.Exit.ShouldBe(ExitCode.Done);
        (printed.Output == Repository.Text("docs/openapi.json")).ShouldBeTrue();
        CommandRun.Of(["schema", "tables"]).Exit.ShouldBe(ExitCode.Usage);
        CommandRun.Of(["schema", "--ledger", "elsewhere", "--out", "x"]).Exit.ShouldBe(ExitCode.Usage);
    }

    [Fact]
    public async Task A_member_given_twice_one_that_nobody_knows_and_one_nested_too_deep_are_refused()
    {
        await using var served = await ServedLedger.StartAsync();
        async Task<string?> NameAsync(string body) => (await served.PostAsync("/v1/outages", body))["name"];
        (await NameAsync("""{"point":"CP1","point":"CP2"}""")).ShouldBe("Malformed");
        (await NameAsync("""{"point":"CP1","place":"CP2"}""")).ShouldBe("UnknownField");
        (await NameAsync($$"""{"point":{{new string('[', 9)}}{{new string(']', 9)}}}""")).ShouldBe("Malformed");
        (await NameAsync(new string('[', 100_000))).ShouldBe("Malformed");
    }
}
