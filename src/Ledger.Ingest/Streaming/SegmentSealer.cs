using System.Runtime.InteropServices;
using Ledger.Ingest.Frames;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// Seals the full segments of a log beside its work, one after another, by one thread of the lowest priority: what
/// comes in goes before, until so many segments wait that it has to wait for them. A crash amid it loses nothing, and
/// what is left is sealed when the next segment is full.
/// </summary>
internal sealed class SegmentSealer : IDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private readonly SemaphoreSlim full = new(0);
    private readonly object gate = new();
    private readonly int unsealedMax;
    private readonly Thread thread;
    private int segment = -1, sealedUpto; // those before the first that is reached are not counted
    private bool isOver;

    /// <param name="log">The log whose segments they are.</param>
    /// <param name="unsealedMax">Full segments that may wait.</param>
    /// <param name="failed">Is told what went wrong, once; nothing more is sealed then.</param>
    public SegmentSealer(FrameLog log, int unsealedMax, Action<Exception> failed)
    {
        this.unsealedMax = unsealedMax;
        thread = new Thread(() => Seal(log, failed))
        {
            IsBackground = true,
            Name = "sealing",
            Priority = ThreadPriority.Lowest,
        };
        thread.Start();
    }

    /// <summary>The log is in this segment by now; those before it are full. Waits while too many are not sealed.
    /// </summary>
    public void Reached(int number)
    {
        if (number == segment) return;
        lock (gate)
        {
            if (segment < 0) sealedUpto = Math.Max(sealedUpto, number);
            segment = number;
            if (number > 0) full.Release();
            while (segment - sealedUpto > unsealedMax && !isOver) Monitor.Wait(gate);
        }
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
                var written = log.Acknowledged.End.Segment;
                while (log.SealFullSegments(stopping.Token, most: 1) is [var file]) Sealed(file.Segment);
                // A log that is read again has segments that were sealed before: of none of them anybody waits.
                Sealed(written - 1);
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
        End();
    }

    private void Sealed(int number)
    {
        lock (gate)
        {
            sealedUpto = Math.Max(sealedUpto, number + 1);
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Nobody waits for it any more.</summary>
    private void End()
    {
        lock (gate)
        {
            isOver = true;
            Monitor.PulseAll(gate);
        }
    }

    private const int OfProcess = 0, ThisThread = 0, Nicest = 19; // setpriority(2)

    [DllImport("libc", EntryPoint = "setpriority")]
    private static extern int SetPriority(int which, int who, int priority);

    public void Dispose()
    {
        stopping.Cancel();
        End();
        thread.Join();
        stopping.Dispose();
        full.Dispose();
    }
}
