using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Ledger.Tests;

/// <summary>Who is told by webhook: it keeps what came, and answers what it is set to, 204 where it is not.</summary>
internal sealed class HookReceiver : IAsyncDisposable
{
    public sealed record Told(string Path, string Id, string Timestamp, string Signature, string Body);

    private readonly WebApplication app;

    private HookReceiver(WebApplication app) => this.app = app;

    public ConcurrentQueue<Told> Came { get; } = [];
    public ConcurrentQueue<int> Answers { get; } = [];
    /// <summary>What comes to an address that ends so is answered when this is done.</summary>
    public (string Path, Task Until)? Slow { get; set; }
    public Uri Url => new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!
        .Addresses.First() + "/hook");

    public static async Task<HookReceiver> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var receiver = new HookReceiver(app);
        app.Run(receiver.TakeAsync);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return receiver;
    }

    private async Task TakeAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        var headers = context.Request.Headers;
        Came.Enqueue(new(context.Request.Path, headers["webhook-id"].ToString(), headers["webhook-timestamp"].ToString(),
            headers["webhook-signature"].ToString(), await reader.ReadToEndAsync(context.RequestAborted)));
        if (Slow is var (path, until) && context.Request.Path.Value!.EndsWith(path, StringComparison.Ordinal))
            await until.WaitAsync(context.RequestAborted);
        context.Response.StatusCode = Answers.TryDequeue(out var status) ? status : 204;
        if (context.Response.StatusCode == 302) context.Response.Headers.Location = "/elsewhere";
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();
}
