using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ledger.Api.Access;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What a hostile caller sends: nothing of it is a fault of the program, and others are served meanwhile.
/// </summary>
public sealed class ApiAttackTests
{
    /// <summary>Requests of one run; LEDGER_LONG runs a hundred thousand.</summary>
    private static int Requests => Environment.GetEnvironmentVariable("LEDGER_LONG") is null ? 3_000 : 100_000;

    private static readonly string[] Fragments =
    [
        "", "null", "true", "{}", "[]", "\"\"", "1e400", "-0", "1E-400", "NaN", "0x1F", "\"\\ud800\"", "\"\\u0000\"",
        "99999999999999999999999999999999999999999999", "\"2026-02-30T25:61:00Z\"", "\"9999-12-31T23:59:59.9999999Z\"",
        "\"CP1\"", "\"../../etc/passwd\"", "\"<script>\"", "\"' OR 1=1 --\"", "\"\\u202e\"", "{\"point\":\"CP1\"}", "[[[[]]]]",
        "\"import\"", "\"ACME\"", "\"2026-03-01T01:00:00Z\"", "\"1.000\"", "\"" + "x" + "\"", "[1,2,3]", "{\"a\":{\"a\":{}}}",
    ];

    private static readonly string[] Parameters =
        ["asOf", "limit", "cursor", "format", "day", "point", "station", "account", "run", "instruction", "position",
         "from", "to", "code", "source", "line", "before", "after", "name", "zone", "sentAt", "offset", "skip", "points", "date_from"];

    private static readonly string[] Values =
        ["", "0", "-1", "1", "99999999999999999999", "CP1", "2026-02-27", "2026-02-30", "0001-01-01", "9999-12-31", "%00", "%ff", "a b",
         "../..", "csv", "ndjson", "json", "xlsx", "parquet", "202", "UnknownRegister", "Europe/Berlin", "Nowhere/None", "1e9", "*", "|", "~",
         "%F0%9F%94%8C", "AAAA", "MCAwIDA",
         "2147483647", "9223372036854775807"];

    [Fact]
    public async Task No_request_however_made_is_a_fault_of_the_program()
    {
        await using var town = await AccessTown.StartAsync(new Ingest.Frames.FrameLogOptions(""));
        foreach (var (operation, _, body) in AccessRequests.Posts.Take(20))
            await town.TakeAsync(operation, AccessTown.Own.In(body), "ACME");
        var token = await File.ReadAllTextAsync(
            Path.Combine(town.Served.Options.Directory, Api.OpenLedger.TokenFileName),
            TestContext.Current.CancellationToken);
        string?[] callers = [token, .. Enum.GetValues<Domain.Role>().Select(role => town.Key(role).Shown), null];
        var seed = 20260302UL;
        var statuses = new SortedDictionary<int, int>();
        var paths = (await town.GetAsync(null, "/openapi/v1.json")).Json.GetProperty("paths").EnumerateObject()
            .Where(path => path.Name != "/v1/instruction-events").Select(path => path.Name).ToList();
        for (var i = 0; i < Requests; i++)
        {
            var path = paths[Next(paths.Count)].Replace("{position}", Values[Next(Values.Length)])
                .Replace("{path}", Values[Next(Values.Length)]).Replace("{job}", Values[Next(Values.Length)]).Replace("%00", "%20") + Query();
            var isPost = Next(2) == 0;
            // Half of the bodies are true ones with a part that is not.
            var body = isPost ? Next(2) == 0 ? Mangled(AccessTown.Own.In(
                AccessRequests.Posts[Next(AccessRequests.Posts.Length)].Body)) : Made() : null;
            var answer = await town.SendAsync(isPost ? HttpMethod.Post : HttpMethod.Get, callers[Next(callers.Length)],
                path, body, Next(4) == 0 ? $"k{Next(50)}" : null);
            answer.Status.ShouldBeLessThan(500, $"request {i}: {path}: {(body is null ? "" : Encoding.UTF8.GetString(body))}: {answer.Text}");
            if (answer.Status >= 400) answer.Text.ShouldNotBeEmpty($"request {i}: {answer.Status} {path}");
            if (answer.Status >= 400 && path.StartsWith("/v1/ocpi/cdrs", StringComparison.Ordinal)
                && answer.Media == "application/json")
                answer.Json.GetProperty("status_code").GetInt32().ShouldBeGreaterThanOrEqualTo(2000, path);
            else if (answer.Status >= 400)
                (answer.Media, answer.Json.GetProperty("status").GetInt32()).ShouldBe(("application/problem+json", answer.Status), path);
            statuses[answer.Status] = statuses.GetValueOrDefault(answer.Status) + 1;
        }
        statuses.Keys.ShouldBeSubsetOf([200, 201, 202, 304, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429]);
        foreach (var expected in new[] { 200, 400, 401, 403, 404, 422 }) statuses.ShouldContainKey(expected);
        town.Served.Errors.ToString().ShouldBeEmpty();
        (await town.SendAsync(HttpMethod.Get, token, "/v1/settlement-points", null)).Status.ShouldBe(200);

        int Next(int below) // a linear congruence with the constants of MMIX: the same requests in every run
        {
            seed = unchecked(seed * 6364136223846793005UL + 1442695040888963407UL);
            return (int)((seed >> 33) % (ulong)below);
        }

        string Query() => Next(3) == 0 ? "" : "?" + string.Join('&', Enumerable.Range(0, 1 + Next(3))
            .Select(_ => $"{Parameters[Next(Parameters.Length)]}={Values[Next(Values.Length)]}"));

        byte[] Made() => Encoding.UTF8.GetBytes(Fragments[Next(Fragments.Length)] + Fragments[Next(Fragments.Length)]);

        byte[] Mangled(string body)
        {
            var bytes = Encoding.UTF8.GetBytes(body);
            switch (Next(4))
            {
                case 0: bytes[Next(bytes.Length)] = (byte)Next(256); break;
                case 1: bytes = bytes[..Next(bytes.Length)]; break;
                case 2:
                    var at = body.IndexOf(':', Next(body.Length));
                    if (at > 0) bytes = Encoding.UTF8.GetBytes(body.Insert(at + 1, Fragments[Next(Fragments.Length)] + ","));
                    break;
                default: bytes = [.. bytes, .. bytes[Next(bytes.Length)..]]; break;
            }
            return bytes;
        }
    }

    [Fact]
    public async Task Bodies_that_are_too_large_or_unpack_to_too_much_are_refused()
    {
        await using var served = await ServedLedger.StartAsync(options => options with { FileBytesMax = 2 << 20 });
        var bomb = Packed(128 << 20);
        bomb.Length.ShouldBeLessThan(1 << 20);
        var clock = Stopwatch.StartNew();
        var bombed = await served.PostAsync("/v1/imports?name=bomb", bomb);
        (bombed.Status, bombed["refused"]).ShouldBe((200, "1"));
        bombed.Json.GetProperty("uncounted")[0].GetProperty("name").GetString().ShouldBe("TooLarge");
        (await served.PostAsync("/v1/curves?point=CP1", bomb)).Status.ShouldBe(413);
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20));
        (await served.PostAsync("/v1/imports?name=x", new byte[(2 << 20) + 1])).Status.ShouldBe(413);
        (await served.PostAsync("/v1/outages", new byte[(1 << 20) + 1], "k1")).Status.ShouldBe(413);
        using var headers = new HttpRequestMessage(HttpMethod.Get, "/v1/journal");
        headers.Headers.Add("X-Much", new string('x', 20_000));
        using var refused = await served.Client.SendAsync(headers, TestContext.Current.CancellationToken);
        refused.StatusCode.ShouldBe(HttpStatusCode.RequestHeaderFieldsTooLarge);
        (await served.GetAsync("/v1/journal")).Status.ShouldBe(200);
    }

    private static byte[] Packed(int bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            var zeros = new byte[1 << 20];
            for (var written = 0; written < bytes; written += zeros.Length) gzip.Write(zeros);
        }
        return packed.ToArray();
    }

    /// <summary>A thousand callers that send a byte and then nothing hold no place that another needs.</summary>
    [Fact]
    public async Task Others_are_served_while_a_thousand_slow_ones_hold_their_connections()
    {
        await using var served = await ServedLedger.StartAsync();
        await served.RegisterConnectorAsync();
        var slow = new List<TcpClient>();
        try
        {
            var url = served.Client.BaseAddress!;
            for (var i = 0; i < 1000; i++)
            {
                var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, url.Port, TestContext.Current.CancellationToken);
                // Half of them never end their headers, half never send their body.
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(i % 2 == 0
                    ? "GET /v1/journal HTTP/1.1\r\nHost: "
                    : $"POST /v1/outages HTTP/1.1\r\nHost: {url.Authority}\r\nContent-Length: 100\r\n\r\n{{"),
                    TestContext.Current.CancellationToken);
                slow.Add(client);
            }
            for (var i = 0; i < 50; i++)
            {
                (await served.GetAsync("/v1/journal")).Status.ShouldBe(200);
                var reading = string.Create(CultureInfo.InvariantCulture, $$"""{"point":"CP1","direction":"import","readAt":"2026-03-01T01:{{i:D2}}:00Z","kwh":"{{i}}.000"}""");
                // As many facts as may be under way are those of the slow ones, until they are cut off.
                Answer answer;
                do answer = await served.PostAsync("/v1/register-readings", reading);
                while (answer.Status == 429);
                answer.Status.ShouldBe(201);
            }
        }
        finally
        {
            foreach (var client in slow) client.Dispose();
        }
    }
}
