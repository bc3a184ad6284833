using System.Net;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// Sends what is written while earlier bytes are on their way in one piece. The client of gRPC gives each message to
/// its connection and waits until it is sent, which costs more than everything else about a small one. Nothing is held
/// back: what is written goes as soon as the connection has taken what came before.
/// </summary>
internal sealed class GatheredWrites(HttpMessageHandler connections) : DelegatingHandler(connections)
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct)
    {
        if (request.Content is { } content) request.Content = new Gathered(content);
        return base.SendAsync(request, ct);
    }

    private sealed class Gathered : HttpContent
    {
        private readonly HttpContent content;

        public Gathered(HttpContent content)
        {
            this.content = content;
            foreach (var (name, values) in content.Headers) Headers.TryAddWithoutValidation(name, values);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(
            Stream stream, TransportContext? context, CancellationToken ct)
        {
            using var gathering = new GatheringStream(stream, ct);
            await content.CopyToAsync(gathering, context, ct).ConfigureAwait(false);
            await gathering.DrainedAsync().ConfigureAwait(false);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false; // a call has no end that is known
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) content.Dispose();
            base.Dispose(disposing);
        }
    }
}

/// <summary>
/// A stream whose writer does not wait until its bytes are sent: they are gathered while those before are on their way,
/// and it waits only where as many are gathered as there is room for. One writer at a time. What goes wrong is told to
/// the next write.
/// </summary>
internal sealed class GatheringStream(Stream to, CancellationToken ct) : Stream
{
    private const int RoomBytes = 64 * 1024;

    private readonly Lock gate = new();
    private byte[] gathered = new byte[RoomBytes], onTheWay = new byte[RoomBytes];
    private int length;
    private bool isSending;
    private TaskCompletionSource? sent;
    private Exception? fault;

    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken = default)
    {
        while (!bytes.IsEmpty)
        {
            Task room;
            lock (gate)
            {
                if (fault is not null) throw fault;
                var taken = Math.Min(bytes.Length, RoomBytes - length);
                bytes.Span[..taken].CopyTo(gathered.AsSpan(length));
                (length, bytes) = (length + taken, bytes[taken..]);
                if (bytes.IsEmpty) return;
                Send();
                room = (sent ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
            await room.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Begins to send what is gathered, and does not wait.</summary>
    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (fault is not null) return Task.FromException(fault);
            Send();
        }
        return Task.CompletedTask;
    }

    /// <summary>Waits until all that was written is sent.</summary>
    public async Task DrainedAsync()
    {
        while (true)
        {
            Task all;
            lock (gate)
            {
                if (fault is not null) throw fault;
                if (length == 0 && !isSending) return;
                Send();
                all = (sent ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
            await all.ConfigureAwait(false);
        }
    }

    private void Send()
    {
        if (isSending || length == 0) return;
        isSending = true;
        _ = Task.Run(SendAsync, CancellationToken.None); // it ends with what it tells the next write
    }

    private async Task SendAsync()
    {
        try
        {
            while (Next() is { Length: > 0 } bytes)
            {
                await to.WriteAsync(bytes, ct).ConfigureAwait(false);
                await to.FlushAsync(ct).ConfigureAwait(false);
            }
        }
        catch (Exception cause) // the writer is told
        {
            lock (gate)
            {
                fault = cause;
                Signal();
            }
        }
    }

    private ReadOnlyMemory<byte> Next()
    {
        lock (gate)
        {
            (gathered, onTheWay) = (onTheWay, gathered);
            var bytes = onTheWay.AsMemory(0, length);
            (length, isSending) = (0, length > 0);
            Signal();
            return bytes;
        }
    }

    private void Signal()
    {
        sent?.TrySetResult();
        sent = null;
    }

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Flush() => throw new NotSupportedException();
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}
