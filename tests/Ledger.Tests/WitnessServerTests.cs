using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using Ledger.Api;
using Ledger.Journal.Proof;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A witness over HTTP: what it answers, and that <c>kill -9</c> makes it forget nothing.</summary>
public sealed class WitnessServerTests : IDisposable
{
    private static readonly WitnessLog Log = new(), Rewritten = new(history: 1);
    private readonly TestFolder folder = new();

    public WitnessServerTests()
    {
        Witness.KeyOf(folder.Path, "witness.example/w1");
        Witness.Trust(folder.Path, WitnessLog.Key.Verifier);
    }

    public void Dispose() => folder.Dispose();

    private static async Task<Answer> AddAsync(HttpClient client, byte[] body)
    {
        using var content = new ByteArrayContent(body);
        using var response =
            await client.PostAsync(new Uri("/add-checkpoint", UriKind.Relative), content,
                TestContext.Current.CancellationToken);
        return await Answer.OfAsync(response);
    }

    [Fact]
    public async Task It_answers_as_the_document_says()
    {
        using var witness = Witness.Open(folder.Path, Witness.KeyOf(folder.Path, null)!, folder.Clock);
        await using var errors = new StringWriter();
        await using var server = await WitnessServer.StartAsync(witness, new ServerOptions(IPAddress.Loopback, 0),
            errors, TestContext.Current.CancellationToken);
        using var client = new HttpClient { BaseAddress = server.Url };

        var vouched = await AddAsync(client, Log.Request(0, 8).ToBytes());
        (vouched.Status, vouched.Media).ShouldBe((200, "text/plain"));
        var signed = SignedNote.Parse(Encoding.UTF8.GetBytes($"{Log.Note(8)}{vouched.Text}"));
        CheckpointSigners.Of(signed, [WitnessLog.Key.Verifier, witness.Verifier]).Witnesses.Count.ShouldBe(1);
        var another = await AddAsync(client, Log.Request(0, 300).ToBytes());
        (another.Status, another.Media, another.Text).ShouldBe((409, "text/x.tlog.size", "8\n"));
        (await AddAsync(client, Rewritten.Request(8, 300).ToBytes())).Status.ShouldBe(422);
        (await AddAsync(client, Encoding.UTF8.GetBytes("old 8\n\nnothing\n"))).Status.ShouldBe(400);
        (await AddAsync(client, new byte[AddCheckpointRequest.BytesMax + 1])).Status.ShouldBe(413);

        async Task<(int, string)> GetAsync(string path)
        {
            using var response = await client.GetAsync(new Uri(path, UriKind.Relative),
                TestContext.Current.CancellationToken);
            var answer = await Answer.OfAsync(response);
            return (answer.Status, answer.Text);
        }
        (await GetAsync($"/{Witness.HashOf(WitnessLog.Origin)}/checkpoint")).ShouldBe((200, $"{signed}"));
        foreach (var path in (string[])[$"/{Witness.HashOf("other")}/checkpoint", "/trusted/checkpoint",
            "/%2e%2e/checkpoint", "/witness.key", "/"])
            (await GetAsync(path)).Item1.ShouldBe(404, path);
        errors.ToString().ShouldBeEmpty();

        var state = Path.Combine(folder.Path, Witness.LogsFolder, Witness.HashOf(WitnessLog.Origin), "checkpoint");
        File.WriteAllText(state, $"{Rewritten.Note(8)}");
        var damaged = await AddAsync(client, Rewritten.Request(8, 300).ToBytes());
        damaged.Status.ShouldBe(503);
        damaged.Text.ShouldNotContain(folder.Path);
        errors.ToString().ShouldContain("retire this witness's key");
    }

    /// <summary>Two histories are sent all the time by eight, and the process is killed at any moment. What was
    /// answered is of one history. LEDGER_LONG=1 kills 200 times.</summary>
    [Fact]
    public async Task Killed_at_any_moment_it_has_vouched_for_one_history()
    {
        WholeMachine.SkipWhileMutating();
        var ct = TestContext.Current.CancellationToken;
        var port = FreePorts.Next();
        var url = new Uri($"http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}");
        var vouched = new ConcurrentBag<(int History, long Size)>();
        var chance = new Random(20260301);
        for (var kill = 0; kill < (Environment.GetEnvironmentVariable("LEDGER_LONG") == "1" ? 200 : 3); kill++)
        {
            using var process = await ServeProcess.StartAsync(["witness", "serve"], folder.Path, port, ct);
            process.Greeting.ShouldStartWith("witness witness.example/w1+");
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
            var senders = Enumerable.Range(0, 8).Select(sender =>
                SendAsync(url, sender, new Random(sender + 10 * kill), vouched, stop.Token)).ToList();
            var (before, patience) = (vouched.Count, Stopwatch.StartNew());
            while (vouched.Count < before + 3 && patience.Elapsed < TimeSpan.FromSeconds(20)) await Task.Delay(5, ct);
            await Task.Delay(chance.Next(0, 50), ct);
            await process.KillAsync(ct);
            await stop.CancelAsync();
            await Task.WhenAll(senders);
            process.Errors.ShouldBeEmpty();
        }
        vouched.Count.ShouldBeGreaterThanOrEqualTo(9);
        vouched.Where(one => one.Size > WitnessLog.Shared).Select(one => one.History).Distinct().Count().ShouldBe(1);
        using var again = Witness.Open(folder.Path, Witness.KeyOf(folder.Path, null)!, folder.Clock);
        Checkpoint.Parse(again.Latest(Witness.HashOf(WitnessLog.Origin))!.Text).Size
            .ShouldBeGreaterThanOrEqualTo(vouched.Max(one => one.Size), "what was answered is remembered");
    }

    private static async Task SendAsync(Uri url, int sender, Random chance,
        ConcurrentBag<(int History, long Size)> vouched, CancellationToken ct)
    {
        using var client = new HttpClient { BaseAddress = url, Timeout = TimeSpan.FromSeconds(10) };
        var (history, known) = (sender % 2, 0L);
        var log = history == 0 ? Log : Rewritten;
        try
        {
            while (!ct.IsCancellationRequested)
            {
                var size = Math.Min(300, known + chance.Next(0, 4));
                using var content = new ByteArrayContent(log.Request(known, size).ToBytes());
                using var response = await client.PostAsync(new Uri("/add-checkpoint", UriKind.Relative), content, ct);
                var text = await response.Content.ReadAsStringAsync(ct);
                if (response.StatusCode == HttpStatusCode.Conflict)
                    known = long.Parse(text.TrimEnd(), CultureInfo.InvariantCulture);
                if (response.StatusCode != HttpStatusCode.OK) continue;
                vouched.Add((history, size));
                known = size;
            }
        }
        catch (Exception lost) when (lost is HttpRequestException or IOException or OperationCanceledException)
        {
            return; // the process was killed: what was not answered is not known
        }
    }
}
