using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Ledger.Stores.EventStoreDb.Wire;

namespace Ledger.Stores.EventStoreDb;

/// <summary>A connection to one node, with what the node can do and the call on which batches are appended.</summary>
internal sealed class ServerConnection : IDisposable
{
    private const int MessageBytesMax = 17 * 1024 * 1024; // as the official clients: an event has at most 16 MiB
    private readonly GrpcChannel channel;
    private readonly Lock gate = new();
    private readonly CallInvoker plainCalls;
    private readonly TimeSpan answerWithin;
    private Task<bool>? hasBatches;
    private BatchAppends? batches;

    public ServerConnection(EventStoreClientSettings settings, DnsEndPoint endPoint, bool isForGossip = false)
    {
        channel = GrpcChannel.ForAddress(
            new UriBuilder(settings.Tls ? "https" : "http", endPoint.Host, endPoint.Port).Uri,
            new GrpcChannelOptions
            {
                HttpHandler = Handler(settings),
                DisposeHttpClient = true,
                MaxReceiveMessageSize = MessageBytesMax,
            });
        var calls = channel.Intercept([.. settings.Interceptors]);
        Calls = isForGossip ? calls : calls.Intercept(sent => WithHeaders(sent, settings));
        (plainCalls, answerWithin) = (calls, settings.DefaultDeadline * 2);
    }

    public CallInvoker Calls { get; }

    public Streams.StreamsClient Streams => new(Calls);

    /// <summary>The call on which batches are appended; begun with the first, and anew where it ended.</summary>
    public BatchAppends Batches
    {
        get
        {
            lock (gate)
            {
                if (batches is { HasEnded: false }) return batches;
                batches?.Dispose();
                try
                {
                    return batches = new BatchAppends(Calls);
                }
                catch (ObjectDisposedException e) // another call failed on this connection, and dropped it
                {
                    throw new RpcException(new(StatusCode.Unavailable, "the connection was closed", e));
                }
            }
        }
    }

    /// <summary>Whether the node appends batches; asked until it answers, without headers as the official clients
    /// do.</summary>
    public Task<bool> HasBatches
    {
        get
        {
            lock (gate)
            {
                if (hasBatches is null or { IsFaulted: true } or { IsCanceled: true })
                    hasBatches = HasBatchesAsync(plainCalls, answerWithin);
                return hasBatches;
            }
        }
    }

    /// <summary>Whether it is known already that the node appends batches.</summary>
    public bool HasBatchesNow
    {
        get
        {
            lock (gate) return hasBatches is { IsCompletedSuccessfully: true, Result: true };
        }
    }

    private static async Task<bool> HasBatchesAsync(CallInvoker calls, TimeSpan within)
    {
        using var limited = new CancellationTokenSource(within);
        try
        {
            var supported = await new ServerFeatures.ServerFeaturesClient(calls)
                .GetSupportedMethodsAsync(new Empty(), cancellationToken: limited.Token).ResponseAsync
                .ConfigureAwait(false);
            return supported.Methods.Any(method => method.MethodName == "batchappend"
                && method.ServiceName == "event_store.client.streams.streams");
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
        {
            return false; // a server from before the question
        }
    }

    private static Metadata WithHeaders(Metadata sent, EventStoreClientSettings settings)
    {
        var headers = new Metadata();
        foreach (var entry in sent) headers.Add(entry);
        headers.Add("connection-name", settings.ConnectionName);
        if (settings.NodePreference == NodePreference.Leader) headers.Add("requires-leader", "true");
        // Never in the clear.
        if (settings is { Tls: true, DefaultCredentials: { } user })
            headers.Add("authorization", "Basic "
                + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user.Username}:{user.Password}")));
        return headers;
    }

    private static SocketsHttpHandler Handler(EventStoreClientSettings settings)
    {
        var handler = new SocketsHttpHandler
        {
            KeepAlivePingDelay = KeepAlive(settings.KeepAliveInterval),
            KeepAlivePingTimeout = KeepAlive(settings.KeepAliveTimeout),
            EnableMultipleHttp2Connections = true,
            PooledConnectionIdleTimeout = System.Threading.Timeout.InfiniteTimeSpan,
        };
        if (!settings.Tls) return handler;
        var tls = handler.SslOptions = new SslClientAuthenticationOptions();
        if (!settings.TlsVerifyCert)
            tls.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        else if (settings.TlsCaFile is { } authority)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            tls.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(authority);
        }
        if (settings is { UserCertFile: { } certificate, UserKeyFile: { } key })
            tls.ClientCertificates = [X509Certificate2.CreateFromPemFile(certificate, key)];
        return handler;
    }

    /// <summary>.NET probes a connection at most once a second.</summary>
    private static TimeSpan KeepAlive(TimeSpan wanted) =>
        wanted == System.Threading.Timeout.InfiniteTimeSpan || wanted >= TimeSpan.FromSeconds(1)
            ? wanted : TimeSpan.FromSeconds(1);

    public void Dispose()
    {
        lock (gate) batches?.Dispose();
        channel.Dispose();
    }
}

/// <summary>
/// The connection that calls use: to the only host, or to the node that a cluster's gossip tells of. It is kept until a
/// call shows that it is of no use; the next call then finds another.
/// </summary>
internal sealed class ServerConnections(EventStoreClientSettings settings) : IDisposable
{
    private readonly SemaphoreSlim turn = new(1, 1);
    private ServerConnection? current;
    private DnsEndPoint? leader;
    private bool disposed;

    /// <summary>The connection that calls use now; null where the next call finds one.</summary>
    public ServerConnection? Current => Volatile.Read(ref current);

    public async ValueTask<ServerConnection> GetAsync(CancellationToken ct)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (Current is { } open) return open;
        await turn.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            if (current is { } meanwhile) return meanwhile;
            var next = leader ?? (settings.IsDiscovered ? await DiscoverAsync(ct).ConfigureAwait(false)
                : settings.Hosts[0]);
            leader = null;
            return current = new ServerConnection(settings, next);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Drops a connection on which a call failed, if the failure is the connection's.</summary>
    public void Failed(ServerConnection used, Exception failure)
    {
        if (!ServerErrors.IsOfConnection(failure)) return;
        if (Interlocked.CompareExchange(ref current, null, used) != used) return; // another call was faster
        if (failure is NotLeaderException elsewhere) leader = elsewhere.LeaderEndpoint;
        used.Dispose();
    }

    private async Task<DnsEndPoint> DiscoverAsync(CancellationToken ct)
    {
        Exception? last = null;
        for (var attempt = 0; settings.MaxDiscoverAttempts < 0 || attempt < settings.MaxDiscoverAttempts; attempt++)
        {
            foreach (var host in settings.Hosts)
            {
                try
                {
                    if (Preferred(await GossipAsync(host, ct).ConfigureAwait(false)) is { } found) return found;
                }
                catch (RpcException e)
                {
                    ct.ThrowIfCancellationRequested();
                    last = e; // the next host may know
                }
            }
            await Task.Delay(settings.DiscoveryInterval, ct).ConfigureAwait(false);
        }
        throw new DiscoveryException(settings.MaxDiscoverAttempts, last);
    }

    private async Task<ClusterInfo> GossipAsync(DnsEndPoint host, CancellationToken ct)
    {
        using var asked = new ServerConnection(settings, host, isForGossip: true);
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limited.CancelAfter(settings.GossipTimeout);
        return await new Gossip.GossipClient(asked.Calls)
            .ReadAsync(new Empty(), cancellationToken: limited.Token).ResponseAsync.ConfigureAwait(false);
    }

    /// <summary>The node that is preferred among those that serve clients, by chance among equals.</summary>
    private DnsEndPoint? Preferred(ClusterInfo cluster)
    {
        var serving = cluster.Members.Where(member => member.IsAlive && Rank(member.State) < int.MaxValue)
            .GroupBy(member => Rank(member.State)).MinBy(equal => equal.Key)?.ToList();
        if (serving is null) return null;
        var chosen = serving[RandomNumberGenerator.GetInt32(serving.Count)].HttpEndPoint;
        return new(chosen.Address, checked((int)chosen.Port));
    }

    private int Rank(MemberInfo.Types.VNodeState state)
    {
        MemberInfo.Types.VNodeState[] order = settings.NodePreference switch
        {
            NodePreference.Follower => [MemberInfo.Types.VNodeState.Follower, MemberInfo.Types.VNodeState.Leader],
            NodePreference.ReadOnlyReplica => [MemberInfo.Types.VNodeState.ReadOnlyReplica,
                MemberInfo.Types.VNodeState.PreReadOnlyReplica, MemberInfo.Types.VNodeState.ReadOnlyLeaderless,
                MemberInfo.Types.VNodeState.Follower],
            _ => [MemberInfo.Types.VNodeState.Leader, MemberInfo.Types.VNodeState.Follower],
        };
        var isServing = state is MemberInfo.Types.VNodeState.Leader or MemberInfo.Types.VNodeState.Follower
            or MemberInfo.Types.VNodeState.ReadOnlyReplica or MemberInfo.Types.VNodeState.PreReadOnlyReplica
            or MemberInfo.Types.VNodeState.ReadOnlyLeaderless;
        if (!isServing) return int.MaxValue;
        if (settings.NodePreference == NodePreference.Random) return 0;
        var place = Array.IndexOf(order, state);
        return place < 0 ? order.Length : place;
    }

    public void Dispose()
    {
        disposed = true;
        Interlocked.Exchange(ref current, null)?.Dispose();
        turn.Dispose();
    }
}
