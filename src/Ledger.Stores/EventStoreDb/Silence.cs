namespace Ledger.Stores.EventStoreDb;

/// <summary>
/// How long a node may say nothing while something is awaited of it. One that still answers the probes of the
/// connection, and no call, would else be waited for without end.
/// </summary>
/// <param name="longest">From <see cref="Begins"/> until the token is cancelled.</param>
internal sealed class Silence(TimeSpan longest, CancellationToken ct) : IDisposable
{
    private readonly CancellationTokenSource source = CancellationTokenSource.CreateLinkedTokenSource(ct);
    private bool isCounted;

    public CancellationToken Token => source.Token;

    public bool HasLasted => source.IsCancellationRequested && !ct.IsCancellationRequested;

    public void Begins()
    {
        isCounted = true;
        source.CancelAfter(longest);
    }

    public void Ends()
    {
        if (isCounted) source.CancelAfter(Timeout.InfiniteTimeSpan);
        isCounted = false;
    }

    public void Dispose() => source.Dispose();
}
