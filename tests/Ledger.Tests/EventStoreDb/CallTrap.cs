using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Ledger.Tests.EventStoreDb;

/// <summary>
/// Does something just before a client's next read or single append, when it has its connection already; and breaks the
/// sending side of its long call, whose answers stay open.
/// </summary>
internal sealed class CallTrap : Interceptor
{
    private Action? beforeCall;
    private int brokenWrites;

    public void BeforeNextCall(Action act) => Volatile.Write(ref beforeCall, act);

    public void BreakNextWrite() => Volatile.Write(ref brokenWrites, 1);

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context,
        AsyncServerStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        Interlocked.Exchange(ref beforeCall, null)?.Invoke();
        return continuation(request, context);
    }

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncClientStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        Interlocked.Exchange(ref beforeCall, null)?.Invoke();
        return continuation(context);
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncDuplexStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        var call = continuation(context);
        return new(new Sending<TRequest>(call.RequestStream, this), call.ResponseStream, call.ResponseHeadersAsync,
            call.GetStatus, call.GetTrailers, call.Dispose);
    }

    private sealed class Sending<T>(IClientStreamWriter<T> inner, CallTrap trap) : IClientStreamWriter<T>
    {
        public WriteOptions? WriteOptions
        {
            get => inner.WriteOptions;
            set => inner.WriteOptions = value;
        }

        public Task WriteAsync(T message) => Interlocked.Exchange(ref trap.brokenWrites, 0) == 1
            ? throw new InvalidOperationException("the sending side is broken") : inner.WriteAsync(message);

        public Task CompleteAsync() => inner.CompleteAsync();
    }
}
