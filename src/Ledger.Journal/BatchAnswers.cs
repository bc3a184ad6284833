namespace Ledger.Journal;

/// <summary>
/// Tells those who wait for a batch what came of it, on threads of the pool. A piece of work for each of them would
/// cost as much as all else that is done for a fact that comes alone, so all of them are one, which the threads share:
/// who is told goes on at once, on the thread that tells him, and before that another thread is asked to go on with the
/// others. So nobody waits for what somebody else does with his answer.
/// </summary>
/// <param name="writes">Who waits, in their order.</param>
/// <param name="fault">Why nobody has an answer; null where each has his own.</param>
internal sealed class BatchAnswers(IReadOnlyList<PendingWrite> writes, Exception? fault = null) : IThreadPoolWorkItem
{
    private int told; // or being told
    private int asked; // 1 while another thread is asked to go on, and does not yet

    public void Begin()
    {
        if (writes.Count > 0) AskAnother();
    }

    void IThreadPoolWorkItem.Execute()
    {
        Volatile.Write(ref asked, 0);
        for (int number; (number = Interlocked.Increment(ref told)) <= writes.Count;)
        {
            if (number < writes.Count) AskAnother();
            Tell(writes[number - 1]);
        }
    }

    private void AskAnother()
    {
        if (Volatile.Read(ref asked) == 0 && Interlocked.Exchange(ref asked, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private void Tell(PendingWrite write)
    {
        if (fault is null) write.Answer.TrySetResult(write.Result);
        else write.Answer.TrySetException(fault);
    }
}
