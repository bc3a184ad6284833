using System.Net;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Ledger.Api.Streaming;
using Ledger.Domain;
using Ledger.Ingest.Streaming;
using Ledger.Ingest.Streaming.Wire;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Tests;

/// <summary>A town whose streams are served over gRPC by real Kestrel on a free loopback port.</summary>
internal sealed class WireTown : IAsyncDisposable
{
    private readonly Func<StreamServerOptions, StreamServerOptions> bounds;
    private StreamServer? server;

    private WireTown(StreamTown town, Func<StreamServerOptions, StreamServerOptions>? bounds) =>
        (Town, this.bounds) = (town, bounds ?? (options => options));

    public StreamTown Town { get; }
    public Uri Url { get; private set; } = new("http://127.0.0.1:0");

    public static async Task<WireTown> StartAsync(int connectors, StreamOptions? streams = null,
        Func<StreamServerOptions, StreamServerOptions>? bounds = null)
    {
        var wire = new WireTown(await StreamTown.OpenAsync(connectors, streams), bounds);
        await wire.ListenAsync();
        return wire;
    }

    /// <summary>Listens, after a stop where it did before.</summary>
    public async Task ListenAsync()
    {
        server = await StreamServer.StartAsync(Town.Streams, bounds(new(IPAddress.Loopback, Url.Port)),
            TestContext.Current.CancellationToken);
        Url = server.Url;
    }

    public async Task StopListeningAsync()
    {
        if (server is not null) await server.DisposeAsync();
        server = null;
    }

    /// <summary>A bare call, to say what no sender of ours would.</summary>
    public BareCall Call(string party = "ACME", long? session = null, string token = "") =>
        new(Url, party, session, token);

    public async Task<List<EvidenceRefused>> RefusedAsync() =>
        [.. (await TestFolder.AllAsync(Town.Ledger.Journal)).Select(EventCodec.Decode).OfType<EvidenceRefused>()];

    public async ValueTask DisposeAsync()
    {
        await StopListeningAsync();
        await Town.DisposeAsync();
    }
}

/// <summary>A call as the protocol has it, message by message.</summary>
internal sealed class BareCall : IDisposable
{
    private readonly GrpcChannel channel;
    private readonly AsyncDuplexStreamingCall<FromSender, FromLedger> call;
    private readonly FromSender open;

    public BareCall(Uri url, string party, long? session = null, string token = "", string? key = null)
    {
        channel = GrpcChannel.ForAddress(url);
        var headers = new Metadata();
        if (key is not null) headers.Add("authorization", $"Bearer {key}");
        call = new FrameStreams.FrameStreamsClient(channel)
            .Send(headers, cancellationToken: TestContext.Current.CancellationToken);
        open = new FromSender { Open = new Open { Party = party, Token = token } };
        if (session is { } known) open.Open.Session = known;
    }

    /// <summary>Opens, and gives the answer.</summary>
    public async Task<Opened> OpenAsync()
    {
        await WriteAsync(open);
        return (await ReadAsync()).Opened;
    }

    public Task WriteAsync(FromSender message) => call.RequestStream.WriteAsync(message);

    public Task SendAsync(params byte[][] frames)
    {
        var batch = new FrameBatch();
        foreach (var frame in frames) batch.Frame.Add(ByteString.CopyFrom(frame));
        return WriteAsync(new FromSender { Frames = batch });
    }

    public async Task<FromLedger> ReadAsync() =>
        await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken)
            ? call.ResponseStream.Current : throw new InvalidOperationException("the call has ended");

    /// <summary>Reads acknowledgements until so many frames are acknowledged.</summary>
    public async Task<Acknowledgement> AcknowledgedAsync(long frames)
    {
        while (true)
            if ((await ReadAsync()).Acknowledged is var told && told.Frames >= frames)
                return told;
    }

    /// <summary>Ends the sending, and reads to the end.</summary>
    public async Task CompleteAsync()
    {
        await call.RequestStream.CompleteAsync();
        while (await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken)) continue;
    }

    /// <summary>How the call ended, after all that was answered before.</summary>
    public async Task<RpcException> EndedAsync()
    {
        try
        {
            while (await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken)) continue;
        }
        catch (RpcException ended)
        {
            return ended;
        }
        throw new InvalidOperationException($"the call ended {call.GetStatus()}");
    }

    public void Dispose()
    {
        call.Dispose();
        channel.Dispose();
    }
}
