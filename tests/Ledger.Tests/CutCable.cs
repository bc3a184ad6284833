using System.Net;
using System.Net.Sockets;

namespace Ledger.Tests;

/// <summary>Where a cable to PostgreSQL is cut.</summary>
internal enum Cut
{
    /// <summary>Not at all.</summary>
    Never,
    /// <summary>Amid a transaction: its COMMIT does not reach the server.</summary>
    BeforeCommit,
    /// <summary>The server has committed, and its answer does not reach the client.</summary>
    BeforeAnswer,
}

/// <summary>A cable between a client and the tests' server that can be cut at the commit of a transaction.</summary>
internal sealed class CutCable : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopping = new();
    private readonly int serverPort;
    private readonly Task accepting;
    private volatile Cut at;

    public CutCable(int serverPort)
    {
        this.serverPort = serverPort;
        listener.Start();
        accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Cuts once, at the next commit of whichever client.</summary>
    public void CutAt(Cut where) => at = where;

    private async Task AcceptAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                _ = CarryAsync(await listener.AcceptTcpClientAsync(stopping.Token));
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task CarryAsync(TcpClient client)
    {
        using var server = new TcpClient();
        using (client)
        {
            await server.ConnectAsync(IPAddress.Loopback, serverPort);
            client.NoDelay = server.NoDelay = true;
            var (up, down) = (client.GetStream(), server.GetStream());
            using var cut = CancellationTokenSource.CreateLinkedTokenSource(stopping.Token);
            var answering = false; // the answer to the commit is the next thing that comes
            await Task.WhenAny(
                PumpAsync(up, down, bytes =>
                {
                    if (at == Cut.Never || bytes.IndexOf("COMMIT\0"u8) < 0) return true;
                    answering = at == Cut.BeforeAnswer;
                    at = Cut.Never;
                    return answering;
                }, cut.Token),
                PumpAsync(down, up, _ => !answering, cut.Token));
            await cut.CancelAsync();
        }
    }

    private delegate bool Passes(ReadOnlySpan<byte> bytes);

    private static async Task PumpAsync(NetworkStream from, NetworkStream to, Passes passes, CancellationToken ct)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            for (int read; (read = await from.ReadAsync(buffer, ct)) > 0;)
            {
                if (!passes(buffer.AsSpan(0, read))) return;
                await to.WriteAsync(buffer.AsMemory(0, read), ct);
            }
        }
        catch (Exception ended) when (ended is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The other end was closed, or this cable cut.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await accepting;
        listener.Stop();
        stopping.Dispose();
    }
}
