using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Ledger.Stores.EventStoreDb.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Ledger.Tests.EventStoreDb;

/// <summary>Something that goes wrong with one batch: before it is written, or after.</summary>
internal sealed record DoubleFault(Action BeforeWrite, Action AfterWrite)
{
    public static DoubleFault Before(Func<Exception> failure) => new(() => throw failure(), () => { });
    public static DoubleFault After(Func<Exception> failure) => new(() => { }, () => throw failure());

    /// <summary>It is not handled, and that is said inside an answer that has no code.</summary>
    public static DoubleFault NotHandled(string why) => new(() => { }, () => { }) { NotHandledBecause = why };

    public string? NotHandledBecause { get; private init; }
}

/// <summary>What the double does wrong on purpose, and what it was asked.</summary>
internal sealed class DoubleFaults
{
    private readonly ConcurrentQueue<DoubleFault> faults = new();

    /// <summary>Every call to the streams, with its headers.</summary>
    public ConcurrentQueue<(string Method, Dictionary<string, string> Headers)> Calls { get; } = new();

    /// <summary>How many messages batches came in.</summary>
    public int Parts { get; set; }

    /// <summary>How many events reads were answered with, not those of a subscription.</summary>
    public int EventsRead { get; set; }

    /// <summary>Whether reads and the question for its methods are never answered; the connection is as ever.</summary>
    public bool IsSilent
    {
        get => Volatile.Read(ref isSilent);
        set => Volatile.Write(ref isSilent, value);
    }

    /// <summary>Whether appends are neither written nor answered.</summary>
    public bool IsSilentToAppends
    {
        get => Volatile.Read(ref isSilentToAppends);
        set => Volatile.Write(ref isSilentToAppends, value);
    }

    private bool isSilent, isSilentToAppends;

    public Task KeepSilentAsync(ServerCallContext context, bool isAppend = false) =>
        (isAppend ? IsSilentToAppends : IsSilent) ? Task.Delay(-1, context.CancellationToken) : Task.CompletedTask;

    public void Add(DoubleFault fault) => faults.Enqueue(fault);

    public DoubleFault? Next() => faults.TryDequeue(out var fault) ? fault : null;

    public void See(ServerCallContext context) => Calls.Enqueue((context.Method,
        context.RequestHeaders.Where(entry => !entry.IsBinary).ToDictionary(entry => entry.Key, entry => entry.Value)));
}

/// <summary>
/// A server on loopback that speaks EventStoreDB's protocol with the semantics of version 24.2, over HTTP/2 in the
/// clear or over TLS. What it wrote survives its restarts.
/// </summary>
internal sealed class EventStoreDouble : IAsyncDisposable
{
    private WebApplication? app;
    private X509Certificate2? certificate;

    public DoubleLog Log { get; init; } = new();
    public DoubleFaults Faults { get; } = new();
    public int Port { get; } = FreePorts.Next();
    public string ConnectionString => string.Create(CultureInfo.InvariantCulture, $"esdb://127.0.0.1:{Port}?tls=false");

    /// <summary>Who is in the cluster; the double alone, as leader, where it is empty.</summary>
    public List<(MemberInfo.Types.VNodeState State, bool IsAlive, int Port)> Members { get; } = [];

    /// <summary>Whether it knows batches and the question for them; servers before 21.10 do not.</summary>
    public bool HasBatches { get; init; } = true;

    public static async Task<EventStoreDouble> StartAsync(X509Certificate2? certificate = null, bool hasBatches = true,
        DoubleLog? log = null)
    {
        var started = new EventStoreDouble
        { certificate = certificate, HasBatches = hasBatches, Log = log ?? new DoubleLog() };
        await started.StartAgainAsync();
        return started;
    }

    /// <summary>Ends every call at once, as a killed server would.</summary>
    public async Task StopAsync()
    {
        if (app is null) return;
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(50)); // then what goes on is cut off
        await app.StopAsync(patience.Token);
        await app.DisposeAsync();
        app = null;
        Log.Forget();
    }

    /// <summary>Starts on the port that it had.</summary>
    public async Task StartAgainAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "double" });
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, Port, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                if (certificate is not null) listen.UseHttps(certificate);
            }));
        builder.Services.AddSingleton<IHostLifetime, QuietLifetime>()
            .AddSingleton(new DoubleStreams(Log, Faults)).AddSingleton(new DoubleFeatures(HasBatches, Faults))
            .AddSingleton(new DoubleGossip(this)).AddGrpc(grpc => grpc.MaxReceiveMessageSize = null);
        app = builder.Build();
        app.UseRouting();
        app.MapGrpcService<DoubleStreams>();
        app.MapGrpcService<DoubleFeatures>();
        app.MapGrpcService<DoubleGossip>();
        await app.StartAsync();
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private sealed class QuietLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

/// <summary>What the double says that it can do.</summary>
internal sealed class DoubleFeatures(bool hasBatches, DoubleFaults faults) : ServerFeatures.ServerFeaturesBase
{
    public override async Task<SupportedMethods> GetSupportedMethods(Empty request, ServerCallContext context)
    {
        await faults.KeepSilentAsync(context);
        if (!hasBatches) throw new RpcException(new(StatusCode.Unimplemented, ""));
        var methods = new SupportedMethods { EventStoreServerVersion = "24.2.0.0" };
        foreach (var (name, features) in new (string, string[])[]
        {
            ("read", ["position", "events"]), ("append", []), ("delete", []), ("tombstone", []),
            ("batchappend", ["deadline_duration"]),
        })
            methods.Methods.Add(new SupportedMethod
            { MethodName = name, ServiceName = "event_store.client.streams.streams", Features = { features } });
        return methods;
    }
}

/// <summary>Who is in the double's cluster.</summary>
internal sealed class DoubleGossip(EventStoreDouble server) : Gossip.GossipBase
{
    public override Task<ClusterInfo> Read(Empty request, ServerCallContext context)
    {
        var cluster = new ClusterInfo();
        List<(MemberInfo.Types.VNodeState, bool, int)> members =
            server.Members.Count > 0 ? server.Members : [(MemberInfo.Types.VNodeState.Leader, true, server.Port)];
        foreach (var (state, isAlive, port) in members)
            cluster.Members.Add(new MemberInfo
            {
                InstanceId = DoubleMessages.Structured((UInt128)port),
                State = state,
                IsAlive = isAlive,
                HttpEndPoint = new() { Address = "127.0.0.1", Port = (uint)port },
            });
        return Task.FromResult(cluster);
    }
}
