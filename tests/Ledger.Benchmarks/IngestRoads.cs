using System.Diagnostics;
using System.Net;
using Grpc.Core;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Ingest.Streaming.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Ledger.Benchmarks;

/// <summary>How a sender's frames get to the ledger.</summary>
internal interface IRoad : IAsyncDisposable
{
    ValueTask SendAsync(ReadOnlyMemory<byte> frame);
    Task FlushAsync();
    /// <summary>How often it had to wait for room, or to connect anew.</summary>
    long Waits { get; }
    /// <summary>Where it is told how long frames took; null: nowhere yet.</summary>
    DelayTally? Delays { get; set; }
}

/// <summary>Into the door, in this process.</summary>
internal sealed class DoorRoad(StreamDoor door) : IRoad
{
    private readonly Queue<(long Began, ValueTask<FrameAddress> Durable)> pending = new();

    public long Waits { get; private set; }
    public DelayTally? Delays { get; set; }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> frame)
    {
        ValueTask<FrameAddress> durable;
        while (door.Take(frame, out _, out durable) == FrameTaken.Full)
        {
            Waits++;
            await Task.Delay(1).ConfigureAwait(false);
        }
        pending.Enqueue((Stopwatch.GetTimestamp(), durable));
        while (pending.TryPeek(out var first) && first.Durable.IsCompleted)
            await FirstAsync().ConfigureAwait(false);
    }

    public async Task FlushAsync()
    {
        while (pending.Count > 0) await FirstAsync().ConfigureAwait(false);
    }

    private async Task FirstAsync()
    {
        var (began, durable) = pending.Dequeue();
        await durable.ConfigureAwait(false);
        Delays?.Add(Stopwatch.GetElapsedTime(began));
    }

    public ValueTask DisposeAsync()
    {
        door.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>Over a loopback connection.</summary>
internal sealed class WireRoad : IRoad
{
    private readonly StreamSender sender;

    public WireRoad(StreamChannel channel, StreamSenderOptions options) =>
        sender = channel.Open(options with { Acknowledged = delay => Delays?.Add(delay) });

    public long Waits => sender.Sessions - 1;
    public DelayTally? Delays { get; set; }
    public ValueTask SendAsync(ReadOnlyMemory<byte> frame) => sender.SendAsync(frame);
    public Task FlushAsync() => sender.FlushAsync();

    public async ValueTask DisposeAsync()
    {
        await sender.CloseAsync().ConfigureAwait(false);
        await sender.DisposeAsync().ConfigureAwait(false);
    }
}

/// <summary>
/// The bare transport: a server that reads the same messages and answers each without looking into it. What it takes is
/// what the ledger could not do without while frames come over gRPC.
/// </summary>
internal sealed class BareServer : IAsyncDisposable
{
    private readonly WebApplication app;

    private BareServer(WebApplication app) => this.app = app;

    public Uri Url => new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!
        .Addresses.First());

    public static async Task<BareServer> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.Http2.MaxStreamsPerConnection = 4096;
            kestrel.Limits.Http2.InitialStreamWindowSize = 1024 * 1024;
            kestrel.Limits.Http2.InitialConnectionWindowSize = 4 * 1024 * 1024;
        });
        builder.Services.AddRouting();
        builder.Services.AddGrpc();
        var app = builder.Build();
        app.UseRouting();
        app.MapGrpcService<Calls>();
        await app.StartAsync().ConfigureAwait(false);
        return new(app);
    }

    public async ValueTask DisposeAsync() => await app.DisposeAsync().ConfigureAwait(false);

    internal sealed class Calls : FrameStreams.FrameStreamsBase
    {
        public override async Task Send(IAsyncStreamReader<FromSender> requestStream,
            IServerStreamWriter<FromLedger> responseStream, ServerCallContext context)
        {
            var taken = 0L;
            while (await requestStream.MoveNext().ConfigureAwait(false))
                await responseStream.WriteAsync(requestStream.Current.Frames is { } batch
                    ? new FromLedger { Acknowledged = new() { Frames = taken += batch.Frame.Count } }
                    : new FromLedger { Opened = new() { Token = "" } }).ConfigureAwait(false);
        }
    }
}
