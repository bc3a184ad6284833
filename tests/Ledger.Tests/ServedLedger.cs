using System.Net;
using System.Text;
using System.Text.Json;
using Ledger.Api;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Tests;

/// <summary>A ledger in a temporary folder, served by real Kestrel on a free loopback port.</summary>
internal sealed class ServedLedger : IAsyncDisposable
{
    private readonly TestFolder folder = new();
    private readonly LedgerServer server;
    private bool isStopped;

    private ServedLedger(
        TestFolder folder, OpenLedger ledger, StreamEngine? streams, LedgerServer server, StringWriter errors)
    {
        (this.folder, Ledger, Streams, this.server, Errors) = (folder, ledger, streams, server, errors);
        Client = new HttpClient { BaseAddress = server.Url };
    }

    public OpenLedger Ledger { get; }
    /// <summary>The intake of streams, where the test asked for it.</summary>
    public StreamEngine? Streams { get; }
    public HttpClient Client { get; }
    public StringWriter Errors { get; }
    public StandingClock Clock => folder.Clock;
    public SqliteJournalOptions Options => folder.Options;
    public Task<Exception?> Ended => server.Ended;

    public static async Task<ServedLedger> StartAsync(
        Func<ServerOptions, ServerOptions>? bounds = null, FrameLogOptions? log = null, bool hasIdentity = false,
        string? store = null, EvidenceLimits? evidence = null)
    {
        var folder = new TestFolder();
        // Commands beside the server find the ledger by the identity in its folder.
        if (hasIdentity) LedgerIdentity.OpenOrCreate(folder.Path, new("test"), TestFolder.Secret);
        folder.Clock.Now = TestFolder.Start + Duration.FromDays(1);
        var embedded = LedgerOptions.Of(folder.Options);
        if (evidence is not null) embedded = embedded with { EvidenceLimits = evidence };
        var ledger = OpenLedger.Open(store is null ? embedded
            : embedded with { Store = StoreChoice.Parse(store, "the test", null, folder.Path) });
        var errors = new StringWriter();
        var options = new ServerOptions(IPAddress.Loopback, 0);
        var streams = log is null ? null : ledger.OpenStreams(
            new(log with { Folder = Path.Combine(folder.Path, FrameLogOptions.FolderName) }));
        var server = await LedgerServer.StartAsync(ledger, bounds?.Invoke(options)
            ?? options, errors, TestContext.Current.CancellationToken, streams);
        return new ServedLedger(folder, ledger, streams, server, errors);
    }

    /// <summary>Looks once for what subscribers are to be told, and sends what is due.</summary>
    public Task TellAsync() => server.TellAsync(TestContext.Current.CancellationToken);

    /// <summary>Posts a body; the answer's status, JSON and position.</summary>
    public Task<Answer> PostAsync(string path, string body, string? key = null,
        params (string Name, string Value)[] headers) => PostAsync(path, Encoding.UTF8.GetBytes(body), key, headers);

    public async Task<Answer> PostAsync(string path, byte[] body, string? key = null,
        params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(body) };
        // Who brings so much asks first whether it is taken. A refusal comes before the body was read, and would meet a
        // caller that still sends, whom its connection then leaves without an answer.
        if (body.Length > 1 << 20) request.Headers.ExpectContinue = true;
        if (key is not null) request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        using var response = await Client.SendAsync(request, TestContext.Current.CancellationToken);
        return await Answer.OfAsync(response);
    }

    public async Task<Answer> GetAsync(string path)
    {
        using var response = await Client.GetAsync(path, TestContext.Current.CancellationToken);
        return await Answer.OfAsync(response);
    }

    /// <summary>The connector and the two registers of <see cref="IntakeLedger.Connector"/>,
    /// one request each.</summary>
    public async Task RegisterConnectorAsync()
    {
        foreach (var line in IntakeLedger.Connector.Split('\n',
            StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            await PostAsync(line.Contains("settlement-point", StringComparison.Ordinal)
                ? "/v1/settlement-points" : "/v1/registers", line);
    }

    /// <summary>Stops the server and leaves the ledger open.</summary>
    public async Task StopServerAsync()
    {
        if (!isStopped) await server.DisposeAsync();
        isStopped = true;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await StopServerAsync();
        if (Streams is not null) await Streams.DisposeAsync();
        await Ledger.DisposeAsync();
        await Errors.DisposeAsync();
        folder.Dispose();
    }
}

/// <summary>An HTTP answer as a test looks at it.</summary>
internal sealed record Answer(int Status, string Text, string? Position, string? Media, HttpResponseMessage Response)
{
    public static async Task<Answer> OfAsync(HttpResponseMessage response) => new(
        (int)response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
        response.Headers.TryGetValues("Ledger-Position", out var position) ? position.Single() : null,
        response.Content.Headers.ContentType?.MediaType, response);

    public JsonElement Json => JsonDocument.Parse(Text).RootElement;
    public string? this[string member] => Json.GetProperty(member).ToString();
}
