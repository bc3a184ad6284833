using System.Diagnostics;

namespace Ledger.Journal;

/// <summary>
/// What waits for the one writer of a journal, in order and so much at most: so many writes, and so many bytes, of
/// which a single write may have more. The writer sleeps until it is worth to be
/// woken, and is not woken for each that comes: while a batch is on its way it takes many at once, because what is
/// sequenced and hashed together costs less for each.
/// </summary>
internal sealed class WaitingWrites(int max, long bytesMax)
{
    private const int ShortestMs = 1; // that a monitor waits
    private readonly object gate = new(); // a monitor, on which the writer can sleep
    private readonly Queue<PendingWrite> waiting = new();
    private long waitingEvents, waitingBytes;
    private long wanted; // events for which the sleeping writer is woken; 0 while it is awake
    private bool isClosed, isCalled;

    /// <summary>Whether nothing is taken any more.</summary>
    public bool IsClosed
    {
        get { lock (gate) return isClosed; }
    }

    /// <summary>Puts it behind what waits; false where there is no room or nothing is taken any more.</summary>
    public bool TryAdd(PendingWrite pending)
    {
        lock (gate)
        {
            var bytes = waitingBytes + pending.StoredBytesMax;
            if (isClosed || waiting.Count >= max || (bytes > bytesMax && waiting.Count > 0)) return false;
            waiting.Enqueue(pending);
            (waitingEvents, waitingBytes) = (waitingEvents + pending.Events, bytes);
            if (wanted > 0 && waitingEvents >= wanted) Monitor.Pulse(gate);
            return true;
        }
    }

    /// <summary>Returns when something waits; false where nothing ever will.</summary>
    public bool WaitForAny()
    {
        lock (gate)
        {
            Sleep(until: 1, isDone: () => waiting.Count > 0 || isClosed);
            return waiting.Count > 0;
        }
    }

    /// <summary>Returns when so many events wait, or when the writer is called: by the batch that is on its way.
    /// </summary>
    public void WaitForMany(long events)
    {
        lock (gate)
        {
            Sleep(until: events, isDone: () => waitingEvents >= events || isCalled);
            isCalled = false;
        }
    }

    /// <summary>Returns when so many events wait, and after a time in any case.</summary>
    public void WaitForMore(long events, TimeSpan most)
    {
        var watch = Stopwatch.StartNew();
        lock (gate)
        {
            wanted = events;
            while (waitingEvents < events && !isClosed
                && most - watch.Elapsed is { TotalMilliseconds: >= ShortestMs } left)
                Monitor.Wait(gate, left);
            wanted = 0;
        }
    }

    /// <summary>Wakes the writer: a batch has ended its way.</summary>
    public void Call()
    {
        lock (gate)
        {
            isCalled = true;
            if (wanted > 0) Monitor.Pulse(gate);
        }
    }

    /// <summary>Takes from the front as far as there is room; false where the next one finds none.</summary>
    /// <param name="count">So many at most.</param>
    /// <param name="bytes">So many at most, as a store will take them.</param>
    public bool Take(int count, long bytes, List<PendingWrite> into)
    {
        lock (gate)
        {
            for (; waiting.TryPeek(out var next); count--)
            {
                if (count == 0 || next.StoredBytesMax > bytes) return false;
                (waitingEvents, waitingBytes) = (waitingEvents - next.Events, waitingBytes - next.StoredBytesMax);
                bytes -= next.StoredBytesMax;
                into.Add(waiting.Dequeue());
            }
            return true;
        }
    }

    /// <summary>Nothing is added any more; what waits can still be taken.</summary>
    public void Close()
    {
        lock (gate)
        {
            isClosed = true;
            Monitor.PulseAll(gate);
        }
    }

    private void Sleep(long until, Func<bool> isDone)
    {
        wanted = until;
        while (!isDone()) Monitor.Wait(gate);
        wanted = 0;
    }
}
