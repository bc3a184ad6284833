using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming.Wire;
using NodaTime;

namespace Ledger.Ingest.Streaming;

/// <summary>How a sender sends.</summary>
/// <param name="Party">Who it is, for the ledger's quotas: an identifier.</param>
public sealed record StreamSenderOptions(string Party)
{
    /// <summary>Frames that may be unacknowledged; with one more <see cref="StreamSender.SendAsync"/> waits.</summary>
    public int FramesInFlightMax { get; init; } = 4096;
    /// <summary>Bytes that may be unacknowledged, one frame at least.</summary>
    public int BytesInFlightMax { get; init; } = 32 * 1024 * 1024;
    /// <summary>Frames that wait share a message, so many at most; 1: each has its own.</summary>
    public int FramesPerMessageMax { get; init; } = 1024;
    /// <summary>After so many bytes a message takes no further frame.</summary>
    public int MessageBytesMax { get; init; } = 256 * 1024;
    /// <summary>The first wait before it connects again; each further one is twice as long.</summary>
    public Duration BackoffMin { get; init; } = Duration.FromMilliseconds(100);
    public Duration BackoffMax { get; init; } = Duration.FromSeconds(10);
    /// <summary>After so long without an acknowledgement while the ledger cannot be reached it gives up; null: never.
    /// </summary>
    public Duration? GiveUpAfter { get; init; }
    /// <summary>
    /// Told of each frame how long it took from <see cref="StreamSender.SendAsync"/> until acknowledged.
    /// </summary>
    public Action<TimeSpan>? Acknowledged { get; init; }
}

/// <summary>A frame was refused: neither it nor what was sent after it is in the ledger.</summary>
public sealed class FrameRefusedException(Rejection code, string fieldPath, string value, string rule, long sequence)
    : Exception($"frame {sequence} is refused: {code}: {fieldPath}{(value.Length == 0 ? "" : $" is {value}")}: {rule}")
{
    public Rejection Code => code;
    public string Field => fieldPath;
    public string Value => value;
    public string Rule => rule;
    /// <summary>The number that its sender gave it.</summary>
    public long Sequence => sequence;

    internal static FrameRefusedException? Of(RpcException ended, long sequence) =>
        ended.Trailers.GetValueBytes(TrailerName) is { } bytes && Refused.Parser.ParseFrom(bytes) is var refused
            ? new((Rejection)refused.Code, refused.Field, refused.Value, refused.Rule, sequence) : null;

    /// <summary>Where the reason stands in a call's end.</summary>
    public const string TrailerName = "ledger-refused-bin";
}

/// <summary>The connections to one ledger, which its senders here share.</summary>
public sealed class StreamChannel : IDisposable
{
    private readonly GrpcChannel channel;

    /// <param name="url">Where the ledger takes streams: <c>http://127.0.0.1:PORT</c>, HTTP/2 without TLS, or https.
    /// </param>
    /// <param name="key">The access key or token that is brought to each call; null where none is asked for.</param>
    public StreamChannel(Uri url, string? key = null)
    {
        var sockets = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            ConnectTimeout = TimeSpan.FromSeconds(5),
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(10),
            UseProxy = false,
        };
        channel = GrpcChannel.ForAddress(url, new GrpcChannelOptions
        {
            HttpHandler = new GatheredWrites(key is null ? sockets : new WithKey(key, sockets)),
            DisposeHttpClient = true,
        });
    }

    private sealed class WithKey(string key, HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct)
        {
            request.Headers.Authorization = new("Bearer", key);
            return base.SendAsync(request, ct);
        }
    }

    /// <summary>A sender, which connects at once and for as long as it is not closed.</summary>
    public StreamSender Open(StreamSenderOptions options) => new(new FrameStreams.FrameStreamsClient(channel), options);

    public void Dispose() => channel.Dispose();
}
