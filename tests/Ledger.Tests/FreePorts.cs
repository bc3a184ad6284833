using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Ledger.Tests;

/// <summary>
/// Ports of this machine for servers that have to be told theirs, or come back to the one they had. They lie below
/// those that a system gives to whoever asks for any (from 32768 on Linux, from 49152 elsewhere): between the asking
/// and the listening, and while a server is away, nobody else is given one of them.
/// </summary>
internal static class FreePorts
{
    private const int First = 20_000, Count = 10_000;
    // Two runs at once do not begin at the same one.
    private static int given = Environment.ProcessId * 61 % Count;

    /// <summary>A port that was free just now and that nothing else here was given.</summary>
    public static int Next()
    {
        while (true)
        {
            var port = First + (int)((uint)Interlocked.Increment(ref given) % Count);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException taken)
            {
                Debug.WriteLine($"{port}: {taken.Message}");
            }
        }
    }
}
