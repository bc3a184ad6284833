using System.Net;
using Ledger.Api.Access;
using Ledger.Ingest.Streaming;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using NodaTime;

namespace Ledger.Api.Streaming;

/// <summary>Where and with which bounds senders of frames are served.</summary>
/// <param name="Address">A loopback address, or any where keys are asked for over TLS, as of
/// <see cref="ServerOptions"/>.</param>
/// <param name="Port">0: any free port.</param>
public sealed record StreamServerOptions(IPAddress Address, int Port)
{
    /// <summary>The largest message, in bytes; a frame has up to 1 MiB, and a message may have several.</summary>
    public int MessageBytesMax { get; init; } = 4 * 1024 * 1024;
    /// <summary>Frames of one sender that may wait to be durable; the next one is not read.</summary>
    public int FramesInFlightMax { get; init; } = 8192;
    /// <summary>Senders that may be connected at once; one more is refused, RESOURCE_EXHAUSTED.</summary>
    public int CallsMax { get; init; } = 4096;
    /// <summary>The same of one party.</summary>
    public int CallsPerPartyMax { get; init; } = 2048;
    /// <summary>
    /// Connections of the transport, each of which may have <see cref="CallsPerConnectionMax"/> senders.
    /// </summary>
    public int ConnectionsMax { get; init; } = 4096;
    public int CallsPerConnectionMax { get; init; } = 256;
    /// <summary>Calls in a second, in the mean, from one address, that bring nobody's key; the next one is refused,
    /// RESOURCE_EXHAUSTED.</summary>
    public int StrangersPerSecondMax { get; init; } = 500;
    /// <summary>A sender who does not say for whom he sends for so long is disconnected.</summary>
    public Duration OpenMax { get; init; } = Duration.FromSeconds(10);
    /// <summary>A sender of whom nothing comes for so long is disconnected.</summary>
    public Duration IdleMax { get; init; } = Duration.FromMinutes(2);
    /// <summary>A sender whose frame has found no room for so long is refused, RESOURCE_EXHAUSTED; where samples are
    /// given up, so long after they would be.</summary>
    public Duration FullMax { get; init; } = Duration.FromSeconds(5);
    /// <summary>
    /// A sender of whom every frame had to wait for so long loses raw samples: the log gets which they were instead,
    /// and a refusal on record says so. Registers and transactions never are. Shorter than <see cref="IdleMax"/>. Null:
    /// nothing is given up, the sender keeps what it has and waits.
    /// </summary>
    public Duration? GivesUpAfter { get; init; }
}

/// <summary>
/// The intake of streams over gRPC, HTTP/2 without TLS on this machine, with it elsewhere. It has a port of its own,
/// because its limits are those of connections that last. The engine's owner stops it before the engine.
/// </summary>
public sealed class StreamServer : IAsyncDisposable
{
    /// <summary>What may be on the way to a sender's call, and to all calls of a connection, in bytes.</summary>
    private const int CallWindowBytes = 1024 * 1024, ConnectionWindowBytes = 4 * 1024 * 1024;

    private readonly WebApplication app;
    private readonly Strangers strangers;
    private readonly CancellationTokenSource stopping;

    private StreamServer(WebApplication app, Strangers strangers, CancellationTokenSource stopping, Uri url) =>
        (this.app, this.strangers, this.stopping, Url) = (app, strangers, stopping, url);

    /// <summary>Where senders connect.</summary>
    public Uri Url { get; }

    /// <param name="ledger">Whose keys are asked for; null: whoever reaches the address may send.</param>
    public static async Task<StreamServer> StartAsync(
        StreamEngine engine, StreamServerOptions options, CancellationToken ct, OpenLedger? ledger = null,
        AccessOptions? asked = null)
    {
        var access = asked ?? AccessOptions.Open;
        if (LedgerServer.WhyNot(options.Address, access) is { } open)
            throw new ArgumentException(open, nameof(options));
        var strangers = new Strangers(options.StrangersPerSecondMax);
        var admission = ledger is null ? null
            : new StreamAdmission(new Credentials(ledger, access), strangers, ledger.Recorder);
        var stopping = new CancellationTokenSource();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "ledger" });
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration()
            .ConfigureKestrel(kestrel => Bound(kestrel, options, access));
        builder.Services.AddSingleton<IHostLifetime, LedgerServer.CallersLifetime>()
            .AddSingleton(new FrameCalls(engine, options, admission, stopping.Token))
            .AddGrpc(grpc => grpc.MaxReceiveMessageSize = options.MessageBytesMax);
        var app = builder.Build();
        app.Use((context, next) => Protection.OwnOriginOnly(context, next, access));
        app.UseRouting();
        if (admission is not null) app.Use(admission.AskedForNothingAsync);
        app.MapGrpcService<FrameCalls>();
        await app.StartAsync(ct).ConfigureAwait(false);
        // Once nothing can be promised any more, nobody goes on sending.
        _ = engine.Faulted.ContinueWith(_ => stopping.Cancel(), CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        return new(app, strangers, stopping, new Uri(app.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.First()));
    }

    private static void Bound(KestrelServerOptions kestrel, StreamServerOptions options, AccessOptions access)
    {
        kestrel.Listen(options.Address, options.Port, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            LedgerServer.Secured(listen, access.Tls);
        });
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = options.ConnectionsMax;
        kestrel.Limits.MaxRequestBodySize = null; // a call has no end; its messages are bounded
        kestrel.Limits.MinRequestBodyDataRate = null; // a sender that has nothing to say may be silent, see IdleMax
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(120);
        kestrel.Limits.Http2.MaxStreamsPerConnection = options.CallsPerConnectionMax;
        kestrel.Limits.Http2.InitialStreamWindowSize = CallWindowBytes;
        kestrel.Limits.Http2.InitialConnectionWindowSize = ConnectionWindowBytes;
        kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(20);
    }

    /// <summary>Tells all senders that it stops, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync().ConfigureAwait(false);
        using (var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10)))
            await app.StopAsync(patience.Token).ConfigureAwait(false);
        await app.DisposeAsync().ConfigureAwait(false);
        strangers.Dispose();
    }
}
