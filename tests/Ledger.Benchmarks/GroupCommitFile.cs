using System.Threading.Channels;

namespace Ledger.Benchmarks;

/// <summary>
/// The yardstick: what the disk gives when nothing is checked, hashed or indexed. Whoever waits is written together, in
/// one synchronous write at the file's end.
/// </summary>
internal sealed class GroupCommitFile : IAsyncDisposable
{
    private readonly Channel<(ReadOnlyMemory<byte> Bytes, TaskCompletionSource Written)> queue =
        Channel.CreateUnbounded<(ReadOnlyMemory<byte>, TaskCompletionSource)>(new() { SingleReader = true });
    private readonly FileStream file;
    private readonly Task writer;

    public GroupCommitFile(string path)
    {
        file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 0, FileOptions.WriteThrough);
        writer = Task.Run(WriteAsync);
    }

    /// <summary>Completes when the bytes are on the disk.</summary>
    public Task AppendAsync(ReadOnlyMemory<byte> bytes)
    {
        var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!queue.Writer.TryWrite((bytes, written))) throw new ObjectDisposedException(nameof(GroupCommitFile));
        return written.Task;
    }

    private async Task WriteAsync()
    {
        var (group, together) = (new List<TaskCompletionSource>(), new MemoryStream());
        while (await queue.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            while (queue.Reader.TryRead(out var next))
            {
                together.Write(next.Bytes.Span);
                group.Add(next.Written);
            }
            file.Write(together.GetBuffer().AsSpan(0, (int)together.Length));
            foreach (var written in group) written.SetResult();
            group.Clear();
            together.SetLength(0);
        }
    }

    public async ValueTask DisposeAsync()
    {
        queue.Writer.TryComplete();
        await writer.ConfigureAwait(false);
        await file.DisposeAsync().ConfigureAwait(false);
    }
}
