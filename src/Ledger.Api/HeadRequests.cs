using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace Ledger.Api;

/// <summary>
/// HEAD wherever there is GET (RFC 9110, 9.3.2): the resource answers as it would, and at the first byte of a body the
/// answer has all that its head says. So nothing is read or calculated for a body that nobody gets, and a live one
/// ends.
/// </summary>
internal static class HeadRequests
{
    public static async Task AnswerAsync(HttpContext context, RequestDelegate next)
    {
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await next(context).ConfigureAwait(false);
            return;
        }
        var sent = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        context.Features.Set<IHttpResponseBodyFeature>(new NoBody());
        context.Request.Method = HttpMethods.Get;
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (HeadIsWholeException)
        {
            // Status and headers stand as the resource set them before its first byte.
        }
        finally
        {
            context.Request.Method = HttpMethods.Head;
            context.Features.Set(sent);
        }
    }

    private sealed class HeadIsWholeException : Exception;

    /// <summary>Ends the answer where a body would begin.</summary>
    private sealed class NoBody : IHttpResponseBodyFeature
    {
        private readonly Unwritable stream = new();
        private PipeWriter? writer;

        public Stream Stream => stream;
        public PipeWriter Writer => writer ??= PipeWriter.Create(stream);
        public void DisableBuffering() { }
        public Task StartAsync(CancellationToken cancellationToken = default) => throw new HeadIsWholeException();
        public Task CompleteAsync() => Task.CompletedTask;

        public Task SendFileAsync(
            string path, long offset, long? count, CancellationToken cancellationToken = default) =>
            throw new HeadIsWholeException();
    }

    private sealed class Unwritable : Stream
    {
        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Flush() => throw new HeadIsWholeException();
        public override Task FlushAsync(CancellationToken cancellationToken) => throw new HeadIsWholeException();
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new HeadIsWholeException();

        public override ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            throw new HeadIsWholeException();
    }
}
