using System.Runtime.InteropServices;
using Ledger.Ingest.Frames;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// Seals the full segments of a log beside its work, one after another, by one thread of the lowest priority: what
/// comes in goes before. A crash amid it loses nothing, and what is left is sealed when the next segment is full.
/// </summary>
internal sealed class SegmentSealer : IDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private readonly SemaphoreSlim full = new(0);
    private readonly Thread thread;
    private int segment = -1;

    /// <param name="failed">Is told what went wrong, once; nothing more is sealed then.</param>
    public SegmentSealer(FrameLog log, Action<Exception> failed)
    {
        thread = new Thread(() => Seal(log, failed))
        {
            IsBackground = true,
            Name = "sealing",
            Priority = ThreadPriority.Lowest,
        };
        thread.Start();
    }

    /// <summary>The log is in this segment by now; those before it are full.</summary>
    public void Reached(int number)
    {
        if (number == segment) return;
        segment = number;
        if (number > 0) full.Release();
    }

    private void Seal(FrameLog log, Action<Exception> failed)
    {
        try
        {
            // Linux threads know nothing of .NET's priorities; there a thread says itself how nice it is.
            if (OperatingSystem.IsLinux()) _ = SetPriority(OfProcess, ThisThread, Nicest);
            while (true)
            {
                full.Wait(stopping.Token);
                log.SealFullSegments(stopping.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The log is closed.
        }
        catch (Exception cause) // whatever it is, the log on the disk is not what it should be
        {
            failed(cause);
        }
    }

    private const int OfProcess = 0, ThisThread = 0, Nicest = 19; // setpriority(2)

    [DllImport("libc", EntryPoint = "setpriority")]
    private static extern int SetPriority(int which, int who, int priority);

    public void Dispose()
    {
        stopping.Cancel();
        thread.Join();
        stopping.Dispose();
        full.Dispose();
    }
}
