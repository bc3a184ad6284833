using System.Buffers;
using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Ledger.Tests.EventStoreDb;

/// <summary>
/// Writes down every call of a client, in the order in which things happened: <c>NUMBER call METHOD</c>, then
/// <c>NUMBER &gt; HEX</c> for what was sent and <c>NUMBER &lt; HEX</c> for what came, and <c>NUMBER end STATUS</c>.
/// </summary>
internal sealed class FrameRecorder : Interceptor
{
    private readonly Lock gate = new();
    private readonly List<string> lines = [];
    private int calls;

    public string Text
    {
        get { lock (gate) return string.Join('\n', lines) + "\n"; }
    }

    /// <summary>Whether a subscriber was told that it has caught up.</summary>
    public bool HasSeenCaughtUp
    {
        get { lock (gate) return lines.Exists(line => line.EndsWith(" < 4200", StringComparison.Ordinal)); }
    }

    private void Add(int call, string what)
    {
        lock (gate) lines.Add(string.Create(CultureInfo.InvariantCulture, $"{call} {what}"));
    }

    private void Add<T>(int call, char way, T message) =>
        Add(call, $"{way} {Convert.ToHexStringLower(((IMessage)message!).ToByteArray())}");

    private int Begin(IMethod method)
    {
        var call = Interlocked.Increment(ref calls);
        Add(call, $"call {method.FullName}");
        return call;
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        var number = Begin(context.Method);
        Add(number, '>', request);
        var call = continuation(request, context);
        return new(AnsweredAsync(number, call.ResponseAsync), call.ResponseHeadersAsync, call.GetStatus,
            call.GetTrailers, call.Dispose);
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncServerStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        var number = Begin(context.Method);
        Add(number, '>', request);
        var call = continuation(request, context);
        return new(new Reader<TResponse>(this, number, call.ResponseStream), call.ResponseHeadersAsync, call.GetStatus,
            call.GetTrailers, call.Dispose);
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncDuplexStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        var number = Begin(context.Method);
        var call = continuation(context);
        return new(new Writer<TRequest>(this, number, call.RequestStream, context.Method.RequestMarshaller),
            new Reader<TResponse>(this, number, call.ResponseStream), call.ResponseHeadersAsync, call.GetStatus,
            call.GetTrailers, call.Dispose);
    }

    private async Task<T> AnsweredAsync<T>(int number, Task<T> answer)
    {
        var message = await answer;
        Add(number, '<', message);
        Add(number, "end OK");
        return message;
    }

    private sealed class Reader<T>(FrameRecorder recorder, int number, IAsyncStreamReader<T> inner)
        : IAsyncStreamReader<T>
    {
        public T Current => inner.Current;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            try
            {
                var isThere = await inner.MoveNext(cancellationToken);
                if (isThere) recorder.Add(number, '<', inner.Current);
                else recorder.Add(number, "end OK");
                return isThere;
            }
            catch (RpcException e) when (e.StatusCode != StatusCode.Cancelled)
            {
                recorder.Add(number, $"end {e.StatusCode} {e.Trailers.GetValue("exception")}".TrimEnd());
                throw;
            }
        }
    }

    private sealed class Writer<T>(
        FrameRecorder recorder, int number, IClientStreamWriter<T> inner, Marshaller<T> marshaller)
        : IClientStreamWriter<T>
    {
        public WriteOptions? WriteOptions { get => inner.WriteOptions; set => inner.WriteOptions = value; }

        public Task WriteAsync(T message)
        {
            recorder.Add(number, $"> {Hex(message)}");
            return inner.WriteAsync(message);
        }

        public Task WriteAsync(T message, CancellationToken cancellationToken)
        {
            recorder.Add(number, $"> {Hex(message)}");
            return inner.WriteAsync(message, cancellationToken);
        }

        /// <summary>As it is sent: what is sent on this call need not be an object of the protocol.</summary>
        private string Hex(T message)
        {
            var written = new WrittenMessage();
            marshaller.ContextualSerializer(message, written);
            return Convert.ToHexStringLower(written.Bytes);
        }

        public Task CompleteAsync() => inner.CompleteAsync();
    }

    private sealed class WrittenMessage : SerializationContext
    {
        private readonly ArrayBufferWriter<byte> buffer = new();
        public ReadOnlySpan<byte> Bytes => buffer.WrittenSpan;
        public override IBufferWriter<byte> GetBufferWriter() => buffer;
        public override void SetPayloadLength(int payloadLength) { }
        public override void Complete(byte[] payload) => buffer.Write(payload);
        public override void Complete() { }
    }
}
