using System.Globalization;
using System.Text;
using Ledger.Journal.Proof;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Ledger.Api;

/// <summary>
/// A witness on HTTP, c2sp.org/tlog-witness@v1.0.0: <c>POST /add-checkpoint</c>, and <c>GET /HASH/checkpoint</c> for
/// whoever watches logs. The protocol has no access control but the log's signature, and nothing here is secret; so,
/// unlike a ledger, a witness may listen where other machines reach it.
/// </summary>
public sealed class WitnessServer : IAsyncDisposable
{
    private readonly WebApplication app;

    private WitnessServer(WebApplication app, Uri url) => (this.app, Url) = (app, url);

    /// <summary>Where it answers.</summary>
    public Uri Url { get; }

    public static async Task<WitnessServer> StartAsync(
        Witness witness, ServerOptions options, TextWriter errors, CancellationToken ct)
    {
        options = options with { FileBytesMax = AddCheckpointRequest.BytesMax };
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "ledger" });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => LedgerServer.Bound(kestrel, options));
        builder.Services.AddSingleton<IHostLifetime, LedgerServer.CallersLifetime>().AddRoutingCore()
            .AddBoundedRequests(options);
        var app = builder.Build();
        app.Use(Protection.Headers).Use((context, next) => Failures.Answer(context, next, errors, fault: null));
        app.UseRouting().UseRateLimiter();
        Map(app, witness);
        await app.StartAsync(ct).ConfigureAwait(false);
        return new(app, new Uri(app.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.First()));
    }

    private static void Map(WebApplication app, Witness witness)
    {
        app.MapPost("/add-checkpoint", async (HttpRequest request, CancellationToken ct) =>
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body, ct).ConfigureAwait(false);
            return Answer(witness.Add(body.GetBuffer().AsSpan(0, (int)body.Length)));
        }).RequireRateLimiting(Protection.ReadRequests);

        app.MapGet("/{hash}/checkpoint", (string hash) => witness.Latest(hash) is { } note
            ? new TextAnswer(200, $"{note}")
            : new TextAnswer(404, "this witness has vouched for no log of this hash\n"))
            .RequireRateLimiting(Protection.ReadRequests);

        app.MapFallback("/{**path}",
            () => new TextAnswer(404, "a witness answers at /add-checkpoint and /HASH/checkpoint\n"));
    }

    private static TextAnswer Answer(WitnessAnswer answer) => answer switch
    {
        WitnessAnswer.Cosigned vouched => new(answer.Status, $"{vouched.Signature}\n"),
        WitnessAnswer.AnotherSize another => new(answer.Status,
            another.Known.ToString(CultureInfo.InvariantCulture) + "\n", "text/x.tlog.size"),
        WitnessAnswer.UnknownLog => new(answer.Status, "this witness does not know the checkpoint's origin\n"),
        WitnessAnswer.Malformed bad => new(answer.Status, $"{bad.Why}\n"),
        WitnessAnswer.NotSigned bad => new(answer.Status, $"{bad.Why}\n"),
        WitnessAnswer.NotContinued bad => new(answer.Status, $"{bad.Why}\n"),
        _ => throw new InvalidOperationException($"a witness has no answer {answer}"),
    };

    /// <summary>Takes no new request, answers those under way, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        using (var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10)))
            await app.StopAsync(patience.Token).ConfigureAwait(false);
        await app.DisposeAsync().ConfigureAwait(false);
    }
}

/// <summary>A short answer in words.</summary>
internal sealed record TextAnswer(int Status, string Text, string Media = TextAnswer.Plain) : IResult
{
    private const string Plain = "text/plain; charset=utf-8";

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var (response, bytes) = (httpContext.Response, Encoding.UTF8.GetBytes(Text));
        (response.StatusCode, response.ContentType, response.ContentLength) = (Status, Media, bytes.Length);
        return response.Body.WriteAsync(bytes, httpContext.RequestAborted).AsTask();
    }
}
