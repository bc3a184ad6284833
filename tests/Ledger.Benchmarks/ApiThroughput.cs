using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using Ledger.Api;
using Ledger.Domain;
using Ledger.Journal;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// One connector's day of interval records over HTTP, every request another connector and day, beside a bare Kestrel
/// that gives the same bytes from memory. Callers and server share the machine, and each caller asks again when it is
/// answered, so a rate is what both together reach. Then a station's month, and all records in every form, with the
/// most memory that was in use meanwhile beyond what was before.
/// <code>dotnet run --project tests/Ledger.Benchmarks -c Release -- api [--connectors N] [--days D]
/// [--callers C] [--only days|streams|reads]</code>
/// With <c>reads</c> no day is kept: each is read from the views each time, as one that is asked for the first time is,
/// by a server that has been running for a while.
/// </summary>
internal static class ApiThroughput
{
    private const int Quarters = 96, Seconds = 10, WarmSeconds = 3;
    private static readonly DateTimeZone Zone = DateTimeZoneProviders.Tzdb["Asia/Shanghai"];
    private static readonly LocalDate First = new(2026, 6, 1);

    public static async Task<int> RunAsync(ReadOnlyMemory<string> args)
    {
        var (connectors, days, callers) =
            (Option(args, "--connectors", 50), Option(args, "--days", 60), Option(args, "--callers", 16));
        var folder = Directory.CreateTempSubdirectory("ledger-api-");
        try
        {
            await using var ledger = OpenLedger.Open(folder.FullName, new LedgerId("bench"), SystemClock.Instance);
            var filling = Stopwatch.StartNew();
            await FillAsync(ledger, connectors, days).ConfigureAwait(false);
            Say($"{connectors * days * Quarters:N0} records in {filling.Elapsed.TotalSeconds:0} s");
            var paths = (from day in Enumerable.Range(0, days)
                         from connector in Enumerable.Range(0, connectors)
                         select $"/v1/interval-records?point=CP{connector}&day={First.PlusDays(day):uuuu-MM-dd}").ToArray();
            var isReads = Only(args) == "reads";
            await using var server = await LedgerServer.StartAsync(ledger,
                isReads ? new(IPAddress.Loopback, 0) { RecordBytesKept = 0 } : new(IPAddress.Loopback, 0),
                Console.Error, CancellationToken.None).ConfigureAwait(false);
            if (isReads)
            {
                await MeasureAsync("ledger, no day kept", server.Url, paths, callers).ConfigureAwait(false);
                return 0;
            }
            if (Only(args) != "streams")
                await DaysAsync(server.Url, paths, connectors, days, callers).ConfigureAwait(false);
            if (Only(args) != "days") await StreamsAsync(server.Url, days).ConfigureAwait(false);
            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task DaysAsync(Uri url, string[] paths, int connectors, int days, int callers)
    {
        // Days that nobody asked for yet; the first of them are for the compiler.
        var warm = paths.Length / 6;
        await AskAsync(url, paths[..warm], callers, int.MaxValue, isOnce: true).ConfigureAwait(false);
        Rate("ledger, each day for the first time",
            await AskAsync(url, paths[warm..], callers, int.MaxValue, isOnce: true).ConfigureAwait(false));
        var bodies = await BodiesAsync(url, paths).ConfigureAwait(false);
        await using var bare = await BareAsync(bodies).ConfigureAwait(false);
        var bareUrl = new Uri(bare.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.First());
        Say($"{connectors} connectors, {days} days, {paths.Length:N0} distinct addresses, {bodies.Values.Average(body => body.Length) / 1024:0.0} KiB each, {callers} callers");
        var ours = await MeasureAsync("ledger", url, paths, callers).ConfigureAwait(false);
        var theirs = await MeasureAsync("bare Kestrel", bareUrl, paths, callers).ConfigureAwait(false);
        Say($"{100 * ours / theirs:0} % of the bare one");
    }

    /// <summary>What is longer than an answer usually is, sent as it is read.</summary>
    private static async Task StreamsAsync(Uri url, int days)
    {
        var (from, to) = ($"{First:uuuu-MM-dd}", $"{First.PlusDays(days):uuuu-MM-dd}");
        var month = $"/v1/interval-records?station=S0&from={from}&to={First.PlusDays(Math.Min(30, days)):uuuu-MM-dd}";
        var all = $"/v1/interval-records?from={from}&to={to}";
        await StreamAsync("a station's month, json", url, month, 200).ConfigureAwait(false);
        foreach (var form in (string[])["ndjson", "json", "csv", "parquet", "xlsx"])
            await StreamAsync($"all records, {form}", url, $"{all}&format={form}", 1).ConfigureAwait(false);
    }

    private static async Task StreamAsync(string what, Uri url, string path, int times)
    {
        using var client = new HttpClient { BaseAddress = url, Timeout = TimeSpan.FromMinutes(10) };
        var buffer = new byte[256 * 1024];
        GC.Collect();
        var (before, most, bytes, watch) = (GC.GetTotalMemory(true), 0L, 0L, Stopwatch.StartNew());
        using var sampling = new Timer(_ => most = Math.Max(most, GC.GetTotalMemory(false)), null, 0, 20);
        for (var i = 0; i < times; i++)
        {
            using var response = await client.GetAsync(path, HttpCompletionOption.ResponseHeadersRead)
                .ConfigureAwait(false);
            response.EnsureSuccessStatusCode();
            await using var stream = await response.Content.ReadAsStreamAsync().ConfigureAwait(false);
            int read;
            while ((read = await stream.ReadAsync(buffer).ConfigureAwait(false)) > 0) bytes += read;
        }
        var seconds = watch.Elapsed.TotalSeconds;
        Say($"{what}: {bytes / 1e6:N1} MB in {seconds:0.0} s, {bytes / 1e6 / seconds:0} MB/s, at most {(most - before) / 1e6:0.0} MB more in use");
    }

    private static string? Only(ReadOnlyMemory<string> args)
    {
        var at = args.Span.IndexOf("--only");
        return at >= 0 && at + 1 < args.Length ? args.Span[at + 1] : null;
    }

    private static async Task FillAsync(OpenLedger ledger, int connectors, int days)
    {
        var by = ledger.Operator("bench");
        var evidence = ledger.Evidence.Put("bench"u8);
        for (var connector = 0; connector < connectors; connector++)
        {
            var point = new SettlementPointId($"CP{connector}");
            await ledger.Journal.AppendAsync(Streams.Point(point), ExpectedRevision.Any, [NewFact.At(
                new SettlementPointRegistered(point, new($"S{connector / 2}"), SettlementPointKind.Connector, new("ACME"),
                    Zone.Id, 15, new(1_000_000_000), true), Instant.FromUtc(2026, 1, 1, 0, 0), new($"point/{point}"))],
                by, null, CancellationToken.None).ConfigureAwait(false);
            for (var day = 0; day < days; day++)
            {
                var start = SettlementCalendar.Day(Zone, First.PlusDays(day)).Start;
                var facts = Enumerable.Range(0, Quarters)
                    .Select(quarter => Record(point, start, quarter, evidence)).ToList();
                await ledger.Journal.AppendAsync(Streams.Curve(point, First.PlusDays(day)), ExpectedRevision.Any,
                    facts, by, null, CancellationToken.None).ConfigureAwait(false);
            }
        }
        await ledger.CatchUpAsync(CancellationToken.None).ConfigureAwait(false);
    }

    private static NewFact Record(SettlementPointId point, Instant dayStart, int quarter, EvidenceDigest evidence)
    {
        var start = dayStart + Duration.FromMinutes(15 * quarter);
        var period = new Interval(start, start + Duration.FromMinutes(15));
        return new NewFact(new IntervalRecorded(point, period, 1, IntervalRecordState.Final,
            Energy.FromWattHours(25_000 + quarter), Energy.FromWattHours(quarter), new(-400_000_000), new(500_000_000),
            900_000_000, 1_000_000, [], 900, 0, 0, 0, 0, ReadingQuality.Measured, null, evidence), period,
            new($"record/{point}/{start.ToUnixTimeSeconds()}"));
    }

    private static async Task<Dictionary<string, byte[]>> BodiesAsync(Uri url, string[] paths)
    {
        using var client = new HttpClient { BaseAddress = url };
        var bodies = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var path in paths) bodies[path] = await client.GetByteArrayAsync(path).ConfigureAwait(false);
        return bodies;
    }

    /// <summary>Kestrel and routing as the ledger has them, and nothing else.</summary>
    private static async Task<WebApplication> BareAsync(Dictionary<string, byte[]> bodies)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRoutingCore();
        var app = builder.Build();
        app.UseRouting();
        app.MapGet("/v1/interval-records", (HttpContext context) =>
        {
            var body = bodies[$"{context.Request.Path}{context.Request.QueryString}"];
            (context.Response.ContentType, context.Response.ContentLength) = ("application/json", body.Length);
            return context.Response.Body.WriteAsync(body).AsTask();
        });
        await app.StartAsync().ConfigureAwait(false);
        return app;
    }

    private static async Task<double> MeasureAsync(string what, Uri url, string[] paths, int callers)
    {
        await AskAsync(url, paths, callers, WarmSeconds).ConfigureAwait(false);
        return Rate(what, await AskAsync(url, paths, callers, Seconds).ConfigureAwait(false));
    }

    private static double Rate(string what, (long[] Ticks, double Seconds) asked)
    {
        var (times, seconds) = asked;
        Array.Sort(times);
        var rate = times.Length / seconds;
        Say($"{what}: {rate:N0} requests/s, p50 {Ms(times, 50):0.0} ms, p99 {Ms(times, 99):0.0} ms, most {Ms(times, 100):0.0} ms");
        return rate;
    }

    private static async Task<(long[] Ticks, double Seconds)> AskAsync(
        Uri url, string[] paths, int callers, int seconds, bool isOnce = false)
    {
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = callers })
        {
            BaseAddress = url,
        };
        var (times, next, watch) = (new ConcurrentBag<List<long>>(), -1, Stopwatch.StartNew());
        await Task.WhenAll(Enumerable.Range(0, callers).Select(_ => Task.Run(async () =>
        {
            var mine = new List<long>();
            while (watch.Elapsed.TotalSeconds < seconds)
            {
                var turn = Interlocked.Increment(ref next);
                if (isOnce && turn >= paths.Length) break;
                var path = paths[turn % paths.Length];
                var began = Stopwatch.GetTimestamp();
                using var response = await client.GetAsync(path).ConfigureAwait(false);
                await response.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync().ConfigureAwait(false);
                mine.Add(Stopwatch.GetTimestamp() - began);
            }
            times.Add(mine);
        }))).ConfigureAwait(false);
        return ([.. times.SelectMany(mine => mine)], watch.Elapsed.TotalSeconds);
    }

    private static double Ms(long[] sorted, int percent) =>
        1000.0 * sorted[Math.Min(sorted.Length - 1, sorted.Length * percent / 100)] / Stopwatch.Frequency;

    private static int Option(ReadOnlyMemory<string> args, string name, int otherwise)
    {
        for (var i = 0; i + 1 < args.Length; i++)
            if (args.Span[i] == name) return int.Parse(args.Span[i + 1], CultureInfo.InvariantCulture);
        return otherwise;
    }

    private static void Say(FormattableString text) => Console.WriteLine(FormattableString.Invariant(text));
}
