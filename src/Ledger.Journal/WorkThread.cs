namespace Ledger.Journal;

/// <summary>A thread that does what it is given, in order. It sleeps while there is nothing to do: one that looked
/// again and again would take the time of those who make its work.</summary>
public sealed class WorkThread : IDisposable
{
    private readonly object gate = new(); // a monitor, on which the thread can sleep
    private readonly Queue<Action> work = new();
    private readonly Thread thread;
    private bool isEnding;

    public WorkThread(string name)
    {
        thread = new Thread(Run) { IsBackground = true, Name = name };
        thread.Start();
    }

    /// <summary>Whether it has nothing to do after what it does now.</summary>
    public bool IsIdle
    {
        get { lock (gate) return work.Count == 0; }
    }

    /// <summary>Must not throw.</summary>
    public void Give(Action next)
    {
        lock (gate)
        {
            work.Enqueue(next);
            Monitor.Pulse(gate);
        }
    }

    private void Run()
    {
        while (Next() is { } next) next();
    }

    private Action? Next()
    {
        lock (gate)
        {
            while (work.Count == 0 && !isEnding) Monitor.Wait(gate);
            return work.TryDequeue(out var next) ? next : null;
        }
    }

    /// <summary>Returns when all is done.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            isEnding = true;
            Monitor.Pulse(gate);
        }
        thread.Join();
    }
}
